//! The carriers that serve a pool from its first fiber until there is none left.

#![forbid(unsafe_code)]

#[cfg(not(loom))]
use std::sync::Arc;

#[cfg(not(loom))]
use super::engine::FiberEngine;
#[cfg(not(loom))]
use super::node::Post;
#[cfg(not(loom))]
use crate::pool::Pool;
use crate::sync::{AtomicU32, AtomicUsize, Ordering};

/// Those who are told together that they are not needed any more. The next fiber gets a new crew.
#[derive(Debug, Default)]
pub(super) struct Crew {
    dismissed: AtomicU32,
    /// Carriers that have been started and have not left.
    there: AtomicUsize,
    /// The index at the gate of the last fiber. It counts as exited when the last carrier has.
    last: AtomicUsize,
}

impl Crew {
    /// One more was started.
    pub(super) fn one_joins(&self) {
        // ORDERING: Relaxed; under the lock of the slots, as the dismissal is.
        self.there.fetch_add(1, Ordering::Relaxed);
    }

    /// The last fiber has gone; nobody joins any more.
    pub(super) fn dismiss(&self, last: usize) {
        // ORDERING: Release, here and below, pairs with the Acquire of who leaves: it sees `last`.
        self.last.store(last, Ordering::Relaxed);
        self.dismissed.store(1, Ordering::Release);
    }

    #[inline]
    pub(super) fn is_dismissed(&self) -> bool {
        // ORDERING: as above.
        self.dismissed.load(Ordering::Acquire) != 0
    }

    /// A carrier will not use its post any more. With the last one every worker has exited.
    #[cfg(not(loom))]
    pub(super) fn one_leaves(&self, pool: &Pool, engine: &FiberEngine, post: &Arc<Post>) {
        engine.free_post(post);
        // ORDERING: AcqRel; the last one has seen what all the others did.
        if self.there.fetch_sub(1, Ordering::AcqRel) == 1 {
            // ORDERING: Relaxed; see `dismiss`.
            pool.gate().thread_ends(self.last.load(Ordering::Relaxed));
        }
    }
}
