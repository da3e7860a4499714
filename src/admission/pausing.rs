//! Tasks of a paused pool wait, each with the worker that has taken it (README, "Pausing").

use super::control::Control;
use super::waiter::WaitOutcome;
use super::{Gate, PAUSED};
use crate::clock::Deadline;
use crate::error::Error;
use crate::sync::{Ordering, mutant};

impl Gate {
    /// Tasks that have not begun wait from here on.
    pub(crate) fn pause(&self) -> Result<(), Error> {
        let mut control = self.lock();
        if control.closed {
            return Err(Error::Closed);
        }
        control.paused = true;
        self.publish(&mut control);
        Ok(())
    }

    /// Tasks begin again, the oldest first.
    pub(crate) fn resume(&self) {
        let mut control = self.lock();
        self.end_pause(&mut control);
        self.notify_waiters(control);
    }

    /// Whether the pool is paused, as it looks from here.
    #[inline]
    pub(crate) fn is_paused(&self) -> bool {
        // ORDERING: [O6]
        self.hints.load(Ordering::Acquire) & PAUSED != 0
    }

    pub(super) fn end_pause(&self, control: &mut Control) {
        control.paused = false;
        if !mutant("A15.resume") {
            control.held.complete_all(WaitOutcome::Done);
        }
        self.publish(control);
    }

    /// A worker has taken a task. Returns when the pool is not paused.
    #[cold]
    pub(super) fn hold_while_paused(&self) {
        loop {
            let control = self.lock();
            // [A15] The pause may have ended since the hint was read, or another may have begun since the worker was woken.
            if !control.paused || mutant("A15") {
                return;
            }
            let _ = self.wait_in(control, Deadline::NEVER, |control| &mut control.held);
        }
    }
}
