//! Hazard pointers: which handles the running calls read.
//!
//! A call publishes its handle before it reads it, and clears that as its last act. A destroy waits until no call
//! has published the handle, and then frees it. Each thread has a record of its own, so this costs a call two stores
//! to a cache line that no other thread writes.
//!
//! **H1 A handle is freed after its last reader.** *Why:* a call that began before the destroy has
//! published its handle where the destroy looks. What ordered the two calls (a task that ran and told somebody)
//! orders that store before the destroy's load; where nothing did, [`heavy`] orders them. The last act of a call is
//! a Release that the destroy acquires. *Test:* `h1_*`.

use crate::sync::{
    AtomicPtr, AtomicUsize, Ordering, compiler_fence, heavy, mutant, pause_while_freeing,
};

/// What the calls of one thread read: one handle at a time. The alignment keeps other records off its cache line,
/// and off the line that processors fetch together with it.
#[derive(Debug)]
#[repr(align(128))]
struct Record {
    /// The handle, or NULL.
    handle: AtomicPtr<()>,
    /// 1 while a thread has the record.
    taken: AtomicUsize,
}

/// The records of a process.
#[derive(Debug)]
pub(crate) struct Records<const COUNT: usize> {
    records: [Record; COUNT],
    /// No record at or above this has ever been taken.
    used: AtomicUsize,
    /// Calls of threads that have no record.
    others: AtomicUsize,
}

/// Protects a handle until it is dropped.
#[derive(Debug)]
pub(crate) struct Hazard<'a> {
    /// The thread's own, if it has one.
    record: Option<&'a Record>,
    others: &'a AtomicUsize,
}

impl<const COUNT: usize> Records<COUNT> {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        Self {
            records: [const {
                Record {
                    handle: AtomicPtr::new(std::ptr::null_mut()),
                    taken: AtomicUsize::new(0),
                }
            }; COUNT],
            used: AtomicUsize::new(0),
            others: AtomicUsize::new(0),
        }
    }

    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Self {
            records: std::array::from_fn(|_| Record {
                handle: AtomicPtr::new(std::ptr::null_mut()),
                taken: AtomicUsize::new(0),
            }),
            used: AtomicUsize::new(0),
            others: AtomicUsize::new(0),
        }
    }

    /// A record for the calling thread, by its index; None if all are taken.
    #[cold]
    pub(crate) fn take(&self) -> Option<usize> {
        let index = self.records.iter().position(|record| {
            // ORDERING: Acquire pairs with the Release of `give_back`: what the thread before wrote in the
            // counters that go with the record is seen.
            record
                .taken
                .compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed)
                .is_ok()
        })?;
        // ORDERING: Release: a destroy that looks as far as this finds the record. [H1]
        self.used.fetch_max(index + 1, Ordering::Release);
        Some(index)
    }

    /// Gives the record back when its thread ends.
    pub(crate) fn give_back(&self, index: usize) {
        // ORDERING: Release pairs with the Acquire of `take`.
        self.records[index].taken.store(0, Ordering::Release);
    }

    /// Clears the other records in a forked child, whose only thread has the record `mine`.
    #[cfg(not(loom))]
    pub(crate) fn forget_others(&self, mine: usize) {
        // ORDERING: Relaxed; the child has one thread.
        for (index, record) in self.records.iter().enumerate() {
            if index != mine {
                record.handle.store(std::ptr::null_mut(), Ordering::Relaxed);
                record.taken.store(0, Ordering::Relaxed);
            }
        }
        self.others.store(0, Ordering::Relaxed);
    }

    /// Publishes that a call of the thread with that record reads `handle`.
    #[inline]
    pub(crate) fn protect(&self, record: Option<usize>, handle: *const ()) -> Hazard<'_> {
        let record = record.and_then(|index| self.records.get(index));
        match record {
            Some(record) => {
                // ORDERING: Relaxed; see H1.
                record.handle.store(handle.cast_mut(), Ordering::Relaxed);
                compiler_fence(Ordering::SeqCst);
            }
            None => self.one_more_other(),
        }
        Hazard {
            record,
            others: &self.others,
        }
    }

    #[cold]
    fn one_more_other(&self) {
        // ORDERING: Relaxed; see H1.
        self.others.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until no call reads `handle`. None may begin meanwhile.
    #[cold]
    pub(crate) fn wait_until_unread(&self, handle: *const ()) {
        heavy();
        if mutant("H1") {
            return;
        }
        // ORDERING: Acquire pairs with the Release of `take`.
        let used = self.used.load(Ordering::Acquire);
        for record in &self.records[..used] {
            // ORDERING: Acquire pairs with the Release of `Hazard::drop`. [H1]
            while std::ptr::eq(record.handle.load(Ordering::Acquire), handle) {
                pause_while_freeing();
            }
        }
        // ORDERING: as above.
        while self.others.load(Ordering::Acquire) > 0 {
            pause_while_freeing();
        }
    }
}

impl Drop for Hazard<'_> {
    #[inline]
    fn drop(&mut self) {
        match self.record {
            Some(record) => {
                let release = if mutant("H1.release") {
                    Ordering::Relaxed
                } else {
                    Ordering::Release
                };
                // ORDERING: Release pairs with the Acquire of `wait_until_unread`: what the call has read it
                // has read before the handle is freed. [H1]
                record.handle.store(std::ptr::null_mut(), release);
            }
            None => {
                // ORDERING: as above.
                self.others.fetch_sub(1, Ordering::Release);
            }
        }
    }
}

#[cfg(not(loom))]
pub(crate) use process::forget_other_threads;
pub(crate) use process::{index, protect, wait_until_unread};

/// The records of the process. Models have their own.
#[cfg(loom)]
mod process {
    use super::Hazard;

    pub(crate) fn index() -> Option<usize> {
        None
    }

    pub(crate) fn protect(_: Option<usize>, _: *const ()) -> Hazard<'static> {
        unreachable!("models do not go through the C layer")
    }

    pub(crate) fn wait_until_unread(_: *const ()) {}
}

/// The process's own records.
#[cfg(not(loom))]
mod process {
    use std::cell::Cell;

    use super::{Hazard, Records};
    use crate::sync::thread_local;

    /// Threads beyond this many share a count.
    const RECORDS: usize = 512;
    static PROCESS: Records<RECORDS> = Records::new();

    /// This thread has no record yet, or none any more.
    const UNKNOWN: usize = usize::MAX;
    const NONE: usize = usize::MAX - 1;

    thread_local! {
        static MINE: Cell<usize> = const { Cell::new(UNKNOWN) };
        static ENDS: Ends = const { Ends };
    }

    /// Gives the record back when the thread ends.
    struct Ends;

    impl Drop for Ends {
        fn drop(&mut self) {
            let mine = MINE.replace(NONE);
            if mine < RECORDS {
                PROCESS.give_back(mine);
            }
        }
    }

    /// The index of the calling thread's record, if it has one: unique among the threads that live.
    #[inline]
    pub(crate) fn index() -> Option<usize> {
        match MINE.get() {
            UNKNOWN => find(),
            NONE => None,
            mine => Some(mine),
        }
    }

    #[cold]
    fn find() -> Option<usize> {
        // A thread whose end goes unnoticed could not give its record back.
        let noticed = ENDS.try_with(|_| ()).is_ok();
        let mine = if noticed { PROCESS.take() } else { None };
        MINE.set(mine.unwrap_or(NONE));
        mine
    }

    /// A call of this thread, which has that index, reads `handle` until the result is dropped. It must not
    /// suspend, sleep or call the host meanwhile.
    #[inline]
    pub(crate) fn protect(index: Option<usize>, handle: *const ()) -> Hazard<'static> {
        PROCESS.protect(index, handle)
    }

    /// See [`Records::forget_others`].
    pub(crate) fn forget_other_threads() {
        PROCESS.forget_others(MINE.get());
    }

    /// See [`Records::wait_until_unread`].
    pub(crate) fn wait_until_unread(handle: *const ()) {
        PROCESS.wait_until_unread(handle);
    }
}

/// See `sync/mutants.rs`.
#[cfg(all(test, any(loom, miri)))]
mod models {
    #![allow(unsafe_code, reason = "reads what another thread may have freed")]

    use std::sync::Arc;

    use super::*;
    use crate::sync::UnsafeCell;

    /// [H1] A task lets another thread destroy the pool while the submit of that task is about to return.
    #[test]
    fn h1_what_a_call_still_reads_is_not_freed() {
        crate::sync::explore(3, || {
            let records = Arc::new(Records::<1>::new());
            let pool = Arc::new(UnsafeCell::new(1_u32));
            let ran = Arc::new(AtomicUsize::new(0));
            let submitter = {
                let (records, pool, ran) = (records.clone(), pool.clone(), ran.clone());
                crate::sync::thread::spawn(move || {
                    let mine = records.take();
                    let hazard = records.protect(mine, std::ptr::dangling());
                    // ORDERING: Release, as a push has.
                    ran.store(1, Ordering::Release);
                    // SAFETY: what the model is about; loom sees whether it is so.
                    pool.with(|pool| assert_eq!(unsafe { *pool }, 1));
                    drop(hazard);
                })
            };
            // ORDERING: Acquire, as a pop has.
            if ran.load(Ordering::Acquire) == 1 {
                records.wait_until_unread(std::ptr::dangling());
                // SAFETY: as above.
                pool.with_mut(|pool| unsafe { *pool = 0 });
            }
            submitter.join().unwrap();
        });
    }
}
