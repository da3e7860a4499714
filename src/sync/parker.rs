//! Where one thread sleeps until another wakes it. See the README beside this file.

#![forbid(unsafe_code)]

use super::futex;
use super::{AtomicU32, Ordering, mutant};
use crate::clock::Deadline;
use crate::sanitizers;

const EMPTY: u32 = 0;
const PARKED: u32 = 1;
const NOTIFIED: u32 = 2;
/// A caller waits here, but does not sleep on the word.
const PARKED_EXTERNAL: u32 = 3;

/// Where one thread sleeps until another wakes it. A wake that comes before the park is kept: the next park returns
/// at once.
///
/// A fiber, or a thread that sleeps in another system call, calls [`Parker::prepare_park`] instead of parking. Then
/// [`Parker::unpark`] returns true, and its caller wakes the sleeper by other means.
#[derive(Debug, Default)]
pub(crate) struct Parker(AtomicU32);

impl Parker {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        Self(AtomicU32::new(EMPTY))
    }

    /// Sleeps until a wake or the deadline; true if a wake came. Only one thread may sleep at a time.
    pub(crate) fn park_until(&self, deadline: Deadline) -> bool {
        let woken = self.park(deadline);
        if woken {
            sanitizers::acquire(self);
        }
        woken
    }

    fn park(&self, deadline: Deadline) -> bool {
        if !self.begin(PARKED) {
            return true;
        }
        loop {
            futex::wait(&self.0, PARKED, deadline);
            if self.take_wake() {
                return true;
            }
            if deadline.has_passed() {
                // A wake that comes together with the deadline is a wake.
                return self.withdraw();
            }
        }
    }

    /// Announces that the caller is about to sleep by other means. False if a wake has come already; it is taken.
    pub(crate) fn prepare_park(&self) -> bool {
        self.begin(PARKED_EXTERNAL)
    }

    /// Takes a wake if one has come. Otherwise the caller stays announced.
    pub(crate) fn take_wake(&self) -> bool {
        // ORDERING: Acquire, here and below, pairs with the Release of `unpark`: what was written
        // before the wake is seen after it.
        self.0
            .compare_exchange(NOTIFIED, EMPTY, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }

    /// Ends the announcement. True if a wake has come.
    pub(crate) fn withdraw(&self) -> bool {
        // ORDERING: as above.
        self.0.swap(EMPTY, Ordering::Acquire) == NOTIFIED && !mutant("S4")
    }

    fn begin(&self, how: u32) -> bool {
        // ORDERING: Acquire as above. Release pairs with the Acquire of `unpark`: a waker that has to
        // use other means sees what the sleeper has written about them.
        if self
            .0
            .compare_exchange(EMPTY, how, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
        {
            return true;
        }
        // [S3] A wake that has come is taken, not slept over.
        self.withdraw();
        mutant("S3")
    }

    /// Wakes the thread that sleeps here. If none does, the next park returns at once. True if the sleeper has called
    /// `prepare_park`: the caller has to wake it by other means.
    #[must_use]
    pub(crate) fn unpark(&self) -> bool {
        sanitizers::release(self);
        // ORDERING: Release pairs with the Acquire of `take_wake`, Acquire with the Release of `begin`.
        match self.0.swap(NOTIFIED, Ordering::AcqRel) {
            PARKED => {
                if !mutant("S3.wake") {
                    futex::wake_one(&self.0);
                }
                false
            }
            before => before == PARKED_EXTERNAL,
        }
    }
}

/// See the README beside this file.
#[cfg(all(test, any(loom, miri)))]
mod models {
    use std::sync::Arc;

    use super::super::{AtomicUsize, advance, explore};
    use super::*;

    /// A parker, and what its sleeper waits for.
    #[derive(Debug, Default)]
    struct Sleeper(Parker, AtomicUsize);

    impl Sleeper {
        /// What a waker does. Whether it has to wake by other means.
        fn wake(&self, event: usize) -> bool {
            // ORDERING: Relaxed; the wake publishes it.
            self.1.store(event, Ordering::Relaxed);
            self.0.unpark()
        }
    }

    fn woken_by(sleeper: &Arc<Sleeper>) -> crate::sync::thread::JoinHandle<bool> {
        let sleeper = Arc::clone(sleeper);
        crate::sync::thread::spawn(move || sleeper.wake(1))
    }

    /// [S3] A wake meets a thread that parks: it returns, and sees what was written before the wake.
    #[test]
    fn s3_a_wake_is_not_lost_on_a_thread_that_parks() {
        explore(3, || {
            let sleeper = Arc::new(Sleeper::default());
            let waker = woken_by(&sleeper);
            assert!(sleeper.0.park_until(Deadline::NEVER));
            assert_eq!(sleeper.1.load(Ordering::Relaxed), 1);
            assert!(!waker.join().unwrap());
        });
    }

    /// [S3] Of two wakes that come together one ends this park or the next, and none is left over.
    #[test]
    fn s3_two_wakes_end_one_park_or_two() {
        explore(3, || {
            let sleeper = Arc::new(Sleeper::default());
            let wakers = [woken_by(&sleeper), woken_by(&sleeper)];
            assert!(sleeper.0.park_until(Deadline::NEVER));
            for waker in wakers {
                waker.join().unwrap();
            }
            sleeper.0.take_wake();
            assert!(!sleeper.0.take_wake());
        });
    }

    /// [S4] A wake meets the deadline: the park says that it was woken, or the wake is there for the next one.
    #[test]
    fn s4_a_wake_that_meets_the_deadline_is_not_lost() {
        explore(3, || {
            let sleeper = Arc::new(Sleeper::default());
            let soon = Deadline::after_ms(1);
            let waker = woken_by(&sleeper);
            let clock = crate::sync::thread::spawn(advance);
            if !sleeper.0.park_until(soon) {
                assert!(sleeper.0.park_until(Deadline::NEVER));
            }
            waker.join().unwrap();
            clock.join().unwrap();
        });
    }

    /// [S4] A wake meets a thread that sleeps by other means: the waker is told to use them, or the thread finds the wake.
    #[test]
    fn s4_a_thread_that_sleeps_elsewhere_is_woken_there_or_finds_the_wake() {
        explore(3, || {
            let sleeper = Arc::new(Sleeper::default());
            let waker = woken_by(&sleeper);
            let slept = sleeper.0.prepare_park();
            let woken = !slept || sleeper.0.withdraw();
            let told = waker.join().unwrap();
            if slept {
                assert!(told || sleeper.0.take_wake(), "the wake is lost");
                assert!(!told || woken, "the wake was not taken");
            } else {
                assert!(!told);
            }
        });
    }
}
