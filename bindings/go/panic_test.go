package antpool_test

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"testing"

	"antpool"
	"antpool/internal/cfunc"
)

func TestThePanicHandlerGetsTheValueOnTheStackOfThePanic(t *testing.T) {
	boom := errors.New("boom")
	values := make(chan any, 1)
	stacks := make(chan string, 1)
	pool := newPool(t, 1, antpool.WithPanicHandler(func(v any) {
		stacks <- string(debug.Stack())
		values <- v
	}))
	check(t, pool.Submit(func() { raise(boom) }), nil)
	check(t, soon(t, values), boom)
	if stack := soon(t, stacks); !strings.Contains(stack, "antpool_test.raise") {
		t.Fatalf("not on the stack of the panic:\n%s", stack)
	}
	// The pool goes on.
	check(t, pool.Submit(func() { panic("again") }), nil)
	check(t, soon(t, values), "again")
}

//go:noinline
func raise(v any) { panic(v) }

func TestARuntimeErrorIsAPanicToo(t *testing.T) {
	values := make(chan any, 1)
	pool, err := antpool.NewPoolWithFuncGeneric(1, func(p *int) { *p++ },
		antpool.WithPanicHandler(func(v any) { values <- v }))
	check(t, err, nil)
	defer pool.Release()
	check(t, pool.Invoke(nil), nil)
	if got := fmt.Sprint(soon(t, values)); !strings.Contains(got, "nil pointer") {
		t.Fatalf("got %q", got)
	}
}

func TestThePanicHandlerBelongsToTheTask(t *testing.T) {
	gate := newGate(t)
	pool := newPool(t, 1, antpool.WithNonblocking(true), antpool.WithPanicHandler(func(any) { gate.wait() }))
	check(t, pool.Submit(func() { panic(1) }), nil)
	check(t, pool.Submit(func() {}), antpool.ErrPoolOverload)
	gate.open()
	check(t, pool.Wait(), nil)
	check(t, pool.Submit(func() {}), nil)
}

func TestWithoutAPanicHandlerTheValueAndTheStackAreLogged(t *testing.T) {
	var log lines
	pool := newPool(t, 1, antpool.WithLogger(&log))
	check(t, pool.Submit(func() { raise("boom") }), nil)
	check(t, pool.Wait(), nil)
	for _, want := range []string{"task panicked: boom\n", "antpool_test.raise"} {
		if !strings.Contains(log.String(), want) {
			t.Fatalf("no %q in\n%s", want, log.String())
		}
	}
}

func TestAFailedCFunctionIsReportedOnceWithItsMessage(t *testing.T) {
	values := make(chan any, 2)
	pool := newPool(t, 1, antpool.WithPanicHandler(func(v any) { values <- v }))
	check(t, pool.SubmitC(cfunc.Fail, nil), nil)
	check(t, pool.Wait(), nil)
	check(t, len(values), 1)
	check(t, (<-values).(error).Error(), "the disk is full")

	var log lines
	quiet := newPool(t, 1, antpool.WithLogger(&log))
	check(t, quiet.SubmitC(cfunc.Fail, nil), nil)
	check(t, quiet.Wait(), nil)
	check(t, log.String(), "C function failed: the disk is full\n")
}

func TestAGoFunctionOnItsWorkersThreadCanFailThroughC(t *testing.T) {
	needThreads(t)
	values := make(chan any, 2)
	pool := newPool(t, 1, antpool.WithPanicHandler(func(v any) { values <- v }))
	check(t, pool.Submit(cfunc.CallFail), nil)
	check(t, pool.Wait(), nil)
	check(t, len(values), 1)
	check(t, (<-values).(error).Error(), "the disk is full")
}

func TestWhatTheLibraryLogsGoesToTheLogger(t *testing.T) {
	var log lines
	pool := newPool(t, 1, antpool.WithLogger(&log), antpool.WithPanicHandler(func(any) { cfunc.CallFail() }))
	check(t, pool.SubmitC(cfunc.Fail, nil), nil)
	check(t, pool.Wait(), nil)
	if !strings.Contains(log.String(), "failed: the disk is full\n") {
		t.Fatalf("got %q", log.String())
	}
}

func TestWithoutOptionsAPanicIsLoggedToStderrAndTheProgramGoesOn(t *testing.T) {
	output, err := runChild(t, "panic")
	check(t, err, nil)
	for _, want := range []string{"[antpool]: task panicked: boom\n", "went on\n"} {
		if !strings.Contains(output, want) {
			t.Fatalf("no %q in\n%s", want, output)
		}
	}
	check(t, strings.Count(output, "boom"), 2) // Once for each pool.
}

func childPanic() {
	for _, pool := range []*antpool.Pool{must(antpool.NewPool(1)), antpool.Default()} {
		pool.Submit(func() { panic("boom") })
		pool.Wait()
	}
	fmt.Println("went on")
}

func TestAPanicOfThePanicHandlerEndsTheProgram(t *testing.T) {
	output, err := runChild(t, "panicking handler")
	if err == nil || !strings.Contains(output, "panic: boom") || strings.Contains(output, "went on") {
		t.Fatalf("%v\n%s", err, output)
	}
}

func childPanickingHandler() {
	pool := must(antpool.NewPool(1, antpool.WithPanicHandler(func(v any) { panic(v) })))
	pool.Submit(func() { panic("boom") })
	pool.Wait()
	fmt.Println("went on")
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
