//! The lock below every guard. See the README beside this file.

#![forbid(unsafe_code)]

use super::futex;
use super::{AtomicU32, Ordering, looks, mutant, spin, spin_loop};
use crate::clock::Deadline;
use crate::sanitizers;

const FREE: u32 = 0;
const HELD: u32 = 1;
/// Held, and a thread may sleep until it is free.
const CONTENDED: u32 = 2;

/// The three-state futex lock of Drepper's "Futexes are tricky".
#[derive(Debug)]
pub(crate) struct Lock(AtomicU32);

impl Lock {
    #[cfg(not(loom))]
    pub(super) const fn new() -> Self {
        Self(AtomicU32::new(FREE))
    }

    #[inline]
    pub(super) fn lock(&self) {
        if !self.try_lock() {
            self.lock_contended();
            sanitizers::acquire(self);
        }
    }

    #[cold]
    fn lock_contended(&self) {
        for _ in 0..looks(spin::STEP) {
            // ORDERING: Relaxed; a look before the exchange below.
            if self.0.load(Ordering::Relaxed) != HELD {
                break;
            }
            spin_loop();
        }
        // [S2] Whoever has slept cannot know whether others still do, and so takes the lock as contended.
        let contended = if mutant("S2") { HELD } else { CONTENDED };
        // ORDERING: Acquire pairs with the Release of `unlock`.
        while self.0.swap(contended, Ordering::Acquire) != FREE {
            futex::wait(&self.0, contended, Deadline::NEVER);
        }
    }

    #[inline]
    pub(super) fn try_lock(&self) -> bool {
        // ORDERING: Acquire pairs with the Release of `unlock`.
        let locked = self
            .0
            .compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed)
            .is_ok();
        if locked {
            sanitizers::acquire(self);
        }
        locked
    }

    /// To be called by the owner only.
    #[inline]
    pub(super) fn unlock(&self) {
        sanitizers::release(self);
        let ordering = if mutant("S1") {
            Ordering::Relaxed
        } else {
            Ordering::Release
        };
        // ORDERING: Release [S1] pairs with the Acquire of whoever locks next.
        if self.0.swap(FREE, ordering) == CONTENDED && !mutant("S2.wake") {
            futex::wake_one(&self.0);
        }
    }
}

/// See the README beside this file.
#[cfg(all(test, any(loom, miri)))]
mod models {
    use std::sync::Arc;

    use super::super::explore;
    use super::*;

    /// A number that the lock guards.
    #[derive(Debug)]
    struct Guarded(Lock, AtomicU32);

    impl Guarded {
        fn new() -> Arc<Self> {
            Arc::new(Self(Lock(AtomicU32::new(FREE)), AtomicU32::new(0)))
        }

        fn add_one(&self) -> u32 {
            self.0.lock();
            // ORDERING: Relaxed, here and below; nothing but the lock orders them.
            let now = self.1.load(Ordering::Relaxed) + 1;
            self.1.store(now, Ordering::Relaxed);
            self.0.unlock();
            now
        }
    }

    /// [S1] [S2] Each of three threads gets the lock, alone, and sees what the others have written.
    #[test]
    fn s1_s2_threads_take_turns() {
        explore(3, || {
            let guarded = Guarded::new();
            let others: Vec<_> = (0..2)
                .map(|_| {
                    let guarded = Arc::clone(&guarded);
                    crate::sync::thread::spawn(move || guarded.add_one())
                })
                .collect();
            let mut seen = vec![guarded.add_one()];
            seen.extend(others.into_iter().map(|other| other.join().unwrap()));
            seen.sort_unstable();
            assert_eq!(seen, [1, 2, 3]);
        });
    }
}
