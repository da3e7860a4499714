//! Tasks of which a number may run at the same time (README, "A lane").

#![allow(unsafe_code, reason = "a lane is freed by whoever destroys it")]

use std::collections::VecDeque;
use std::ffi::c_void;

use super::waiters::{self, Waiters};
use super::{Begin, Outcome, Tracker};
use crate::clock::Deadline;
use crate::current::Current;
use crate::errno::Errno;
use crate::error::Error;
use crate::fork;
use crate::memory::try_box;
use crate::sync::{
    AtomicU32, Mutex, MutexGuard, Ordering, SpinWait, UnsafeCell, can_spin, mutant, spin,
};
use crate::task::{Task, TaskFn};

/// The pool of a lane: where its places are accepted and queued.
pub(crate) trait Places {
    /// How a caller waits for room.
    type Wait;

    /// Whether nothing is accepted.
    fn is_closed(&self) -> bool;

    /// Accepts a place, if that takes no waiting.
    fn try_accept(&self) -> bool;

    /// Accepts a place, by waiting if it must.
    fn accept(&self, wait: Self::Wait) -> Result<(), Error>;

    /// Gives an accepted place back that was not pushed.
    fn give_back(&self);

    /// Puts an accepted place into the queue. The caller has [`Places::pushed`] called without a lock.
    fn push(&self, place: Task) -> Result<(), Error>;

    /// A place was pushed.
    fn pushed(&self);

    /// How often it was closed so that tasks which have not begun never run.
    fn discards(&self) -> u32;

    /// What the arguments of those are given to, as the last of these calls said.
    fn last_discard(&self) -> Option<TaskFn>;

    /// A task is about to wait in the lane.
    fn count_submitted(&self);

    /// It does not after all.
    fn count_one_back(&self);
}

/// A task that has not begun.
#[derive(Clone, Copy, Debug)]
struct Call {
    function: TaskFn,
    arg: *mut c_void,
    /// How often the pool had discarded its tasks before.
    discards: u32,
}

/// Tasks that wait, in the order of their pushes. No push copies more than a part of them, however many there are.
#[derive(Debug, Default)]
struct Waiting {
    /// The oldest ones; it grows up to [`Waiting::PART`].
    first: VecDeque<Call>,
    /// The others. Most lanes have none, and are smaller by that.
    rest: Option<Box<Parts>>,
}

/// Parts of [`Waiting::PART`] tasks.
#[derive(Debug, Default)]
struct Parts(VecDeque<VecDeque<Call>>);

impl Parts {
    /// All but the last are full.
    fn len(&self) -> usize {
        let last = self.0.back().map_or(0, VecDeque::len);
        self.0.len().saturating_sub(1) * Waiting::PART + last
    }
}

impl Waiting {
    const PART: usize = if cfg!(test) { 16 } else { 4096 };
    /// A buffer for more tasks than this is given back when none waits.
    const KEPT: usize = 4;

    fn push_back(&mut self, call: Call) -> Result<(), Error> {
        let part = match &mut self.rest {
            None if self.first.len() < Self::PART => {
                self.first.try_reserve(1)?;
                &mut self.first
            }
            rest => Self::last_part(rest)?,
        };
        part.push_back(call);
        Ok(())
    }

    /// The last part of the rest, with room for one more.
    #[cold]
    fn last_part(rest: &mut Option<Box<Parts>>) -> Result<&mut VecDeque<Call>, Error> {
        let Parts(parts) = match rest {
            Some(parts) => &mut **parts,
            None => rest.insert(try_box(Parts::default())?),
        };
        if parts.back().is_none_or(|part| part.len() == Self::PART) {
            let mut part = VecDeque::new();
            part.try_reserve_exact(Self::PART)?;
            parts.try_reserve(1)?;
            parts.push_back(part);
        }
        parts.back_mut().ok_or(Error::NoMemory)
    }

    fn len(&self) -> usize {
        self.first.len() + self.rest.as_ref().map_or(0, |parts| parts.len())
    }

    fn pop_front(&mut self) -> Option<Call> {
        let call = self.first.pop_front()?;
        if self.first.is_empty() {
            self.next_part();
        }
        Some(call)
    }

    fn next_part(&mut self) {
        if let Some(Parts(parts)) = self.rest.as_deref_mut() {
            self.first = parts.pop_front().unwrap_or_default();
            if parts.is_empty() {
                self.rest = None;
            }
        } else if self.first.capacity() > Self::KEPT {
            self.first = VecDeque::new();
        }
    }

    /// Takes back the last one. The parts stay as they are.
    fn pop_back(&mut self) -> Option<Call> {
        let last = self.rest.as_mut().and_then(|parts| parts.0.back_mut());
        let call = last.unwrap_or(&mut self.first).pop_back()?;
        if let Some(Parts(parts)) = self.rest.as_deref_mut() {
            if parts.back().is_some_and(VecDeque::is_empty) {
                parts.pop_back();
            }
            if parts.is_empty() {
                self.rest = None;
            }
        }
        Some(call)
    }
}

/// What is under the lane's lock.
#[derive(Debug)]
struct Inner {
    waiting: Waiting,
    running: u32,
    places: u32,
    failed: bool,
    canceled: bool,
    /// What the arguments of canceled tasks are given to.
    discard: Option<TaskFn>,
    waiters: Waiters,
}

// SAFETY: whoever submitted a task promised that its function may be called with its argument on another thread.
unsafe impl Send for Inner {}

impl Inner {
    /// The first task that waits is running from here on.
    fn begin(&mut self) -> Call {
        let first = if mutant("L6.order") {
            self.waiting.pop_back()
        } else {
            self.waiting.pop_front()
        };
        self.running += 1;
        first.expect("a place has a task")
    }

    /// A wait finds the lane empty, which opens it: what that says.
    fn open(&mut self) -> Result<(), Error> {
        self.canceled = false;
        self.discard = None;
        match std::mem::take(&mut self.failed) {
            false => Ok(()),
            true => Err(Error::TaskFailed),
        }
    }
}

/// A lane of the pool behind `P`.
#[derive(Debug)]
pub(crate) struct Lane<P> {
    inner: Mutex<Inner>,
    pool: P,
    limit: u32,
    /// Whether it has places, for a wait that spins: 1 or 0, written under the lock.
    is_busy: AtomicU32,
    spin: SpinWait,
    /// The process it was made in.
    born: u32,
    /// Read by whoever uses the lane, changed by its end: models see whether the two can meet (L9).
    alive: UnsafeCell<()>,
}

// SAFETY: the cell has no content.
unsafe impl<P: Sync> Sync for Lane<P> {}

// With the buffer that it keeps, and what an allocator needs for both, it is below 256 bytes.
#[cfg(not(loom))]
const _: () = assert!(size_of::<Lane<usize>>() + Waiting::KEPT * size_of::<Call>() <= 208);

impl<P: Places + 'static> Lane<P> {
    /// An empty one; [`Lane::destroy`] takes it back.
    pub(crate) fn make(pool: P, limit: usize) -> Result<*mut Self, Error> {
        fork::watch();
        let lane = try_box(Self {
            inner: Mutex::new(Inner {
                waiting: Waiting::default(),
                running: 0,
                places: 0,
                failed: false,
                canceled: false,
                discard: None,
                waiters: Waiters::new(),
            }),
            pool,
            // No pool accepts as many.
            limit: u32::try_from(limit).unwrap_or(u32::MAX),
            is_busy: AtomicU32::new(0),
            spin: SpinWait::default(),
            born: fork::generation(),
            alive: UnsafeCell::new(()),
        })?;
        Ok(Box::into_raw(lane))
    }

    /// Whether it belongs to the parent of this process, whose threads may have held its lock.
    pub(crate) fn is_foreign(&self) -> bool {
        self.born != fork::generation()
    }

    /// Its pool.
    pub(crate) fn pool(&self) -> &P {
        &self.pool
    }

    /// Submits a task, which may be called with its argument on any thread.
    pub(crate) fn submit(
        &self,
        function: TaskFn,
        arg: *mut c_void,
        wait: P::Wait,
    ) -> Result<(), Error> {
        let _errno = Errno::kept();
        let call = Call {
            function,
            arg,
            discards: self.pool.discards(),
        };
        let mut inner = self.inner.lock();
        if inner.canceled {
            return Err(Error::Canceled);
        }
        if self.pool.is_closed() {
            return Err(Error::Closed);
        }
        if inner.places == self.limit {
            if mutant("L7.look") {
                drop(inner);
                inner = self.inner.lock();
            }
            return self.append(&mut inner, call);
        }
        if self.pool.try_accept() {
            return self.append_with_place(inner, call);
        }
        drop(inner);
        let accepted = self.pool.accept(wait);
        let mut inner = self.inner.lock();
        let result = if inner.canceled {
            Err(Error::Canceled)
        } else if inner.places == self.limit && !mutant("L6") {
            // [L6] Others were faster; theirs are enough, also if there was no room for one more.
            if accepted.is_err() && self.pool.is_closed() {
                Err(Error::Closed)
            } else {
                self.append(&mut inner, call)
            }
        } else if accepted.is_ok() {
            return self.append_with_place(inner, call);
        } else {
            accepted
        };
        drop(inner);
        if accepted.is_ok() {
            self.pool.give_back();
        }
        result
    }

    /// The task waits from here on.
    fn append(&self, inner: &mut Inner, call: Call) -> Result<(), Error> {
        inner.waiting.push_back(call)?;
        // It cannot be completed before the lock is free.
        self.pool.count_submitted();
        Ok(())
    }

    /// The same with a place for it, which the pool has accepted.
    fn append_with_place(&self, mut inner: MutexGuard<'_, Inner>, call: Call) -> Result<(), Error> {
        let mut result = self.append(&mut inner, call);
        if result.is_ok() {
            // SAFETY: the lane stays while it has places.
            let place = unsafe { Task::for_place(call.function, self) };
            inner.places += 1;
            self.note(&inner);
            result = self.pool.push(place);
            if result.is_err() {
                inner.places -= 1;
                self.note(&inner);
                inner.waiting.pop_back();
                self.pool.count_one_back();
            }
        }
        drop(inner);
        match result {
            Ok(()) => self.pool.pushed(),
            Err(_) => self.pool.give_back(),
        }
        result
    }

    /// The number of places has changed.
    fn note(&self, inner: &Inner) {
        let is_busy = u32::from(inner.places > 0);
        // ORDERING: Relaxed, here and in `wait`, which looks again under the lock.
        self.is_busy.store(is_busy, Ordering::Relaxed);
    }

    /// How many have begun and have not ended.
    pub(crate) fn running(&self) -> usize {
        self.inner.lock().running as usize
    }

    /// How many have not begun.
    pub(crate) fn queued(&self) -> usize {
        self.inner.lock().waiting.len()
    }

    /// No task of the lane begins from here on, and none is accepted, until a wait has found the lane empty.
    pub(crate) fn cancel(&self, discard: Option<TaskFn>) {
        let _errno = Errno::kept();
        let mut inner = self.inner.lock();
        if !inner.canceled {
            inner.canceled = true;
            inner.discard = discard;
        }
    }

    /// Waits for an instant at which nothing is unfinished.
    pub(crate) fn wait(&self, deadline: Deadline) -> Result<(), Error> {
        let _errno = Errno::kept();
        if Current::is_tracked_by(self) {
            return Err(Error::Deadlock);
        }
        if can_spin() && Current::suspender().is_none() {
            let is_empty = || (self.is_busy.load(Ordering::Relaxed) == 0).then_some(());
            self.spin.spin(spin::DONE, is_empty);
        }
        let mut inner = self.inner.lock();
        if inner.places == 0 {
            return inner.open();
        }
        waiters::wait(&self.inner, inner, |inner| &mut inner.waiters, deadline)
    }

    /// Frees it, unless something is unfinished.
    ///
    /// # Safety
    /// [`Lane::make`] made it, no other call uses it, and unless this fails it is the last one that does.
    pub(crate) unsafe fn destroy(this: *mut Self) -> Result<(), Error> {
        let _errno = Errno::kept();
        {
            // SAFETY: the caller's promise.
            let lane = unsafe { &*this };
            // [L9] The thread that ended the last wait may still have the lock.
            let inner = lane.inner.lock();
            if inner.places > 0 {
                return Err(Error::Busy);
            }
            lane.alive.with_mut(|_| ());
        }
        // SAFETY: made in such a box, and nobody has it any more: whoever has given the lock back leaves the word of
        // that alone from there on.
        drop(unsafe { Box::from_raw(this) });
        Ok(())
    }
}

impl<P: Places + 'static> Tracker for Lane<P> {
    fn begin(&self) -> Begin {
        let mut inner = self.inner.lock();
        let call = inner.begin();
        // [L8] Under the lock of the cancel. A pool that is open again may have discarded it.
        let canceled = if inner.canceled && !mutant("L8") {
            Some(inner.discard)
        } else if call.discards != self.pool.discards() {
            Some(self.pool.last_discard())
        } else {
            None
        };
        Begin::Call {
            function: call.function,
            arg: call.arg,
            canceled,
        }
    }

    fn end(&self, outcome: Outcome) -> bool {
        let mut inner = self.inner.lock();
        self.alive.with(|_| ());
        inner.running -= 1;
        inner.failed |= outcome == Outcome::Failed;
        // [L7] Those in the queue are `places - running - 1`; each is for one that waits.
        let in_queue = inner.places - inner.running - 1;
        if inner.waiting.len() > in_queue as usize && !mutant("L7") {
            return true;
        }
        inner.places -= 1;
        self.note(&inner);
        if inner.places == 0 && !inner.waiters.is_empty() {
            let result = inner.open();
            if !mutant("L9.wake") {
                inner.waiters.end_all(result);
            }
        }
        if mutant("L9") {
            drop(inner);
        }
        self.alive.with(|_| ());
        false
    }

    fn is_asked_to_stop(&self) -> bool {
        !self.is_foreign() && self.inner.lock().canceled
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    unsafe extern "C-unwind" fn nothing(_: *mut c_void) {}

    fn call(number: usize) -> Call {
        Call {
            function: nothing,
            arg: std::ptr::without_provenance_mut(number),
            discards: 0,
        }
    }

    #[test]
    fn tasks_leave_in_the_order_in_which_they_came_over_many_parts() {
        let mut waiting = Waiting::default();
        let (mut pushed, mut popped) = (0, 0);
        // More and more wait, then fewer and fewer.
        for round in 0..200 {
            let (more, fewer) = if round < 100 { (7, 3) } else { (3, 7) };
            for _ in 0..more {
                waiting.push_back(call(pushed)).expect("there is memory");
                pushed += 1;
            }
            waiting
                .push_back(call(usize::MAX))
                .expect("there is memory");
            assert_eq!(
                waiting.pop_back().map(|call| call.arg.addr()),
                Some(usize::MAX)
            );
            for _ in 0..fewer {
                if let Some(call) = waiting.pop_front() {
                    assert_eq!(call.arg.addr(), popped);
                    popped += 1;
                }
            }
            assert_eq!(waiting.len(), pushed - popped);
        }
        while let Some(call) = waiting.pop_front() {
            assert_eq!(call.arg.addr(), popped);
            popped += 1;
        }
        assert_eq!((popped, waiting.len()), (pushed, 0));
        assert!(waiting.rest.is_none() && waiting.first.capacity() <= Waiting::KEPT);
        assert!(waiting.pop_back().is_none());
    }
}
