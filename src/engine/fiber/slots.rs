//! Workers without a task: stacks that wait for one, who takes them, and when they expire.

#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::sync::Arc;

use super::crew::Crew;
use crate::engine::idle::{Idle, Sleeps};
use crate::sync::{AtomicU64, AtomicUsize, Mutex, MutexGuard, Ordering, fence, mutant};

/// What the lock guards.
#[derive(Debug)]
pub(super) struct Slots<S> {
    /// Slots that expire, with the time since when they rest; the last to rest at the back.
    resting: VecDeque<(S, u64)>,
    /// Slots that are of `min_workers`, and rest for ever.
    kept: Vec<S>,
    /// Slots that the gate has granted and not taken back, at rest or in use.
    pub(super) granted: usize,
    pub(super) crew: Option<Arc<Crew>>,
    /// Carriers of the crew.
    pub(super) carriers: usize,
}

/// The slots of one pool.
#[derive(Debug)]
pub(super) struct Rest<S> {
    slots: Mutex<Slots<S>>,
    /// Nanoseconds after which a slot at rest expires.
    expiry: u64,
    /// How many are at rest, for who looks without the lock.
    count: AtomicUsize,
    /// When the next of them expires.
    next_expiry: AtomicU64,
}

impl<S> Rest<S> {
    /// With memory for so many.
    pub(super) fn new(slots: usize, expiry: u64) -> Self {
        Self {
            slots: Mutex::new(Slots {
                resting: VecDeque::with_capacity(slots),
                kept: Vec::new(),
                granted: 0,
                crew: None,
                carriers: 0,
            }),
            expiry,
            count: AtomicUsize::new(0),
            next_expiry: AtomicU64::new(u64::MAX),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Slots<S>> {
        self.slots.lock()
    }

    /// Whether none is there. A look.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        // ORDERING: Relaxed; whoever acts on it takes the lock, and fences order it for who sleeps.
        self.count.load(Ordering::Relaxed) == 0
    }

    /// When to look for expired ones.
    #[inline]
    pub(super) fn next_expiry(&self) -> u64 {
        // ORDERING: Relaxed; a time to look.
        self.next_expiry.load(Ordering::Relaxed)
    }

    fn publish(&self, slots: &Slots<S>) {
        let next = slots.resting.front();
        let next = next.map_or(u64::MAX, |(_, since)| since.saturating_add(self.expiry));
        // ORDERING: Relaxed; see the two functions above.
        self.count
            .store(slots.resting.len() + slots.kept.len(), Ordering::Relaxed);
        self.next_expiry.store(next, Ordering::Relaxed);
    }

    /// One that rests from now on.
    pub(super) fn put(&self, slots: &mut Slots<S>, slot: S, now: u64) {
        slots.resting.push_back((slot, now));
        self.publish(slots);
    }

    /// A worker has no task any more, and rests: from `now` on, or for ever. The caller may be about to do
    /// something else: if there are tasks it wakes somebody.
    pub(super) fn bring(
        &self,
        slot: S,
        now: Option<u64>,
        idle: &Idle<impl Sleeps>,
        has_tasks: impl Fn() -> bool,
    ) {
        {
            let mut slots = self.lock();
            match now {
                Some(now) => self.put(&mut slots, slot, now),
                None => {
                    slots.kept.push(slot);
                    self.publish(&slots);
                }
            }
        }
        // ORDERING: [T2]
        fence(Ordering::SeqCst);
        // [F4] Who found no slot for a task has left it to the one who brings the slot.
        if has_tasks() && !mutant("F4") {
            idle.task_pushed(|| false);
        }
    }

    /// The one that has rested for the shortest time: what is left over goes cold and expires.
    pub(super) fn take(&self, slots: &mut Slots<S>) -> Option<S> {
        let last = slots.resting.pop_back().map(|(slot, _)| slot);
        let taken = last.or_else(|| slots.kept.pop());
        self.publish(slots);
        taken
    }

    /// One whose time has come.
    pub(super) fn take_expired(&self, slots: &mut Slots<S>, now: u64) -> Option<S> {
        let (_, since) = slots.resting.front()?;
        if since.saturating_add(self.expiry) > now {
            return None;
        }
        let (slot, _) = slots.resting.pop_front()?;
        self.publish(slots);
        Some(slot)
    }

    /// The one that has rested for the longest time.
    pub(super) fn take_oldest(&self, slots: &mut Slots<S>) -> Option<S> {
        let first = slots.resting.pop_front().map(|(slot, _)| slot);
        let taken = first.or_else(|| slots.kept.pop());
        self.publish(slots);
        taken
    }
}
