//! Which process this is: how many forks lie between it and the one that first made a pool.

#![allow(unsafe_code, reason = "registers a handler for fork()")]

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

static GENERATION: AtomicU32 = AtomicU32::new(0);

extern "C" fn in_child() {
    // ORDERING: Relaxed; the child has one thread.
    GENERATION.fetch_add(1, Ordering::Relaxed);
}

/// This process. A pool of another one is of no use here: its workers do not exist.
#[inline]
pub(crate) fn generation() -> u32 {
    // ORDERING: Relaxed; it changes only in a child, before any other code of ours runs there.
    GENERATION.load(Ordering::Relaxed)
}

/// Sees to it that forks are noticed from now on.
pub(crate) fn watch() {
    static WATCHED: AtomicBool = AtomicBool::new(false);
    // Not a Once: one that is under way at a fork() never ends in the child.
    // ORDERING: Relaxed; only the first caller registers, and a fork between its exchange and the
    // registration is one that no pool has been made before.
    if !WATCHED.swap(true, Ordering::Relaxed) {
        // SAFETY: the handler only adds to an atomic. It fails only for want of memory, and then a
        // child is not warned of what it must not do anyway.
        unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
    }
}
