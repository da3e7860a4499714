//! A suspended fiber as its wakers see it, and the inbox of its carrier, to which they deliver it.
//!
//! See the README beside this file for the states.

#![allow(unsafe_code, reason = "a list that goes through what it lists")]

use std::ptr;

use crossbeam_utils::CachePadded;

use crate::engine::idle::Sleeps;
use crate::event_fd::EventFd;
use crate::stats::{Counter, WorkerCounts};
use crate::suspend::Waker;
use crate::sync::{self, AtomicPtr, AtomicU32, Ordering, mutant};

/// On its carrier, or about to be, without a wake.
const RUNNING: u32 = 0;
/// Somebody has woken it.
const WOKEN: u32 = 1;
/// It will not run until it is woken.
const SUSPENDED: u32 = 2;

/// The state of a fiber, for its wakers. It lies at the fiber's beginning.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Node {
    waker: Waker,
    inbox: *const Inbox,
    /// The next in a list of fibers that were woken.
    next: AtomicPtr<Node>,
    state: AtomicU32,
}

impl Node {
    /// That of a running fiber.
    ///
    /// # Safety
    /// `inbox` outlives every waker of the fiber.
    pub(super) unsafe fn new(inbox: *const Inbox) -> Self {
        Self {
            // SAFETY: a node is found from the waker at its beginning, and any thread may wake it.
            waker: unsafe { Waker::new(Self::wake_from) },
            inbox,
            next: AtomicPtr::new(ptr::null_mut()),
            state: AtomicU32::new(RUNNING),
        }
    }

    /// Resumes the fiber. If it is not suspended, its next suspension ends at once.
    ///
    /// # Safety
    /// `waker` points to a fiber that does not end meanwhile.
    unsafe fn wake_from(waker: *const Waker) {
        let this: *const Self = waker.cast();
        // SAFETY: a fiber begins with its node, which begins with its waker.
        let node = unsafe { &*this };
        if node.become_ready() {
            // SAFETY: promised to `new`.
            let inbox = unsafe { &*node.inbox };
            // SAFETY: the fiber is suspended until it has been delivered, by whoever saw that first.
            unsafe { inbox.deliver(this) };
        }
    }

    /// Marks the fiber as woken. True if the caller has to deliver it: of several wakers at the same time only one
    /// gets true.
    pub(super) fn become_ready(&self) -> bool {
        if mutant("F3") {
            return self.state.load(Ordering::Acquire) == SUSPENDED;
        }
        // [F3] Of several wakers at the same time one sees SUSPENDED alone.
        // ORDERING: [F1]
        self.state.fetch_or(WOKEN, Ordering::AcqRel) == SUSPENDED
    }

    /// Announces that the fiber is about to leave its carrier. False if a wake has come already.
    pub(super) fn begin_suspension(&self) -> bool {
        if mutant("F1") {
            self.state.store(SUSPENDED, Ordering::Release);
            return true;
        }
        // ORDERING: [F1]
        let begun =
            self.state
                .compare_exchange(RUNNING, SUSPENDED, Ordering::AcqRel, Ordering::Acquire);
        if begun.is_err() {
            self.go_on();
        }
        begun.is_ok()
    }

    /// The fiber is on its carrier.
    pub(super) fn go_on(&self) {
        // ORDERING: [F1]
        self.state.swap(RUNNING, Ordering::AcqRel);
    }
}

/// What a carrier shares with others.
#[derive(Debug)]
pub(super) struct Inbox {
    /// Unique among the carriers that live.
    pub(super) index: usize,
    /// Fibers of this carrier that were woken, the last first.
    woken: CachePadded<AtomicPtr<Node>>,
    /// Where the carrier sleeps.
    pub(super) parker: sync::Parker,
    /// Wakes it while it also waits for descriptors.
    pub(super) event_fd: EventFd,
    /// Its counters, away from what others write.
    pub(super) counts: CachePadded<WorkerCounts>,
    /// Tasks that it has taken from the queue.
    pub(super) taken: Counter,
    /// The carrier itself, for leak checkers: while it runs a fiber nothing else that they scan points to it.
    known: AtomicPtr<()>,
}

// SAFETY: the nodes that it points to may be used by any thread.
unsafe impl Send for Inbox {}
// SAFETY: as above; what is not atomic is written by its carrier only.
unsafe impl Sync for Inbox {}

impl Inbox {
    pub(super) fn new(index: usize) -> Self {
        Self {
            index,
            woken: CachePadded::default(),
            parker: sync::Parker::default(),
            event_fd: EventFd::default(),
            counts: CachePadded::default(),
            taken: Counter::default(),
            known: AtomicPtr::default(),
        }
    }

    /// Keeps the address of the carrier.
    #[cfg(not(loom))]
    pub(super) fn keep_in_sight<T>(&self, carrier: &T) {
        // ORDERING: Relaxed; nobody reads it.
        self.known
            .store(ptr::from_ref(carrier).cast_mut().cast(), Ordering::Relaxed);
    }

    /// Adds a woken fiber.
    ///
    /// # Safety
    /// `fiber` points to one of this carrier, which is suspended, and which nobody else delivers.
    unsafe fn deliver(&self, fiber: *const Node) {
        let new = fiber.cast_mut();
        // SAFETY: the caller's promise; it is used before the exchange that shows it.
        let node = unsafe { &*fiber };
        // ORDERING: Relaxed; the exchange checks it.
        let mut first = self.woken.load(Ordering::Relaxed);
        loop {
            // ORDERING: Relaxed; the exchange publishes it.
            node.next.store(first, Ordering::Relaxed);
            // ORDERING: [F2]
            match self
                .woken
                .compare_exchange_weak(first, new, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => break,
                Err(now) => first = now,
            }
        }
        // [F2] The waker that finds the list empty wakes the carrier; for the others that wake is coming.
        if first.is_null() && !mutant("F2") {
            self.wake();
        }
    }

    /// Whether a woken fiber waits here.
    #[inline]
    pub(super) fn has_woken(&self) -> bool {
        // ORDERING: Relaxed; a hint. A carrier that is about to sleep relies on its parker.
        !self.woken.load(Ordering::Relaxed).is_null()
    }

    /// Takes all woken fibers, in the order in which they were woken.
    pub(super) fn take_woken(&self, mut each: impl FnMut(*const Node)) {
        if !self.has_woken() {
            return;
        }
        // ORDERING: [F2]
        let mut node = self.woken.swap(ptr::null_mut(), Ordering::AcqRel);
        let mut turned: *mut Node = ptr::null_mut();
        while let Some(this) = {
            // SAFETY: a woken fiber stays until it has run, and only the caller runs it.
            unsafe { node.as_ref() }
        } {
            // ORDERING: Relaxed; the swap has acquired it, and from there the list is the caller's.
            let next = if mutant("F2.list") {
                ptr::null_mut()
            } else {
                this.next.load(Ordering::Relaxed)
            };
            this.next.store(turned, Ordering::Relaxed);
            turned = node;
            node = next;
        }
        while let Some(this) = {
            // SAFETY: as above.
            unsafe { turned.as_ref() }
        } {
            // ORDERING: as above. Read before the fiber can be woken again.
            let next = this.next.load(Ordering::Relaxed);
            each(turned);
            turned = next;
        }
    }
}

impl Sleeps for Inbox {
    fn wake(&self) {
        if self.parker.unpark() {
            self.event_fd.signal();
        }
    }
}
