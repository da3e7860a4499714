package antpool_test

import (
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"antpool"
	"antpool/internal/cfunc"
)

// What holds only for a pool that runs Go functions on goroutines. That the rest holds as well, the
// other tests say when ANTPOOL_TEST_GOROUTINES is set.

func goroutinePool(t *testing.T, size int, options ...antpool.Option) *antpool.Pool {
	t.Helper()
	return newPool(t, size, append(options, antpool.WithGoroutines(true))...)
}

func TestAFunctionOnAGoroutineIsNotOnTheThreadOfItsWorker(t *testing.T) {
	pool := goroutinePool(t, 1, antpool.WithName("stands by"))
	names := make(chan string, 1)
	check(t, pool.Submit(func() { names <- threadName(t) }), nil)
	if name := soon(t, names); strings.HasPrefix(name, "stands by") {
		t.Fatalf("on thread %q", name)
	}
}

func TestAFunctionOnAGoroutineMayEndIt(t *testing.T) {
	values := make(chan any, 1)
	pool := goroutinePool(t, 1, antpool.WithPanicHandler(func(v any) { values <- v }))
	for i := 0; i < 10; i++ {
		check(t, pool.Submit(runtime.Goexit), nil)
	}
	check(t, pool.Wait(), nil)
	check(t, len(values), 0)
	ran := make(chan int, 1)
	check(t, pool.Submit(func() { ran <- 1 }), nil)
	check(t, soon(t, ran), 1)
}

func TestALoopOnAGoroutineIsStoppedForTheGarbageCollectorWhateverItDoes(t *testing.T) {
	pool := goroutinePool(t, 1)
	var loops, stop atomic.Bool
	check(t, pool.Submit(func() {
		loops.Store(true)
		for !stop.Load() { // Compiled to a loop without a call.
		}
	}), nil)
	eventually(t, "it loops", loops.Load)
	for i := 0; i < 10; i++ {
		check(t, soon(t, inBackground(func() error { runtime.GC(); return nil })), nil)
	}
	stop.Store(true)
	check(t, pool.Wait(), nil)
}

func TestAFunctionOnAGoroutineThatWaitsForItselfWaitsUntilRelease(t *testing.T) {
	pool := goroutinePool(t, 1)
	inner := make(chan error, 1)
	check(t, pool.Submit(func() { inner <- pool.Submit(func() { t.Error("called") }) }), nil)
	eventually(t, "it waits", func() bool { return pool.Waiting() == 1 })
	check(t, len(inner), 0)
	pool.Release()
	check(t, soon(t, inner), antpool.ErrPoolClosed)
	check(t, pool.Wait(), nil)
}

func TestGoAndCFunctionsShareThePlacesOfAPool(t *testing.T) {
	pool := goroutinePool(t, 2, antpool.WithNonblocking(true))
	gate, inC := newGate(t), cfunc.NewGate()
	check(t, pool.SubmitC(cfunc.Wait, inC.Pointer()), nil)
	check(t, pool.Submit(gate.wait), nil)
	check(t, pool.Submit(func() {}), antpool.ErrPoolOverload)
	check(t, pool.SubmitC(cfunc.Wait, inC.Pointer()), antpool.ErrPoolOverload)
	gate.open()
	inC.Open()
	check(t, pool.ReleaseTimeout(stuck), nil)
	inC.Free()
}

func TestAPoolOfOneFunctionCanRunItOnGoroutines(t *testing.T) {
	got := make(chan int, 1)
	pool, err := antpool.NewPoolWithFuncGeneric(1, func(n int) { got <- n; runtime.Goexit() },
		antpool.WithGoroutines(true))
	check(t, err, nil)
	defer pool.Release()
	for i := 0; i < 3; i++ {
		check(t, pool.Invoke(i), nil)
		check(t, soon(t, got), i)
	}
}
