//go:build race

package antpool

import (
	"runtime"
	"unsafe"
)

// workers stands for the C code between the end of one function and the start of the next. It
// orders them, which the race detector cannot see; where workers run Go themselves, cgo tells it.
var workers byte

func raceStart() { runtime.RaceAcquire(unsafe.Pointer(&workers)) }
func raceEnd()   { runtime.RaceReleaseMerge(unsafe.Pointer(&workers)) }
