//! No call of this library is a cancellation point.

#![allow(unsafe_code, reason = "the cancellation state of the calling thread")]

use std::ffi::c_int;
use std::ptr;

unsafe extern "C" {
    // Not in the libc crate for this platform.
    fn pthread_setcancelstate(state: c_int, old: *mut c_int) -> c_int;
}
const PTHREAD_CANCEL_DISABLE: c_int = 1;

/// While this lives, the calling thread cannot be canceled, although it calls functions of the C library that are
/// cancellation points. A cancellation that comes meanwhile stays pending.
#[derive(Debug)]
pub(crate) struct Uncancelable(c_int);

impl Uncancelable {
    pub(crate) fn begin() -> Self {
        let mut before = PTHREAD_CANCEL_DISABLE;
        if cfg!(miri) {
            return Self(before); // Miri cancels no thread, and has no such call.
        }
        // SAFETY: `before` is writable.
        unsafe { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &raw mut before) };
        Self(before)
    }
}

impl Drop for Uncancelable {
    fn drop(&mut self) {
        if cfg!(miri) {
            return;
        }
        // SAFETY: a state that the call above has given.
        unsafe { pthread_setcancelstate(self.0, ptr::null_mut()) };
    }
}

/// From here on the calling thread, which is this library's, cannot be canceled.
pub(crate) fn disable_for_good() {
    std::mem::forget(Uncancelable::begin());
}
