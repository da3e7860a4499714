package benchmarks

import (
	"os"
	"sync"
	"testing"
	"time"
	"unsafe"

	"antpool"
	"antpool/internal/cfunc"

	"github.com/panjf2000/ants/v2"
)

// A subject is a way to run tasks on a bounded number of workers: submit hands one over, wait
// returns when all have run.
type subject struct {
	name   string
	submit func() error
	wait   func()
}

// subjects makes every way to run a function that is there in Go and in C. A queue of 0 has the
// submit wait while every worker is busy.
func subjects(b *testing.B, workers, queue int, inGo func(), inC unsafe.Pointer) []subject {
	onThreads := ofAntpool(b, workers, antpool.WithQueueCapacity(queue))
	onGoroutines := ofAntpool(b, workers, antpool.WithQueueCapacity(queue), antpool.WithGoroutines(true))
	wait := func(pool *antpool.Pool) func() {
		return func() {
			if err := pool.Wait(); err != nil {
				b.Fatal(err)
			}
		}
	}
	all := []subject{
		{"antpool.Submit", func() error { return onThreads.Submit(inGo) }, wait(onThreads)},
		{"antpool.Goroutines", func() error { return onGoroutines.Submit(inGo) }, wait(onGoroutines)},
		{"antpool.SubmitC", func() error { return onThreads.SubmitC(inC, nil) }, wait(onThreads)},
		channel(b, workers, queue, inGo),
		semaphore(workers, inGo),
	}
	if queue == 0 { // ants has no queue.
		all = append(all, ofAnts(b, workers, inGo))
	}
	return all
}

func ofAntpool(b *testing.B, workers int, options ...antpool.Option) *antpool.Pool {
	pool, err := antpool.NewPool(workers, options...)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Release)
	return pool
}

// channel is the usual pool of goroutines that read functions from a channel.
func channel(b *testing.B, workers, queue int, task func()) subject {
	tasks := make(chan func(), queue)
	b.Cleanup(func() { close(tasks) })
	for i := 0; i < workers; i++ {
		go func() {
			for f := range tasks {
				f()
			}
		}()
	}
	var group sync.WaitGroup
	counted := func() { task(); group.Done() }
	submit := func() error {
		group.Add(1)
		tasks <- counted
		return nil
	}
	return subject{"channel", submit, group.Wait}
}

// semaphore starts a goroutine for each task.
func semaphore(workers int, task func()) subject {
	places := make(chan struct{}, workers)
	var group sync.WaitGroup
	submit := func() error {
		places <- struct{}{}
		group.Add(1)
		go func() {
			task()
			<-places
			group.Done()
		}()
		return nil
	}
	return subject{"semaphore", submit, group.Wait}
}

func ofAnts(b *testing.B, workers int, task func()) subject {
	pool, err := ants.NewPool(workers)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Release)
	var group sync.WaitGroup
	counted := func() { task(); group.Done() }
	submit := func() error {
		group.Add(1)
		return pool.Submit(counted)
	}
	return subject{"ants", submit, group.Wait}
}

func run(b *testing.B, all []subject) {
	for _, s := range all {
		s := s
		b.Run(s.name, func(b *testing.B) {
			for i := 0; i < b.N; i++ {
				if err := s.submit(); err != nil {
					b.Fatal(err)
				}
			}
			s.wait()
			b.ReportMetric(float64(threads(b)), "threads")
		})
	}
}

// threads counts the threads of the process. The Go runtime does not give up those it has started,
// so that the number means something for the first subject that runs in a process only.
func threads(b *testing.B) int {
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		b.Fatal(err)
	}
	return len(entries)
}

// What it costs to hand over a task that does nothing, where there is room.
func BenchmarkEmptyQueued(b *testing.B) { run(b, subjects(b, 8, 1024, func() {}, cfunc.Nothing)) }

// The same where the submitter has to wait for a worker most of the time.
func BenchmarkEmptyFull(b *testing.B) { run(b, subjects(b, 8, 0, func() {}, cfunc.Nothing)) }

// A C call that blocks for a millisecond, at most 64 at a time: a 64th of it is the best possible.
func BenchmarkBlockingC(b *testing.B) { run(b, subjects(b, 64, 0, cfunc.CallNap, cfunc.Nap)) }

// A Go function that waits for another goroutine: what it costs that a worker is a thread.
func BenchmarkWaitingGo(b *testing.B) {
	ping, pong := make(chan int), make(chan int)
	go func() {
		for n := range ping {
			pong <- n
		}
	}()
	defer close(ping)
	run(b, inGoOnly(subjects(b, 1, 0, func() { ping <- 1; <-pong }, cfunc.Nothing)))
}

// A thousand Go functions at a time that sleep for 10 ms, which is 10 us each at best: the workload
// that ants is measured with. Go hands its processors from thread to thread for those that are
// locked to one, so this depends on how many there are: go test -cpu 2,16.
func BenchmarkSleepingGo(b *testing.B) {
	run(b, inGoOnly(subjects(b, 1000, 0, func() { time.Sleep(10 * time.Millisecond) }, cfunc.Nothing)))
}

func inGoOnly(all []subject) []subject {
	var inGo []subject
	for _, s := range all {
		if s.name != "antpool.SubmitC" {
			inGo = append(inGo, s)
		}
	}
	return inGo
}

// A hundred goroutines for each CPU that all submit at once, more than there are places.
func BenchmarkManySubmitters(b *testing.B) {
	for _, s := range subjects(b, 8, 0, func() {}, cfunc.Nothing) {
		s := s
		b.Run(s.name, func(b *testing.B) {
			b.SetParallelism(100)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := s.submit(); err != nil {
						b.Error(err)
					}
				}
			})
			s.wait()
		})
	}
}
