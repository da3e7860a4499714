//! Which process this is: how many forks lie between it and the one that first made a pool.

#![allow(unsafe_code, reason = "registers a handler for fork()")]

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

static GENERATION: AtomicU32 = AtomicU32::new(0);

extern "C" fn in_child() {
    // ORDERING: Relaxed; the child has one thread.
    GENERATION.fetch_add(1, Ordering::Relaxed);
    #[cfg(not(loom))]
    {
        crate::hazard::forget_other_threads();
        crate::loops::forget_in_child();
    }
}

/// The number of this process. A pool with another number is unusable: its workers do not exist here.
#[inline]
pub(crate) fn generation() -> u32 {
    // ORDERING: Relaxed; it changes only in a child, before any other code of ours runs there.
    GENERATION.load(Ordering::Relaxed)
}

/// Registers the handler, once.
pub(crate) fn watch() {
    static WATCHED: AtomicBool = AtomicBool::new(false);
    // Not a Once: if another thread is inside one at a fork(), it never ends in the child. A thread that comes
    // while another registers does so as well, since its pool must not exist before the handler does. Then a
    // child counts twice, which does no harm.
    // ORDERING: Acquire pairs with the Release below: no pool is made before a registration is done.
    if !WATCHED.load(Ordering::Acquire) {
        // SAFETY: the handler only changes atomics. The call fails only if memory is refused; then a child that
        // uses the parent's pool gets no error.
        unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
        // ORDERING: as above.
        WATCHED.store(true, Ordering::Release);
    }
}
