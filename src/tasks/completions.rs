//! Results that are delivered where an event loop wants them (README, "Completions").

#![allow(
    unsafe_code,
    reason = "a list of entries that tasks have pointers to, and a place that is freed by whoever destroys it"
)]

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr::{self, NonNull};

use super::waiters::{self, Waiters};
use super::{Begin, Outcome, Tracker};
use crate::clock::Deadline;
use crate::errno::Errno;
use crate::error::Error;
use crate::event_fd::EventFd;
use crate::fork;
use crate::memory::try_box;
use crate::sync::{Mutex, MutexGuard, mutant};

/// One submit, from its beginning to its delivery.
#[derive(Debug)]
pub(crate) struct Entry<D> {
    completions: *const Completions<D>,
    /// Itself, as it was made: it is freed through this, since a reference may not be.
    this: Cell<*mut Self>,
    done: D,
    arg: *mut c_void,
    /// How the work has ended. This and what follows is read and changed under the lock.
    outcome: Cell<Option<Outcome>>,
    number: Cell<u64>,
    next: Cell<*const Entry<D>>,
    previous: Cell<*const Entry<D>>,
}

/// What is under the lock.
#[derive(Debug)]
struct Inner<D> {
    /// The line of entries: of all that were submitted, in that order, or of those that have ended.
    first: *const Entry<D>,
    last: *const Entry<D>,
    /// How many entries have ever been in line.
    numbered: u64,
    /// Submitted, or about to be, and not delivered.
    pending: usize,
    /// Calls of `dispatch` that are under way.
    dispatching: usize,
    /// The descriptor is readable.
    readable: bool,
    waiters: Waiters,
}

// SAFETY: entries are reached under the lock, by whichever thread has it; what they have of the caller's was promised
// to be usable on any.
unsafe impl<D> Send for Inner<D> {}

impl<D> Inner<D> {
    /// What is to be delivered next.
    fn deliverable(&self) -> Option<&Entry<D>> {
        // SAFETY: an entry stays while it is in line.
        let first = unsafe { self.first.as_ref() }?;
        // [D1] Its work has ended.
        (first.outcome.get().is_some() || mutant("D1")).then_some(first)
    }

    fn append(&mut self, entry: &Entry<D>) {
        entry.number.set(self.numbered);
        self.numbered += 1;
        entry.previous.set(self.last);
        // SAFETY: as in `deliverable`.
        match unsafe { self.last.as_ref() } {
            Some(last) => last.next.set(entry),
            None => self.first = entry,
        }
        self.last = entry;
    }

    fn remove(&mut self, entry: &Entry<D>) {
        let (previous, next) = (entry.previous.get(), entry.next.get());
        // SAFETY: as in `deliverable`.
        match unsafe { previous.as_ref() } {
            Some(previous) => previous.next.set(next),
            None => self.first = next,
        }
        // SAFETY: as in `deliverable`.
        match unsafe { next.as_ref() } {
            Some(next) => next.previous.set(previous),
            None => self.last = previous,
        }
    }
}

/// Where results wait for their delivery. `D` is what is delivered beside the argument.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Completions<D> {
    inner: Mutex<Inner<D>>,
    event_fd: EventFd,
    ordered: bool,
    /// The process it was made in.
    born: u32,
}

impl<D: Copy> Completions<D> {
    /// Without entries; [`Completions::destroy`] takes it back.
    pub(crate) fn make(ordered: bool) -> Result<*mut Self, Error> {
        let _errno = Errno::kept();
        fork::watch();
        let event_fd = EventFd::default();
        event_fd.fd().ok_or(Error::NoMemory)?;
        let completions = try_box(Self {
            inner: Mutex::new(Inner {
                first: ptr::null(),
                last: ptr::null(),
                numbered: 0,
                pending: 0,
                dispatching: 0,
                readable: false,
                waiters: Waiters::new(),
            }),
            event_fd,
            ordered,
            born: fork::generation(),
        })?;
        Ok(Box::into_raw(completions))
    }

    /// Whether it belongs to the parent of this process, whose threads may have held its lock.
    pub(crate) fn is_foreign(&self) -> bool {
        self.born != fork::generation()
    }

    /// The descriptor that is readable while something can be delivered.
    pub(crate) fn fd(&self) -> i32 {
        self.event_fd.fd().unwrap_or(-1)
    }

    /// Whether entries are in line from their submit on.
    fn is_ordered(&self) -> bool {
        // [D3] In the order of the submits.
        self.ordered && !mutant("D3")
    }

    /// A submit begins: the tracker of its task, to be left by [`Completions::leave`] if that is not accepted.
    pub(crate) fn enter(&self, done: D, arg: *mut c_void) -> Result<NonNull<Entry<D>>, Error> {
        let entry = try_box(Entry {
            completions: self,
            this: Cell::new(ptr::null_mut()),
            done,
            arg,
            outcome: Cell::new(None),
            number: Cell::new(0),
            next: Cell::new(ptr::null()),
            previous: Cell::new(ptr::null()),
        })?;
        let entry = NonNull::from(Box::leak(entry));
        // SAFETY: just made.
        unsafe { entry.as_ref() }.this.set(entry.as_ptr());
        let mut inner = self.inner.lock();
        inner.pending += 1;
        if self.is_ordered() {
            // SAFETY: just made.
            inner.append(unsafe { entry.as_ref() });
        }
        Ok(entry)
    }

    /// The task was not accepted.
    ///
    /// # Safety
    /// `entry` came from [`Completions::enter`], and no task has it.
    pub(crate) unsafe fn leave(&self, entry: NonNull<Entry<D>>) {
        let mut inner = self.inner.lock();
        if self.is_ordered() {
            // SAFETY: the caller's promise.
            inner.remove(unsafe { entry.as_ref() });
            // Those behind it may have waited for it.
            self.tell(&mut inner);
        }
        Self::one_less(&mut inner);
        drop(inner);
        // SAFETY: `enter` made such a box, and nobody has it any more.
        drop(unsafe { Box::from_raw(entry.as_ptr()) });
    }

    /// What can be delivered is seen by all who wait for that (D2).
    fn tell(&self, inner: &mut MutexGuard<'_, Inner<D>>) {
        if inner.deliverable().is_none() {
            return;
        }
        let was_readable = std::mem::replace(&mut inner.readable, true);
        if !was_readable {
            self.event_fd.signal();
        }
        if !(was_readable && mutant("D2.wait")) {
            inner.waiters.end_all(Ok(()));
        }
    }

    fn one_less(inner: &mut MutexGuard<'_, Inner<D>>) {
        inner.pending -= 1;
        if inner.pending == 0 {
            inner.waiters.end_all(Err(Error::Closed));
        }
    }

    /// Delivers what has ended, at most `max`, and nothing that gets in line meanwhile; says how many.
    pub(crate) fn dispatch(
        &self,
        max: usize,
        mut deliver: impl FnMut(D, *mut c_void, Outcome),
    ) -> usize {
        /// A dispatch that is under way, also one that is left by unwinding.
        struct UnderWay<'a, D: Copy>(&'a Completions<D>);
        impl<D: Copy> Drop for UnderWay<'_, D> {
            fn drop(&mut self) {
                let _errno = Errno::kept();
                let mut inner = self.0.inner.lock();
                inner.dispatching -= 1;
                // [D2] Not while something is there; the lock is that of whoever adds something.
                if inner.readable && (inner.deliverable().is_none() || mutant("D2")) {
                    inner.readable = false;
                    self.0.event_fd.silence();
                }
            }
        }
        let mut inner = self.inner.lock();
        if inner.deliverable().is_none() {
            return 0;
        }
        inner.dispatching += 1;
        let end = inner.numbered;
        drop(inner);
        let _under_way = UnderWay(self);
        let mut delivered = 0;
        while delivered < max {
            let Some((done, arg, outcome)) = self.take(end) else {
                break;
            };
            delivered += 1;
            deliver(done, arg, outcome);
        }
        delivered
    }

    /// Takes the next one out of the line, unless it has got there after `end` others.
    fn take(&self, end: u64) -> Option<(D, *mut c_void, Outcome)> {
        let mut inner = self.inner.lock();
        let next = inner.deliverable()?;
        if next.number.get() >= end {
            return None;
        }
        let next = next.this.get();
        // SAFETY: it stays until it is freed below.
        let entry = unsafe { &*next };
        inner.remove(entry);
        Self::one_less(&mut inner);
        drop(inner);
        let taken = (
            entry.done,
            entry.arg,
            entry.outcome.get().unwrap_or(Outcome::Done),
        );
        // SAFETY: `enter` made such a box; the worker has given back the lock that it ended with.
        drop(unsafe { Box::from_raw(next) });
        Some(taken)
    }

    /// Waits until something can be delivered; CLOSED if nothing is left for that.
    pub(crate) fn wait(&self, deadline: Deadline) -> Result<(), Error> {
        let _errno = Errno::kept();
        let inner = self.inner.lock();
        if inner.deliverable().is_some() {
            return Ok(());
        }
        if inner.pending == 0 {
            return Err(Error::Closed);
        }
        waiters::wait(&self.inner, inner, |inner| &mut inner.waiters, deadline)
    }

    /// Frees it, unless something is undelivered.
    ///
    /// # Safety
    /// [`Completions::make`] made it, no other thread uses it, and unless this fails it is the last call that does.
    pub(crate) unsafe fn destroy(this: *mut Self) -> Result<(), Error> {
        {
            // SAFETY: the caller's promise.
            let inner = unsafe { &*this }.inner.lock();
            if inner.pending > 0 || inner.dispatching > 0 {
                return Err(Error::Busy);
            }
        }
        let _errno = Errno::kept();
        // SAFETY: made in such a box, and nobody has it any more.
        drop(unsafe { Box::from_raw(this) });
        Ok(())
    }

    /// In a forked child: closes the descriptor, and gives up the rest.
    ///
    /// # Safety
    /// As for [`Completions::destroy`], in a process that did not make it.
    pub(crate) unsafe fn give_up(this: *mut Self) {
        let _errno = Errno::kept();
        // SAFETY: the caller's promise.
        let event_fd = unsafe { &raw const (*this).event_fd };
        // SAFETY: as above; nobody drops the original any more.
        drop(unsafe { ptr::read(event_fd) });
    }

    #[cfg(all(test, any(loom, miri)))]
    pub(super) fn is_readable(&self) -> bool {
        self.event_fd.is_readable()
    }
}

impl<D: Copy> Tracker for Entry<D> {
    fn begin(&self) -> Begin {
        Begin::Run
    }

    /// It is delivered in any case.
    fn keeps_argument(&self) -> bool {
        true
    }

    fn end(&self, outcome: Outcome) -> bool {
        // SAFETY: it is not destroyed while something is undelivered.
        let completions = unsafe { &*self.completions };
        let mut inner = completions.inner.lock();
        self.outcome.set(Some(outcome));
        if !completions.is_ordered() {
            inner.append(self);
        }
        completions.tell(&mut inner);
        false
    }

    fn is_asked_to_stop(&self) -> bool {
        false
    }
}
