//! What wakes whoever waits for file descriptors: one of them is ours.

#![allow(unsafe_code, reason = "eventfd and its calls")]

#[cfg(any(loom, miri))]
pub(crate) use model::EventFd;
#[cfg(not(any(loom, miri)))]
pub(crate) use real::EventFd;

#[cfg(not(any(loom, miri)))]
mod real {
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
    use std::sync::OnceLock;

    /// A descriptor that becomes readable when it is rung. There is none until its owner asks for it.
    #[derive(Debug, Default)]
    pub(crate) struct EventFd(OnceLock<OwnedFd>);

    impl EventFd {
        /// The descriptor, made if it is not there. `None` if the system refuses one.
        pub(crate) fn fd(&self) -> Option<RawFd> {
            if self.0.get().is_none() {
                // SAFETY: no conditions.
                let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
                if fd < 0 {
                    return None;
                }
                // SAFETY: just made.
                let _ = self.0.set(unsafe { OwnedFd::from_raw_fd(fd) });
            }
            self.0.get().map(AsRawFd::as_raw_fd)
        }

        /// Makes it readable.
        pub(crate) fn signal(&self) {
            if let Some(fd) = self.0.get() {
                let one = 1_u64;
                // SAFETY: eight readable bytes. The raw call is no cancellation point. A full counter is
                // readable already.
                unsafe { libc::syscall(libc::SYS_write, fd.as_raw_fd(), &raw const one, 8) };
            }
        }

        /// Makes it not readable.
        pub(crate) fn silence(&self) {
            if let Some(fd) = self.0.get() {
                let mut count = 0_u64;
                // SAFETY: eight writable bytes. The raw call is no cancellation point.
                unsafe { libc::syscall(libc::SYS_read, fd.as_raw_fd(), &raw mut count, 8) };
            }
        }
    }
}

#[cfg(any(loom, miri))]
mod model {
    use crate::sync::{AtomicUsize, Ordering};

    /// A descriptor that is readable or not.
    #[derive(Debug)]
    pub(crate) struct EventFd(AtomicUsize);

    impl Default for EventFd {
        fn default() -> Self {
            Self(AtomicUsize::new(0))
        }
    }

    impl EventFd {
        pub(crate) fn fd(&self) -> Option<i32> {
            Some(-1)
        }

        pub(crate) fn signal(&self) {
            self.0.store(1, Ordering::Release);
        }

        pub(crate) fn silence(&self) {
            self.0.store(0, Ordering::Release);
        }

        pub(crate) fn is_readable(&self) -> bool {
            self.0.load(Ordering::Acquire) != 0
        }
    }
}
