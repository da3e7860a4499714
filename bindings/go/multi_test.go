package antpool_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"antpool"
	"antpool/internal/cfunc"
)

func newMultiPool(t *testing.T, size, sizePerPool int, lbs antpool.LoadBalancingStrategy, options ...antpool.Option) *antpool.MultiPool {
	t.Helper()
	options = append([]antpool.Option{antpool.WithGoroutines(onGoroutines)}, options...)
	multi, err := antpool.NewMultiPool(size, sizePerPool, lbs, options...)
	check(t, err, nil)
	t.Cleanup(multi.Release)
	return multi
}

// checkRunning checks how many workers each of the pools has.
func checkRunning(t *testing.T, multi *antpool.MultiPool, want ...int) {
	t.Helper()
	for index, running := range want {
		got, err := multi.RunningByIndex(index)
		check(t, err, nil)
		if got != running {
			t.Fatalf("pool %d has %d workers, want %d", index, got, running)
		}
	}
}

func TestAMultiPoolIsRefusedForTheReasonsAntsHas(t *testing.T) {
	const neither = antpool.LoadBalancingStrategy(8)
	for _, size := range []int{0, -1, 1<<16 + 1} {
		_, err := antpool.NewMultiPool(size, 1, neither)
		check(t, err, antpool.ErrInvalidMultiPoolSize)
	}
	_, err := antpool.NewMultiPool(2, 1, neither, antpool.WithExpiryDuration(-1))
	check(t, err, antpool.ErrInvalidLoadBalancingStrategy)
	_, err = antpool.NewMultiPoolWithFunc(2, 1, nil, neither)
	check(t, err, antpool.ErrInvalidLoadBalancingStrategy)
	_, err = antpool.NewMultiPoolWithFunc(2, 1, nil, antpool.RoundRobin)
	check(t, err, antpool.ErrLackPoolFunc)
	_, err = antpool.NewMultiPool(2, -1, antpool.RoundRobin, antpool.WithPreAlloc(true))
	check(t, err, antpool.ErrInvalidPreAllocSize)
	check(t, int(antpool.RoundRobin), 2)
	check(t, int(antpool.LeastTasks), 4)
}

func TestRoundRobinTakesOnePoolAfterTheOther(t *testing.T) {
	multi := newMultiPool(t, 3, 5, antpool.RoundRobin)
	gate := newGate(t)
	for i := 0; i < 4; i++ {
		check(t, multi.Submit(gate.wait), nil)
	}
	checkRunning(t, multi, 2, 1, 1)
}

func TestLeastTasksTakesThePoolWithTheFewestUnfinishedTasks(t *testing.T) {
	multi := newMultiPool(t, 3, 5, antpool.LeastTasks, antpool.WithDisablePurge(true))
	check(t, multi.Submit(func() {}), nil)
	check(t, multi.Wait(), nil)
	gate := newGate(t)
	for _, want := range [][]int{{1, 0, 0}, {1, 1, 0}, {1, 1, 1}, {2, 1, 1}} {
		check(t, multi.Submit(gate.wait), nil) // The worker that the first pool has is idle.
		checkRunning(t, multi, want...)
	}
}

func TestAFullPoolPassesATaskOn(t *testing.T) {
	multi := newMultiPool(t, 2, 1, antpool.RoundRobin, antpool.WithExpiryDuration(time.Millisecond))
	fill(t, multi, 1)
	for i := 0; i < 10; i++ {
		eventually(t, "the second pool has no task", func() bool {
			running, _ := multi.RunningByIndex(1)
			return running == 0
		})
		check(t, soon(t, inBackground(func() error { return multi.Submit(func() {}) })), nil)
	}
}

func TestAMultiPoolWaitsOrRefusesOnlyIfAllAreFull(t *testing.T) {
	refusing := newMultiPool(t, 2, 1, antpool.RoundRobin, antpool.WithNonblocking(true))
	gate := newGate(t)
	check(t, refusing.Submit(gate.wait), nil)
	check(t, refusing.Submit(gate.wait), nil)
	check(t, refusing.Submit(gate.wait), antpool.ErrPoolOverload)
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	check(t, refusing.SubmitContext(ctx, gate.wait), context.DeadlineExceeded)

	waiting := newMultiPool(t, 2, 1, antpool.RoundRobin)
	check(t, waiting.Submit(gate.wait), nil)
	check(t, waiting.Submit(gate.wait), nil)
	submitted := inBackground(func() error { return waiting.Submit(gate.wait) })
	eventually(t, "it waits", func() bool { return waiting.Waiting() == 1 })
	first, _ := waiting.WaitingByIndex(0)
	second, _ := waiting.WaitingByIndex(1)
	check(t, first+second, 1)
	gate.open()
	check(t, soon(t, submitted), nil)
}

func TestAMultiPoolCountsTheWorkersOfAllPools(t *testing.T) {
	multi := newMultiPool(t, 2, 3, antpool.RoundRobin)
	gate := newGate(t)
	for i := 0; i < 3; i++ {
		check(t, multi.Submit(gate.wait), nil)
	}
	check(t, multi.Cap(), 6)
	check(t, multi.Running(), 3)
	check(t, multi.Free(), 3)
	free, err := multi.FreeByIndex(0)
	check(t, err, nil)
	check(t, free, 1)
	multi.Tune(5)
	check(t, multi.Cap(), 10)
	for _, index := range []int{-1, 2} {
		for _, byIndex := range []func(int) (int, error){multi.RunningByIndex, multi.FreeByIndex, multi.WaitingByIndex} {
			n, err := byIndex(index)
			check(t, n, -1)
			check(t, err, antpool.ErrInvalidPoolIndex)
		}
	}
	unlimited := newMultiPool(t, 2, -1, antpool.LeastTasks)
	check(t, unlimited.Cap(), -1)
	check(t, unlimited.Free(), -1)
}

func TestAMultiPoolRunsOneFunctionForArguments(t *testing.T) {
	var sum atomic.Int64
	multi, err := antpool.NewMultiPoolWithFuncGeneric(3, 2, func(n int64) { sum.Add(n) },
		antpool.LeastTasks, antpool.WithGoroutines(onGoroutines))
	check(t, err, nil)
	for i := int64(0); i < 1000; i++ {
		check(t, multi.Invoke(i), nil)
	}
	check(t, multi.Wait(), nil)
	check(t, sum.Load(), int64(499500))
	check(t, multi.ReleaseTimeout(stuck), nil)
	check(t, multi.InvokeContext(context.Background(), 1), antpool.ErrPoolClosed)

	var got any = "nothing"
	one, err := antpool.NewMultiPoolWithFunc(1, 1, func(arg any) { got = arg }, antpool.RoundRobin)
	check(t, err, nil)
	check(t, one.Invoke(nil), nil)
	check(t, one.Wait(), nil)
	check(t, got, nil)
	one.Release()
}

func TestAMultiPoolRunsCFunctionsWhereThereIsRoom(t *testing.T) {
	multi := newMultiPool(t, 2, 1, antpool.RoundRobin)
	fill(t, multi, 1)
	counter := cfunc.NewCounter()
	defer counter.Free()
	for i := 0; i < 100; i++ {
		check(t, multi.SubmitC(cfunc.Increment, counter.Pointer()), nil)
		eventually(t, "it ran", func() bool { return counter.Value() == i+1 })
	}
	check(t, multi.SubmitC(nil, nil), antpool.ErrLackTask)
	check(t, multi.Submit(nil), antpool.ErrLackTask)
	multi.Release()
	check(t, multi.Submit(nil), antpool.ErrPoolClosed)
}

func TestWaitOfAMultiPoolSeesTasksThatTasksSubmitToOtherPools(t *testing.T) {
	multi := newMultiPool(t, 3, 2, antpool.RoundRobin)
	steps := 0 // Not atomic: each step happens before the next, and all before the end of Wait.
	var step func()
	step = func() {
		if steps++; steps < 50 {
			if err := multi.Submit(step); err != nil {
				t.Error(err)
			}
		}
	}
	check(t, multi.Submit(step), nil)
	check(t, multi.Wait(), nil)
	check(t, steps, 50)
}

func TestAMultiPoolCannotBeWaitedForByItsTasks(t *testing.T) {
	needThreads(t)
	multi := newMultiPool(t, 2, 1, antpool.RoundRobin)
	fill(t, multi, 1) // So that the pool of the task is not the first.
	inside := make(chan error, 3)
	check(t, multi.Submit(func() {
		inside <- multi.Wait()
		inside <- multi.ReleaseTimeout(stuck)
		inside <- multi.ReleaseContext(context.Background())
	}), nil)
	for i := 0; i < 3; i++ {
		check(t, soon(t, inside), antpool.ErrDeadlock)
	}
}

func TestReleaseTimeoutOfAMultiPoolHasOneTimeForAllPools(t *testing.T) {
	const timeout = 50 * time.Millisecond
	const pools = 100
	multi := newMultiPool(t, pools, 1, antpool.RoundRobin)
	gate := newGate(t)
	start := time.Now()
	for i := 1; i <= pools; i++ {
		// Each would end within the timeout after the one before it.
		end := time.After(time.Until(start.Add(timeout * time.Duration(i) / 2)))
		check(t, multi.Submit(func() {
			select {
			case <-end:
			case <-gate.opened:
			}
		}), nil)
	}
	begin := time.Now()
	err := multi.ReleaseTimeout(timeout)
	check(t, errors.Is(err, antpool.ErrTimeout), true)
	if took := time.Since(begin); took < timeout {
		t.Fatalf("it waited for %v only", took)
	}
	check(t, multi.IsClosed(), true)
	check(t, multi.Submit(func() {}), antpool.ErrPoolClosed)
	ended, end := context.WithCancel(context.Background())
	end()
	check(t, multi.ReleaseContext(ended), context.Canceled)
	gate.open()
	check(t, multi.ReleaseContext(context.Background()), nil)
	check(t, multi.Running(), 0)
	check(t, multi.ReleaseTimeout(stuck), antpool.ErrPoolClosed)

	multi.Reboot()
	check(t, multi.IsClosed(), false)
	fill(t, multi, pools).open()
	var none context.Context
	check(t, multi.ReleaseContext(none), nil)
	check(t, multi.IsClosed(), true)
}
