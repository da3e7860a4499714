//! The pool: admission, queue and engine put together. The safe core behind the C layer.

#![forbid(unsafe_code)]

use std::cell::Cell;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::admission::{Caller, Gate, Patience, Refused, TASKS_MAX, Workers};
use crate::clock::{self, Deadline};
use crate::config::Config;
use crate::current::Current;
use crate::engine::Engine;
#[cfg(not(loom))]
use crate::engine::fiber::FiberEngine;
use crate::engine::thread::ThreadEngine;
use crate::errno::Errno;
use crate::error::Error;
use crate::fork;
use crate::observer::Observer;
use crate::queue::Queue;
use crate::stats::{Counter, Stats};
use crate::sync::{looks, spin_loop};
use crate::task::Task;

/// Of so many tasks that a thread submits, one is timed.
const SAMPLE: u32 = 64;

/// Looks at what is left before a wait falls asleep.
const PATIENCE: u32 = 10;

/// A pool of workers.
pub(crate) struct Pool {
    gate: Gate,
    queue: Queue,
    engine: Arc<dyn Engine>,
    observer: Arc<dyn Observer>,
    config: Config,
    may_spin: bool,
    /// The process it was made in.
    born: u32,
    this: Weak<Pool>,
    rejected: Counter,
    timed_out: Counter,
    submitted: Counter,
}

/// Starts this pool's workers.
struct Starter<'a>(&'a Pool);

impl Workers for Starter<'_> {
    fn start(&self, index: usize) -> Result<(), Refused> {
        let pool = self.0.this.upgrade().ok_or(Refused)?;
        self.0.engine.start(pool, index)
    }
}

impl Pool {
    /// An open pool without workers.
    pub(crate) fn new(config: Config, observer: Arc<dyn Observer>) -> Result<Arc<Self>, Error> {
        config.check()?;
        fork::watch();
        let queue = match config.capacity {
            Some(capacity) if config.pre_alloc => Queue::fixed(
                capacity
                    .saturating_add(config.queue_capacity)
                    .min(TASKS_MAX),
            )?,
            _ => Queue::growing(),
        };
        let engine = Self::engine(&config)?;
        Ok(Arc::new_cyclic(|this| Self {
            gate: Gate::new(&config),
            queue,
            engine,
            observer,
            may_spin: crate::sync::can_spin(),
            born: fork::generation(),
            this: Weak::clone(this),
            config,
            rejected: Counter::default(),
            timed_out: Counter::default(),
            submitted: Counter::default(),
        }))
    }

    #[cfg(not(loom))]
    fn engine(config: &Config) -> Result<Arc<dyn Engine>, Error> {
        Ok(if config.fibers {
            FiberEngine::new(config)?
        } else {
            ThreadEngine::new(config)?
        })
    }

    /// Models have threads only.
    #[cfg(loom)]
    fn engine(config: &Config) -> Result<Arc<dyn Engine>, Error> {
        Ok(ThreadEngine::new(config)?)
    }

    /// A new pool like this one, with the capacity this one has now.
    pub(crate) fn renewed(&self) -> Result<Arc<Self>, Error> {
        let config = Config {
            capacity: self.gate.capacity(),
            ..self.config.clone()
        };
        Self::new(config, Arc::clone(&self.observer))
    }

    /// Starts the workers that are to be there from the start.
    pub(crate) fn start_min_workers(&self) -> Result<(), Error> {
        self.gate.start_min_workers(&Starter(self))
    }

    /// Whether it belongs to the parent of this process.
    #[inline]
    pub(crate) fn is_foreign(&self) -> bool {
        self.born != fork::generation()
    }

    /// Has a task run, sooner or later, exactly once.
    #[inline]
    pub(crate) fn submit(&self, task: Task, patience: Patience) -> Result<(), Error> {
        if self.gate.accept_on_sight(1) == 0 {
            return self.submit_when_there_is_room(task, patience);
        }
        self.push(task);
        self.engine.task_pushed(self);
        Ok(())
    }

    #[cold]
    fn submit_when_there_is_room(&self, task: Task, patience: Patience) -> Result<(), Error> {
        let _stay = self.stay();
        self.accept(patience)?;
        self.push(task);
        self.engine.task_pushed(self);
        Ok(())
    }

    /// Submits `count` tasks; says how many were accepted.
    pub(crate) fn submit_batch(
        &self,
        count: usize,
        patience: Patience,
        mut task: impl FnMut(usize) -> Task,
    ) -> (usize, Result<(), Error>) {
        let _stay = self.stay();
        let mut done = 0;
        if count == 0 && self.is_closed() {
            return (0, Err(Error::Closed));
        }
        while done < count {
            let mut accepted = self.gate.accept_on_sight(count - done);
            if accepted == 0 {
                if let Err(error) = self.accept(patience) {
                    return (done, Err(error));
                }
                accepted = 1;
            }
            for index in done..done + accepted {
                self.push(task(index));
            }
            self.engine.task_pushed(self);
            done += accepted;
        }
        (done, Ok(()))
    }

    /// Keeps the pool's memory for a call that may be blocked on it when it is destroyed: such a call
    /// is let go first, but it still has to find its way out. Keeps the caller's errno, too.
    fn stay(&self) -> (Option<Arc<Self>>, Errno) {
        (self.itself(), Errno::kept())
    }

    /// The pool, to be kept.
    pub(crate) fn itself(&self) -> Option<Arc<Self>> {
        self.this.upgrade()
    }

    #[cold]
    fn accept(&self, patience: Patience) -> Result<(), Error> {
        let waits = matches!(patience, Patience::Until(deadline) if !deadline.has_passed());
        // A fiber has better things to do than to look at the same thing again and again.
        let looks = waits && self.may_spin && Current::suspender().is_none();
        if looks && (self.gate.accept_soon() || self.accept_after_a_while()) {
            return Ok(());
        }
        let caller = if Current::counts_in(self.address()) {
            Caller::Worker
        } else {
            Caller::Outsider
        };
        let result = self.gate.accept(patience, caller, &Starter(self));
        match result {
            Err(Error::TimedOut) => self.timed_out.count_shared(),
            Err(Error::Closed) | Ok(()) => {}
            Err(_) => self.rejected.count_shared(),
        }
        result
    }

    /// Looks for room for about as long as it would take to fall asleep and be woken.
    fn accept_after_a_while(&self) -> bool {
        let mut accepted = false;
        self.engine
            .watch(self, &mut || accepted = self.gate.accept_after_a_while());
        accepted
    }

    #[inline]
    fn push(&self, mut task: Task) {
        if is_sampled() {
            task.stamp(clock::now());
        }
        self.queue.push(task);
    }

    /// How a plain submit behaves on a full pool.
    #[inline]
    pub(crate) fn patience(&self) -> Patience {
        if self.config.nonblocking {
            Patience::Never
        } else {
            Patience::Until(Deadline::NEVER)
        }
    }

    /// The capacity; `None` is unlimited.
    pub(crate) fn capacity(&self) -> Option<usize> {
        self.gate.capacity()
    }

    /// Live workers.
    pub(crate) fn running(&self) -> usize {
        self.gate.live()
    }

    /// Workers with a task.
    pub(crate) fn busy(&self) -> usize {
        self.gate.unfinished().min(self.gate.live())
    }

    /// How many submits would be accepted now; `None` is unlimited.
    pub(crate) fn available(&self) -> Option<usize> {
        self.gate.available()
    }

    /// Callers that wait to submit.
    pub(crate) fn waiting(&self) -> usize {
        self.gate.waiting()
    }

    /// Whether it is closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.gate.is_closed()
    }

    /// One consistent look.
    pub(crate) fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        // Counters first: a task that is settled between here and the snapshot is in neither figure,
        // and one that is completed but not settled only in the snapshot's. So the sum below is never
        // more than was submitted.
        self.engine.add_counts(&mut stats);
        let snapshot = self.gate.snapshot();
        stats.settled += snapshot.counts.collected;
        let accepted = snapshot.accepted;
        let busy = accepted.min(snapshot.running);
        Stats {
            capacity: self.gate.capacity(),
            running: snapshot.running,
            busy,
            queued: accepted - busy,
            waiting: snapshot.waiting,
            peak_running: snapshot.counts.peak_running,
            peak_waiting: snapshot.counts.peak_waiting,
            submitted: self
                .submitted
                .raise_shared(stats.completed.max(stats.settled + accepted as u64)),
            rejected: self.rejected.get(),
            timed_out: self.timed_out.get(),
            spawned: snapshot.counts.spawned,
            purged: snapshot.counts.purged,
            lost: snapshot.counts.lost,
            spawn_failures: snapshot.counts.spawn_failures,
            ..stats
        }
    }

    /// Changes the capacity.
    pub(crate) fn tune(&self, capacity: usize) -> Result<(), Error> {
        let _stay = self.stay();
        self.gate.tune(capacity, &Starter(self))?;
        if self.gate.has_surplus() {
            self.engine.look_again(self);
        }
        Ok(())
    }

    /// Waits for an instant at which no accepted task is unfinished.
    pub(crate) fn wait(&self, deadline: Deadline) -> Result<(), Error> {
        if self.is_current() {
            return Err(Error::Deadlock);
        }
        if self.is_done_soon() {
            return Ok(());
        }
        let _stay = self.stay();
        self.gate.wait(deadline)
    }

    /// Whether everything accepted ends at once: in much less than it takes to fall asleep. No longer,
    /// since a worker that has just been woken may be waiting for this very CPU.
    fn is_done_soon(&self) -> bool {
        let spins = self.may_spin && Current::suspender().is_none();
        (0..looks(if spins { PATIENCE } else { 1 })).any(|_| {
            let done = self.gate.accepted() == 0;
            if !done {
                spin_loop();
            }
            done
        })
    }

    /// Closes it.
    pub(crate) fn release(&self) {
        let _stay = self.stay();
        // [W4] Who sleeps has to learn of it.
        if self.gate.close() && !crate::sync::mutant("W4") {
            self.engine.look_again(self);
        }
    }

    /// Closes it and waits until every worker has exited.
    pub(crate) fn release_and_wait(&self, deadline: Deadline) -> Result<(), Error> {
        if self.is_current() {
            return Err(Error::Deadlock);
        }
        let _stay = self.stay();
        self.release();
        self.gate.wait_until_drained(deadline)?;
        self.engine.reap();
        Ok(())
    }

    /// Opens it again.
    pub(crate) fn reboot(&self) -> Result<(), Error> {
        let _stay = self.stay();
        let result = self.gate.reopen(&Starter(self));
        if result.is_err() {
            // Those of min_workers that were granted are not needed.
            self.engine.look_again(self);
        }
        result
    }

    /// Closes it and waits until every worker has exited and no call is blocked on it.
    pub(crate) fn shut_down(&self) {
        let _errno = Errno::kept();
        loop {
            self.release();
            // Closed is as good as done: somebody else has been told. A reboot that is under way is
            // undone.
            if self.gate.wait_until_drained(Deadline::NEVER) != Err(Error::Canceled) {
                break;
            }
        }
        self.gate.wait_until_left();
        self.engine.reap();
    }

    /// Whether the caller is inside one of its tasks.
    pub(crate) fn is_current(&self) -> bool {
        Current::is_in(self.address())
    }

    /// What tells this pool from others.
    pub(crate) fn address(&self) -> *const () {
        std::ptr::from_ref(self).cast()
    }

    /// Its admission, for the engine.
    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Its queue, for the engine.
    pub(crate) fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Whom to tell what happens.
    pub(crate) fn observer(&self) -> &dyn Observer {
        &*self.observer
    }

    /// How long an idle worker stays; `None` is for ever.
    pub(crate) fn expiry(&self) -> Option<Duration> {
        self.config.expiry
    }

    /// Whether a failed task that nobody handles ends the process.
    pub(crate) fn aborts_on_panic(&self) -> bool {
        self.config.abort_on_panic
    }

    /// Whether looking a little longer can be worth it: another CPU may bring a task meanwhile.
    pub(crate) fn may_spin(&self) -> bool {
        self.may_spin
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Pool")
            .field("gate", &self.gate)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// Whether the task that the calling thread submits now is to be timed.
#[cfg(not(loom))]
#[inline]
fn is_sampled() -> bool {
    thread_local! {
        static SUBMITTED: Cell<u32> = const { Cell::new(0) };
    }
    let count = SUBMITTED.try_with(|count| count.replace(count.get().wrapping_add(1)));
    count.is_ok_and(|count| count % SAMPLE == 0)
}

/// Models have no clock.
#[cfg(loom)]
fn is_sampled() -> bool {
    let _ = (Cell::new(SAMPLE), clock::now);
    false
}
