package main

import (
	"errors"
	"strconv"
	"sync"
)

// goroutines is no pool: one goroutine for each task, at most cap(places) at a time, or, without
// places, all at once.
type goroutines struct{ places chan struct{} }

func openGoroutines(with params) (pool, error) {
	if with.queue != "none" {
		return nil, errors.New("goroutines have no queue")
	}
	if with.name == "goroutines" {
		return goroutines{}, nil
	}
	return goroutines{make(chan struct{}, with.workers)}, nil
}

func (g goroutines) submit() {
	if g.places == nil {
		go task()
		return
	}
	g.places <- struct{}{}
	go func() {
		task()
		<-g.places
	}()
}

func (g goroutines) close() {}

// channel is the worker pool of many Go programs: workers that range over a channel of functions,
// which holds as many as the queue has places.
type channel struct {
	tasks   chan func()
	workers *sync.WaitGroup
}

func openChannel(with params) (pool, error) {
	places, err := 0, error(nil)
	if with.queue != "none" {
		if places, err = strconv.Atoi(with.queue); err != nil {
			return nil, errors.New("a channel has a limit")
		}
	}
	c := channel{make(chan func(), places), new(sync.WaitGroup)}
	for range with.workers {
		c.workers.Go(func() {
			for run := range c.tasks {
				run()
			}
		})
	}
	return c, nil
}

func (c channel) submit() { c.tasks <- task }

func (c channel) close() {
	close(c.tasks)
	c.workers.Wait()
}
