//! How a caller waits: a fiber suspends itself, a thread blocks.

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

/// For what a file descriptor is to be ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Interest {
    pub(crate) readable: bool,
    pub(crate) writable: bool,
}

impl Interest {
    /// The intersection; `None` if it is empty.
    pub(crate) fn and(self, other: Self) -> Option<Self> {
        let both = Self {
            readable: self.readable && other.readable,
            writable: self.writable && other.writable,
        };
        (both != Self::default()).then_some(both)
    }
}

/// The stack that a fiber has overrun.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Overrun<'a> {
    pub(crate) pool: &'a CStr,
    pub(crate) stack_size: usize,
}

/// A caller that can be suspended, so that its thread runs something else.
pub(crate) trait Suspend {
    /// Suspends the caller until it is woken or the deadline comes. It may return spuriously. True if the deadline
    /// has come.
    fn suspend(&self, until: Deadline) -> bool;

    /// Suspends the caller until the deadline has come.
    fn sleep(&self, until: Deadline);

    /// What others wake it by: a pointer to all of it, since it begins with its waker.
    fn waker(&self) -> *const Waker;

    /// Lets others run first, and returns.
    fn yield_now(&self);

    /// Waits until the descriptor is ready for a part of `interest`, and returns that part.
    fn wait_fd(&self, fd: i32, interest: Interest, deadline: Deadline) -> Result<Interest, Error>;

    /// Calls `function(arg)` on a thread that may block. With a message the function has failed, and the caller
    /// cannot go on.
    fn block(&self, function: TaskFn, arg: *mut c_void) -> Result<Option<String>, Error>;

    /// Its stack, if `address` is in that stack's guard. For a signal handler.
    fn overrun(&self, address: usize) -> Option<Overrun<'_>>;
}

/// Sleeps for at least `duration`.
pub(crate) fn sleep(duration: Duration) {
    let _errno = Errno::kept();
    let Some(fiber) = Current::suspender() else {
        return clock::sleep(duration);
    };
    fiber.sleep(Deadline::after(duration));
}

/// Lets others run.
pub(crate) fn yield_now() {
    let _errno = Errno::kept();
    match Current::suspender() {
        Some(fiber) => fiber.yield_now(),
        None => std::thread::yield_now(),
    }
}

/// Lets the other fibers of the carrier run. On a thread it does nothing.
pub(crate) fn yield_on_fiber() {
    if let Some(fiber) = Current::suspender() {
        fiber.yield_now();
    }
}

/// Waits until the descriptor is ready for a part of `interest`, and returns that part.
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

/// Wakes a suspended caller, which begins with it.
#[derive(Debug)]
pub(crate) struct Waker {
    wake: unsafe fn(*const Waker),
}

impl Waker {
    /// # Safety
    /// While the owner may be suspended, any thread may call `wake` with a pointer to the owner.
    pub(crate) const unsafe fn new(wake: unsafe fn(*const Waker)) -> Self {
        Self { wake }
    }

    /// Resumes the owner if it is suspended. Otherwise its next suspension ends at once.
    ///
    /// # Safety
    /// `this` is the [`Suspend::waker`] of an owner that does not end meanwhile.
    pub(crate) unsafe fn wake(this: *const Self) {
        // SAFETY: the caller's promise.
        let wake = unsafe { (*this).wake };
        // SAFETY: promised to `new`.
        unsafe { wake(this) }
    }
}

/// Where one caller waits until another wakes it: a thread sleeps, a fiber is suspended. A wake that comes before
/// the wait is kept.
#[derive(Debug, Default)]
pub(crate) struct Parker {
    parker: sync::Parker,
    /// The fiber that waits here, if it is one.
    fiber: AtomicPtr<Waker>,
}

impl Parker {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        Self {
            parker: sync::Parker::new(),
            fiber: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Waits for a wake or the deadline; true if a wake came. Only one caller may wait at a time.
    pub(crate) fn park_until(&self, deadline: Deadline) -> bool {
        let Some(fiber) = Current::suspender() else {
            return self.parker.park_until(deadline);
        };
        // ORDERING: Relaxed; prepare_park publishes it.
        self.fiber
            .store(fiber.waker().cast_mut(), Ordering::Relaxed);
        if !self.parker.prepare_park() {
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

    /// Wakes the caller that waits here. If none does, the next wait ends at once.
    ///
    /// Where fibers wait, call this only while a woken fiber cannot end: under a lock that the fiber takes before it
    /// goes on, or while something else keeps its pool.
    pub(crate) fn unpark(&self) {
        if self.parker.unpark() {
            // ORDERING: Relaxed; unpark has acquired it.
            let fiber = self.fiber.load(Ordering::Relaxed);
            // SAFETY: the fiber that has announced itself stored it, and cannot end meanwhile: see above.
            unsafe { Waker::wake(fiber) };
        }
    }
}
