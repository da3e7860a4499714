package main

import (
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// kept are pools that have not been used.
var kept []pool

// measure is what c/measures.h is: the same names, the same meaning.
func measure(what string, open func() pool, count, workers, producers, warmUp int) float64 {
	switch what {
	case "life":
		begin := time.Now()
		for range count {
			open().close()
		}
		return perTask(time.Since(begin), count)
	case "memory-pool":
		before := residentBytes()
		for range count {
			kept = append(kept, open())
		}
		return float64(residentBytes()-before) / float64(count)
	case "memory-worker":
		return memoryWorker(open, workers)
	}

	p := open()
	if warmUp > 0 {
		round(p, producers, warmUp)
	}
	if us, rare := strings.CutPrefix(what, "rare="); rare {
		return rareTasks(p, count, number(us, 1))
	}
	switch what {
	case "wake-p50":
		return wake(p, count, 50)
	case "wake-p99":
		return wake(p, count, 99)
	case "trip":
		begin := time.Now()
		for range count {
			one(p)
		}
		return perTask(time.Since(begin), count)
	case "ramp":
		return perTask(hold(p, count, make(chan struct{})), count)
	case "memory-queued":
		hold(p, workers, make(chan struct{}))
		before := residentBytes()
		for range count {
			p.submit()
		}
		return float64(residentBytes()-before) / float64(count)
	case "fairness":
		return fairness(p, producers, count)
	case "all", "submit":
		submitted, done := round(p, producers, count)
		p.close()
		if tasks.left.Load() != 0 {
			fail(1, "a task ran more than once")
		}
		if what == "submit" {
			return perTask(submitted, count)
		}
		return perTask(done, count)
	}
	fail(1, "no such measure")
	return 0
}

func perTask(took time.Duration, count int) float64 {
	return float64(took.Nanoseconds()) / float64(count)
}

// one submits one task and waits for it.
func one(p pool) {
	tasks.left.Store(1)
	p.submit()
	<-allRan
}

func wake(p pool, count, percent int) float64 {
	var begun time.Time
	body = func() { begun = time.Now() }
	samples := make([]time.Duration, count)
	for i := range samples {
		time.Sleep(time.Millisecond) // Long enough for the workers to park.
		submitted := time.Now()
		one(p)
		samples[i] = begun.Sub(submitted)
	}
	slices.Sort(samples)
	return float64(samples[count*percent/100].Nanoseconds())
}

// nap sleeps by the system call: without other goroutines to run, time.Sleep rounds up to a millisecond.
func nap(us int) {
	left := syscall.NsecToTimespec(int64(us) * 1000)
	for syscall.Nanosleep(&left, &left) == syscall.EINTR {
	}
}

// rareTasks is bench_rare of c/measures.h.
func rareTasks(p pool, count, us int) float64 {
	turns := 10
	if count < turns {
		turns = 1
	}
	share := count / turns
	var alone, withTasks time.Duration
	// The timer slack belongs to the thread.
	runtime.LockOSThread()
	const setTimerSlack = 29
	if _, _, err := syscall.RawSyscall(syscall.SYS_PRCTL, setTimerSlack, 1, 0); err != 0 {
		fail(1, err)
	}
	for range turns {
		begin := cpuTime()
		for range share {
			nap(us)
		}
		middle := cpuTime()
		tasks.left.Store(int64(share))
		for range share {
			nap(us)
			p.submit()
		}
		<-allRan
		nap(1000)
		alone += middle - begin
		withTasks += cpuTime() - middle
	}
	return perTask(withTasks-alone, share*turns)
}

// hold submits count tasks and says how long it took until all of them ran at once; the gate ends them.
func hold(p pool, count int, gate chan struct{}) time.Duration {
	var held atomic.Int64
	allHeld := make(chan struct{})
	body = func() {
		if held.Add(1) == int64(count) {
			close(allHeld)
		}
		<-gate
	}
	tasks.left.Store(int64(count))
	begin := time.Now()
	for range count {
		p.submit()
	}
	<-allHeld
	return time.Since(begin)
}

func memoryWorker(open func() pool, workers int) float64 {
	before := residentBytes()
	gate := make(chan struct{})
	p := open()
	hold(p, workers, gate)
	close(gate)
	<-allRan
	time.Sleep(100 * time.Millisecond)
	return float64(residentBytes()-before) / float64(workers)
}

func fairness(p pool, producers, count int) float64 {
	const many = 1 << 62 // How many there are is known at the end.
	tasks.left.Store(many)
	var stop atomic.Bool
	placed := make([]int, producers)
	start := make(chan struct{})
	var callers sync.WaitGroup
	for i := range placed {
		callers.Go(func() {
			<-start
			for !stop.Load() {
				p.submit()
				placed[i]++
			}
		})
	}
	close(start)
	time.Sleep(time.Duration(count) * time.Millisecond)
	stop.Store(true)
	callers.Wait()
	all := int64(0)
	for _, n := range placed {
		all += int64(n)
	}
	if tasks.left.Add(all-many) > 0 {
		<-allRan
	}
	return float64(slices.Max(placed)) / float64(max(1, slices.Min(placed)))
}
