//! Loops and gangs.

use std::ffi::c_void;

use super::callbacks::{antpool_for_fn, antpool_task_each_fn};
use super::handle::{Handle, antpool_t};
use super::status::antpool_status_t;
use crate::error::Error;
use crate::loops;

/// Runs a loop on its caller and on idle workers: it calls `body(arg, begin, end, slot)` with ranges that
/// hold each index from 0 to `count` - 1 exactly once. It returns when all of them are done.
///
/// The caller takes part as slot 0. Workers that are idle, or can be started, help it, now or while the
/// loop runs. It never waits for a worker to begin, so loops may be nested and cannot deadlock; on a busy pool
/// the caller runs the whole loop. Helpers count as tasks in the pool's figures. A loop of a few microseconds gets
/// no helper.
///
/// # Parameters
/// - `pool`: the pool. Borrowed.
/// - `count`: the number of indices; 0 does nothing.
/// - `grain`: the number of indices in a range; only the last range may have fewer, so each begins at a multiple of
///   `grain`. With 0 the library chooses: ranges that take about 50 microseconds, and less as the end
///   comes near.
/// - `max_slots`: the most threads or fibers that take part, the caller included; 0 means antpool_usable_cpus().
///   Never more than the capacity and the caller take part.
/// - `body`: called by several threads at a time, each with a `slot` of its own, below `max_slots`. Two calls
///   with the same slot never run at once, so a table with an entry for each slot needs no lock. On fibers a body
///   may suspend.
/// - `arg`: what each call gets; may be NULL.
///
/// # Returns
/// - ANTPOOL_OK: every index is done; what the bodies wrote is visible to the caller.
/// - ANTPOOL_ERR_TASK_FAILED: a body failed as a task fails: by antpool_task_fail(), antpool_panic() or a C++
///   exception. No range begins after that; those that have begun run to their end. The panic handler was
///   called, on the thread where the body failed, with `body` (converted to an antpool_task_fn) and `arg`.
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `pool` or `body` is NULL.
/// - ANTPOOL_ERR_CLOSED: the pool is closed. If it is closed while the loop runs, the loop gets no more helpers.
/// - ANTPOOL_ERR_FORKED: see the introduction; and in the child of a fork() that the body made in slot
///   0: the child begins no more ranges.
///
/// Blocks until the loop is done. Allocates nothing. In slot 0 a body runs where its caller runs: inside the
/// caller's task, which does not fail with it, or outside any task. There antpool_current() is NULL, and the
/// thread cannot be canceled meanwhile. pthread_exit() in slot 0 ends the process with a message; elsewhere it
/// ends the helper's thread, as in a task. A body that waits for something that its caller does after the
/// loop waits for ever.
///
/// # Safety
/// `pool` is NULL or a live handle; `body` may be called with `arg` on any thread.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_parallel_for(
    pool: *mut antpool_t,
    count: usize,
    grain: usize,
    max_slots: usize,
    body: antpool_for_fn,
    arg: *mut c_void,
) -> antpool_status_t {
    let Some(body) = body else {
        return Error::InvalidArgument.into();
    };
    // SAFETY: the caller's promise.
    unsafe { Handle::keep(pool) }
        // SAFETY: the caller's promise.
        .and_then(|pool| unsafe { loops::parallel_for(pool, count, grain, max_slots, body, arg) })
        .into()
}

/// Calls `body(arg, slot)` with each slot from 0 to `count` - 1, all at the same time, on the caller (slot 0) and
/// on workers: for code that has barriers inside. Returns when all of them have returned.
///
/// Either every body gets a worker of its own, which was idle or is started for it, or no body is called. On
/// fibers all bodies begin, and run while others wait in calls of this library; a barrier that blocks its
/// thread needs a carrier for each body.
///
/// - ANTPOOL_OK: all bodies have returned; what they wrote is visible to the caller. With a `count` of 0
///   no body was called.
/// - ANTPOOL_ERR_TASK_FAILED: one or more failed, all have ended; see antpool_parallel_for().
/// - ANTPOOL_ERR_OVERLOAD: fewer than `count` - 1 workers are idle or can be started now, or callers wait to
///   submit, or `count` is above 4096; no body was called.
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `pool` or `body` is NULL.
/// - ANTPOOL_ERR_CLOSED: the pool is closed.
/// - ANTPOOL_ERR_NO_MEMORY: the system refused memory for one of the tasks; no body was called.
/// - ANTPOOL_ERR_FORKED: see antpool_parallel_for().
///
/// Never waits to begin; then blocks until all bodies have returned. In slot 0
/// and elsewhere a body runs as that of antpool_parallel_for() does.
///
/// # Safety
/// `pool` is NULL or a live handle; `body` may be called with `arg` on any thread.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_run_together(
    pool: *mut antpool_t,
    count: usize,
    body: antpool_task_each_fn,
    arg: *mut c_void,
) -> antpool_status_t {
    let Some(body) = body else {
        return Error::InvalidArgument.into();
    };
    // SAFETY: the caller's promise.
    unsafe { Handle::keep(pool) }
        // SAFETY: the caller's promise.
        .and_then(|pool| unsafe { loops::run_together(&pool, count, body, arg) })
        .into()
}
