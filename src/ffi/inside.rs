//! What a task says about itself, and what it may call to pass the time.

use std::ffi::{CStr, c_char};

use super::handle::antpool_t;
use crate::capture;
use crate::clock;
use crate::current::Current;

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

/// Sleeps for `ms` milliseconds, never less. Blocks the calling thread; signals do not end it early.
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
pub extern "C" fn antpool_sleep_ms(ms: u64) {
    clock::sleep(std::time::Duration::from_millis(ms));
}

/// Sleeps for `us` microseconds, never less. Blocks the calling thread; signals do not end it early.
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
pub extern "C" fn antpool_sleep_us(us: u64) {
    clock::sleep(std::time::Duration::from_micros(us));
}

/// Lets other threads run.
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
pub extern "C" fn antpool_yield() {
    std::thread::yield_now();
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
