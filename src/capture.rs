//! Calls foreign functions and survives whatever leaves them: a Rust panic, a C++ exception, the
//! end of their thread.
//!
//! Three nets, from the inside out. The C++ shim beside this file catches C++ exceptions, of any runtime.
//! `catch_unwind` catches panics of this runtime. What neither may
//! catch, pthread_exit() and cancellation, unwinds through a guard, which never lets it go on: the worker
//! hands its duties over and goes back to its [`Base`], from where the thread ends like any other.

#![allow(unsafe_code, reason = "calls foreign functions")]

use std::any::Any;
use std::cell::Cell;
use std::ffi::{CStr, c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;

use crate::current::Current;
#[cfg(not(loom))]
use crate::runtimes::forget_exceptions;
use crate::task::TaskFn;

#[cfg(loom)]
fn forget_exceptions() {}

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

/// What to do when a call has ended its thread: pthread_exit() or a cancellation unwinds the frame that calls this,
/// and that frame can never return.
pub(crate) trait Loses {
    fn lost(&self) -> !;
}

/// A place on a thread's stack to which the thread can jump back out of a call that ended it.
#[derive(Debug)]
pub(crate) struct Base(Cell<*mut c_void>);

impl Base {
    pub(crate) const fn new() -> Self {
        Self(Cell::new(ptr::null_mut()))
    }

    /// Calls `body`. False if [`Base::go_back`] left it.
    pub(crate) fn call<F: FnOnce()>(&self, body: F) -> bool {
        unsafe extern "C" fn call<F: FnOnce()>(body: *mut c_void) {
            // SAFETY: `body` is the one below, borrowed for the call, which is the only one.
            let body = unsafe { (*body.cast::<Option<F>>()).take() };
            if let Some(body) = body {
                body();
            }
        }
        let mut body = Some(body);
        // SAFETY: `call` is called at once, with what it is made for; the place is written before that.
        let returned = unsafe { shim::call_at(call::<F>, (&raw mut body).cast(), self.0.as_ptr()) };
        self.0.set(ptr::null_mut());
        returned
    }

    /// Jumps back to [`Base::call`]. Nothing on the stack above it is dropped.
    pub(crate) fn go_back(&self) -> ! {
        let place = self.0.get();
        assert!(!place.is_null(), "nothing is called at this base");
        // The exceptions that the C++ runtime still counts belong to the call that was lost.
        forget_exceptions();
        // SAFETY: `call` has not returned, and this thread is in it: a base is no other thread's. The frames
        // that are left are those of a call that was lost, and of this module and the worker's around it;
        // what they own, a message at most, is given up.
        unsafe { shim::go_back(place) }
    }
}

/// Why a call did not return: what a panic carried.
pub(crate) struct Ended(Box<dyn Any + Send>);

impl Ended {
    /// If the shim has passed a panic on, the C++ runtime counts it as in flight for ever.
    #[cold]
    fn caught(payload: Box<dyn Any + Send>) -> Self {
        forget_exceptions();
        Self(payload)
    }

    /// In words.
    pub(crate) fn message(self) -> String {
        message_of(self.0)
    }
}

/// Runs a task to its end. An exception only marks it as failed: see [`Current::take_failure`].
///
/// This keeps little on the stack while the task runs, since a sleeping fiber costs the pages that its frames touch.
#[inline(always)]
pub(crate) fn run(function: TaskFn, arg: *mut c_void, loses: &impl Loses) -> Result<(), Ended> {
    let result = catch_unwind(AssertUnwindSafe(|| {
        let guard = LostGuard(loses);
        // SAFETY: whoever made the task promised that it may be called with its argument.
        unsafe { shim::call(function, arg) };
        std::mem::forget(guard);
    }));
    result.map_err(Ended::caught)
}

/// Calls back into the host: a handler, a logger, a hook.
pub(crate) fn callback(mut body: impl FnMut(), loses: &impl Loses) -> Result<(), String> {
    unsafe extern "C-unwind" fn call<F: FnMut()>(body: *mut c_void) {
        // SAFETY: `body` is the closure below, borrowed for the call.
        unsafe { (*body.cast::<F>())() }
    }
    fn call_of<F: FnMut()>(_: &F) -> TaskFn {
        call::<F>
    }
    let function = call_of(&body);
    // A callback may run in the middle of a task. The task's mark of failure is not the callback's.
    let of_task = Current::swap_failure(None);
    let ended = run(function, (&raw mut body).cast(), loses);
    // The first message stands, also if a panic followed.
    match (Current::swap_failure(of_task), ended) {
        (Some(message), _) => Err(message),
        (None, ended) => ended.map_err(Ended::message),
    }
}

/// Stops everything that unwinds a worker's thread and is not a panic of this runtime.
struct LostGuard<'a, L: Loses>(&'a L);

impl<L: Loses> Drop for LostGuard<'_, L> {
    #[cold]
    fn drop(&mut self) {
        if std::thread::panicking() {
            return; // catch_unwind has it.
        }
        // Unwinding must not reach catch_unwind, which would end the process.
        self.0.lost()
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

/// What a debugger would call a function: its symbol where there is one, else its address.
#[cfg(not(loom))]
pub(crate) fn name_of(function: *const c_void) -> String {
    // SAFETY: plain bytes.
    let mut found: libc::Dl_info = unsafe { std::mem::zeroed() };
    // SAFETY: `found` is writable.
    let known = unsafe { libc::dladdr(function, &raw mut found) } != 0;
    if known && !found.dli_sname.is_null() {
        // SAFETY: a string that lives as long as what it names.
        let name = unsafe { CStr::from_ptr(found.dli_sname) };
        return name.to_string_lossy().into_owned();
    }
    format!("at {function:p}")
}

#[cfg(not(loom))]
mod shim {
    use super::{c_char, c_void};
    use crate::task::TaskFn;

    unsafe extern "C-unwind" {
        /// NULL, or the exception that has left the function.
        fn antpool_shim_catching(function: TaskFn, arg: *mut c_void) -> *mut c_void;
        fn antpool_shim_end_exception(
            exception: *mut c_void,
            caught: unsafe extern "C" fn(*const c_char),
        );
        fn antpool_shim_call_at(
            body: unsafe extern "C" fn(*mut c_void),
            arg: *mut c_void,
            place: *mut *mut c_void,
        ) -> bool;
        fn antpool_shim_go_back(place: *mut c_void) -> !;
    }

    /// Calls `body(arg)`. False if `go_back` left it.
    ///
    /// # Safety
    /// `body` may be called with `arg`; `place` is writable.
    pub(super) unsafe fn call_at(
        body: unsafe extern "C" fn(*mut c_void),
        arg: *mut c_void,
        place: *mut *mut c_void,
    ) -> bool {
        // SAFETY: the caller's promise.
        unsafe { antpool_shim_call_at(body, arg, place) }
    }

    /// # Safety
    /// `place` is that of a `call_at` that has not returned, on this thread; nothing in between has to be dropped.
    pub(super) unsafe fn go_back(place: *mut c_void) -> ! {
        // SAFETY: the caller's promise.
        unsafe { antpool_shim_go_back(place) }
    }

    /// # Safety
    /// `function` may be called with `arg`.
    #[inline(always)]
    pub(super) unsafe fn call(function: TaskFn, arg: *mut c_void) {
        // SAFETY: the caller's promise.
        let exception = unsafe { antpool_shim_catching(function, arg) };
        if !exception.is_null() {
            end(exception);
        }
    }

    #[cold]
    fn end(exception: *mut c_void) {
        // SAFETY: just caught, and nobody else has it.
        unsafe { antpool_shim_end_exception(exception, super::caught) };
    }
}

#[cfg(loom)]
mod shim {
    use super::c_void;
    use crate::task::TaskFn;

    /// # Safety
    /// `body` may be called with `arg`.
    pub(super) unsafe fn call_at(
        body: unsafe extern "C" fn(*mut c_void),
        arg: *mut c_void,
        _: *mut *mut c_void,
    ) -> bool {
        // SAFETY: the caller's promise.
        unsafe { body(arg) };
        true
    }

    /// No model loses a thread.
    ///
    /// # Safety
    /// None.
    pub(super) unsafe fn go_back(_: *mut c_void) -> ! {
        unreachable!()
    }

    /// # Safety
    /// `function` may be called with `arg`.
    pub(super) unsafe fn call(function: TaskFn, arg: *mut c_void) {
        let _ = super::caught as *const c_void;
        // SAFETY: the caller's promise.
        unsafe { function(arg) }
    }
}
