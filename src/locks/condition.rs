//! A condition whose waiters suspend.

#![forbid(unsafe_code)]

use super::{Object, SuspendMutex, WAITERS};
use crate::clock::Deadline;
use crate::errno::Errno;
use crate::error::Error;
use crate::sync::{Ordering, mutant};

/// See the README beside this file.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct Condition(Object);

impl Condition {
    #[cfg(any(loom, miri))]
    pub(super) fn new() -> Self {
        Self(Object::new(0))
    }

    /// Unlocks the mutex, waits for a signal or the deadline, and locks the mutex again.
    pub(crate) fn wait(&self, mutex: &SuspendMutex, deadline: Deadline) -> Result<(), Error> {
        let _errno = Errno::kept();
        if mutex.is_foreign() {
            return Err(Error::Forked);
        }
        if !mutex.is_own() {
            return Err(Error::InvalidArgument);
        }
        if mutant("V1") {
            mutex.unlock()?;
        }
        let list = self.0.list()?;
        // ORDERING: Relaxed [V1]; whoever has had the mutex after this caller sees it.
        self.0.word.store(WAITERS, Ordering::Relaxed);
        let mut unlocked = Ok(());
        let (list, result) = self.0.wait(list, deadline, || {
            if !mutant("V1") {
                unlocked = mutex.unlock();
            }
        });
        self.update(list.is_empty());
        drop(list);
        // The caller has it, so nothing is refused.
        unlocked.and(mutex.lock(Deadline::NEVER))?;
        result
    }

    /// Ends the wait that has begun first.
    pub(crate) fn signal(&self) -> Result<(), Error> {
        self.end(|list| {
            list.end_first(Ok(()));
        })
    }

    /// Ends every wait that has begun.
    pub(crate) fn broadcast(&self) -> Result<(), Error> {
        self.end(|list| list.end_all(Ok(())))
    }

    #[inline]
    fn end(&self, end: impl FnOnce(&mut crate::tasks::waiters::Waiters)) -> Result<(), Error> {
        // ORDERING: Relaxed [V1]; see `wait`.
        if self.0.word.load(Ordering::Relaxed) == 0 {
            return Ok(());
        }
        let _errno = Errno::kept();
        let mut list = self.0.list()?;
        end(&mut list);
        self.update(list.is_empty());
        Ok(())
    }

    /// With the lock.
    fn update(&self, is_empty: bool) {
        if is_empty {
            // ORDERING: Relaxed; the lock orders it among those who write, and a signal that reads the value
            // before finds nobody.
            self.0.word.store(0, Ordering::Relaxed);
        }
    }
}
