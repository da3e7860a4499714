//! Making pools, inspecting them, changing their size, ending them.

use super::callbacks::antpool_task_fn;
use super::handle::{Handle, OwnedHandle, antpool_t};
use super::observer::Callbacks;
use super::options::{RawOptions, antpool_options_t, expiry_from};
use super::status::antpool_status_t;
use crate::clock::Deadline;
use crate::config::CAPACITY_MAX;
use crate::error::Error;
use crate::loops;

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

pub(super) fn count(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Makes a pool. It starts no thread except `min_workers`, and an idle pool has no ticking thread.
///
/// # Parameters
/// - `capacity`: the most workers, 1 to ANTPOOL_CAPACITY_MAX, or ANTPOOL_UNLIMITED.
/// - `options`: how it is to behave. Borrowed for the call; NULL means defaults.
/// - `out_pool`: set to the pool on ANTPOOL_OK. The caller owns it and ends it with
///   antpool_destroy().
///
/// # Returns
/// If the options have several mistakes, the first of this list counts, whatever the introduction says.
/// - ANTPOOL_ERR_INVALID_EXPIRY: expiry_ms is negative and disable_purge is not set.
/// - ANTPOOL_ERR_INVALID_PREALLOC: pre_alloc with ANTPOOL_UNLIMITED or ANTPOOL_QUEUE_UNBOUNDED.
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `out_pool` is NULL, `capacity` or an option is out of range, or
///   `options->struct_size` is wrong. A line to the logger (stderr if there is none) names it, and its range.
/// - ANTPOOL_ERR_SPAWN: the system refused one of `min_workers`; the others have ended.
/// - ANTPOOL_ERR_NO_MEMORY: the system refused memory.
///
/// # Safety
/// `options` is NULL or as its struct_size says; `out_pool` is NULL or writable.
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
/// Otherwise as antpool_new(). If `func` is NULL it returns ANTPOOL_ERR_NO_FUNCTION, before any other error.
///
/// # Safety
/// As for antpool_new().
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
    let handle = unsafe { make_handle(capacity, func, options) }?;
    // SAFETY: not NULL, and writable as the caller promised.
    unsafe { out_pool.write(handle.into_raw()) };
    Ok(())
}

/// # Safety
/// As for [`antpool_new`].
pub(super) unsafe fn make_handle(
    capacity: i64,
    func: antpool_task_fn,
    options: *const antpool_options_t,
) -> Result<OwnedHandle, Error> {
    // SAFETY: the caller's promise.
    let options = unsafe { RawOptions::read(options) }?;
    // SAFETY: the caller's promise: a name is a string.
    let config = unsafe { options.config(capacity) }?;
    let handle = Handle::make(config, Callbacks::from(&options), func, false);
    if handle.as_ref().err() == Some(&Error::InvalidArgument) {
        options.say("stack_size is out of range: too small for a worker");
    }
    handle
}

/// The pool that the whole process shares: threads, at most 512 workers, an unbounded queue.
///
/// It is made at first use, and is never NULL. It can be released, rebooted and tuned, which all its users
/// notice. It cannot be destroyed. Does not block.
#[unsafe(no_mangle)]
pub extern "C" fn antpool_default() -> *mut antpool_t {
    Handle::of_process()
}

/// The most workers that the pool may have; ANTPOOL_UNLIMITED (-1) if there is no limit. 0 for NULL.
///
/// # Safety
/// `pool` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_capacity(pool: *const antpool_t) -> i64 {
    // SAFETY: the caller's promise.
    match unsafe { Handle::borrow(pool) } {
        Ok(pool) => pool.capacity().map_or(UNLIMITED, count),
        Err(_) => 0,
    }
}

/// The number of workers, busy and idle. 0 for NULL and in a forked child.
///
/// # Safety
/// `pool` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_running(pool: *const antpool_t) -> i64 {
    // SAFETY: the caller's promise.
    unsafe { Handle::enter(pool) }.map_or(0, |pool| count(pool.running()))
}

/// The number of workers with a task that has begun or is about to begin. 0 for NULL and in a forked child.
///
/// # Safety
/// `pool` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_busy(pool: *const antpool_t) -> i64 {
    // SAFETY: the caller's promise.
    unsafe { Handle::enter(pool) }.map_or(0, |pool| count(pool.busy()))
}

/// The number of submits that would be accepted now without waiting; -1 if the capacity is unlimited. 0 for
/// NULL, on a closed pool and in a forked child.
///
/// # Safety
/// `pool` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_available(pool: *const antpool_t) -> i64 {
    // SAFETY: the caller's promise.
    unsafe { Handle::enter(pool) }.map_or(0, |pool| pool.available().map_or(UNLIMITED, count))
}

/// The number of callers that wait to submit. 0 for NULL and in a forked child.
///
/// # Safety
/// `pool` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_waiting(pool: *const antpool_t) -> i64 {
    // SAFETY: the caller's promise.
    unsafe { Handle::enter(pool) }.map_or(0, |pool| count(pool.waiting()))
}

/// What every antpool_worker_index() of the pool is below: the size of a table with an entry for each worker. 0
/// for NULL; in a forked child as it was.
///
/// It is the largest capacity that the pool has had, or on fibers the number of carriers, and 64 more for workers
/// on their way out. So it never falls, and grows only by an antpool_tune() to a capacity that the pool has not had. If
/// 64 workers are in their stop hooks, the next one waits with its start hook for the end of one of them: a stop hook
/// must not wait for tasks of its own pool. With ANTPOOL_UNLIMITED it is above ANTPOOL_CAPACITY_MAX: have the
/// table grow. Does not block.
///
/// # Safety
/// `pool` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_worker_index_limit(pool: *const antpool_t) -> usize {
    // SAFETY: the caller's promise.
    unsafe { Handle::borrow(pool) }.map_or(0, |pool| pool.roster().limit())
}

/// Whether the pool is closed. True for NULL.
///
/// # Safety
/// `pool` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_is_closed(pool: *const antpool_t) -> bool {
    // SAFETY: the caller's promise.
    unsafe { Handle::borrow(pool) }.map_or(true, |pool| pool.is_closed())
}

/// Changes the capacity. Works on a closed pool too. Does not wait for any task.
///
/// Growing starts workers for queued tasks and admits as many waiting callers as now fit. Shrinking
/// never interrupts a task: surplus idle workers exit at once, surplus busy ones when their task
/// ends. The new capacity binds every submit that begins after this has returned, and the number of tasks that
/// run at once. (On fibers each carrier may be about to begin one task more when this returns. On threads one task more
/// may run, once, if the pool is tuned to fewer several times while one task ends.)
///
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `pool` is NULL, or `capacity` is not 1 to ANTPOOL_CAPACITY_MAX.
/// - ANTPOOL_ERR_UNSUPPORTED: the pool is unlimited or was made with pre_alloc; nothing changed.
/// - ANTPOOL_ERR_NO_MEMORY: the system refused memory for more workers; nothing changed.
///
/// # Safety
/// `pool` is NULL or a live handle.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_tune(pool: *mut antpool_t, capacity: i64) -> antpool_status_t {
    // SAFETY: the caller's promise.
    let pool = match unsafe { Handle::borrow(pool) } {
        Ok(pool) => pool,
        Err(error) => return error.into(),
    };
    match capacity_from(capacity) {
        Ok(Some(_)) if pool.is_foreign() => Error::Forked.into(),
        Ok(Some(workers)) => pool.keep().and_then(|pool| pool.tune(workers)).into(),
        _ => Error::InvalidArgument.into(),
    }
}

/// Makes the workers that are idle now exit, except `min_workers`: at once, whatever the expiry is, also with
/// disable_purge. A worker that gets a task first stays. On fibers the idle threads of antpool_block() exit as well.
/// It does not wait for them. On a closed pool, whose idle workers exit anyway, it does nothing and returns
/// ANTPOOL_OK.
///
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `pool` is NULL.
/// - ANTPOOL_ERR_FORKED: see the introduction.
///
/// # Safety
/// `pool` is NULL or a live handle.
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_trim(pool: *mut antpool_t) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { Handle::keep(pool) }.map(|pool| pool.trim()).into()
}

/// Changes how long an idle worker stays, in milliseconds, as options.expiry_ms: 0 means 1000. For workers that are
/// idle already the new time counts from when they became idle. Works on a closed pool too.
///
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `pool` is NULL.
/// - ANTPOOL_ERR_INVALID_EXPIRY: `expiry_ms` is negative.
/// - ANTPOOL_ERR_UNSUPPORTED: the pool was made with disable_purge, and its workers stay for ever; nothing changed.
/// - ANTPOOL_ERR_FORKED: see the introduction.
///
/// Does not block.
///
/// # Safety
/// `pool` is NULL or a live handle.
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_set_expiry(
    pool: *mut antpool_t,
    expiry_ms: i64,
) -> antpool_status_t {
    if pool.is_null() {
        return Error::InvalidArgument.into();
    }
    let Some(expiry) = expiry_from(expiry_ms) else {
        return Error::InvalidExpiry.into();
    };
    // SAFETY: the caller's promise.
    unsafe { Handle::keep(pool) }
        .and_then(|pool| pool.set_expiry(expiry))
        .into()
}

/// Pauses the pool: tasks that have not begun wait until antpool_resume(). Tasks that run go on, and so do loops and
/// gangs that have begun.
///
/// Everything else is as before: submits are accepted as far as there is room, and then wait; workers are started for
/// them, take a task each and wait with it, and antpool_busy() counts those. antpool_wait() waits for the tasks, if it
/// has no deadline until the pool is resumed. antpool_parallel_for() does all by its caller, antpool_run_together()
/// says ANTPOOL_ERR_OVERLOAD. To close the pool, by antpool_release() or antpool_destroy(), ends the pause.
/// On a paused pool ANTPOOL_OK and nothing.
///
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `pool` is NULL.
/// - ANTPOOL_ERR_CLOSED: the pool is closed.
/// - ANTPOOL_ERR_FORKED: see the introduction.
///
/// May be called from inside a task, which goes on. Does not wait for any task: one that a worker was about to begin
/// may still begin, but none that is submitted after this returned.
///
/// # Safety
/// `pool` is NULL or a live handle.
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_pause(pool: *mut antpool_t) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { Handle::keep(pool) }
        .and_then(|pool| pool.pause())
        .into()
}

/// Ends a pause: tasks that wait begin, and see what the caller has written before. On a pool that is not paused, or closed, ANTPOOL_OK and nothing. Does not wait.
///
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `pool` is NULL.
/// - ANTPOOL_ERR_FORKED: see the introduction.
///
/// # Safety
/// `pool` is NULL or a live handle.
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_resume(pool: *mut antpool_t) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { Handle::keep(pool) }
        .map(|pool| pool.resume())
        .into()
}

/// Whether the pool is paused. False for NULL; in a forked child as it was.
///
/// # Safety
/// `pool` is NULL or a live handle.
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_is_paused(pool: *const antpool_t) -> bool {
    // SAFETY: the caller's promise.
    unsafe { Handle::borrow(pool) }.is_ok_and(|pool| pool.gate().is_paused())
}

/// Waits until no accepted task is unfinished. The pool stays open.
///
/// It returns ANTPOOL_OK once there was an instant during the call at which every accepted task had finished,
/// also those that tasks have submitted. Other producers may go on submitting; they cannot make it miss such an
/// instant. Inside one of the pool's own tasks it returns ANTPOOL_ERR_DEADLOCK. Blocks.
///
/// # Safety
/// `pool` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_wait(pool: *mut antpool_t) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { antpool_wait_timeout(pool, u64::MAX) }
}

/// As antpool_wait(), for at most `timeout_ms` milliseconds; then it returns ANTPOOL_ERR_TIMED_OUT. If the
/// instant and the deadline come together, it returns ANTPOOL_OK.
///
/// # Safety
/// `pool` is NULL or a live handle.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_wait_timeout(
    pool: *mut antpool_t,
    timeout_ms: u64,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    let pool = unsafe { Handle::keep(pool) };
    pool.and_then(|pool| pool.wait(Deadline::after_ms(timeout_ms)))
        .into()
}

/// Closes the pool and returns. The pool accepts nothing any more: callers that wait to submit get
/// ANTPOOL_ERR_CLOSED, and their tasks never run. Accepted tasks, also those in the queue, still run to
/// their end. Idle workers exit. On a closed pool it does nothing and returns ANTPOOL_OK.
///
/// May be called from inside a task. Does not wait for any task.
///
/// # Safety
/// `pool` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_release(pool: *mut antpool_t) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { Handle::keep(pool) }
        .map(|pool| pool.release())
        .into()
}

/// Closes the pool as antpool_release() does, but tasks that have not begun never run. Instead, `discard` is called
/// once with the argument of each, on a worker or in this call. (For antpool_submit_copy() that is a copy of the
/// bytes.) Tasks that run go on to their end. On a closed pool it does the same with the tasks that are left; of
/// several such calls one gets each task.
///
/// A discarded task counts as canceled and completed. One that has a handle is canceled when `discard` has returned:
/// antpool_task_wait() returns ANTPOOL_ERR_CANCELED. If antpool_task_cancel() or antpool_group_cancel() was first, the
/// argument is theirs. A task of completions is delivered to its `done`, with ANTPOOL_ERR_CANCELED, and not to
/// `discard`. A loop or a gang that has begun goes on to its end, with its helpers.
///
/// `discard` counts as inside a task of the pool, also in this call; if it fails, the panic handler is called. In this
/// call it must neither wait nor end its thread. A worker may still be calling it when this returns;
/// antpool_release_timeout() and antpool_destroy() wait for that.
///
/// # Parameters
/// - `pool`: the pool. Borrowed.
/// - `discard`: called with the arguments; NULL if nothing has to be done with them.
///
/// # Returns
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `pool` is NULL.
/// - ANTPOOL_ERR_FORKED: see the introduction.
///
/// May be called from inside a task. Does not wait for any task.
///
/// # Safety
/// `pool` is NULL or a live handle; `discard` may be called with the argument of each of its tasks, on any thread.
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_release_discard(
    pool: *mut antpool_t,
    discard: antpool_task_fn,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { Handle::keep(pool) }
        .map(|pool| loops::release_and_discard(&pool, discard))
        .into()
}

/// Closes the pool, as antpool_release() does, and waits until every worker has exited. It
/// does not wait for threads that a task has ended.
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
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_release_timeout(
    pool: *mut antpool_t,
    timeout_ms: u64,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    let pool = unsafe { Handle::keep(pool) };
    pool.and_then(|pool| pool.release_and_wait(Deadline::after_ms(timeout_ms)))
        .into()
}

/// Opens a closed pool again, with the capacity and options it had. On an open pool it does nothing and returns
/// ANTPOOL_OK. Tasks that still run from before count against the capacity. A pending
/// antpool_release_timeout() gets ANTPOOL_ERR_CANCELED.
///
/// In a forked child it makes a handle of the parent usable: it is then an open pool without tasks.
///
/// - ANTPOOL_ERR_SPAWN: the system refused one of `min_workers`; the pool stays closed.
/// - ANTPOOL_ERR_NO_MEMORY: the system refused memory; the pool stays closed.
///
/// # Safety
/// `pool` is NULL or a live handle.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_reboot(pool: *mut antpool_t) -> antpool_status_t {
    // SAFETY: the caller's promise.
    match unsafe { Handle::borrow(pool) } {
        Ok(pool) if pool.is_foreign() => pool.renew().into(),
        Ok(pool) => pool.keep().and_then(|pool| pool.reboot()).into(),
        Err(error) => error.into(),
    }
}

/// Ends a pool: closes it, waits until every worker has exited and every call that was blocked on
/// it has returned (submits with ANTPOOL_ERR_CLOSED, waits with ANTPOOL_OK), and frees it.
///
/// It returns ANTPOOL_OK, also for NULL. Inside one of the pool's own tasks it does nothing and returns
/// ANTPOOL_ERR_DEADLOCK; for the default pool, ANTPOOL_ERR_INVALID_ARGUMENT. In a forked child it returns
/// ANTPOOL_OK at once and leaks the memory. Otherwise it blocks for as long as the longest task. A call on the
/// pool that begins after this one, a second destroy included, is undefined behavior.
///
/// # Safety
/// `pool` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_destroy(pool: *mut antpool_t) -> antpool_status_t {
    if pool.is_null() {
        return antpool_status_t::ANTPOOL_OK;
    }
    // SAFETY: the caller's promise.
    unsafe { Handle::destroy(pool) }.into()
}

/// Ends a pool without waiting: closes it as antpool_release() does, and takes the handle from the caller at once.
/// Accepted tasks still run to their end. The last worker frees the pool; if there is none, this call does.
///
/// May be called from inside one of the pool's own tasks. Tasks, panic handlers, hooks and the logger of the pool may
/// use antpool_current() until they return; antpool_reboot() returns ANTPOOL_ERR_CLOSED there. Calls that are blocked on
/// the pool return as for antpool_destroy(), each as soon as it can. What the options point at must stay
/// until the last worker has exited; on_worker_stop tells of each. Nobody can wait for that. So a program that
/// unloads this library, or code that its tasks use, calls antpool_destroy() instead.
///
/// - ANTPOOL_OK: the handle must not be used any more, except as above. `pool` may be NULL. In a forked child the
///   memory is leaked.
/// - ANTPOOL_ERR_INVALID_ARGUMENT: it is the default pool; nothing was done.
///
/// Does not block. A call on the pool that begins after this one, a second one included, is undefined behavior.
///
/// # Safety
/// `pool` is NULL or a live handle.
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_destroy_later(pool: *mut antpool_t) -> antpool_status_t {
    if pool.is_null() {
        return antpool_status_t::ANTPOOL_OK;
    }
    // SAFETY: the caller's promise.
    unsafe { Handle::destroy_later(pool) }.into()
}
