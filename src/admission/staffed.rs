//! Accepting tasks that each get a worker at once, and never a place in the queue (README, "Submit").

use super::word::{CLOSED, WAITERS};
use super::{Gate, Workers};
use crate::error::Error;
use crate::sync::mutant;

impl Gate {
    /// Whether a worker is idle, or might be started. A look without the lock.
    pub(crate) fn may_staff(&self) -> bool {
        let word = self.look();
        !word.has(CLOSED | WAITERS)
            && !self.is_paused()
            && (word.accepted() < self.live() || self.can_grow())
    }

    /// Accepts one task if a worker is idle, as it looks from here: if one retires just then, the task is
    /// queued as any other.
    pub(crate) fn accept_idle(&self) -> bool {
        self.update(|word| {
            let idle = word.accepted() < self.live() && word.acceptable(1) == 1;
            (idle && !word.has(WAITERS)).then(|| word.accept(1))
        })
        .is_ok()
    }

    /// Accepts `count` tasks if each has a worker of its own from now on, idle until now or started; or none.
    /// Callers that wait to submit come first.
    pub(crate) fn accept_with_workers(
        &self,
        count: usize,
        workers: &dyn Workers,
    ) -> Result<(), Error> {
        let mut control = self.lock();
        if control.closed {
            return Err(Error::Closed);
        }
        self.collect(&mut control);
        // A worker of a paused pool would not begin.
        let possible = !control.paused && self.look().accepted() + count <= control.capacity;
        let result = loop {
            if !possible || !control.wait_queue.is_empty() {
                break Err(Error::Overload);
            }
            // [A11] `live` changes only under the lock, so that each of them has a worker.
            let live = if mutant("A11") {
                control.capacity
            } else {
                control.live
            };
            let accepted =
                self.update(|word| (word.accepted() + count <= live).then(|| word.accept(count)));
            if accepted.is_ok() {
                break Ok(());
            }
            if !control.may_start() || !self.start_one(&mut control, workers) {
                break Err(Error::Overload);
            }
            self.rebase(&mut control, 0);
        };
        self.notify_waiters(control);
        result
    }
}
