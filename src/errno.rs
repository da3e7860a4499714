//! The calling thread's errno, which belongs to the caller.

#![allow(unsafe_code, reason = "errno of the C library")]

/// errno as it was when this was made, and is again when it goes: calls that wait keep it, whatever
/// the locks and system calls in between leave there, and whichever fibers of the thread ran.
#[derive(Debug)]
pub(crate) struct Errno(i32);

impl Errno {
    #[inline]
    pub(crate) fn kept() -> Self {
        // SAFETY: the thread's own, and always readable.
        Self(unsafe { place().read() })
    }
}

impl Drop for Errno {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the thread's own, and always writable.
        unsafe { place().write(self.0) };
    }
}

#[inline]
fn place() -> *mut i32 {
    // SAFETY: no conditions.
    unsafe { libc::__errno_location() }
}
