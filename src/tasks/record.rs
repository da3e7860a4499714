//! One task that somebody asks about (README, "One task").

#![allow(
    unsafe_code,
    reason = "a record is shared by a handle and a task in the queue, both plain pointers"
)]

use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::NonNull;

use super::waiters::{self, Waiters};
use super::{Begin, Outcome, Tracker};
use crate::clock::Deadline;
use crate::current::Current;
use crate::errno::Errno;
use crate::error::Error;
use crate::fork;
use crate::memory::try_box;
use crate::sync::{AtomicUsize, Mutex, Ordering, mutant};

/// Where a task is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Queued,
    Running,
    Done,
    Failed,
    Canceled,
}

impl State {
    /// What a wait says; `None` while the task has not ended.
    fn result(self) -> Option<Result<(), Error>> {
        match self {
            Self::Queued | Self::Running => None,
            Self::Done => Some(Ok(())),
            Self::Failed => Some(Err(Error::TaskFailed)),
            Self::Canceled => Some(Err(Error::Canceled)),
        }
    }
}

/// What is under the record's lock.
#[derive(Debug)]
struct Inner {
    state: State,
    /// Somebody has asked the running task to stop.
    asked_to_stop: bool,
    waiters: Waiters,
}

impl Inner {
    /// The task has ended.
    fn end(&mut self, state: State) {
        self.state = state;
        if let Some(result) = state.result() {
            self.waiters.end_all(result);
        }
    }
}

/// What a handle and its task share.
#[derive(Debug)]
pub(crate) struct Record {
    inner: Mutex<Inner>,
    /// The handle and the task, as far as they are still there.
    owners: AtomicUsize,
    /// The process it was made in.
    born: u32,
}

impl Record {
    /// Whether it belongs to the parent of this process, whose threads may have held its lock.
    pub(crate) fn is_foreign(&self) -> bool {
        self.born != fork::generation()
    }

    /// The task never runs; or it has been started, and is asked to stop.
    pub(crate) fn cancel(&self) -> Result<(), Error> {
        let _errno = Errno::kept();
        let mut inner = self.inner.lock();
        match inner.state {
            State::Queued => inner.end(State::Canceled),
            // [K1] The first one has the argument already.
            State::Canceled => return Err(Error::Canceled),
            State::Running | State::Done | State::Failed => {
                inner.asked_to_stop = true;
                return Err(Error::AlreadyStarted);
            }
        }
        Ok(())
    }

    /// Whether the task has ended, or never runs.
    pub(crate) fn is_done(&self) -> bool {
        self.inner.lock().state.result().is_some()
    }

    /// Waits until the task has ended.
    pub(crate) fn wait(&self, deadline: Deadline) -> Result<(), Error> {
        let _errno = Errno::kept();
        let inner = self.inner.lock();
        if let Some(result) = inner.state.result() {
            return result;
        }
        if Current::is_tracked_by(self) {
            return Err(Error::Deadlock);
        }
        waiters::wait(&self.inner, inner, |inner| &mut inner.waiters, deadline)
    }
}

impl Tracker for Record {
    fn begin(&self) -> Begin {
        let mut inner = self.inner.lock();
        // [K1] The state is left under the lock that saw it.
        if inner.state == State::Canceled && !mutant("K1") {
            return Begin::Canceled(None);
        }
        inner.state = State::Running;
        Begin::Run
    }

    fn end(&self, outcome: Outcome) -> bool {
        // SAFETY: the task's part in it, which this ends.
        let _of_task = unsafe { Owner::from_raw(self) };
        match outcome {
            Outcome::Done => self.inner.lock().end(State::Done),
            Outcome::Failed => self.inner.lock().end(State::Failed),
            // By a cancel, which has told it before, or with its pool.
            Outcome::Canceled => self.inner.lock().end(State::Canceled),
        }
        false
    }

    fn is_asked_to_stop(&self) -> bool {
        !self.is_foreign() && self.inner.lock().asked_to_stop
    }
}

/// One of the two owners of a record.
pub(crate) struct Owner(NonNull<Record>);

// SAFETY: a record is read by any thread; what it counts and locks is made for that.
unsafe impl Send for Owner {}

impl Owner {
    /// A new record, for a handle and for its task.
    pub(crate) fn pair() -> Result<(Self, Self), Error> {
        let record = try_box(Record {
            inner: Mutex::new(Inner {
                state: State::Queued,
                asked_to_stop: false,
                waiters: Waiters::new(),
            }),
            owners: AtomicUsize::new(2),
            born: fork::generation(),
        })?;
        let record = NonNull::from(Box::leak(record));
        Ok((Self(record), Self(record)))
    }

    /// As a pointer, which stands for this owner from here on.
    pub(crate) fn into_raw(self) -> *const Record {
        ManuallyDrop::new(self).0.as_ptr()
    }

    /// # Safety
    /// `record` came from [`Owner::into_raw`], and is taken back once.
    pub(crate) unsafe fn from_raw(record: *const Record) -> Self {
        // SAFETY: it was not NULL when it was given.
        Self(unsafe { NonNull::new_unchecked(record.cast_mut()) })
    }
}

impl Deref for Owner {
    type Target = Record;

    fn deref(&self) -> &Record {
        // SAFETY: an owner keeps its record.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // ORDERING: AcqRel: the later of the two frees what the earlier has finished with.
        if self.owners.fetch_sub(1, Ordering::AcqRel) == 1 {
            // SAFETY: it was made in such a box, and nobody has it any more.
            drop(unsafe { Box::from_raw(self.0.as_ptr()) });
        }
    }
}

impl fmt::Debug for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(formatter)
    }
}

/// See `sync/mutants.rs`.
#[cfg(all(test, any(loom, miri)))]
mod models {
    use super::*;
    use crate::sync::explore;

    impl Owner {
        /// The task's part, as a worker has it.
        fn into_tracker(self) -> &'static dyn Tracker {
            // SAFETY: it stays until it is told of the end.
            unsafe { &*self.into_raw() }
        }
    }

    /// [K1] A worker and a cancel: one of them has the task.
    #[test]
    fn k1_a_canceled_task_does_not_begin() {
        explore(3, || {
            let (handle, of_task) = Owner::pair().expect("there is memory");
            let worker = crate::sync::thread::spawn(move || {
                let of_task = of_task.into_tracker();
                let begins = matches!(of_task.begin(), Begin::Run);
                of_task.end(if begins {
                    Outcome::Done
                } else {
                    Outcome::Canceled
                });
                begins
            });
            let canceled = handle.cancel().is_ok();
            assert_ne!(worker.join().unwrap(), canceled);
            let result = if canceled {
                Err(Error::Canceled)
            } else {
                Ok(())
            };
            assert_eq!(handle.wait(Deadline::NEVER), result);
        });
    }

    /// [K1] Two cancels: one of them gets the argument.
    #[test]
    fn k1_one_cancel_gets_the_argument() {
        explore(3, || {
            let (handle, of_task) = Owner::pair().expect("there is memory");
            let handle = std::sync::Arc::new(handle);
            let other = std::sync::Arc::clone(&handle);
            let other = crate::sync::thread::spawn(move || other.cancel());
            let mine = handle.cancel();
            let theirs = other.join().unwrap();
            assert_eq!(usize::from(mine.is_ok()) + usize::from(theirs.is_ok()), 1);
            let of_task = of_task.into_tracker();
            assert!(matches!(of_task.begin(), Begin::Canceled(None)));
            of_task.end(Outcome::Canceled);
        });
    }

    /// [K2] A wait ends with the task, whenever it began.
    #[test]
    fn k2_a_wait_ends_with_the_task() {
        explore(3, || {
            let (handle, of_task) = Owner::pair().expect("there is memory");
            let worker = crate::sync::thread::spawn(move || {
                let of_task = of_task.into_tracker();
                assert!(matches!(of_task.begin(), Begin::Run));
                of_task.end(Outcome::Failed);
            });
            assert_eq!(handle.wait(Deadline::NEVER), Err(Error::TaskFailed));
            worker.join().unwrap();
        });
    }
}
