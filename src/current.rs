//! What the code that calls is part of: a pool's worker, on a thread or on a fiber, or nothing of ours.

#![allow(unsafe_code, reason = "a thread finds its own frame by a pointer")]

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;

use crate::fork;
#[cfg(not(loom))]
use crate::suspend::Overrun;
use crate::suspend::Suspend;
use crate::sync::thread_local;

/// What a worker knows about itself. It lives as long as the worker does, where that puts it.
pub(crate) struct Current {
    /// The pool, by its address.
    pool: *const (),
    /// What the outside knows the pool by.
    owner: *const c_void,
    /// The first message with which the running task was marked as failed.
    failure: Cell<Option<String>>,
    /// Whether the worker counts: it has not retired.
    counts: Cell<bool>,
    /// The fiber that runs, in the process it began in.
    fiber: Cell<Option<(*const dyn Suspend, u32)>>,
}

/// See [`Current::take_mark`].
#[cfg(not(loom))]
#[derive(Debug)]
pub(crate) struct Mark(Option<String>);

#[cfg(not(loom))]
thread_local! {
    static CURRENT: Cell<*const Current> = const { Cell::new(ptr::null()) };
}
#[cfg(loom)]
thread_local! {
    static CURRENT: Cell<*const Current> = Cell::new(ptr::null());
}

impl Current {
    /// A worker of `pool`.
    pub(crate) fn new(pool: *const (), owner: *const c_void) -> Self {
        Self {
            pool,
            owner,
            failure: Cell::new(None),
            counts: Cell::new(true),
            fiber: Cell::new(None),
        }
    }

    /// From here on the worker is this fiber, or none, and so is what was marked as failed.
    ///
    /// # Safety
    /// The fiber is valid until this is called again.
    #[cfg(not(loom))]
    #[inline]
    pub(crate) unsafe fn set_fiber(&self, fiber: Option<*const dyn Suspend>) {
        self.fiber
            .set(fiber.map(|fiber| (fiber, fork::generation())));
    }

    /// What the running fiber was marked with, to be kept while another runs.
    #[cfg(not(loom))]
    #[inline]
    pub(crate) fn take_mark(&self) -> Mark {
        Mark(self.failure.take())
    }

    /// Puts it back.
    #[cfg(not(loom))]
    #[inline]
    pub(crate) fn put_mark(&self, mark: Mark) {
        self.failure.set(mark.0);
    }

    /// Calls `body` with this thread known as the worker.
    pub(crate) fn enter<R>(&self, body: impl FnOnce() -> R) -> R {
        /// Puts back what was there, also when the body is unwound.
        struct Before(*const Current);
        impl Drop for Before {
            fn drop(&mut self) {
                CURRENT.with(|current| current.set(self.0));
            }
        }
        let _before = Before(CURRENT.with(|current| current.replace(self)));
        body()
    }

    /// From here on the thread runs this worker, or none.
    ///
    /// # Safety
    /// `this` is NULL, or valid until this is called again on the same thread.
    #[cfg(not(loom))]
    #[inline]
    pub(crate) unsafe fn switch_to(this: *const Self) {
        CURRENT.with(|current| current.set(this));
    }

    /// The worker has retired: it still runs hooks, but makes no room any more.
    pub(crate) fn retire(&self) {
        self.counts.set(false);
    }

    /// Whether it has.
    pub(crate) fn has_retired(&self) -> bool {
        !self.counts.get()
    }

    /// Whether the running task was marked as failed.
    #[inline]
    pub(crate) fn is_marked(&self) -> bool {
        // SAFETY: only the calling thread has it, and nothing changes it meanwhile.
        unsafe { &*self.failure.as_ptr() }.is_some()
    }

    /// Takes the failure of the task that has just ended.
    pub(crate) fn take_failure(&self) -> Option<String> {
        self.failure.take()
    }

    /// Puts another failure in the place of the calling task's, which it gives.
    pub(crate) fn swap_failure(failure: Option<String>) -> Option<String> {
        Self::with(|current| current.failure.replace(failure)).flatten()
    }

    fn with<R>(look: impl FnOnce(&Current) -> R) -> Option<R> {
        // A thread that is being torn down has no task.
        let current = CURRENT.try_with(Cell::get).unwrap_or(ptr::null());
        // SAFETY: set by `enter` of this very thread, whose frame is still below, or by `switch_to`.
        unsafe { current.as_ref() }.map(look)
    }

    /// Marks the running task as failed; the first message stands. Nothing outside a task.
    pub(crate) fn fail(message: impl FnOnce() -> String) {
        Self::with(|current| {
            let first = current.failure.take();
            current.failure.set(first.or_else(|| Some(message())));
        });
    }

    /// What the outside knows the calling task's pool by; NULL outside any task.
    pub(crate) fn owner() -> *const c_void {
        Self::with(|current| current.owner).unwrap_or(ptr::null())
    }

    /// Whether the caller is inside a task.
    pub(crate) fn is_inside() -> bool {
        Self::with(|_| ()).is_some()
    }

    /// Whether the caller is inside a task of that pool.
    pub(crate) fn is_in(pool: *const ()) -> bool {
        Self::with(|current| current.pool == pool).unwrap_or(false)
    }

    /// Whether the caller is a worker of that pool that counts.
    pub(crate) fn counts_in(pool: *const ()) -> bool {
        Self::with(|current| current.pool == pool && current.counts.get()).unwrap_or(false)
    }

    /// The stack that the caller's fiber has overrun, if `address` is in its guard. For a signal handler.
    #[cfg(not(loom))]
    pub(crate) fn overrun<'a>(address: usize) -> Option<Overrun<'a>> {
        let (fiber, _) = Self::with(|current| current.fiber.get()).flatten()?;
        // SAFETY: promised to `set_fiber`.
        unsafe { &*fiber }.overrun(address)
    }

    /// What puts the caller aside instead of blocking its thread, if it can be: it is on a fiber, not in
    /// a forked child of the fiber's process, and no panic is on its way (panics are counted by thread).
    #[inline]
    pub(crate) fn suspender<'a>() -> Option<&'a dyn Suspend> {
        let (fiber, born) = Self::with(|current| current.fiber.get()).flatten()?;
        if born != fork::generation() || std::thread::panicking() {
            return None;
        }
        // SAFETY: promised to `set_fiber`; the caller runs on it.
        Some(unsafe { &*fiber })
    }
}

impl std::fmt::Debug for Current {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Current")
            .field("pool", &self.pool)
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}
