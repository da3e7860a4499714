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
use crate::task::TaskFn;

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

/// Who is told that what it has called has ended its thread: pthread_exit() or a cancellation unwinds
/// the frame that calls this, which can never be left.
pub(crate) trait Loses {
    fn lost(&self);
}

/// Why a call did not return: what a panic carried.
pub(crate) struct Ended(Box<dyn Any + Send>);

impl Ended {
    /// Where the shim has passed a panic on, the C++ runtime counts it as on its way for ever.
    #[cold]
    fn caught(payload: Box<dyn Any + Send>) -> Self {
        shim::forget_exceptions();
        Self(payload)
    }

    /// In words.
    pub(crate) fn message(self) -> String {
        message_of(self.0)
    }
}

/// Runs a task to its end. An exception only marks it: see [`Current::take_failure`].
///
/// Little of this is on the stack while the task runs: a sleeping fiber costs what its frames touch.
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
    // A callback may run in the middle of a task, whose mark of failure is not the callback's.
    let of_task = Current::swap_failure(None);
    let ended = run(function, (&raw mut body).cast(), loses);
    // The first message stands, also if a panic followed.
    match (Current::swap_failure(of_task), ended) {
        (Some(message), _) => Err(message),
        (None, ended) => ended.map_err(Ended::message),
    }
}

/// On the way of everything that unwinds a worker's thread and is not a panic of this runtime.
struct LostGuard<'a, L: Loses>(&'a L);

impl<L: Loses> Drop for LostGuard<'_, L> {
    #[cold]
    fn drop(&mut self) {
        if std::thread::panicking() {
            return; // catch_unwind has it.
        }
        self.0.lost();
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

/// The C++ exceptions of the calling thread: those that are being handled, and how many are on their
/// way. The C++ runtime keeps them by thread; fibers take theirs along.
#[cfg(not(loom))]
#[derive(Debug)]
pub(crate) struct Exceptions(*mut ExceptionState);

/// What the C++ runtime keeps: a list and a count.
#[cfg(not(loom))]
pub(crate) type ExceptionState = [usize; 2];

#[cfg(not(loom))]
impl Exceptions {
    const NONE: ExceptionState = [0; 2];

    /// Nowhere, in a process without the C++ runtime, and where each fiber has a thread of its own.
    pub(crate) fn of_this_thread() -> Self {
        if cfg!(antpool_stand_in) {
            return Self(std::ptr::null_mut());
        }
        Self(shim::exceptions())
    }

    /// Whether there are none.
    #[inline]
    pub(crate) fn are_none(&self) -> bool {
        // SAFETY: the calling thread's, for as long as that lives.
        self.0.is_null() || unsafe { *self.0 } == Self::NONE
    }

    /// Takes what a fiber leaves with.
    pub(crate) fn take(&self) -> ExceptionState {
        if self.0.is_null() {
            return Self::NONE;
        }
        // SAFETY: the calling thread's, for as long as that lives.
        let state = unsafe { *self.0 };
        if state != Self::NONE {
            self.forget();
        }
        state
    }

    /// Puts it back when the fiber does.
    #[inline]
    pub(crate) fn put_back(&self, state: ExceptionState) {
        if state != Self::NONE {
            // SAFETY: as above; it was taken from there.
            unsafe { *self.0 = state };
        }
    }

    /// What was there belonged to code that never goes on.
    pub(crate) fn forget(&self) {
        shim::forget_exceptions();
    }
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
        fn antpool_shim_call(
            function: TaskFn,
            arg: *mut c_void,
            caught: unsafe extern "C" fn(*const c_char),
            is_panicking: extern "C" fn() -> bool,
        );
        fn antpool_shim_exceptions() -> *mut super::ExceptionState;
        static antpool_shim_has_runtime: bool;
    }

    /// The calling thread has no C++ exception any more.
    pub(super) fn forget_exceptions() {
        let state = exceptions();
        if !state.is_null() {
            // SAFETY: the calling thread's, for as long as that lives.
            unsafe { *state = super::Exceptions::NONE };
        }
    }

    /// Where the C++ runtime keeps the calling thread's exceptions; NULL where there is none.
    pub(super) fn exceptions() -> *mut super::ExceptionState {
        // SAFETY: no conditions.
        unsafe { antpool_shim_exceptions() }
    }

    /// # Safety
    /// `function` may be called with `arg`.
    #[inline(always)]
    pub(super) unsafe fn call(function: TaskFn, arg: *mut c_void) {
        // SAFETY: constant once the library is loaded.
        if unsafe { antpool_shim_has_runtime } {
            // SAFETY: the caller's promise.
            unsafe { antpool_shim_call(function, arg, super::caught, super::is_panicking) }
        } else {
            // SAFETY: the caller's promise. No exception can exist that would have to be caught.
            unsafe { function(arg) }
        }
    }
}

#[cfg(loom)]
mod shim {
    use super::c_void;
    use crate::task::TaskFn;

    pub(super) fn forget_exceptions() {}

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
