//! Calls foreign functions and survives whatever leaves them: a Rust panic, a C++ exception, the
//! end of their thread.
//!
//! Three nets, from the inside out. The C++ shim beside this file catches exceptions where the
//! process has the C++ runtime. `catch_unwind` catches panics of this runtime. What neither may
//! catch, pthread_exit() and cancellation, unwinds through a guard, which never lets it go on: it
//! hands the worker's duties over and parks the thread for good.

#![allow(unsafe_code, reason = "calls foreign functions")]

use std::any::Any;
use std::ffi::{CStr, c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::current::Current;
use crate::task::{Task, TaskFn};

/// What a panic by [`panic_with`] carries.
struct Message(String);

/// Unwinds out of the running task.
pub(crate) fn panic_with(message: String) -> ! {
    if !Current::is_inside() {
        crate::stderr::write_line(&format!(
            "antpool: antpool_panic() outside a task: {message}"
        ));
        std::process::abort();
    }
    resume_unwind(Box::new(Message(message)))
}

/// Runs a task to its end. `Err` is why it failed. `lost` is called, and does not return, if
/// the task ends its thread.
pub(crate) fn run(task: &mut Task, current: &Current, lost: &dyn Fn()) -> Result<(), String> {
    let (function, arg) = (task.function(), task.arg());
    let ended = guarded(function, arg, lost);
    // The first message stands, also if a panic followed.
    match (current.take_failure(), ended) {
        (Some(message), _) => Err(message),
        (None, ended) => ended,
    }
}

/// Calls back into the host: a handler, a logger, a hook.
pub(crate) fn callback(mut body: impl FnMut(), lost: &dyn Fn()) -> Result<(), String> {
    unsafe extern "C-unwind" fn call<F: FnMut()>(body: *mut c_void) {
        // SAFETY: `body` is the closure below, borrowed for the call.
        unsafe { (*body.cast::<F>())() }
    }
    fn call_of<F: FnMut()>(_: &F) -> TaskFn {
        call::<F>
    }
    let function = call_of(&body);
    // A callback may run in the middle of a task, whose mark of failure is not the callback's.
    let of_task = Current::swap_failure(None);
    let ended = guarded(function, (&raw mut body).cast(), lost);
    match (Current::swap_failure(of_task), ended) {
        (Some(message), _) => Err(message),
        (None, ended) => ended,
    }
}

fn guarded(function: TaskFn, arg: *mut c_void, lost: &dyn Fn()) -> Result<(), String> {
    let result = catch_unwind(AssertUnwindSafe(|| {
        let guard = LostGuard { lost };
        // SAFETY: whoever made the task promised that it may be called with its argument.
        unsafe { shim::call(function, arg) };
        std::mem::forget(guard);
    }));
    result.map_err(message_of)
}

/// On the way of everything that unwinds a worker's thread and is not a panic of this runtime.
struct LostGuard<'a> {
    lost: &'a dyn Fn(),
}

impl Drop for LostGuard<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return; // catch_unwind has it.
        }
        (self.lost)();
        // Unwinding must not reach catch_unwind, which would end the process.
        loop {
            std::thread::park();
        }
    }
}

fn message_of(payload: Box<dyn Any + Send>) -> String {
    let payload = match payload.downcast::<Message>() {
        Ok(message) => return message.0,
        Err(payload) => payload,
    };
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned());
    // A payload may panic when it is dropped, and that panic's payload too.
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(second);
    }
    text
}

/// The shim reports an exception that it has caught: the task counts as failed.
unsafe extern "C" fn caught(message: *const c_char) {
    // SAFETY: the shim passes a string that ends.
    let message = unsafe { CStr::from_ptr(message) };
    Current::fail(|| message.to_string_lossy().into_owned());
}

/// Whether what the shim has caught is a panic, to be passed on untouched.
extern "C" fn is_panicking() -> bool {
    std::thread::panicking()
}

#[cfg(not(loom))]
mod shim {
    use super::{c_char, c_void};
    use crate::task::TaskFn;

    unsafe extern "C-unwind" {
        fn antpool_shim_call(
            function: TaskFn,
            arg: *mut c_void,
            caught: unsafe extern "C" fn(*const c_char),
            is_panicking: extern "C" fn() -> bool,
        );
    }

    /// # Safety
    /// `function` may be called with `arg`.
    #[inline]
    pub(super) unsafe fn call(function: TaskFn, arg: *mut c_void) {
        // SAFETY: the caller's promise.
        unsafe { antpool_shim_call(function, arg, super::caught, super::is_panicking) }
    }
}

#[cfg(loom)]
mod shim {
    use super::c_void;
    use crate::task::TaskFn;

    /// # Safety
    /// `function` may be called with `arg`.
    pub(super) unsafe fn call(function: TaskFn, arg: *mut c_void) {
        let _ = (
            super::caught as *const c_void,
            super::is_panicking as *const c_void,
        );
        // SAFETY: the caller's promise.
        unsafe { function(arg) }
    }
}
