//! The carriers that serve a pool from its first fiber until there is none left.

#![forbid(unsafe_code)]

use crate::sync::{AtomicU32, AtomicUsize, Ordering, mutant};

/// Carriers that are shut down together. The next fiber gets a new group.
#[derive(Debug, Default)]
pub(super) struct CarrierGroup {
    shut_down: AtomicU32,
    /// Carriers that have been started and have not left.
    there: AtomicUsize,
    /// The index at the gate of the last fiber, which counts as exited when the last carrier has left.
    last: AtomicUsize,
}

impl CarrierGroup {
    /// Counts a carrier that was started.
    pub(super) fn one_joins(&self) {
        // ORDERING: Relaxed; under the lock of the slots, as the shutdown is.
        self.there.fetch_add(1, Ordering::Relaxed);
    }

    /// Shuts the group down: the last fiber has gone, and no carrier joins any more.
    pub(super) fn shut_down(&self, last: usize) {
        // ORDERING: Release, here and below, pairs with the Acquire of `is_shut_down`: the carrier that leaves sees `last`.
        self.last.store(last, Ordering::Relaxed);
        self.shut_down.store(1, Ordering::Release);
    }

    #[inline]
    pub(super) fn is_shut_down(&self) -> bool {
        // ORDERING: as above.
        self.shut_down.load(Ordering::Acquire) != 0
    }

    /// A carrier leaves. Of the last one the caller gets the index of the last fiber: every worker has exited.
    pub(super) fn one_leaves(&self) -> Option<usize> {
        let order = if mutant("F6") {
            Ordering::Relaxed
        } else {
            Ordering::AcqRel
        };
        // ORDERING: AcqRel; the last one has seen what all the others did. [F6]
        let was_last = self.there.fetch_sub(1, order) == 1;
        // ORDERING: Relaxed; see `shut_down`.
        was_last.then(|| self.last.load(Ordering::Relaxed))
    }
}
