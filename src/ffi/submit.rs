//! Submitting tasks.

use std::ffi::c_void;
use std::mem::MaybeUninit;

use super::callbacks::antpool_task_fn;
use super::handle::{Borrowed, Handle, antpool_t};
use super::status::antpool_status_t;
use crate::admission::WaitPolicy;
use crate::clock::Deadline;
use crate::error::Error;
use crate::pool::Pool;
use crate::queue::Level;
use crate::task::{COPY_MAX, Task, TaskFn};

/// What a call does on a full pool.
#[derive(Clone, Copy)]
pub(super) enum Wait {
    /// What the pool's options say.
    AsConfigured,
    /// It does not wait.
    Never,
    /// It waits for this number of milliseconds, whatever the options say.
    UpTo(u64),
}

impl Wait {
    pub(super) fn policy(self, pool: &Pool) -> WaitPolicy {
        match self {
            Wait::AsConfigured => pool.policy(),
            Wait::Never => WaitPolicy::Never,
            Wait::UpTo(ms) => WaitPolicy::Until(Deadline::after_ms(ms)),
        }
    }
}

/// Submits a task, which is made only when it is needed.
#[inline(always)]
pub(super) fn hand_over(
    pool: Borrowed<'_>,
    wait: Wait,
    task: impl FnOnce() -> Task,
) -> Result<(), Error> {
    if pool.tries_to_accept() {
        pool.hand_over(task(), pool.thread_index())
    } else {
        hand_over_later(pool, wait, task())
    }
}

#[cold]
#[inline(never)]
fn hand_over_later(pool: Borrowed<'_>, wait: Wait, task: Task) -> Result<(), Error> {
    let policy = wait.policy(&pool);
    pool.keep().and_then(|pool| pool.submit(task, policy))
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
        Ok(pool) => hand_over(pool, wait, || unsafe { Task::new(f, arg) }).into(),
        Err(error) => error.into(),
    }
}

/// # Safety
/// `pool` is NULL or a live handle; its function may be called with `arg`.
unsafe fn invoke(pool: *mut antpool_t, arg: *mut c_void, wait: Wait) -> antpool_status_t {
    // SAFETY: the caller's promise.
    match unsafe { function_of(pool) } {
        // SAFETY: the caller's promise.
        Ok((pool, f)) => hand_over(pool, wait, || unsafe { Task::new(f, arg) }).into(),
        Err(error) => error.into(),
    }
}

/// # Safety
/// `pool` is NULL or a live handle.
unsafe fn function_of<'a>(pool: *const antpool_t) -> Result<(Borrowed<'a>, TaskFn), Error> {
    // SAFETY: the caller's promise.
    let pool = unsafe { Handle::enter(pool) }?;
    let function = pool.func().ok_or(Error::NoFunction)?;
    Ok((pool, function))
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
        Ok(pool) => hand_over(pool, wait, || unsafe { Task::with_copy(f, copy) }).into(),
        Err(error) => error.into(),
    }
}

/// # Safety
/// `args` has `count` readable pointers; `out_accepted` is NULL or writable.
unsafe fn submit_batch(
    target: Result<(Borrowed<'_>, TaskFn), Error>,
    args: *const *mut c_void,
    count: usize,
    out_accepted: *mut usize,
    wait: Wait,
) -> antpool_status_t {
    // SAFETY: the caller's promise: the function may be called with each of the arguments.
    let task = |f, arg| unsafe { Task::new(f, arg) };
    // SAFETY: the caller's promise.
    let (accepted, result) = unsafe { accept_batch(target, args, count, wait, task) };
    if !out_accepted.is_null() {
        // SAFETY: the caller's promise.
        unsafe { out_accepted.write(accepted) };
    }
    result.into()
}

/// Submits a task for each argument; returns how many were accepted.
///
/// # Safety
/// `args` has `count` readable pointers.
pub(super) unsafe fn accept_batch(
    target: Result<(Borrowed<'_>, TaskFn), Error>,
    args: *const *mut c_void,
    count: usize,
    wait: Wait,
    task: impl Fn(TaskFn, *mut c_void) -> Task,
) -> (usize, Result<(), Error>) {
    let target = target.and_then(|(pool, f)| Ok((pool.keep()?, f)));
    match target {
        Ok((pool, f)) => pool.submit_batch(count, wait.policy(&pool), |index| {
            // SAFETY: `index` is below `count`.
            let place = unsafe { args.add(index) };
            // SAFETY: as above.
            let arg = unsafe { place.read() };
            task(f, arg)
        }),
        Err(error) => (0, Err(error)),
    }
}

/// # Safety
/// `pool` is NULL or a live handle.
pub(super) unsafe fn target<'a>(
    pool: *const antpool_t,
    f: antpool_task_fn,
    args: *const *mut c_void,
    count: usize,
) -> Result<(Borrowed<'a>, TaskFn), Error> {
    let f = f.ok_or(Error::InvalidArgument)?;
    if args.is_null() && count > 0 {
        return Err(Error::InvalidArgument);
    }
    // SAFETY: the caller's promise.
    Ok((unsafe { Handle::enter(pool) }?, f))
}

/// Submits a task: one of the pool's workers calls `fn(arg)`, exactly once. While the pool is full it
/// waits for room.
///
/// Up to `capacity` accepted tasks have a worker of their own by the time this returns:
/// antpool_running() counts it, and a task that blocks for ever delays none of the others. Tasks beyond
/// that (queue_capacity) wait for a worker. If one submit has returned before another begins, its
/// task is started first; see also antpool_submit_with_priority(). Callers that wait are served in the order in which they came, but callers that do
/// not have to wait may overtake one that does, a bounded number of times.
///
/// # Parameters
/// - `pool`: the pool. Borrowed.
/// - `fn`: the task; not NULL.
/// - `arg`: what it is called with; may be NULL. On ANTPOOL_OK the task owns it, else the caller does.
///
/// # Returns
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `pool` or `fn` is NULL.
/// - ANTPOOL_ERR_CLOSED: the pool is closed, or was closed while the call waited.
/// - ANTPOOL_ERR_OVERLOAD: full, and the pool is nonblocking or max_blocking_tasks callers wait.
/// - ANTPOOL_ERR_DEADLOCK: the call would have to wait inside a task of this pool, and every other worker
///   waits in such a call. Or it would have to wait in a hook or the logger on a carrier of this pool, or in a
///   fiber that antpool_panic() unwinds, and so stop the fibers of that carrier.
/// - ANTPOOL_ERR_SPAWN: the system refused a thread and the pool has no worker.
/// - ANTPOOL_ERR_NO_MEMORY: the system refused memory for the task.
/// - ANTPOOL_ERR_FORKED: see the introduction.
///
/// Blocks while the pool is full, unless it is nonblocking. May be called from inside a task.
///
/// # Safety
/// `pool` is NULL or a live handle; calling `fn` with `arg` on another thread is sound.
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

/// As antpool_submit(), but never waits for room: a full pool returns ANTPOOL_ERR_OVERLOAD.
///
/// # Safety
/// As for antpool_submit().
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

/// As antpool_submit(), but waits for room for at most `timeout_ms` milliseconds, also on a
/// nonblocking pool; then it returns ANTPOOL_ERR_TIMED_OUT. With 0 it does not wait; with ANTPOOL_WAIT_FOREVER
/// it waits without limit. If room and the deadline come together, the task is accepted.
///
/// # Safety
/// As for antpool_submit().
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
/// The task itself holds the copy: nothing is allocated, and there is nothing to free. `fn` gets a
/// pointer to it, aligned for any C type and valid until `fn` returns. `data` may be NULL if `size`
/// is 0. `size` above ANTPOOL_COPY_MAX is ANTPOOL_ERR_INVALID_ARGUMENT.
///
/// # Safety
/// As for antpool_submit(); `data` has `size` readable bytes.
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

/// As antpool_submit_copy(), but never waits for room: a full pool returns ANTPOOL_ERR_OVERLOAD.
///
/// # Safety
/// As for antpool_submit_copy().
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

/// Which tasks of a pool's queue are begun first. Taken as a `uint32_t`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum antpool_priority_t {
    /// What a task has that was submitted without one.
    ANTPOOL_PRIORITY_NORMAL = 0,
    /// Before those.
    ANTPOOL_PRIORITY_HIGH = 1,
    /// After those.
    ANTPOOL_PRIORITY_LOW = 2,
}

/// # Safety
/// `pool` is NULL or a live handle; `f` may be called with `arg`.
unsafe fn submit_at(
    pool: *mut antpool_t,
    f: antpool_task_fn,
    arg: *mut c_void,
    priority: u32,
    wait: Wait,
) -> antpool_status_t {
    use antpool_priority_t::{
        ANTPOOL_PRIORITY_HIGH, ANTPOOL_PRIORITY_LOW, ANTPOOL_PRIORITY_NORMAL,
    };
    const NORMAL: u32 = ANTPOOL_PRIORITY_NORMAL as u32;
    const HIGH: u32 = ANTPOOL_PRIORITY_HIGH as u32;
    const LOW: u32 = ANTPOOL_PRIORITY_LOW as u32;
    let level = match priority {
        NORMAL => Level::Normal,
        HIGH => Level::High,
        LOW => Level::Low,
        _ => return Error::InvalidArgument.into(),
    };
    let Some(f) = f else {
        return Error::InvalidArgument.into();
    };
    // SAFETY: the caller's promise.
    let pool = unsafe { Handle::keep(pool) };
    pool.and_then(|pool| {
        // SAFETY: the caller's promise.
        let task = unsafe { Task::new(f, arg) };
        pool.submit_at(task, wait.policy(&pool), level)
    })
    .into()
}

/// As antpool_submit(), with a priority: ANTPOOL_PRIORITY_HIGH, ANTPOOL_PRIORITY_NORMAL or ANTPOOL_PRIORITY_LOW. It orders
/// the queue (queue_capacity): of the tasks that wait for a worker, one of a higher priority is begun first, and of one
/// priority the one that was submitted first. Every 16th task that is taken from the queue is the oldest of the
/// lowest priority that is there, so that none waits for ever.
///
/// A task for which there is a worker at once needs no priority, and does not interrupt anybody. Callers that wait for room are
/// admitted in the order in which they came, whatever their priorities are. Other submits have ANTPOOL_PRIORITY_NORMAL, also
/// those of groups, lanes and completions. The first task of another priority makes two more queues, which costs memory
/// also with pre_alloc; from then on each task costs some nanoseconds more. A pool that never gets one pays nothing.
///
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `pool` or `fn` is NULL, or there is no such `priority`.
/// - ANTPOOL_ERR_NO_MEMORY: the system refused memory for the task or for the queues.
///
/// # Safety
/// As for antpool_submit().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_submit_with_priority(
    pool: *mut antpool_t,
    r#fn: antpool_task_fn,
    arg: *mut c_void,
    priority: u32,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { submit_at(pool, r#fn, arg, priority, Wait::AsConfigured) }
}

/// As antpool_submit_with_priority(), but never waits for room: a full pool returns ANTPOOL_ERR_OVERLOAD.
///
/// # Safety
/// As for antpool_submit().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_try_submit_with_priority(
    pool: *mut antpool_t,
    r#fn: antpool_task_fn,
    arg: *mut c_void,
    priority: u32,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { submit_at(pool, r#fn, arg, priority, Wait::Never) }
}

/// As antpool_submit_with_priority(), but waits for room as antpool_submit_timeout() does.
///
/// # Safety
/// As for antpool_submit().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_submit_with_priority_timeout(
    pool: *mut antpool_t,
    r#fn: antpool_task_fn,
    arg: *mut c_void,
    priority: u32,
    timeout_ms: u64,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { submit_at(pool, r#fn, arg, priority, Wait::UpTo(timeout_ms)) }
}

/// Submits `count` tasks of one function, with `args[0]`, `args[1]`, … as their arguments.
///
/// It submits them in order, and stops at the first that is not accepted. `*out_accepted`, unless it is NULL,
/// always gets the number of accepted tasks, also on an error; ANTPOOL_OK means all. It waits for room as
/// antpool_submit() does.
///
/// # Safety
/// As for antpool_submit(); `args` has `count` readable pointers; `out_accepted` is NULL or writable.
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

/// As antpool_submit_batch(), but never waits for room: it returns ANTPOOL_ERR_OVERLOAD if not
/// all of the tasks had room.
///
/// # Safety
/// As for antpool_submit_batch().
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
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_invoke(
    pool: *mut antpool_t,
    arg: *mut c_void,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { invoke(pool, arg, Wait::AsConfigured) }
}

/// As antpool_invoke(), but never waits for room: a full pool returns ANTPOOL_ERR_OVERLOAD.
///
/// # Safety
/// As for antpool_invoke().
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
