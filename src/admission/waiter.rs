//! A blocked caller, from its first sleep until somebody completes its wait.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::clock::Deadline;
use crate::current::Current;
use crate::error::Error;
use crate::memory;
use crate::suspend::Parker;
use crate::sync::{AtomicU32, AtomicUsize, Ordering};

/// How a wait ended, or that it has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum WaitOutcome {
    /// Not yet.
    Waiting = 0,
    /// What was waited for has happened.
    Done = 1,
    /// The pool was closed.
    Closed = 2,
    /// Nobody is left who could end the wait.
    Deadlock = 3,
    /// A reboot ended it.
    Canceled = 4,
}

/// A blocked caller. Everything but the parker is read and written under the gate's lock only.
#[derive(Debug, Default)]
pub(super) struct Waiter {
    parker: Parker,
    outcome: AtomicU32,
    /// The caller is a fiber.
    fiber: AtomicU32,
    /// Its place in the list or the wait queue that it has joined.
    place: AtomicUsize,
}

/// Callers that wait for the same, in no order.
#[derive(Debug, Default)]
pub(super) struct List(Vec<Arc<Waiter>>);

impl List {
    /// With memory for this number from the start.
    pub(super) fn with(count: usize) -> Self {
        Self(Vec::with_capacity(count))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[cfg(not(loom))]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn join(&mut self, waiter: Arc<Waiter>) {
        memory::insist(|| self.0.try_reserve(1));
        waiter.set_place(self.0.len());
        self.0.push(waiter);
    }

    /// Takes out one whose wait nobody has completed.
    pub(super) fn leave(&mut self, waiter: &Arc<Waiter>) {
        let place = waiter.place();
        self.0.swap_remove(place);
        if let Some(moved) = self.0.get(place) {
            moved.set_place(place);
        }
    }

    /// Completes all waits, and is empty then.
    pub(super) fn complete_all(&mut self, outcome: WaitOutcome) {
        for waiter in self.0.drain(..) {
            waiter.complete(outcome);
        }
    }
}

impl Waiter {
    fn place(&self) -> usize {
        // ORDERING: Relaxed; the gate's lock orders it.
        self.place.load(Ordering::Relaxed)
    }

    fn set_place(&self, place: usize) {
        // ORDERING: as above.
        self.place.store(place, Ordering::Relaxed);
    }

    /// How the wait has ended, if it has.
    pub(super) fn outcome(&self) -> WaitOutcome {
        // ORDERING: Relaxed; the gate's lock orders it.
        match self.outcome.load(Ordering::Relaxed) {
            0 => WaitOutcome::Waiting,
            1 => WaitOutcome::Done,
            2 => WaitOutcome::Closed,
            3 => WaitOutcome::Deadlock,
            _ => WaitOutcome::Canceled,
        }
    }

    /// Ends the wait like that, and wakes the caller.
    pub(super) fn complete(&self, outcome: WaitOutcome) {
        // ORDERING: Relaxed; the gate's lock orders it.
        self.outcome.store(outcome as u32, Ordering::Relaxed);
        self.parker.unpark();
    }

    /// Whether it may be woken only under the gate's lock, without which its fiber cannot go on: it
    /// could be gone before the one that wakes it is done.
    pub(super) fn is_a_fibers(&self) -> bool {
        // ORDERING: Relaxed; the gate's lock orders it.
        self.fiber.load(Ordering::Relaxed) != 0
    }

    /// Wakes the caller to try again.
    pub(super) fn notify(&self) {
        self.parker.unpark();
    }

    /// Sleeps until completed, notified or late. Not to be called with the gate's lock.
    pub(super) fn sleep(&self, deadline: Deadline) {
        self.parker.park_until(deadline);
    }
}

/// Waiters to take and give back: a wait allocates only when more callers wait than ever did.
#[derive(Debug, Default)]
pub(super) struct WaiterCache {
    spare: Vec<Arc<Waiter>>,
    taken: usize,
}

impl WaiterCache {
    /// With this number of waiters from the start.
    pub(super) fn with(count: usize) -> Self {
        Self {
            spare: (0..count).map(|_| Arc::default()).collect(),
            taken: 0,
        }
    }

    /// Has as many more at hand, or nothing has happened.
    pub(super) fn reserve(&mut self, count: usize) -> Result<(), Error> {
        self.spare.try_reserve(count + self.taken)?;
        while self.spare.len() < count {
            self.spare.push(Arc::default());
        }
        Ok(())
    }

    /// Has memory for the day on which one more than now is given back.
    pub(super) fn reserve_one(&mut self) -> Result<(), Error> {
        Ok(self.spare.try_reserve(self.taken + 1)?)
    }

    /// Takes a waiter.
    pub(super) fn take(&mut self) -> Arc<Waiter> {
        self.taken += 1;
        memory::insist(|| self.spare.try_reserve(self.taken));
        let waiter = self.spare.pop().unwrap_or_default();
        // ORDERING: Relaxed; the gate's lock orders it. A wake left over in the parker is harmless:
        // whoever sleeps looks at the outcome again.
        waiter
            .outcome
            .store(WaitOutcome::Waiting as u32, Ordering::Relaxed);
        let fiber = u32::from(Current::suspender().is_some());
        waiter.fiber.store(fiber, Ordering::Relaxed);
        waiter
    }

    /// Gives it back.
    pub(super) fn give_back(&mut self, waiter: Arc<Waiter>) {
        self.taken -= 1;
        self.spare.push(waiter);
    }

    /// How many are taken.
    pub(super) fn taken(&self) -> usize {
        self.taken
    }
}

/// One caller in the wait queue.
#[derive(Debug)]
struct Queued {
    waiter: Arc<Waiter>,
    /// It is a worker of this pool, inside a task, that will wait without limit.
    worker: bool,
    /// It has been woken to try, and has not come back yet.
    notified: bool,
}

/// The callers that wait to submit, first come first.
///
/// One that leaves from the middle leaves a gap, so that nobody has to be looked for or moved; a queue that is
/// more gaps than callers is closed up.
#[derive(Debug, Default)]
pub(super) struct WaitQueue {
    /// The first is never a gap.
    callers: VecDeque<Option<Queued>>,
    /// The place of the first.
    gone: usize,
    length: usize,
    workers: usize,
    /// How often the first waiter was woken and found that others had taken what was free.
    in_vain: u32,
}

impl WaitQueue {
    /// How often the first waiter may be woken in vain before newcomers have to join the wait queue too.
    const IN_VAIN_MOST: u32 = 2;

    /// With memory for this number of callers from the start.
    pub(super) fn with(count: usize) -> Self {
        Self {
            callers: VecDeque::with_capacity(count),
            ..Self::default()
        }
    }

    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// How many of them are workers of this pool that wait without limit.
    pub(super) fn workers(&self) -> usize {
        self.workers
    }

    /// Has memory for one caller more.
    pub(super) fn reserve_one(&mut self) -> Result<(), Error> {
        Ok(self.callers.try_reserve(1)?)
    }

    pub(super) fn join(&mut self, waiter: Arc<Waiter>, worker: bool) {
        if self.callers.len() == self.callers.capacity() && self.callers.len() > 2 * self.length {
            self.close_up();
        }
        waiter.set_place(self.gone.wrapping_add(self.callers.len()));
        self.workers += usize::from(worker);
        self.length += 1;
        self.callers.push_back(Some(Queued {
            waiter,
            worker,
            notified: false,
        }));
    }

    fn close_up(&mut self) {
        self.callers.retain(Option::is_some);
        for (place, caller) in self.callers.iter().flatten().enumerate() {
            caller.waiter.set_place(self.gone.wrapping_add(place));
        }
    }

    fn first(&self) -> Option<&Queued> {
        self.callers.front()?.as_ref()
    }

    pub(super) fn is_first(&self, waiter: &Arc<Waiter>) -> bool {
        self.first()
            .is_some_and(|caller| Arc::ptr_eq(&caller.waiter, waiter))
    }

    /// Takes a caller out, wherever in the wait queue it is, if it is there. True if it was the first.
    pub(super) fn leave(&mut self, waiter: &Arc<Waiter>) -> bool {
        let first = self.is_first(waiter);
        if first {
            self.in_vain = 0;
        }
        let index = waiter.place().wrapping_sub(self.gone);
        let there = self.callers.get(index).and_then(Option::as_ref);
        if there.is_some_and(|caller| Arc::ptr_eq(&caller.waiter, waiter)) {
            self.remove(index);
        }
        first
    }

    fn remove(&mut self, index: usize) -> Option<Queued> {
        let caller = self.callers.get_mut(index)?.take()?;
        self.length -= 1;
        self.workers -= usize::from(caller.worker);
        while let Some(None) = self.callers.front() {
            self.callers.pop_front();
            self.gone = self.gone.wrapping_add(1);
        }
        Some(caller)
    }

    /// Whether the first waiter is on its way.
    pub(super) fn is_notified(&self) -> bool {
        self.first().is_some_and(|caller| caller.notified)
    }

    /// Notes that the first waiter is on its way, or not any more.
    pub(super) fn set_notified(&mut self, notified: bool) -> Option<Arc<Waiter>> {
        let first = self.callers.front_mut()?.as_mut()?;
        first.notified = notified;
        Some(Arc::clone(&first.waiter))
    }

    /// The first waiter has come back and found nothing. If it was woken for something, that has been
    /// taken by others. True if that has happened too often.
    pub(super) fn woke_in_vain(&mut self) -> bool {
        self.in_vain += u32::from(self.is_notified());
        self.in_vain >= Self::IN_VAIN_MOST
    }

    /// Has the first waiter try again.
    pub(super) fn notify_first(&self) {
        if let Some(first) = self.first() {
            first.waiter.notify();
        }
    }

    /// Completes the wait of the first worker in the queue: nobody is left to make room for it.
    pub(super) fn fail_a_worker(&mut self) {
        let is_worker = |caller: &Option<Queued>| caller.as_ref().is_some_and(|one| one.worker);
        let worker = self.callers.iter().position(is_worker);
        if let Some(caller) = worker.and_then(|index| self.remove(index)) {
            caller.waiter.complete(WaitOutcome::Deadlock);
        }
    }

    /// Completes all waits like that.
    pub(super) fn dismiss(&mut self, outcome: WaitOutcome) {
        self.gone = self.gone.wrapping_add(self.callers.len());
        for caller in self.callers.drain(..).flatten() {
            caller.waiter.complete(outcome);
        }
        self.length = 0;
        self.workers = 0;
        self.in_vain = 0;
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn line_of_one() -> (WaitQueue, Arc<Waiter>) {
        let (mut line, waiter) = (WaitQueue::with(1), WaiterCache::with(1).take());
        line.join(Arc::clone(&waiter), false);
        (line, waiter)
    }

    #[test]
    fn who_was_woken_in_vain_a_few_times_has_come_too_often() {
        let (mut line, waiter) = line_of_one();
        assert!(!line.woke_in_vain()); // By itself, and for nothing.
        for time in 1..=WaitQueue::IN_VAIN_MOST {
            line.set_notified(true);
            assert_eq!(line.woke_in_vain(), time == WaitQueue::IN_VAIN_MOST);
            line.set_notified(false);
        }
        assert!(line.leave(&waiter));
    }

    #[test]
    fn whoever_leaves_from_the_middle_leaves_the_order_of_the_others() {
        let (mut line, mut waiters) = (WaitQueue::with(1), WaiterCache::default());
        let callers: Vec<_> = (0..100).map(|_| waiters.take()).collect();
        for (number, waiter) in callers.iter().enumerate() {
            line.join(Arc::clone(waiter), number % 2 == 0);
        }
        for (number, waiter) in callers.iter().enumerate() {
            if number % 4 != 0 {
                assert!(!line.leave(waiter));
                assert!(!line.leave(waiter), "it is not there any more");
            }
        }
        assert_eq!((line.len(), line.workers()), (25, 25));
        // More join than there is memory for, so that the gaps are closed.
        let more: Vec<_> = (0..200).map(|_| waiters.take()).collect();
        for waiter in &more {
            line.join(Arc::clone(waiter), false);
        }
        assert!(line.callers.len() < 290);
        for waiter in callers.iter().step_by(4).chain(&more) {
            assert!(line.leave(waiter), "the first leaves");
        }
        assert!(line.is_empty() && line.callers.is_empty());
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes a minute there")]
    fn a_line_that_one_stays_in_does_not_grow_with_those_that_come_and_go() {
        let (mut line, mut waiters) = (WaitQueue::with(1), WaiterCache::default());
        line.join(waiters.take(), false);
        for _ in 0..10_000 {
            let waiter = waiters.take();
            line.join(Arc::clone(&waiter), false);
            line.leave(&waiter);
            waiters.give_back(waiter);
        }
        assert!(line.callers.capacity() < 100);
    }

    #[test]
    fn a_list_is_left_from_anywhere() {
        let (mut list, mut waiters) = (List::default(), WaiterCache::default());
        let callers: Vec<_> = (0..10).map(|_| waiters.take()).collect();
        for waiter in &callers {
            list.join(Arc::clone(waiter));
        }
        for waiter in [3, 9, 0, 5].map(|number| &callers[number]) {
            list.leave(waiter);
            waiter.complete(WaitOutcome::Canceled);
        }
        list.complete_all(WaitOutcome::Done);
        let done = callers
            .iter()
            .filter(|waiter| waiter.outcome() == WaitOutcome::Done);
        assert_eq!(done.count(), 6);
    }
}
