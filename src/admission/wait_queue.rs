//! The slow way in: starting a worker, or joining the wait queue (README, "Submit" and "The wait queue").

use std::sync::Arc;

use super::checks::Locked;
use super::control::Control;
use super::waiter::WaitOutcome;
use super::word::{NOTIFIED, WAITERS, Word};
use super::{Caller, Gate, WaitPolicy, Workers};
use crate::clock::Deadline;
use crate::error::Error;
use crate::sync::mutant;

/// What came of one attempt under the lock.
enum Attempt {
    Accepted,
    Full,
    Failed(Error),
}

impl Gate {
    pub(super) fn wait_accept(
        &self,
        policy: WaitPolicy,
        caller: Caller,
        workers: &dyn Workers,
    ) -> Result<(), Error> {
        let mut control = self.lock();
        // Whether there is room is a question now.
        self.stop_deferring(&mut control);
        let may_take = control.wait_queue.is_empty() || self.entrance.barging.take();
        match self.attempt(&mut control, may_take, workers) {
            Attempt::Accepted => {
                self.notify_waiters(control);
                return Ok(());
            }
            Attempt::Failed(error) => return Err(error),
            Attempt::Full => {}
        }
        let WaitPolicy::Until(deadline) = policy else {
            return Err(Error::Overload);
        };
        if control.wait_queue.len() >= self.limits.max_waiting {
            return Err(Error::Overload);
        }
        let worker = caller != Caller::Outsider && deadline.is_never();
        // [A6] A carrier that waited would stop every fiber that it runs, and one of those may be the last that
        // could make room.
        let last = control.wait_queue.workers() + 1 == control.live && self.is_stuck(&control);
        if worker && (last || caller == Caller::Carrier) {
            return Err(Error::Deadlock);
        }
        if deadline.has_passed() {
            return Err(Error::TimedOut);
        }
        control.wait_queue.reserve_one()?;
        control.waiter_cache.reserve_one()?;
        if control.wait_queue.is_empty() {
            self.entrance.barging.begin_anew();
        }
        let waiter = control.waiter_cache.take();
        control.wait_queue.join(Arc::clone(&waiter), worker);
        control.counts.peak_waiting = control.counts.peak_waiting.max(control.wait_queue.len());
        let result = loop {
            let retry = control
                .refused
                .map_or(Deadline::NEVER, |backoff| backoff.until());
            let starved = control.live < control.capacity && control.wait_queue.is_first(&waiter);
            let until = if starved {
                deadline.earlier(retry)
            } else {
                deadline
            };
            self.notify_waiters(control);
            waiter.sleep(until);
            control = self.lock();
            match waiter.outcome() {
                WaitOutcome::Waiting => {}
                WaitOutcome::Deadlock => break Err(Error::Deadlock),
                _ => break Err(Error::Closed),
            }
            if control.wait_queue.is_first(&waiter) {
                match self.attempt(&mut control, true, workers) {
                    Attempt::Accepted => break Ok(()),
                    Attempt::Failed(error) => break Err(error),
                    Attempt::Full => {}
                }
                if control.wait_queue.woke_in_vain() {
                    self.entrance.barging.end();
                }
                // [A5] Not on its way any more; the next room has to wake it again.
                control.wait_queue.set_notified(mutant("A5"));
            }
            if deadline.has_passed() {
                break Err(Error::TimedOut);
            }
        };
        if control.wait_queue.leave(&waiter) {
            self.entrance.barging.begin_anew();
        }
        control.waiter_cache.give_back(waiter);
        if control.live < control.capacity && !mutant("A5.refused") {
            // The system refuses workers: the new first waiter has to keep asking it.
            control.wait_queue.notify_first();
        }
        self.notify_last(&mut control);
        self.notify_waiters(control);
        result
    }

    /// Tries to have one task accepted, without waiting for anything but the system.
    fn attempt(&self, control: &mut Control, may_take: bool, workers: &dyn Workers) -> Attempt {
        if control.closed {
            return Attempt::Failed(Error::Closed);
        }
        if !may_take {
            return Attempt::Full;
        }
        if self
            .update(|word| (word.room() > 0).then(|| word.accept(1)))
            .is_ok()
        {
            return Attempt::Accepted;
        }
        if control.live >= control.capacity {
            return Attempt::Full;
        }
        if control.may_start() && self.start_one(control, workers) {
            // [A1] The worker and the task it is there for are counted in one step.
            self.rebase(control, 1);
            // The system grants again: those that were queued while it did not get theirs now.
            self.start_for_queued(control, workers);
            return Attempt::Accepted;
        }
        if control.live == 0 && !mutant("A3") {
            return Attempt::Failed(Error::Spawn);
        }
        // [A3] The queue is open as long as a granted worker is there to drain it, and no longer than
        // it would be with the workers that there are.
        let limit = self.limit_of(control.live);
        match self.update(|word| (word.accepted() < limit).then(|| word.accept(1))) {
            Ok(_) => Attempt::Accepted,
            Err(_) => Attempt::Full,
        }
    }

    /// Whether the first waiter would get in if it tried.
    fn could_admit(&self, control: &Control, word: Word) -> bool {
        let queue_open = control.live > 0 && word.accepted() < self.limit_of(control.live);
        word.room() > 0 || (control.live < control.capacity && (queue_open || control.may_start()))
    }

    /// Whether nothing but a finish can make room.
    fn is_stuck(&self, control: &Control) -> bool {
        control.live >= control.capacity && self.look().room() <= 0
    }

    /// Brings the wait queue's marks in the word up to date, wakes the first waiter if there is something
    /// for it, and ends a wait that could only wait for itself. The last act under the lock.
    pub(super) fn notify_waiters(&self, mut control: Locked<'_>) {
        // [A6] Everybody who could make room waits for it.
        while control.wait_queue.workers() > 0
            && control.wait_queue.workers() == control.live
            && self.is_stuck(&control)
            && !mutant("A6")
        {
            control.wait_queue.fail_a_worker();
        }
        let mut notify = None;
        if control.wait_queue.is_empty() {
            if self.look().has(WAITERS | NOTIFIED) {
                let _ = self.update(|word| Some(word.with(WAITERS | NOTIFIED, 0)));
            }
        } else if control.wait_queue.is_notified() {
            let _ = self.update(|word| Some(word.with(WAITERS | NOTIFIED, WAITERS | NOTIFIED)));
        } else {
            let mut admits = false;
            let earlier = self.look();
            let _ = self.update(|word| {
                // [A4] The mark and the sight of no room are one step: a finish after it sees the mark.
                admits = self.could_admit(&control, if mutant("A4") { earlier } else { word });
                let flags = if admits { WAITERS | NOTIFIED } else { WAITERS };
                Some(word.with(WAITERS | NOTIFIED, flags))
            });
            if admits {
                notify = control.wait_queue.set_notified(true);
            }
        }
        self.publish(&mut control);
        // A thread is woken when it can have the lock; a fiber while it cannot.
        let notify = notify.filter(|waiter| {
            let now = waiter.is_a_fibers();
            if now {
                waiter.notify();
            }
            !now
        });
        drop(control);
        if let Some(waiter) = notify {
            waiter.notify();
        }
    }
}
