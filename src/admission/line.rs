//! The slow way in: starting a worker, or standing in line (README, "Submit" and "The line").

use std::sync::Arc;

use super::control::Control;
use super::seat::Verdict;
use super::word::{NOTIFIED, WAITERS, Word};
use super::{Caller, Gate, Patience, Workers};
use crate::clock::Deadline;
use crate::error::Error;
use crate::sync::{MutexGuard, mutant};

/// What came of one attempt under the lock.
enum Attempt {
    Accepted,
    Full,
    Failed(Error),
}

impl Gate {
    pub(super) fn accept_in_line(
        &self,
        patience: Patience,
        caller: Caller,
        workers: &dyn Workers,
    ) -> Result<(), Error> {
        let mut control = self.lock();
        // Whether there is room is a question now.
        self.stop_deferring(&mut control);
        let may_take = control.line.is_empty() || self.entrance.overtaking.take();
        match self.attempt(&mut control, may_take, workers) {
            Attempt::Accepted => {
                self.settle_line(control);
                return Ok(());
            }
            Attempt::Failed(error) => return Err(error),
            Attempt::Full => {}
        }
        let Patience::Until(deadline) = patience else {
            return Err(Error::Overload);
        };
        if control.line.len() >= self.limits.max_waiting {
            return Err(Error::Overload);
        }
        let worker = caller != Caller::Outsider && deadline.is_never();
        // [A6] A carrier that waited would stop every fiber that it runs, and one of those may be the last that
        // could make room.
        let last = control.line.workers() + 1 == control.live && self.is_stuck(&control);
        if worker && (last || caller == Caller::Carrier) {
            return Err(Error::Deadlock);
        }
        if deadline.has_passed() {
            return Err(Error::TimedOut);
        }
        if control.line.is_empty() {
            self.entrance.overtaking.begin_anew();
        }
        let seat = control.seats.take();
        control.line.join(Arc::clone(&seat), worker);
        control.counts.peak_waiting = control.counts.peak_waiting.max(control.line.len());
        let result = loop {
            let retry = control
                .refused
                .map_or(Deadline::NEVER, |backoff| backoff.until());
            let starved = control.live < control.capacity && control.line.is_first(&seat);
            let until = if starved {
                deadline.earlier(retry)
            } else {
                deadline
            };
            self.settle_line(control);
            seat.sleep(until);
            control = self.lock();
            match seat.verdict() {
                Verdict::Waiting => {}
                Verdict::Deadlock => break Err(Error::Deadlock),
                _ => break Err(Error::Closed),
            }
            if control.line.is_first(&seat) {
                match self.attempt(&mut control, true, workers) {
                    Attempt::Accepted => break Ok(()),
                    Attempt::Failed(error) => break Err(error),
                    Attempt::Full => {}
                }
                if control.line.came_in_vain() {
                    self.entrance.overtaking.end();
                }
                // [A5] Not on its way any more; the next room has to wake it again.
                control.line.set_notified(mutant("A5"));
            }
            if deadline.has_passed() {
                break Err(Error::TimedOut);
            }
        };
        if control.line.leave(&seat) {
            self.entrance.overtaking.begin_anew();
        }
        control.seats.give_back(seat);
        if control.live < control.capacity {
            // The system refuses workers: who is first now has to keep asking it.
            control.line.nudge_first();
        }
        self.settle_last(&mut control);
        self.settle_line(control);
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

    /// Whether the first in line would get in if it tried.
    fn could_admit(&self, control: &Control, word: Word) -> bool {
        let queue_open = control.live > 0 && word.accepted() < self.limit_of(control.live);
        word.room() > 0 || (control.live < control.capacity && (queue_open || control.may_start()))
    }

    /// Whether nothing but a finish can make room.
    fn is_stuck(&self, control: &Control) -> bool {
        control.live >= control.capacity && self.look().room() <= 0
    }

    /// Brings the line's marks in the word up to date, wakes the first in line if there is something
    /// for it, and ends a wait that could only wait for itself. The last act under the lock.
    pub(super) fn settle_line(&self, mut control: MutexGuard<'_, Control>) {
        // [A6] Everybody who could make room waits for it.
        while control.line.workers() > 0
            && control.line.workers() == control.live
            && self.is_stuck(&control)
            && !mutant("A6")
        {
            control.line.fail_a_worker();
        }
        let mut nudge = None;
        if control.line.is_empty() {
            if self.look().has(WAITERS | NOTIFIED) {
                let _ = self.update(|word| Some(word.with(WAITERS | NOTIFIED, 0)));
            }
        } else if control.line.is_notified() {
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
                nudge = control.line.set_notified(true);
            }
        }
        self.publish(&mut control);
        // A thread is woken when it can have the lock; a fiber while it cannot.
        let nudge = nudge.filter(|seat| {
            let now = seat.is_a_fibers();
            if now {
                seat.nudge();
            }
            !now
        });
        drop(control);
        if let Some(seat) = nudge {
            seat.nudge();
        }
    }
}
