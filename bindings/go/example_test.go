package antpool_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"antpool"
	"antpool/internal/cfunc"
)

func Example() {
	pool, err := antpool.NewPool(10)
	if err != nil {
		panic(err)
	}
	defer pool.Release()

	var sum atomic.Int64
	for i := int64(0); i < 1000; i++ {
		i := i
		if err := pool.Submit(func() { sum.Add(i) }); err != nil {
			panic(err)
		}
	}
	if err := pool.Wait(); err != nil {
		panic(err)
	}
	fmt.Println("sum", sum.Load())
	// Output: sum 499500
}

func ExampleSubmit() {
	var group sync.WaitGroup
	var sum atomic.Int64
	for i := int64(0); i < 1000; i++ {
		i := i
		group.Add(1)
		_ = antpool.Submit(func() {
			defer group.Done()
			sum.Add(i)
		})
	}
	group.Wait()
	fmt.Println("sum", sum.Load())
	// Output: sum 499500
}

func ExampleNewPoolWithFunc() {
	var sum atomic.Int64
	pool, _ := antpool.NewPoolWithFunc(10, func(arg any) { sum.Add(arg.(int64)) })
	defer pool.Release()
	for i := int64(0); i < 1000; i++ {
		_ = pool.Invoke(i)
	}
	_ = pool.Wait()
	fmt.Println("sum", sum.Load())
	// Output: sum 499500
}

func ExampleNewPoolWithFuncGeneric() {
	var sum atomic.Int64
	pool, _ := antpool.NewPoolWithFuncGeneric(10, func(n int64) { sum.Add(n) })
	defer pool.Release()
	for i := int64(0); i < 1000; i++ {
		_ = pool.Invoke(i)
	}
	_ = pool.Wait()
	fmt.Println("sum", sum.Load())
	// Output: sum 499500
}

func ExampleNewMultiPool() {
	pool, _ := antpool.NewMultiPool(4, 10, antpool.LeastTasks)
	defer pool.Release()
	var sum atomic.Int64
	for i := int64(0); i < 1000; i++ {
		i := i
		_ = pool.Submit(func() { sum.Add(i) })
	}
	_ = pool.Wait()
	fmt.Println("sum", sum.Load(), "of at most", pool.Cap(), "workers")
	// Output: sum 499500 of at most 40 workers
}

func ExampleWithNonblocking() {
	pool, _ := antpool.NewPool(1, antpool.WithNonblocking(true))
	defer pool.Release()
	finish := make(chan struct{})
	fmt.Println(pool.Submit(func() { <-finish }))
	fmt.Println(pool.Submit(func() {}))
	close(finish)
	// Output:
	// <nil>
	// too many goroutines blocked on submit or Nonblocking is set
}

func ExampleWithPanicHandler() {
	pool, _ := antpool.NewPool(1, antpool.WithPanicHandler(func(v any) {
		fmt.Println("recovered:", v)
	}))
	defer pool.Release()
	_ = pool.Submit(func() { panic("no disk") })
	_ = pool.Wait()
	// Output: recovered: no disk
}

func ExamplePool_SubmitContext() {
	pool, _ := antpool.NewPool(1)
	defer pool.Release()
	finish := make(chan struct{})
	_ = pool.Submit(func() { <-finish })

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	err := pool.SubmitContext(ctx, func() {})
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	close(finish)
	// Output: true
}

// The functions of cfunc stand for those of a C library that you use; with import "C",
// cfunc.Increment is unsafe.Pointer(C.increment).
func ExamplePool_SubmitC() {
	counter := cfunc.NewCounter() // In C memory.
	defer counter.Free()
	pool, _ := antpool.NewPool(8)
	defer pool.Release()
	for i := 0; i < 1000; i++ {
		_ = pool.SubmitC(cfunc.Increment, counter.Pointer())
	}
	_ = pool.Wait()
	fmt.Println("calls", counter.Value())
	// Output: calls 1000
}

func ExamplePool_ReleaseTimeout() {
	pool, _ := antpool.NewPool(2)
	_ = pool.Submit(func() { fmt.Println("the last task") })
	fmt.Println(pool.ReleaseTimeout(time.Minute), pool.Running())
	fmt.Println(pool.Submit(func() {}))
	pool.Reboot()
	fmt.Println(pool.Submit(func() {}))
	pool.Release()
	// Output:
	// the last task
	// <nil> 0
	// this pool has been closed
	// <nil>
}
