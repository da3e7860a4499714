//! The indices by which a host knows the threads of a pool. See thread/README.md, W6.

#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::sync::Arc;

use crate::clock::Deadline;
use crate::memory;
use crate::sync::{AtomicUsize, Mutex, Ordering, Parker, mutant};

/// Which worker has which index, and which worker waits for one.
#[derive(Debug)]
pub(crate) struct Roster {
    /// A copy of the limit, for those who only read it.
    limit: AtomicUsize,
    taken: Mutex<Taken>,
}

#[derive(Debug)]
struct Taken {
    limit: usize,
    by_index: Vec<bool>,
    waiting: VecDeque<Arc<Parker>>,
}

impl Taken {
    fn is_free(&self, index: usize) -> bool {
        index < self.limit && !self.by_index.get(index).copied().unwrap_or(false)
    }

    /// Takes `wanted` if that is free, else the smallest index that is.
    fn take(&mut self, wanted: usize) -> Option<usize> {
        let index = if self.is_free(wanted) {
            wanted
        } else {
            let last = self.by_index.len().min(self.limit - 1);
            (0..=last).find(|&index| self.is_free(index))?
        };
        if self.by_index.len() <= index {
            let more = index + 1 - self.by_index.len();
            memory::insist(|| self.by_index.try_reserve(more));
            self.by_index.resize(index + 1, false);
        }
        self.by_index[index] = !mutant("W6");
        Some(index)
    }
}

impl Roster {
    /// Indices beyond those of the workers that count, for threads on their way out, which keep theirs until the
    /// stop hook has returned.
    const SPARE: usize = 64;

    /// For at most `workers` that count at one time.
    pub(crate) fn new(workers: usize) -> Self {
        Self::with_limit(workers + Self::SPARE)
    }

    fn with_limit(limit: usize) -> Self {
        Self {
            limit: AtomicUsize::new(limit),
            taken: Mutex::new(Taken {
                limit,
                by_index: Vec::new(),
                waiting: VecDeque::new(),
            }),
        }
    }

    /// All indices are below this. It never falls.
    pub(crate) fn limit(&self) -> usize {
        // ORDERING: Relaxed; a number that only grows, and a worker's index was below it before its first task.
        self.limit.load(Ordering::Relaxed)
    }

    /// More workers may count from now on, or as many as before.
    pub(crate) fn raise(&self, workers: usize) {
        let mut taken = self.taken.lock();
        taken.limit = taken.limit.max(workers + Self::SPARE);
        // ORDERING: as in `limit`.
        self.limit.store(taken.limit, Ordering::Relaxed);
        for parker in taken.waiting.drain(..) {
            let _ = parker.unpark();
        }
    }

    /// An index that no other thread has: `wanted`, unless that is taken or too large. Waits for a thread on its
    /// way out if there is none.
    pub(crate) fn take(&self, wanted: usize) -> usize {
        let mut taken = self.taken.lock();
        loop {
            if let Some(index) = taken.take(wanted) {
                return index;
            }
            let parker = Arc::new(Parker::default());
            memory::insist(|| taken.waiting.try_reserve(1));
            taken.waiting.push_back(Arc::clone(&parker));
            drop(taken);
            parker.park_until(Deadline::NEVER);
            taken = self.taken.lock();
        }
    }

    /// The thread that had it calls no code of the host any more as a worker.
    pub(crate) fn give_back(&self, index: usize) {
        let mut taken = self.taken.lock();
        taken.by_index[index] = false;
        // [W6] Whoever waits looks again, and finds this one or waits for the thread that was faster.
        if let Some(parker) = taken.waiting.pop_front() {
            if !mutant("W6.wake") {
                let _ = parker.unpark();
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_the_one_that_is_wanted_or_the_smallest_that_is_free() {
        let roster = Roster::with_limit(3);
        assert_eq!([1, 1, 1].map(|wanted| roster.take(wanted)), [1, 0, 2]);
        roster.give_back(0);
        assert_eq!(roster.take(7), 0);
    }

    #[test]
    fn the_limit_never_falls() {
        let roster = Roster::new(2);
        let before = roster.limit();
        roster.raise(1);
        assert_eq!(roster.limit(), before);
        roster.raise(5);
        assert_eq!(roster.limit(), before + 3);
    }
}

/// See `sync/mutants.rs`.
#[cfg(all(test, any(loom, miri)))]
mod models {
    use super::*;
    use crate::sync::explore;

    /// [W6] Three threads, two indices: no two have one at the same time, and each gets one.
    #[test]
    fn w6_no_two_threads_have_one_index_and_each_gets_one() {
        explore(2, || {
            let roster = Arc::new(Roster::with_limit(2));
            let holders: Arc<[AtomicUsize; 2]> = Arc::default();
            let thread = |wanted| {
                let (roster, holders) = (Arc::clone(&roster), Arc::clone(&holders));
                move || {
                    let index = roster.take(wanted);
                    // ORDERING: Relaxed; the lock of the roster orders them.
                    assert_eq!(holders[index].fetch_add(1, Ordering::Relaxed), 0);
                    holders[index].fetch_sub(1, Ordering::Relaxed);
                    roster.give_back(index);
                }
            };
            let others = [0, 1].map(|wanted| crate::sync::thread::spawn(thread(wanted)));
            thread(0)();
            for other in others {
                other.join().unwrap();
            }
        });
    }
}
