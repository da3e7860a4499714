package antpool

// #include "bridge.h"
import "C"

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"
)

// LoadBalancingStrategy is how a multi-pool chooses the pool of a task. A full pool passes the task
// on to the next one that has room.
type LoadBalancingStrategy int

const (
	// RoundRobin takes one pool after the other.
	RoundRobin LoadBalancingStrategy = 1 << (iota + 1)

	// LeastTasks takes the pool with the fewest unfinished tasks and waiting goroutines, the first of
	// several. (ants takes the one with the fewest workers, idle ones included.)
	LeastTasks
)

// The errors of multi-pools, which ants has too, by the same names.
var (
	// ErrInvalidPoolIndex says that a multi-pool has no pool with this index.
	ErrInvalidPoolIndex = errors.New("invalid pool index")

	// ErrInvalidLoadBalancingStrategy says that a strategy is neither RoundRobin nor LeastTasks.
	ErrInvalidLoadBalancingStrategy = errors.New("invalid load-balancing strategy")

	// ErrInvalidMultiPoolSize says that a multi-pool cannot have this number of pools.
	ErrInvalidMultiPoolSize = errors.New("invalid size for multiple pool")
)

// maxPools is the most pools of one multi-pool, as in C.
const maxPools = 1 << 16

// multi is what all kinds of multi-pools have. The pools are ordinary ones, and not those of an
// antpool_multi_t, so that goroutines wait for a place in Go here, too.
type multi struct {
	pools    []*common
	strategy LoadBalancingStrategy
	turns    atomic.Uint64 // How many tasks RoundRobin has given out.
}

func newMulti(size, sizePerPool int, run func(any), strategy LoadBalancingStrategy, options []Option) (*multi, error) {
	if size <= 0 || size > maxPools {
		return nil, ErrInvalidMultiPoolSize
	}
	if strategy != RoundRobin && strategy != LeastTasks {
		return nil, ErrInvalidLoadBalancingStrategy
	}
	if run == nil {
		return nil, ErrLackPoolFunc
	}
	m := &multi{strategy: strategy}
	for i := 0; i < size; i++ {
		p, err := newCommon(sizePerPool, run, options)
		if err != nil {
			m.Release()
			return nil, err
		}
		m.pools = append(m.pools, p)
	}
	return m, nil
}

// submit offers the task to each pool, beginning with the one that the strategy chooses. If none has
// room, the chosen one decides as if it were alone.
func (m *multi) submit(ctx context.Context, arg any) error {
	if ctx != nil {
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	chosen, err := m.offer(func(p *common) error { return p.try(task{p.callbacks, arg, nil}) })
	if chosen == nil {
		return err
	}
	return chosen.submit(ctx, arg)
}

// offer calls place for one pool after the other until one accepts, or refuses for a reason that is
// not its own. It returns a pool if none did either: the one that the strategy chose.
func (m *multi) offer(place func(*common) error) (chosen *common, err error) {
	first := m.first()
	for i := range m.pools {
		// A pool that was refused its first thread is passed over: another one may have some.
		err := place(m.pools[(first+i)%len(m.pools)])
		if err != ErrPoolOverload && err != ErrNoThread {
			return nil, err
		}
	}
	return m.pools[first], nil
}

func (m *multi) first() (index int) {
	if m.strategy == RoundRobin {
		return int((m.turns.Add(1) - 1) % uint64(len(m.pools)))
	}
	fewest := m.pools[0].load()
	for i, p := range m.pools[1:] {
		if load := p.load(); load < fewest {
			index, fewest = i+1, load
		}
	}
	return index
}

// load counts the tasks that are not finished and those that are not accepted yet.
func (p *common) load() int {
	stats := p.stats()
	return int(stats.busy) + int(stats.queued) + p.Waiting()
}

func (p *common) stats() C.antpool_stats_t {
	defer runtime.KeepAlive(p.handle)
	return C.bridge_stats(p.c)
}

// SubmitC is [Pool.SubmitC] of the pool that the strategy chooses, or of one that has room.
func (m *multi) SubmitC(fn unsafe.Pointer, arg unsafe.Pointer) error {
	if fn == nil {
		return m.refuseNil()
	}
	chosen, err := m.offer(func(p *common) error { return p.trySubmitC(fn, arg) })
	if chosen == nil {
		return err
	}
	return chosen.SubmitC(fn, arg)
}

func (m *multi) refuseNil() error {
	if m.IsClosed() {
		return ErrPoolClosed
	}
	return ErrLackTask
}

// sum adds up what each of the pools says; -1, no limit, if one of them says that.
func (m *multi) sum(figure func(*common) int) (sum int) {
	for _, p := range m.pools {
		if p.Cap() < 0 {
			return -1
		}
		sum += figure(p)
	}
	return sum
}

func (m *multi) byIndex(index int, figure func(*common) int) (int, error) {
	if index < 0 || index >= len(m.pools) {
		return -1, ErrInvalidPoolIndex
	}
	return figure(m.pools[index]), nil
}

// Running returns how many workers all pools together have, busy and idle.
func (m *multi) Running() (running int) {
	for _, p := range m.pools {
		running += p.Running()
	}
	return running
}

// RunningByIndex is [Pool.Running] of one pool, or -1 and [ErrInvalidPoolIndex].
func (m *multi) RunningByIndex(index int) (int, error) { return m.byIndex(index, (*common).Running) }

// Cap returns how many workers all pools together may have, -1 if there is no limit. (ants says
// minus the number of the pools then.)
func (m *multi) Cap() int { return m.sum((*common).Cap) }

// Free returns how many workers all pools together may still start, -1 if there is no limit.
func (m *multi) Free() int { return m.sum((*common).Free) }

// FreeByIndex is [Pool.Free] of one pool, or -1 and [ErrInvalidPoolIndex].
func (m *multi) FreeByIndex(index int) (int, error) { return m.byIndex(index, (*common).Free) }

// Waiting returns how many goroutines wait in Submit.
func (m *multi) Waiting() (waiting int) {
	for _, p := range m.pools {
		waiting += p.Waiting()
	}
	return waiting
}

// WaitingByIndex is [Pool.Waiting] of one pool, or -1 and [ErrInvalidPoolIndex].
func (m *multi) WaitingByIndex(index int) (int, error) { return m.byIndex(index, (*common).Waiting) }

// Tune is [Pool.Tune] of each pool.
func (m *multi) Tune(size int) {
	for _, p := range m.pools {
		p.Tune(size)
	}
}

// IsClosed reports whether the pools are closed.
func (m *multi) IsClosed() bool {
	for _, p := range m.pools {
		if p.IsClosed() {
			return true
		}
	}
	return false
}

// Wait waits until no pool has an unfinished task, also of those that tasks submit meanwhile. As long
// as others go on submitting it may go on waiting. From inside a task of one of the pools it returns
// [ErrDeadlock].
func (m *multi) Wait() error {
	if m.isInside() {
		return ErrDeadlock
	}
	// A pass in which nothing was submitted to any of them has seen the last task of each.
	for before, now := uint64(0), m.submitted(); ; now = m.submitted() {
		if before == now {
			return nil
		}
		before = now
		for _, p := range m.pools {
			if err := p.Wait(); err != nil {
				return err
			}
		}
	}
}

func (m *multi) submitted() (submitted uint64) {
	for _, p := range m.pools {
		submitted += uint64(p.stats().submitted)
	}
	return submitted
}

// isInside says whether the caller is a task of one of the pools.
func (m *multi) isInside() bool {
	current := C.antpool_current()
	for _, p := range m.pools {
		if p.c == current {
			return true
		}
	}
	return false
}

// Release is [Pool.Release] of each pool. (Not in ants.)
func (m *multi) Release() {
	for _, p := range m.pools {
		p.Release()
	}
}

// ReleaseTimeout is [Pool.ReleaseTimeout] of all pools, with one time for all: it closes all of them,
// and then waits until every worker has exited. From inside a task of one of the pools it closes them
// and returns [ErrDeadlock].
func (m *multi) ReleaseTimeout(timeout time.Duration) error {
	begin := time.Now()
	return m.releaseAndAwait(func(p *common) error {
		left := timeout - time.Since(begin)
		if left < 0 {
			left = 0
		}
		return p.awaitExit(left)
	})
}

// ReleaseContext is ReleaseTimeout with a context, as [Pool.ReleaseContext].
func (m *multi) ReleaseContext(ctx context.Context) error {
	return m.releaseAndAwait(func(p *common) error { return p.ReleaseContext(ctx) })
}

func (m *multi) releaseAndAwait(await func(*common) error) error {
	m.Release()
	if m.isInside() {
		return ErrDeadlock
	}
	// ErrPoolClosed says that an earlier call has been told of this pool; it is the answer only if
	// that holds for all.
	result := ErrPoolClosed
	for _, p := range m.pools {
		if err := await(p); err == nil {
			result = nil
		} else if err != ErrPoolClosed {
			return err
		}
	}
	return result
}

// Reboot is [Pool.Reboot] of each pool. If one of them cannot be opened all stay closed.
func (m *multi) Reboot() {
	for _, p := range m.pools {
		p.Reboot()
	}
	if m.IsClosed() {
		m.Release()
	}
}

// MultiPool runs functions on several pools: what the lock of one pool would be too busy for. Any
// number of goroutines may use one at the same time.
type MultiPool struct{ *multi }

// NewMultiPool makes size pools, each of at most sizePerPool workers and with the same options.
func NewMultiPool(size, sizePerPool int, lbs LoadBalancingStrategy, options ...Option) (*MultiPool, error) {
	m, err := newMulti(size, sizePerPool, runFunc, lbs, options)
	if err != nil {
		return nil, err
	}
	return &MultiPool{m}, nil
}

// Submit is [Pool.Submit] of the pool that the strategy chooses. If that is full, the task goes to the
// next one that has room; only if all are full it waits for the chosen one, or is refused. A task that
// has to wait for its own pool may get [ErrDeadlock], as there; tasks of two pools that wait for each
// other are not told.
func (m *MultiPool) Submit(task func()) error { return m.SubmitContext(unlimited, task) }

// SubmitContext is Submit, but waits for a place as [Pool.SubmitContext] does.
func (m *MultiPool) SubmitContext(ctx context.Context, task func()) error {
	if task == nil {
		return m.refuseNil()
	}
	return m.submit(ctx, task)
}

// MultiPoolWithFunc runs one function for arguments of any kind on several pools.
type MultiPoolWithFunc = MultiPoolWithFuncGeneric[any]

// NewMultiPoolWithFunc is [NewMultiPool] for one function, or else [ErrLackPoolFunc]; Invoke gives it
// arguments.
func NewMultiPoolWithFunc(size, sizePerPool int, fn func(any), lbs LoadBalancingStrategy, options ...Option) (*MultiPoolWithFunc, error) {
	return NewMultiPoolWithFuncGeneric(size, sizePerPool, fn, lbs, options...)
}

// MultiPoolWithFuncGeneric runs one function for arguments of type T on several pools. Any number of
// goroutines may use one at the same time.
type MultiPoolWithFuncGeneric[T any] struct{ *multi }

// NewMultiPoolWithFuncGeneric is [NewMultiPoolWithFunc] for arguments of one type.
func NewMultiPoolWithFuncGeneric[T any](size, sizePerPool int, fn func(T), lbs LoadBalancingStrategy, options ...Option) (*MultiPoolWithFuncGeneric[T], error) {
	m, err := newMulti(size, sizePerPool, runner(fn), lbs, options)
	if err != nil {
		return nil, err
	}
	return &MultiPoolWithFuncGeneric[T]{m}, nil
}

// Invoke hands arg to a worker, which calls the function with it. It waits as [MultiPool.Submit].
func (m *MultiPoolWithFuncGeneric[T]) Invoke(arg T) error { return m.submit(unlimited, arg) }

// InvokeContext is Invoke, but waits as [Pool.SubmitContext].
func (m *MultiPoolWithFuncGeneric[T]) InvokeContext(ctx context.Context, arg T) error {
	return m.submit(ctx, arg)
}
