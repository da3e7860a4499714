//! The calling thread's errno, which belongs to the caller.

#![allow(unsafe_code, reason = "errno of the C library")]

/// Saves errno, and restores it when it is dropped. So a call that waits does not change errno, whatever the locks,
/// the system calls and the other fibers of the thread do in between.
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
