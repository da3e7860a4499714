//! Descriptors that fibers of one carrier wait for, by the system's epoll.

#![allow(unsafe_code, reason = "epoll and its calls")]

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::time::Duration;

use super::fiber::Fiber;
use crate::clock::{self, Deadline};
use crate::error::Error;
use crate::event_fd::EventFd;
use crate::suspend::Interest;
use crate::sync::{AtomicU32, Ordering};

/// The most events that one call of the system returns.
const EVENTS: usize = 256;
/// The number of our own event descriptor; no other has it.
const WAKE: u64 = u64::MAX;

/// One fiber that waits for a descriptor.
#[derive(Clone, Copy, Debug)]
struct Waiter {
    fiber: *const Fiber,
    interest: Interest,
}

/// One descriptor.
#[derive(Debug, Default)]
struct FdEntry {
    waiters: Vec<Waiter>,
    /// The system knows it, unless it was closed since.
    known: bool,
    /// How often the system was made to know it. One that was closed while a duplicate of it stays open is
    /// still registered, and its events must not count for the descriptor that has the number now.
    generation: u32,
}

/// The descriptors of one carrier.
pub(super) struct Reactor {
    epoll: OwnedFd,
    /// By descriptor.
    entries: Vec<FdEntry>,
    waits: usize,
    /// When they were last looked at.
    looked: u64,
    events: Vec<libc::epoll_event>,
}

/// The number by which the system names a descriptor.
fn key(index: usize, generation: u32) -> u64 {
    u64::from(generation) << 32 | index as u64
}

fn last_error() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

impl Reactor {
    /// `None` if the system refuses what it takes.
    pub(super) fn new(event_fd: &EventFd) -> Option<Self> {
        // SAFETY: no conditions.
        let epoll = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if epoll < 0 {
            return None;
        }
        let this = Self {
            // SAFETY: just made.
            epoll: unsafe { OwnedFd::from_raw_fd(epoll) },
            entries: Vec::new(),
            waits: 0,
            looked: 0,
            events: vec![libc::epoll_event { events: 0, u64: 0 }; EVENTS],
        };
        let event_fd = event_fd.fd()?;
        let rung = this.control(libc::EPOLL_CTL_ADD, event_fd, libc::EPOLLIN as u32, WAKE);
        rung.is_ok().then_some(this)
    }

    /// Whether any fiber waits.
    #[inline]
    pub(super) fn has_waits(&self) -> bool {
        self.waits > 0
    }

    fn control(&self, operation: i32, fd: RawFd, events: u32, data: u64) -> Result<(), i32> {
        let mut event = libc::epoll_event { events, u64: data };
        // SAFETY: `event` lives across the call.
        match unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), operation, fd, &raw mut event) } {
            0 => Ok(()),
            _ => Err(last_error()),
        }
    }

    /// Registers `fiber`, to be woken when the descriptor is ready. `woken` gets fibers that waited for a descriptor
    /// of this number that has been closed since.
    pub(super) fn add(
        &mut self,
        fd: RawFd,
        fiber: &Fiber,
        interest: Interest,
        woken: &mut dyn FnMut(*const Fiber),
    ) -> Result<(), Error> {
        let index = usize::try_from(fd).map_err(|_| Error::InvalidArgument)?;
        if self.entries.len() <= index {
            let more = index + 1 - self.entries.len();
            let reserved = self.entries.try_reserve(more);
            reserved.map_err(|_| Error::NoMemory)?;
            self.entries.resize_with(index + 1, FdEntry::default);
        }
        let waiters = &mut self.entries[index].waiters;
        waiters.try_reserve(1).map_err(|_| Error::NoMemory)?;
        waiters.push(Waiter { fiber, interest });
        self.waits += 1;
        let mut armed = self.rearm(fd, index);
        if armed == Err(libc::ENOENT) {
            // The descriptor that the others wait for is gone, and this is another.
            self.dismiss_others(index, woken);
            armed = self.register(fd, index);
        }
        let armed = armed.map_err(|error| match error {
            libc::EBADF => Error::InvalidArgument,
            _ => Error::NoMemory,
        });
        if armed.is_err() {
            self.remove(fd, fiber);
        }
        armed
    }

    /// Arms a registered descriptor once more. ENOENT if none of that number is registered.
    fn rearm(&mut self, fd: RawFd, index: usize) -> Result<(), i32> {
        let watch = &self.entries[index];
        if !watch.known {
            return Err(libc::ENOENT);
        }
        let data = key(index, watch.generation);
        let result = self.control(libc::EPOLL_CTL_MOD, fd, watch.events(), data);
        self.entries[index].known = result.is_ok();
        result
    }

    /// Registers the descriptor.
    fn register(&mut self, fd: RawFd, index: usize) -> Result<(), i32> {
        let watch = &mut self.entries[index];
        watch.generation = watch.generation.wrapping_add(1);
        let (events, data) = (watch.events(), key(index, watch.generation));
        let mut result = self.control(libc::EPOLL_CTL_ADD, fd, events, data);
        if result == Err(libc::EEXIST) {
            result = self.control(libc::EPOLL_CTL_MOD, fd, events, data);
        }
        self.entries[index].known = result.is_ok();
        result
    }

    fn dismiss_others(&mut self, index: usize, woken: &mut dyn FnMut(*const Fiber)) {
        let waiters = &mut self.entries[index].waiters;
        let others = waiters.len().saturating_sub(1);
        self.waits -= others;
        for other in waiters.drain(..others) {
            tell(other.fiber, Err(Error::InvalidArgument), woken);
        }
    }

    /// The fiber does not wait any more.
    pub(super) fn remove(&mut self, fd: RawFd, fiber: &Fiber) {
        let Some(watch) = usize::try_from(fd)
            .ok()
            .and_then(|fd| self.entries.get_mut(fd))
        else {
            return;
        };
        let before = watch.waiters.len();
        watch.waiters.retain(|waiter| !ptr::eq(waiter.fiber, fiber));
        self.waits -= before - watch.waiters.len();
        if watch.waiters.is_empty() && std::mem::take(&mut watch.known) {
            // A descriptor that was closed is not known any more: no matter.
            let _ = self.control(libc::EPOLL_CTL_DEL, fd, 0, 0);
        }
    }

    /// Tells those whose descriptors are ready, if that has not been looked at just before.
    pub(super) fn look(&mut self, now: u64, event_fd: &EventFd, woken: impl FnMut(*const Fiber)) {
        const OFTEN: u64 = 50_000;
        if self.has_waits() && now - self.looked >= OFTEN {
            self.looked = now;
            self.poll(Some(0), event_fd, woken);
        }
    }

    /// Waits until the event_fd rings, a descriptor is ready, or the deadline comes.
    pub(super) fn wait(
        &mut self,
        deadline: Deadline,
        event_fd: &EventFd,
        woken: impl FnMut(*const Fiber),
    ) {
        let left = deadline
            .nanoseconds()
            .map(|at| at.saturating_sub(clock::now_ns()));
        self.poll(left, event_fd, woken);
    }

    fn poll(&mut self, left: Option<u64>, event_fd: &EventFd, mut woken: impl FnMut(*const Fiber)) {
        let count = wait(&self.epoll, &mut self.events, left);
        for index in 0..count {
            let event = self.events[index];
            if event.u64 == WAKE {
                event_fd.silence();
            } else {
                self.is_ready(event.u64, event.events, &mut woken);
            }
        }
    }

    fn is_ready(&mut self, data: u64, events: u32, woken: &mut dyn FnMut(*const Fiber)) {
        let ready = Interest::of_epoll(events);
        let index = data as u32 as usize;
        let Some(watch) = self.entries.get_mut(index) else {
            return;
        };
        if data != key(index, watch.generation) {
            return;
        }
        let before = watch.waiters.len();
        watch.waiters.retain(|waiter| {
            let found = waiter.interest.and(ready);
            if let Some(found) = found {
                tell(waiter.fiber, Ok(found), woken);
            }
            found.is_none()
        });
        self.waits -= before - watch.waiters.len();
        if watch.waiters.is_empty() {
            return;
        }
        // Events are one-shot: those who wait for others have to be armed again.
        if let Err(error) = self.rearm(index as RawFd, index) {
            let error = match error {
                // The number is free, or that of another descriptor than theirs.
                libc::EBADF | libc::ENOENT => Error::InvalidArgument,
                _ => Error::NoMemory,
            };
            let waiters = std::mem::take(&mut self.entries[index].waiters);
            self.waits -= waiters.len();
            for waiter in waiters {
                tell(waiter.fiber, Err(error), woken);
            }
        }
    }
}

impl FdEntry {
    /// The events that its waiters wait for, one-shot.
    fn events(&self) -> u32 {
        let wanted = self.waiters.iter().fold(0, |events, waiter| {
            let read = if waiter.interest.readable {
                libc::EPOLLIN | libc::EPOLLRDHUP
            } else {
                0
            };
            let write = if waiter.interest.writable {
                libc::EPOLLOUT
            } else {
                0
            };
            events | read | write
        });
        (wanted | libc::EPOLLONESHOT) as u32
    }
}

impl Interest {
    fn of_epoll(events: u32) -> Self {
        let any = |of: i32| events & of as u32 != 0;
        let broken = libc::EPOLLERR | libc::EPOLLHUP;
        Self {
            readable: any(libc::EPOLLIN | libc::EPOLLRDHUP | broken),
            writable: any(libc::EPOLLOUT | broken),
        }
    }
}

fn tell(fiber: *const Fiber, found: Result<Interest, Error>, woken: &mut dyn FnMut(*const Fiber)) {
    // SAFETY: a waiter is suspended, and stays where it is.
    if unsafe { &*fiber }.tell(found) {
        woken(fiber);
    }
}

/// Whether the system has no epoll_pwait2 (before Linux 5.11, and under some valgrinds).
static IS_OLD: AtomicU32 = AtomicU32::new(0);

/// Nanoseconds between two polls where the system refuses every way of waiting.
const REFUSED_PAUSE: u64 = 1_000_000;

/// Nanoseconds where the system takes them; else milliseconds, rounded up. Raw calls are no cancellation
/// points.
fn wait(epoll: &OwnedFd, events: &mut [libc::epoll_event], nanoseconds: Option<u64>) -> usize {
    let (epoll, room) = (epoll.as_raw_fd(), events.len());
    let events = events.as_mut_ptr();
    let no_mask: *const libc::sigset_t = ptr::null();
    // ORDERING: Relaxed; each thread may find out for itself.
    if IS_OLD.load(Ordering::Relaxed) == 0 {
        let timeout = nanoseconds.map(|left| libc::timespec {
            tv_sec: (left / 1_000_000_000) as libc::time_t,
            tv_nsec: (left % 1_000_000_000) as _,
        });
        let timeout: *const libc::timespec = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
        let call = libc::SYS_epoll_pwait2;
        // SAFETY: all of it lives across the call, and `events` has that room.
        let count = unsafe { libc::syscall(call, epoll, events, room, timeout, no_mask, 0_usize) };
        if count >= 0 || last_error() == libc::EINTR {
            return usize::try_from(count).unwrap_or(0);
        }
        // It is not there, or a sandbox that does not know it refuses it.
        // ORDERING: as above.
        IS_OLD.store(1, Ordering::Relaxed);
    }
    let left = nanoseconds.map_or(-1, |left| {
        left.div_ceil(1_000_000).try_into().unwrap_or(i32::MAX)
    });
    let call = libc::SYS_epoll_pwait;
    // SAFETY: as above.
    let count = unsafe { libc::syscall(call, epoll, events, room, left, no_mask, 0_usize) };
    if count < 0 && last_error() != libc::EINTR {
        // The system refuses: looking again and again must not become spinning.
        let pause = nanoseconds.map_or(REFUSED_PAUSE, |left| left.min(REFUSED_PAUSE));
        clock::sleep(Duration::from_nanos(pause));
    }
    usize::try_from(count).unwrap_or(0)
}
