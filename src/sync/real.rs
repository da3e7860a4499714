//! The real ones.

#![allow(unsafe_code, reason = "a raw lock for lock_api")]

use parking_lot::lock_api;

pub(crate) use std::sync::atomic::{
    AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, compiler_fence, fence,
};
pub(crate) use std::thread_local;

pub(crate) use super::asymmetric::{heavy, light, prepare as prepare_asymmetric};
use super::lock::Lock;
pub(crate) use super::parker::Parker;
pub(crate) use super::spin::{SpinWait, StepWait, can_spin, known_cpus, looks, spin_loop};

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

/// What [`lock_api`] needs of the lock.
pub(crate) struct RawMutex(Lock);

// SAFETY: see S1 in the README beside this file.
unsafe impl lock_api::RawMutex for RawMutex {
    #[allow(
        clippy::declare_interior_mutable_const,
        reason = "the form lock_api asks for"
    )]
    const INIT: Self = Self(Lock::new());
    type GuardMarker = lock_api::GuardSend;

    #[inline]
    fn lock(&self) {
        self.0.lock();
    }

    #[inline]
    fn try_lock(&self) -> bool {
        self.0.try_lock()
    }

    #[inline]
    unsafe fn unlock(&self) {
        self.0.unlock();
    }
}
