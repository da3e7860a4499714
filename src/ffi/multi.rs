//! Several pools behind one handle.

use std::ffi::c_void;
use std::sync::Arc;

use super::callbacks::antpool_task_fn;
use super::handle::OwnedHandle;
use super::options::antpool_options_t;
use super::pool::{UNLIMITED, capacity_from, count, make_handle};
use super::status::antpool_status_t;
use super::submit::Wait;
use crate::clock::Deadline;
use crate::error::Error;
use crate::hazard::{self, Hazard};
use crate::pool::Pool;
use crate::sync::{AtomicUsize, Ordering};
use crate::task::{Task, TaskFn};

/// How a multi-pool chooses the pool of a task. A full one passes the task on to the next.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum antpool_strategy_t {
    /// One after the other.
    ANTPOOL_ROUND_ROBIN = 0,
    /// The one with the fewest unfinished tasks; the first of several.
    ANTPOOL_LEAST_TASKS = 1,
}

/// Several pools of one kind behind one handle: what one pool's queue and lock would be too busy for. Made by
/// antpool_multi_new() or antpool_multi_new_with_func(), ended by antpool_multi_destroy(). Any number of threads may
/// use one at the same time.
#[derive(Debug)]
pub struct antpool_multi_t {
    pools: Vec<OwnedHandle>,
    strategy: antpool_strategy_t,
    /// Counts the tasks that were given out one after the other.
    next: AtomicUsize,
}

/// The most pools behind one handle.
const POOLS_MAX: usize = 1 << 16;

/// A multi-pool that is read by a call. It is not freed before this is dropped (H1).
struct Inside<'a> {
    multi: &'a antpool_multi_t,
    thread: Option<usize>,
    _hazard: Hazard<'static>,
}

impl Inside<'_> {
    fn pools(&self) -> impl ExactSizeIterator<Item = &Pool> {
        self.multi.pools.iter().map(|handle| handle.pool())
    }

    /// The pools, for a call that waits.
    fn keep(self) -> Result<Vec<Arc<Pool>>, Error> {
        let mut pools = Vec::new();
        let count = self.multi.pools.len();
        pools.try_reserve_exact(count)?;
        for pool in self.pools() {
            pools.push(pool.keep_alive().ok_or(Error::Closed)?);
        }
        Ok(pools)
    }

    /// The pool that a task is offered first.
    fn first(&self) -> usize {
        match self.multi.strategy {
            antpool_strategy_t::ANTPOOL_ROUND_ROBIN => {
                // ORDERING: Relaxed; it only spreads the tasks.
                self.multi.next.fetch_add(1, Ordering::Relaxed) % self.multi.pools.len()
            }
            antpool_strategy_t::ANTPOOL_LEAST_TASKS => {
                let fewest = self.pools().enumerate().min_by_key(|(_, pool)| pool.load());
                fewest.map_or(0, |(index, _)| index)
            }
        }
    }
}

/// # Safety
/// `multi` is NULL or a live handle.
unsafe fn borrow<'a>(multi: *const antpool_multi_t) -> Result<Inside<'a>, Error> {
    if multi.is_null() {
        return Err(Error::InvalidArgument);
    }
    let thread = hazard::index();
    let hazard = hazard::protect(thread, multi.cast());
    // SAFETY: not NULL, and live for as long as the hazard is there.
    let multi = unsafe { &*multi };
    Ok(Inside {
        multi,
        thread,
        _hazard: hazard,
    })
}

/// The same for a call that a forked child may not make.
///
/// # Safety
/// As for `borrow`.
unsafe fn enter<'a>(multi: *const antpool_multi_t) -> Result<Inside<'a>, Error> {
    // SAFETY: the caller's promise.
    let inside = unsafe { borrow(multi) }?;
    let is_foreign = inside.pools().any(Pool::is_foreign);
    if is_foreign {
        return Err(Error::Forked);
    }
    Ok(inside)
}

/// # Safety
/// `multi` is NULL or a live handle; `f` may be called with `arg`.
unsafe fn submit(
    multi: *const antpool_multi_t,
    f: impl FnOnce(&Inside<'_>) -> Result<TaskFn, Error>,
    arg: *mut c_void,
    wait: Wait,
) -> Result<(), Error> {
    // SAFETY: the caller's promise.
    let inside = unsafe { enter(multi) }?;
    let f = f(&inside)?;
    // SAFETY: the caller's promise.
    let task = || unsafe { Task::new(f, arg) };
    let (first, count) = (inside.first(), inside.multi.pools.len());
    for step in 0..count {
        let pool = inside.multi.pools[(first + step) % count].pool();
        match pool.accepts_now() {
            Ok(true) => return pool.hand_over(task(), inside.thread),
            // The system has refused this one its first worker. Another pool may have some.
            Ok(false) | Err(Error::Spawn) => {}
            Err(error) => return Err(error),
        }
    }
    // None has room: the first one decides, as if it were alone.
    let pool = inside.multi.pools[first].pool();
    let policy = wait.policy(pool);
    let pool = pool.keep_alive().ok_or(Error::Closed)?;
    drop(inside);
    pool.submit(task(), policy)
}

/// # Safety
/// As for `submit`.
unsafe fn submit_function(
    multi: *const antpool_multi_t,
    f: antpool_task_fn,
    arg: *mut c_void,
    wait: Wait,
) -> antpool_status_t {
    let Some(f) = f else {
        return Error::InvalidArgument.into();
    };
    // SAFETY: the caller's promise.
    unsafe { submit(multi, |_| Ok(f), arg, wait) }.into()
}

/// # Safety
/// As for `submit`, with the function that the pools were made with.
unsafe fn invoke(multi: *const antpool_multi_t, arg: *mut c_void, wait: Wait) -> antpool_status_t {
    let function = |inside: &Inside<'_>| inside.multi.pools[0].func().ok_or(Error::NoFunction);
    // SAFETY: the caller's promise.
    unsafe { submit(multi, function, arg, wait) }.into()
}

/// # Safety
/// As for antpool_multi_new_with_func().
unsafe fn make(
    pools: usize,
    capacity_each: i64,
    func: Option<antpool_task_fn>,
    strategy: u32,
    options: *const antpool_options_t,
    out_multi: *mut *mut antpool_multi_t,
) -> Result<(), Error> {
    if !(1..=POOLS_MAX).contains(&pools) {
        return Err(Error::InvalidPoolCount);
    }
    let strategy = match strategy {
        0 => antpool_strategy_t::ANTPOOL_ROUND_ROBIN,
        1 => antpool_strategy_t::ANTPOOL_LEAST_TASKS,
        _ => return Err(Error::InvalidStrategy),
    };
    if func == Some(None) {
        return Err(Error::NoFunction);
    }
    if out_multi.is_null() {
        return Err(Error::InvalidArgument);
    }
    let mut made = antpool_multi_t {
        pools: Vec::new(),
        strategy,
        next: AtomicUsize::new(0),
    };
    made.pools.try_reserve_exact(pools)?;
    for _ in 0..pools {
        // SAFETY: the caller's promise.
        match unsafe { make_handle(capacity_each, func.flatten(), options) } {
            Ok(handle) => made.pools.push(handle),
            Err(error) => {
                made.pools
                    .iter()
                    .for_each(|handle| handle.pool().shut_down());
                return Err(error);
            }
        }
    }
    // SAFETY: not NULL, and writable as the caller promised.
    unsafe { out_multi.write(Box::into_raw(Box::new(made))) };
    Ok(())
}

/// The sum of a figure of all pools; UNLIMITED if it is that of one.
///
/// # Safety
/// `multi` is NULL or a live handle.
unsafe fn total(multi: *const antpool_multi_t, figure: fn(&Pool) -> i64) -> i64 {
    // SAFETY: the caller's promise.
    let Ok(inside) = (unsafe { borrow(multi) }) else {
        return 0;
    };
    let each = || inside.pools().map(figure);
    if each().any(|value| value == UNLIMITED) {
        return UNLIMITED;
    }
    each().fold(0, i64::saturating_add)
}

/// # Safety
/// `multi` is NULL or a live handle; `out` is NULL or writable.
unsafe fn of_one(
    multi: *const antpool_multi_t,
    index: usize,
    out: *mut i64,
    figure: fn(&Pool) -> i64,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    let inside = match unsafe { borrow(multi) } {
        Ok(inside) if !out.is_null() => inside,
        _ => return Error::InvalidArgument.into(),
    };
    match inside.multi.pools.get(index) {
        Some(handle) => {
            // SAFETY: the caller's promise.
            unsafe { out.write(figure(handle.pool())) };
            antpool_status_t::ANTPOOL_OK
        }
        None => Error::InvalidPoolIndex.into(),
    }
}

fn capacity_of(pool: &Pool) -> i64 {
    pool.capacity().map_or(UNLIMITED, count)
}

/// 0 in a forked child.
fn unless_foreign(pool: &Pool, figure: impl FnOnce(&Pool) -> i64) -> i64 {
    if pool.is_foreign() { 0 } else { figure(pool) }
}

fn running_of(pool: &Pool) -> i64 {
    unless_foreign(pool, |pool| count(pool.running()))
}

fn available_of(pool: &Pool) -> i64 {
    unless_foreign(pool, |pool| pool.available().map_or(UNLIMITED, count))
}

fn waiting_of(pool: &Pool) -> i64 {
    unless_foreign(pool, |pool| count(pool.waiting()))
}

/// Makes `pools` open pools of `capacity_each` workers at most behind one handle, all with the same options, and
/// starts no thread unless there are min_workers.
///
/// # Parameters
/// - `pools`: 1 to 65536.
/// - `capacity_each`, `options`: as for antpool_new(), for each of the pools.
/// - `strategy`: ANTPOOL_ROUND_ROBIN or ANTPOOL_LEAST_TASKS.
/// - `out_multi`: gets the handle, which the caller ends by antpool_multi_destroy().
///
/// # Returns
/// - ANTPOOL_ERR_INVALID_POOL_COUNT: `pools` is out of range. This is checked first.
/// - ANTPOOL_ERR_INVALID_STRATEGY: `strategy` is none. This is checked second.
/// - Otherwise as antpool_new(). If one of the pools cannot be made, nothing is left of the others.
///
/// # Safety
/// As for antpool_new(); `out_multi` is NULL or writable.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_multi_new(
    pools: usize,
    capacity_each: i64,
    strategy: u32,
    options: *const antpool_options_t,
    out_multi: *mut *mut antpool_multi_t,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { make(pools, capacity_each, None, strategy, options, out_multi) }.into()
}

/// As antpool_multi_new(), with the function of antpool_multi_invoke(); ANTPOOL_ERR_NO_FUNCTION if that is NULL,
/// which is checked after the strategy.
///
/// # Safety
/// As for antpool_multi_new().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_multi_new_with_func(
    pools: usize,
    capacity_each: i64,
    func: antpool_task_fn,
    strategy: u32,
    options: *const antpool_options_t,
    out_multi: *mut *mut antpool_multi_t,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe {
        make(
            pools,
            capacity_each,
            Some(func),
            strategy,
            options,
            out_multi,
        )
    }
    .into()
}

/// As antpool_submit(), to the pool that the strategy chooses. If that is full, the task goes to the next one that
/// has room, or may start a worker; only if all are full the call waits, or is refused, as antpool_submit() of the
/// chosen pool. Tasks of different pools start in no order.
///
/// # Safety
/// As for antpool_submit(); `multi` is NULL or a live handle.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_multi_submit(
    multi: *mut antpool_multi_t,
    r#fn: antpool_task_fn,
    arg: *mut c_void,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { submit_function(multi, r#fn, arg, Wait::AsConfigured) }
}

/// As antpool_multi_submit(), but never waits for room: it returns ANTPOOL_ERR_OVERLOAD if all pools are full.
///
/// # Safety
/// As for antpool_multi_submit().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_try_multi_submit(
    multi: *mut antpool_multi_t,
    r#fn: antpool_task_fn,
    arg: *mut c_void,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { submit_function(multi, r#fn, arg, Wait::Never) }
}

/// As antpool_multi_submit(), but waits for room as antpool_submit_timeout() does.
///
/// # Safety
/// As for antpool_multi_submit().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_multi_submit_timeout(
    multi: *mut antpool_multi_t,
    r#fn: antpool_task_fn,
    arg: *mut c_void,
    timeout_ms: u64,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { submit_function(multi, r#fn, arg, Wait::UpTo(timeout_ms)) }
}

/// As antpool_multi_submit(), with the function that the pools were made with; ANTPOOL_ERR_NO_FUNCTION if they were
/// made without one.
///
/// # Safety
/// `multi` is NULL or a live handle; calling its function with `arg` on another thread is sound.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_multi_invoke(
    multi: *mut antpool_multi_t,
    arg: *mut c_void,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { invoke(multi, arg, Wait::AsConfigured) }
}

/// As antpool_multi_invoke(), but never waits for room: it returns ANTPOOL_ERR_OVERLOAD if all pools are full.
///
/// # Safety
/// As for antpool_multi_invoke().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_try_multi_invoke(
    multi: *mut antpool_multi_t,
    arg: *mut c_void,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { invoke(multi, arg, Wait::Never) }
}

/// As antpool_multi_submit_timeout(), with the function that the pools were made with.
///
/// # Safety
/// As for antpool_multi_invoke().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_multi_invoke_timeout(
    multi: *mut antpool_multi_t,
    arg: *mut c_void,
    timeout_ms: u64,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { invoke(multi, arg, Wait::UpTo(timeout_ms)) }
}

/// The workers that all pools together may have; -1 if unlimited. 0 if `multi` is NULL.
///
/// # Safety
/// `multi` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_multi_capacity(multi: *const antpool_multi_t) -> i64 {
    // SAFETY: the caller's promise.
    unsafe { total(multi, capacity_of) }
}

/// The workers that all pools together have, busy and idle. 0 if `multi` is NULL, and in a forked child.
///
/// # Safety
/// `multi` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_multi_running(multi: *const antpool_multi_t) -> i64 {
    // SAFETY: the caller's promise.
    unsafe { total(multi, running_of) }
}

/// How many submits would be accepted now without waiting; -1 if unlimited. 0 if `multi` is NULL, and in a forked
/// child.
///
/// # Safety
/// `multi` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_multi_available(multi: *const antpool_multi_t) -> i64 {
    // SAFETY: the caller's promise.
    unsafe { total(multi, available_of) }
}

/// The callers that wait to submit. 0 if `multi` is NULL, and in a forked child.
///
/// # Safety
/// `multi` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_multi_waiting(multi: *const antpool_multi_t) -> i64 {
    // SAFETY: the caller's promise.
    unsafe { total(multi, waiting_of) }
}

/// Writes antpool_capacity() of the pool with that index, from 0, to `*out`.
///
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `multi` or `out` is NULL.
/// - ANTPOOL_ERR_INVALID_POOL_INDEX: there is no such pool.
///
/// # Safety
/// `multi` is NULL or a live handle; `out` is NULL or writable.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_multi_capacity_by_index(
    multi: *const antpool_multi_t,
    index: usize,
    out: *mut i64,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { of_one(multi, index, out, capacity_of) }
}

/// Writes antpool_running() of one pool to `*out`. Otherwise as antpool_multi_capacity_by_index().
///
/// # Safety
/// As for antpool_multi_capacity_by_index().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_multi_running_by_index(
    multi: *const antpool_multi_t,
    index: usize,
    out: *mut i64,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { of_one(multi, index, out, running_of) }
}

/// Writes antpool_available() of one pool to `*out`. Otherwise as antpool_multi_capacity_by_index().
///
/// # Safety
/// As for antpool_multi_capacity_by_index().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_multi_available_by_index(
    multi: *const antpool_multi_t,
    index: usize,
    out: *mut i64,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { of_one(multi, index, out, available_of) }
}

/// Writes antpool_waiting() of one pool to `*out`. Otherwise as antpool_multi_capacity_by_index().
///
/// # Safety
/// As for antpool_multi_capacity_by_index().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_multi_waiting_by_index(
    multi: *const antpool_multi_t,
    index: usize,
    out: *mut i64,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { of_one(multi, index, out, waiting_of) }
}

/// Whether the pools are closed. True if `multi` is NULL.
///
/// # Safety
/// `multi` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_multi_is_closed(multi: *const antpool_multi_t) -> bool {
    // SAFETY: the caller's promise.
    unsafe { borrow(multi) }.map_or(true, |inside| inside.pools().any(Pool::is_closed))
}

/// Calls antpool_tune() on each pool, with a capacity of `capacity_each`.
///
/// # Safety
/// `multi` is NULL or a live handle.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_multi_tune(
    multi: *mut antpool_multi_t,
    capacity_each: i64,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    let inside = match unsafe { borrow(multi) } {
        Ok(inside) => inside,
        Err(error) => return error.into(),
    };
    let Ok(Some(workers)) = capacity_from(capacity_each) else {
        return Error::InvalidArgument.into();
    };
    if inside.pools().any(Pool::is_foreign) {
        return Error::Forked.into();
    }
    // Whether it can be tuned is the same for all of them.
    let result = inside.keep();
    result
        .and_then(|pools| pools.iter().try_for_each(|pool| pool.tune(workers)))
        .into()
}

/// Waits until no pool has an unfinished task, also of those that tasks submit meanwhile. As long as others go on
/// submitting it may go on waiting, other than antpool_wait().
///
/// ANTPOOL_ERR_DEADLOCK inside a task of one of the pools; otherwise as antpool_wait().
///
/// # Safety
/// `multi` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_multi_wait(multi: *mut antpool_multi_t) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { antpool_multi_wait_timeout(multi, u64::MAX) }
}

/// As antpool_multi_wait(), but for at most `timeout_ms` milliseconds; then it returns ANTPOOL_ERR_TIMED_OUT.
///
/// # Safety
/// `multi` is NULL or a live handle.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_multi_wait_timeout(
    multi: *mut antpool_multi_t,
    timeout_ms: u64,
) -> antpool_status_t {
    let deadline = Deadline::after_ms(timeout_ms);
    // SAFETY: the caller's promise.
    let pools = unsafe { enter(multi) }.and_then(Inside::keep);
    pools
        .and_then(|pools| wait_for_all(&pools, deadline))
        .into()
}

/// A pass in which nothing was submitted to any of them has seen the last task of each.
fn wait_for_all(pools: &[Arc<Pool>], deadline: Deadline) -> Result<(), Error> {
    if pools.iter().any(|pool| pool.is_current()) {
        return Err(Error::Deadlock);
    }
    let submitted = || -> u64 { pools.iter().map(|pool| pool.submitted()).sum() };
    loop {
        let before = submitted();
        pools.iter().try_for_each(|pool| pool.wait(deadline))?;
        if submitted() == before {
            return Ok(());
        }
    }
}

/// Calls antpool_release() on each pool.
///
/// # Safety
/// `multi` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_multi_release(multi: *mut antpool_multi_t) -> antpool_status_t {
    // SAFETY: the caller's promise.
    let pools = unsafe { enter(multi) }.and_then(Inside::keep);
    pools
        .map(|pools| pools.iter().for_each(|pool| pool.release()))
        .into()
}

/// As antpool_release_timeout() for all pools with one deadline: it closes all of them, and then waits until every worker
/// has exited. ANTPOOL_ERR_DEADLOCK inside a task of one of the pools: then nothing is closed.
///
/// # Safety
/// `multi` is NULL or a live handle.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_multi_release_timeout(
    multi: *mut antpool_multi_t,
    timeout_ms: u64,
) -> antpool_status_t {
    let deadline = Deadline::after_ms(timeout_ms);
    // SAFETY: the caller's promise.
    let pools = unsafe { enter(multi) }.and_then(Inside::keep);
    pools.and_then(|pools| release_all(&pools, deadline)).into()
}

fn release_all(pools: &[Arc<Pool>], deadline: Deadline) -> Result<(), Error> {
    if pools.iter().any(|pool| pool.is_current()) {
        return Err(Error::Deadlock);
    }
    pools.iter().for_each(|pool| pool.release());
    // Closed says that an earlier call has been told of this pool; it is the answer only if that holds for all.
    let mut result = Err(Error::Closed);
    for pool in pools {
        match pool.release_and_wait(deadline) {
            Err(Error::Closed) => {}
            Ok(()) => result = Ok(()),
            Err(error) => return Err(error),
        }
    }
    result
}

/// Calls antpool_reboot() on each pool. If one of them cannot be opened all are closed.
///
/// # Safety
/// `multi` is NULL or a live handle.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_multi_reboot(multi: *mut antpool_multi_t) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { reboot(multi) }.into()
}

/// # Safety
/// `multi` is NULL or a live handle.
unsafe fn reboot(multi: *const antpool_multi_t) -> Result<(), Error> {
    // SAFETY: the caller's promise.
    let inside = unsafe { borrow(multi) }?;
    for handle in &inside.multi.pools {
        if handle.pool().is_foreign() {
            handle.renew_here()?;
        }
    }
    let pools = inside.keep()?;
    let result = pools.iter().try_for_each(|pool| pool.reboot());
    if result.is_err() {
        pools.iter().for_each(|pool| pool.release());
    }
    result
}

/// Ends all pools as antpool_destroy() does, and the handle. OK if `multi` is NULL. ANTPOOL_ERR_DEADLOCK inside a task of
/// one of the pools: then nothing is done.
///
/// # Safety
/// `multi` is NULL or a live handle, and unless this fails it is its last use.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_multi_destroy(multi: *mut antpool_multi_t) -> antpool_status_t {
    if multi.is_null() {
        return antpool_status_t::ANTPOOL_OK;
    }
    // SAFETY: the caller's promise.
    unsafe { destroy(multi) }.into()
}

/// # Safety
/// As for antpool_multi_destroy(); not NULL.
unsafe fn destroy(multi: *mut antpool_multi_t) -> Result<(), Error> {
    // SAFETY: the caller's promise.
    let inside = unsafe { borrow(multi) }?;
    if inside.pools().any(Pool::is_foreign) {
        return Ok(()); // The memory is given up, as for antpool_destroy().
    }
    let pools = inside.keep()?;
    if pools.iter().any(|pool| pool.is_current()) {
        return Err(Error::Deadlock);
    }
    pools.iter().for_each(|pool| pool.release());
    pools.iter().for_each(|pool| pool.shut_down());
    drop(pools);
    hazard::wait_until_unread(multi.cast());
    // SAFETY: the caller's promise: made by `make`, and nobody uses it any more.
    drop(unsafe { Box::from_raw(multi) });
    Ok(())
}
