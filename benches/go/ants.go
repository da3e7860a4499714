package main

import (
	"errors"
	"time"

	"github.com/panjf2000/ants/v2"
)

// antsPool is ants: Submit waits when every worker is busy. Idle workers expire after 10 s where
// tasks sleep, as in the benchmark that ants publishes, and else when ants wants them to.
type antsPool struct {
	*ants.Pool
	task func()
}

func openAnts(_, queue string, workers int) (pool, error) {
	if queue != "none" {
		return nil, errors.New("ants has no queue")
	}
	if napTime == 0 {
		p, err := ants.NewPool(workers)
		return antsPool{p, taskRan}, err
	}
	p, err := ants.NewPool(workers, ants.WithExpiryDuration(10*time.Second))
	return antsPool{p, sleepingTask}, err
}

func (p antsPool) submit() {
	if err := p.Submit(p.task); err != nil {
		fail(1, err)
	}
}

func (p antsPool) close() { p.Release() }
