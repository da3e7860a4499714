//! What one worker shares with the rest of its pool.

#![forbid(unsafe_code)]

use crossbeam_utils::CachePadded;

use crate::engine::idle::Sleeps;
use crate::stats::WorkerCounts;
use crate::sync::Parker;

/// A worker's place. When the worker has gone, the next with the same index takes it over.
#[derive(Debug)]
pub(super) struct Slot {
    /// Unique among the workers that live.
    pub(super) index: usize,
    /// Where it sleeps.
    pub(super) parker: Parker,
    /// What it counts, away from what others write.
    pub(super) counts: CachePadded<WorkerCounts>,
}

impl Slot {
    pub(super) fn new(index: usize) -> Self {
        Self {
            index,
            parker: Parker::default(),
            counts: CachePadded::default(),
        }
    }
}

impl Sleeps for Slot {
    fn wake(&self) {
        // A worker thread never waits by other means than parking.
        let _ = self.parker.unpark();
    }
}
