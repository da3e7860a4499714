// Command bench is the Go side of the benchmarks: what c/bench.h and c/measures.h are for C and C++,
// with the same arguments, the same bodies, the same checks and the same line of output.
//
//	bench NAME QUEUE TASKS WORKERS PRODUCERS MEASURE BODY WARM_UP
//	bench NAME COST FIBERS
package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// pool is one pool under test.
type pool interface {
	// submit hands over one task that calls task; several goroutines do so at a time.
	submit()
	close()
}

// params are the arguments that a pool is made by.
type params struct {
	name, queue string
	workers     int
	sleeps      bool // Tasks sleep, as in the benchmark that ants publishes.
}

// open makes the pool; an error means that it cannot do that row.
type open func(params) (pool, error)

var pools = map[string]open{
	"ants":               openAnts,
	"go-channel":         openChannel,
	"goroutines":         openGoroutines,
	"goroutines-bounded": openGoroutines,
}

const exitUnsupported = 2

// The count of tasks still to run has a cache line of its own: only the tasks touch it.
var (
	tasks struct {
		_    [64]byte
		left atomic.Int64
		_    [64]byte
	}
	allRan = make(chan struct{}, 1)
)

// body is what a task does before it is counted; nil: nothing.
var body func()

// task is the whole body of a task. If it is empty, that is one atomic instruction, as in C.
func task() {
	if body != nil {
		body()
	}
	if tasks.left.Add(-1) == 0 {
		allRan <- struct{}{}
	}
}

//go:noinline
func spin(rounds int) uint64 {
	value := uint64(rounds)
	for range rounds {
		value ^= value << 13
		value ^= value >> 7
		value ^= value << 17
	}
	return value
}

// roundsFor is how many rounds an undisturbed CPU does in ns nanoseconds: the best of many tries.
func roundsFor(ns int) int {
	const rounds, tries = 20_000, 200
	best := time.Hour
	for range tries {
		begin := time.Now()
		spin(rounds)
		best = min(best, time.Since(begin))
	}
	return ns * rounds / int(best.Nanoseconds())
}

func setBody(text string) (sleeps bool) {
	kind, amount, _ := strings.Cut(text, "=")
	switch kind {
	case "empty":
	case "work":
		rounds := roundsFor(number(amount, 1))
		body = func() { spin(rounds) }
	case "sleep":
		nap := time.Duration(number(amount, 1)) * time.Millisecond
		body = func() { time.Sleep(nap) }
		return true
	default:
		fail(1, "no such body")
	}
	return false
}

func fail(code int, what any) {
	fmt.Fprintln(os.Stderr, "bench:", what)
	os.Exit(code)
}

func number(text string, least int) int {
	value, err := strconv.Atoi(text)
	if err != nil || value < least {
		fail(1, "an argument is not a number in range")
	}
	return value
}

// round runs count tasks through the pool and returns the times from the first submit until the last
// submit has returned, and until the last task has run. The calling goroutine is the first producer.
func round(p pool, producers, count int) (submitted, done time.Duration) {
	share := count / producers
	produce := func(n int) {
		for range n {
			p.submit()
		}
	}
	tasks.left.Store(int64(count))
	start := make(chan struct{})
	var others sync.WaitGroup
	for range producers - 1 {
		others.Go(func() {
			<-start
			produce(share)
		})
	}
	begin := time.Now()
	close(start)
	produce(count - share*(producers-1))
	others.Wait()
	submitted = time.Since(begin)
	<-allRan
	return submitted, time.Since(begin)
}

func main() {
	if len(os.Args) == 4 {
		costs(os.Args[1], os.Args[2], number(os.Args[3], 1))
		return
	}
	if len(os.Args) != 9 {
		fail(1, "usage: bench NAME QUEUE TASKS WORKERS PRODUCERS MEASURE BODY WARM_UP")
	}
	name, queue, what := os.Args[1], os.Args[2], os.Args[6]
	count, workers, producers := number(os.Args[3], 1), number(os.Args[4], 1), number(os.Args[5], 1)
	sleeps, warmUp := setBody(os.Args[7]), number(os.Args[8], 0)
	if name == "goroutines" && count > 4_000_000 {
		fail(exitUnsupported, "all at once, they would take more memory than most machines have")
	}
	opener, known := pools[name]
	if !known {
		fail(1, "no pool of that name in this program")
	}
	make := func() pool {
		p, err := opener(params{name, queue, workers, sleeps})
		if err != nil {
			fail(exitUnsupported, err)
		}
		return p
	}
	fmt.Printf("%s %s %.1f\n", name, what, measure(what, make, count, workers, producers, warmUp))
}
