//! Idle workers: the stacks that wait for a task, and when they expire.

#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::sync::Arc;

use super::carrier_group::CarrierGroup;
#[cfg(not(loom))]
use crate::admission::SpawnError;
use crate::engine::idle::{Idle, Sleeps};
use crate::error::Error;
use crate::sync::{AtomicU64, AtomicUsize, Mutex, MutexGuard, Ordering, fence, mutant};

/// What the lock guards.
#[derive(Debug)]
pub(super) struct Slots<S> {
    /// Slots that expire, with the time at which they became idle; the latest is at the back.
    resting: VecDeque<(S, u64)>,
    /// Slots of `min_workers`, which never expire.
    kept: Vec<S>,
    /// Slots that the gate has granted and not taken back, at rest or in use.
    pub(super) granted: usize,
    pub(super) group: Option<Arc<CarrierGroup>>,
    /// Carriers of the group.
    pub(super) carriers: usize,
    /// The system has refused a carrier: another is asked for only with at least this many workers.
    pub(super) asks_from: usize,
}

/// The slots of one pool.
#[derive(Debug)]
pub(super) struct Rest<S> {
    slots: Mutex<Slots<S>>,
    /// Nanoseconds after which a slot at rest expires. Changed under the lock.
    expiry: AtomicU64,
    /// The number at rest, for those who read it without the lock.
    count: AtomicUsize,
    /// When the next of them expires.
    next_expiry: AtomicU64,
}

#[cfg(not(loom))]
impl<S> Slots<S> {
    /// Has memory for all that are granted and one more to be at rest, since a worker cannot be refused that.
    pub(super) fn reserve(&mut self) -> Result<(), SpawnError> {
        let all = self.granted + 1;
        let (resting, kept) = (self.resting.len(), self.kept.len());
        self.resting.try_reserve(all.saturating_sub(resting))?;
        Ok(self.kept.try_reserve(all.saturating_sub(kept))?)
    }
}

impl<S> Rest<S> {
    /// With memory for `slots` slots.
    pub(super) fn new(slots: usize, expiry: u64) -> Result<Self, Error> {
        let mut resting = VecDeque::new();
        resting.try_reserve_exact(slots)?;
        Ok(Self {
            slots: Mutex::new(Slots {
                resting,
                kept: Vec::new(),
                granted: 0,
                group: None,
                carriers: 0,
                asks_from: 0,
            }),
            expiry: AtomicU64::new(expiry),
            count: AtomicUsize::new(0),
            next_expiry: AtomicU64::new(u64::MAX),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Slots<S>> {
        self.slots.lock()
    }

    /// The lock, unless somebody keeps it for longer than a moment.
    #[cfg(not(loom))]
    pub(super) fn lock_soon(&self) -> Option<MutexGuard<'_, Slots<S>>> {
        crate::dump::lock_soon(&self.slots)
    }

    /// How many there are, as a figure.
    #[cfg(not(loom))]
    pub(super) fn idle(&self) -> usize {
        // ORDERING: Relaxed; for people.
        self.count.load(Ordering::Relaxed)
    }

    /// Whether there is none, as a hint.
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

    fn expiry(&self) -> u64 {
        // ORDERING: Relaxed; the caller has the lock.
        self.expiry.load(Ordering::Relaxed)
    }

    /// Sets the nanoseconds after which slots expire, also those at rest now.
    #[cfg(not(loom))]
    pub(super) fn set_expiry(&self, expiry: u64) {
        let slots = self.lock();
        // ORDERING: as above.
        self.expiry.store(expiry, Ordering::Relaxed);
        self.publish(&slots);
    }

    fn publish(&self, slots: &Slots<S>) {
        let next = slots.resting.front();
        let next = next.map_or(u64::MAX, |(_, since)| since.saturating_add(self.expiry()));
        // ORDERING: Relaxed; see the two functions above.
        self.count
            .store(slots.resting.len() + slots.kept.len(), Ordering::Relaxed);
        self.next_expiry.store(next, Ordering::Relaxed);
    }

    /// Adds one that is idle from `now` on.
    pub(super) fn put(&self, slots: &mut Slots<S>, slot: S, now: u64) {
        slots.resting.push_back((slot, now));
        self.publish(slots);
    }

    /// Adds the slot of a worker that has become idle, from `now` on, or for ever. If there are tasks, it wakes a
    /// carrier, since the caller may be about to do something else.
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
        // [F4] A carrier that found no slot for a task has left that task to whoever brings a slot.
        if has_tasks() && !mutant("F4") {
            idle.task_pushed(|| false);
        }
    }

    /// Takes the one that was idle for the shortest time, so that surplus slots go cold and expire.
    pub(super) fn take(&self, slots: &mut Slots<S>) -> Option<S> {
        let last = slots.resting.pop_back().map(|(slot, _)| slot);
        let taken = last.or_else(|| slots.kept.pop());
        self.publish(slots);
        taken
    }

    /// The same for a carrier of that group.
    pub(super) fn take_for(&self, group: &Arc<CarrierGroup>) -> Option<S> {
        if self.is_empty() {
            return None;
        }
        let mut slots = self.lock();
        // [F5] A carrier that has been shut down is about to leave, and would leave the fiber behind.
        let now = slots.group.as_ref();
        let serves = now.is_some_and(|now| Arc::ptr_eq(now, group)) || mutant("F5.group");
        serves.then(|| self.take(&mut slots)).flatten()
    }

    /// The gate has let one go. If it was the last, the caller shuts its group down.
    pub(super) fn release(&self) -> Option<Arc<CarrierGroup>> {
        let mut slots = self.lock();
        slots.granted -= 1;
        if slots.granted > 0 && !mutant("F6.last") {
            return None;
        }
        slots.carriers = 0;
        // [F6] Taken with the lock held: who grants a slot after this makes another.
        slots.group.take()
    }

    /// Takes one that has expired.
    pub(super) fn take_expired(&self, slots: &mut Slots<S>, now: u64) -> Option<S> {
        let (_, since) = slots.resting.front()?;
        if since.saturating_add(self.expiry()) > now {
            return None;
        }
        let (slot, _) = slots.resting.pop_front()?;
        self.publish(slots);
        Some(slot)
    }

    /// Takes the one that was idle for the longest time.
    pub(super) fn take_oldest(&self, slots: &mut Slots<S>) -> Option<S> {
        let first = slots.resting.pop_front().map(|(slot, _)| slot);
        let taken = first.or_else(|| slots.kept.pop());
        self.publish(slots);
        taken
    }
}
