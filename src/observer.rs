//! The core's view of the callbacks. The C layer implements it with those of the pool's options.

use std::ffi::c_void;

use crate::task::TaskFn;

/// A task that failed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure<'a> {
    pub(crate) function: TaskFn,
    pub(crate) arg: *mut c_void,
    pub(crate) message: &'a str,
}

/// Gets the events of a pool. Every call may unwind; the core makes each under a guard.
pub(crate) trait Observer: Send + Sync {
    /// A task failed. False if there is no handler for failures.
    fn task_failed(&self, failure: Failure<'_>) -> bool;
    /// One line for the log: a task failed and nobody handles it, or a callback failed.
    fn log_error(&self, line: &str);
    /// One line for the log: something is wrong, but nothing has failed yet.
    #[cfg_attr(loom, allow(dead_code, reason = "only fibers have such"))]
    fn log_warning(&self, line: &str);
    /// On a worker's thread, before its first task.
    fn worker_started(&self, index: usize);
    /// On a worker's thread, after its last task.
    fn worker_stopped(&self, index: usize);
    /// The pool was given up, and the last of it has come to its end.
    fn pool_ended(&self) {}
    /// The handle that callers have of the pool.
    fn owner(&self) -> *const c_void;
}
