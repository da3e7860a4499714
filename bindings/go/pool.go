package antpool

// #include "bridge.h"
// #include <stdlib.h>
import "C"

import (
	"context"
	"math"
	"os"
	"runtime"
	"runtime/cgo"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

// common is what all kinds of pools have. It is a type of its own, as in ants, so that their
// methods are written once.
type common struct {
	*handle
	*callbacks

	entry            C.antpool_task_fn // What C calls to have a Go function run.
	nonblocking      bool
	maxBlockingTasks int64

	// waiting counts the goroutines that wait for a place. One of them waits in C; turn is what
	// the others wait for. See wait.
	waiting atomic.Int64
	turn    chan struct{}

	// rebooting is held by Reboot, and reboots counts how often it opened the pool, so that a
	// goroutine that gets its turn later notices.
	rebooting sync.Mutex
	reboots   atomic.Uint64
}

// handle is the C pool. It has the finalizer, because it refers to nothing: a common can be part of
// a cycle, which a finalizer would keep alive (a PoolWithFunc's function may refer to the pool).
// Methods keep it alive until C has returned.
type handle struct {
	c   *C.antpool_t
	key cgo.Handle // What C knows the reporter by.
}

// finalize ends a pool that nobody can reach any more. Its tasks run to their end first, which is
// why the finalizer's own goroutine does not wait.
func (h *handle) finalize() {
	go func() {
		C.antpool_destroy(h.c)
		h.key.Delete()
	}()
}

func newCommon(size int, run func(any), options []Option) (*common, error) {
	opts := loadOptions(options)
	if size <= 0 {
		size = C.ANTPOOL_UNLIMITED
	}
	niceIncrement := C.int32_t(opts.NiceIncrement)
	if opts.MinWorkers < 0 || int(niceIncrement) != opts.NiceIncrement {
		return nil, ErrInvalidOption
	}
	cpus, err := cpusInC(opts.CPUs)
	if err != nil {
		return nil, err
	}
	queueCapacity := C.size_t(math.MaxUint)
	if opts.QueueCapacity >= 0 {
		queueCapacity = C.size_t(opts.QueueCapacity)
	}
	reporter := &reporter{opts.PanicHandler, opts.Logger}
	entry := C.antpool_task_fn(C.bridge_run)
	if opts.Goroutines {
		if err := startHandover(); err != nil {
			return nil, err
		}
		entry = C.antpool_task_fn(C.bridge_run_on_goroutine)
	}
	p := &common{
		handle:           &handle{key: cgo.NewHandle(reporter)},
		callbacks:        &callbacks{reporter: reporter, run: run},
		entry:            entry,
		nonblocking:      opts.Nonblocking || opts.MaxBlockingTasks < 0,
		maxBlockingTasks: int64(opts.MaxBlockingTasks),
		turn:             make(chan struct{}, 1),
	}
	name := C.CString(opts.Name)
	defer C.free(unsafe.Pointer(name))
	status := C.bridge_new(C.int64_t(size), C.antpool_options_t{
		expiry_ms:      C.int64_t(milliseconds(opts.ExpiryDuration)),
		disable_purge:  C.bool(opts.DisablePurge),
		pre_alloc:      C.bool(opts.PreAlloc),
		queue_capacity: queueCapacity,
		min_workers:    C.size_t(opts.MinWorkers),
		cpu_count:      C.size_t(len(opts.CPUs)),
		nice_increment: niceIncrement,
	}, name, cpus, C.uintptr_t(p.key), &p.c)
	if status != C.ANTPOOL_OK {
		p.key.Delete()
		return nil, asError(status)
	}
	runtime.SetFinalizer(p.handle, (*handle).finalize)
	return p, nil
}

// cpusInC returns the first of the numbers as C has them; nil if there is none.
func cpusInC(cpus []int) (*C.uint32_t, error) {
	if len(cpus) == 0 {
		return nil, nil
	}
	numbers := make([]C.uint32_t, len(cpus))
	for i, cpu := range cpus {
		if cpu < 0 || cpu > math.MaxInt32 {
			return nil, ErrInvalidOption
		}
		numbers[i] = C.uint32_t(cpu)
	}
	return &numbers[0], nil
}

// milliseconds rounds away from zero: no wait ends early, and a negative duration stays one.
func milliseconds(d time.Duration) int64 {
	ms := int64(d / time.Millisecond)
	switch rest := d % time.Millisecond; {
	case rest > 0:
		return ms + 1
	case rest < 0:
		return ms - 1
	}
	return ms
}

// Running returns how many workers live, busy and idle.
func (p *common) Running() int {
	defer runtime.KeepAlive(p.handle)
	return int(C.antpool_running(p.c))
}

// Cap returns how many workers the pool may have, -1 if there is no limit.
func (p *common) Cap() int {
	defer runtime.KeepAlive(p.handle)
	return int(C.antpool_capacity(p.c))
}

// Free returns how many workers may still be started, -1 if there is no limit. As in ants, idle
// workers do not count as free, and the number is negative while a pool shrinks.
func (p *common) Free() int {
	capacity := p.Cap()
	if capacity < 0 {
		return -1
	}
	return capacity - p.Running()
}

// Waiting returns how many goroutines wait in Submit.
func (p *common) Waiting() int { return int(p.waiting.Load()) }

// IsClosed reports whether the pool is closed.
func (p *common) IsClosed() bool {
	defer runtime.KeepAlive(p.handle)
	return bool(C.antpool_is_closed(p.c))
}

// Tune changes how many workers the pool may have, also on a closed pool. It has no effect on a
// pool without a limit or with PreAlloc, or if size is not a possible one. When the pool shrinks,
// idle workers exit at once and surplus busy ones when their task ends.
func (p *common) Tune(size int) {
	defer runtime.KeepAlive(p.handle)
	_ = C.antpool_tune(p.c, C.int64_t(size))
}

// Pause has tasks that have not begun wait until [Pool.Resume]. Submits are accepted as ever, and tasks that run
// go on. On a closed pool it returns [ErrPoolClosed].
func (p *common) Pause() error {
	defer runtime.KeepAlive(p.handle)
	return asError(C.antpool_pause(p.c))
}

// Resume ends a pause. Without one it does nothing.
func (p *common) Resume() {
	defer runtime.KeepAlive(p.handle)
	_ = C.antpool_resume(p.c)
}

// IsPaused reports whether the pool is paused.
func (p *common) IsPaused() bool {
	defer runtime.KeepAlive(p.handle)
	return bool(C.antpool_is_paused(p.c))
}

// Trim has idle workers exit, but for those of [WithMinWorkers]. It does not wait for them.
func (p *common) Trim() {
	defer runtime.KeepAlive(p.handle)
	_ = C.antpool_trim(p.c)
}

// SetExpiry changes how long an idle worker stays; zero means a second. It returns [ErrInvalidPoolExpiry] for a
// negative duration, and [ErrUnsupported] for a pool with DisablePurge.
func (p *common) SetExpiry(expiry time.Duration) error {
	defer runtime.KeepAlive(p.handle)
	return asError(C.antpool_set_expiry(p.c, C.int64_t(milliseconds(expiry))))
}

// Dump writes what the pool is doing to a file: its workers, the C function that each runs and since when, and
// who waits for what. It never waits for a worker.
func (p *common) Dump(file *os.File) error {
	defer runtime.KeepAlive(p.handle)
	defer runtime.KeepAlive(file)
	return asError(C.antpool_dump(p.c, C.int(file.Fd())))
}

// Wait waits until no accepted task is unfinished, those of other goroutines and of C included. The
// pool stays open. From inside a task of the pool it returns [ErrDeadlock].
//
// Each goroutine in Wait holds a thread.
func (p *common) Wait() error {
	defer runtime.KeepAlive(p.handle)
	return asError(C.antpool_wait(p.c))
}

// Release closes the pool. Nothing is accepted any more, and goroutines that wait in Submit are
// told [ErrPoolClosed]. Accepted tasks still run to their end; Release does not wait for them. On a
// closed pool it does nothing.
//
// There is nothing to call after it: the memory of a pool that cannot be reached any more is given
// back by the garbage collector, whether it was released or not. (It is not, if a PanicHandler or
// Logger refers to the pool.)
func (p *common) Release() {
	defer runtime.KeepAlive(p.handle)
	C.antpool_release(p.c)
}

// ReleaseTimeout closes the pool, if it is open, and waits until every worker has exited:
// [ErrTimeout] if that takes longer. It may be called again to go on waiting; once one call has
// returned nil, further ones return [ErrPoolClosed]. From inside a task of the pool it closes the
// pool and returns [ErrDeadlock]; [ErrRebooted], if the pool is opened again meanwhile.
func (p *common) ReleaseTimeout(timeout time.Duration) error {
	p.Release()
	if timeout < 0 {
		timeout = 0
	}
	return p.awaitExit(timeout)
}

// ReleaseContext is [Pool.ReleaseTimeout] with a context: when ctx is done first, it returns
// ctx.Err() within a few milliseconds. With nil it is Release.
func (p *common) ReleaseContext(ctx context.Context) error {
	p.Release()
	if ctx == nil {
		return nil
	}
	// C cannot be interrupted, so that it is asked in slices.
	const slice = 10 * time.Millisecond
	for {
		if err := p.awaitExit(slice); err != ErrTimeout {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

func (p *common) awaitExit(timeout time.Duration) error {
	defer runtime.KeepAlive(p.handle)
	return asError(C.antpool_release_timeout(p.c, C.uint64_t(milliseconds(timeout))))
}

// Reboot opens a closed pool again, with the size and options it had. On an open pool it does
// nothing. Tasks that still run from before count against the size. If the system refuses one of
// MinWorkers, the pool stays closed.
func (p *common) Reboot() {
	defer runtime.KeepAlive(p.handle)
	p.rebooting.Lock()
	defer p.rebooting.Unlock()
	if !p.IsClosed() {
		return
	}
	// Nobody else has the turn now, so that nobody who has waited since before the pool was closed
	// finds it open: whoever has had the turn was told, and who gets it later sees the count.
	p.turn <- struct{}{}
	p.reboots.Add(1)
	_ = C.antpool_reboot(p.c)
	<-p.turn
}
