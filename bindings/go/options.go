package antpool

import (
	"log"
	"os"
	"time"
)

// An Option changes one of the [Options] of a new pool. Options are applied in their order.
type Option func(opts *Options)

// Options says how a pool is to behave. The zero value is the default.
type Options struct {
	// ExpiryDuration is how long a worker may be idle before it exits, never earlier; rounded up
	// to milliseconds. 0 means [DefaultCleanIntervalTime]. A negative one is
	// [ErrInvalidPoolExpiry], unless DisablePurge is set.
	ExpiryDuration time.Duration

	// PreAlloc has everything that the pool needs for its workers allocated when it is made. Such a
	// pool has to have a limit, or else [ErrInvalidPreAllocSize], and cannot be tuned.
	PreAlloc bool

	// MaxBlockingTasks is how many goroutines may wait in Submit at one time; the next gets
	// [ErrPoolOverload]. 0 means any number; a negative number, none.
	MaxBlockingTasks int

	// Nonblocking has Submit return [ErrPoolOverload] instead of waiting when the pool is full.
	// SubmitContext, which says itself how long to wait, waits all the same.
	Nonblocking bool

	// PanicHandler is called with the value of each panic that leaves a task, on the stack of the
	// panic, and with an error for each C function that failed (antpool_task_fail). It belongs to
	// the task: the task's place is free when it has returned. A panic in it ends the program.
	// Without one, the value and the stack are given to the Logger.
	PanicHandler func(any)

	// Logger takes the lines of the pool. The default is a [log.Logger] that writes to os.Stderr.
	// It may be called by several goroutines at once.
	Logger Logger

	// DisablePurge has idle workers stay.
	DisablePurge bool

	// Goroutines runs Go functions on goroutines; the thread of the worker stands by until the
	// function returns. It is for pools of many functions that wait (for a channel, a timer, the
	// network): the Go runtime does not have to switch threads for them. A short function costs
	// several times as much, and one that blocks in C holds two threads.
	//
	// Such a function is not locked to a thread and may end by runtime.Goexit. Its calls do not count
	// as made inside the task: one that can only wait for the function itself waits, as in ants,
	// instead of returning [ErrDeadlock], and antpool_task_fail has no effect. SubmitC is not
	// affected. (Not in ants, where a worker is a goroutine.)
	Goroutines bool

	// QueueCapacity is how many tasks the pool takes beyond its size, to wait for a worker. A
	// negative number means any number. (Not in ants, where it is always 0.)
	QueueCapacity int

	// MinWorkers is how many workers are started with the pool and never expire; at most its size.
	// (Not in ants.)
	MinWorkers int

	// Name is what debuggers and top -H call the threads of the pool, cut to 15 bytes; "" means
	// "antpool". (Not in ants.)
	Name string

	// CPUs are the only ones, by number, that workers run on; none means those that the process may
	// use. One that it may not is [ErrInvalidOption]. (Not in ants.)
	CPUs []int

	// NiceIncrement is added to the nice value that the calling thread has, for the workers; where the
	// system does not allow that, [ErrUnsupported]. (Not in ants.)
	NiceIncrement int
}

// Logger takes formatted lines, as [log.Logger] does.
type Logger interface {
	// Printf has the meaning of log.Printf.
	Printf(format string, args ...any)
}

var defaultLogger Logger = log.New(os.Stderr, "[antpool]: ", log.LstdFlags|log.Lmsgprefix|log.Lmicroseconds)

func loadOptions(options []Option) Options {
	var opts Options
	for _, option := range options {
		option(&opts)
	}
	if opts.Logger == nil {
		opts.Logger = defaultLogger
	}
	return opts
}

// WithOptions replaces all options, those of earlier [Option]s too.
func WithOptions(options Options) Option {
	return func(opts *Options) { *opts = options }
}

// WithExpiryDuration sets [Options].ExpiryDuration.
func WithExpiryDuration(expiryDuration time.Duration) Option {
	return func(opts *Options) { opts.ExpiryDuration = expiryDuration }
}

// WithPreAlloc sets [Options].PreAlloc.
func WithPreAlloc(preAlloc bool) Option {
	return func(opts *Options) { opts.PreAlloc = preAlloc }
}

// WithMaxBlockingTasks sets [Options].MaxBlockingTasks.
func WithMaxBlockingTasks(maxBlockingTasks int) Option {
	return func(opts *Options) { opts.MaxBlockingTasks = maxBlockingTasks }
}

// WithNonblocking sets [Options].Nonblocking.
func WithNonblocking(nonblocking bool) Option {
	return func(opts *Options) { opts.Nonblocking = nonblocking }
}

// WithPanicHandler sets [Options].PanicHandler.
func WithPanicHandler(panicHandler func(any)) Option {
	return func(opts *Options) { opts.PanicHandler = panicHandler }
}

// WithLogger sets [Options].Logger.
func WithLogger(logger Logger) Option {
	return func(opts *Options) { opts.Logger = logger }
}

// WithDisablePurge sets [Options].DisablePurge.
func WithDisablePurge(disable bool) Option {
	return func(opts *Options) { opts.DisablePurge = disable }
}

// WithGoroutines sets [Options].Goroutines.
func WithGoroutines(goroutines bool) Option {
	return func(opts *Options) { opts.Goroutines = goroutines }
}

// WithQueueCapacity sets [Options].QueueCapacity.
func WithQueueCapacity(tasks int) Option {
	return func(opts *Options) { opts.QueueCapacity = tasks }
}

// WithMinWorkers sets [Options].MinWorkers.
func WithMinWorkers(workers int) Option {
	return func(opts *Options) { opts.MinWorkers = workers }
}

// WithName sets [Options].Name.
func WithName(name string) Option {
	return func(opts *Options) { opts.Name = name }
}

// WithCPUs sets [Options].CPUs.
func WithCPUs(cpus ...int) Option {
	return func(opts *Options) { opts.CPUs = cpus }
}

// WithNiceIncrement sets [Options].NiceIncrement.
func WithNiceIncrement(increment int) Option {
	return func(opts *Options) { opts.NiceIncrement = increment }
}
