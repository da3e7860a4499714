//! Locks for fibers and threads. See the README beside this file.

mod channel;
mod condition;
#[cfg(all(test, any(loom, miri)))]
mod models;
mod mutex;
mod semaphore;

pub(crate) use channel::{CASES_MAX, Case, Channel, choose};
pub(crate) use condition::Condition;
pub(crate) use mutex::SuspendMutex;
pub(crate) use semaphore::Semaphore;

use crate::clock::Deadline;
use crate::error::Error;
use crate::fork;
use crate::sync::{self, AtomicU32, AtomicUsize, MutexGuard, Ordering};
use crate::tasks::waiters::{self, Waiters};

/// Somebody is listed.
const WAITERS: usize = 1;

/// What each of them is. All zeros are a new one. The word comes first, as ANTPOOL_SEM_INIT says.
#[derive(Debug)]
#[repr(C)]
struct Object {
    word: AtomicUsize,
    /// The process that has used the list, plus one; 0 if none has.
    process: AtomicU32,
    waiters: List,
}

/// Those who wait, behind their lock.
#[derive(Debug)]
struct List(sync::Mutex<Waiters>);

impl Object {
    #[cfg(any(loom, miri))]
    fn new(word: usize) -> Self {
        Self {
            word: AtomicUsize::new(word),
            process: AtomicU32::new(0),
            waiters: List(sync::Mutex::new(Waiters::new())),
        }
    }

    /// Whether the list is of the parent of this process.
    fn is_foreign(&self) -> bool {
        // ORDERING: Relaxed; only a fork makes the two differ.
        let process = self.process.load(Ordering::Relaxed);
        process != 0 && process != fork::generation().wrapping_add(1)
    }

    /// Takes the lock of the list.
    fn list(&self) -> Result<MutexGuard<'_, Waiters>, Error> {
        fork::watch();
        let own = fork::generation().wrapping_add(1);
        // ORDERING: Relaxed, as above.
        let (set, seen) = (Ordering::Relaxed, Ordering::Relaxed);
        match self.process.compare_exchange(0, own, set, seen) {
            Err(other) if other != own => Err(Error::Forked),
            _ => Ok(self.waiters.0.lock()),
        }
    }

    /// Lists the caller, calls `listed` without the lock, and waits until another call ends the wait or the deadline
    /// comes. Then it has the lock again.
    fn wait<'a>(
        &'a self,
        list: MutexGuard<'a, Waiters>,
        deadline: Deadline,
        listed: impl FnOnce(),
    ) -> (MutexGuard<'a, Waiters>, Result<(), Error>) {
        waiters::wait_after(&self.waiters.0, list, |list| list, deadline, listed)
    }
}
