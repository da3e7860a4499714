package antpool

// #include "bridge.h"
import "C"

import (
	"context"
	"runtime"
	"sync/atomic"
	"unsafe"
)

// Pool runs functions. Any number of goroutines may use one at the same time.
type Pool struct{ *common }

// NewPool makes a pool of at most size workers; size <= 0 means as many as the system grants. No
// worker is started before it has a task, unless by MinWorkers.
func NewPool(size int, options ...Option) (*Pool, error) {
	p, err := newCommon(size, runFunc, options)
	if err != nil {
		return nil, err
	}
	return &Pool{p}, nil
}

// unlimited is the context of calls that wait without one.
var unlimited context.Context

func runFunc(task any) { task.(func())() }

// Submit hands task to a worker. While the pool is full it waits, or returns [ErrPoolOverload], as
// the [Options] say. When it returns nil, task will be called exactly once; when it returns an
// error, never.
//
// It may be called from inside a task. If it would have to wait there, and all workers of the pool
// wait in such a call, one of them gets [ErrDeadlock].
func (p *Pool) Submit(task func()) error {
	if task == nil {
		return p.refuseNil()
	}
	return p.submit(unlimited, task)
}

// SubmitContext is [Pool.Submit], but waits for a place until ctx is done, even if the pool is
// Nonblocking. It returns ctx.Err() if it gave up, and then task is not called. What happens to ctx
// once task has been accepted is without effect. If ctx is nil, this is Submit.
func (p *Pool) SubmitContext(ctx context.Context, task func()) error {
	if task == nil {
		return p.refuseNil()
	}
	return p.submit(ctx, task)
}

// SubmitC has a worker call the C function void fn(void *arg), in C alone: Go is not entered, and
// no thread or P of the Go runtime is used. It is there to bound blocking C calls: a thousand
// calls through a pool of eight have eight threads, where a thousand goroutines that call C
// would have a thousand. To wait for the calls, use [Pool.Wait].
//
// fn is a pointer to a C function (C.fn as unsafe.Pointer), arg is passed on. Neither may point
// into Go memory. arg has to stay valid until fn has returned; if SubmitC returns an error, fn is
// not called. A C function reports that it failed by antpool_task_fail. It waits as [Pool.Submit].
func (p *common) SubmitC(fn unsafe.Pointer, arg unsafe.Pointer) error {
	if fn == nil {
		return p.refuseNil()
	}
	if err := p.trySubmitC(fn, arg); err != ErrPoolOverload {
		return err
	}
	return p.wait(unlimited, func(*atomic.Bool) error {
		defer runtime.KeepAlive(p.handle)
		return asError(C.bridge_submit(p.c, C.antpool_task_fn(fn), C.uintptr_t(uintptr(arg))))
	})
}

func (p *common) trySubmitC(fn unsafe.Pointer, arg unsafe.Pointer) error {
	defer runtime.KeepAlive(p.handle)
	return asError(C.bridge_try_submit(p.c, C.antpool_task_fn(fn), C.uintptr_t(uintptr(arg))))
}

// refuseNil is what becomes of a task that is nil: ants has programs ask so whether a pool is closed.
func (p *common) refuseNil() error {
	if p.IsClosed() {
		return ErrPoolClosed
	}
	return ErrLackTask
}

// PoolWithFunc runs one function for arguments of any kind.
type PoolWithFunc = PoolWithFuncGeneric[any]

// NewPoolWithFunc is [NewPool] for one function, or else [ErrLackPoolFunc]; Invoke gives it
// arguments.
func NewPoolWithFunc(size int, pf func(any), options ...Option) (*PoolWithFunc, error) {
	return NewPoolWithFuncGeneric(size, pf, options...)
}

// PoolWithFuncGeneric runs one function for arguments of type T. Any number of goroutines may use
// one at the same time.
type PoolWithFuncGeneric[T any] struct{ *common }

// NewPoolWithFuncGeneric is [NewPoolWithFunc] for arguments of one type.
func NewPoolWithFuncGeneric[T any](size int, pf func(T), options ...Option) (*PoolWithFuncGeneric[T], error) {
	if pf == nil {
		return nil, ErrLackPoolFunc
	}
	p, err := newCommon(size, runner(pf), options)
	if err != nil {
		return nil, err
	}
	return &PoolWithFuncGeneric[T]{p}, nil
}

// runner is fn for arguments of any kind; nil if that is nil.
func runner[T any](fn func(T)) func(any) {
	if fn == nil {
		return nil
	}
	return func(arg any) {
		value, _ := arg.(T) // An interface that is nil is not a T, but its zero value is.
		fn(value)
	}
}

// Invoke hands arg to a worker, which calls the pool's function with it. It waits as [Pool.Submit].
func (p *PoolWithFuncGeneric[T]) Invoke(arg T) error { return p.submit(unlimited, arg) }

// InvokeContext is Invoke, but waits as [Pool.SubmitContext].
func (p *PoolWithFuncGeneric[T]) InvokeContext(ctx context.Context, arg T) error {
	return p.submit(ctx, arg)
}

func (p *common) submit(ctx context.Context, arg any) error {
	if ctx != nil {
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if err := p.try(task{p.callbacks, arg, nil}); err != ErrPoolOverload {
		return err
	}
	return p.wait(ctx, func(claim *atomic.Bool) error {
		return p.enter(task{p.callbacks, arg, claim})
	})
}

// try places a task if there is room.
func (p *common) try(t task) error {
	slot := tasks.put(t)
	return p.placed(slot, C.bridge_try_submit(p.c, p.entry, C.uintptr_t(slot)))
}

// enter places a task, and blocks this thread while there is no room.
func (p *common) enter(t task) error {
	slot := tasks.put(t)
	return p.placed(slot, C.bridge_submit(p.c, p.entry, C.uintptr_t(slot)))
}

func (p *common) placed(slot uintptr, status int32) error {
	runtime.KeepAlive(p.handle)
	if status != C.ANTPOOL_OK {
		tasks.take(slot)
	}
	return asError(status)
}

// wait has place called, which blocks until there is room, if this goroutine may wait.
//
// Blocking in C takes a thread, and the Go runtime ends a program that has ten thousand. So only
// the goroutine whose turn it is blocks there, and the others wait for the turn; it goes from one
// to the next in the order of their coming. C sees to it that the one is not overtaken for ever.
func (p *common) wait(ctx context.Context, place func(claim *atomic.Bool) error) error {
	reboots := p.reboots.Load()
	if ctx == nil && p.nonblocking || !p.startWaiting() {
		return ErrPoolOverload
	}
	defer p.waiting.Add(-1)

	var done <-chan struct{}
	if ctx != nil {
		done = ctx.Done()
	}
	// A task that submits to its own pool has its thread already. C has to see it wait, to notice
	// when all workers do.
	if done == nil && C.antpool_current() == p.c {
		return place(nil)
	}
	select {
	case p.turn <- struct{}{}:
	case <-done:
		return ctx.Err()
	}
	if p.reboots.Load() != reboots {
		<-p.turn
		return ErrPoolClosed
	}
	if done == nil {
		defer func() { <-p.turn }()
		return place(nil)
	}
	return p.placeUntil(ctx, place)
}

// placeUntil is place for a caller whose turn it is and who may give up. C cannot be interrupted:
// a goroutine that is left behind keeps the turn, and its task, which nobody claims any more, does
// nothing when it is admitted.
func (p *common) placeUntil(ctx context.Context, place func(claim *atomic.Bool) error) error {
	claim := new(atomic.Bool)
	result := make(chan error, 1)
	go func() {
		defer func() { <-p.turn }()
		result <- place(claim)
	}()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		if claim.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		return nil // It runs already.
	}
}

func (p *common) startWaiting() bool {
	for {
		n := p.waiting.Load()
		if p.maxBlockingTasks > 0 && n >= p.maxBlockingTasks {
			return false
		}
		if p.waiting.CompareAndSwap(n, n+1) {
			return true
		}
	}
}
