//! The callers that wait for the end of something that a lock guards. An entry is on its caller's stack: a wait takes no memory.

#![allow(
    unsafe_code,
    reason = "a list of entries on the stacks of their callers"
)]

use std::cell::Cell;
use std::ptr;

use crate::clock::Deadline;
use crate::error::Error;
use crate::suspend::Parker;
use crate::sync::{Mutex, MutexGuard, mutant};

/// Those who wait, in no order. What it points to is read and changed under the lock that it is behind.
#[derive(Debug)]
pub(super) struct Waiters {
    first: *const Entry,
}

// SAFETY: the entries are reached under the lock that the list is behind, by whichever thread has it, and stay
// until their callers have taken that lock and have seen that they are not listed.
unsafe impl Send for Waiters {}

/// One caller who waits.
#[derive(Debug)]
struct Entry {
    parker: Parker,
    /// What the wait says, once it is over.
    result: Cell<Option<Result<(), Error>>>,
    next: Cell<*const Entry>,
    previous: Cell<*const Entry>,
}

impl Waiters {
    pub(super) const fn new() -> Self {
        Self { first: ptr::null() }
    }

    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_null()
    }

    /// Every wait that is listed is over, and says `result`.
    pub(super) fn end_all(&mut self, result: Result<(), Error>) {
        let mut next = std::mem::replace(&mut self.first, ptr::null());
        // SAFETY: a listed entry stays: its caller takes the lock, which the caller of this has, before it leaves.
        while let Some(entry) = unsafe { next.as_ref() } {
            next = entry.next.get();
            entry.result.set(Some(result));
            // [K2] Woken under the lock, so that a fiber cannot come to its end meanwhile.
            if !mutant("K2") {
                entry.parker.unpark();
            }
        }
    }

    fn add(&mut self, entry: &Entry) {
        entry.next.set(self.first);
        // SAFETY: as in `end_all`.
        if let Some(first) = unsafe { self.first.as_ref() } {
            first.previous.set(entry);
        }
        self.first = entry;
    }

    fn remove(&mut self, entry: &Entry) {
        let (previous, next) = (entry.previous.get(), entry.next.get());
        // SAFETY: as in `end_all`.
        match unsafe { previous.as_ref() } {
            Some(previous) => previous.next.set(next),
            None => self.first = next,
        }
        // SAFETY: as in `end_all`.
        if let Some(next) = unsafe { next.as_ref() } {
            next.previous.set(previous);
        }
    }
}

/// Lists the caller and waits, without the lock, until [`Waiters::end_all`] or the deadline.
pub(super) fn wait<T>(
    lock: &Mutex<T>,
    mut guard: MutexGuard<'_, T>,
    waiters: impl Fn(&mut T) -> &mut Waiters,
    deadline: Deadline,
) -> Result<(), Error> {
    let entry = Entry {
        parker: Parker::default(),
        result: Cell::new(None),
        next: Cell::new(ptr::null()),
        previous: Cell::new(ptr::null()),
    };
    waiters(&mut guard).add(&entry);
    drop(guard);
    entry.parker.park_until(deadline);
    let mut guard = lock.lock();
    // The end and the deadline together are the end.
    entry.result.get().unwrap_or_else(|| {
        waiters(&mut guard).remove(&entry);
        Err(Error::TimedOut)
    })
}
