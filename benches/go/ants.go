package main

import (
	"errors"
	"time"

	"github.com/panjf2000/ants/v2"
)

// antsPool is ants: Submit waits when every worker is busy. Idle workers expire after 10 s where
// tasks sleep, as in the benchmark that ants publishes, and else when ants wants them to.
type antsPool struct{ *ants.Pool }

func openAnts(with params) (pool, error) {
	if with.queue != "none" {
		return nil, errors.New("ants has no queue")
	}
	var options []ants.Option
	if with.sleeps {
		options = append(options, ants.WithExpiryDuration(10*time.Second))
	}
	p, err := ants.NewPool(with.workers, options...)
	return antsPool{p}, err
}

func (p antsPool) submit() {
	if err := p.Submit(task); err != nil {
		fail(1, err)
	}
}

func (p antsPool) close() { p.Release() }
