//! Waiting for a file descriptor by blocking the thread, and looking at one without waiting.

#![allow(unsafe_code, reason = "the system call")]

use std::time::Duration;

use crate::clock::{self, Deadline};
use crate::error::Error;
use crate::suspend::Interest;

/// What the descriptor is ready for now; `None` if for nothing of `interest`.
pub(crate) fn now(fd: i32, interest: Interest) -> Result<Option<Interest>, Error> {
    poll(fd, interest, Some(Duration::ZERO))
}

/// Waits until the descriptor is ready for something of `interest`, and says for what.
pub(crate) fn wait(fd: i32, interest: Interest, deadline: Deadline) -> Result<Interest, Error> {
    loop {
        let left = deadline
            .monotonic()
            .map(|end| end.saturating_sub(clock::now()));
        if let Some(found) = poll(fd, interest, left)? {
            return Ok(found);
        }
        if deadline.has_passed() {
            return Err(Error::TimedOut);
        }
    }
}

fn poll(fd: i32, interest: Interest, left: Option<Duration>) -> Result<Option<Interest>, Error> {
    if fd < 0 {
        return Err(Error::InvalidArgument);
    }
    let read = if interest.readable {
        libc::POLLIN | libc::POLLRDHUP
    } else {
        0
    };
    let write = if interest.writable { libc::POLLOUT } else { 0 };
    let mut entry = libc::pollfd {
        fd,
        events: read | write,
        revents: 0,
    };
    let timeout = left.map(|left| libc::timespec {
        tv_sec: left.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: left.subsec_nanos().into(),
    });
    let timeout: *const libc::timespec = timeout
        .as_ref()
        .map_or(std::ptr::null(), std::ptr::from_ref);
    let no_mask = std::ptr::null::<libc::sigset_t>();
    // SAFETY: all of it lives across the call; the raw call is no cancellation point.
    let count = unsafe {
        libc::syscall(
            libc::SYS_ppoll,
            &raw mut entry,
            1,
            timeout,
            no_mask,
            0_usize,
        )
    };
    if count <= 0 {
        // A signal, or nothing yet.
        return Ok(None);
    }
    let any = |of: i16| entry.revents & of != 0;
    if any(libc::POLLNVAL) {
        return Err(Error::InvalidArgument);
    }
    let broken = libc::POLLERR | libc::POLLHUP;
    let ready = Interest {
        readable: any(libc::POLLIN | libc::POLLRDHUP | broken),
        writable: any(libc::POLLOUT | broken),
    };
    Ok(interest.and(ready))
}
