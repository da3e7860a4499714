package antpool

// #include "bridge.h"
import "C"

import (
	"errors"
	"runtime/cgo"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// callbacks is what a running task needs of its pool. It does not refer to the pool, which may be
// forgotten, and collected, while its last tasks still run.
type callbacks struct {
	*reporter
	run func(arg any)
}

// reporter says what becomes of panics, failures and lines of the log. C knows it by a cgo.Handle,
// which keeps it alive; so it does not refer to the pool's function, which may refer to the pool.
type reporter struct {
	panicHandler func(any)
	logger       Logger
}

// A task is one call of a pool's function, kept in Go while C holds its number.
type task struct {
	*callbacks
	arg any

	// claim, if there is one, is set by whoever comes first: the worker that runs the task, or a
	// caller that gives up waiting for it to be accepted.
	claim *atomic.Bool
}

func (t task) execute() {
	if t.claim != nil && !t.claim.CompareAndSwap(false, true) {
		return
	}
	defer func() {
		if v := recover(); v != nil {
			t.reportPanic(v)
		}
	}()
	t.run(t.arg)
}

// reportPanic runs on the stack of the panic, so that a handler can look at it.
func (r *reporter) reportPanic(v any) {
	if r.panicHandler != nil {
		r.panicHandler(v)
	} else {
		r.logger.Printf("task panicked: %v\n%s\n", v, debug.Stack())
	}
}

// reportFailure is reportPanic for a C function, whose stack is gone.
func (r *reporter) reportFailure(message string) {
	if r.panicHandler != nil {
		r.panicHandler(errors.New(message))
	} else {
		r.logger.Printf("C function failed: %s\n", message)
	}
}

// A taskTable numbers the tasks that C holds: C may not keep a Go pointer. It does for a third of the
// price what a cgo.Handle for each task would. It is as large as the most tasks that were held at
// one time since it was last empty.
type taskTable struct {
	mu    sync.Mutex
	tasks []task
	free  []uintptr
}

// tasksKept is how many slots an empty taskTable keeps at most.
const tasksKept = 1024

var tasks taskTable

func (t *taskTable) put(k task) (slot uintptr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := len(t.free) - 1
	if last < 0 {
		t.tasks = append(t.tasks, k)
		return uintptr(len(t.tasks) - 1)
	}
	slot = t.free[last]
	t.free = t.free[:last]
	t.tasks[slot] = k
	return slot
}

func (t *taskTable) take(slot uintptr) task {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := t.tasks[slot]
	t.tasks[slot] = task{}
	t.free = append(t.free, slot)
	if len(t.tasks) > tasksKept && len(t.free) == len(t.tasks) {
		t.tasks, t.free = nil, nil
	}
	return k
}

//export antpoolGoRun
func antpoolGoRun(slot C.uintptr_t) {
	tasks.take(uintptr(slot)).execute()
}

//export antpoolGoFailed
func antpoolGoFailed(key C.uintptr_t, message *C.char) {
	reporterOf(key).reportFailure(C.GoString(message))
}

//export antpoolGoLog
func antpoolGoLog(key C.uintptr_t, line *C.char) {
	reporterOf(key).logger.Printf("%s\n", C.GoString(line))
}

func reporterOf(key C.uintptr_t) *reporter {
	return cgo.Handle(key).Value().(*reporter)
}
