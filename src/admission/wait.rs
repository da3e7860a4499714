//! Waiting for tasks and workers to end (README, "Waits").

use std::sync::Arc;

use super::Gate;
use super::control::Control;
use super::seat::{List, Verdict};
use super::word::WATCHED;
use crate::clock::Deadline;
use crate::error::Error;
use crate::sync::{MutexGuard, mutant};

impl Gate {
    /// Waits for an instant at which no accepted task is unfinished.
    pub(crate) fn wait(&self, deadline: Deadline) -> Result<(), Error> {
        let mut control = self.lock();
        // [A7] An unmarked word with watchers: their instant has come, and a later acceptance took
        // the mark off. They are told before the mark is set for this caller.
        self.settle_watchers(&mut control);
        let watching =
            self.update(|word| (word.accepted() > 0).then(|| word.with(WATCHED, WATCHED)));
        if watching.is_err() {
            return Ok(());
        }
        self.sit(control, deadline, |control| &mut control.watchers)
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
        self.sit(control, deadline, |control| &mut control.drainers)
    }

    /// The last worker has exited for the gate, but its thread has not ended: nobody has been told.
    pub(crate) fn is_not_drained(&self) {
        self.lock().drained = false;
    }

    /// Waits until no other call is blocked here.
    pub(crate) fn wait_until_left(&self) {
        let mut control = self.lock();
        if control.seats.taken() == 0 {
            return;
        }
        let seat = control.seats.take();
        control.last = Some(Arc::clone(&seat));
        while seat.verdict() == Verdict::Waiting {
            drop(control);
            seat.sleep(Deadline::NEVER);
            control = self.lock();
        }
        control.seats.give_back(seat);
    }

    /// Sits in one of the lists until told how the wait ended, or until the deadline.
    pub(super) fn sit<'a>(
        &'a self,
        mut control: MutexGuard<'a, Control>,
        deadline: Deadline,
        list: fn(&mut Control) -> &mut List,
    ) -> Result<(), Error> {
        let seat = control.seats.take();
        list(&mut control).join(Arc::clone(&seat));
        let result = loop {
            drop(control);
            seat.sleep(deadline);
            control = self.lock();
            match seat.verdict() {
                Verdict::Waiting if deadline.has_passed() => {
                    list(&mut control).leave(&seat);
                    break Err(Error::TimedOut);
                }
                Verdict::Waiting => {}
                Verdict::Canceled => break Err(Error::Canceled),
                _ => break Ok(()),
            }
        };
        control.seats.give_back(seat);
        self.settle_last(&mut control);
        result
    }

    /// Tells the watchers if their instant is now or has been, and takes a mark nobody needs off.
    pub(super) fn settle_watchers(&self, control: &mut Control) {
        // [A7] The mark is off only if an acceptance found no task unfinished, and that was after
        // every watcher here had set it.
        let unmarked = self.update(|word| {
            let over = word.accepted() == 0 || control.watchers.is_empty();
            (word.has(WATCHED) && over).then(|| word.with(WATCHED, 0))
        });
        let come = match unmarked {
            Ok(_) => true,
            Err(word) => !word.has(WATCHED),
        };
        if come && !mutant("A7") {
            control.watchers.tell_all(Verdict::Done);
        }
    }

    /// Tells those who wait for the last worker's exit.
    pub(super) fn settle_drainers(&self, control: &mut Control) {
        if control.closed && control.threads == 0 && !control.drainers.is_empty() {
            control.drained = true;
            control.drainers.tell_all(Verdict::Done);
        }
    }

    /// Tells the one that waits until no other call is blocked.
    pub(super) fn settle_last(&self, control: &mut Control) {
        if control.seats.taken() == 1 {
            if let Some(seat) = control.last.take() {
                seat.tell(Verdict::Done);
            }
        }
    }
}
