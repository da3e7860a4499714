//! Waiting without blocking a thread: what a fiber can do and a thread cannot, and where any
//! caller waits by the means that it has.

#![allow(unsafe_code, reason = "a fiber is woken through a pointer to it")]

use std::ffi::{CStr, c_void};
use std::ptr;
use std::time::Duration;

use crate::clock::{self, Deadline};
use crate::current::Current;
use crate::errno::Errno;
use crate::error::Error;
use crate::sync::{self, AtomicPtr, Ordering};
use crate::task::TaskFn;

/// What makes a file descriptor ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Interest {
    pub(crate) readable: bool,
    pub(crate) writable: bool,
}

impl Interest {
    /// What both have; `None` if that is nothing.
    pub(crate) fn and(self, other: Self) -> Option<Self> {
        let both = Self {
            readable: self.readable && other.readable,
            writable: self.writable && other.writable,
        };
        (both != Self::default()).then_some(both)
    }
}

/// The stack of a fiber that has overrun it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Overrun<'a> {
    pub(crate) pool: &'a CStr,
    pub(crate) stack_size: usize,
}

/// A caller that can be put aside so that its thread does something else.
pub(crate) trait Suspend {
    /// Puts the caller aside until it is woken, or the deadline has come, or for no reason. True if the
    /// deadline has come.
    fn suspend(&self, until: Deadline) -> bool;

    /// Puts the caller aside until the deadline has come.
    fn sleep(&self, until: Deadline);

    /// How others wake it.
    fn sleeper(&self) -> &Sleeper;

    /// Lets others run first.
    fn give_way(&self);

    /// Waits until the descriptor is ready for something of `interest`, and says for what.
    fn wait_fd(&self, fd: i32, interest: Interest, deadline: Deadline) -> Result<Interest, Error>;

    /// Calls `function(arg)` on a thread that nobody else needs. A message: the function failed, and
    /// the caller cannot go on.
    fn block(&self, function: TaskFn, arg: *mut c_void) -> Result<Option<String>, Error>;

    /// Its stack, if `address` is in the guard of that. For a signal handler.
    fn overrun(&self, address: usize) -> Option<Overrun<'_>>;
}

/// Sleeps that long, never less.
pub(crate) fn sleep(duration: Duration) {
    let _errno = Errno::kept();
    let Some(fiber) = Current::suspender() else {
        return clock::sleep(duration);
    };
    fiber.sleep(Deadline::after(duration));
}

/// Lets others run.
pub(crate) fn give_way() {
    let _errno = Errno::kept();
    match Current::suspender() {
        Some(fiber) => fiber.give_way(),
        None => std::thread::yield_now(),
    }
}

/// Waits until the descriptor is ready for something of `interest`, and says for what.
#[cfg(not(loom))]
pub(crate) fn wait_fd(fd: i32, interest: Interest, deadline: Deadline) -> Result<Interest, Error> {
    let _errno = Errno::kept();
    match Current::suspender() {
        Some(fiber) => fiber.wait_fd(fd, interest, deadline),
        None => crate::poll::wait(fd, interest, deadline),
    }
}

/// Models have no descriptors.
#[cfg(loom)]
pub(crate) fn wait_fd(_: i32, _: Interest, _: Deadline) -> Result<Interest, Error> {
    Err(Error::Unsupported)
}

/// How somebody who was put aside is woken. Lies at a fixed place in what it belongs to, so that a
/// pointer to it is all a waker has to have.
#[derive(Debug)]
pub(crate) struct Sleeper {
    wake: unsafe fn(&Sleeper),
}

impl Sleeper {
    /// # Safety
    /// `wake` may be called with the result of this, where its owner puts it, from any thread and at
    /// any time in which the owner may be put aside.
    pub(crate) const unsafe fn new(wake: unsafe fn(&Sleeper)) -> Self {
        Self { wake }
    }

    /// Has its owner go on, if it was put aside; else lets its next suspension end at once.
    pub(crate) fn wake(&self) {
        // SAFETY: promised to `new`.
        unsafe { (self.wake)(self) }
    }
}

/// Where one caller waits until another wakes it: a thread asleep, a fiber put aside. A wake that comes
/// first is kept.
#[derive(Debug, Default)]
pub(crate) struct Parker {
    parker: sync::Parker,
    /// The fiber that waits here, if it is one.
    fiber: AtomicPtr<Sleeper>,
}

impl Parker {
    /// Waits until a wake or the deadline; true if it was a wake. Only one caller may be in here.
    pub(crate) fn park_until(&self, deadline: Deadline) -> bool {
        let Some(fiber) = Current::suspender() else {
            return self.parker.park_until(deadline);
        };
        let sleeper = ptr::from_ref(fiber.sleeper()).cast_mut();
        // ORDERING: Relaxed; putting aside publishes it.
        self.fiber.store(sleeper, Ordering::Relaxed);
        if !self.parker.put_aside() {
            return true;
        }
        loop {
            let late = fiber.suspend(deadline);
            if self.parker.take_wake() {
                return true;
            }
            if late {
                return self.parker.withdraw();
            }
        }
    }

    /// Wakes who waits here, or lets its next wait end at once.
    ///
    /// Where fibers wait, this may be called only while the fiber, once woken, cannot come to its end:
    /// under a lock that it takes first, or while something else keeps its pool.
    pub(crate) fn unpark(&self) {
        if self.parker.unpark() {
            // ORDERING: Relaxed; unpark has acquired it.
            let fiber = self.fiber.load(Ordering::Relaxed);
            // SAFETY: whoever put itself aside stored it, and is kept: see above.
            unsafe { &*fiber }.wake();
        }
    }
}
