//! Descriptors that fibers of one carrier wait for, by the system's epoll.

#![allow(unsafe_code, reason = "epoll and its calls")]

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use super::bell::Bell;
use super::fiber::Fiber;
use crate::clock::{self, Deadline};
use crate::error::Error;
use crate::suspend::Interest;
use crate::sync::{AtomicU32, Ordering};

/// What the system tells at one time.
const EVENTS: usize = 256;
/// What stands for the bell; no descriptor has this number.
const BELL: u64 = u64::MAX;

/// One fiber that waits for a descriptor.
#[derive(Clone, Copy, Debug)]
struct Waiter {
    fiber: *const Fiber,
    interest: Interest,
}

/// One descriptor.
#[derive(Debug, Default)]
struct Watch {
    waiters: Vec<Waiter>,
    /// The system knows it, unless it was closed since.
    known: bool,
    /// How often the system was made to know it. One that was closed while a duplicate of it stays open is
    /// still known, and what is told of it must not be taken for the one that has the number now.
    generation: u32,
}

/// The descriptors of one carrier.
pub(super) struct Reactor {
    epoll: OwnedFd,
    /// By descriptor.
    watches: Vec<Watch>,
    waits: usize,
    /// When they were last looked at.
    looked: u64,
    events: Vec<libc::epoll_event>,
}

/// What the system tells a descriptor by.
fn key(index: usize, generation: u32) -> u64 {
    u64::from(generation) << 32 | index as u64
}

fn last_error() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

impl Reactor {
    /// `None` if the system refuses what it takes.
    pub(super) fn new(bell: &Bell) -> Option<Self> {
        // SAFETY: no conditions.
        let epoll = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if epoll < 0 {
            return None;
        }
        let this = Self {
            // SAFETY: just made.
            epoll: unsafe { OwnedFd::from_raw_fd(epoll) },
            watches: Vec::new(),
            waits: 0,
            looked: 0,
            events: vec![libc::epoll_event { events: 0, u64: 0 }; EVENTS],
        };
        let bell = bell.fd()?;
        let rung = this.control(libc::EPOLL_CTL_ADD, bell, libc::EPOLLIN as u32, BELL);
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

    /// Has `fiber` told when the descriptor is ready. `woken` gets fibers that waited for a descriptor
    /// of this number that has been closed since.
    pub(super) fn add(
        &mut self,
        fd: RawFd,
        fiber: &Fiber,
        interest: Interest,
        woken: &mut dyn FnMut(*const Fiber),
    ) -> Result<(), Error> {
        let index = usize::try_from(fd).map_err(|_| Error::InvalidArgument)?;
        if self.watches.len() <= index {
            self.watches.resize_with(index + 1, Watch::default);
        }
        self.watches[index].waiters.push(Waiter { fiber, interest });
        self.waits += 1;
        let armed = self.arm(fd, index, woken);
        if armed.is_err() {
            self.remove(fd, fiber);
        }
        armed
    }

    fn arm(
        &mut self,
        fd: RawFd,
        index: usize,
        woken: &mut dyn FnMut(*const Fiber),
    ) -> Result<(), Error> {
        let Watch {
            known, generation, ..
        } = self.watches[index];
        let events = self.watches[index].events();
        let mut result = Err(libc::ENOENT);
        if known {
            let data = key(index, generation);
            result = self.control(libc::EPOLL_CTL_MOD, fd, events, data);
        }
        if result == Err(libc::ENOENT) {
            if known {
                // The descriptor that the others wait for is gone, and this is another.
                self.dismiss_others(index, woken);
            }
            let generation = generation.wrapping_add(1);
            self.watches[index].generation = generation;
            let events = self.watches[index].events();
            let data = key(index, generation);
            result = self.control(libc::EPOLL_CTL_ADD, fd, events, data);
            if result == Err(libc::EEXIST) {
                result = self.control(libc::EPOLL_CTL_MOD, fd, events, data);
            }
        }
        self.watches[index].known = result.is_ok();
        result.map_err(|error| match error {
            libc::EBADF => Error::InvalidArgument,
            _ => Error::NoMemory,
        })
    }

    fn dismiss_others(&mut self, index: usize, woken: &mut dyn FnMut(*const Fiber)) {
        let waiters = &mut self.watches[index].waiters;
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
            .and_then(|fd| self.watches.get_mut(fd))
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
    pub(super) fn look(&mut self, now: u64, bell: &Bell, woken: impl FnMut(*const Fiber)) {
        const OFTEN: u64 = 50_000;
        if self.has_waits() && now - self.looked >= OFTEN {
            self.looked = now;
            self.poll(Some(0), bell, woken);
        }
    }

    /// Waits until the bell rings, a descriptor is ready, or the deadline comes.
    pub(super) fn wait(
        &mut self,
        deadline: Deadline,
        bell: &Bell,
        woken: impl FnMut(*const Fiber),
    ) {
        let left = deadline
            .nanoseconds()
            .map(|at| at.saturating_sub(clock::now_ns()));
        self.poll(left, bell, woken);
    }

    fn poll(&mut self, left: Option<u64>, bell: &Bell, mut woken: impl FnMut(*const Fiber)) {
        let count = wait(&self.epoll, &mut self.events, left);
        for index in 0..count {
            let event = self.events[index];
            if event.u64 == BELL {
                bell.silence();
            } else {
                self.is_ready(event.u64, event.events, &mut woken);
            }
        }
    }

    fn is_ready(&mut self, data: u64, events: u32, woken: &mut dyn FnMut(*const Fiber)) {
        let ready = Interest::of_epoll(events);
        let index = data as u32 as usize;
        let Some(watch) = self.watches.get_mut(index) else {
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
        if !watch.waiters.is_empty() {
            // Each event is told once: those who wait for others have to ask again.
            if let Err(error) = self.arm(index as RawFd, index, woken) {
                let waiters = std::mem::take(&mut self.watches[index].waiters);
                self.waits -= waiters.len();
                for waiter in waiters {
                    tell(waiter.fiber, Err(error), woken);
                }
            }
        }
    }
}

impl Watch {
    /// What its waiters wait for, to be told once.
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
    // SAFETY: who waits is suspended, and stays.
    if unsafe { &*fiber }.tell(found) {
        woken(fiber);
    }
}

/// Whether the system has no epoll_pwait2 (before Linux 5.11, and under some valgrinds).
static IS_OLD: AtomicU32 = AtomicU32::new(0);

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
        if count >= 0 || last_error() != libc::ENOSYS {
            return usize::try_from(count).unwrap_or(0);
        }
        // ORDERING: as above.
        IS_OLD.store(1, Ordering::Relaxed);
    }
    let left = nanoseconds.map_or(-1, |left| {
        left.div_ceil(1_000_000).try_into().unwrap_or(i32::MAX)
    });
    let call = libc::SYS_epoll_pwait;
    // SAFETY: as above.
    let count = unsafe { libc::syscall(call, epoll, events, room, left, no_mask, 0_usize) };
    usize::try_from(count).unwrap_or(0)
}
