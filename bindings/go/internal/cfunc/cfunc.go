// Package cfunc holds the C functions that tests submit: test files cannot contain C.
package cfunc

// #cgo !antpool_static pkg-config: antpool
// #cgo antpool_static LDFLAGS: -Wl,--as-needed -l:libantpool.a
// #cgo antpool_static pkg-config: --static antpool
// #include "cfunc.h"
import "C"

import "unsafe"

// Functions for SubmitC.
var (
	// Increment adds one to a Counter.
	Increment = unsafe.Pointer(C.cfunc_increment)
	// Wait waits at a Gate.
	Wait = unsafe.Pointer(C.cfunc_wait)
	// Fail fails with the message "the disk is full".
	Fail = unsafe.Pointer(C.cfunc_fail)
	// Nap sleeps for a millisecond.
	Nap = unsafe.Pointer(C.cfunc_nap)
	// Nothing does nothing.
	Nothing = unsafe.Pointer(C.cfunc_nothing)
)

// CallNap calls Nap as any C function is called from Go.
func CallNap() { C.cfunc_nap(nil) }

// CallFail calls Fail as any C function is called from Go.
func CallFail() { C.cfunc_fail(nil) }

// A Counter is a number in C memory.
type Counter struct{ c *C.cfunc_counter_t }

// NewCounter makes a counter; Free ends it.
func NewCounter() Counter { return Counter{C.cfunc_counter_new()} }

// Pointer is the argument for Increment.
func (c Counter) Pointer() unsafe.Pointer { return unsafe.Pointer(c.c) }

// Value returns the number.
func (c Counter) Value() int { return int(C.cfunc_counter_value(c.c)) }

// Free gives the memory back.
func (c Counter) Free() { C.cfunc_counter_free(c.c) }

// A Gate holds C functions until it is opened.
type Gate struct{ c *C.cfunc_gate_t }

// NewGate makes a closed gate; Free ends it.
func NewGate() Gate { return Gate{C.cfunc_gate_new()} }

// Pointer is the argument for Wait.
func (g Gate) Pointer() unsafe.Pointer { return unsafe.Pointer(g.c) }

// Arrived returns how many have come to the gate.
func (g Gate) Arrived() int { return int(C.cfunc_gate_arrived(g.c)) }

// Wait waits at the gate, as any C function is called from Go.
func (g Gate) Wait() { C.cfunc_wait(unsafe.Pointer(g.c)) }

// Open lets all through, for good.
func (g Gate) Open() { C.cfunc_gate_open(g.c) }

// Free gives the memory back. Nobody may be at the gate.
func (g Gate) Free() { C.cfunc_gate_free(g.c) }
