//! Counters that are only reported, never decided on.

#![forbid(unsafe_code)]

use std::time::Duration;

use crate::sync::{AtomicU64, Ordering};

/// One look at a pool.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stats {
    /// `None` is unlimited.
    pub(crate) capacity: Option<usize>,
    pub(crate) running: usize,
    pub(crate) busy: usize,
    pub(crate) queued: usize,
    pub(crate) waiting: usize,
    pub(crate) peak_running: usize,
    pub(crate) peak_waiting: usize,
    pub(crate) submitted: u64,
    pub(crate) completed: u64,
    /// Completed, and their places given back.
    pub(crate) settled: u64,
    pub(crate) panicked: u64,
    pub(crate) rejected: u64,
    pub(crate) timed_out: u64,
    pub(crate) spawned: u64,
    pub(crate) purged: u64,
    pub(crate) lost: u64,
    pub(crate) spawn_failures: u64,
    pub(crate) queue_time_total_ns: u64,
    pub(crate) queue_time_max_ns: u64,
    pub(crate) queue_time_samples: u64,
}

/// A counter that one thread writes at a time and any thread reads.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Adds to it. Only one thread may; for several see [`Counter::count_shared`].
    #[inline]
    pub(crate) fn add(&self, amount: u64) {
        // ORDERING: Relaxed; the finish that follows publishes it to whoever waits.
        self.0.store(
            self.0.load(Ordering::Relaxed).wrapping_add(amount),
            Ordering::Relaxed,
        );
    }

    /// Counts one, whoever else does so too.
    pub(crate) fn count_shared(&self) {
        // ORDERING: Relaxed; a figure for people.
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Raises it to `value` if it is lower, whoever else does so too; gives what it is then.
    pub(crate) fn raise_shared(&self, value: u64) -> u64 {
        // ORDERING: Relaxed; a figure for people.
        self.0.fetch_max(value, Ordering::Relaxed).max(value)
    }

    /// What it shows.
    pub(crate) fn get(&self) -> u64 {
        // ORDERING: Relaxed; a figure for people.
        self.0.load(Ordering::Relaxed)
    }
}

/// What one worker counts. A worker that takes over the place of another goes on counting there.
#[derive(Debug, Default)]
pub(crate) struct WorkerCounts {
    pub(crate) completed: Counter,
    /// Raised after the gate has been told: never ahead of it.
    pub(crate) settled: Counter,
    pub(crate) panicked: Counter,
    queue_time_total_ns: Counter,
    queue_time_max_ns: Counter,
    queue_time_samples: Counter,
}

impl WorkerCounts {
    /// Notes how long a sampled task was queued.
    pub(crate) fn queued_for(&self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.queue_time_total_ns.add(nanoseconds);
        self.queue_time_max_ns.raise_shared(nanoseconds);
        self.queue_time_samples.add(1);
    }

    /// Adds what was counted here to `stats`.
    pub(crate) fn add_to(&self, stats: &mut Stats) {
        stats.completed += self.completed.get();
        stats.settled += self.settled.get();
        stats.panicked += self.panicked.get();
        stats.queue_time_total_ns += self.queue_time_total_ns.get();
        stats.queue_time_max_ns = stats.queue_time_max_ns.max(self.queue_time_max_ns.get());
        stats.queue_time_samples += self.queue_time_samples.get();
    }
}
