//! One worker: takes tasks, runs them, sleeps, retires.

#![allow(
    unsafe_code,
    reason = "what a worker leaves outlives the frame that reads it"
)]

use std::cell::{Cell, OnceCell};
use std::sync::Arc;

use super::ThreadEngine;
use super::slot::Slot;
use crate::admission::{Deferred, Next, Retire, SpawnError, Workers};
use crate::capture::{self, Base};
use crate::clock::{self, Deadline};
use crate::current::Current;
use crate::engine::run_task::{Handoff, InCallback, Lost, RunTask};
use crate::engine::threads::Thread;
use crate::pool::Pool;
use crate::stats::WorkerCounts;
use crate::sync::{mutant, spin};
use crate::task::{Task, TaskFn};

/// Starts ordinary workers.
struct Spawner<'a>(&'a Worker);

impl Workers for Spawner<'_> {
    fn start(&self, index: usize) -> Result<(), SpawnError> {
        self.0
            .engine
            .spawn(Arc::clone(&self.0.pool), index, Handoff::default())
    }
}

/// Starts the worker that takes a lost one's place.
struct Successor<'a>(&'a Worker, &'a Handoff);

impl Workers for Successor<'_> {
    fn start(&self, index: usize) -> Result<(), SpawnError> {
        let Self(lost, handoff) = self;
        let successor = lost.engine.slot(index)?;
        successor.counts.take_over(&lost.slot.counts);
        let started = lost
            .engine
            .spawn(Arc::clone(&lost.pool), index, (*handoff).clone());
        if started.is_ok() {
            // The successor cannot end before the lock is free, and so joins this thread, or one that does.
            lost.earlier.set(lost.engine.threads.this_one_will_end());
        } else {
            lost.slot.counts.take_over(&successor.counts);
        }
        started
    }
}

/// One thread's view of its pool.
pub(super) struct Worker {
    pool: Arc<Pool>,
    engine: Arc<ThreadEngine>,
    slot: Arc<Slot>,
    current: Current,
    searching: Cell<bool>,
    /// The finishes it has deferred, once it has deferred one.
    deferred: OnceCell<Arc<Deferred>>,
    /// Where it goes on, or ends, when a task or a callback has ended its thread.
    base: Base,
    /// What is left to do there.
    handoff: Cell<Option<Handoff>>,
    /// Another worker has taken its place.
    replaced: Cell<bool>,
    /// The thread that this one joins when it ends.
    earlier: Cell<Option<Thread>>,
    /// The index by which the host knows it.
    index: Cell<usize>,
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Worker")
            .field("slot", &self.slot)
            .finish_non_exhaustive()
    }
}

impl RunTask for Worker {
    fn pool(&self) -> &Pool {
        &self.pool
    }

    fn counts(&self) -> &WorkerCounts {
        &self.slot.counts
    }

    fn current(&self) -> &Current {
        &self.current
    }

    fn calls(&self, function: TaskFn) {
        self.slot.counts.began(clock::ticks());
        self.slot.counts.begin(function as usize);
    }

    /// The duties of the thread go to another worker, or, if the system refuses one, stay with this one, which
    /// goes on until the gate lets it go.
    fn lose(&self, handoff: Handoff) -> ! {
        self.settle();
        let gate = self.pool.gate();
        if self.current.has_retired() {
            // Nobody has to take its place.
            gate.count_lost();
            handoff.write();
            drop(handoff);
        } else if gate.replace_lost(self.slot.index, &Successor(self, &handoff)) {
            self.replaced.set(true);
            self.handoff.take();
            drop(handoff);
        } else {
            self.handoff.set(Some(handoff));
        }
        self.go_back()
    }
}

impl Worker {
    pub(super) fn new(
        pool: Arc<Pool>,
        engine: Arc<ThreadEngine>,
        slot: Arc<Slot>,
        handoff: Handoff,
    ) -> Self {
        let current = Current::new(pool.address(), pool.observer().owner());
        Self {
            pool,
            engine,
            slot,
            current,
            searching: Cell::new(true),
            deferred: OnceCell::new(),
            base: Base::new(),
            handoff: Cell::new(Some(handoff)),
            replaced: Cell::new(false),
            earlier: Cell::new(None),
            index: Cell::new(0),
        }
    }

    /// The whole life of the thread.
    pub(super) fn live(self) {
        self.current.enter(|| {
            // Whatever the host's code does now takes its time, and others must not rely on this one.
            self.stop_searching();
            self.take_index();
            self.base.call(|| self.start_hook());
            while !self.replaced.get() && !self.base.call(|| self.serve()) {}
            if !self.replaced.get() {
                self.current.retire();
                self.base.call(|| {
                    self.call_back("a stop hook", false, || {
                        self.pool.observer().worker_stopped(self.index.get());
                    });
                });
            }
            self.give_index_back();
        });
        if self.replaced.get() {
            if let Some(earlier) = self.earlier.take() {
                earlier.join();
            }
        } else {
            self.engine.threads.this_one_ends();
            self.pool.thread_ends(self.slot.index);
        }
    }

    /// Models of pools have no host that would see it.
    fn take_index(&self) {
        if !cfg!(loom) {
            self.index.set(self.pool.roster().take(self.slot.index));
            self.current.set_index(Some(self.index.get()));
        }
    }

    fn give_index_back(&self) {
        if !cfg!(loom) {
            self.current.set_index(None);
            self.pool.roster().give_back(self.index.get());
        }
    }

    /// Calls the start hook. If that ends the thread no other is started, whose hook would do the same:
    /// this one goes on.
    fn start_hook(&self) {
        let lost = || -> Lost {
            self.pool.gate().count_lost();
            let handoff = self.handoff.take().unwrap_or_default();
            let line = "a start hook ended its thread".to_owned();
            self.handoff.set(Some(handoff.with_line(line)));
            self.go_back()
        };
        let hook = || self.pool.observer().worker_started(self.index.get());
        if let Err(message) = capture::callback(hook, &InCallback(lost)) {
            self.log(false, &format!("a start hook failed: {message}"));
        }
    }

    /// From a call that has ended the thread.
    fn go_back(&self) -> ! {
        // What was said of the callback that ended it.
        self.current.take_failure();
        self.base.go_back()
    }

    /// Runs tasks until the gate lets the worker go.
    fn serve(&self) {
        // It stays where it is meanwhile: what is on the stack is given up if the thread is lost again.
        // SAFETY: only this thread has it, and it is replaced only by `lose`, which never returns.
        let handoff = unsafe { &*self.handoff.as_ptr() };
        let mut go_on = match handoff {
            Some(handoff) => !self.take_over(handoff) || self.finish(),
            None => true,
        };
        self.handoff.take();
        while go_on {
            let Some(mut task) = self.next_task() else {
                return;
            };
            self.slot.counts.began(clock::ticks());
            self.slot.counts.begin(task.reported().0 as usize);
            self.pool
                .gate()
                .begin_task(self.slot.index, task.is_proxy());
            self.perform(&mut task);
            go_on = self.finish();
        }
        self.stop_searching();
    }

    /// Accounts for a task that has ended.
    #[inline]
    fn finish(&self) -> bool {
        self.pool.task_ends();
        self.slot.counts.complete_one();
        let gate = self.pool.gate();
        let hints = gate.hints();
        if hints.may_defer() {
            let new = || gate.deferred_by(self.slot.index);
            let deferred = self.deferred.get_or_init(new);
            if !gate.defer(deferred) {
                self.settle_all_of(deferred);
            }
        } else {
            let closed = gate.finish();
            self.settled(closed);
        }
        // [A10] Not before: a shrink in between would count the task, and nobody who runs it.
        self.slot.counts.end();
        gate.after_task(hints, self.slot.index, &Spawner(self)) == Next::Stay
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
        let closed = self.pool.gate().settle(deferred);
        self.settled(closed);
    }

    #[inline]
    fn settled(&self, closed: bool) {
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
        let mut kept = false;
        loop {
            if let Some(task) = self.look_for_a_while() {
                self.stop_searching();
                return Some(task);
            }
            if gate.is_unneeded() && gate.retire(false) == Retire::Leave {
                self.stop_searching();
                return None;
            }
            let expiry = self.pool.expiry().filter(|_| !kept);
            let deadline = expiry.map_or(Deadline::NEVER, |expiry| {
                Deadline::at(*idle_since.get_or_insert_with(clock::now), expiry)
            });
            // [W7] Whoever changes the expiry wakes the listed sleepers.
            let must_look = || {
                !queue.is_empty()
                    || gate.is_unneeded()
                    || !kept && self.pool.expiry() != expiry && !mutant("W7.look")
            };
            if !idle.register_sleeper(&self.slot, self.searching.get(), must_look) {
                self.searching.set(true);
                continue;
            }
            self.searching.set(true);
            if self.slot.parker.park_until(deadline) {
                continue;
            }
            if !idle.sleep_timed_out(&self.slot) {
                // Woken after all: the wake belongs to this sleep.
                self.slot.parker.park_until(Deadline::NEVER);
                continue;
            }
            self.searching.set(false);
            match gate.retire(true) {
                Retire::Leave => return None,
                // As good as having had the task that another worker took.
                Retire::Needed => idle_since = None,
                Retire::Kept => kept = true,
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
                return queue.pop_soon(spin::TASK_SOON);
            }
            self.searching.set(true);
        }
        self.engine.spin.spin(spin::TASK, || {
            if queue.is_empty() { None } else { queue.pop() }
        })
    }
}
