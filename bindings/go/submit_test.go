package antpool_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"antpool"
	"antpool/internal/cfunc"
)

func TestEveryAcceptedTaskRunsExactlyOnce(t *testing.T) {
	const goroutines, each = 8, 2000
	pool := newPool(t, 4)
	var ran [goroutines * each]int // Not atomic: Wait makes the tasks visible, also to -race.
	var submitters sync.WaitGroup
	for g := 0; g < goroutines; g++ {
		g := g
		submitters.Add(1)
		go func() {
			defer submitters.Done()
			for i := g * each; i < (g+1)*each; i++ {
				i := i
				if err := pool.Submit(func() { ran[i]++ }); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	submitters.Wait()
	check(t, pool.Wait(), nil)
	for i, n := range ran {
		if n != 1 {
			t.Fatalf("task %d ran %d times", i, n)
		}
	}
}

func TestNoMoreTasksRunAtATimeThanThePoolHasWorkers(t *testing.T) {
	const size = 3
	pool := newPool(t, size)
	var now, most atomic.Int64
	for i := 0; i < 500; i++ {
		check(t, pool.Submit(func() {
			n := now.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			now.Add(-1)
		}), nil)
	}
	check(t, pool.Wait(), nil)
	if most.Load() > size {
		t.Fatalf("%d at a time", most.Load())
	}
}

func TestSubmitToAFullPoolWaitsForRoom(t *testing.T) {
	pool := newPool(t, 1)
	gate := fill(t, pool, 1)
	submitted := inBackground(func() error { return pool.Submit(func() {}) })
	eventually(t, "a goroutine waits", func() bool { return pool.Waiting() == 1 })
	gate.open()
	check(t, soon(t, submitted), nil)
	check(t, pool.Waiting(), 0)
}

func TestANonblockingPoolTurnsTasksAwayWhenItIsFull(t *testing.T) {
	pool := newPool(t, 1, antpool.WithNonblocking(true))
	fill(t, pool, 1)
	check(t, pool.Submit(func() { t.Error("called") }), antpool.ErrPoolOverload)
}

func TestOnlyMaxBlockingTasksGoroutinesMayWait(t *testing.T) {
	pool := newPool(t, 1, antpool.WithMaxBlockingTasks(2))
	gate := fill(t, pool, 1)
	first := inBackground(func() error { return pool.Submit(func() {}) })
	second := inBackground(func() error { return pool.Submit(func() {}) })
	eventually(t, "two goroutines wait", func() bool { return pool.Waiting() == 2 })
	check(t, pool.Submit(func() {}), antpool.ErrPoolOverload)
	gate.open()
	check(t, soon(t, first), nil)
	check(t, soon(t, second), nil)
}

func TestWithNegativeMaxBlockingTasksNobodyMayWait(t *testing.T) {
	pool := newPool(t, 1, antpool.WithMaxBlockingTasks(-1))
	fill(t, pool, 1)
	check(t, pool.Submit(func() {}), antpool.ErrPoolOverload)
}

func TestAQueueTakesTasksBeyondTheSize(t *testing.T) {
	pool := newPool(t, 1, antpool.WithQueueCapacity(2), antpool.WithNonblocking(true))
	fill(t, pool, 3)
	check(t, pool.Submit(func() {}), antpool.ErrPoolOverload)

	unbounded := newPool(t, 1, antpool.WithQueueCapacity(-1), antpool.WithNonblocking(true))
	fill(t, unbounded, 1000)
}

func TestTasksStartInTheOrderOfTheirSubmits(t *testing.T) {
	pool := newPool(t, 1, antpool.WithQueueCapacity(-1))
	var order []int
	for i := 0; i < 1000; i++ {
		i := i
		check(t, pool.Submit(func() { order = append(order, i) }), nil)
	}
	check(t, pool.Wait(), nil)
	for i, n := range order {
		check(t, n, i)
	}
}

func TestReleaseTellsEveryWaitingGoroutineThatThePoolIsClosed(t *testing.T) {
	const waiters = 20
	for _, reboot := range []bool{false, true} {
		pool := newPool(t, 1)
		gate := fill(t, pool, 1)
		results := make(chan error, waiters)
		for i := 0; i < waiters; i++ {
			go func() { results <- pool.Submit(func() { t.Error("called") }) }()
		}
		eventually(t, "all wait", func() bool { return pool.Waiting() == waiters })
		pool.Release()
		if reboot {
			pool.Reboot()
		}
		for i := 0; i < waiters; i++ {
			check(t, soon(t, results), antpool.ErrPoolClosed)
		}
		gate.open()
		check(t, pool.Wait(), nil)
	}
}

func TestATaskMaySubmitToItsOwnPool(t *testing.T) {
	pool := newPool(t, 2)
	inner := make(chan error, 1)
	ran := make(chan int, 1)
	check(t, pool.Submit(func() { inner <- pool.Submit(func() { ran <- 1 }) }), nil)
	check(t, soon(t, inner), nil)
	check(t, soon(t, ran), 1)
}

func TestTasksThatCouldOnlyWaitForThemselvesAreTold(t *testing.T) {
	needThreads(t)
	pool := newPool(t, 1)
	inner := make(chan error, 1)
	check(t, pool.Submit(func() { inner <- pool.Submit(func() {}) }), nil)
	check(t, soon(t, inner), antpool.ErrDeadlock)
	check(t, pool.Submit(func() { inner <- pool.Wait() }), nil)
	check(t, soon(t, inner), antpool.ErrDeadlock)
}

func TestOneOfTheTasksThatAllWaitForEachOtherIsTold(t *testing.T) {
	needThreads(t)
	const size = 3
	pool := newPool(t, size)
	var arrived sync.WaitGroup
	arrived.Add(size)
	inner := make(chan error, size)
	for i := 0; i < size; i++ {
		check(t, pool.Submit(func() {
			arrived.Done()
			arrived.Wait()
			inner <- pool.Submit(func() {})
		}), nil)
	}
	told := 0
	for i := 0; i < size; i++ {
		switch err := soon(t, inner); err {
		case nil:
		case antpool.ErrDeadlock:
			told++
		default:
			t.Fatal(err)
		}
	}
	if told == 0 {
		t.Fatal("nobody was told")
	}
}

func TestNilIsNoTask(t *testing.T) {
	pool := newPool(t, 1)
	check(t, pool.Submit(nil), antpool.ErrLackTask)
	check(t, pool.SubmitC(nil, nil), antpool.ErrLackTask)
	check(t, pool.Running(), 0)
	pool.Release()
	check(t, pool.Submit(nil), antpool.ErrPoolClosed)
	check(t, pool.SubmitC(nil, nil), antpool.ErrPoolClosed)
}

func TestAContextEndsTheWaitForAPlace(t *testing.T) {
	pool := newPool(t, 1, antpool.WithNonblocking(true)) // A context waits all the same.
	gate := fill(t, pool, 1)
	for i := 0; i < 3; i++ { // The first waits in C, the others for their turn.
		ctx, cancel := context.WithCancel(context.Background())
		gaveUp := inBackground(func() error {
			return pool.SubmitContext(ctx, func() { t.Error("called") })
		})
		eventually(t, "a goroutine waits", func() bool { return pool.Waiting() == 1 })
		cancel()
		check(t, soon(t, gaveUp), context.Canceled)
		check(t, pool.Waiting(), 0)
	}
	patient := inBackground(func() error {
		return pool.SubmitContext(context.Background(), func() {})
	})
	eventually(t, "a goroutine waits", func() bool { return pool.Waiting() == 1 })
	gate.open()
	check(t, soon(t, patient), nil)
	check(t, pool.Wait(), nil)
}

func TestADeadlineIsNotMissedAndNotAnticipated(t *testing.T) {
	pool := newPool(t, 1)
	fill(t, pool, 1)
	const limit = 30 * time.Millisecond
	begin := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	check(t, pool.SubmitContext(ctx, func() {}), context.DeadlineExceeded)
	if waited := time.Since(begin); waited < limit {
		t.Fatalf("waited for %v only", waited)
	}
	check(t, pool.SubmitContext(ctx, func() { t.Error("called") }), context.DeadlineExceeded)
}

func TestAContextThatEndsLaterLeavesTheTaskAlone(t *testing.T) {
	pool := newPool(t, 1)
	ctx, cancel := context.WithCancel(context.Background())
	gate := newGate(t)
	ran := make(chan int, 1)
	check(t, pool.SubmitContext(ctx, func() { gate.wait(); ran <- 1 }), nil)
	cancel()
	gate.open()
	check(t, soon(t, ran), 1)
}

// Whatever the race between admission and giving up, the result tells what happened.
func TestATaskRunsIfAndOnlyIfItsSubmitReturnsNil(t *testing.T) {
	pool := newPool(t, 2)
	var accepted, ran atomic.Int64
	var submitters sync.WaitGroup
	for g := 0; g < 20; g++ {
		submitters.Add(1)
		go func() {
			defer submitters.Done()
			for i := 0; i < 100; i++ {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i)*10*time.Microsecond)
				if pool.SubmitContext(ctx, func() { ran.Add(1) }) == nil {
					accepted.Add(1)
				}
				cancel()
			}
		}()
	}
	submitters.Wait()
	check(t, pool.Wait(), nil)
	check(t, ran.Load(), accepted.Load())
	if accepted.Load() == 0 {
		t.Fatal("nothing was accepted")
	}
}

func TestInvokeCallsTheFunctionWithTheArgument(t *testing.T) {
	got := make(chan any, 3)
	pool, err := antpool.NewPoolWithFunc(2, func(arg any) { got <- arg })
	check(t, err, nil)
	defer pool.Release()
	for _, arg := range []any{1, "two", nil} {
		check(t, pool.Invoke(arg), nil)
		check(t, soon(t, got), arg)
	}
	_, err = antpool.NewPoolWithFunc(-1, nil, antpool.WithExpiryDuration(-1))
	check(t, err, antpool.ErrLackPoolFunc)
}

func TestAGenericPoolTakesArgumentsOfItsType(t *testing.T) {
	numbers := make(chan int, 1)
	pool, err := antpool.NewPoolWithFuncGeneric(1, func(n int) { numbers <- n })
	check(t, err, nil)
	check(t, pool.Invoke(7), nil)
	check(t, soon(t, numbers), 7)
	check(t, pool.ReleaseTimeout(stuck), nil)
	check(t, pool.Invoke(8), antpool.ErrPoolClosed)
	check(t, pool.InvokeContext(context.Background(), 8), antpool.ErrPoolClosed)

	errors := make(chan error, 1)
	failures, err := antpool.NewPoolWithFuncGeneric(1, func(err error) { errors <- err })
	check(t, err, nil)
	defer failures.Release()
	check(t, failures.InvokeContext(context.Background(), nil), nil)
	check(t, soon(t, errors), nil)
}

func TestCFunctionsAreCalledWithTheirArgument(t *testing.T) {
	const calls = 1000
	counter := cfunc.NewCounter()
	defer counter.Free()
	pool := newPool(t, 4) // Full most of the time.
	for i := 0; i < calls; i++ {
		check(t, pool.SubmitC(cfunc.Increment, counter.Pointer()), nil)
	}
	check(t, pool.Wait(), nil)
	check(t, counter.Value(), calls)
	pool.Release()
	check(t, pool.SubmitC(cfunc.Increment, counter.Pointer()), antpool.ErrPoolClosed)
}
