//! Keeps in memory the file that this code is in. A worker, the handler for SIGSEGV and what runs at the end of a
//! thread are called for longer than the host of a plugin knows, who closes it with the static library inside.

#![allow(unsafe_code, reason = "asks the loader")]

use std::ffi::c_void;
use std::mem::MaybeUninit;

use crate::sync::{AtomicU32, Ordering};

/// From now on `dlclose` leaves the file where it is. Does nothing for a program, which nobody closes.
pub(crate) fn stay() {
    static STAYS: AtomicU32 = AtomicU32::new(0);
    // ORDERING: Relaxed; who comes at the same time asks for the same.
    if STAYS.load(Ordering::Relaxed) != 0 {
        return;
    }
    let mut found: MaybeUninit<libc::Dl_info> = MaybeUninit::zeroed();
    let here: *const c_void = (&raw const STAYS).cast();
    // SAFETY: `found` is writable.
    if unsafe { libc::dladdr(here, found.as_mut_ptr()) } != 0 {
        // SAFETY: zeroes and what the call has written.
        let name = unsafe { found.assume_init() }.dli_fname;
        let how = libc::RTLD_LAZY | libc::RTLD_NOLOAD | libc::RTLD_NODELETE;
        // SAFETY: the name of a file that is loaded.
        let file = unsafe { libc::dlopen(name, how) };
        if !file.is_null() {
            // SAFETY: just opened; it stays all the same.
            unsafe { libc::dlclose(file) };
        }
    }
    // ORDERING: as above.
    STAYS.store(1, Ordering::Relaxed);
}
