//! Waiting for tasks and workers to end (README, "Waits").

use std::sync::Arc;

use super::Gate;
use super::checks::Locked;
use super::control::Control;
use super::waiter::{List, WaitOutcome};
use super::word::QUIESCENCE;
use crate::clock::Deadline;
use crate::error::Error;
use crate::sync::mutant;

impl Gate {
    /// Waits for an instant at which no accepted task is unfinished.
    pub(crate) fn wait(&self, deadline: Deadline) -> Result<(), Error> {
        let mut control = self.lock();
        // [A7] An unmarked word with quiescence waiters: their instant has come, and a later acceptance took
        // the mark off. Their waits are completed before the mark is set for this caller.
        if !mutant("A7.start") {
            self.notify_quiescence(&mut control);
        }
        let watching =
            self.update(|word| (word.accepted() > 0).then(|| word.with(QUIESCENCE, QUIESCENCE)));
        if watching.is_err() {
            return Ok(());
        }
        self.wait_in(control, deadline, |control| &mut control.quiescence_waiters)
    }

    /// Waits until a closed pool's last worker has exited.
    pub(crate) fn wait_until_drained(&self, deadline: Deadline) -> Result<(), Error> {
        let mut control = self.lock();
        if !control.closed {
            return Err(Error::Canceled);
        }
        if control.threads == 0 {
            return if std::mem::replace(&mut control.drained, true) {
                Err(Error::Closed)
            } else {
                Ok(())
            };
        }
        self.wait_in(control, deadline, |control| {
            &mut control.termination_waiters
        })
    }

    /// The last worker has exited for the gate, but its thread has not ended: no wait has been completed.
    pub(crate) fn is_not_drained(&self) {
        self.lock().drained = false;
    }

    /// Waits until no other call is blocked here.
    pub(crate) fn wait_until_left(&self) {
        let mut control = self.lock();
        if control.waiter_cache.taken() == 0 {
            return;
        }
        let waiter = control.waiter_cache.take();
        control.last = Some(Arc::clone(&waiter));
        while waiter.outcome() == WaitOutcome::Waiting {
            drop(control);
            waiter.sleep(Deadline::NEVER);
            control = self.lock();
        }
        control.waiter_cache.give_back(waiter);
    }

    /// Waits in one of the lists until somebody completes the wait, or until the deadline.
    pub(super) fn wait_in<'a>(
        &'a self,
        mut control: Locked<'a>,
        deadline: Deadline,
        list: fn(&mut Control) -> &mut List,
    ) -> Result<(), Error> {
        let waiter = control.waiter_cache.take();
        list(&mut control).join(Arc::clone(&waiter));
        let result = loop {
            drop(control);
            waiter.sleep(deadline);
            control = self.lock();
            match waiter.outcome() {
                WaitOutcome::Waiting if deadline.has_passed() => {
                    list(&mut control).leave(&waiter);
                    break Err(Error::TimedOut);
                }
                WaitOutcome::Waiting => {}
                WaitOutcome::Canceled => break Err(Error::Canceled),
                _ => break Ok(()),
            }
        };
        control.waiter_cache.give_back(waiter);
        self.notify_last(&mut control);
        result
    }

    /// Completes the waits for quiescence if the pool is quiescent now or was, and takes a mark that nobody needs off.
    pub(super) fn notify_quiescence(&self, control: &mut Control) {
        // [A7] The mark is off only if an acceptance found no task unfinished, and that was after
        // every quiescence waiter here had set it.
        let unmarked = self.update(|word| {
            let over = word.accepted() == 0 || control.quiescence_waiters.is_empty();
            (word.has(QUIESCENCE) && over).then(|| word.with(QUIESCENCE, 0))
        });
        let come = match unmarked {
            Ok(_) => true,
            Err(word) => !word.has(QUIESCENCE),
        };
        if come && !mutant("A7") {
            control.quiescence_waiters.complete_all(WaitOutcome::Done);
        }
    }

    /// Completes the waits for the last worker's exit.
    pub(super) fn notify_termination(&self, control: &mut Control) {
        if control.closed && control.threads == 0 && !control.termination_waiters.is_empty() {
            control.drained = true;
            control.termination_waiters.complete_all(WaitOutcome::Done);
        }
    }

    /// Completes the wait for an instant at which no other call is blocked.
    pub(super) fn notify_last(&self, control: &mut Control) {
        if control.waiter_cache.taken() == 1 && !mutant("A8.last") {
            if let Some(waiter) = control.last.take() {
                waiter.complete(WaitOutcome::Done);
            }
        }
    }
}
