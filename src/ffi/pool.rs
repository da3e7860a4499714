//! Making pools, looking at them, changing their size, ending them.

use super::callbacks::antpool_task_fn;
use super::handle::{Handle, antpool_t};
use super::observer::Callbacks;
use super::options::{RawOptions, antpool_options_t};
use super::status::antpool_status_t;
use crate::clock::Deadline;
use crate::config::CAPACITY_MAX;
use crate::error::Error;

/// ANTPOOL_UNLIMITED.
pub(super) const UNLIMITED: i64 = -1;

/// A capacity as callers write it; `None` is unlimited.
pub(super) fn capacity_from(capacity: i64) -> Result<Option<usize>, Error> {
    match usize::try_from(capacity) {
        Ok(workers @ 1..=CAPACITY_MAX) => Ok(Some(workers)),
        _ if capacity == UNLIMITED => Ok(None),
        _ => Err(Error::InvalidArgument),
    }
}

fn count(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Makes a pool. No thread is started (but `min_workers`), and an idle pool has no ticking thread.
///
/// # Parameters
/// - `capacity`: the most workers, 1 to ANTPOOL_CAPACITY_MAX, or ANTPOOL_UNLIMITED.
/// - `options`: how it is to behave. Borrowed for the call; NULL means defaults.
/// - `out_pool`: set to the pool on ANTPOOL_OK. The caller owns it and ends it with
///   antpool_destroy().
///
/// # Returns
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `out_pool` is NULL, `capacity` or an option is out of range, or
///   `options->struct_size` is wrong.
/// - ANTPOOL_ERR_INVALID_EXPIRY: expiry_ms is negative and disable_purge is not set.
/// - ANTPOOL_ERR_INVALID_PREALLOC: pre_alloc with ANTPOOL_UNLIMITED or ANTPOOL_QUEUE_UNBOUNDED.
/// - ANTPOOL_ERR_SPAWN: the system refused one of `min_workers`; the others have ended.
/// - ANTPOOL_ERR_NO_MEMORY: the system refused memory.
///
/// # Safety
/// `options` is NULL or as its struct_size says; `out_pool` is NULL or writable.
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_new(
    capacity: i64,
    options: *const antpool_options_t,
    out_pool: *mut *mut antpool_t,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { make(capacity, None, options, out_pool) }.into()
}

/// Makes a pool for one function: antpool_invoke() gives it arguments. Tasks with functions of
/// their own may be submitted to it as well.
///
/// As antpool_new(), and first of all ANTPOOL_ERR_NO_FUNCTION if `func` is NULL.
///
/// # Safety
/// As for antpool_new().
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_new_with_func(
    capacity: i64,
    func: antpool_task_fn,
    options: *const antpool_options_t,
    out_pool: *mut *mut antpool_t,
) -> antpool_status_t {
    if func.is_none() {
        return Error::NoFunction.into();
    }
    // SAFETY: the caller's promise.
    unsafe { make(capacity, func, options, out_pool) }.into()
}

/// # Safety
/// As for antpool_new().
unsafe fn make(
    capacity: i64,
    func: antpool_task_fn,
    options: *const antpool_options_t,
    out_pool: *mut *mut antpool_t,
) -> Result<(), Error> {
    if out_pool.is_null() {
        return Err(Error::InvalidArgument);
    }
    // SAFETY: the caller's promise.
    let options = unsafe { RawOptions::read(options) }?;
    // SAFETY: the caller's promise: a name is a string.
    let config = unsafe { options.config(capacity) }?;
    let handle = Handle::make(config, Callbacks::from(&options), func, false)?;
    // SAFETY: not NULL, and writable as the caller promised.
    unsafe { out_pool.write(Box::into_raw(handle)) };
    Ok(())
}

/// The pool that the whole process shares: threads, at most 512 workers, an unbounded queue.
///
/// Made at first use; never NULL. It can be released, rebooted and tuned, which every user of it
/// notices, but not destroyed. Does not block.
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
pub extern "C" fn antpool_default() -> *mut antpool_t {
    Handle::of_process()
}

/// How many workers the pool may have; ANTPOOL_UNLIMITED (-1) if there is no limit. 0 for NULL.
///
/// # Safety
/// `pool` is NULL or a live handle.
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_capacity(pool: *const antpool_t) -> i64 {
    // SAFETY: the caller's promise.
    match unsafe { Handle::borrow(pool) } {
        Ok((_, pool)) => pool.capacity().map_or(UNLIMITED, count),
        Err(_) => 0,
    }
}

/// How many workers live, busy and idle. 0 for NULL and in a forked child.
///
/// # Safety
/// `pool` is NULL or a live handle.
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_running(pool: *const antpool_t) -> i64 {
    // SAFETY: the caller's promise.
    unsafe { Handle::enter(pool) }.map_or(0, |pool| count(pool.running()))
}

/// How many workers have a task, begun or about to begin. 0 for NULL and in a forked child.
///
/// # Safety
/// `pool` is NULL or a live handle.
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_busy(pool: *const antpool_t) -> i64 {
    // SAFETY: the caller's promise.
    unsafe { Handle::enter(pool) }.map_or(0, |pool| count(pool.busy()))
}

/// How many submits would be accepted now without waiting; -1 if the capacity is unlimited. 0 for
/// NULL, on a closed pool and in a forked child.
///
/// # Safety
/// `pool` is NULL or a live handle.
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_available(pool: *const antpool_t) -> i64 {
    // SAFETY: the caller's promise.
    unsafe { Handle::enter(pool) }.map_or(0, |pool| pool.available().map_or(UNLIMITED, count))
}

/// How many callers wait to submit. 0 for NULL and in a forked child.
///
/// # Safety
/// `pool` is NULL or a live handle.
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_waiting(pool: *const antpool_t) -> i64 {
    // SAFETY: the caller's promise.
    unsafe { Handle::enter(pool) }.map_or(0, |pool| count(pool.waiting()))
}

/// Whether the pool is closed. True for NULL.
///
/// # Safety
/// `pool` is NULL or a live handle.
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_is_closed(pool: *const antpool_t) -> bool {
    // SAFETY: the caller's promise.
    unsafe { Handle::borrow(pool) }.map_or(true, |(_, pool)| pool.is_closed())
}

/// Changes the capacity. Works on a closed pool too. Does not wait for any task.
///
/// Growing starts workers for queued tasks and admits as many waiting callers as now fit. Shrinking
/// never interrupts a task: surplus idle workers exit at once, surplus busy ones when their task
/// ends. A submit that begins after this returned is held to the new capacity.
///
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `pool` is NULL, or `capacity` is not 1 to ANTPOOL_CAPACITY_MAX.
/// - ANTPOOL_ERR_UNSUPPORTED: the pool is unlimited or was made with pre_alloc; nothing changed.
/// - ANTPOOL_ERR_NO_MEMORY: the system refused memory for more workers; nothing changed.
///
/// # Safety
/// `pool` is NULL or a live handle.
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_tune(pool: *mut antpool_t, capacity: i64) -> antpool_status_t {
    // SAFETY: the caller's promise.
    let pool = match unsafe { Handle::borrow(pool) } {
        Ok((_, pool)) => pool,
        Err(error) => return error.into(),
    };
    match capacity_from(capacity) {
        Ok(Some(_)) if pool.is_foreign() => Error::Forked.into(),
        Ok(Some(workers)) => pool.tune(workers).into(),
        _ => Error::InvalidArgument.into(),
    }
}

/// Waits until no accepted task is unfinished. The pool stays open.
///
/// ANTPOOL_OK once there was an instant during the call at which every accepted task had finished,
/// tasks that tasks submitted included. Other producers may go on; they cannot make it miss such an
/// instant. ANTPOOL_ERR_DEADLOCK from inside one of the pool's own tasks. Blocks.
///
/// # Safety
/// `pool` is NULL or a live handle.
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_wait(pool: *mut antpool_t) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { antpool_wait_timeout(pool, u64::MAX) }
}

/// As antpool_wait(), for at most `timeout_ms` milliseconds: then ANTPOOL_ERR_TIMED_OUT. If the
/// instant and the deadline come together, ANTPOOL_OK.
///
/// # Safety
/// `pool` is NULL or a live handle.
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_wait_timeout(
    pool: *mut antpool_t,
    timeout_ms: u64,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    let pool = unsafe { Handle::enter(pool) };
    pool.and_then(|pool| pool.wait(Deadline::after_ms(timeout_ms)))
        .into()
}

/// Closes the pool and returns. Nothing is accepted any more; callers that wait to submit get
/// ANTPOOL_ERR_CLOSED and their tasks never run; accepted tasks, queued ones too, still run to
/// their end; idle workers exit. On a closed pool ANTPOOL_OK and nothing.
///
/// May be called from inside a task. Does not wait for any task.
///
/// # Safety
/// `pool` is NULL or a live handle.
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_release(pool: *mut antpool_t) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { Handle::enter(pool) }
        .map(|pool| pool.release())
        .into()
}

/// Closes the pool, as antpool_release() does, and waits until every worker has exited (threads
/// that a task ended are not waited for).
///
/// # Returns
/// - ANTPOOL_OK: every worker has exited. Callers that wait at the same time all get it.
/// - ANTPOOL_ERR_TIMED_OUT: not within `timeout_ms` milliseconds. The pool stays closed, and the
///   call may be made again to go on waiting.
/// - ANTPOOL_ERR_CLOSED: an earlier call has returned ANTPOOL_OK for this closing.
/// - ANTPOOL_ERR_CANCELED: antpool_reboot() opened the pool again.
/// - ANTPOOL_ERR_DEADLOCK: called from inside one of the pool's own tasks; nothing was done.
///
/// # Safety
/// `pool` is NULL or a live handle.
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_release_timeout(
    pool: *mut antpool_t,
    timeout_ms: u64,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    let pool = unsafe { Handle::enter(pool) };
    pool.and_then(|pool| pool.release_and_wait(Deadline::after_ms(timeout_ms)))
        .into()
}

/// Opens a closed pool again, with the capacity and options it had. On an open pool ANTPOOL_OK and
/// nothing. Tasks that still run from before count against the capacity. A pending
/// antpool_release_timeout() gets ANTPOOL_ERR_CANCELED.
///
/// In a forked child it makes a handle of the parent usable: an open pool without tasks.
///
/// - ANTPOOL_ERR_SPAWN: the system refused one of `min_workers`; the pool stays closed.
/// - ANTPOOL_ERR_NO_MEMORY: the system refused memory; the pool stays closed.
///
/// # Safety
/// `pool` is NULL or a live handle.
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_reboot(pool: *mut antpool_t) -> antpool_status_t {
    // SAFETY: the caller's promise.
    match unsafe { Handle::borrow(pool) } {
        Ok((handle, pool)) if pool.is_foreign() => handle.renew(pool).into(),
        Ok((_, pool)) => pool.reboot().into(),
        Err(error) => error.into(),
    }
}

/// Ends a pool: closes it, waits until every worker has exited and every call that was blocked on
/// it has returned (submits with ANTPOOL_ERR_CLOSED, waits with ANTPOOL_OK), and frees it.
///
/// NULL is ANTPOOL_OK. From inside one of the pool's own tasks ANTPOOL_ERR_DEADLOCK, and for the
/// default pool ANTPOOL_ERR_INVALID_ARGUMENT; nothing was done. In a forked child ANTPOOL_OK at
/// once: the memory is given up. Otherwise blocks for as long as the longest task. Calls that begin
/// after this one, and a second one, are undefined.
///
/// # Safety
/// `pool` is NULL or a live handle.
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_destroy(pool: *mut antpool_t) -> antpool_status_t {
    if pool.is_null() {
        return antpool_status_t::ANTPOOL_OK;
    }
    // SAFETY: the caller's promise.
    unsafe { Handle::destroy(pool) }.into()
}
