//! Sleeping and waking on a 32-bit word (Linux).

#![allow(unsafe_code, reason = "the system call")]

use std::sync::atomic::AtomicU32;

use crate::clock::Deadline;

/// Sleeps while `word` is `expected`, until a wake, a signal or `until`. It may return spuriously.
pub(super) fn wait(word: &AtomicU32, expected: u32, until: Deadline) {
    let until = until.monotonic().map(|time| libc::timespec {
        tv_sec: time.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: time.subsec_nanos().into(),
    });
    let until: *const libc::timespec = until.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // FUTEX_WAIT_BITSET takes an absolute time of CLOCK_MONOTONIC; FUTEX_WAIT a relative one.
    let operation = libc::FUTEX_WAIT_BITSET | libc::FUTEX_PRIVATE_FLAG;
    let any_bit = u32::MAX;
    // SAFETY: `word` and `until` live across the call; the raw call is no cancellation point.
    let _ = unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            operation,
            expected,
            until,
            std::ptr::null::<u32>(),
            any_bit,
        )
    };
}

/// Wakes one thread that sleeps on `word`.
pub(super) fn wake_one(word: &AtomicU32) {
    let operation = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the address is only used as a key.
    let _ = unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, 1) };
}
