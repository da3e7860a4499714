//! A suspended fiber, as those who wake it see it, and the carrier it is delivered to.
//!
//! See the README beside this file for the states.

#![allow(unsafe_code, reason = "a list that goes through what it lists")]

use std::ptr;

use crossbeam_utils::CachePadded;

use super::bell::Bell;
use crate::engine::idle::Sleeps;
use crate::stats::{Counter, WorkerCounts};
use crate::suspend::Sleeper;
use crate::sync::{self, AtomicPtr, AtomicU32, Ordering, mutant};

/// On its carrier, or on the way there without having to be told.
const RUNNING: u32 = 0;
/// Somebody has woken it.
const WOKEN: u32 = 1;
/// It will not run until it is woken.
const SUSPENDED: u32 = 2;

/// Where a fiber is in its life, for others. The first thing in it.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Node {
    sleeper: Sleeper,
    post: *const Post,
    /// The next in a list of fibers that were woken.
    next: AtomicPtr<Node>,
    state: AtomicU32,
}

impl Node {
    /// A running fiber's.
    ///
    /// # Safety
    /// `post` outlives everybody who could wake the fiber.
    pub(super) unsafe fn new(post: *const Post) -> Self {
        Self {
            // SAFETY: a node is found from the sleeper at its beginning, and any thread may wake it.
            sleeper: unsafe { Sleeper::new(Self::wake_from) },
            post,
            next: AtomicPtr::new(ptr::null_mut()),
            state: AtomicU32::new(RUNNING),
        }
    }

    pub(super) fn sleeper(&self) -> &Sleeper {
        &self.sleeper
    }

    /// # Safety
    /// `sleeper` is that of a node.
    unsafe fn wake_from(sleeper: &Sleeper) {
        // SAFETY: a node begins with it.
        let node = unsafe { &*ptr::from_ref(sleeper).cast::<Self>() };
        node.wake();
    }

    /// Has the fiber go on, or not suspend itself the next time.
    pub(super) fn wake(&self) {
        if self.become_ready() {
            // SAFETY: promised to `new`.
            unsafe { &*self.post }.deliver(self);
        }
    }

    /// The fiber has been woken. True if the caller has to have it run: only one of those who wake it
    /// at the same time is told so.
    pub(super) fn become_ready(&self) -> bool {
        if mutant("F3") {
            return self.state.load(Ordering::Acquire) == SUSPENDED;
        }
        // [F3] Of those who come here at the same time one sees the state as it was.
        // ORDERING: [F1]
        self.state.fetch_or(WOKEN, Ordering::AcqRel) == SUSPENDED
    }

    /// The fiber is about to leave its carrier. False if it has been woken meanwhile and goes on.
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
pub(super) struct Post {
    /// Unique among the carriers that live.
    pub(super) index: usize,
    /// Fibers of this carrier that were woken, the last first.
    woken: CachePadded<AtomicPtr<Node>>,
    /// Where the carrier sleeps.
    pub(super) parker: sync::Parker,
    /// What wakes it when it waits for descriptors as well.
    pub(super) bell: Bell,
    /// What it counts, away from what others write.
    pub(super) counts: CachePadded<WorkerCounts>,
    /// Tasks that it has taken from the queue.
    pub(super) taken: Counter,
    /// The carrier itself: while it runs a fiber nothing else that tools for leaks look at knows of it.
    known: AtomicPtr<()>,
}

// SAFETY: the nodes that it points to may be used by any thread.
unsafe impl Send for Post {}
// SAFETY: as above; what is not atomic is written by its carrier only.
unsafe impl Sync for Post {}

impl Post {
    pub(super) fn new(index: usize) -> Self {
        Self {
            index,
            woken: CachePadded::default(),
            parker: sync::Parker::default(),
            bell: Bell::default(),
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

    /// Takes a woken fiber in.
    fn deliver(&self, node: &Node) {
        let new = ptr::from_ref(node).cast_mut();
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
        // [F2] Who finds the list empty wakes the carrier; the others' wake is on its way.
        if first.is_null() && !mutant("F2") {
            self.wake();
        }
    }

    /// Whether a woken fiber waits here.
    #[inline]
    pub(super) fn has_woken(&self) -> bool {
        // ORDERING: Relaxed; a look. A carrier that is about to sleep has its parker's word for it.
        !self.woken.load(Ordering::Relaxed).is_null()
    }

    /// Gives those that were woken, the first first.
    pub(super) fn take_woken(&self, mut each: impl FnMut(*const Node)) {
        if !self.has_woken() {
            return;
        }
        // ORDERING: [F2]
        let mut node = self.woken.swap(ptr::null_mut(), Ordering::AcqRel);
        let mut turned: *mut Node = ptr::null_mut();
        while let Some(this) = {
            // SAFETY: who was woken stays until it has run, which only the caller can have it do.
            unsafe { node.as_ref() }
        } {
            // ORDERING: Relaxed; the swap has acquired it, and from there the list is the caller's.
            let next = this.next.load(Ordering::Relaxed);
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

impl Sleeps for Post {
    fn wake(&self) {
        if self.parker.unpark() {
            self.bell.ring();
        }
    }
}
