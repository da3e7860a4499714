//! Locks for fibers and threads.

use super::status::antpool_status_t;
use crate::clock::Deadline;
use crate::error::Error;
use crate::locks::{Condition, Semaphore, SuspendMutex};

/// A mutex that suspends: inside a fiber a call that waits for it suspends the fiber, elsewhere it blocks the thread. Begin
/// with ANTPOOL_MUTEX_INIT, also in static storage, or with zeros. It needs no memory and is not destroyed: it may be freed
/// when no call uses it any more. It must not be copied or moved. Fibers and threads may use one at the same time.
///
/// Its owner is the fiber, or the thread, that has locked it, not the task: a task that returns without unlocking it leaves
/// it with its worker. It is not recursive.
///
/// In a forked child a mutex that nobody has waited for is as it was at the fork. One that was waited for returns
/// ANTPOOL_ERR_FORKED where a call would have to wait or to wake; it can be initialised anew.
#[derive(Debug)]
#[repr(C)]
pub struct antpool_mutex_t {
    /// The library's own.
    _private: [usize; 6],
}

/// A condition that suspends, for use with an antpool_mutex_t. Begin with ANTPOOL_COND_INIT. What is said of the
/// mutex about memory and fork() is true of it as well.
#[derive(Debug)]
#[repr(C)]
pub struct antpool_cond_t {
    /// The library's own.
    _private: [usize; 6],
}

/// A semaphore that suspends: a count of units, of which each wait takes one. Begin with ANTPOOL_SEM_INIT(count). What is
/// said of the mutex about memory and fork() is true of it as well.
#[derive(Debug)]
#[repr(C)]
pub struct antpool_sem_t {
    /// The library's own.
    _private: [usize; 6],
}

macro_rules! is_kept_in {
    ($inner:ty, $outer:ty) => {
        #[cfg(not(loom))]
        const _: () = assert!(
            size_of::<$inner>() <= size_of::<$outer>()
                && align_of::<$inner>() <= align_of::<$outer>()
        );
    };
}
is_kept_in!(SuspendMutex, antpool_mutex_t);
is_kept_in!(Condition, antpool_cond_t);
is_kept_in!(Semaphore, antpool_sem_t);

/// # Safety
/// `mutex` is NULL or a live mutex.
#[inline]
unsafe fn mutex<'a>(mutex: *mut antpool_mutex_t) -> Result<&'a SuspendMutex, Error> {
    // SAFETY: the caller's promise; zeros are one, and it fits: see above.
    unsafe { mutex.cast::<SuspendMutex>().as_ref() }.ok_or(Error::InvalidArgument)
}

/// # Safety
/// `cond` is NULL or a live condition.
#[inline]
unsafe fn cond<'a>(cond: *mut antpool_cond_t) -> Result<&'a Condition, Error> {
    // SAFETY: as above.
    unsafe { cond.cast::<Condition>().as_ref() }.ok_or(Error::InvalidArgument)
}

/// # Safety
/// `sem` is NULL or a live semaphore.
#[inline]
unsafe fn sem<'a>(sem: *mut antpool_sem_t) -> Result<&'a Semaphore, Error> {
    // SAFETY: as above; a count is twice itself in the first word.
    unsafe { sem.cast::<Semaphore>().as_ref() }.ok_or(Error::InvalidArgument)
}

/// Locks the mutex, and waits until it is free. Callers that wait get it in the order in which they began to. What the
/// owner before wrote is visible.
///
/// - ANTPOOL_ERR_DEADLOCK: the caller has locked it already. Other deadlocks are not detected.
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `mutex` is NULL.
/// - ANTPOOL_ERR_FORKED: see antpool_mutex_t.
///
/// # Safety
/// `mutex` is NULL or a mutex that was initialised.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_mutex_lock(mutex: *mut antpool_mutex_t) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { self::mutex(mutex) }
        .and_then(|mutex| mutex.lock(Deadline::NEVER))
        .into()
}

/// As antpool_mutex_lock(), but never waits: if another has it, the call returns ANTPOOL_ERR_BUSY.
///
/// # Safety
/// As for antpool_mutex_lock().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_mutex_trylock(mutex: *mut antpool_mutex_t) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { self::mutex(mutex) }
        .and_then(SuspendMutex::try_lock)
        .into()
}

/// As antpool_mutex_lock(), for at most `timeout_ms` milliseconds; then ANTPOOL_ERR_TIMED_OUT. If the mutex and the
/// deadline come together, the caller has it.
///
/// # Safety
/// As for antpool_mutex_lock().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_mutex_lock_timeout(
    mutex: *mut antpool_mutex_t,
    timeout_ms: u64,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { self::mutex(mutex) }
        .and_then(|mutex| mutex.lock(Deadline::after_ms(timeout_ms)))
        .into()
}

/// Unlocks the mutex. If others wait, the first of them has it from here on. Does not wait.
///
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `mutex` is NULL, or the caller has not locked it: nothing has happened.
/// - ANTPOOL_ERR_FORKED: see antpool_mutex_t.
///
/// # Safety
/// As for antpool_mutex_lock().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_mutex_unlock(mutex: *mut antpool_mutex_t) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { self::mutex(mutex) }
        .and_then(SuspendMutex::unlock)
        .into()
}

/// Unlocks the mutex, waits for a signal that comes later, and locks the mutex again. No wait ends without a signal. Still,
/// another may have had the mutex since the signal: check what you wait for in a loop.
///
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `cond` or `mutex` is NULL, or the caller has not locked the mutex: nothing has happened.
/// - ANTPOOL_ERR_FORKED: see antpool_mutex_t; the mutex is as it was.
///
/// # Safety
/// `cond` and `mutex` are NULL or were initialised.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_cond_wait(
    cond: *mut antpool_cond_t,
    mutex: *mut antpool_mutex_t,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    let mutex = unsafe { self::mutex(mutex) };
    // SAFETY: the caller's promise.
    let cond = unsafe { self::cond(cond) };
    cond.and_then(|cond| cond.wait(mutex?, Deadline::NEVER))
        .into()
}

/// As antpool_cond_wait(), for at most `timeout_ms` milliseconds; then ANTPOOL_ERR_TIMED_OUT, and the mutex is locked
/// again, for which the call waits without a limit. If a signal and the deadline come together, the signal wins.
///
/// # Safety
/// As for antpool_cond_wait().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_cond_wait_timeout(
    cond: *mut antpool_cond_t,
    mutex: *mut antpool_mutex_t,
    timeout_ms: u64,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    let mutex = unsafe { self::mutex(mutex) };
    // SAFETY: the caller's promise.
    let cond = unsafe { self::cond(cond) };
    cond.and_then(|cond| cond.wait(mutex?, Deadline::after_ms(timeout_ms)))
        .into()
}

/// Ends the wait that has begun first, if there is one. The caller need not have the mutex. Does not wait.
///
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `cond` is NULL.
/// - ANTPOOL_ERR_FORKED: somebody waited at the fork.
///
/// # Safety
/// `cond` is NULL or was initialised.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_cond_signal(cond: *mut antpool_cond_t) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { self::cond(cond) }
        .and_then(Condition::signal)
        .into()
}

/// Ends every wait that has begun, as antpool_cond_signal() ends one.
///
/// # Safety
/// As for antpool_cond_signal().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_cond_broadcast(cond: *mut antpool_cond_t) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { self::cond(cond) }
        .and_then(Condition::broadcast)
        .into()
}

/// Adds `units`. Those who wait get them first, in the order in which they began to. Does not wait. What the caller wrote
/// before is visible to whoever gets one.
///
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `sem` is NULL, `units` is 0, or the count would exceed ANTPOOL_SEM_MAX: nothing has
///   happened.
/// - ANTPOOL_ERR_FORKED: somebody waited at the fork.
///
/// # Safety
/// `sem` is NULL or was initialised.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_sem_post(
    sem: *mut antpool_sem_t,
    units: usize,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { self::sem(sem) }
        .and_then(|sem| sem.post(units))
        .into()
}

/// Takes one unit, and waits until there is one. Callers that wait are served in the order in which they began to.
///
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `sem` is NULL.
/// - ANTPOOL_ERR_FORKED: see antpool_mutex_t.
///
/// # Safety
/// As for antpool_sem_post().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_sem_wait(sem: *mut antpool_sem_t) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { self::sem(sem) }
        .and_then(|sem| sem.wait(Deadline::NEVER))
        .into()
}

/// As antpool_sem_wait(), but never waits: if there is no unit, the call returns ANTPOOL_ERR_BUSY.
///
/// # Safety
/// As for antpool_sem_post().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_sem_trywait(sem: *mut antpool_sem_t) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { self::sem(sem) }
        .and_then(Semaphore::try_wait)
        .into()
}

/// As antpool_sem_wait(), for at most `timeout_ms` milliseconds; then ANTPOOL_ERR_TIMED_OUT. If a unit and the deadline
/// come together, the caller has the unit.
///
/// # Safety
/// As for antpool_sem_post().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_sem_wait_timeout(
    sem: *mut antpool_sem_t,
    timeout_ms: u64,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { self::sem(sem) }
        .and_then(|sem| sem.wait(Deadline::after_ms(timeout_ms)))
        .into()
}
