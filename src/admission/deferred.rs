//! Finishes that are put off while nobody needs to know of them (README, "Deferred finishes").

use std::sync::Arc;

use crossbeam_utils::CachePadded;

use super::control::Control;
use super::word::{CLOSED, METERED_WORD, QUIESCENCE, WAITERS};
use super::{DEFER, Gate, Hints, TASKS_MAX};
use crate::memory;
use crate::sync::{AtomicU32, Ordering, fence_in_models, mutant, seq_cst_unless};

/// One finish in [`DEFER`].
const DEFER_ONE: u32 = DEFER & DEFER.wrapping_neg();

/// How many finishes one worker has deferred. It adds; whoever needs to know takes them.
#[derive(Debug, Default)]
pub(crate) struct Deferred(CachePadded<AtomicU32>);

impl Deferred {
    /// The number at which a worker settles on its own.
    const MOST: usize = 32;

    /// Whether there are none, for the worker itself.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        // ORDERING: Relaxed; the worker has added them, and what others took they have settled.
        self.0.load(Ordering::Relaxed) == 0
    }

    fn take(&self) -> usize {
        // ORDERING: Acquire pairs with the Release of `defer`; the finish that follows passes on what
        // the tasks wrote (O2). [O4]
        self.0.swap(0, Ordering::SeqCst) as usize
    }
}

impl Hints {
    /// Whether a worker may try to defer the finish.
    #[inline]
    pub(crate) fn may_defer(self) -> bool {
        self.0 & DEFER != 0
    }
}

impl Gate {
    /// The account of the worker with that index.
    #[cold]
    pub(crate) fn deferred_by(&self, index: usize) -> Arc<Deferred> {
        let accounts = &mut self.lock().deferred;
        while accounts.len() <= index {
            memory::insist(|| accounts.try_reserve(1));
            accounts.push(Arc::default());
        }
        Arc::clone(&accounts[index])
    }

    /// Defers a finish. False if the worker has to settle what it has deferred now.
    #[inline]
    pub(crate) fn defer(&self, deferred: &Deferred) -> bool {
        // ORDERING: [O4] The account is written before the hints are read.
        let before = deferred
            .0
            .fetch_add(1, seq_cst_unless("shipped.A9", Ordering::AcqRel));
        fence_in_models();
        let hints = self.hints.load(Ordering::SeqCst);
        let most = if mutant("A9") { DEFER } else { hints & DEFER };
        (before + 1) * DEFER_ONE < most
    }

    /// A worker settles what it has deferred. Says, as [`Gate::finish`] does, whether the pool is closed.
    pub(crate) fn settle(&self, deferred: &Deferred) -> bool {
        let count = deferred.take();
        if count > 0 {
            return self.finish_many(count);
        }
        // Somebody else was faster, who cannot wake for this worker.
        let word = self.look();
        if word.has(WAITERS) && !mutant("A9.waiters") {
            self.look_after_finish(word, 0, 0);
        }
        word.has(CLOSED)
    }

    /// Settles what all workers have deferred.
    pub(super) fn collect(&self, control: &mut Control) {
        let accounts = control.deferred.iter();
        let count: usize = accounts
            // ORDERING: [O4]
            .filter(|account| account.0.load(Ordering::SeqCst) > 0)
            .map(|account| account.take())
            .sum();
        if count == 0 {
            return;
        }
        let before = self.subtract(count);
        if before.has(METERED_WORD) {
            // [A10] A shrink has counted them as accepted.
            self.count_finished(control, count);
        }
        if before.has(QUIESCENCE) {
            self.notify_quiescence(control);
        }
    }

    /// Nothing is deferred any more, and nothing is left of what was.
    pub(super) fn stop_deferring(&self, control: &mut Control) {
        // ORDERING: Relaxed; written under the lock only.
        let hints = self.hints.load(Ordering::Relaxed);
        if hints & DEFER == 0 {
            return;
        }
        // ORDERING: [O4] The hints are written before the accounts are read.
        self.hints.store(hints & !DEFER, Ordering::SeqCst);
        fence_in_models();
        self.collect(control);
    }

    /// How many finishes each worker may defer, in [`DEFER`]. All of them together take less than half
    /// of the queue; and none where a worker can be started or has to leave, in a pause, or where somebody waits in the wait queue:
    /// then only those who ask for figures need to know how many tasks have finished.
    pub(super) fn may_defer(&self, control: &Control) -> u32 {
        let capacity = control.capacity;
        let busy = control.metering.is_some() || control.paused || !control.wait_queue.is_empty();
        if control.live != capacity || control.closed || busy {
            return 0;
        }
        let places = self.limit_of(capacity) - capacity.min(TASKS_MAX);
        let each = (places / 2 / capacity.max(1)).min(Deferred::MOST);
        each as u32 * DEFER_ONE
    }

    /// Accepted and unfinished tasks, to the last one.
    pub(crate) fn unfinished(&self) -> usize {
        // ORDERING: Relaxed; who has heard of a task's end from the task itself reads it after.
        if self.hints.load(Ordering::Relaxed) & DEFER != 0 {
            self.collect(&mut self.lock());
        }
        self.accepted()
    }
}

/// See `models.rs`.
#[cfg(all(test, any(loom, miri)))]
mod models {
    use super::super::models::{Granted, explore, gate, spawn};
    use super::super::{Caller, WaitPolicy};
    use super::*;
    use crate::clock::Deadline;
    use crate::config::QUEUE_UNBOUNDED;

    /// What a worker does with a task that has ended, and then because there is no other.
    fn finish(gate: &Gate, deferred: &Deferred) {
        let hints = gate.hints();
        if !hints.may_defer() {
            gate.finish();
        } else if !gate.defer(deferred) {
            gate.settle(deferred);
        }
    }

    /// [A9] A worker that defers and a close: whoever is later settles, and only one of them.
    #[test]
    fn a9_nothing_stays_deferred_in_a_closed_pool() {
        explore(|| {
            let gate = gate(1, QUEUE_UNBOUNDED, 1, 1);
            let deferred = gate.deferred_by(0);
            let worker = spawn!(gate, deferred; finish(&gate, &deferred));
            gate.close();
            worker.join().unwrap();
            assert_eq!(gate.accepted(), 0);
        });
    }

    /// [A9] A pool that grows starts no worker for a task that has finished already.
    #[test]
    fn a9_nothing_stays_deferred_in_a_pool_that_grows() {
        explore(|| {
            let gate = gate(2, QUEUE_UNBOUNDED, 2, 2);
            assert_eq!(gate.try_accept(1), 1);
            finish(&gate, &gate.deferred_by(0));
            let deferred = gate.deferred_by(1);
            let worker = spawn!(gate, deferred; finish(&gate, &deferred));
            gate.tune(3, &Granted).expect("tunable");
            worker.join().unwrap();
            assert_eq!((gate.accepted(), gate.live()), (1, 2));
        });
    }

    /// [A9] A look settles the finish that a waiting caller needs: the worker has the caller woken.
    #[test]
    fn a9_a_caller_waits_for_a_place_that_a_look_has_settled() {
        crate::sync::explore(2, || {
            let gate = gate(1, 4, 1, 1);
            assert_eq!(gate.try_accept(4), 4);
            let caller = spawn!(gate; {
                let wait = WaitPolicy::Until(Deadline::NEVER);
                gate.accept(wait, Caller::Outsider, &Granted)
            });
            let looker = spawn!(gate; gate.snapshot().accepted);
            finish(&gate, &gate.deferred_by(0));
            assert_eq!(caller.join().unwrap(), Ok(()));
            looker.join().unwrap();
        });
    }

    /// [A9] A wait ends whoever settles the last finish.
    #[test]
    fn a9_a_wait_ends_if_a_look_settles_the_last_finish() {
        explore(|| {
            let gate = gate(1, QUEUE_UNBOUNDED, 1, 1);
            let deferred = gate.deferred_by(0);
            let worker = spawn!(gate, deferred; {
                finish(&gate, &deferred);
                gate.settle(&deferred);
            });
            let looker = spawn!(gate; gate.snapshot().accepted);
            gate.wait(Deadline::NEVER).expect("no deadline");
            worker.join().unwrap();
            assert!(looker.join().unwrap() <= 1);
            assert_eq!(gate.accepted(), 0);
        });
    }
}
