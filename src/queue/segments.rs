//! A queue without a limit: a chain of segments, and two tickets that walk along it. See the README
//! beside this file.

#![allow(
    unsafe_code,
    reason = "segments are shared by pointer; who has a ticket knows which one is still there"
)]

use std::ptr::{self, NonNull};

use crossbeam_utils::CachePadded;

use super::segment::{SLOTS, Segment};
use super::spare::Spare;
use crate::sync::{
    AtomicPtr, AtomicU64, Ordering, StepWait, fence_in_models, mutant, seq_cst_unless, spin_loop,
};

/// Tickets of a segment: one for each slot, and the last one for the step to the next segment.
const LAP: u64 = SLOTS as u64 + 1;
/// What a ticket counts in; the bit below it is [`HAS_NEXT`].
const ONE: u64 = 2;
/// In the head's ticket: there is a segment behind this one, so that this one's slots all have a task.
const HAS_NEXT: u64 = 1;

fn number_of(ticket: u64) -> u64 {
    ticket / ONE
}

/// Which slot of its segment a ticket is for; [`SLOTS`] is none.
fn slot_of(ticket: u64) -> usize {
    (number_of(ticket) % LAP) as usize
}

fn lap_of(ticket: u64) -> u64 {
    number_of(ticket) / LAP
}

/// One end of the queue.
#[derive(Debug)]
struct End<T> {
    ticket: AtomicU64,
    segment: AtomicPtr<Segment<T>>,
}

impl<T> End<T> {
    fn new() -> CachePadded<Self> {
        CachePadded::new(Self {
            ticket: AtomicU64::new(0),
            segment: AtomicPtr::new(ptr::null_mut()),
        })
    }

    /// The ticket first: a segment read after it is that ticket's, or the ticket has gone.
    fn read(&self) -> (u64, *mut Segment<T>) {
        // ORDERING: [Q5]
        let ticket = self.ticket.load(Ordering::Acquire);
        (ticket, self.segment.load(Ordering::Acquire))
    }

    /// Takes the ticket that was read. False if it has gone.
    fn take(&self, ticket: u64, next: u64) -> bool {
        if mutant("Q2") {
            self.ticket.store(next, Ordering::SeqCst);
            return true;
        }
        // ORDERING: SeqCst for Q4.
        let order = seq_cst_unless("shipped.Q4", Ordering::AcqRel);
        self.ticket
            .compare_exchange_weak(ticket, next, order, Ordering::Acquire)
            .is_ok()
    }

    /// The step to the next segment, by the holder of the last ticket. The segment first: see `read`.
    fn step(&self, segment: *mut Segment<T>, ticket: u64) {
        let show = || self.segment.store(segment, Ordering::Release);
        // ORDERING: [Q5] Release, both times, pairs with the Acquires of `read`.
        if !mutant("Q5") {
            show();
        }
        self.ticket.store(ticket, Ordering::Release);
        if mutant("Q5") {
            show();
        }
    }
}

/// The queue. Tasks are plain data: what is left in it when it is dropped needs no dropping.
#[derive(Debug)]
pub(crate) struct Segments<T> {
    head: CachePadded<End<T>>,
    tail: CachePadded<End<T>>,
    spare: CachePadded<Spare<T>>,
}

impl<T: Copy + Send> Segments<T> {
    pub(super) fn new() -> Self {
        Self {
            head: End::new(),
            tail: End::new(),
            spare: CachePadded::new(Spare::new()),
        }
    }

    /// Adds a task. A SeqCst write is behind it (Q4). Gives it back if the system refuses the memory: what
    /// that takes is allocated before a ticket is.
    #[inline]
    pub(super) fn push(&self, value: T) -> Result<(), T> {
        let mut step = StepWait::default();
        let mut following = None;
        loop {
            let (ticket, segment) = self.tail.read();
            let slot = slot_of(ticket);
            if slot == SLOTS {
                step.wait(); // Somebody is about to step to the next segment.
                continue;
            }
            if segment.is_null() {
                if !self.begin() {
                    return Err(value);
                }
                continue;
            }
            let last = slot + 1 == SLOTS;
            if last && following.is_none() {
                following = self.spare.take();
                if following.is_none() {
                    return Err(value);
                }
            }
            if !self.tail.take(ticket, ticket + ONE) {
                spin_loop();
                continue;
            }
            // SAFETY: the segment of the ticket, which is not used up before this slot is.
            let segment = unsafe { &*segment };
            if let (true, Some(next)) = (last, following.take()) {
                let next = Box::into_raw(next);
                self.tail.step(next, ticket + 2 * ONE);
                // ORDERING: [Q5]
                segment.next.store(next, Ordering::Release);
            }
            // SAFETY: this slot's ticket has just been taken.
            unsafe { segment.slots[slot].fill(value) };
            break;
        }
        if !mutant("Q4") {
            fence_in_models();
        }
        Ok(())
    }

    /// The first segment, of whoever pushes first. False if the system refuses the memory.
    #[cold]
    fn begin(&self) -> bool {
        let Some(first) = Segment::new() else {
            return false;
        };
        let first = Box::into_raw(first);
        // ORDERING: [Q5]
        let begun = self.tail.segment.compare_exchange(
            ptr::null_mut(),
            first,
            Ordering::AcqRel,
            Ordering::Relaxed,
        );
        if begun.is_ok() {
            self.head.segment.store(first, Ordering::Release);
        } else {
            // SAFETY: nobody has seen it.
            drop(unsafe { Box::from_raw(first) });
        }
        true
    }

    /// Takes the task that was added first.
    #[inline]
    pub(super) fn pop(&self) -> Option<T> {
        let mut step = StepWait::default();
        loop {
            let (ticket, segment) = self.head.read();
            let slot = slot_of(ticket);
            if slot == SLOTS {
                step.wait(); // Somebody is about to step to the next segment.
                continue;
            }
            let mut next = ticket + ONE;
            if ticket & HAS_NEXT == 0 {
                // ORDERING: Acquire; it is not older than the head that was read.
                let tail = self.tail.ticket.load(Ordering::Acquire);
                if number_of(tail) == number_of(ticket) {
                    return None;
                }
                if lap_of(tail) != lap_of(ticket) {
                    next |= HAS_NEXT;
                }
            }
            if segment.is_null() {
                step.wait(); // The first push is about to show the first segment here, too.
                continue;
            }
            if !self.head.take(ticket, next) {
                spin_loop();
                continue;
            }
            // SAFETY: the segment of the ticket, which is not used up before this slot is.
            return Some(unsafe { self.take_from(segment, slot, next) });
        }
    }

    /// # Safety
    /// The caller holds the pop ticket of that slot; the head's ticket is `next`.
    #[inline]
    unsafe fn take_from(&self, segment: *mut Segment<T>, slot: usize, next: u64) -> T {
        // SAFETY: the caller's promise.
        let shared = unsafe { &*segment };
        let last = slot + 1 == SLOTS;
        if last {
            let following = shared.next();
            let mut ticket = (next & !HAS_NEXT) + ONE;
            // SAFETY: it cannot be used up: the head has not come to it.
            let more = unsafe { &(*following).next };
            // ORDERING: Relaxed: a hint that saves a look at the tail.
            if !more.load(Ordering::Relaxed).is_null() {
                ticket |= HAS_NEXT;
            }
            self.head.step(following, ticket);
        }
        // SAFETY: the caller's promise.
        let value = unsafe { shared.slots[slot].empty() };
        if let (true, Some(segment)) = (last, NonNull::new(segment)) {
            // SAFETY: the ends have left it, and there is one last slot. It came from a box.
            unsafe { self.spare.retire(segment) };
        }
        value
    }

    /// Whether there is nothing to take. Of two threads of which one pushes, and then looks at what the
    /// other writes before it asks this, one sees the other (Q4).
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        // ORDERING: SeqCst for Q4.
        let order = seq_cst_unless("shipped.Q4.look", Ordering::Acquire);
        let head = self.head.ticket.load(order);
        let tail = self.tail.ticket.load(order);
        number_of(head) == number_of(tail)
    }

    /// About how many there are to take.
    pub(super) fn len(&self) -> usize {
        let count = |end: &End<T>| {
            // ORDERING: Relaxed; a figure.
            let ticket = end.ticket.load(Ordering::Relaxed);
            lap_of(ticket) * SLOTS as u64 + slot_of(ticket) as u64
        };
        let taken = count(&self.head);
        usize::try_from(count(&self.tail).saturating_sub(taken)).unwrap_or(usize::MAX)
    }
}

impl<T> Drop for Segments<T> {
    fn drop(&mut self) {
        // ORDERING: Relaxed; nobody else is left.
        let mut segment = self.head.segment.load(Ordering::Relaxed);
        while !segment.is_null() {
            // SAFETY: from the head on, the chain belongs to the queue alone.
            let owned = unsafe { Box::from_raw(segment) };
            segment = owned.next.load(Ordering::Relaxed);
        }
    }
}
