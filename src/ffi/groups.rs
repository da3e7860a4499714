//! Tasks that are waited for and canceled together.

use std::ffi::c_void;

use super::callbacks::antpool_task_fn;
use super::handle::{Handle, antpool_t};
use super::status::antpool_status_t;
use super::submit::{Wait, accept_batch, hand_over, target};
use crate::clock::Deadline;
use crate::error::Error;
use crate::task::Task;
use crate::tasks::Group;

/// Tasks of any pools, to wait for and to cancel together. antpool_group_new() makes it, antpool_group_destroy() ends
/// it. It does not depend on its pools, which may be released, rebooted and destroyed meanwhile. Any number of threads
/// may use one at the same time.
#[derive(Debug)]
pub struct antpool_group_t {
    _opaque: [u8; 0],
}

/// # Safety
/// `group` is NULL or a live handle.
unsafe fn group<'a>(group: *const antpool_group_t) -> Result<&'a Group, Error> {
    // SAFETY: the caller's promise; the handle is a pointer to the group.
    let group = unsafe { group.cast::<Group>().as_ref() }.ok_or(Error::InvalidArgument)?;
    if group.is_foreign() {
        return Err(Error::Forked);
    }
    Ok(group)
}

/// # Safety
/// `group` and `pool` are NULL or live handles; `f` may be called with `arg`.
unsafe fn submit(
    handle: *mut antpool_group_t,
    pool: *mut antpool_t,
    f: antpool_task_fn,
    arg: *mut c_void,
    wait: Wait,
) -> Result<(), Error> {
    let (Some(f), false) = (f, pool.is_null()) else {
        return Err(Error::InvalidArgument);
    };
    // SAFETY: the caller's promise.
    let group = unsafe { group(handle) }?;
    // SAFETY: the caller's promise.
    let pool = unsafe { Handle::enter(pool) }?;
    group.enter(1)?;
    // SAFETY: the caller's promise; the group stays while the task counts in it.
    let result = hand_over(pool, wait, || unsafe { Task::with_tracker(f, arg, group) });
    if result.is_err() {
        group.leave(1, false);
    }
    result
}

/// Makes an empty group: `*out_group`, which the caller destroys by antpool_group_destroy().
///
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `out_group` is NULL.
/// - ANTPOOL_ERR_NO_MEMORY: the system refused memory for it.
///
/// # Safety
/// `out_group` is NULL or writable.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_group_new(
    out_group: *mut *mut antpool_group_t,
) -> antpool_status_t {
    if out_group.is_null() {
        return Error::InvalidArgument.into();
    }
    match Group::make() {
        Ok(group) => {
            // SAFETY: the caller's promise.
            unsafe { out_group.write(group.cast()) };
            antpool_status_t::ANTPOOL_OK
        }
        Err(error) => error.into(),
    }
}

/// As antpool_submit(), with a task that belongs to the group. The task counts as unfinished from here until its
/// function has returned, and the panic handler, if it failed. It takes no more memory than antpool_submit().
///
/// A call that fails leaves the group as it was. While a call waits for room, its task counts as unfinished. If the
/// group is canceled meanwhile, the call goes on waiting, and its task is canceled.
///
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `group`, `pool` or `fn` is NULL.
/// - ANTPOOL_ERR_CANCELED: the group is canceled, and no wait has found it empty since. Also on a closed pool.
///
/// # Safety
/// As for antpool_submit(); `group` is NULL or a live handle.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_group_submit(
    group: *mut antpool_group_t,
    pool: *mut antpool_t,
    r#fn: antpool_task_fn,
    arg: *mut c_void,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { submit(group, pool, r#fn, arg, Wait::AsConfigured) }.into()
}

/// As antpool_group_submit(), but never waits for room: a full pool returns ANTPOOL_ERR_OVERLOAD.
///
/// # Safety
/// As for antpool_group_submit().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_try_group_submit(
    group: *mut antpool_group_t,
    pool: *mut antpool_t,
    r#fn: antpool_task_fn,
    arg: *mut c_void,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { submit(group, pool, r#fn, arg, Wait::Never) }.into()
}

/// As antpool_group_submit(), but waits for room as antpool_submit_timeout() does.
///
/// # Safety
/// As for antpool_group_submit().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_group_submit_timeout(
    group: *mut antpool_group_t,
    pool: *mut antpool_t,
    r#fn: antpool_task_fn,
    arg: *mut c_void,
    timeout_ms: u64,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { submit(group, pool, r#fn, arg, Wait::UpTo(timeout_ms)) }.into()
}

/// As antpool_submit_batch(), with tasks that belong to the group, as for antpool_group_submit(). The tasks that have
/// no place yet count as unfinished while the call waits for it.
///
/// # Safety
/// As for antpool_submit_batch(); `group` is NULL or a live handle.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_group_submit_batch(
    group: *mut antpool_group_t,
    pool: *mut antpool_t,
    r#fn: antpool_task_fn,
    args: *const *mut c_void,
    count: usize,
    out_accepted: *mut usize,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    let group = unsafe { self::group(group) };
    // SAFETY: the caller's promise.
    let target = unsafe { target(pool, r#fn, args, count) };
    // No array has more pointers.
    let possible = count <= isize::MAX as usize / size_of::<*mut c_void>();
    let entered = match (group, target) {
        _ if !possible => Err(Error::InvalidArgument),
        (Ok(group), Ok(target)) => group.enter(count as u64).map(|()| (group, target)),
        // What is wrong with an argument is found first.
        (_, Err(Error::InvalidArgument)) => Err(Error::InvalidArgument),
        (Err(error), _) | (_, Err(error)) => Err(error),
    };
    let (accepted, result) = match entered {
        Ok((group, target)) => {
            // SAFETY: the caller's promise; the group stays while the tasks count in it.
            let task = |f, arg| unsafe { Task::with_tracker(f, arg, group) };
            let wait = Wait::AsConfigured;
            // SAFETY: the caller's promise.
            let (accepted, result) = unsafe { accept_batch(Ok(target), args, count, wait, task) };
            if accepted < count {
                group.leave((count - accepted) as u64, false);
            }
            (accepted, result)
        }
        Err(error) => (0, Err(error)),
    };
    if !out_accepted.is_null() {
        // SAFETY: the caller's promise.
        unsafe { out_accepted.write(accepted) };
    }
    result.into()
}

/// Adds `delta` units of unfinished work that is not a task, such as requests in flight; a negative
/// `delta` takes units away. Does not wait.
///
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `group` is NULL; `delta` takes away more than there are, tasks not counted, or adds
///   more than INT64_MAX in all.
/// - ANTPOOL_ERR_CANCELED: `delta` is positive, and the group is canceled: see antpool_group_submit().
/// - ANTPOOL_ERR_FORKED: see the introduction.
///
/// # Safety
/// `group` is NULL or a live handle.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_group_add(
    group: *mut antpool_group_t,
    delta: i64,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { self::group(group) }
        .and_then(|group| group.add(delta))
        .into()
}

/// Takes away one unit that antpool_group_add() has added. What the caller wrote before is visible to the waits that
/// this ends.
///
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `group` is NULL, or there is no such unit: nothing has happened.
/// - ANTPOOL_ERR_FORKED: see the introduction.
///
/// # Safety
/// `group` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_group_done(group: *mut antpool_group_t) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { self::group(group) }
        .and_then(|group| group.add(-1))
        .into()
}

/// Waits for an instant at which nothing in the group is unfinished; others may go on submitting. Any number of callers
/// may wait. Then what the tasks wrote is visible. Their places in their pools are free a moment later.
///
/// May be called from inside tasks that are not of this group; in a fiber it suspends the fiber. If all workers of a
/// full pool wait for tasks in its queue, they wait for ever: such cycles are not detected.
///
/// The group can be used again afterwards. If it was canceled, the first wait that finds it empty opens it.
///
/// - ANTPOOL_ERR_TASK_FAILED: nothing is unfinished, and since the last wait that returned this or ANTPOOL_OK, a task has
///   failed. All callers whose waits end at that instant get it. The panic handler has each message.
/// - ANTPOOL_ERR_DEADLOCK: called from inside a task of this group, which would wait for itself.
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `group` is NULL.
/// - ANTPOOL_ERR_FORKED: see the introduction.
///
/// # Safety
/// `group` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_group_wait(group: *mut antpool_group_t) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { self::group(group) }
        .and_then(|group| group.wait(Deadline::NEVER))
        .into()
}

/// As antpool_group_wait(), for at most `timeout_ms` milliseconds; then ANTPOOL_ERR_TIMED_OUT, and the group is as it
/// was. If the end and the deadline come together, the end wins.
///
/// # Safety
/// `group` is NULL or a live handle.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_group_wait_timeout(
    group: *mut antpool_group_t,
    timeout_ms: u64,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { self::group(group) }
        .and_then(|group| group.wait(Deadline::after_ms(timeout_ms)))
        .into()
}

/// Cancels the group: its tasks that no worker has begun never run, and in the others antpool_is_canceled() becomes
/// true, after which they see what the caller wrote before. Further submits return ANTPOOL_ERR_CANCELED until a wait
/// has found the group empty. Does not wait.
///
/// In place of a task that never runs a worker calls `discard` with the argument of that task, unless `discard` is
/// NULL. Until then the task is unfinished and holds its place in the pool; afterwards it counts as canceled and
/// completed. `discard` counts as inside the task: if it fails, the panic handler is called, and the task has
/// failed. On a group that is canceled already the call does nothing: the first `discard` stands.
///
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `group` is NULL.
/// - ANTPOOL_ERR_FORKED: see the introduction.
///
/// # Safety
/// `group` is NULL or a live handle; calling `discard` with the argument of each task, on another thread, is sound.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_group_cancel(
    group: *mut antpool_group_t,
    discard: antpool_task_fn,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { self::group(group) }
        .map(|group| group.cancel(discard))
        .into()
}

/// Frees the group. Returns ANTPOOL_OK, also for NULL. No other call may use the group at the same time or, after
/// ANTPOOL_OK, later. In a forked child the memory is leaked.
///
/// - ANTPOOL_ERR_BUSY: something is unfinished; nothing has happened. Wait first.
///
/// # Safety
/// `group` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_group_destroy(group: *mut antpool_group_t) -> antpool_status_t {
    // SAFETY: the caller's promise.
    if unsafe { self::group(group) }.is_err() {
        return antpool_status_t::ANTPOOL_OK;
    }
    // SAFETY: the caller's promise.
    unsafe { Group::destroy(group.cast()) }.into()
}
