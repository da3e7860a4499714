package antpool_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"antpool"
)

// stuck is how long anything may take before it counts as hanging.
const stuck = 20 * time.Second

// TestMain runs one of the children instead of the tests if runChild asks for it.
func TestMain(m *testing.M) {
	if name := os.Getenv("ANTPOOL_TEST_CHILD"); name != "" {
		children[name]()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// runChild runs a function of children in a process of its own, and returns its output.
func runChild(t *testing.T, name string) (output string, err error) {
	t.Helper()
	var buffer bytes.Buffer
	cmd := exec.Command(os.Args[0])
	// The race detector would have every child sleep for a second at its end.
	cmd.Env = append(os.Environ(), "ANTPOOL_TEST_CHILD="+name, "GORACE=atexit_sleep_ms=0")
	cmd.Stdout, cmd.Stderr = &buffer, &buffer
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	watchdog := time.AfterFunc(stuck, func() { cmd.Process.Kill() })
	err = cmd.Wait()
	if !watchdog.Stop() {
		t.Fatalf("the child %s hangs\n%s", name, buffer.String())
	}
	return buffer.String(), err
}

// onGoroutines says that the pools of all tests run Go functions on goroutines. What a pool promises
// it promises either way; a test of what it does not asks for the one or the other.
var onGoroutines = os.Getenv("ANTPOOL_TEST_GOROUTINES") != ""

func needThreads(t *testing.T) {
	t.Helper()
	if onGoroutines {
		t.Skip("of functions that run on the thread of their worker")
	}
}

func newPool(t testing.TB, size int, options ...antpool.Option) *antpool.Pool {
	t.Helper()
	options = append([]antpool.Option{antpool.WithGoroutines(onGoroutines)}, options...)
	pool, err := antpool.NewPool(size, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Release)
	return pool
}

// A gate holds tasks until it is opened, at the latest at the end of the test.
type gate struct {
	once   sync.Once
	opened chan struct{}
}

func newGate(t *testing.T) *gate {
	g := &gate{opened: make(chan struct{})}
	t.Cleanup(g.open)
	return g
}

func (g *gate) open() { g.once.Do(func() { close(g.opened) }) }
func (g *gate) wait() { <-g.opened }

// fill occupies all of a pool of size workers until the gate is opened.
func fill(t *testing.T, pool interface{ Submit(func()) error }, size int) *gate {
	t.Helper()
	g := newGate(t)
	for i := 0; i < size; i++ {
		check(t, pool.Submit(g.wait), nil)
	}
	return g
}

// inBackground returns what f will return.
func inBackground(f func() error) <-chan error {
	result := make(chan error, 1)
	go func() { result <- f() }()
	return result
}

// soon receives from a channel that is about to be ready.
func soon[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(stuck):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

// eventually looks until the condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(stuck); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", stuck, what)
		}
	}
}

func check(t *testing.T, got, want any) {
	t.Helper()
	if got != want {
		t.Fatalf("got %v, want %v", got, want)
	}
}

// buildTags returns what this test was built with by -tags.
func buildTags() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "-tags" {
				return setting.Value
			}
		}
	}
	return ""
}

// threads counts the threads of this process.
func threads(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/task")
	check(t, err, nil)
	return len(entries)
}

// threadName returns the name of the calling thread, and a newline.
func threadName(t *testing.T) string {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	name, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/comm", syscall.Gettid()))
	if err != nil {
		t.Error(err)
	}
	return string(name)
}

// threadExists looks for a thread by the number that syscall.Gettid gave on it. (Its name would not
// do: threads that the Go runtime starts from a worker inherit that.)
func threadExists(tid int) bool {
	_, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", tid))
	return err == nil
}

// lines is a Logger that collects.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) Printf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, fmt.Sprintf(format, args...))
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.all, "")
}
