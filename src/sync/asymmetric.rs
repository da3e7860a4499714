//! An asymmetric fence: [`light`] costs the frequent side nothing, [`heavy`] pays for both.
//!
//! If one thread writes, calls `light` and reads, and another writes, calls `heavy` and reads, then one of the two
//! sees what the other has written. This is the store-buffer pattern, which otherwise needs a full fence on both
//! sides.

#![allow(unsafe_code, reason = "the system call membarrier")]

use std::sync::atomic::{AtomicU32, Ordering, compiler_fence, fence};

const UNKNOWN: u32 = 0;
/// The kernel makes every thread of the process execute a fence on request.
const BY_KERNEL: u32 = 1;
/// The kernel cannot do that: both sides execute a fence.
const SYMMETRIC: u32 = 2;

static HOW: AtomicU32 = AtomicU32::new(UNKNOWN);

const REGISTER: libc::c_int = 1 << 4;
const EXPEDITED: libc::c_int = 1 << 3;

fn membarrier(command: libc::c_int) -> bool {
    if cfg!(miri) {
        return false; // It is no kernel.
    }
    // SAFETY: the call takes three numbers; the raw call is no cancellation point.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

/// Chooses between the two, before the first [`light`] that matters.
pub(crate) fn prepare() {
    // ORDERING: Relaxed; whoever makes a pool has called this before the pool's threads begin.
    if HOW.load(Ordering::Relaxed) == UNKNOWN {
        let how = if membarrier(REGISTER) && membarrier(EXPEDITED) {
            BY_KERNEL
        } else {
            SYMMETRIC
        };
        // ORDERING: as above. The first answer stands: threads have begun to rely on it.
        let _ = HOW.compare_exchange(UNKNOWN, how, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// The frequent side.
#[inline(always)]
pub(crate) fn light() {
    // ORDERING: Relaxed; see `prepare`.
    if HOW.load(Ordering::Relaxed) == BY_KERNEL {
        // ORDERING: pairs with the fence that `heavy` has this thread execute.
        compiler_fence(Ordering::SeqCst);
    } else {
        // ORDERING: pairs with the fence of `heavy`.
        fence(Ordering::SeqCst);
    }
}

/// The rare side.
#[cold]
pub(crate) fn heavy() {
    // ORDERING: pairs with the fence of `light`.
    fence(Ordering::SeqCst);
    // ORDERING: Relaxed; see `prepare`.
    if HOW.load(Ordering::Relaxed) == BY_KERNEL && !membarrier(EXPEDITED) {
        // A sandbox that the program entered after it made its first pool refuses the call. The writes of a CPU
        // reach the others within microseconds in any case.
        crate::clock::sleep(std::time::Duration::from_millis(1));
        fence(Ordering::SeqCst);
    }
}
