package antpool_test

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"antpool"
	"antpool/internal/cfunc"
)

// children are what runChild can run.
var children = map[string]func(){
	"panic":             childPanic,
	"panicking handler": childPanickingHandler,
	"exit":              childExit,
	"goexit":            childGoexit,
	"no threads":        childWithoutThreads,
	"no rights":         childWithoutRights,
}

func TestAThousandWaitingGoroutinesHoldOneThread(t *testing.T) {
	const waiters = 1000
	pool := newPool(t, 1)
	gate := fill(t, pool, 1)
	before := threads(t)
	results := make(chan error, waiters)
	for i := 0; i < waiters; i++ {
		go func() { results <- pool.Submit(func() {}) }()
	}
	eventually(t, "all wait", func() bool { return pool.Waiting() == waiters })
	// The runtime may have started a few threads of its own.
	if grown := threads(t) - before; grown > 20 {
		t.Fatalf("%d threads for them", grown)
	}
	gate.open()
	for i := 0; i < waiters; i++ {
		check(t, soon(t, results), nil)
	}
}

func TestWorkersThatBlockInCLeaveGoItsProcessors(t *testing.T) {
	const size = 50
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	gate := cfunc.NewGate()
	pool := newPool(t, size)
	for i := 0; i < size; i++ {
		if i%2 == 0 {
			check(t, pool.SubmitC(cfunc.Wait, gate.Pointer()), nil)
		} else {
			check(t, pool.Submit(gate.Wait), nil)
		}
	}
	eventually(t, "all are at the gate", func() bool { return gate.Arrived() == size })
	other := newPool(t, 1)
	ran := make(chan int, 1)
	check(t, other.Submit(func() { ran <- 1 }), nil)
	check(t, soon(t, ran), 1)
	gate.Open()
	check(t, pool.ReleaseTimeout(stuck), nil)
	gate.Free()
}

// The loop calls a function: the runtime can lose the signal that would stop one that does not, if
// it arrives while the thread is in C between two tasks.
func TestATaskThatLoopsDoesNotStopTheGarbageCollector(t *testing.T) {
	pool := newPool(t, 1)
	var loops, stop atomic.Bool
	var worked int
	check(t, pool.Submit(func() {
		loops.Store(true)
		for !stop.Load() {
			worked += work(10)
		}
	}), nil)
	eventually(t, "it loops", loops.Load)
	check(t, soon(t, inBackground(func() error { runtime.GC(); return nil })), nil)
	stop.Store(true)
	check(t, pool.Wait(), nil)
	check(t, worked%10, 0)
}

// work is not so small that it could do without looking at its stack, where the runtime stops it.
//
//go:noinline
func work(n int) int {
	if n == 0 {
		return 0
	}
	return 1 + work(n-1)
}

func TestATaskKeepsItsThread(t *testing.T) {
	needThreads(t)
	pool := newPool(t, 3)
	for i := 0; i < 100; i++ {
		check(t, pool.Submit(func() {
			before := syscall.Gettid()
			runtime.Gosched()
			if after := syscall.Gettid(); after != before {
				t.Errorf("moved from thread %d to %d", before, after)
			}
		}), nil)
	}
	check(t, pool.Wait(), nil)
}

func TestSignalsReachGoWhileAllWorkersAreBusy(t *testing.T) {
	pool := newPool(t, 2)
	fill(t, pool, 1)
	gate := cfunc.NewGate()
	check(t, pool.SubmitC(cfunc.Wait, gate.Pointer()), nil)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	defer signal.Stop(signals)
	check(t, syscall.Kill(os.Getpid(), syscall.SIGUSR1), nil)
	check(t, soon(t, signals), os.Signal(syscall.SIGUSR1))
	gate.Open()
}

func TestAProcessThatATaskStartsTakesTheSignalsThatOthersTake(t *testing.T) {
	blocked := func() string {
		output, err := exec.Command("grep", "SigBlk", "/proc/self/status").Output()
		if err != nil {
			return err.Error()
		}
		return string(output)
	}
	pool := newPool(t, 1)
	inTask := make(chan string, 1)
	check(t, pool.Submit(func() { inTask <- blocked() }), nil)
	check(t, soon(t, inTask), blocked())
}

func TestAProgramEndsWhileWorkersAreBusy(t *testing.T) {
	for i := 0; i < 20; i++ {
		output, err := runChild(t, "exit")
		if err != nil || output != "" {
			t.Fatalf("%v\n%s", err, output)
		}
	}
}

// childExit returns, and the process ends, while workers are in Go, in C, and on their way.
func childExit() {
	gate := cfunc.NewGate()
	pool := must(antpool.NewPool(6))
	for i := 0; i < 2; i++ {
		pool.SubmitC(cfunc.Wait, gate.Pointer())
		pool.Submit(gate.Wait)
		pool.Submit(func() {
			for {
				runtime.Gosched()
			}
		})
	}
	for i := 0; i < 100; i++ {
		antpool.Submit(func() {})
	}
}

func TestATaskThatEndsItsGoroutineEndsTheProgram(t *testing.T) {
	output, err := runChild(t, "goexit")
	if err == nil || !strings.Contains(output, "fatal error:") || strings.Contains(output, "went on") {
		t.Fatalf("%v\n%s", err, output)
	}
}

func childGoexit() {
	pool := must(antpool.NewPool(1))
	pool.Submit(runtime.Goexit)
	pool.Wait()
	fmt.Println("went on")
}

func TestASubmitSaysSoWhenTheSystemRefusesAThread(t *testing.T) {
	output, err := runChild(t, "no threads")
	check(t, err, nil)
	check(t, output, antpool.ErrNoThread.Error()+"\n")
}

// childWithoutThreads takes the address space away that the stack of a worker would need, and leaves Go's
// own runtime some.
func childWithoutThreads() {
	pool := must(antpool.NewPool(1))
	var pages uint64
	if _, err := fmt.Sscan(string(must(os.ReadFile("/proc/self/statm"))), &pages); err != nil {
		panic(err)
	}
	limit := pages*uint64(os.Getpagesize()) + 4<<20
	if err := syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
		panic(err)
	}
	fmt.Println(pool.Submit(func() {}))
}

func TestTheBuildTagDecidesHowTheLibraryIsLinked(t *testing.T) {
	path, err := os.Executable()
	check(t, err, nil)
	file, err := elf.Open(path)
	check(t, err, nil)
	defer file.Close()
	libraries, err := file.ImportedLibraries()
	check(t, err, nil)
	check(t, strings.Contains(strings.Join(libraries, " "), "libantpool.so"), !strings.Contains(buildTags(), "antpool_static"))
}
