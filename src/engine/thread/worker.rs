//! One worker: takes tasks, runs them, sleeps, retires.

use std::cell::{Cell, OnceCell};
use std::sync::Arc;

use super::ThreadEngine;
use super::slot::Slot;
use crate::admission::{Deferred, Next, Refused, Retire, Workers};
use crate::capture;
use crate::clock::{self, Deadline};
use crate::current::Current;
use crate::engine::duty::{Duty, InCallback, Legacy};
use crate::pool::Pool;
use crate::stats::WorkerCounts;
use crate::sync::mutant;
use crate::task::Task;

/// Rounds of looking for a task before a worker lies down.
const ROUNDS: u32 = 20;

/// Looks before a worker lies down while another one searches: a microsecond or two.
const MOMENT: u32 = 60;

/// Starts ordinary workers.
struct Ordinary<'a>(&'a Worker);

impl Workers for Ordinary<'_> {
    fn start(&self, index: usize) -> Result<(), Refused> {
        self.0
            .engine
            .spawn(Arc::clone(&self.0.pool), index, Legacy::default())
    }
}

/// Starts the worker that takes a lost one's place.
struct Heir<'a>(&'a Worker, &'a Legacy);

impl Workers for Heir<'_> {
    fn start(&self, index: usize) -> Result<(), Refused> {
        self.0
            .engine
            .spawn(Arc::clone(&self.0.pool), index, self.1.clone())
    }
}

/// One thread's view of its pool.
#[derive(Debug)]
pub(super) struct Worker {
    pool: Arc<Pool>,
    engine: Arc<ThreadEngine>,
    slot: Arc<Slot>,
    current: Current,
    searching: Cell<bool>,
    /// The finishes it has deferred, once it has deferred one.
    deferred: OnceCell<Arc<Deferred>>,
}

impl Duty for Worker {
    fn pool(&self) -> &Pool {
        &self.pool
    }

    fn counts(&self) -> &WorkerCounts {
        &self.slot.counts
    }

    fn current(&self) -> &Current {
        &self.current
    }

    /// The duties of the thread go to another worker, or, if the system refuses one, are carried out
    /// from here until the gate lets the worker go.
    fn lose(&self, legacy: Legacy) {
        self.settle();
        let gate = self.pool.gate();
        if self.current.has_retired() {
            // Nobody has to take its place.
            gate.count_lost();
            legacy.write();
            gate.thread_ends(self.slot.index);
        } else if gate.replace_lost(self.slot.index, &Heir(self, &legacy)) {
            // Nothing of this thread's is ever dropped again.
            drop(legacy);
        } else {
            self.serve_on_lost_thread(legacy);
        }
        self.engine.threads.abandon_this_one();
    }
}

impl Worker {
    pub(super) fn new(pool: Arc<Pool>, engine: Arc<ThreadEngine>, slot: Arc<Slot>) -> Self {
        let current = Current::new(pool.address(), pool.observer().owner());
        Self {
            pool,
            engine,
            slot,
            current,
            searching: Cell::new(true),
            deferred: OnceCell::new(),
        }
    }

    /// The whole life of the thread.
    pub(super) fn live(self, legacy: Legacy) {
        self.current.enter(|| {
            // Whatever the host's code does now takes its time, and others must not rely on this one.
            self.stop_searching();
            self.start_hook(&legacy);
            self.serve(legacy);
            self.current.retire();
            self.call_back("a stop hook", false, || {
                self.pool.observer().worker_stopped(self.slot.index);
            });
        });
        self.engine.threads.this_one_ends();
        self.pool.gate().thread_ends(self.slot.index);
    }

    /// Calls the start hook. If that ends the thread no other is started, whose hook would do the same:
    /// this one goes on serving from inside.
    fn start_hook(&self, legacy: &Legacy) {
        let lost = || {
            self.pool.gate().count_lost();
            self.serve_on_lost_thread(legacy.with_line("a start hook ended its thread"));
            self.engine.threads.abandon_this_one();
        };
        let hook = || self.pool.observer().worker_started(self.slot.index);
        if let Err(message) = capture::callback(hook, &InCallback(lost)) {
            self.log(false, &format!("a start hook failed: {message}"));
        }
    }

    /// Goes on serving where nobody takes the place of a thread that is being unwound.
    fn serve_on_lost_thread(&self, legacy: Legacy) {
        // What was said of the callback that ended it.
        self.current.take_failure();
        self.serve(legacy);
        self.pool.gate().thread_ends(self.slot.index);
    }

    /// Runs tasks until the gate lets the worker go.
    fn serve(&self, legacy: Legacy) {
        let mut go_on = !self.take_over(&legacy) || self.finish();
        while go_on {
            let Some(mut task) = self.next_task() else {
                return;
            };
            self.perform(&mut task);
            go_on = self.finish();
        }
        self.stop_searching();
    }

    /// Accounts for a task that has ended.
    #[inline]
    fn finish(&self) -> bool {
        self.slot.counts.completed.add(1);
        let gate = self.pool.gate();
        let hints = gate.hints();
        if hints.may_defer() {
            let new = || gate.deferred_by(self.slot.index);
            let deferred = self.deferred.get_or_init(new);
            if !gate.defer(deferred) {
                self.settle_all_of(deferred);
            }
            return true;
        }
        let closed = gate.finish();
        self.settled(1, closed);
        gate.after_task(hints, &Ordinary(self)) == Next::Stay
    }

    /// Settles what it has deferred.
    #[inline]
    fn settle(&self) {
        if let Some(deferred) = self.deferred.get() {
            if !deferred.is_empty() {
                self.settle_all_of(deferred);
            }
        }
    }

    fn settle_all_of(&self, deferred: &Deferred) {
        let (count, closed) = self.pool.gate().settle(deferred);
        self.settled(count, closed);
    }

    #[inline]
    fn settled(&self, count: usize, closed: bool) {
        self.slot.counts.settled.add(count as u64);
        // [W4] In a closed pool one task fewer may be what lets a sleeper go.
        if closed && self.engine.idle.has_sleepers() && !mutant("W4") {
            self.engine.idle.wake_all();
        }
    }

    /// The next task; `None` if the worker does not count any more.
    #[inline]
    fn next_task(&self) -> Option<Task> {
        match self.pool.queue().pop() {
            Some(task) => {
                self.stop_searching();
                Some(task)
            }
            None => {
                self.settle();
                self.search()
            }
        }
    }

    fn stop_searching(&self) {
        if self.searching.replace(false) {
            self.engine
                .idle
                .end_search(|| !self.pool.queue().is_empty());
        }
    }

    #[cold]
    fn search(&self) -> Option<Task> {
        let (gate, queue, idle) = (self.pool.gate(), self.pool.queue(), &self.engine.idle);
        let mut idle_since = None;
        let mut expiry = self.pool.expiry();
        loop {
            if let Some(task) = self.look_for_a_while() {
                self.stop_searching();
                return Some(task);
            }
            if gate.is_unneeded() && gate.retire(false) == Retire::Leave {
                self.stop_searching();
                return None;
            }
            let deadline = expiry.map_or(Deadline::NEVER, |expiry| {
                Deadline::at(*idle_since.get_or_insert_with(clock::now), expiry)
            });
            let must_look = || !queue.is_empty() || gate.is_unneeded();
            if !idle.lie_down(&self.slot, self.searching.get(), must_look) {
                self.searching.set(true);
                continue;
            }
            self.searching.set(true);
            if self.slot.parker.park_until(deadline) {
                continue;
            }
            if !idle.get_up_late(&self.slot) {
                // Woken after all: the wake belongs to this sleep.
                self.slot.parker.park_until(Deadline::NEVER);
                continue;
            }
            self.searching.set(false);
            match gate.retire(true) {
                Retire::Leave => return None,
                // As good as having had the task that another worker took.
                Retire::Needed => idle_since = None,
                Retire::Kept => expiry = None,
            }
        }
    }

    /// Looks at the queue, and if nobody else does so keeps looking for as long as it would cost to
    /// be woken.
    fn look_for_a_while(&self) -> Option<Task> {
        let queue = self.pool.queue();
        if let Some(task) = queue.pop() {
            return Some(task);
        }
        if !self.pool.may_spin() {
            return None;
        }
        if !self.searching.get() {
            if !self.engine.idle.try_begin_search() {
                // That one may be waiting for a CPU, and this one has one.
                return queue.pop_soon(MOMENT);
            }
            self.searching.set(true);
        }
        self.engine
            .lookout
            .look(ROUNDS, || if queue.is_empty() { None } else { queue.pop() })
    }
}
