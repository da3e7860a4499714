//! What the queue is made of: slots, sixty-three to a segment. See the README beside this file.

#![allow(
    unsafe_code,
    reason = "a slot is written and read by whoever holds its ticket"
)]

use std::mem::MaybeUninit;
use std::ptr;

use crate::memory;
use crate::sync::{AtomicPtr, AtomicU32, Ordering, StepWait, UnsafeCell, mutant};

/// Slots of a segment.
pub(super) const SLOTS: usize = if cfg!(loom) { 2 } else { 63 };
const EMPTY: u32 = 0;
const FULL: u32 = 1;
const TAKEN: u32 = 2;

/// A place for one task, as long as a cache line.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Slot<T> {
    value: UnsafeCell<MaybeUninit<T>>,
    state: AtomicU32,
}

impl<T: Copy> Slot<T> {
    /// # Safety
    /// The caller holds the push ticket of this slot.
    pub(super) unsafe fn fill(&self, value: T) {
        let publish = || {
            // ORDERING: [Q1] Release pairs with the Acquire of `empty`.
            self.state.store(FULL, Ordering::Release);
        };
        if mutant("Q1") {
            publish();
        }
        self.value.with_mut(|place| {
            // SAFETY: nobody else has the ticket, and who has the pop ticket waits for FULL.
            unsafe { place.write(MaybeUninit::new(value)) };
        });
        publish();
    }

    /// # Safety
    /// The caller holds the pop ticket of this slot.
    pub(super) unsafe fn empty(&self) -> T {
        let mut step = StepWait::default();
        // ORDERING: [Q1] Acquire pairs with the Release of `fill`.
        while self.state.load(Ordering::Acquire) != FULL {
            step.wait();
        }
        let value = self.value.with(|place| {
            // SAFETY: nobody writes it before it is TAKEN.
            let value = unsafe { place.read() };
            // SAFETY: FULL: it has been written.
            unsafe { value.assume_init() }
        });
        // ORDERING: [Q3] Release pairs with the Acquire of `is_used_up`.
        self.state.store(TAKEN, Ordering::Release);
        value
    }
}

/// A link of the chain.
#[derive(Debug)]
pub(super) struct Segment<T> {
    pub(super) slots: [Slot<T>; SLOTS],
    /// The one behind it, once that is there.
    pub(super) next: AtomicPtr<Segment<T>>,
}

impl<T: Copy> Segment<T> {
    /// An empty one; `None` if the system refuses the memory.
    pub(super) fn new() -> Option<Box<Self>> {
        let segment = Self {
            slots: std::array::from_fn(|_| Slot {
                value: UnsafeCell::new(MaybeUninit::uninit()),
                state: AtomicU32::new(EMPTY),
            }),
            next: AtomicPtr::new(ptr::null_mut()),
        };
        memory::try_box(segment).ok()
    }

    /// Whether every task that was in it has been taken out: nobody looks at it any more (Q3).
    pub(super) fn is_used_up(&self) -> bool {
        let mut slots = self.slots.iter();
        // ORDERING: [Q3] Acquire pairs with the Release of `empty`: the read there is over.
        slots.all(|slot| slot.state.load(Ordering::Acquire) == TAKEN) || mutant("Q3")
    }

    /// As it was when it was new.
    pub(super) fn renew(&mut self) {
        // ORDERING: Relaxed: it is the caller's alone, and the next push publishes it.
        for slot in &self.slots {
            slot.state.store(EMPTY, Ordering::Relaxed);
        }
        self.next.store(ptr::null_mut(), Ordering::Relaxed);
    }

    /// The next segment, which the holder of the last ticket of this one is about to link.
    pub(super) fn next(&self) -> *mut Self {
        let mut step = StepWait::default();
        loop {
            // ORDERING: [Q5]
            let next = self.next.load(Ordering::Acquire);
            if !next.is_null() {
                return next;
            }
            step.wait();
        }
    }
}
