//! Results that are delivered where an event loop wants them.

use std::ffi::{c_int, c_void};

use super::callbacks::{antpool_done_fn, antpool_task_fn};
use super::handle::{Handle, antpool_t};
use super::status::antpool_status_t;
use super::submit::{Wait, hand_over};
use crate::clock::Deadline;
use crate::error::Error;
use crate::task::Task;
use crate::tasks::{Completions, Outcome};

/// `ANTPOOL_ORDERED` of the header.
const ORDERED: u32 = 1;

/// What is called with a result.
type DoneFn = unsafe extern "C-unwind" fn(*mut c_void, antpool_status_t);

/// Results of tasks, on their way to the thread that dispatches them. antpool_completions_new() makes it, and
/// antpool_completions_destroy() ends it. It does not depend on its pools. Any number of threads may use one at the
/// same time.
#[derive(Debug)]
pub struct antpool_completions_t {
    _opaque: [u8; 0],
}

/// # Safety
/// `completions` is NULL or a live handle.
unsafe fn completions<'a>(
    completions: *const antpool_completions_t,
) -> Result<&'a Completions<DoneFn>, Error> {
    // SAFETY: the caller's promise; the handle is a pointer to them.
    let completions = unsafe { completions.cast::<Completions<DoneFn>>().as_ref() };
    let completions = completions.ok_or(Error::InvalidArgument)?;
    if completions.is_foreign() {
        return Err(Error::Forked);
    }
    Ok(completions)
}

/// # Safety
/// `handle` and `pool` are NULL or live handles; `work` may be called with `arg` on any thread, and `done` on those that
/// dispatch.
unsafe fn submit(
    handle: *mut antpool_completions_t,
    pool: *mut antpool_t,
    work: antpool_task_fn,
    done: antpool_done_fn,
    arg: *mut c_void,
    wait: Wait,
) -> antpool_status_t {
    let (Some(work), Some(done), false) = (work, done, pool.is_null()) else {
        return Error::InvalidArgument.into();
    };
    // SAFETY: the caller's promise.
    let entered = unsafe { completions(handle) }.and_then(|completions| {
        // SAFETY: the caller's promise.
        let pool = unsafe { Handle::enter(pool) }?;
        Ok((completions, pool, completions.enter(done, arg)?))
    });
    let (completions, pool, entry) = match entered {
        Ok(entered) => entered,
        Err(error) => return error.into(),
    };
    // SAFETY: the caller's promise; the entry stays until it is delivered, after the end of the task.
    let task = || unsafe { Task::with_tracker(work, arg, entry.as_ptr()) };
    let result = hand_over(pool, wait, task);
    if result.is_err() {
        // SAFETY: the task was not accepted, and is nowhere.
        unsafe { completions.leave(entry) };
    }
    result.into()
}

/// Makes a place for results: `*out_completions`, which the caller destroys by antpool_completions_destroy(). It takes
/// a descriptor. `flags` is 0, or ANTPOOL_ORDERED: results are dispatched in the order of their submits.
///
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `out_completions` is NULL, or `flags` has other bits.
/// - ANTPOOL_ERR_NO_MEMORY: the system refused memory, or the descriptor (RLIMIT_NOFILE).
///
/// # Safety
/// `out_completions` is NULL or writable.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_completions_new(
    flags: u32,
    out_completions: *mut *mut antpool_completions_t,
) -> antpool_status_t {
    if out_completions.is_null() || flags & !ORDERED != 0 {
        return Error::InvalidArgument.into();
    }
    match Completions::<DoneFn>::make(flags & ORDERED != 0) {
        Ok(completions) => {
            // SAFETY: the caller's promise.
            unsafe { out_completions.write(completions.cast()) };
            antpool_status_t::ANTPOOL_OK
        }
        Err(error) => error.into(),
    }
}

/// A descriptor that is readable while there is something to dispatch, for poll(), epoll and event loops. A burst of
/// results writes to it once. It is the library's own: only wait for it, do not read, write or close it. With
/// edge-triggered epoll, dispatch until that returns 0.
///
/// Returns -1 for NULL, and in a forked child.
///
/// # Safety
/// `completions` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_completions_fd(
    completions: *const antpool_completions_t,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { self::completions(completions) }.map_or(-1, Completions::fd)
}

/// As antpool_submit(), with the task `work`. On ANTPOOL_OK a worker calls `work(arg)`. After its end
/// antpool_completions_dispatch() calls `done`, exactly once, with the same `arg` and how the task has ended. `done`
/// sees what the task wrote. It takes one allocation.
///
/// With ANTPOOL_ORDERED a submit gets its place in the order when it begins: if one has returned before another
/// begins, its result is dispatched first. A submit that waits for room holds back the results of later ones.
///
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `completions`, `pool`, `work` or `done` is NULL.
///
/// # Safety
/// As for antpool_submit(), with `work`; `completions` is NULL or a live handle; calling `done` with `arg` on the
/// threads that dispatch is sound.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_completions_submit(
    completions: *mut antpool_completions_t,
    pool: *mut antpool_t,
    work: antpool_task_fn,
    done: antpool_done_fn,
    arg: *mut c_void,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { submit(completions, pool, work, done, arg, Wait::AsConfigured) }
}

/// As antpool_completions_submit(), but never waits for room: a full pool returns ANTPOOL_ERR_OVERLOAD. This is
/// the call for an event loop.
///
/// # Safety
/// As for antpool_completions_submit().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_try_completions_submit(
    completions: *mut antpool_completions_t,
    pool: *mut antpool_t,
    work: antpool_task_fn,
    done: antpool_done_fn,
    arg: *mut c_void,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { submit(completions, pool, work, done, arg, Wait::Never) }
}

/// As antpool_completions_submit(), but waits for room as antpool_submit_timeout() does.
///
/// # Safety
/// As for antpool_completions_submit().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_completions_submit_timeout(
    completions: *mut antpool_completions_t,
    pool: *mut antpool_t,
    work: antpool_task_fn,
    done: antpool_done_fn,
    arg: *mut c_void,
    timeout_ms: u64,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { submit(completions, pool, work, done, arg, Wait::UpTo(timeout_ms)) }
}

/// Calls the `done` of each result that is there, on this thread, at most `max` of them unless `max` is 0. Returns how
/// many it has called. It never waits, and leaves the results of submits that begin meanwhile to the next call.
///
/// `done` may call any function of this library, this one and submits included. An exception that leaves it, and
/// antpool_panic() in it inside a task, leaves this call as well; the results after it are still there. Several threads
/// may dispatch at the same time; with ANTPOOL_ORDERED the calls of `done` then begin in order.
///
/// Returns 0 for NULL, and in a forked child.
///
/// # Safety
/// `completions` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn antpool_completions_dispatch(
    completions: *mut antpool_completions_t,
    max: usize,
) -> usize {
    // SAFETY: the caller's promise.
    let Ok(completions) = (unsafe { self::completions(completions) }) else {
        return 0;
    };
    let max = if max == 0 { usize::MAX } else { max };
    completions.dispatch(max, |done, arg, outcome| {
        let status = match outcome {
            Outcome::Done => antpool_status_t::ANTPOOL_OK,
            Outcome::Failed => antpool_status_t::ANTPOOL_ERR_TASK_FAILED,
            Outcome::Canceled => antpool_status_t::ANTPOOL_ERR_CANCELED,
        };
        // SAFETY: promised to the submit.
        unsafe { done(arg, status) };
    })
}

/// Waits until there is something to dispatch, for at most `timeout_ms` milliseconds. Another thread may dispatch it
/// first. In a fiber it suspends the fiber.
///
/// - ANTPOOL_ERR_CLOSED: nothing is outstanding: every result has been dispatched, or is being dispatched now.
/// - ANTPOOL_ERR_TIMED_OUT: nothing within that time. If a result and the deadline come together, the result wins.
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `completions` is NULL.
/// - ANTPOOL_ERR_FORKED: see the introduction.
///
/// A task that waits for nothing but its own result waits for ever.
///
/// # Safety
/// `completions` is NULL or a live handle.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_completions_wait(
    completions: *mut antpool_completions_t,
    timeout_ms: u64,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { self::completions(completions) }
        .and_then(|completions| completions.wait(Deadline::after_ms(timeout_ms)))
        .into()
}

/// Frees it and closes its descriptor. Returns ANTPOOL_OK, also for NULL. No other call may use it at the same time or,
/// after ANTPOOL_OK, later. In a forked child the descriptor is closed and the memory is leaked.
///
/// - ANTPOOL_ERR_BUSY: a result has not been dispatched, or a call of `done` has not returned; nothing has happened.
///
/// # Safety
/// `completions` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_completions_destroy(
    completions: *mut antpool_completions_t,
) -> antpool_status_t {
    let this = completions.cast::<Completions<DoneFn>>();
    // SAFETY: the caller's promise.
    match unsafe { self::completions(completions) } {
        // SAFETY: the caller's promise.
        Ok(_) => unsafe { Completions::destroy(this) }.into(),
        Err(Error::Forked) => {
            // SAFETY: the caller's promise.
            unsafe { Completions::give_up(this) };
            antpool_status_t::ANTPOOL_OK
        }
        Err(_) => antpool_status_t::ANTPOOL_OK,
    }
}
