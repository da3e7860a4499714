//! What a task says about itself, and what it may call to pass the time.

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
/// `message` is copied; NULL is "no message". For tasks written in C: frames that it unwinds through
/// need unwind tables, which compilers emit by default on this platform; compile with -fexceptions
/// to have cleanup attributes run. From C++ throw an exception instead; from Go and Python use
/// antpool_task_fail(). Outside a task it writes the message to stderr and aborts.
///
/// # Safety
/// `message` is NULL or a string that ends; every frame up to the task's own may be unwound.
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn antpool_panic(message: *const c_char) -> ! {
    capture::panic_with(text(message))
}

/// Marks the task that calls it as failed, and returns: the task goes on to its own end and is then
/// reported to the panic handler.
///
/// `message` is copied; NULL is "no message". The first message of a task stands. Outside a task it
/// does nothing.
///
/// # Safety
/// `message` is NULL or a string that ends.
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_task_fail(message: *const c_char) {
    Current::fail(|| text(message));
}

/// The pool whose task is calling, or NULL outside any task. Panic handlers and hooks that run on a
/// worker count as inside.
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
pub extern "C" fn antpool_current() -> *mut antpool_t {
    Current::owner().cast_mut().cast()
}

/// Sleeps for `ms` milliseconds, never less. In a fiber it suspends the fiber; elsewhere it blocks the
/// calling thread, and signals do not end it early.
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
pub extern "C" fn antpool_sleep_ms(ms: u64) {
    suspend::sleep(Duration::from_millis(ms));
}

/// Sleeps for `us` microseconds, never less. In a fiber it suspends the fiber; elsewhere it blocks the
/// calling thread, and signals do not end it early.
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
pub extern "C" fn antpool_sleep_us(us: u64) {
    suspend::sleep(Duration::from_micros(us));
}

/// Lets others run: in a fiber the other fibers of its carrier that are ready, elsewhere other threads.
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
pub extern "C" fn antpool_yield() {
    suspend::give_way();
}

/// Waits until a read from `fd` would not block (ANTPOOL_READABLE), a write to it would not
/// (ANTPOOL_WRITABLE), or either, for at most `timeout_ms` milliseconds. In a fiber it suspends the
/// fiber, elsewhere it blocks the calling thread; it does not change the descriptor, which may be
/// blocking or not.
///
/// `out_events` may be NULL; else it gets those of `events` that are true now. An end of file, a peer
/// that has gone and an error on the descriptor count as ready: the read or the write will tell. A
/// descriptor that cannot be waited for, such as a regular file, is always ready.
///
/// Any number of callers may wait for one descriptor, for the same or for different events; each is
/// told. A descriptor should not be closed while somebody waits for it: that wait goes on to its
/// deadline, and then says ANTPOOL_ERR_TIMED_OUT or, where the end is noticed,
/// ANTPOOL_ERR_INVALID_ARGUMENT. If the number is given to another descriptor, that one is told apart.
///
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `fd` is not open, `events` is 0 or has other bits.
/// - ANTPOOL_ERR_TIMED_OUT: not within `timeout_ms` milliseconds; 0 only looks.
/// - ANTPOOL_ERR_NO_MEMORY: the system has no room for one more descriptor to watch.
///
/// # Safety
/// `out_events` is NULL or writable.
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
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

/// Calls `f` with `arg` where blocking harms nobody, and returns when it has returned: in a fiber on
/// one of at most `max_block_threads` threads of the pool, which expire as workers do, while the fiber
/// is suspended; elsewhere in place.
///
/// `f` counts as inside the task: antpool_current() is the task's pool, and antpool_task_fail()
/// and antpool_panic() are the task's. A C++ exception that leaves `f` on such a thread does not go on
/// as itself in the task: the task is left as if by antpool_panic() with its what(). What `f` has
/// written is visible to the task. `f` itself runs on a thread: waits in it block that thread.
///
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `f` is NULL.
/// - ANTPOOL_ERR_SPAWN: the system refused the first of the threads, now or less than a tenth of a
///   second ago; `f` was not called. While there are others the call waits for one of them.
/// - ANTPOOL_ERR_NO_MEMORY: the system refused memory; `f` was not called.
///
/// # Safety
/// `f` may be called with `arg`, on another thread.
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
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

/// How many CPUs this process may use: affinity and cgroup quota respected, at least 1.
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
pub extern "C" fn antpool_usable_cpus() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The version of the library that runs, such as "0.1.0"; ANTPOOL_VERSION_MAJOR and its kin are
/// those of the header. The text is constant.
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
pub extern "C" fn antpool_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}
