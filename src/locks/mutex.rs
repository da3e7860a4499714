//! A mutex whose waiters suspend.

#![forbid(unsafe_code)]

use super::{Object, WAITERS};
use crate::clock::Deadline;
use crate::current::Current;
use crate::errno::Errno;
use crate::error::Error;
use crate::sanitizers;
use crate::sync::{Ordering, looks, mutant, spin, spin_loop};

/// It belongs to the wait that was ended last.
const HANDED: usize = 2;

/// See the README beside this file.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct SuspendMutex(Object);

impl SuspendMutex {
    #[cfg(any(loom, miri))]
    pub(super) fn new() -> Self {
        Self(Object::new(0))
    }

    #[inline]
    fn take(&self, caller: usize) -> Result<(), usize> {
        // ORDERING: Acquire [M1] pairs with the Release of `give_back`.
        let (free, taken) = (Ordering::Acquire, Ordering::Relaxed);
        self.0.word.compare_exchange(0, caller, free, taken)?;
        sanitizers::acquire(self);
        Ok(())
    }

    #[inline]
    fn give_back(&self, caller: usize) -> Result<(), usize> {
        let order = if mutant("M1.order") {
            Ordering::Relaxed
        } else {
            Ordering::Release
        };
        // ORDERING: Release [M1] pairs with the Acquire of `take`.
        let word = &self.0.word;
        word.compare_exchange(caller, 0, order, Ordering::Relaxed)?;
        Ok(())
    }

    /// Whether the caller has it.
    pub(super) fn is_own(&self) -> bool {
        // ORDERING: Relaxed; only the caller itself makes this true or false.
        self.0.word.load(Ordering::Relaxed) & !WAITERS == Current::caller()
    }

    /// Whether it was waited for in the parent of this process.
    pub(super) fn is_foreign(&self) -> bool {
        self.0.is_foreign()
    }

    /// Locks it if it is free.
    #[inline]
    pub(crate) fn try_lock(&self) -> Result<(), Error> {
        let caller = Current::caller();
        self.take(caller).map_err(|word| {
            if word & !WAITERS == caller {
                Error::Deadlock
            } else {
                Error::Busy
            }
        })
    }

    /// Locks it, first come first served.
    #[inline]
    pub(crate) fn lock(&self, deadline: Deadline) -> Result<(), Error> {
        let caller = Current::caller();
        match self.take(caller) {
            Ok(()) => Ok(()),
            Err(word) if word & !WAITERS == caller => Err(Error::Deadlock),
            Err(_) => self.lock_contended(caller, deadline),
        }
    }

    #[cold]
    fn lock_contended(&self, caller: usize, deadline: Deadline) -> Result<(), Error> {
        let _errno = Errno::kept();
        if Current::suspender().is_none() {
            for _ in 0..looks(spin::STEP) {
                // ORDERING: Relaxed; a look before the exchange.
                if self.0.word.load(Ordering::Relaxed) == 0 && self.take(caller).is_ok() {
                    return Ok(());
                }
                spin_loop();
            }
        }
        let list = self.0.list()?;
        let word = &self.0.word;
        loop {
            let Err(seen) = self.take(caller) else {
                return Ok(());
            };
            if seen & WAITERS != 0 || mutant("M2") {
                break;
            }
            // ORDERING: Relaxed [M2]; the list is under the lock, and what the mutex guards is not touched.
            let (set, changed) = (Ordering::Relaxed, Ordering::Relaxed);
            if word
                .compare_exchange(seen, seen | WAITERS, set, changed)
                .is_ok()
            {
                break;
            }
        }
        let (list, result) = self.0.wait(list, deadline, || ());
        let left = if list.is_empty() { 0 } else { WAITERS };
        if result.is_ok() {
            // [M1] HANDED is left by the one to whom it was handed.
            // ORDERING: Relaxed; the lock orders it, and the owner before has released by it.
            word.store(caller | left, Ordering::Relaxed);
            sanitizers::acquire(self);
        } else if left == 0 {
            // ORDERING: Relaxed; the owner's exchange may succeed from here on, and finds nobody.
            word.fetch_and(!WAITERS, Ordering::Relaxed);
        }
        result
    }

    /// Gives it back, or to the first that waits.
    #[inline]
    pub(crate) fn unlock(&self) -> Result<(), Error> {
        let caller = Current::caller();
        sanitizers::release(self);
        match self.give_back(caller) {
            Ok(()) => Ok(()),
            Err(word) => self.unlock_contended(caller, word),
        }
    }

    #[cold]
    fn unlock_contended(&self, caller: usize, mut word: usize) -> Result<(), Error> {
        let _errno = Errno::kept();
        while word & !WAITERS == caller {
            let mut list = self.0.list()?;
            if !list.is_empty() {
                // [M1] Nobody takes it but the one whose wait ends.
                let next = if mutant("M1") { 0 } else { HANDED };
                // ORDERING: Relaxed; the lock orders it.
                self.0.word.store(next, Ordering::Relaxed);
                list.end_first(Ok(()));
                return Ok(());
            }
            drop(list);
            // Whoever was listed has met its deadline.
            match self.give_back(caller) {
                Ok(()) => return Ok(()),
                Err(changed) => word = changed,
            }
        }
        Err(Error::InvalidArgument)
    }
}
