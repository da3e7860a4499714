//! The status every fallible call returns, and its names.

use std::ffi::{c_char, c_int};

use crate::error::Error;

/// What a call that can fail returns. ANTPOOL_OK is 0, every error is greater than 0.
///
/// The numbers are part of the ABI and never change. An `int` holds any of them.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum antpool_status_t {
    /// No status: no call returns it. A negative number makes the type as signed as `int` is.
    ANTPOOL_ERR_UNKNOWN = -1,
    /// Done.
    ANTPOOL_OK = 0,
    /// A handle, function or required out-parameter is NULL, or a number is out of range.
    ANTPOOL_ERR_INVALID_ARGUMENT = 1,
    /// The pool, or the channel, is closed.
    ANTPOOL_ERR_CLOSED = 2,
    /// The pool is full and the call may not wait, or max_blocking_tasks callers wait already. For a channel: the call
    /// would have to wait.
    ANTPOOL_ERR_OVERLOAD = 3,
    /// The deadline came first.
    ANTPOOL_ERR_TIMED_OUT = 4,
    /// An invoke on a pool made without a function, or antpool_new_with_func() with NULL.
    ANTPOOL_ERR_NO_FUNCTION = 5,
    /// A negative expiry_ms without disable_purge.
    ANTPOOL_ERR_INVALID_EXPIRY = 6,
    /// pre_alloc with an unlimited capacity or an unbounded queue.
    ANTPOOL_ERR_INVALID_PREALLOC = 7,
    /// There is no pool with this index.
    ANTPOOL_ERR_INVALID_POOL_INDEX = 8,
    /// No such strategy for choosing among pools.
    ANTPOOL_ERR_INVALID_STRATEGY = 9,
    /// The number of pools is zero or too large.
    ANTPOOL_ERR_INVALID_POOL_COUNT = 10,
    /// The system refused a thread, and there is no worker that could take the task.
    ANTPOOL_ERR_SPAWN = 11,
    /// The system refused memory. Nothing has happened, and the call may be made again.
    ANTPOOL_ERR_NO_MEMORY = 12,
    /// The call could only have waited for itself.
    ANTPOOL_ERR_DEADLOCK = 13,
    /// The handle was made before a fork(), and this is the child.
    ANTPOOL_ERR_FORKED = 14,
    /// Another call ended the wait: antpool_reboot() opened the pool again, or antpool_task_cancel() canceled
    /// the task.
    ANTPOOL_ERR_CANCELED = 15,
    /// A worker has begun the task.
    ANTPOOL_ERR_ALREADY_STARTED = 16,
    /// This version, this platform or this pool cannot do it.
    ANTPOOL_ERR_UNSUPPORTED = 17,
    /// The task has run, and failed; the panic handler has the message.
    ANTPOOL_ERR_TASK_FAILED = 18,
    /// Somebody still uses it: a task of it is unfinished, a mutex is locked, a semaphore has no unit.
    ANTPOOL_ERR_BUSY = 19,
}

use antpool_status_t::*;

/// Every status with its name and sentence, in the order of their numbers.
const STATUSES: [(antpool_status_t, &std::ffi::CStr, &std::ffi::CStr); 20] = [
    (ANTPOOL_OK, c"ANTPOOL_OK", c"success"),
    (
        ANTPOOL_ERR_INVALID_ARGUMENT,
        c"ANTPOOL_ERR_INVALID_ARGUMENT",
        c"an argument is NULL or out of range",
    ),
    (
        ANTPOOL_ERR_CLOSED,
        c"ANTPOOL_ERR_CLOSED",
        c"the pool is closed",
    ),
    (
        ANTPOOL_ERR_OVERLOAD,
        c"ANTPOOL_ERR_OVERLOAD",
        c"the pool is full and the call may not wait, or too many callers wait already",
    ),
    (
        ANTPOOL_ERR_TIMED_OUT,
        c"ANTPOOL_ERR_TIMED_OUT",
        c"the time given has passed",
    ),
    (
        ANTPOOL_ERR_NO_FUNCTION,
        c"ANTPOOL_ERR_NO_FUNCTION",
        c"the pool has no function of its own",
    ),
    (
        ANTPOOL_ERR_INVALID_EXPIRY,
        c"ANTPOOL_ERR_INVALID_EXPIRY",
        c"the expiry is negative and purging is not disabled",
    ),
    (
        ANTPOOL_ERR_INVALID_PREALLOC,
        c"ANTPOOL_ERR_INVALID_PREALLOC",
        c"nothing can be allocated in advance for an unlimited capacity or an unbounded queue",
    ),
    (
        ANTPOOL_ERR_INVALID_POOL_INDEX,
        c"ANTPOOL_ERR_INVALID_POOL_INDEX",
        c"there is no pool with this index",
    ),
    (
        ANTPOOL_ERR_INVALID_STRATEGY,
        c"ANTPOOL_ERR_INVALID_STRATEGY",
        c"there is no such strategy",
    ),
    (
        ANTPOOL_ERR_INVALID_POOL_COUNT,
        c"ANTPOOL_ERR_INVALID_POOL_COUNT",
        c"the number of pools is zero or too large",
    ),
    (
        ANTPOOL_ERR_SPAWN,
        c"ANTPOOL_ERR_SPAWN",
        c"the system refused a thread and no worker exists to take the task",
    ),
    (
        ANTPOOL_ERR_NO_MEMORY,
        c"ANTPOOL_ERR_NO_MEMORY",
        c"the system refused memory",
    ),
    (
        ANTPOOL_ERR_DEADLOCK,
        c"ANTPOOL_ERR_DEADLOCK",
        c"the call could only have waited for itself",
    ),
    (
        ANTPOOL_ERR_FORKED,
        c"ANTPOOL_ERR_FORKED",
        c"the pool was made before fork() and this is the child",
    ),
    (
        ANTPOOL_ERR_CANCELED,
        c"ANTPOOL_ERR_CANCELED",
        c"canceled by another call",
    ),
    (
        ANTPOOL_ERR_ALREADY_STARTED,
        c"ANTPOOL_ERR_ALREADY_STARTED",
        c"the task has been started",
    ),
    (
        ANTPOOL_ERR_UNSUPPORTED,
        c"ANTPOOL_ERR_UNSUPPORTED",
        c"not supported here",
    ),
    (
        ANTPOOL_ERR_TASK_FAILED,
        c"ANTPOOL_ERR_TASK_FAILED",
        c"the task has failed",
    ),
    (
        ANTPOOL_ERR_BUSY,
        c"ANTPOOL_ERR_BUSY",
        c"somebody still uses it",
    ),
];

impl From<Result<(), Error>> for antpool_status_t {
    fn from(result: Result<(), Error>) -> Self {
        match result {
            Ok(()) => ANTPOOL_OK,
            Err(error) => error.into(),
        }
    }
}

impl From<Error> for antpool_status_t {
    fn from(error: Error) -> Self {
        match error {
            Error::InvalidArgument => ANTPOOL_ERR_INVALID_ARGUMENT,
            Error::Closed => ANTPOOL_ERR_CLOSED,
            Error::Overload => ANTPOOL_ERR_OVERLOAD,
            Error::TimedOut => ANTPOOL_ERR_TIMED_OUT,
            Error::NoFunction => ANTPOOL_ERR_NO_FUNCTION,
            Error::InvalidExpiry => ANTPOOL_ERR_INVALID_EXPIRY,
            Error::InvalidPrealloc => ANTPOOL_ERR_INVALID_PREALLOC,
            Error::Spawn => ANTPOOL_ERR_SPAWN,
            Error::NoMemory => ANTPOOL_ERR_NO_MEMORY,
            Error::Deadlock => ANTPOOL_ERR_DEADLOCK,
            Error::Forked => ANTPOOL_ERR_FORKED,
            Error::Canceled => ANTPOOL_ERR_CANCELED,
            Error::AlreadyStarted => ANTPOOL_ERR_ALREADY_STARTED,
            Error::TaskFailed => ANTPOOL_ERR_TASK_FAILED,
            Error::Busy => ANTPOOL_ERR_BUSY,
            Error::InvalidPoolIndex => ANTPOOL_ERR_INVALID_POOL_INDEX,
            Error::InvalidStrategy => ANTPOOL_ERR_INVALID_STRATEGY,
            Error::InvalidPoolCount => ANTPOOL_ERR_INVALID_POOL_COUNT,
            Error::Unsupported => ANTPOOL_ERR_UNSUPPORTED,
        }
    }
}

fn find(
    status: c_int,
) -> Option<&'static (
    antpool_status_t,
    &'static std::ffi::CStr,
    &'static std::ffi::CStr,
)> {
    usize::try_from(status)
        .ok()
        .and_then(|index| STATUSES.get(index))
}

/// The name of a status, such as "ANTPOOL_ERR_CLOSED".
///
/// Takes any integer and never returns NULL; what is not a status is "ANTPOOL_ERR_UNKNOWN". The
/// text is constant and lives as long as the library.
#[unsafe(no_mangle)]
pub extern "C" fn antpool_status_name(status: c_int) -> *const c_char {
    find(status)
        .map_or(c"ANTPOOL_ERR_UNKNOWN", |row| row.1)
        .as_ptr()
}

/// A sentence about a status, such as "the pool is closed".
///
/// Takes any integer and never returns NULL. The text is constant and lives as long as the library.
// SAFETY: see antpool_status_name.
#[unsafe(no_mangle)]
pub extern "C" fn antpool_status_message(status: c_int) -> *const c_char {
    find(status)
        .map_or(c"not a status of antpool", |row| row.2)
        .as_ptr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_stands_at_its_own_number() {
        for (index, row) in STATUSES.iter().enumerate() {
            assert_eq!(row.0 as usize, index);
            assert_eq!(row.1.to_str().unwrap(), format!("{:?}", row.0));
        }
    }
}
