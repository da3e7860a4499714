//! Descriptors that fibers of one carrier wait for, by the system's epoll.

#![allow(unsafe_code, reason = "epoll and its calls")]

use std::collections::HashMap;
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

/// Who waits for a descriptor.
pub(super) trait Waits {
    /// The wait is over. True if the caller has to have it run.
    fn tell(&self, found: Result<Interest, Error>) -> bool;
}

/// One fiber that waits for a descriptor.
#[derive(Debug)]
struct Waiter<F> {
    fiber: *const F,
    interest: Interest,
}

/// One descriptor.
#[derive(Debug)]
struct FdEntry<F> {
    waiters: Vec<Waiter<F>>,
    /// The system knows it, unless it was closed since.
    known: bool,
    /// Which registration it is. A descriptor that was closed while a duplicate of it stays open is still registered, and
    /// its event, of which there is one at most, must not count for the descriptor that has the number now.
    generation: u32,
}

/// The descriptors of one carrier.
pub(super) struct Reactor<F = Fiber> {
    epoll: OwnedFd,
    /// Those for which somebody waits or has waited.
    entries: HashMap<RawFd, FdEntry<F>>,
    /// Registrations so far.
    generation: u32,
    waits: usize,
    /// When they were last looked at.
    looked: u64,
    events: Vec<libc::epoll_event>,
}

/// The number by which the system names a descriptor.
fn key(fd: RawFd, generation: u32) -> u64 {
    u64::from(generation) << 32 | u64::from(fd as u32)
}

fn last_error() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

impl<F: Waits> Reactor<F> {
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
            entries: HashMap::new(),
            generation: 0,
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
        fiber: &F,
        interest: Interest,
        woken: &mut dyn FnMut(*const F),
    ) -> Result<(), Error> {
        if fd < 0 {
            return Err(Error::InvalidArgument);
        }
        self.entries.try_reserve(1)?;
        let entry = self.entries.entry(fd).or_insert_with(FdEntry::new);
        entry.waiters.try_reserve(1)?;
        entry.waiters.push(Waiter { fiber, interest });
        self.waits += 1;
        let mut armed = self.rearm(fd);
        if armed == Err(libc::ENOENT) {
            // The descriptor that the others wait for is gone, and this is another.
            self.dismiss_others(fd, woken);
            armed = self.register(fd);
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
    fn rearm(&mut self, fd: RawFd) -> Result<(), i32> {
        let Some(entry) = self.entries.get(&fd).filter(|entry| entry.known) else {
            return Err(libc::ENOENT);
        };
        let (events, data) = (entry.events(), key(fd, entry.generation));
        let result = self.control(libc::EPOLL_CTL_MOD, fd, events, data);
        self.is_known(fd, result.is_ok());
        result
    }

    /// Registers the descriptor.
    fn register(&mut self, fd: RawFd) -> Result<(), i32> {
        let Some(entry) = self.entries.get_mut(&fd) else {
            return Err(libc::ENOENT);
        };
        self.generation = self.generation.wrapping_add(1);
        entry.generation = self.generation;
        let (events, data) = (entry.events(), key(fd, entry.generation));
        let mut result = self.control(libc::EPOLL_CTL_ADD, fd, events, data);
        if result == Err(libc::EEXIST) {
            result = self.control(libc::EPOLL_CTL_MOD, fd, events, data);
        }
        self.is_known(fd, result.is_ok());
        result
    }

    fn is_known(&mut self, fd: RawFd, known: bool) {
        if let Some(entry) = self.entries.get_mut(&fd) {
            entry.known = known;
        }
    }

    fn dismiss_others(&mut self, fd: RawFd, woken: &mut dyn FnMut(*const F)) {
        let Some(entry) = self.entries.get_mut(&fd) else {
            return;
        };
        let others = entry.waiters.len().saturating_sub(1);
        self.waits -= others;
        for other in entry.waiters.drain(..others) {
            tell(other.fiber, Err(Error::InvalidArgument), woken);
        }
    }

    /// The fiber does not wait any more.
    pub(super) fn remove(&mut self, fd: RawFd, fiber: &F) {
        let Some(entry) = self.entries.get_mut(&fd) else {
            return;
        };
        let before = entry.waiters.len();
        entry.waiters.retain(|waiter| !ptr::eq(waiter.fiber, fiber));
        self.waits -= before - entry.waiters.len();
        if entry.waiters.is_empty() {
            if entry.known {
                // A descriptor that was closed is not known any more: no matter.
                let _ = self.control(libc::EPOLL_CTL_DEL, fd, 0, 0);
            }
            self.entries.remove(&fd);
        }
    }

    /// Tells those whose descriptors are ready, if that has not been looked at just before.
    pub(super) fn look(&mut self, now: u64, event_fd: &EventFd, woken: impl FnMut(*const F)) {
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
        woken: impl FnMut(*const F),
    ) {
        let left = deadline
            .nanoseconds()
            .map(|at| at.saturating_sub(clock::now_ns()));
        self.poll(left, event_fd, woken);
    }

    fn poll(&mut self, left: Option<u64>, event_fd: &EventFd, mut woken: impl FnMut(*const F)) {
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

    fn is_ready(&mut self, data: u64, events: u32, woken: &mut dyn FnMut(*const F)) {
        let ready = Interest::of_epoll(events);
        let fd = data as u32 as RawFd;
        let Some(entry) = self.entries.get_mut(&fd) else {
            return;
        };
        if data != key(fd, entry.generation) {
            return;
        }
        let before = entry.waiters.len();
        entry.waiters.retain(|waiter| {
            let found = waiter.interest.and(ready);
            if let Some(found) = found {
                tell(waiter.fiber, Ok(found), woken);
            }
            found.is_none()
        });
        self.waits -= before - entry.waiters.len();
        if entry.waiters.is_empty() {
            return;
        }
        // Events are one-shot: those who wait for others have to be armed again.
        if let Err(error) = self.rearm(fd) {
            let error = match error {
                // The number is free, or that of another descriptor than theirs.
                libc::EBADF | libc::ENOENT => Error::InvalidArgument,
                _ => Error::NoMemory,
            };
            let waiters = self.entries.remove(&fd).map(|entry| entry.waiters);
            for waiter in waiters.into_iter().flatten() {
                self.waits -= 1;
                tell(waiter.fiber, Err(error), woken);
            }
        }
    }
}

impl<F> FdEntry<F> {
    fn new() -> Self {
        Self {
            waiters: Vec::new(),
            known: false,
            generation: 0,
        }
    }

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

fn tell<F: Waits>(
    fiber: *const F,
    found: Result<Interest, Error>,
    woken: &mut dyn FnMut(*const F),
) {
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

#[cfg(all(test, not(miri)))]
mod tests {
    use std::cell::Cell;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use super::*;

    /// Someone who waits, and has been told.
    #[derive(Default)]
    struct Caller {
        /// The place that it waits at: which file, and for what.
        waits: Cell<Option<(usize, Interest)>>,
        told: Cell<Option<Result<Interest, Error>>>,
    }

    impl Waits for Caller {
        fn tell(&self, found: Result<Interest, Error>) -> bool {
            assert!(self.waits.get().is_some(), "told without a wait");
            assert_eq!(self.told.replace(Some(found)), None, "told twice");
            true
        }
    }

    /// One end of a connection at a descriptor number that stays, and its other end.
    struct File {
        fd: RawFd,
        far: UnixStream,
        /// Another descriptor of the file that had the number before, and its other end.
        before: Option<(UnixStream, UnixStream)>,
        filled: bool,
        readable: bool,
    }

    /// A connection whose near end has that number, if one is given.
    fn open(at: Option<RawFd>) -> File {
        let (near, far) = UnixStream::pair().expect("there are descriptors");
        for end in [&near, &far] {
            end.set_nonblocking(true).expect("it is open");
        }
        let fd = std::os::fd::IntoRawFd::into_raw_fd(near);
        let fd = match at {
            Some(at) => {
                // SAFETY: both are this test's. What had the number is closed.
                unsafe { libc::dup2(fd, at) };
                // SAFETY: as above.
                unsafe { libc::close(fd) };
                at
            }
            None => fd,
        };
        File {
            fd,
            far,
            before: None,
            filled: false,
            readable: false,
        }
    }

    impl File {
        /// A stream of the near end, which must not be dropped.
        fn near(&self) -> std::mem::ManuallyDrop<UnixStream> {
            // SAFETY: open, and not closed by this.
            std::mem::ManuallyDrop::new(unsafe { UnixStream::from_raw_fd(self.fd) })
        }

        fn ready(&self) -> Interest {
            Interest {
                readable: self.readable,
                writable: !self.filled,
            }
        }
    }

    /// Waits, time-outs, readiness, closes, duplicates and new files of the same number, in random order: after a
    /// poll exactly those are told whose files are ready for what they wait for, and nobody is told of the file of
    /// another.
    fn agrees_with_the_files(seed: u64) {
        const FILES: usize = 3;
        const CALLERS: usize = 6;
        let mut state = seed;
        let mut random = |below: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) as usize % below
        };
        let event_fd = EventFd::default();
        let mut reactor = Reactor::<Caller>::new(&event_fd).expect("there are descriptors");
        let callers: [Caller; CALLERS] = Default::default();
        let mut files: [File; FILES] = std::array::from_fn(|_| open(None));
        for step in 0..400 {
            let (which, who) = (random(FILES), &callers[random(CALLERS)]);
            let file = &mut files[which];
            match random(10) {
                0..=2 if who.waits.get().is_none() => {
                    let interest = [(true, false), (false, true), (true, true)][random(3)];
                    let interest = Interest {
                        readable: interest.0,
                        writable: interest.1,
                    };
                    who.waits.set(Some((which, interest)));
                    let added = reactor.add(file.fd, who, interest, &mut |_| ());
                    assert_eq!(added, Ok(()), "seed {seed}, step {step}");
                }
                3 => {
                    // Its deadline has come.
                    if let Some((at, _)) = who.waits.take() {
                        reactor.remove(files[at].fd, who);
                    }
                }
                4 => {
                    let written = file.far.write(&[1]);
                    file.readable |= written.is_ok();
                }
                5 => {
                    while matches!(file.near().read(&mut [0; 64]), Ok(1..)) {}
                    file.readable = false;
                }
                6 => {
                    while file.near().write(&[1; 4096]).is_ok() {}
                    file.filled = true;
                }
                7 => {
                    while matches!(file.far.read(&mut [0; 4096]), Ok(1..)) {}
                    file.filled = false;
                }
                8 => {
                    // Another file gets the number; the old one may stay open elsewhere. Who waited for the old one is
                    // told when the next wait finds out, or never: its deadline ends it.
                    let duplicate = file.near().try_clone().ok().filter(|_| random(2) == 0);
                    let before = std::mem::replace(file, open(Some(file.fd)));
                    file.before = duplicate.map(|duplicate| (duplicate, before.far));
                    for stranded in &callers {
                        if stranded.waits.get().is_some_and(|(at, _)| at == which) {
                            reactor.remove(file.fd, stranded);
                            stranded.waits.set(None);
                            stranded.told.set(None);
                        }
                    }
                }
                9 => {
                    if let Some((_, far)) = &mut file.before {
                        let _ = far.write(&[1]);
                    }
                }
                _ => {}
            }
            // An event of a file that is not there any more may be in front of others.
            for _ in 0..2 {
                reactor.poll(Some(0), &event_fd, |_| ());
            }
            let mut waiting = 0;
            for caller in &callers {
                let Some((at, interest)) = caller.waits.get() else {
                    assert_eq!(caller.told.get(), None, "seed {seed}, step {step}");
                    continue;
                };
                let expected = interest.and(files[at].ready()).map(Ok);
                assert_eq!(caller.told.take(), expected, "seed {seed}, step {step}");
                if expected.is_some() {
                    caller.waits.set(None);
                } else {
                    waiting += 1;
                }
            }
            assert_eq!(reactor.waits, waiting, "seed {seed}, step {step}");
            let events = wait(&reactor.epoll, &mut reactor.events, Some(0));
            assert_eq!(events, 0, "the same event again and again");
        }
        for file in files {
            // SAFETY: opened here, and nobody uses it any more.
            unsafe { libc::close(file.fd) };
        }
    }

    #[test]
    fn those_are_told_whose_files_are_ready() {
        (1..=100).for_each(agrees_with_the_files);
    }
}
