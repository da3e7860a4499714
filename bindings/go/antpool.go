// Package antpool is a pool of a fixed number of threads for Go programs that call C, with the API
// of ants (github.com/panjf2000/ants/v2).
//
// A worker of this pool is a thread of the operating system, not a goroutine. That is what it is
// for, and what it costs:
//
//   - At most as many C calls run at a time as the pool has workers, on threads that the Go runtime
//     does not count. [Pool.SubmitC] runs a C function without coming back into Go; [Pool.Submit]
//     runs a Go function, which may call C as often as it likes on its thread.
//   - Goroutines that wait for a place in the pool wait in Go: a thousand of them hold one thread.
//   - A program of several languages shares one pool; [Default] is the one of the whole process.
//   - A Go function that waits (for a channel, a lock, the network, a timer) keeps its thread
//     meanwhile, and each wait costs switches between threads. [WithGoroutines] is for a pool of
//     many such functions; for work that is all Go, use ants, or a semaphore.
//
// A Go function runs locked to its worker's thread, as after runtime.LockOSThread. Workers that run
// Go count against GOMAXPROCS as goroutines do; workers that are in C do not. The fibers that the C
// library has are not offered here: Go keeps state per thread and must not be suspended in C.
//
// The next two paragraphs are about Go functions that run on the threads of their workers, and so
// not about a pool with [WithGoroutines].
//
// A task should not loop for long without calling a function: on threads that C made the Go runtime
// can lose the signal by which it stops such a loop, and the garbage collector waits for its end.
//
// A task must not end by runtime.Goexit, and so not by the FailNow or Fatal of a testing.T: the Go
// runtime cannot end a goroutine on a thread that C made, and ends the program.
//
// A program may exit while workers are busy; their tasks are cut off.
//
// What happened before a Submit is visible to the task, and what a task did is visible after
// [Pool.Wait], [Pool.ReleaseTimeout] or [Pool.ReleaseContext] has returned nil.
package antpool

// #include "bridge.h"
import "C"

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// DefaultAntsPoolSize is the size of the default pool: here, of threads.
	DefaultAntsPoolSize = 512

	// DefaultCleanIntervalTime is how long a worker may be idle where no option says otherwise.
	DefaultCleanIntervalTime = time.Second
)

// The errors that ants has too, by the same names.
var (
	// ErrLackPoolFunc says that a pool was to be made for a function and none was given.
	ErrLackPoolFunc = errors.New("must provide function for pool")

	// ErrInvalidPoolExpiry says that ExpiryDuration is negative.
	ErrInvalidPoolExpiry = errors.New("invalid expiry for pool")

	// ErrPoolClosed says that the pool is closed, or was closed while the call waited.
	ErrPoolClosed = errors.New("this pool has been closed")

	// ErrPoolOverload says that the pool is full and the call may not wait.
	ErrPoolOverload = errors.New("too many goroutines blocked on submit or Nonblocking is set")

	// ErrInvalidPreAllocSize says that PreAlloc was asked for without a limit.
	ErrInvalidPreAllocSize = errors.New("can not set up a negative capacity under PreAlloc mode")

	// ErrTimeout says that the time was over before all workers had exited.
	ErrTimeout = errors.New("operation timed out")
)

// The errors that ants does not have.
var (
	// ErrLackTask says that Submit was given nil.
	ErrLackTask = errors.New("must provide function for task")

	// ErrTaskPanicked is the error of a group's task that has panicked.
	ErrTaskPanicked = errors.New("a task of the group has panicked")

	// ErrInvalidOption says that a size or an option is out of range.
	ErrInvalidOption = errors.New("size or option of pool out of range")

	// ErrDeadlock says that a call from inside a task could only have waited for itself.
	ErrDeadlock = errors.New("the call could only have waited for itself")

	// ErrRebooted says that the closing that was waited for was ended by Reboot.
	ErrRebooted = errors.New("the pool was opened again")

	// ErrNoThread says that the system refused a thread, and the pool has none.
	ErrNoThread = errors.New("the system refused a thread")

	// ErrNoMemory says that the system refused memory.
	ErrNoMemory = errors.New("the system refused memory")

	// ErrUnsupported says that the system does not allow what an option asks for.
	ErrUnsupported = errors.New("the system does not allow an option of the pool")
)

func asError(status int32) error {
	switch status {
	case C.ANTPOOL_OK:
		return nil
	case C.ANTPOOL_ERR_CLOSED:
		return ErrPoolClosed
	case C.ANTPOOL_ERR_OVERLOAD:
		return ErrPoolOverload
	case C.ANTPOOL_ERR_TIMED_OUT:
		return ErrTimeout
	case C.ANTPOOL_ERR_INVALID_EXPIRY:
		return ErrInvalidPoolExpiry
	case C.ANTPOOL_ERR_INVALID_PREALLOC:
		return ErrInvalidPreAllocSize
	case C.ANTPOOL_ERR_INVALID_ARGUMENT:
		return ErrInvalidOption
	case C.ANTPOOL_ERR_DEADLOCK:
		return ErrDeadlock
	case C.ANTPOOL_ERR_CANCELED:
		return ErrRebooted
	case C.ANTPOOL_ERR_SPAWN:
		return ErrNoThread
	case C.ANTPOOL_ERR_NO_MEMORY:
		return ErrNoMemory
	case C.ANTPOOL_ERR_UNSUPPORTED:
		return ErrUnsupported
	}
	return fmt.Errorf("antpool: %s", C.GoString(C.antpool_status_message(C.int(status))))
}

var defaultPool struct {
	once sync.Once
	*Pool
}

// Default returns the pool that the whole process shares, C code included: at most
// [DefaultAntsPoolSize] threads, and a queue without a limit. Submit does not wait for it. All its
// users notice when it is released, rebooted or tuned.
func Default() *Pool {
	defaultPool.once.Do(func() {
		common := &common{
			handle:    &handle{c: C.antpool_default()},
			callbacks: &callbacks{reporter: &reporter{logger: defaultLogger}, run: runFunc},
			entry:     C.antpool_task_fn(C.bridge_run),
			turn:      make(chan struct{}, 1),
		}
		defaultPool.Pool = &Pool{common}
	})
	return defaultPool.Pool
}

// Submit is [Pool.Submit] of the [Default] pool.
func Submit(task func()) error { return Default().Submit(task) }

// Running is [Pool.Running] of the [Default] pool.
func Running() int { return Default().Running() }

// Cap is [Pool.Cap] of the [Default] pool.
func Cap() int { return Default().Cap() }

// Free is [Pool.Free] of the [Default] pool.
func Free() int { return Default().Free() }

// Release is [Pool.Release] of the [Default] pool.
func Release() { Default().Release() }

// ReleaseTimeout is [Pool.ReleaseTimeout] of the [Default] pool.
func ReleaseTimeout(timeout time.Duration) error { return Default().ReleaseTimeout(timeout) }

// ReleaseContext is [Pool.ReleaseContext] of the [Default] pool.
func ReleaseContext(ctx context.Context) error { return Default().ReleaseContext(ctx) }

// Reboot is [Pool.Reboot] of the [Default] pool.
func Reboot() { Default().Reboot() }
