//! What a task calls: to fail, to sleep, to wait, to block.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::time::Duration;

use super::callbacks::antpool_task_fn;
use super::handle::antpool_t;
use super::status::antpool_status_t;
use crate::capture;
use crate::clock::Deadline;
use crate::current::Current;
use crate::error::Error;
use crate::suspend::{self, Interest};

/// ANTPOOL_READABLE and ANTPOOL_WRITABLE of the header.
const READABLE: u32 = 1;
const WRITABLE: u32 = 2;

fn text(message: *const c_char) -> String {
    if message.is_null() {
        return "no message".to_owned();
    }
    // SAFETY: not NULL; the caller promised a string.
    unsafe { CStr::from_ptr(message) }
        .to_string_lossy()
        .into_owned()
}

/// Fails the task that calls it, and does not return: it unwinds to the worker, which reports the
/// failure to the panic handler and goes on with the next task.
///
/// `message` is copied; NULL means "no message". It is for tasks written in C. The frames that it unwinds
/// need unwind tables, which compilers emit by default on this platform; compile with -fexceptions to have
/// cleanup attributes run. In C++ throw an exception instead; from Go and Python call antpool_task_fail().
/// Outside a task it writes the message to stderr and aborts.
///
/// # Safety
/// `message` is NULL or a string that ends; every frame up to the task's own may be unwound.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn antpool_panic(message: *const c_char) -> ! {
    capture::panic_with(text(message))
}

/// Marks the task that calls it as failed, and returns. The task goes on; when it has returned, the panic
/// handler is called.
///
/// `message` is copied; NULL means "no message". If a task calls it twice, the first message counts. Outside
/// a task it does nothing.
///
/// # Safety
/// `message` is NULL or a string that ends.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_task_fail(message: *const c_char) {
    Current::fail(|| text(message));
}

/// The pool whose task is calling, or NULL outside any task. Panic handlers and hooks that run on a
/// worker count as inside.
#[unsafe(no_mangle)]
pub extern "C" fn antpool_current() -> *mut antpool_t {
    Current::owner().cast_mut().cast()
}

/// The index of the worker that is calling, on fibers of its carrier; SIZE_MAX on any other thread.
///
/// It is what the worker's hooks get. No two workers of a pool have one index at the same time, and all are below
/// antpool_worker_index_limit(): it is the place of the worker in a table with an entry for each. Tasks
/// on one carrier have one index; another of them may use the entry while one waits. Panic handlers, loggers and
/// hooks that run on a worker count as inside. In antpool_block() in a fiber it is SIZE_MAX, since the carrier
/// runs other tasks meanwhile; so it is in slot 0 of a loop outside any task. Does not block.
#[unsafe(no_mangle)]
pub extern "C" fn antpool_worker_index() -> usize {
    Current::index().unwrap_or(usize::MAX)
}

/// Sleeps for `ms` milliseconds, never less. In a fiber it suspends the fiber; elsewhere it blocks the
/// calling thread, and signals do not end it early.
#[unsafe(no_mangle)]
pub extern "C" fn antpool_sleep_ms(ms: u64) {
    suspend::sleep(Duration::from_millis(ms));
}

/// Sleeps for `us` microseconds, never less. In a fiber it suspends the fiber; elsewhere it blocks the
/// calling thread, and signals do not end it early.
#[unsafe(no_mangle)]
pub extern "C" fn antpool_sleep_us(us: u64) {
    suspend::sleep(Duration::from_micros(us));
}

/// Yields: to the other fibers of its carrier that are ready, or, outside a fiber, to other threads.
#[unsafe(no_mangle)]
pub extern "C" fn antpool_yield() {
    suspend::yield_now();
}

/// Waits for at most `timeout_ms` milliseconds until a read from `fd` would not block (ANTPOOL_READABLE), a
/// write to it would not block (ANTPOOL_WRITABLE), or either. In a fiber it suspends the fiber, elsewhere it
/// blocks the calling thread. It does not change the descriptor, which may be blocking or not.
///
/// `*out_events` gets those of `events` that are true now; `out_events` may be NULL. An end of file, a
/// peer that has gone and an error on the descriptor count as ready: the read or the write reports them. A
/// descriptor that cannot be waited for, such as a regular file, is always ready.
///
/// Any number of callers may wait for one descriptor, for the same or for different events; each of them is
/// woken. Do not close a descriptor while somebody waits for it: that wait goes on to its deadline, and then
/// returns ANTPOOL_ERR_TIMED_OUT or, where the end is noticed, ANTPOOL_ERR_INVALID_ARGUMENT. If the system
/// gives the number to another descriptor, events of that one do not end the wait.
///
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `fd` is not open, `events` is 0 or has other bits.
/// - ANTPOOL_ERR_TIMED_OUT: not within `timeout_ms` milliseconds; with 0 it does not wait.
/// - ANTPOOL_ERR_NO_MEMORY: the system has no room for one more descriptor in its epoll set.
///
/// # Safety
/// `out_events` is NULL or writable.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_wait_fd(
    fd: c_int,
    events: u32,
    timeout_ms: u64,
    out_events: *mut u32,
) -> antpool_status_t {
    if events == 0 || events & !(READABLE | WRITABLE) != 0 {
        return Error::InvalidArgument.into();
    }
    let interest = Interest {
        readable: events & READABLE != 0,
        writable: events & WRITABLE != 0,
    };
    match suspend::wait_fd(fd, interest, Deadline::after_ms(timeout_ms)) {
        Ok(found) => {
            let readable = if found.readable { READABLE } else { 0 };
            let writable = if found.writable { WRITABLE } else { 0 };
            // SAFETY: the caller's promise.
            if let Some(events) = unsafe { out_events.as_mut() } {
                *events = readable | writable;
            }
            antpool_status_t::ANTPOOL_OK
        }
        Err(error) => error.into(),
    }
}

/// Calls `f` with `arg` where it may block, and returns when `f` has returned. In a fiber it suspends the
/// fiber and calls `f` on one of at most `max_block_threads` threads of the pool, which expire as workers
/// do. Elsewhere it calls `f` in place.
///
/// `f` counts as inside the task: antpool_current() is the task's pool, and antpool_task_fail()
/// and antpool_panic() fail the task. If a C++ exception leaves `f` on such a thread, the task ends as if by
/// antpool_panic() with its what(). What `f` has written is visible to the task. `f` itself runs on a
/// thread: a wait in it blocks that thread.
///
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `f` is NULL.
/// - ANTPOOL_ERR_SPAWN: there is no such thread, and the system refused one now or less than a tenth of a
///   second ago; `f` was not called. If there are such threads, the call waits for one of them.
/// - ANTPOOL_ERR_NO_MEMORY: the system refused memory; `f` was not called.
///
/// # Safety
/// `f` may be called with `arg`, on another thread.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C-unwind" fn antpool_block(
    f: antpool_task_fn,
    arg: *mut c_void,
) -> antpool_status_t {
    let Some(f) = f else {
        return Error::InvalidArgument.into();
    };
    let Some(fiber) = Current::suspender() else {
        // SAFETY: the caller's promise.
        unsafe { f(arg) };
        return antpool_status_t::ANTPOOL_OK;
    };
    match fiber.block(f, arg) {
        Ok(None) => antpool_status_t::ANTPOOL_OK,
        Ok(Some(message)) => capture::panic_with(message),
        Err(error) => error.into(),
    }
}

/// The number of CPUs that this process may use, by its affinity and its cgroup quota; at least 1.
#[unsafe(no_mangle)]
pub extern "C" fn antpool_usable_cpus() -> usize {
    crate::cpus::usable()
}

/// The version of the library that runs, such as "0.1.0". ANTPOOL_VERSION_MAJOR, _MINOR and _PATCH are the
/// version of the header. The text is constant.
#[unsafe(no_mangle)]
pub extern "C" fn antpool_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}
