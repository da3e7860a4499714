//! A semaphore whose waiters suspend.

#![forbid(unsafe_code)]

use super::{Object, WAITERS};
use crate::clock::Deadline;
use crate::errno::Errno;
use crate::error::Error;
use crate::sanitizers;
use crate::sync::{Ordering, mutant};

/// One unit.
const UNIT: usize = 2;
/// The highest count, as ANTPOOL_SEM_MAX says.
const MAX: usize = i32::MAX as usize;

/// See the README beside this file.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct Semaphore(Object);

impl Semaphore {
    #[cfg(any(loom, miri))]
    pub(super) fn new(count: usize) -> Self {
        Self(Object::new(count * UNIT))
    }

    /// Takes a unit if there is one.
    #[inline]
    pub(crate) fn try_wait(&self) -> Result<(), Error> {
        // ORDERING: Relaxed; a look before the exchange.
        let mut word = self.0.word.load(Ordering::Relaxed);
        while word >= UNIT {
            let left = if mutant("P1") { word } else { word - UNIT };
            // ORDERING: Acquire pairs with the Release of a post.
            let (taken, changed) = (Ordering::Acquire, Ordering::Relaxed);
            match self.0.word.compare_exchange(word, left, taken, changed) {
                Ok(_) => {
                    sanitizers::acquire(self);
                    return Ok(());
                }
                Err(now) => word = now,
            }
        }
        Err(Error::Busy)
    }

    /// Takes a unit, first come first served.
    #[inline]
    pub(crate) fn wait(&self, deadline: Deadline) -> Result<(), Error> {
        self.try_wait().or_else(|_| self.wait_listed(deadline))
    }

    #[cold]
    fn wait_listed(&self, deadline: Deadline) -> Result<(), Error> {
        let _errno = Errno::kept();
        let list = self.0.list()?;
        let word = &self.0.word;
        loop {
            if self.try_wait().is_ok() {
                return Ok(());
            }
            // [P2] Set in one step with seeing that there is no unit.
            let set = if mutant("P2") { 0 } else { WAITERS };
            // ORDERING: Relaxed; the lock orders the list.
            let (done, changed) = (Ordering::Relaxed, Ordering::Relaxed);
            match word.compare_exchange(0, set, done, changed) {
                Ok(_) | Err(WAITERS) => break,
                Err(_) => {}
            }
        }
        let (list, result) = self.0.wait(list, deadline, || ());
        if list.is_empty() {
            // ORDERING: Relaxed; a post that still sees the mark finds nobody.
            word.fetch_and(!WAITERS, Ordering::Relaxed);
        }
        if result.is_ok() {
            sanitizers::acquire(self);
        }
        result
    }

    /// Adds `units`, or gives them to those who wait.
    #[inline]
    pub(crate) fn post(&self, units: usize) -> Result<(), Error> {
        if units == 0 || units > MAX {
            return Err(Error::InvalidArgument);
        }
        sanitizers::release(self);
        // ORDERING: Relaxed; a look before the exchange.
        let mut word = self.0.word.load(Ordering::Relaxed);
        loop {
            if word & WAITERS != 0 {
                if self.give(units)? {
                    return Ok(());
                }
                // ORDERING: as above.
                word = self.0.word.load(Ordering::Relaxed);
                continue;
            }
            if word / UNIT > MAX - units {
                return Err(Error::InvalidArgument);
            }
            // ORDERING: Release pairs with the Acquire of `try_wait`.
            let (added, changed) = (Ordering::Release, Ordering::Relaxed);
            let more = word + units * UNIT;
            match self.0.word.compare_exchange(word, more, added, changed) {
                Ok(_) => return Ok(()),
                Err(now) => word = now,
            }
        }
    }

    /// Gives units to those who are listed, and adds the rest. False if nobody is.
    #[cold]
    fn give(&self, units: usize) -> Result<bool, Error> {
        let _errno = Errno::kept();
        let mut list = self.0.list()?;
        let mut rest = units;
        while rest > 0 && list.end_first(Ok(())) {
            rest -= 1;
        }
        if rest == units {
            return Ok(false);
        }
        if list.is_empty() {
            let rest = if mutant("P1.rest") { units } else { rest };
            // ORDERING: Release pairs with the Acquire of `try_wait`. With WAITERS nobody else changes the word.
            self.0.word.store(rest * UNIT, Ordering::Release);
        }
        Ok(true)
    }
}
