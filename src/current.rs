//! What the thread that calls is doing: running a pool's tasks, or nothing of ours.

#![allow(unsafe_code, reason = "a thread finds its own frame by a pointer")]

use std::cell::{Cell, RefCell};
use std::ffi::c_void;

use crate::sync::thread_local;

/// What a worker's thread knows about itself. On the worker's stack for as long as it lives.
#[derive(Debug)]
pub(crate) struct Current {
    /// The pool, by its address.
    pool: *const (),
    /// What the outside knows the pool by.
    owner: *const c_void,
    /// The first message with which the running task was marked as failed.
    failure: RefCell<Option<String>>,
    /// Whether the worker counts: it has not retired.
    counts: Cell<bool>,
}

#[cfg(not(loom))]
thread_local! {
    static CURRENT: Cell<*const Current> = const { Cell::new(std::ptr::null()) };
}
#[cfg(loom)]
thread_local! {
    static CURRENT: Cell<*const Current> = Cell::new(std::ptr::null());
}

impl Current {
    /// The frame of a worker of `pool`.
    pub(crate) fn new(pool: *const (), owner: *const c_void) -> Self {
        Self {
            pool,
            owner,
            failure: RefCell::new(None),
            counts: Cell::new(true),
        }
    }

    /// Calls `body` with this thread known as the worker.
    pub(crate) fn enter<R>(&self, body: impl FnOnce() -> R) -> R {
        CURRENT.with(|current| current.set(self));
        let result = body();
        CURRENT.with(|current| current.set(std::ptr::null()));
        result
    }

    /// The worker has retired: it still runs hooks, but makes no room any more.
    pub(crate) fn retire(&self) {
        self.counts.set(false);
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
        let current = CURRENT.try_with(Cell::get).unwrap_or(std::ptr::null());
        // SAFETY: set by `enter` of this very thread, whose frame is still below.
        unsafe { current.as_ref() }.map(look)
    }

    /// Marks the running task as failed; the first message stands. Nothing outside a task.
    pub(crate) fn fail(message: impl FnOnce() -> String) {
        Self::with(|current| {
            current.failure.borrow_mut().get_or_insert_with(message);
        });
    }

    /// What the outside knows the calling task's pool by; NULL outside any task.
    pub(crate) fn owner() -> *const c_void {
        Self::with(|current| current.owner).unwrap_or(std::ptr::null())
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
}
