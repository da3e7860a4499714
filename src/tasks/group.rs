//! Some tasks, and other work, that are waited for and canceled together (README, "A group").

#![allow(unsafe_code, reason = "a group is freed by whoever destroys it")]

use super::waiters::{self, Waiters};
use super::{Begin, Outcome, Tracker};
use crate::clock::Deadline;
use crate::current::Current;
use crate::errno::Errno;
use crate::error::Error;
use crate::fork;
use crate::memory::try_box;
use crate::sanitizers;
use crate::sync::{AtomicU64, Mutex, Ordering, SpinWait, UnsafeCell, can_spin, mutant, spin};
use crate::task::TaskFn;

/// What of the word is no count.
const FAILED: u64 = 1;
const CANCELED: u64 = 1 << 1;
const WAITERS: u64 = 1 << 2;
/// One that is unfinished.
const ONE: u64 = 1 << 3;
/// The most that the count can tell: more than there are addresses for the arguments of as many tasks.
const COUNT_MAX: u64 = u64::MAX / ONE;

/// How many are unfinished.
const fn count(word: u64) -> u64 {
    word / ONE
}

/// What a wait says that has found the group empty with that word.
fn result(word: u64) -> Result<(), Error> {
    if word & FAILED == 0 {
        Ok(())
    } else {
        Err(Error::TaskFailed)
    }
}

/// What is under the group's lock.
#[derive(Debug)]
struct Inner {
    /// Units of work that is no task. Together they are one in the count.
    added: i64,
    /// What the arguments of canceled tasks are given to.
    discard: Option<TaskFn>,
    waiters: Waiters,
}

/// A group. Aligned so that its word has a cache line without neighbours.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Group {
    word: AtomicU64,
    spin: SpinWait,
    /// The process it was made in.
    born: u32,
    inner: Mutex<Inner>,
    /// Read by whoever uses the group, changed by its end: models see whether the two can meet (G3).
    alive: UnsafeCell<()>,
}

// SAFETY: the cell has no content.
unsafe impl Sync for Group {}

impl Group {
    /// An empty one; [`Group::destroy`] takes it back.
    pub(crate) fn make() -> Result<*mut Self, Error> {
        fork::watch();
        let group = try_box(Self {
            word: AtomicU64::new(0),
            spin: SpinWait::default(),
            born: fork::generation(),
            inner: Mutex::new(Inner {
                added: 0,
                discard: None,
                waiters: Waiters::new(),
            }),
            alive: UnsafeCell::new(()),
        })?;
        Ok(Box::into_raw(group))
    }

    /// Whether it belongs to the parent of this process, whose threads may have held its lock.
    pub(crate) fn is_foreign(&self) -> bool {
        self.born != fork::generation()
    }

    /// `more` tasks are about to be submitted, and are unfinished from here on.
    pub(crate) fn enter(&self, more: u64) -> Result<(), Error> {
        // ORDERING: Relaxed, here and below; the queue publishes the tasks, and no wait depends on what a
        // submit that is under way has written.
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            if word & CANCELED != 0 {
                return Err(Error::Canceled);
            }
            if more > COUNT_MAX - count(word) {
                return Err(Error::InvalidArgument);
            }
            let next = word + more * ONE;
            match self.exchange(word, next, Ordering::Relaxed) {
                Ok(()) => return Ok(()),
                Err(now) => word = now,
            }
        }
    }

    /// Takes off tasks that have finished, or were not accepted.
    pub(crate) fn leave(&self, fewer: u64, failed: bool) {
        self.alive.with(|_| ());
        sanitizers::release(&self.word);
        // ORDERING: Relaxed; the exchange looks again.
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            // [G2] Whoever waits is woken by the last one, which finds them under the lock.
            if count(word) == fewer && word & WAITERS != 0 && !mutant("G2") {
                return self.leave_waited_for(fewer, failed);
            }
            let next = (word - fewer * ONE) | if failed { FAILED } else { 0 };
            // ORDERING: Release pairs with the Acquire of `take`: a wait that finds the group empty sees what
            // its tasks wrote.
            match self.exchange(word, next, Ordering::Release) {
                Ok(()) => return,
                Err(now) => word = now,
            }
        }
    }

    /// The same where these may be the last ones that somebody waits for.
    #[cold]
    fn leave_waited_for(&self, fewer: u64, failed: bool) {
        let mut inner = self.inner.lock();
        let waited_for = !inner.waiters.is_empty();
        // ORDERING: Relaxed; the exchange looks again.
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            let last = (word - fewer * ONE) | if failed { FAILED } else { 0 };
            let next = match (count(last), waited_for) {
                (0, true) => 0, // The waits are over, which opens the group again.
                (0, false) => last & !WAITERS,
                _ => last,
            };
            // ORDERING: Release as in `leave`, Acquire pairs with that one: those who wait see what all tasks wrote.
            if let Err(now) = self.exchange(word, next, Ordering::AcqRel) {
                word = now;
                continue;
            }
            sanitizers::acquire(&self.word);
            if count(last) == 0 {
                inner.waiters.end_all(result(last));
            }
            self.alive.with(|_| ());
            return;
        }
    }

    /// Adds units of work that is no task, or takes them away.
    pub(crate) fn add(&self, units: i64) -> Result<(), Error> {
        let _errno = Errno::kept();
        let mut inner = self.inner.lock();
        let before = inner.added;
        let after = before.checked_add(units).filter(|after| *after >= 0);
        let after = after.ok_or(Error::InvalidArgument)?;
        if units > 0 && self.is_canceled() {
            return Err(Error::Canceled);
        }
        if before == 0 && after > 0 {
            self.enter(1)?;
        }
        inner.added = after;
        drop(inner);
        if before > 0 && after == 0 {
            self.leave(1, false);
        }
        Ok(())
    }

    /// No task of the group begins from here on, and none is accepted, until a wait has found the group empty.
    pub(crate) fn cancel(&self, discard: Option<TaskFn>) {
        let _errno = Errno::kept();
        let mut inner = self.inner.lock();
        // [G1] Whoever sees the mark finds under the lock what the argument is to be given to.
        if mutant("G1.order") {
            drop(inner);
            self.word.fetch_or(CANCELED, Ordering::AcqRel);
            self.inner.lock().discard = discard;
            return;
        }
        if !self.is_canceled() {
            inner.discard = discard;
            sanitizers::release(&self.word);
            // ORDERING: AcqRel; not needed beside the lock, except by `begin`, which looks before it takes it.
            self.word.fetch_or(CANCELED, Ordering::AcqRel);
        }
    }

    fn is_canceled(&self) -> bool {
        // ORDERING: Acquire pairs with the Release of `cancel`: what was written before that is seen.
        let canceled = self.word.load(Ordering::Acquire) & CANCELED != 0;
        if canceled {
            sanitizers::acquire(&self.word);
        }
        canceled
    }

    /// Waits for an instant at which nothing is unfinished.
    pub(crate) fn wait(&self, deadline: Deadline) -> Result<(), Error> {
        let _errno = Errno::kept();
        if Current::is_tracked_by(self) {
            return Err(Error::Deadlock);
        }
        if let Some(word) = self.take_soon() {
            return result(word);
        }
        let inner = self.inner.lock();
        // ORDERING: Relaxed; `take` and the exchange look again.
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            if count(word) == 0 {
                match self.take(word) {
                    Ok(()) => return result(word),
                    Err(now) => word = now,
                }
                continue;
            }
            // [G2] Marked while it is not empty, in one step: the last one sees the mark.
            let seen = if mutant("G2.mark") {
                self.word.fetch_or(WAITERS, Ordering::Relaxed);
                Ok(())
            } else {
                // ORDERING: Relaxed; what the mark leads to is under the lock.
                self.exchange(word, word | WAITERS, Ordering::Relaxed)
            };
            match seen {
                Ok(()) => break,
                Err(now) => word = now,
            }
        }
        waiters::wait(&self.inner, inner, |inner| &mut inner.waiters, deadline)
    }

    /// Takes what the tasks have left, if the group is empty, or is in less time than it takes to fall asleep.
    fn take_soon(&self) -> Option<u64> {
        let look = || {
            // ORDERING: Relaxed; `take` looks again.
            let word = self.word.load(Ordering::Relaxed);
            (count(word) == 0 && self.take(word).is_ok()).then_some(word)
        };
        if can_spin() && Current::suspender().is_none() {
            self.spin.spin(spin::DONE, look)
        } else {
            look()
        }
    }

    /// Opens the empty group again, for a wait that takes what is in `word`.
    fn take(&self, word: u64) -> Result<(), u64> {
        // ORDERING: Acquire pairs with the Release of each `leave`.
        self.exchange(word, 0, Ordering::Acquire)?;
        sanitizers::acquire(&self.word);
        Ok(())
    }

    #[inline]
    fn exchange(&self, from: u64, to: u64, order: Ordering) -> Result<(), u64> {
        self.word
            .compare_exchange(from, to, order, Ordering::Relaxed)
            .map(drop)
    }

    /// Frees it, unless something is unfinished.
    ///
    /// # Safety
    /// [`Group::make`] made it, no other call uses it, and unless this fails it is the last one that does.
    pub(crate) unsafe fn destroy(this: *mut Self) -> Result<(), Error> {
        {
            let _errno = Errno::kept();
            // SAFETY: the caller's promise.
            let group = unsafe { &*this };
            // [G3] The thread that ended the last wait may still have the lock.
            let _inner = (!mutant("G3")).then(|| group.inner.lock());
            // ORDERING: Acquire pairs with the Release of each `leave`: nobody else uses the group any more.
            if count(group.word.load(Ordering::Acquire)) > 0 {
                return Err(Error::Busy);
            }
            group.alive.with_mut(|_| ());
        }
        // SAFETY: made in such a box, and nobody has it any more: whoever has given the lock back leaves the word of
        // that alone from there on.
        drop(unsafe { Box::from_raw(this) });
        Ok(())
    }
}

impl Tracker for Group {
    fn begin(&self) -> Begin {
        // [G1] The task counts, so that no wait opens the group meanwhile.
        if self.is_canceled() && !mutant("G1") {
            Begin::Canceled(self.inner.lock().discard)
        } else {
            Begin::Run
        }
    }

    fn end(&self, outcome: Outcome) -> bool {
        self.leave(1, outcome == Outcome::Failed);
        false
    }

    fn is_asked_to_stop(&self) -> bool {
        !self.is_foreign() && self.is_canceled()
    }
}
