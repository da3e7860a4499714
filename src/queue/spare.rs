//! Segments that have been used up, kept to be used again.

#![allow(
    unsafe_code,
    reason = "a segment belongs to whoever finds it used up, and to nobody before"
)]

use std::collections::VecDeque;
use std::ptr::NonNull;

use super::segment::Segment;
use crate::sync::{Mutex, StepWait};

/// How many are kept; what comes beyond them goes back to the allocator.
const MOST: usize = 16;

/// A segment that no end of the queue points to any more. Somebody may still be taking a task out.
#[derive(Debug)]
struct Retired<T>(NonNull<Segment<T>>);

// SAFETY: it is shared with those who take a task out until it is used up, and then one thread's.
unsafe impl<T: Send> Send for Retired<T> {}

/// The retired segments, the one that was left first in front.
#[derive(Debug)]
pub(super) struct Spare<T>(Mutex<VecDeque<Retired<T>>>);

impl<T: Copy> Spare<T> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(VecDeque::new()))
    }

    /// A segment that is as good as new; `None` if the system refuses the memory.
    #[cold]
    pub(super) fn take(&self) -> Option<Box<Segment<T>>> {
        let kept = Self::used_up(&mut self.0.lock());
        match kept {
            Some(mut segment) => {
                segment.renew();
                Some(segment)
            }
            None => Segment::new(),
        }
    }

    /// Keeps a segment out of which the last tasks are being taken.
    ///
    /// # Safety
    /// It came from a box, and no end of the queue points to it any more. Given once.
    #[cold]
    pub(super) unsafe fn retire(&self, segment: NonNull<Segment<T>>) {
        let surplus = {
            let mut kept = self.0.lock();
            if kept.try_reserve(1).is_err() {
                drop(kept);
                // SAFETY: the caller's promise.
                unsafe { Self::free_when_used_up(segment) };
                return;
            }
            kept.push_back(Retired(segment));
            if kept.len() > MOST {
                Self::used_up(&mut kept)
            } else {
                None
            }
        };
        drop(surplus);
    }

    /// There is no memory to keep it in. Those who take a task out are about to leave it.
    ///
    /// # Safety
    /// As for [`Spare::retire`].
    unsafe fn free_when_used_up(segment: NonNull<Segment<T>>) {
        let mut step = StepWait::default();
        // SAFETY: it lives until it is freed below.
        while !unsafe { segment.as_ref() }.is_used_up() {
            step.wait();
        }
        // SAFETY: it came from a box, and those it was shared with are done (Q3).
        drop(unsafe { Box::from_raw(segment.as_ptr()) });
    }

    /// The first one that nobody takes anything out of any more. A thread that is stopped while it takes a task out keeps
    /// that one segment, and no other.
    fn used_up(kept: &mut VecDeque<Retired<T>>) -> Option<Box<Segment<T>>> {
        // SAFETY: it lives until it is taken from this list.
        let is_used_up = |retired: &Retired<T>| unsafe { retired.0.as_ref() }.is_used_up();
        let found = kept.iter().position(is_used_up)?;
        let found = kept.remove(found)?;
        // SAFETY: it came from a box, and those it was shared with are done (Q3).
        Some(unsafe { Box::from_raw(found.0.as_ptr()) })
    }
}

impl<T> Drop for Spare<T> {
    fn drop(&mut self) {
        for retired in self.0.lock().drain(..) {
            // SAFETY: the queue ends, so nobody takes anything out of it.
            drop(unsafe { Box::from_raw(retired.0.as_ptr()) });
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_is_stopped_in_one_segment_keeps_no_other() {
        let spare = Spare::<usize>::new();
        let segment = || NonNull::from(Box::leak(Segment::new().expect("there is memory")));
        let (stalled, emptied) = (segment(), segment());
        // SAFETY: nobody has freed it.
        for slot in unsafe { &emptied.as_ref().slots } {
            // SAFETY: this thread has all its tickets.
            unsafe { slot.fill(1) };
            // SAFETY: as above.
            assert_eq!(unsafe { slot.empty() }, 1);
        }
        for segment in [stalled, emptied] {
            // SAFETY: from a box, and given once.
            unsafe { spare.retire(segment) };
        }
        let taken = spare.take().expect("there is memory");
        assert!(std::ptr::eq(&raw const *taken, emptied.as_ptr()));
    }
}
