//! The callers that wait for something that a lock guards. An entry is on its caller's stack: a wait takes no memory.

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

/// Those who wait, first come first. What it points to is read and changed under the lock that it is behind. All zeros
/// are an empty list.
#[derive(Debug)]
pub(crate) struct Waiters {
    /// The entry before it is the last one.
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
    pub(crate) const fn new() -> Self {
        Self { first: ptr::null() }
    }

    /// Whether nobody waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_null()
    }

    /// Every wait that is listed is over, and says `result`.
    pub(crate) fn end_all(&mut self, result: Result<(), Error>) {
        while self.end_first(result) {}
    }

    /// The wait that was listed first is over, and says `result`. False if none is listed.
    pub(crate) fn end_first(&mut self, result: Result<(), Error>) -> bool {
        // SAFETY: a listed entry stays: its caller takes the lock, which the caller of this has, before it leaves.
        let Some(entry) = (unsafe { self.first.as_ref() }) else {
            return false;
        };
        self.remove(entry);
        entry.result.set(Some(result));
        // [K2] Woken under the lock, so that a fiber cannot come to its end meanwhile.
        if !mutant("K2") {
            entry.parker.unpark();
        }
        true
    }

    fn add(&mut self, entry: &Entry) {
        // SAFETY: as in `end_first`.
        let Some(first) = (unsafe { self.first.as_ref() }) else {
            entry.previous.set(entry);
            self.first = entry;
            return;
        };
        let last = first.previous.replace(entry);
        entry.previous.set(last);
        // SAFETY: as in `end_first`.
        unsafe { &*last }.next.set(entry);
    }

    fn remove(&mut self, entry: &Entry) {
        let (previous, next) = (entry.previous.get(), entry.next.get());
        if ptr::eq(self.first, entry) {
            self.first = next;
        } else {
            // SAFETY: as in `end_first`.
            unsafe { &*previous }.next.set(next);
        }
        let after = if next.is_null() { self.first } else { next };
        // SAFETY: as in `end_first`.
        if let Some(after) = unsafe { after.as_ref() } {
            after.previous.set(previous);
        }
    }
}

/// Lists the caller and waits, without the lock, until its wait is ended or the deadline comes.
pub(crate) fn wait<T>(
    lock: &Mutex<T>,
    guard: MutexGuard<'_, T>,
    waiters: impl Fn(&mut T) -> &mut Waiters,
    deadline: Deadline,
) -> Result<(), Error> {
    wait_after(lock, guard, waiters, deadline, || ()).1
}

/// The same, with the lock at its end. Once the caller is listed and has given the lock back, it calls `listed`.
pub(crate) fn wait_after<'a, T>(
    lock: &'a Mutex<T>,
    mut guard: MutexGuard<'a, T>,
    waiters: impl Fn(&mut T) -> &mut Waiters,
    deadline: Deadline,
    listed: impl FnOnce(),
) -> (MutexGuard<'a, T>, Result<(), Error>) {
    let entry = Entry {
        parker: Parker::default(),
        result: Cell::new(None),
        next: Cell::new(ptr::null()),
        previous: Cell::new(ptr::null()),
    };
    waiters(&mut guard).add(&entry);
    drop(guard);
    listed();
    entry.parker.park_until(deadline);
    let mut guard = lock.lock();
    // The end and the deadline together are the end.
    let result = entry.result.get().unwrap_or_else(|| {
        waiters(&mut guard).remove(&entry);
        Err(Error::TimedOut)
    });
    (guard, result)
}
