//! The real ones.

#![allow(
    unsafe_code,
    reason = "a raw lock for lock_api, and the futex below it"
)]

use std::sync::atomic::AtomicU32 as Word;

use parking_lot::lock_api;

pub(crate) use std::sync::atomic::{
    AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, compiler_fence, fence,
};
pub(crate) use std::thread_local;

pub(crate) use super::asymmetric::{heavy, light, prepare as prepare_asymmetric};
use super::futex;
use super::spin;
pub(crate) use super::spin::{SpinWait, StepWait, can_spin, known_cpus, looks, spin_loop};
use crate::clock::Deadline;
use crate::sanitizers;

/// Nothing: see the other definition.
#[inline(always)]
pub(crate) fn fence_in_models() {}

/// A thread that frees a pool lets those run that are about to leave it.
pub(crate) fn pause_while_freeing() {
    crate::clock::sleep(std::time::Duration::from_micros(20));
}

/// A cell with loom's interface: a model sees whether two threads access it at once.
#[derive(Debug)]
pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    #[inline]
    pub(crate) fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
        read(self.0.get())
    }

    #[inline]
    pub(crate) fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
        write(self.0.get())
    }
}

/// A lock that a forked child can use, and that TSan can see.
pub(crate) type Mutex<T> = lock_api::Mutex<RawMutex, T>;
/// The owner's access to a [`Mutex`].
pub(crate) type MutexGuard<'a, T> = lock_api::MutexGuard<'a, RawMutex, T>;

const FREE: u32 = 0;
const HELD: u32 = 1;
/// Held, and a thread may sleep until it is free.
const CONTENDED: u32 = 2;

/// The three-state futex lock of Drepper's "Futexes are tricky".
pub(crate) struct RawMutex(Word);

impl RawMutex {
    #[cold]
    fn lock_contended(&self) {
        for _ in 0..spin::STEP {
            // ORDERING: Relaxed; a look before the exchange below.
            if self.0.load(Ordering::Relaxed) != HELD {
                break;
            }
            spin_loop();
        }
        // ORDERING: Acquire pairs with the Release of `unlock`.
        while self.0.swap(CONTENDED, Ordering::Acquire) != FREE {
            futex::wait(&self.0, CONTENDED, None);
        }
    }
}

// SAFETY: only one caller of `lock` gets FREE from its exchange, and the next one only after `unlock` has stored FREE
// again.
unsafe impl lock_api::RawMutex for RawMutex {
    #[allow(
        clippy::declare_interior_mutable_const,
        reason = "the form lock_api asks for"
    )]
    const INIT: Self = Self(Word::new(FREE));
    type GuardMarker = lock_api::GuardSend;

    #[inline]
    fn lock(&self) {
        if !self.try_lock() {
            self.lock_contended();
            sanitizers::acquire(self);
        }
    }

    #[inline]
    fn try_lock(&self) -> bool {
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

    #[inline]
    unsafe fn unlock(&self) {
        sanitizers::release(self);
        // ORDERING: Release pairs with the Acquire of whoever locks next.
        if self.0.swap(FREE, Ordering::Release) == CONTENDED {
            futex::wake_one(&self.0);
        }
    }
}

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
pub(crate) struct Parker(Word);

impl Parker {
    pub(crate) const fn new() -> Self {
        Self(Word::new(EMPTY))
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
            futex::wait(&self.0, PARKED, deadline.monotonic());
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
        self.0.swap(EMPTY, Ordering::Acquire) == NOTIFIED
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
        self.withdraw();
        false
    }

    /// Wakes the thread that sleeps here. If none does, the next park returns at once. True if the sleeper has called
    /// `prepare_park`: the caller has to wake it by other means.
    #[must_use]
    pub(crate) fn unpark(&self) -> bool {
        sanitizers::release(self);
        // ORDERING: Release pairs with the Acquire of `take_wake`, Acquire with the Release of `begin`.
        match self.0.swap(NOTIFIED, Ordering::AcqRel) {
            PARKED => {
                futex::wake_one(&self.0);
                false
            }
            before => before == PARKED_EXTERNAL,
        }
    }
}
