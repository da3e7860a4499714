package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// The same numbers as in c/costs.h, which says what each cost means.
const (
	costYields = 4_000_000
	costCycles = 1_000_000
	costSleeps = 1_000
)

func residentBytes() int {
	text, err := os.ReadFile("/proc/self/statm")
	var size, resident int
	if err == nil {
		_, err = fmt.Sscan(string(text), &size, &resident)
	}
	if err != nil {
		fail(1, err)
	}
	return resident * os.Getpagesize()
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		fail(1, err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func wallTime() time.Duration { return time.Since(processStart) }

var processStart = time.Now()

// each runs count goroutines that do total things together; the time for one, by that clock.
func each(count, total int, clock func() time.Duration, body func(goroutine, share int)) float64 {
	share := total / count
	begin := clock()
	var all sync.WaitGroup
	for i := range count {
		all.Go(func() { body(i, share) })
	}
	all.Wait()
	return float64(clock()-begin) / float64(share*count)
}

func memory(count int) float64 {
	var arrived atomic.Int64
	before := residentBytes()
	for range count {
		go func() {
			arrived.Add(1)
			time.Sleep(2 * time.Minute)
			fail(1, "a goroutine woke up before the memory was looked at")
		}()
	}
	for arrived.Load() < int64(count) {
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(100 * time.Millisecond)
	return float64(residentBytes()-before) / float64(count)
}

func lateness(count int, percentile int) float64 {
	late := make([]time.Duration, costSleeps)
	each(count, costSleeps, wallTime, func(goroutine, share int) {
		for i := range share {
			begin := time.Now()
			time.Sleep(10 * time.Millisecond)
			late[goroutine*share+i] = time.Since(begin) - 10*time.Millisecond
		}
	})
	slices.Sort(late)
	return float64(late[costSleeps*percentile/100])
}

// costs is what cost_main is in c/costs.h, on one thread.
func costs(name, cost string, count int) {
	runtime.GOMAXPROCS(1)
	var figure float64
	switch {
	case cost == "memory":
		figure = memory(count)
	case cost == "yield":
		figure = each(count, costYields, wallTime, func(_, share int) {
			for range share {
				runtime.Gosched()
			}
		})
	case cost == "cycle":
		figure = each(count, costCycles, cpuTime, func(_, share int) {
			for range share {
				time.Sleep(time.Millisecond)
			}
		})
	case strings.HasPrefix(cost, "lateness-p"):
		figure = lateness(count, number(cost[len("lateness-p"):], 1))
	default:
		fail(1, "no such cost")
	}
	fmt.Println(name, cost, count, fmt.Sprintf("%.1f", figure))
}
