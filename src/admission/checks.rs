//! What holds whenever nobody has the gate's lock (README, "Invariants"), checked as the lock is given back: in debug
//! builds, which those with sanitizers are, and in models.

use std::ops::{Deref, DerefMut};

use super::control::{Control, Owner};
use super::word::{CLOSED, METERED_WORD, NOTIFIED, WAITERS};
use super::{Gate, METERED, TUNED};
use crate::sync::{MutexGuard, Ordering};

const CHECKED: bool = cfg!(any(debug_assertions, loom));

/// The gate's lock.
#[derive(Debug)]
pub(super) struct Locked<'a> {
    gate: &'a Gate,
    control: MutexGuard<'a, Control>,
}

/// The life of a pool. The table of the README says what follows what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    Open,
    /// Nothing is accepted, and nobody has been told that the last worker has exited.
    Closed,
    /// Somebody has.
    Drained,
    /// A pool that was given up is being ended.
    Ended,
}

impl Life {
    /// Whether one step under the lock may lead from here to `next`.
    pub(super) fn may_become(self, next: Self) -> bool {
        match (self, next) {
            (Self::Open, Self::Closed)
            | (Self::Closed, Self::Drained | Self::Open | Self::Ended)
            // To `Closed` if the thread of the last worker has not ended after all.
            | (Self::Drained, Self::Closed | Self::Open | Self::Ended) => true,
            (before, next) => before == next,
        }
    }
}

impl Control {
    fn life(&self) -> Life {
        match (self.owner, self.closed, self.drained) {
            (Owner::Ended, ..) => Life::Ended,
            (_, false, _) => Life::Open,
            (_, true, false) => Life::Closed,
            (_, true, true) => Life::Drained,
        }
    }
}

impl Gate {
    /// The lock.
    pub(super) fn lock(&self) -> Locked<'_> {
        Locked {
            gate: self,
            control: self.control.lock(),
        }
    }

    fn check(&self, control: &Control) {
        assert!(control.live <= control.threads, "{control:?}");
        assert!(
            control.base == self.base_for(control.capacity, control.live),
            "[A2] {control:?}"
        );
        assert!(
            !control.closed || control.wait_queue.is_empty(),
            "[A8] {control:?}"
        );
        if let Some(metering) = &control.metering {
            assert!(metering.is_possible(control.live), "[A10] {control:?}");
        }
        // A model would explore one more look at each of these.
        if cfg!(not(loom)) {
            let word = self.look();
            let base = word.accepted() as i64 + word.room();
            assert!(base == control.base as i64, "[A2] {word:?} {control:?}");
            assert!(
                word.has(CLOSED) == control.closed,
                "[A8] {word:?} {control:?}"
            );
            assert!(
                word.has(WAITERS) != control.wait_queue.is_empty(),
                "[A4] {word:?} {control:?}"
            );
            assert!(
                word.has(WAITERS) || !word.has(NOTIFIED),
                "[A5] {word:?} {control:?}"
            );
            assert!(
                word.has(METERED_WORD) == control.metering.is_some(),
                "[A10] {word:?} {control:?}"
            );
            // ORDERING: Relaxed; written under the lock.
            let hints = self.hints.load(Ordering::Relaxed);
            assert!(hints / TUNED == control.tunes, "{control:?}");
            assert!(
                hints & METERED != 0 || control.metering.is_none(),
                "[A10] {control:?}"
            );
        }
    }
}

impl Deref for Locked<'_> {
    type Target = Control;

    fn deref(&self) -> &Control {
        &self.control
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Control {
        &mut self.control
    }
}

impl Drop for Locked<'_> {
    #[inline]
    fn drop(&mut self) {
        if CHECKED && !std::thread::panicking() {
            let now = self.control.life();
            let before = std::mem::replace(&mut self.control.seen, now);
            assert!(before.may_become(now), "{before:?} became {now:?}");
            self.gate.check(&self.control);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::Life::{Closed, Drained, Ended, Open};

    #[test]
    fn nothing_follows_the_end_and_nothing_open_ends() {
        for next in [Open, Closed, Drained] {
            assert!(!Ended.may_become(next));
        }
        assert!(!Open.may_become(Ended) && !Open.may_become(Drained));
    }
}
