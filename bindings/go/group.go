package antpool

import (
	"context"
	"sync"
)

// Group is tasks of one pool that are waited for together. The first error of one of them cancels
// the rest: what golang.org/x/sync/errgroup is for goroutines. Any number of goroutines may use one
// at the same time.
type Group struct {
	pool   *Pool
	ctx    context.Context
	cancel context.CancelFunc

	unfinished sync.WaitGroup
	once       sync.Once
	err        error // Set by once; the first error.
}

// NewGroup makes an empty group, and a context derived from ctx (nil is context.Background) that
// is done with the first error of a task, with Wait, or with ctx. Tasks that take long look at it.
func (p *Pool) NewGroup(ctx context.Context) (*Group, context.Context) {
	if ctx == nil {
		ctx = context.Background()
	}
	g := &Group{pool: p}
	g.ctx, g.cancel = context.WithCancel(ctx)
	return g, g.ctx
}

// Submit hands task to a worker of the pool, as [Pool.SubmitContext] does with the context of the
// group. When it returns nil, task will be called once, or not at all if the context is done before a
// worker has begun it; when it returns an error, never.
//
// A task that panics has failed, with [ErrTaskPanicked]; the pool's handler is told as of any task.
func (g *Group) Submit(task func() error) error {
	if task == nil {
		return g.pool.refuseNil()
	}
	g.unfinished.Add(1)
	err := g.pool.SubmitContext(g.ctx, func() { g.run(task) })
	if err != nil {
		g.unfinished.Done()
	}
	return err
}

func (g *Group) run(task func() error) {
	defer g.unfinished.Done()
	if err := g.ctx.Err(); err != nil {
		g.fail(err)
		return
	}
	err := ErrTaskPanicked // Unless it returns.
	defer func() {
		if err != nil {
			g.fail(err)
		}
	}()
	err = task()
}

func (g *Group) fail(err error) {
	g.once.Do(func() {
		g.err = err
		g.cancel()
	})
}

// Cancel has tasks that no worker has begun never run, and makes the context of the group done.
func (g *Group) Cancel() { g.cancel() }

// Wait waits until all tasks of the group have returned or will never run, and returns the first
// error of one, the context's if there is none but a task never ran, or nil. It makes the context of the group done; a group is not used again.
//
// It waits in Go and holds no thread. A task of the same pool that waits for a group keeps its worker
// meanwhile: if all workers of a pool do so, nobody is left for the tasks of the groups.
func (g *Group) Wait() error {
	g.unfinished.Wait()
	g.cancel()
	return g.err
}
