//! One task that the caller asks about.

use std::ffi::c_void;

use super::callbacks::antpool_task_fn;
use super::handle::{Handle, antpool_t};
use super::status::antpool_status_t;
use super::submit::{Wait, hand_over};
use crate::clock::Deadline;
use crate::current::Current;
use crate::error::Error;
use crate::task::Task;
use crate::tasks::{Owner, Record, Tracker};

/// One task that was submitted by antpool_task_submit(). The caller owns the handle, which may outlive its pool,
/// and destroys it by antpool_task_destroy(). Any number of threads may use one at the same time.
#[derive(Debug)]
pub struct antpool_task_t {
    _opaque: [u8; 0],
}

/// # Safety
/// `task` is NULL or a live handle.
unsafe fn record<'a>(task: *const antpool_task_t) -> Result<&'a Record, Error> {
    // SAFETY: the caller's promise; the handle is a pointer to its record.
    let record = unsafe { task.cast::<Record>().as_ref() }.ok_or(Error::InvalidArgument)?;
    if record.is_foreign() {
        return Err(Error::Forked);
    }
    Ok(record)
}

/// # Safety
/// `pool` is NULL or a live handle; `f` may be called with `arg`; `out_task` is NULL or writable.
unsafe fn submit(
    pool: *mut antpool_t,
    f: antpool_task_fn,
    arg: *mut c_void,
    out_task: *mut *mut antpool_task_t,
    wait: Wait,
) -> antpool_status_t {
    let (Some(f), false, false) = (f, pool.is_null(), out_task.is_null()) else {
        return Error::InvalidArgument.into();
    };
    let (handle, of_task) = match Owner::pair() {
        Ok(pair) => pair,
        Err(error) => return error.into(),
    };
    // SAFETY: the caller's promise.
    let pool = match unsafe { Handle::enter(pool) } {
        Ok(pool) => pool,
        Err(error) => return error.into(),
    };
    let record = of_task.into_raw();
    // SAFETY: the caller's promise; the record is the task's from here on.
    let task = || unsafe { Task::with_tracker(f, arg, record) };
    let result = hand_over(pool, wait, task);
    if result.is_ok() {
        // SAFETY: the caller's promise.
        unsafe { out_task.write(handle.into_raw().cast_mut().cast()) };
    } else {
        // SAFETY: the task was not accepted, and is nowhere.
        drop(unsafe { Owner::from_raw(record) });
    }
    result.into()
}

/// As antpool_submit(), with a handle to wait for the task or to cancel it: `*out_task`, which the caller
/// destroys by antpool_task_destroy(). It takes one allocation.
///
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `pool`, `fn` or `out_task` is NULL.
///
/// # Safety
/// As for antpool_submit(); `out_task` is NULL or writable.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_task_submit(
    pool: *mut antpool_t,
    r#fn: antpool_task_fn,
    arg: *mut c_void,
    out_task: *mut *mut antpool_task_t,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { submit(pool, r#fn, arg, out_task, Wait::AsConfigured) }
}

/// As antpool_task_submit(), but never waits for room: a full pool returns ANTPOOL_ERR_OVERLOAD.
///
/// # Safety
/// As for antpool_task_submit().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_try_task_submit(
    pool: *mut antpool_t,
    r#fn: antpool_task_fn,
    arg: *mut c_void,
    out_task: *mut *mut antpool_task_t,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { submit(pool, r#fn, arg, out_task, Wait::Never) }
}

/// As antpool_task_submit(), but waits for room as antpool_submit_timeout() does.
///
/// # Safety
/// As for antpool_task_submit().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_task_submit_timeout(
    pool: *mut antpool_t,
    r#fn: antpool_task_fn,
    arg: *mut c_void,
    timeout_ms: u64,
    out_task: *mut *mut antpool_task_t,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { submit(pool, r#fn, arg, out_task, Wait::UpTo(timeout_ms)) }
}

/// Waits until the task has ended, its panic handler included. Any number of callers may wait. Then
/// what the task wrote is visible. The task's place in the pool is free a moment later.
///
/// May be called from inside other tasks; in a fiber it suspends the fiber. If all workers of a full
/// pool wait for tasks in its queue, they wait for ever: such cycles are not detected.
///
/// - ANTPOOL_OK: it has returned.
/// - ANTPOOL_ERR_TASK_FAILED: it has failed; the panic handler has the message.
/// - ANTPOOL_ERR_CANCELED: it was canceled, and never runs.
/// - ANTPOOL_ERR_DEADLOCK: the task itself is calling.
/// - ANTPOOL_ERR_NO_MEMORY: the system refused memory for the wait.
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `task` is NULL.
/// - ANTPOOL_ERR_FORKED: see the introduction.
///
/// # Safety
/// `task` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_task_wait(task: *mut antpool_task_t) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { antpool_task_wait_timeout(task, u64::MAX) }
}

/// As antpool_task_wait(), for at most `timeout_ms` milliseconds; then it returns ANTPOOL_ERR_TIMED_OUT. If the
/// end and the deadline come together, it returns what the end says.
///
/// # Safety
/// `task` is NULL or a live handle.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_task_wait_timeout(
    task: *mut antpool_task_t,
    timeout_ms: u64,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    let record = unsafe { record(task) };
    record
        .and_then(|record| record.wait(Deadline::after_ms(timeout_ms)))
        .into()
}

/// Cancels the task if no worker has begun it: on ANTPOOL_OK it never runs, the caller owns its argument again,
/// and antpool_task_wait() returns ANTPOOL_ERR_CANCELED at once. Its place in the pool is free, and the stats count it
/// as canceled and completed, once a worker has taken it out of the queue; antpool_wait() waits for that. Of several
/// cancels one gets ANTPOOL_OK. Does not wait.
///
/// - ANTPOOL_ERR_CANCELED: it was canceled before; the caller that did so owns the argument.
/// - ANTPOOL_ERR_ALREADY_STARTED: a worker has begun it. If it still runs, antpool_is_canceled() is true for it.
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `task` is NULL.
/// - ANTPOOL_ERR_FORKED: see the introduction.
///
/// # Safety
/// `task` is NULL or a live handle.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_task_cancel(task: *mut antpool_task_t) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { record(task) }.and_then(Record::cancel).into()
}

/// Whether the task has ended or was canceled. False for NULL and in a forked child.
///
/// # Safety
/// `task` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_task_is_done(task: *const antpool_task_t) -> bool {
    // SAFETY: the caller's promise.
    unsafe { record(task) }.is_ok_and(Record::is_done)
}

/// Destroys the handle; the task runs on. Returns ANTPOOL_OK, also for NULL. No other call may use the handle at
/// the same time or later. In a forked child the memory is leaked.
///
/// # Safety
/// `task` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_task_destroy(task: *mut antpool_task_t) -> antpool_status_t {
    // SAFETY: the caller's promise.
    if unsafe { record(task) }.is_ok() {
        // SAFETY: the handle is an owner, taken back by this last call on it.
        drop(unsafe { Owner::from_raw(task.cast_const().cast()) });
    }
    antpool_status_t::ANTPOOL_OK
}

/// Inside a task: whether it has been asked to stop, by antpool_task_cancel(), antpool_group_cancel() or antpool_lane_cancel(). False
/// elsewhere, also inside antpool_block().
#[unsafe(no_mangle)]
pub extern "C" fn antpool_is_canceled() -> bool {
    Current::tracker().is_some_and(Tracker::is_asked_to_stop)
}
