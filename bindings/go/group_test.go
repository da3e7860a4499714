package antpool_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"antpool"
)

func TestAGroupWaitsForItsTasksAndForNoOthers(t *testing.T) {
	pool := newPool(t, 2)
	fill(t, pool, 1)
	group, _ := pool.NewGroup(context.TODO())
	var ran [100]int // Not atomic: Wait makes the tasks visible, also to -race.
	for i := range ran {
		i := i
		check(t, group.Submit(func() error { ran[i]++; return nil }), nil)
	}
	check(t, group.Wait(), nil)
	for i, n := range ran {
		if n != 1 {
			t.Fatalf("task %d ran %d times", i, n)
		}
	}
}

func TestTheFirstErrorOfAGroupCancelsTheRest(t *testing.T) {
	pool := newPool(t, 1, antpool.WithQueueCapacity(100))
	gate := fill(t, pool, 1)
	group, ctx := pool.NewGroup(context.Background())
	first := errors.New("the first")
	var ran atomic.Int64
	check(t, group.Submit(func() error { return first }), nil)
	for i := 0; i < 50; i++ {
		check(t, group.Submit(func() error { ran.Add(1); return errors.New("another") }), nil)
	}
	gate.open()
	check(t, group.Wait(), first)
	check(t, ran.Load(), int64(0))
	check(t, ctx.Err(), context.Canceled)
	check(t, group.Submit(func() error { return nil }), context.Canceled)
}

func TestATaskThatRunsSeesThatItsGroupIsCanceled(t *testing.T) {
	pool := newPool(t, 2)
	group, ctx := pool.NewGroup(context.Background())
	begun := make(chan bool, 1)
	check(t, group.Submit(func() error { begun <- true; <-ctx.Done(); return nil }), nil)
	check(t, soon(t, begun), true)
	group.Cancel()
	check(t, group.Wait(), nil)
}

func TestAGroupSaysThatATaskNeverRan(t *testing.T) {
	pool := newPool(t, 1, antpool.WithQueueCapacity(1))
	gate := fill(t, pool, 1)
	group, _ := pool.NewGroup(context.Background())
	check(t, group.Submit(func() error { t.Error("called"); return nil }), nil)
	group.Cancel()
	gate.open()
	check(t, group.Wait(), context.Canceled)
}

func TestASubmitToAGroupThatWaitsForRoomEndsWithTheGroup(t *testing.T) {
	pool := newPool(t, 1)
	fill(t, pool, 1)
	group, _ := pool.NewGroup(context.Background())
	submitted := inBackground(func() error {
		return group.Submit(func() error { t.Error("called"); return nil })
	})
	eventually(t, "a goroutine waits", func() bool { return pool.Waiting() == 1 })
	group.Cancel()
	check(t, soon(t, submitted), context.Canceled)
	check(t, group.Wait(), nil)
}

func TestAPanicIsAnErrorOfItsGroupAndIsReported(t *testing.T) {
	var told atomic.Int64
	pool := newPool(t, 1, antpool.WithPanicHandler(func(any) { told.Add(1) }))
	group, _ := pool.NewGroup(context.Background())
	check(t, group.Submit(func() error { panic("on purpose") }), nil)
	check(t, group.Wait(), antpool.ErrTaskPanicked)
	check(t, pool.Wait(), nil)
	check(t, told.Load(), int64(1))
}

func TestAGroupEndsWithTheContextItWasMadeFrom(t *testing.T) {
	pool := newPool(t, 1)
	parent, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	group, ctx := pool.NewGroup(parent)
	check(t, group.Submit(func() error { <-ctx.Done(); return ctx.Err() }), nil)
	check(t, group.Wait(), context.DeadlineExceeded)
}

func TestAGroupRefusesWhatItsPoolDoes(t *testing.T) {
	pool := newPool(t, 1)
	group, _ := pool.NewGroup(context.Background())
	check(t, group.Submit(nil), antpool.ErrLackTask)
	pool.Release()
	check(t, group.Submit(func() error { return nil }), antpool.ErrPoolClosed)
	check(t, group.Wait(), nil)
}
