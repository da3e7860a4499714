//! Tasks of which a number may run at the same time.

use std::ffi::c_void;
use std::sync::Arc;

use super::callbacks::antpool_task_fn;
use super::handle::{Handle, antpool_t};
use super::pool::count;
use super::status::antpool_status_t;
use super::submit::Wait;
use crate::clock::Deadline;
use crate::error::Error;
use crate::pool::Pool;
use crate::tasks;

type Lane = tasks::Lane<Arc<Pool>>;

/// Tasks of one pool that begin in the order of their submits, at most a number of them at a time: a serial queue, or a
/// share of the pool for one kind of work. antpool_lane_new() makes it, antpool_lane_destroy() ends it. Tasks that may not
/// begin yet wait in the lane, without a worker. Any number of threads may use one at the same time.
#[derive(Debug)]
pub struct antpool_lane_t {
    _opaque: [u8; 0],
}

/// # Safety
/// `lane` is NULL or a live handle.
unsafe fn lane<'a>(lane: *const antpool_lane_t) -> Result<&'a Lane, Error> {
    // SAFETY: the caller's promise; the handle is a pointer to the lane.
    let lane = unsafe { lane.cast::<Lane>().as_ref() }.ok_or(Error::InvalidArgument)?;
    if lane.is_foreign() {
        return Err(Error::Forked);
    }
    Ok(lane)
}

/// # Safety
/// `handle` is NULL or a live handle; `f` may be called with `arg`.
unsafe fn submit(
    handle: *mut antpool_lane_t,
    f: antpool_task_fn,
    arg: *mut c_void,
    wait: Wait,
) -> Result<(), Error> {
    let f = f.ok_or(Error::InvalidArgument)?;
    // SAFETY: the caller's promise.
    let lane = unsafe { lane(handle) }?;
    lane.submit(f, arg, wait.policy(lane.pool()))
}

/// Makes an empty lane of the pool: `*out_lane`, which the caller destroys by antpool_lane_destroy(). It starts no thread,
/// and takes less than 256 bytes while it is empty.
///
/// `limit` is the most tasks of the lane that run at the same time: 1 makes a serial queue; half of the capacity keeps the
/// other half of the workers free of slow tasks; what is above the capacity is not reached.
///
/// The lane may be used after its pool was closed or destroyed: submits return ANTPOOL_ERR_CLOSED then. The memory of a
/// pool is freed with its last lane. The lane of a pool that is closed can be made, for after a reboot.
///
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `pool` or `out_lane` is NULL, or `limit` is 0.
/// - ANTPOOL_ERR_NO_MEMORY: the system refused memory for it.
/// - ANTPOOL_ERR_FORKED: see the introduction.
///
/// # Safety
/// `pool` is NULL or a live handle; `out_lane` is NULL or writable.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_lane_new(
    pool: *mut antpool_t,
    limit: usize,
    out_lane: *mut *mut antpool_lane_t,
) -> antpool_status_t {
    if limit == 0 || out_lane.is_null() {
        return Error::InvalidArgument.into();
    }
    // SAFETY: the caller's promise.
    match unsafe { Handle::keep(pool) }.and_then(|pool| Lane::make(pool, limit)) {
        Ok(lane) => {
            // SAFETY: the caller's promise.
            unsafe { out_lane.write(lane.cast()) };
            antpool_status_t::ANTPOOL_OK
        }
        Err(error) => error.into(),
    }
}

/// Submits a task to the lane: a worker of the lane's pool calls `fn(arg)`, exactly once, after all tasks that were submitted
/// to the lane before have begun, and when fewer than `limit` of them run.
///
/// A submit that finds fewer than `limit` tasks unfinished needs room in the pool, and waits for it as antpool_submit()
/// does. Otherwise the task waits in the lane: the call never waits then, and takes no room in the pool. The number of tasks that wait
/// in a lane is limited by memory alone; see antpool_lane_queued(). When a task of the lane has ended, the next one
/// begins on the same worker, on the word of nobody else; after 64 in a row the worker first runs what waits in the queue of the
/// pool, and the lane goes to the end of that queue.
///
/// For the pool, tasks in the lane are submitted and unfinished, as others are: antpool_wait() waits for them, and a release
/// or a destroy lets them run first. A pause holds them back. antpool_release_discard() discards those that have not begun,
/// each on a worker when its turn has come, also if the pool has been rebooted until then.
///
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `lane` or `fn` is NULL.
/// - ANTPOOL_ERR_CANCELED: the lane is canceled, and no wait has found it empty since. Also on a closed pool.
/// - ANTPOOL_ERR_NO_MEMORY: the system refused memory for the task.
///
/// Other errors are those of antpool_submit().
///
/// # Safety
/// As for antpool_submit(); `lane` is NULL or a live handle.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_lane_submit(
    lane: *mut antpool_lane_t,
    r#fn: antpool_task_fn,
    arg: *mut c_void,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { submit(lane, r#fn, arg, Wait::AsConfigured) }.into()
}

/// As antpool_lane_submit(), but never waits for room: ANTPOOL_ERR_OVERLOAD if fewer than `limit` tasks of the lane are
/// unfinished and the pool is full.
///
/// # Safety
/// As for antpool_lane_submit().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_try_lane_submit(
    lane: *mut antpool_lane_t,
    r#fn: antpool_task_fn,
    arg: *mut c_void,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { submit(lane, r#fn, arg, Wait::Never) }.into()
}

/// As antpool_lane_submit(), but waits for room as antpool_submit_timeout() does.
///
/// # Safety
/// As for antpool_lane_submit().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_lane_submit_timeout(
    lane: *mut antpool_lane_t,
    r#fn: antpool_task_fn,
    arg: *mut c_void,
    timeout_ms: u64,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { submit(lane, r#fn, arg, Wait::UpTo(timeout_ms)) }.into()
}

/// Waits for an instant at which nothing in the lane is unfinished; others may go on submitting. Any number of callers may
/// wait. Then what the tasks wrote is visible.
///
/// May be called from inside tasks that are not of this lane; in a fiber it suspends the fiber. If all workers of a full pool
/// wait for tasks that need one, they wait for ever: such cycles are not detected.
///
/// The lane can be used again afterwards. If it was canceled, the first wait that finds it empty opens it.
///
/// - ANTPOOL_ERR_TASK_FAILED: nothing is unfinished, and since the last wait that returned this or ANTPOOL_OK, a task has
///   failed. All callers whose waits end at that instant get it. The panic handler has each message.
/// - ANTPOOL_ERR_DEADLOCK: called from inside a task of this lane, which would wait for itself.
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `lane` is NULL.
/// - ANTPOOL_ERR_FORKED: see the introduction.
///
/// # Safety
/// `lane` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_lane_wait(lane: *mut antpool_lane_t) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { self::lane(lane) }
        .and_then(|lane| lane.wait(Deadline::NEVER))
        .into()
}

/// As antpool_lane_wait(), for at most `timeout_ms` milliseconds; then ANTPOOL_ERR_TIMED_OUT, and the lane is as it was. If
/// the end and the deadline come together, the end wins.
///
/// # Safety
/// `lane` is NULL or a live handle.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_lane_wait_timeout(
    lane: *mut antpool_lane_t,
    timeout_ms: u64,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { self::lane(lane) }
        .and_then(|lane| lane.wait(Deadline::after_ms(timeout_ms)))
        .into()
}

/// The number of tasks of the lane that have begun and have not ended; at most its `limit`. 0 for NULL and in a forked
/// child. Does not block.
///
/// # Safety
/// `lane` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_lane_running(lane: *const antpool_lane_t) -> i64 {
    // SAFETY: the caller's promise.
    unsafe { self::lane(lane) }.map_or(0, |lane| count(lane.running()))
}

/// The number of tasks of the lane that have not begun. 0 for NULL and in a forked child. Does not block.
///
/// # Safety
/// `lane` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_lane_queued(lane: *const antpool_lane_t) -> i64 {
    // SAFETY: the caller's promise.
    unsafe { self::lane(lane) }.map_or(0, |lane| count(lane.queued()))
}

/// Cancels the lane: its tasks that have not begun never run, and in the others antpool_is_canceled() becomes true, after
/// which they see what the caller wrote before. Further submits return ANTPOOL_ERR_CANCELED until a wait has found the lane
/// empty. Does not wait.
///
/// In place of a task that never runs a worker calls `discard` with the argument of that task, unless `discard` is NULL, when
/// its turn has come. Until then the task is unfinished; afterwards it counts as canceled and completed. `discard` counts
/// as inside the task: if it fails, the panic handler is called, and the task has failed. On a lane that is canceled already
/// the call does nothing: the first `discard` stands.
///
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `lane` is NULL.
/// - ANTPOOL_ERR_FORKED: see the introduction.
///
/// # Safety
/// `lane` is NULL or a live handle; calling `discard` with the argument of each task, on another thread, is sound.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_lane_cancel(
    lane: *mut antpool_lane_t,
    discard: antpool_task_fn,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { self::lane(lane) }
        .map(|lane| lane.cancel(discard))
        .into()
}

/// Frees the lane. Returns ANTPOOL_OK, also for NULL. No other call may use the lane at the same time or, after ANTPOOL_OK,
/// later. In a forked child the memory is leaked.
///
/// - ANTPOOL_ERR_BUSY: something is unfinished; nothing has happened. Wait first.
///
/// # Safety
/// `lane` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_lane_destroy(lane: *mut antpool_lane_t) -> antpool_status_t {
    // SAFETY: the caller's promise.
    if unsafe { self::lane(lane) }.is_err() {
        return antpool_status_t::ANTPOOL_OK;
    }
    // SAFETY: the caller's promise.
    unsafe { Lane::destroy(lane.cast()) }.into()
}
