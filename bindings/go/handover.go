package antpool

// #include "bridge.h"
import "C"

import (
	"os"
	"sync"
	"syscall"
	"unsafe"
)

// handover is how workers hand Go functions to goroutines: C writes to a pipe from which a goroutine
// reads. A worker that called Go instead would take a processor (one of GOMAXPROCS) with it when it
// returns to C, and the runtime would miss it until its monitor takes it back. With two processors
// and a thousand functions at a time that took twice as long.
var handover struct {
	mu      sync.Mutex
	started bool
}

// startHandover starts it, once for all pools.
func startHandover() error {
	handover.mu.Lock()
	defer handover.mu.Unlock()
	if handover.started {
		return nil
	}
	var ends [2]int
	if err := syscall.Pipe2(ends[:], syscall.O_CLOEXEC); err != nil {
		return os.NewSyscallError("pipe2", err)
	}
	// Reading waits in Go and writing in C.
	if err := syscall.SetNonblock(ends[0], true); err != nil {
		return os.NewSyscallError("fcntl", err)
	}
	C.bridge_hand_over_through(C.int(ends[1]))
	go takeHandovers(os.NewFile(uintptr(ends[0]), "antpool"))
	handover.started = true
	return nil
}

func takeHandovers(pipe *os.File) {
	const size = unsafe.Sizeof(C.struct_bridge_handover_t{})
	var batch [256]C.struct_bridge_handover_t
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(&batch)), unsafe.Sizeof(batch))
	for {
		n, err := pipe.Read(bytes) // What was written as a whole is read as a whole.
		if err != nil {
			panic(err)
		}
		for _, h := range batch[:uintptr(n)/size] {
			go runHandedOver(h)
		}
	}
}

func runHandedOver(h C.struct_bridge_handover_t) {
	defer func() { // Also if the function ends its goroutine.
		raceEnd()
		C.bridge_returned(h.worker)
	}()
	raceStart()
	tasks.take(uintptr(h.slot)).execute()
}
