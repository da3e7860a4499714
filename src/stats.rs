//! Counters that are reported. Nothing is decided by them.

#![forbid(unsafe_code)]

use std::time::Duration;

use crossbeam_utils::CachePadded;

use crate::sync::{AtomicU64, AtomicUsize, Ordering};

/// A snapshot of a pool.
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
    pub(crate) panicked: u64,
    pub(crate) canceled: u64,
    pub(crate) rejected: u64,
    pub(crate) timed_out: u64,
    pub(crate) spawned: u64,
    pub(crate) purged: u64,
    pub(crate) lost: u64,
    pub(crate) spawn_failures: u64,
    pub(crate) queue_time: Times,
    pub(crate) run_time: Times,
}

/// The buckets of a histogram.
pub(crate) const BUCKETS: usize = 32;
/// Times below 2^6 ns, which clocks do not tell apart, are in the first bucket.
const FIRST_BUCKET: u32 = 6;

/// What a [`Histogram`] has recorded.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    pub(crate) total_ns: u64,
    pub(crate) max_ns: u64,
    pub(crate) samples: u64,
    /// By powers of two: each bucket has times twice as long as the one before, the last all longer ones.
    pub(crate) counts: [u64; BUCKETS],
}

/// Times of sampled tasks, which any thread adds to.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    total_ns: AtomicU64,
    max_ns: AtomicU64,
    /// A model has no times.
    counts: [AtomicU64; if cfg!(loom) { 1 } else { BUCKETS }],
}

impl Histogram {
    pub(crate) fn record(&self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        // The limit of a bucket belongs to it.
        let bits = u64::BITS - nanoseconds.saturating_sub(1).leading_zeros();
        let bucket = bits.saturating_sub(FIRST_BUCKET) as usize;
        let last = self.counts.len() - 1;
        // ORDERING: Relaxed; figures for people.
        self.total_ns.fetch_add(nanoseconds, Ordering::Relaxed);
        self.max_ns.fetch_max(nanoseconds, Ordering::Relaxed);
        self.counts[bucket.min(last)].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn times(&self) -> Times {
        let mut times = Times::default();
        for (count, shown) in self.counts.iter().zip(&mut times.counts) {
            // ORDERING: Relaxed, here and below; as above.
            *shown = count.load(Ordering::Relaxed);
            times.samples += *shown;
        }
        times.total_ns = self.total_ns.load(Ordering::Relaxed);
        times.max_ns = self.max_ns.load(Ordering::Relaxed);
        times
    }
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

    /// Adds one, also while other threads do.
    pub(crate) fn count_shared(&self) {
        // ORDERING: Relaxed; a figure for people.
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Its value.
    pub(crate) fn get(&self) -> u64 {
        // ORDERING: Relaxed; a figure for people.
        self.0.load(Ordering::Relaxed)
    }
}

/// A counter that many threads add to. Each thread with a small index has a cell of its own.
#[derive(Debug, Default)]
pub(crate) struct SharedCounter {
    own: [CachePadded<Counter>; SharedCounter::PLACES],
    rest: Counter,
}

impl SharedCounter {
    const PLACES: usize = 8;

    /// Adds one, and returns the former value of the cell. No two threads that run at the same time may have the
    /// same index.
    #[inline]
    pub(crate) fn add_one(&self, index: Option<usize>) -> u64 {
        match index.and_then(|index| self.own.get(index)) {
            Some(own) => {
                let before = own.get();
                own.add(1);
                before
            }
            // ORDERING: Relaxed; what follows publishes it to whoever hears of it.
            None => self.rest.0.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// Undoes the last [`SharedCounter::add_one`] with that index.
    #[cold]
    pub(crate) fn take_one_back(&self, index: Option<usize>) {
        let minus_one = 1_u64.wrapping_neg();
        match index.and_then(|index| self.own.get(index)) {
            Some(own) => own.add(minus_one),
            // ORDERING: Relaxed; as above.
            None => {
                self.rest.0.fetch_add(minus_one, Ordering::Relaxed);
            }
        }
    }

    /// Its value.
    pub(crate) fn get(&self) -> u64 {
        let own: u64 = self.own.iter().map(|own| own.get()).sum();
        own + self.rest.get()
    }
}

/// The counters of one worker. A worker that replaces another one goes on with the counters of that one.
#[derive(Debug, Default)]
pub(crate) struct WorkerCounts {
    completed: Counter,
    pub(crate) panicked: Counter,
    pub(crate) canceled: Counter,
    /// The address of the function whose task runs; 0 for none.
    function: AtomicUsize,
    /// The processor's count when that task began.
    since: AtomicU64,
}

impl WorkerCounts {
    /// A task with that function begins.
    #[inline]
    pub(crate) fn begin(&self, function: usize) {
        // ORDERING: Relaxed; the shrink pays for the fence ([A10]).
        self.function.store(function, Ordering::Relaxed);
    }

    /// The task has begun at that count of the processor.
    #[inline]
    pub(crate) fn began(&self, ticks: u64) {
        // ORDERING: Relaxed; for people.
        self.since.store(ticks, Ordering::Relaxed);
    }

    /// The function whose task runs, and since when.
    pub(crate) fn running(&self) -> Option<(usize, u64)> {
        // ORDERING: Relaxed; for people.
        Some((self.function()?, self.since.load(Ordering::Relaxed)))
    }

    /// No task runs any more.
    #[inline]
    pub(crate) fn end(&self) {
        self.begin(0);
    }

    /// The address of the function whose task runs.
    pub(crate) fn function(&self) -> Option<usize> {
        // ORDERING: as in `begin`.
        let function = self.function.load(Ordering::Relaxed);
        (function != 0).then_some(function)
    }

    /// Takes over the running task of `other`.
    pub(crate) fn take_over(&self, other: &Self) {
        self.begin(other.function().unwrap_or(0));
        other.end();
    }

    /// Counts a task that has ended.
    #[inline]
    pub(crate) fn complete_one(&self) {
        let before = self.completed.get();
        // ORDERING: Release pairs with the Acquire of `add_to`.
        self.completed
            .0
            .store(before.wrapping_add(1), Ordering::Release);
    }

    /// Adds what was counted here to `stats`.
    pub(crate) fn add_to(&self, stats: &mut Stats) {
        // ORDERING: Acquire pairs with the Release of `complete_one`: whoever sees a task completed sees it
        // submitted.
        stats.completed += self.completed.0.load(Ordering::Acquire);
        stats.panicked += self.panicked.get();
        stats.canceled += self.canceled.get();
    }
}
