// Command bench is the Go side of the benchmarks: what c/bench.h is for C and C++, with the same
// arguments, the same warm-up, the same check and the same line of output.
//
//	bench NAME QUEUE TASKS WORKERS PRODUCERS [SLEEP_MS WARM_UP]
//	bench NAME COST FIBERS
package main

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// pool is one pool under test.
type pool interface {
	// submit hands over one task that calls taskRan; several goroutines do so at a time.
	submit()
	close()
}

// open makes the pool; an error means that it cannot do that row.
type open func(name, queue string, workers int) (pool, error)

var pools = map[string]open{
	"ants":               openAnts,
	"goroutines":         openGoroutines,
	"goroutines-bounded": openGoroutines,
}

// napTime is what a task sleeps before it is counted; 0 in the rows of empty tasks.
var napTime time.Duration

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

// sleepingTask is the whole body of a task that sleeps.
func sleepingTask() {
	time.Sleep(napTime)
	taskRan()
}

// taskRan is the whole body of an empty task: one atomic instruction, as in the C programs.
func taskRan() {
	if tasks.left.Add(-1) == 0 {
		allRan <- struct{}{}
	}
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

// round runs count tasks through the pool and returns the time from the first submit until the
// last task has run. The calling goroutine is the first producer.
func round(p pool, producers, count int) time.Duration {
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
	<-allRan
	return time.Since(begin)
}

func main() {
	if len(os.Args) == 4 {
		costs(os.Args[1], os.Args[2], number(os.Args[3], 1))
		return
	}
	if len(os.Args) != 6 && len(os.Args) != 8 {
		fail(1, "usage: bench NAME QUEUE TASKS WORKERS PRODUCERS [SLEEP_MS WARM_UP]")
	}
	name, queue := os.Args[1], os.Args[2]
	count, workers, producers := number(os.Args[3], 10), number(os.Args[4], 1), number(os.Args[5], 1)
	warmUp := count / 10
	if len(os.Args) == 8 {
		napTime = time.Duration(number(os.Args[6], 0)) * time.Millisecond
		warmUp = number(os.Args[7], 0)
	}
	if name == "goroutines" && count > 4_000_000 {
		fail(exitUnsupported, "all at once, they would take more memory than most machines have")
	}
	open, known := pools[name]
	if !known {
		fail(1, "no pool of that name in this program")
	}
	p, err := open(name, queue, workers)
	if err != nil {
		fail(exitUnsupported, err)
	}
	// Some tasks first: goroutines exist, allocators and caches are warm.
	if warmUp > 0 {
		round(p, producers, warmUp)
	}
	elapsed := round(p, producers, count)
	p.close()
	if tasks.left.Load() != 0 {
		fail(1, "a task ran more than once")
	}
	fmt.Printf("%s queue=%s,workers=%d,producers=%d %.1f\n", name, queue, workers, producers,
		float64(elapsed.Nanoseconds())/float64(count))
}
