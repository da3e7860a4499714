//! Handing tasks to a pool.

use std::ffi::c_void;
use std::mem::MaybeUninit;

use super::callbacks::antpool_task_fn;
use super::handle::{Handle, antpool_t};
use super::status::antpool_status_t;
use crate::admission::Patience;
use crate::clock::Deadline;
use crate::error::Error;
use crate::pool::Pool;
use crate::task::{COPY_MAX, Task, TaskFn};

/// How a call behaves on a full pool, before the pool's own options are looked at.
#[derive(Clone, Copy)]
enum Wait {
    /// As the pool's options say.
    AsConfigured,
    /// Not at all.
    Never,
    /// For so many milliseconds, whatever the options say.
    UpTo(u64),
}

impl Wait {
    fn patience(self, pool: &Pool) -> Patience {
        match self {
            Wait::AsConfigured => pool.patience(),
            Wait::Never => Patience::Never,
            Wait::UpTo(ms) => Patience::Until(Deadline::after_ms(ms)),
        }
    }
}

/// # Safety
/// `pool` is NULL or a live handle; `f` may be called with `arg`.
unsafe fn submit(
    pool: *mut antpool_t,
    f: antpool_task_fn,
    arg: *mut c_void,
    wait: Wait,
) -> antpool_status_t {
    let Some(f) = f else {
        return Error::InvalidArgument.into();
    };
    // SAFETY: the caller's promise.
    match unsafe { Handle::enter(pool) } {
        // SAFETY: the caller's promise.
        Ok(pool) => pool
            .submit(unsafe { Task::new(f, arg) }, wait.patience(pool))
            .into(),
        Err(error) => error.into(),
    }
}

/// # Safety
/// `pool` is NULL or a live handle; its function may be called with `arg`.
unsafe fn invoke(pool: *mut antpool_t, arg: *mut c_void, wait: Wait) -> antpool_status_t {
    // SAFETY: the caller's promise.
    match unsafe { function_of(pool) } {
        // SAFETY: the caller's promise.
        Ok((pool, f)) => pool
            .submit(unsafe { Task::new(f, arg) }, wait.patience(pool))
            .into(),
        Err(error) => error.into(),
    }
}

/// # Safety
/// `pool` is NULL or a live handle.
unsafe fn function_of<'a>(pool: *const antpool_t) -> Result<(&'a Pool, TaskFn), Error> {
    // SAFETY: the caller's promise.
    let (handle, pool) = unsafe { Handle::borrow(pool) }?;
    if pool.is_foreign() {
        return Err(Error::Forked);
    }
    Ok((pool, handle.func().ok_or(Error::NoFunction)?))
}

/// # Safety
/// `pool` is NULL or a live handle; `data` has `size` readable bytes.
unsafe fn submit_copy(
    pool: *mut antpool_t,
    f: antpool_task_fn,
    data: *const c_void,
    size: usize,
    wait: Wait,
) -> antpool_status_t {
    let (Some(f), 0..=COPY_MAX) = (f, size) else {
        return Error::InvalidArgument.into();
    };
    if data.is_null() && size > 0 {
        return Error::InvalidArgument.into();
    }
    let mut copy = [MaybeUninit::<u8>::uninit(); COPY_MAX];
    if size > 0 {
        // SAFETY: `data` has `size` bytes, and `size` is at most COPY_MAX.
        unsafe {
            copy.as_mut_ptr()
                .copy_from_nonoverlapping(data.cast(), size)
        };
    }
    // SAFETY: the caller's promise.
    match unsafe { Handle::enter(pool) } {
        // SAFETY: the caller's promise: `f` may be called with a copy of the bytes.
        Ok(pool) => pool
            .submit(unsafe { Task::with_copy(f, copy) }, wait.patience(pool))
            .into(),
        Err(error) => error.into(),
    }
}

/// # Safety
/// `args` has `count` readable pointers; `out_accepted` is NULL or writable.
unsafe fn submit_batch(
    target: Result<(&Pool, TaskFn), Error>,
    args: *const *mut c_void,
    count: usize,
    out_accepted: *mut usize,
    wait: Wait,
) -> antpool_status_t {
    let (accepted, result) = match target {
        Ok((pool, f)) => pool.submit_batch(count, wait.patience(pool), |index| {
            // SAFETY: `index` is below `count`.
            let place = unsafe { args.add(index) };
            // SAFETY: as above.
            let arg = unsafe { place.read() };
            // SAFETY: the caller's promise: `f` may be called with each of the arguments.
            unsafe { Task::new(f, arg) }
        }),
        Err(error) => (0, Err(error)),
    };
    if !out_accepted.is_null() {
        // SAFETY: the caller's promise.
        unsafe { out_accepted.write(accepted) };
    }
    result.into()
}

/// # Safety
/// `pool` is NULL or a live handle.
unsafe fn target<'a>(
    pool: *const antpool_t,
    f: antpool_task_fn,
    args: *const *mut c_void,
    count: usize,
) -> Result<(&'a Pool, TaskFn), Error> {
    let f = f.ok_or(Error::InvalidArgument)?;
    if args.is_null() && count > 0 {
        return Err(Error::InvalidArgument);
    }
    // SAFETY: the caller's promise.
    Ok((unsafe { Handle::enter(pool) }?, f))
}

/// Submits a task: on ANTPOOL_OK `fn` will be called exactly once with `arg` on one of the pool's
/// workers. On a full pool it waits for room.
///
/// Up to `capacity` accepted tasks have a worker of their own by the time this returns:
/// antpool_running() counts it, and a task that blocks for ever delays none of them. Tasks beyond
/// that (queue_capacity) wait for a worker. If one submit has returned before another begins, its
/// task is taken first. Callers that wait are admitted first come, first served; running callers
/// may overtake a waiting one a bounded number of times.
///
/// # Parameters
/// - `pool`: the pool. Borrowed.
/// - `fn`: the task; not NULL.
/// - `arg`: what it is called with; may be NULL. Owned by the task on ANTPOOL_OK, else by the caller.
///
/// # Returns
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `pool` or `fn` is NULL.
/// - ANTPOOL_ERR_CLOSED: the pool is closed, or was while the call waited.
/// - ANTPOOL_ERR_OVERLOAD: full, and the pool is nonblocking or max_blocking_tasks callers wait.
/// - ANTPOOL_ERR_DEADLOCK: called from inside a task of this pool, it would have to wait, and every
///   worker waits in such a call.
/// - ANTPOOL_ERR_SPAWN: the system refused a thread and the pool has no worker.
/// - ANTPOOL_ERR_NO_MEMORY: the system refused memory for the task.
/// - ANTPOOL_ERR_FORKED: see the introduction.
///
/// Blocks while the pool is full, unless it is nonblocking. May be called from inside a task.
///
/// # Safety
/// `pool` is NULL or a live handle; calling `fn` with `arg` on another thread is sound.
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_submit(
    pool: *mut antpool_t,
    r#fn: antpool_task_fn,
    arg: *mut c_void,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { submit(pool, r#fn, arg, Wait::AsConfigured) }
}

/// As antpool_submit(), but never waits for room: a full pool says ANTPOOL_ERR_OVERLOAD.
///
/// # Safety
/// As for antpool_submit().
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_try_submit(
    pool: *mut antpool_t,
    r#fn: antpool_task_fn,
    arg: *mut c_void,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { submit(pool, r#fn, arg, Wait::Never) }
}

/// As antpool_submit(), but waits for room at most `timeout_ms` milliseconds, also on a nonblocking
/// pool: then ANTPOOL_ERR_TIMED_OUT, with 0 at once. If room and the deadline come together, room
/// wins. With ANTPOOL_WAIT_FOREVER it waits without limit.
///
/// # Safety
/// As for antpool_submit().
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_submit_timeout(
    pool: *mut antpool_t,
    r#fn: antpool_task_fn,
    arg: *mut c_void,
    timeout_ms: u64,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { submit(pool, r#fn, arg, Wait::UpTo(timeout_ms)) }
}

/// As antpool_submit(), with a copy of `size` bytes at `data` as the argument.
///
/// The copy is kept inside the task: nothing is allocated, and there is nothing to free. `fn` gets a
/// pointer to it, aligned for any C type and valid until `fn` returns. `data` may be NULL if `size`
/// is 0. `size` above ANTPOOL_COPY_MAX is ANTPOOL_ERR_INVALID_ARGUMENT.
///
/// # Safety
/// As for antpool_submit(); `data` has `size` readable bytes.
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_submit_copy(
    pool: *mut antpool_t,
    r#fn: antpool_task_fn,
    data: *const c_void,
    size: usize,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { submit_copy(pool, r#fn, data, size, Wait::AsConfigured) }
}

/// As antpool_submit_copy(), but never waits for room: a full pool says ANTPOOL_ERR_OVERLOAD.
///
/// # Safety
/// As for antpool_submit_copy().
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_try_submit_copy(
    pool: *mut antpool_t,
    r#fn: antpool_task_fn,
    data: *const c_void,
    size: usize,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { submit_copy(pool, r#fn, data, size, Wait::Never) }
}

/// Submits `count` tasks of one function, with `args[0]`, `args[1]`, … as their arguments.
///
/// It accepts a prefix: `*out_accepted`, if not NULL, is always written, also on an error, and says
/// how many; ANTPOOL_OK means all. Each place is waited for as antpool_submit() does.
///
/// # Safety
/// As for antpool_submit(); `args` has `count` readable pointers; `out_accepted` is NULL or writable.
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_submit_batch(
    pool: *mut antpool_t,
    r#fn: antpool_task_fn,
    args: *const *mut c_void,
    count: usize,
    out_accepted: *mut usize,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    let target = unsafe { target(pool, r#fn, args, count) };
    // SAFETY: the caller's promise.
    unsafe { submit_batch(target, args, count, out_accepted, Wait::AsConfigured) }
}

/// As antpool_submit_batch(), but never waits for room: ANTPOOL_ERR_OVERLOAD when not all of the
/// tasks had room.
///
/// # Safety
/// As for antpool_submit_batch().
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_try_submit_batch(
    pool: *mut antpool_t,
    r#fn: antpool_task_fn,
    args: *const *mut c_void,
    count: usize,
    out_accepted: *mut usize,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    let target = unsafe { target(pool, r#fn, args, count) };
    // SAFETY: the caller's promise.
    unsafe { submit_batch(target, args, count, out_accepted, Wait::Never) }
}

/// As antpool_submit(), with the function that the pool was made with; ANTPOOL_ERR_NO_FUNCTION if it
/// was made without one.
///
/// # Safety
/// `pool` is NULL or a live handle; calling its function with `arg` on another thread is sound.
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_invoke(
    pool: *mut antpool_t,
    arg: *mut c_void,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { invoke(pool, arg, Wait::AsConfigured) }
}

/// As antpool_invoke(), but never waits for room: a full pool says ANTPOOL_ERR_OVERLOAD.
///
/// # Safety
/// As for antpool_invoke().
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_try_invoke(
    pool: *mut antpool_t,
    arg: *mut c_void,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { invoke(pool, arg, Wait::Never) }
}

/// As antpool_submit_timeout(), with the function that the pool was made with.
///
/// # Safety
/// As for antpool_invoke().
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_invoke_timeout(
    pool: *mut antpool_t,
    arg: *mut c_void,
    timeout_ms: u64,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { invoke(pool, arg, Wait::UpTo(timeout_ms)) }
}

/// As antpool_submit_batch(), with the function that the pool was made with.
///
/// # Safety
/// As for antpool_invoke(), with each of the arguments; otherwise as for antpool_submit_batch().
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_invoke_batch(
    pool: *mut antpool_t,
    args: *const *mut c_void,
    count: usize,
    out_accepted: *mut usize,
) -> antpool_status_t {
    let target = match args.is_null() && count > 0 {
        true => Err(Error::InvalidArgument),
        // SAFETY: the caller's promise.
        false => unsafe { function_of(pool) },
    };
    // SAFETY: the caller's promise.
    unsafe { submit_batch(target, args, count, out_accepted, Wait::AsConfigured) }
}
