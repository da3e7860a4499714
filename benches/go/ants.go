package main

import (
	"errors"

	"github.com/panjf2000/ants/v2"
)

// antsPool is ants with its own defaults: Submit waits when every worker is busy.
type antsPool struct{ *ants.Pool }

func openAnts(queue string, workers int) (pool, error) {
	if queue != "none" {
		return nil, errors.New("ants has no queue")
	}
	p, err := ants.NewPool(workers)
	return antsPool{p}, err
}

func (p antsPool) submit() {
	if err := p.Submit(taskRan); err != nil {
		fail(1, err)
	}
}

func (p antsPool) close() { p.Release() }
