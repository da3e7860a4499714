package antpool_test

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"antpool"
)

func TestAPausedPoolBeginsNoTaskUntilItIsResumed(t *testing.T) {
	pool := newPool(t, 1, antpool.WithQueueCapacity(-1))
	check(t, pool.Pause(), nil)
	check(t, pool.IsPaused(), true)
	ran := make(chan bool, 1)
	check(t, pool.Submit(func() { ran <- pool.IsPaused() }), nil)
	pool.Resume()
	check(t, soon(t, ran), false)
	pool.Release()
	check(t, pool.Pause(), antpool.ErrPoolClosed)
}

func TestTrimHasIdleWorkersExit(t *testing.T) {
	pool := newPool(t, 4, antpool.WithDisablePurge(true))
	gate := fill(t, pool, 4)
	gate.open()
	check(t, pool.Wait(), nil)
	eventually(t, "no worker lives", func() bool {
		pool.Trim()
		return pool.Running() == 0
	})
}

func TestTheExpiryOfIdleWorkersCanBeChanged(t *testing.T) {
	pool := newPool(t, 2, antpool.WithExpiryDuration(time.Hour))
	gate := fill(t, pool, 2)
	gate.open()
	check(t, pool.Wait(), nil)
	check(t, pool.SetExpiry(time.Millisecond), nil)
	eventually(t, "no worker lives", func() bool { return pool.Running() == 0 })
	check(t, pool.SetExpiry(-time.Second), antpool.ErrInvalidPoolExpiry)
	check(t, newPool(t, 1, antpool.WithDisablePurge(true)).SetExpiry(0), antpool.ErrUnsupported)
}

func TestADumpSaysWhatThePoolIsDoing(t *testing.T) {
	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	pool := newPool(t, 2)
	begun, gate := make(chan bool, 1), newGate(t)
	check(t, pool.Submit(func() { begun <- true; gate.wait() }), nil)
	soon(t, begun)
	check(t, pool.Dump(to), nil)
	gate.open()
	to.Close()
	said, err := io.ReadAll(from)
	check(t, err, nil)
	if !strings.Contains(string(said), "capacity 2") || !strings.Contains(string(said), "worker 0") {
		t.Errorf("it said:\n%s", said)
	}
}
