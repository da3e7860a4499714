//! Waiting for a file descriptor by blocking the thread, and polling one without waiting.

#![allow(unsafe_code, reason = "the system call")]

use std::time::Duration;

use crate::clock::{self, Deadline};
use crate::error::Error;
use crate::suspend::Interest;

/// The part of `interest` for which the descriptor is ready now; `None` if there is none.
pub(crate) fn now(fd: i32, interest: Interest) -> Result<Option<Interest>, Error> {
    poll(fd, interest, Some(Duration::ZERO))
}

/// Waits until the descriptor is ready for a part of `interest`, and returns that part.
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
    let mut timeout = left.map(|left| libc::timespec {
        tv_sec: left.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: left.subsec_nanos().into(),
    });
    let timeout: *mut libc::timespec = timeout
        .as_mut()
        .map_or(std::ptr::null_mut(), std::ptr::from_mut);
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
    if count < 0 && std::io::Error::last_os_error().raw_os_error() == Some(libc::EINVAL) {
        // RLIMIT_NOFILE is 0: programs that have opened all they need set that.
        return select(fd, interest, timeout);
    }
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

/// The same by a system call that does not check the limit.
#[cold]
fn select(
    fd: i32,
    interest: Interest,
    timeout: *mut libc::timespec,
) -> Result<Option<Interest>, Error> {
    // SAFETY: no conditions.
    if unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0 {
        return Err(Error::InvalidArgument); // It would be left out of the sets.
    }
    let number = usize::try_from(fd).map_err(|_| Error::InvalidArgument)?;
    let bits = usize::BITS as usize;
    let set = |wanted: bool| -> Result<Vec<usize>, Error> {
        let (mut set, words) = (Vec::new(), number / bits + 1);
        set.try_reserve_exact(words)?;
        set.resize(words, 0);
        set[number / bits] = usize::from(wanted) << (number % bits);
        Ok(set)
    };
    let (mut read, mut write) = (set(interest.readable)?, set(interest.writable)?);
    let nothing = std::ptr::null::<usize>();
    // SAFETY: the sets have a bit for each descriptor up to `fd`. They live across the call, and so does the time,
    // which the kernel may change; the raw call is no cancellation point.
    let count = unsafe {
        libc::syscall(
            libc::SYS_pselect6,
            fd + 1,
            read.as_mut_ptr(),
            write.as_mut_ptr(),
            nothing,
            timeout,
            nothing,
        )
    };
    if count <= 0 {
        return Ok(None);
    }
    let ready = Interest {
        readable: read[number / bits] != 0,
        writable: write[number / bits] != 0,
    };
    Ok(interest.and(ready))
}
