//! What the calling code is part of: a pool's worker, on a thread or a fiber, or neither.

#![allow(unsafe_code, reason = "a thread finds its own frame by a pointer")]

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;

use crate::fork;
#[cfg(not(loom))]
use crate::suspend::Overrun;
use crate::suspend::Suspend;
use crate::sync::thread_local;
use crate::task::Task;
use crate::tasks::{Outcome, Tracker};

/// A worker's own state. The worker keeps it in place for as long as it lives.
pub(crate) struct Current {
    /// The pool, by its address.
    pool: *const (),
    /// The pool's handle.
    owner: *const c_void,
    /// The first message with which the running task was marked as failed.
    failure: Cell<Option<String>>,
    /// What tracks the running task, if anything does.
    tracker: Cell<Option<*const dyn Tracker>>,
    /// Whether the worker counts: it has not retired.
    counts: Cell<bool>,
    /// The index by which the host knows it, while it may call the host's code.
    index: Cell<Option<usize>>,
    /// Whether it is a carrier: a call that blocks its thread blocks fibers.
    #[cfg(not(loom))]
    carrier: bool,
    /// The running fiber, and the process in which it began.
    fiber: Cell<Option<(*const dyn Suspend, u32)>>,
}

/// See [`Current::take_mark`].
#[cfg(not(loom))]
#[derive(Debug)]
pub(crate) struct Mark(Option<String>, Option<*const dyn Tracker>);

#[cfg(not(loom))]
thread_local! {
    static CURRENT: Cell<*const Current> = const { Cell::new(ptr::null()) };
}
#[cfg(loom)]
thread_local! {
    static CURRENT: Cell<*const Current> = Cell::new(ptr::null());
}

impl Current {
    /// A worker of `pool`.
    pub(crate) fn new(pool: *const (), owner: *const c_void) -> Self {
        Self {
            pool,
            owner,
            failure: Cell::new(None),
            tracker: Cell::new(None),
            counts: Cell::new(true),
            index: Cell::new(None),
            #[cfg(not(loom))]
            carrier: false,
            fiber: Cell::new(None),
        }
    }

    /// A carrier of `pool`.
    #[cfg(not(loom))]
    pub(crate) fn of_carrier(pool: *const (), owner: *const c_void) -> Self {
        Self {
            carrier: true,
            ..Self::new(pool, owner)
        }
    }

    /// Sets the fiber that the worker runs from here on.
    ///
    /// # Safety
    /// The fiber is valid until this is called again.
    #[cfg(not(loom))]
    #[inline]
    pub(crate) unsafe fn set_fiber(&self, fiber: Option<*const dyn Suspend>) {
        self.fiber
            .set(fiber.map(|fiber| (fiber, fork::generation())));
    }

    /// Takes the mark of the running fiber, to keep it while another one runs.
    #[cfg(not(loom))]
    #[inline]
    pub(crate) fn take_mark(&self) -> Mark {
        Mark(self.failure.take(), self.tracker.take())
    }

    /// Puts it back.
    #[cfg(not(loom))]
    #[inline]
    pub(crate) fn put_mark(&self, mark: Mark) {
        self.failure.set(mark.0);
        self.tracker.set(mark.1);
    }

    /// Calls `body` with this thread known as the worker.
    pub(crate) fn enter<R>(&self, body: impl FnOnce() -> R) -> R {
        /// Puts back what was there, also when the body is unwound.
        struct Before(*const Current);
        impl Drop for Before {
            fn drop(&mut self) {
                CURRENT.with(|current| current.set(self.0));
            }
        }
        let _before = Before(CURRENT.with(|current| current.replace(self)));
        body()
    }

    /// Sets the worker that the thread runs from here on.
    ///
    /// # Safety
    /// `this` is NULL, or valid until this is called again on the same thread.
    #[cfg(not(loom))]
    #[inline]
    pub(crate) unsafe fn switch_to(this: *const Self) {
        CURRENT.with(|current| current.set(this));
    }

    /// Marks the worker as retired: it still runs hooks, but gives back no places any more.
    pub(crate) fn retire(&self) {
        self.counts.set(false);
    }

    /// Whether it has.
    pub(crate) fn has_retired(&self) -> bool {
        !self.counts.get()
    }

    /// Whether the running task was marked as failed.
    #[inline]
    pub(crate) fn is_marked(&self) -> bool {
        // SAFETY: only the calling thread has it, and nothing changes it meanwhile.
        unsafe { &*self.failure.as_ptr() }.is_some()
    }

    /// The host knows the worker by this index from here on, or by none.
    pub(crate) fn set_index(&self, index: Option<usize>) {
        self.index.set(index);
    }

    /// The index of the calling worker.
    pub(crate) fn index() -> Option<usize> {
        Self::with(|current| current.index.get()).flatten()
    }

    /// The running task has this tracker, or none.
    pub(crate) fn set_tracker(&self, tracker: Option<*const dyn Tracker>) {
        self.tracker.set(tracker);
    }

    /// Whether the running task has one.
    #[inline]
    #[cfg(not(loom))]
    pub(crate) fn has_tracker(&self) -> bool {
        self.tracker.get().is_some()
    }

    /// Tells the running task's tracker that the task has ended. True if the task's place is for another one.
    /// Otherwise this has nothing to do with the tracker any more.
    pub(crate) fn end_tracked(&self, outcome: Outcome) -> bool {
        self.tracker.take().is_some_and(|tracker| {
            // SAFETY: it stays until it is told of the end, which happens here and once.
            unsafe { &*tracker }.end(outcome)
        })
    }

    /// The same for a task that has failed by ending its worker: the task that its place is for, if it is for one.
    #[cold]
    pub(crate) fn end_lost(&self) -> Option<Task> {
        unsafe extern "C-unwind" fn unknown_yet(_: *mut c_void) {}
        let tracker = self.tracker.get()?;
        let goes_on = self.end_tracked(Outcome::Failed);
        // SAFETY: then the tracker stays.
        goes_on.then(|| unsafe { Task::for_place(unknown_yet, tracker) })
    }

    /// The tracker of the calling task, for as long as the call is inside it.
    pub(crate) fn tracker<'a>() -> Option<&'a dyn Tracker> {
        let tracker = Self::with(|current| current.tracker.get())??;
        // SAFETY: it stays until the task has ended.
        Some(unsafe { &*tracker })
    }

    /// Whether the caller is inside a task that `tracker` tracks.
    pub(crate) fn is_tracked_by<T: Tracker>(tracker: &T) -> bool {
        Self::tracker().is_some_and(|current| ptr::addr_eq(current, tracker))
    }

    /// Whether the calling task was marked as failed.
    #[inline]
    pub(crate) fn is_failing() -> bool {
        Self::with(Self::is_marked).unwrap_or(false)
    }

    /// Takes the failure of the task that has just ended.
    pub(crate) fn take_failure(&self) -> Option<String> {
        self.failure.take()
    }

    /// Replaces the failure of the calling task, and returns the former one.
    pub(crate) fn swap_failure(failure: Option<String>) -> Option<String> {
        Self::with(|current| current.failure.replace(failure)).flatten()
    }

    fn with<R>(look: impl FnOnce(&Current) -> R) -> Option<R> {
        // A thread that is being torn down has no task.
        let current = CURRENT.try_with(Cell::get).unwrap_or(ptr::null());
        // SAFETY: set by `enter` of this very thread, whose frame is still below, or by `switch_to`.
        unsafe { current.as_ref() }.map(look)
    }

    /// Marks the running task as failed; the first message stands. Nothing outside a task.
    pub(crate) fn fail(message: impl FnOnce() -> String) {
        Self::with(|current| {
            let first = current.failure.take();
            current.failure.set(first.or_else(|| Some(message())));
        });
    }

    /// The handle of the calling task's pool; NULL outside any task.
    pub(crate) fn owner() -> *const c_void {
        Self::with(|current| current.owner).unwrap_or(ptr::null())
    }

    /// Whether the caller is inside a task.
    pub(crate) fn is_inside() -> bool {
        Self::with(|_| ()).is_some()
    }

    /// Whether the caller is inside a task of that pool.
    pub(crate) fn is_in(pool: *const ()) -> bool {
        Self::with(|current| current.pool == pool).unwrap_or(false)
    }

    /// Whether the caller is a worker of that pool that counts.
    pub(crate) fn counts_in(pool: *const ()) -> bool {
        Self::with(|current| current.pool == pool && current.counts.get()).unwrap_or(false)
    }

    /// Whether the caller would block a carrier of that pool if it waited: it runs there in a hook or the logger, or
    /// in a fiber that a panic unwinds.
    #[cfg(not(loom))]
    pub(crate) fn would_block_carrier_of(pool: *const ()) -> bool {
        Self::with(|current| current.pool == pool && current.carrier && current.counts.get())
            .unwrap_or(false)
            && Self::suspender().is_none()
    }

    /// Models have no carriers.
    #[cfg(loom)]
    pub(crate) fn would_block_carrier_of(_: *const ()) -> bool {
        false
    }

    /// The stack of this worker's fiber, if `address` is in the guard of that stack. For a signal handler on the
    /// worker's own thread.
    #[cfg(not(loom))]
    pub(crate) fn overrun<'a>(&self, address: usize) -> Option<Overrun<'a>> {
        let (fiber, _) = self.fiber.get()?;
        // SAFETY: promised to `set_fiber`.
        unsafe { &*fiber }.overrun(address)
    }

    /// Who calls: a fiber, or a thread. The number is not 0, is a multiple of 8, and nobody else's who lives at the same
    /// time. In a forked child what was a fiber is a thread.
    #[inline]
    pub(crate) fn caller() -> usize {
        if let Some((fiber, born)) = Self::with(|current| current.fiber.get()).flatten() {
            if born == fork::generation() {
                return fiber.addr();
            }
        }
        CURRENT.with(|current| ptr::from_ref(current).addr())
    }

    /// What suspends the caller instead of blocking its thread. `None` outside a fiber, in a forked child of the
    /// fiber's process, and while a panic unwinds (panics are counted by thread).
    #[inline]
    pub(crate) fn suspender<'a>() -> Option<&'a dyn Suspend> {
        let (fiber, born) = Self::with(|current| current.fiber.get()).flatten()?;
        if born != fork::generation() || std::thread::panicking() {
            return None;
        }
        // SAFETY: promised to `set_fiber`; the caller runs on it.
        Some(unsafe { &*fiber })
    }
}

impl std::fmt::Debug for Current {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Current")
            .field("pool", &self.pool)
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}
