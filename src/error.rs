//! Why a call was turned away. The one error type of the core.

use std::collections::TryReserveError;

/// Why nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Error {
    /// An argument is missing or out of range.
    InvalidArgument,
    /// The pool is closed.
    Closed,
    /// Full, and the caller may not wait; or too many wait already.
    Overload,
    /// The deadline came first.
    TimedOut,
    /// The pool has no function of its own.
    NoFunction,
    /// A negative expiry.
    InvalidExpiry,
    /// Nothing finite to allocate in advance.
    InvalidPrealloc,
    /// The system refused a worker and none exists.
    Spawn,
    /// The system refused memory.
    NoMemory,
    /// The caller could only have waited for itself.
    Deadlock,
    /// The pool belongs to the parent of this process.
    Forked,
    /// A reboot ended the closing that the call waited for.
    Canceled,
    /// A worker has begun the task.
    AlreadyStarted,
    /// The task has run, and failed.
    TaskFailed,
    /// Something is unfinished.
    Busy,
    /// There is no pool with that index.
    InvalidPoolIndex,
    /// No way of choosing a pool.
    InvalidStrategy,
    /// No number of pools.
    InvalidPoolCount,
    /// Not possible on this pool or in this version.
    Unsupported,
}

impl From<TryReserveError> for Error {
    fn from(_: TryReserveError) -> Self {
        Self::NoMemory
    }
}
