package antpool_test

import (
	"context"
	"math"
	"runtime"
	"syscall"
	"testing"
	"time"

	"antpool"
)

func TestAPoolIsRefusedForTheReasonsAntsHas(t *testing.T) {
	for _, c := range []struct {
		why     string
		size    int
		options antpool.Options
		want    error
	}{
		{"a negative expiry", 1, antpool.Options{ExpiryDuration: -1}, antpool.ErrInvalidPoolExpiry},
		{"PreAlloc without a limit", -1, antpool.Options{PreAlloc: true}, antpool.ErrInvalidPreAllocSize},
		{"both: expiry comes first", 0, antpool.Options{PreAlloc: true, ExpiryDuration: -1}, antpool.ErrInvalidPoolExpiry},
		{"a size beyond all threads", math.MaxInt32, antpool.Options{}, antpool.ErrInvalidOption},
		{"more MinWorkers than workers", 1, antpool.Options{MinWorkers: 2}, antpool.ErrInvalidOption},
		{"negative MinWorkers", 1, antpool.Options{MinWorkers: -1}, antpool.ErrInvalidOption},
		{"nothing: without a purge there is no expiry", 1, antpool.Options{ExpiryDuration: -1, DisablePurge: true}, nil},
	} {
		t.Run(c.why, func(t *testing.T) {
			_, err := antpool.NewPool(c.size, antpool.WithOptions(c.options))
			check(t, err, c.want)
		})
	}
}

func TestGettersCountWorkers(t *testing.T) {
	pool := newPool(t, 3)
	check(t, pool.Cap(), 3)
	check(t, pool.Running(), 0)
	check(t, pool.Free(), 3)
	gate := fill(t, pool, 2)
	check(t, pool.Running(), 2)
	check(t, pool.Free(), 1)
	gate.open()
	check(t, pool.Wait(), nil)
	check(t, pool.Running(), 2) // Idle workers count, as in ants.
	check(t, pool.IsClosed(), false)
}

func TestAPoolWithoutALimitHasCapAndFreeMinusOne(t *testing.T) {
	for _, size := range []int{0, -1, -7} {
		pool := newPool(t, size)
		check(t, pool.Cap(), -1)
		check(t, pool.Free(), -1)
		pool.Tune(5)
		check(t, pool.Cap(), -1)
		fill(t, pool, 20)
		check(t, pool.Running(), 20)
	}
}

func TestTuneAdmitsAsManyWaitingGoroutinesAsNowFit(t *testing.T) {
	pool := newPool(t, 1)
	gate := fill(t, pool, 1)
	submitted := make(chan error, 3)
	for i := 0; i < 3; i++ {
		go func() { submitted <- pool.Submit(gate.wait) }()
	}
	eventually(t, "all wait", func() bool { return pool.Waiting() == 3 })
	pool.Tune(3)
	check(t, soon(t, submitted), nil)
	check(t, soon(t, submitted), nil)
	eventually(t, "the third waits on", func() bool { return pool.Waiting() == 1 })
	check(t, pool.Running(), 3)
	pool.Tune(4)
	check(t, soon(t, submitted), nil)
}

func TestTuneShrinksIdleWorkersAtOnceAndIgnoresImpossibleSizes(t *testing.T) {
	pool := newPool(t, 4, antpool.WithDisablePurge(true))
	fill(t, pool, 4).open()
	check(t, pool.Wait(), nil)
	pool.Tune(1)
	eventually(t, "one is left", func() bool { return pool.Running() == 1 })
	pool.Tune(0)
	pool.Tune(-1)
	check(t, pool.Cap(), 1)

	preAllocated := newPool(t, 2, antpool.WithPreAlloc(true))
	preAllocated.Tune(5)
	check(t, preAllocated.Cap(), 2)
}

func TestIdleWorkersExpireButNotTheMinimum(t *testing.T) {
	const expiry = 20 * time.Millisecond
	pool := newPool(t, 4, antpool.WithExpiryDuration(expiry), antpool.WithMinWorkers(1))
	check(t, pool.Running(), 1)
	fill(t, pool, 4).open()
	check(t, pool.Wait(), nil)
	eventually(t, "one is left", func() bool { return pool.Running() == 1 })

	lasting := newPool(t, 2, antpool.WithExpiryDuration(expiry), antpool.WithDisablePurge(true))
	fill(t, lasting, 2).open()
	check(t, lasting.Wait(), nil)
	time.Sleep(5 * expiry)
	check(t, lasting.Running(), 2)
}

func TestAWorkerDoesNotExpireEarly(t *testing.T) {
	const expiry = 100 * time.Millisecond
	pool := newPool(t, 1, antpool.WithExpiryDuration(expiry))
	finished := make(chan time.Time, 1)
	check(t, pool.Submit(func() { finished <- time.Now() }), nil)
	end := soon(t, finished)
	eventually(t, "it has expired", func() bool { return pool.Running() == 0 })
	if lived := time.Since(end); lived < expiry {
		t.Fatalf("idle for %v only", lived)
	}
}

func TestThreadsHaveTheNameOfThePool(t *testing.T) {
	needThreads(t)
	pool := newPool(t, 1, antpool.WithName("gopher"))
	names := make(chan string, 1)
	check(t, pool.Submit(func() { names <- threadName(t) }), nil)
	check(t, soon(t, names), "gopher-0\n")
}

func TestAcceptedTasksRunToTheirEndAfterRelease(t *testing.T) {
	pool := newPool(t, 1, antpool.WithQueueCapacity(5))
	gate := fill(t, pool, 1)
	ran := make(chan int, 1)
	check(t, pool.Submit(func() { ran <- 1 }), nil)
	pool.Release()
	pool.Release()
	check(t, pool.IsClosed(), true)
	check(t, pool.Submit(func() {}), antpool.ErrPoolClosed)
	gate.open()
	check(t, soon(t, ran), 1)
	check(t, pool.Wait(), nil)
}

func TestReleaseTimeoutWaitsUntilEveryWorkerHasExited(t *testing.T) {
	needThreads(t)
	pool := newPool(t, 2)
	gate := fill(t, pool, 1)
	threads := make(chan int, 1)
	check(t, pool.Submit(func() { threads <- syscall.Gettid(); gate.wait() }), nil)
	thread := soon(t, threads)
	check(t, threadExists(thread), true)
	check(t, pool.ReleaseTimeout(-time.Second), antpool.ErrTimeout)
	begin := time.Now()
	check(t, pool.ReleaseTimeout(20*time.Millisecond), antpool.ErrTimeout)
	if waited := time.Since(begin); waited < 20*time.Millisecond {
		t.Fatalf("waited for %v only", waited)
	}
	gate.open()
	check(t, pool.ReleaseTimeout(stuck), nil)
	check(t, pool.Running(), 0)
	check(t, pool.ReleaseTimeout(stuck), antpool.ErrPoolClosed)
	eventually(t, "the thread has gone", func() bool { return !threadExists(thread) })
}

func TestReleaseTimeoutInsideATaskClosesAndDoesNotWaitForItself(t *testing.T) {
	needThreads(t)
	pool := newPool(t, 1)
	inner := make(chan error, 1)
	check(t, pool.Submit(func() { inner <- pool.ReleaseTimeout(stuck) }), nil)
	check(t, soon(t, inner), antpool.ErrDeadlock)
	check(t, pool.IsClosed(), true)
}

func TestReleaseContextWaitsUntilTheContextIsDone(t *testing.T) {
	pool := newPool(t, 1)
	gate := fill(t, pool, 1)
	var none context.Context
	check(t, pool.ReleaseContext(none), nil)
	check(t, pool.IsClosed(), true)
	ctx, cancel := context.WithCancel(context.Background())
	released := inBackground(func() error { return pool.ReleaseContext(ctx) })
	cancel()
	check(t, soon(t, released), context.Canceled)
	gate.open()
	check(t, pool.ReleaseContext(context.Background()), nil)
	check(t, pool.Running(), 0)
}

func TestRebootOpensAClosedPoolAgain(t *testing.T) {
	pool := newPool(t, 2)
	pool.Reboot()
	check(t, pool.IsClosed(), false)
	check(t, pool.ReleaseTimeout(stuck), nil)
	pool.Tune(3)
	pool.Reboot()
	check(t, pool.Cap(), 3)
	check(t, pool.Submit(func() {}), nil)
	check(t, pool.ReleaseTimeout(stuck), nil)
}

func TestRebootEndsAPendingReleaseTimeout(t *testing.T) {
	pool := newPool(t, 1)
	fill(t, pool, 1)
	pending := inBackground(func() error { return pool.ReleaseTimeout(stuck) })
	eventually(t, "the pool is closed", pool.IsClosed)
	for len(pending) == 0 { // It may be open again before the wait has begun, and closed by it.
		pool.Reboot()
		runtime.Gosched()
	}
	check(t, soon(t, pending), antpool.ErrRebooted)
}

func TestTheDefaultPoolIsOneForTheProcess(t *testing.T) {
	check(t, antpool.Cap(), antpool.DefaultAntsPoolSize)
	check(t, antpool.Default(), antpool.Default())
	gate := newGate(t)
	check(t, antpool.Submit(gate.wait), nil)
	check(t, antpool.Running() >= 1, true)
	check(t, antpool.Free(), antpool.Cap()-antpool.Running())
	gate.open()
	check(t, antpool.ReleaseTimeout(stuck), nil)
	check(t, antpool.Submit(func() {}), antpool.ErrPoolClosed)
	antpool.Reboot()
	check(t, antpool.Submit(func() {}), nil)
	check(t, antpool.ReleaseContext(context.Background()), nil)
	antpool.Reboot()
	antpool.Release()
	check(t, antpool.Default().IsClosed(), true)
	antpool.Reboot()
}

// collected runs the collector until the thread of a pool, which would stay for ever, has gone.
func collected(t *testing.T, thread int) {
	t.Helper()
	eventually(t, "the thread of the pool has gone", func() bool {
		runtime.GC()
		return !threadExists(thread)
	})
}

func TestAForgottenPoolIsCollected(t *testing.T) {
	threads := make(chan int)
	func() {
		pool, err := antpool.NewPool(1, antpool.WithMinWorkers(1))
		check(t, err, nil)
		check(t, pool.Submit(func() { threads <- syscall.Gettid() }), nil)
	}()
	runtime.GC()
	collected(t, soon(t, threads)) // Its tasks run to their end first.
}

func TestAForgottenPoolIsCollectedEvenIfItsFunctionRefersToIt(t *testing.T) {
	threads := make(chan int, 1)
	func() {
		var pool *antpool.PoolWithFunc
		pool, err := antpool.NewPoolWithFunc(1, func(any) {
			threads <- syscall.Gettid()
			pool.Running()
		}, antpool.WithMinWorkers(1))
		check(t, err, nil)
		check(t, pool.Invoke(1), nil)
		check(t, pool.Wait(), nil)
	}()
	collected(t, soon(t, threads))
}

func TestAPoolIsNotCollectedUnderACall(t *testing.T) {
	for i := 0; i < 50; i++ {
		gate := newGate(t)
		pool, err := antpool.NewPool(1)
		check(t, err, nil)
		check(t, pool.Submit(gate.wait), nil)
		// From here on only the goroutine that waits inside Submit refers to the pool.
		submitted := inBackground(func() error { return pool.Submit(func() {}) })
		runtime.GC()
		gate.open()
		runtime.GC()
		check(t, soon(t, submitted), nil)
	}
}
