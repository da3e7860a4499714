//! Where one blocked caller sits until it is told how its wait ended.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::clock::Deadline;
use crate::current::Current;
use crate::error::Error;
use crate::suspend::Parker;
use crate::sync::{AtomicU32, AtomicUsize, Ordering};

/// How a wait ended, or that it has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Verdict {
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

/// One caller's seat. Everything but the parker is read and written under the gate's lock only.
#[derive(Debug, Default)]
pub(super) struct Seat {
    parker: Parker,
    verdict: AtomicU32,
    /// Whether a fiber sits here.
    fiber: AtomicU32,
    /// Where it is in the list or the line that it sits in.
    place: AtomicUsize,
}

/// Callers that wait for the same, in no order.
#[derive(Debug, Default)]
pub(super) struct List(Vec<Arc<Seat>>);

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

    pub(super) fn join(&mut self, seat: Arc<Seat>) {
        seat.set_place(self.0.len());
        self.0.push(seat);
    }

    /// Takes out one that has not been told.
    pub(super) fn leave(&mut self, seat: &Arc<Seat>) {
        let place = seat.place();
        self.0.swap_remove(place);
        if let Some(moved) = self.0.get(place) {
            moved.set_place(place);
        }
    }

    /// Tells all, who are out of it then.
    pub(super) fn tell_all(&mut self, verdict: Verdict) {
        for seat in self.0.drain(..) {
            seat.tell(verdict);
        }
    }
}

impl Seat {
    fn place(&self) -> usize {
        // ORDERING: Relaxed; the gate's lock orders it.
        self.place.load(Ordering::Relaxed)
    }

    fn set_place(&self, place: usize) {
        // ORDERING: as above.
        self.place.store(place, Ordering::Relaxed);
    }

    /// What the caller has been told.
    pub(super) fn verdict(&self) -> Verdict {
        // ORDERING: Relaxed; the gate's lock orders it.
        match self.verdict.load(Ordering::Relaxed) {
            0 => Verdict::Waiting,
            1 => Verdict::Done,
            2 => Verdict::Closed,
            3 => Verdict::Deadlock,
            _ => Verdict::Canceled,
        }
    }

    /// Tells the caller how its wait ended, and wakes it.
    pub(super) fn tell(&self, verdict: Verdict) {
        // ORDERING: Relaxed; the gate's lock orders it.
        self.verdict.store(verdict as u32, Ordering::Relaxed);
        self.parker.unpark();
    }

    /// Whether it may be woken only under the gate's lock, without which its fiber cannot go on: it
    /// could be gone before the one that wakes it is done.
    pub(super) fn is_a_fibers(&self) -> bool {
        // ORDERING: Relaxed; the gate's lock orders it.
        self.fiber.load(Ordering::Relaxed) != 0
    }

    /// Wakes the caller to look for itself.
    pub(super) fn nudge(&self) {
        self.parker.unpark();
    }

    /// Sleeps until told, nudged or late. Without the gate's lock.
    pub(super) fn sleep(&self, deadline: Deadline) {
        self.parker.park_until(deadline);
    }
}

/// Seats to take and give back, so that waiting allocates only when more callers wait than ever did.
#[derive(Debug, Default)]
pub(super) struct Seats {
    spare: Vec<Arc<Seat>>,
    taken: usize,
}

impl Seats {
    /// With this number of seats from the start.
    pub(super) fn with(count: usize) -> Self {
        Self {
            spare: (0..count).map(|_| Arc::default()).collect(),
            taken: 0,
        }
    }

    /// Has as many more at hand, or nothing has happened.
    pub(super) fn reserve(&mut self, count: usize) -> Result<(), Error> {
        self.spare
            .try_reserve(count + self.taken)
            .map_err(|_| Error::NoMemory)?;
        while self.spare.len() < count {
            self.spare.push(Arc::default());
        }
        Ok(())
    }

    /// Takes a seat.
    pub(super) fn take(&mut self) -> Arc<Seat> {
        self.taken += 1;
        let seat = self.spare.pop().unwrap_or_default();
        // ORDERING: Relaxed; the gate's lock orders it. A wake left over in the parker is harmless:
        // whoever sleeps looks at the verdict again.
        seat.verdict
            .store(Verdict::Waiting as u32, Ordering::Relaxed);
        let fiber = u32::from(Current::suspender().is_some());
        seat.fiber.store(fiber, Ordering::Relaxed);
        seat
    }

    /// Gives it back.
    pub(super) fn give_back(&mut self, seat: Arc<Seat>) {
        self.taken -= 1;
        self.spare.push(seat);
    }

    /// How many callers sit.
    pub(super) fn taken(&self) -> usize {
        self.taken
    }
}

/// One caller in the line.
#[derive(Debug)]
struct InLine {
    seat: Arc<Seat>,
    /// It is a worker of this pool, inside a task, that will wait without limit.
    worker: bool,
    /// It has been woken to try, and has not come back yet.
    notified: bool,
}

/// The callers that wait to submit, first come first.
///
/// One that leaves from the middle leaves a gap, so that nobody has to be looked for or moved; a line that is
/// more gaps than callers is closed up.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// The first is never a gap.
    callers: VecDeque<Option<InLine>>,
    /// The place of the first.
    gone: usize,
    length: usize,
    workers: usize,
    /// How often the first in line was woken and found that others had taken what was free.
    in_vain: u32,
}

impl Line {
    /// How often the first in line may be woken in vain before newcomers have to stand in line too.
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

    pub(super) fn join(&mut self, seat: Arc<Seat>, worker: bool) {
        if self.callers.len() == self.callers.capacity() && self.callers.len() > 2 * self.length {
            self.close_up();
        }
        seat.set_place(self.gone.wrapping_add(self.callers.len()));
        self.workers += usize::from(worker);
        self.length += 1;
        self.callers.push_back(Some(InLine {
            seat,
            worker,
            notified: false,
        }));
    }

    fn close_up(&mut self) {
        self.callers.retain(Option::is_some);
        for (place, caller) in self.callers.iter().flatten().enumerate() {
            caller.seat.set_place(self.gone.wrapping_add(place));
        }
    }

    fn first(&self) -> Option<&InLine> {
        self.callers.front()?.as_ref()
    }

    pub(super) fn is_first(&self, seat: &Arc<Seat>) -> bool {
        self.first()
            .is_some_and(|caller| Arc::ptr_eq(&caller.seat, seat))
    }

    /// Takes a caller out, wherever in the line it is, if it is there. True if it was the first.
    pub(super) fn leave(&mut self, seat: &Arc<Seat>) -> bool {
        let first = self.is_first(seat);
        if first {
            self.in_vain = 0;
        }
        let index = seat.place().wrapping_sub(self.gone);
        let there = self.callers.get(index).and_then(Option::as_ref);
        if there.is_some_and(|caller| Arc::ptr_eq(&caller.seat, seat)) {
            self.remove(index);
        }
        first
    }

    fn remove(&mut self, index: usize) -> Option<InLine> {
        let caller = self.callers.get_mut(index)?.take()?;
        self.length -= 1;
        self.workers -= usize::from(caller.worker);
        while let Some(None) = self.callers.front() {
            self.callers.pop_front();
            self.gone = self.gone.wrapping_add(1);
        }
        Some(caller)
    }

    /// Whether the first in line is on its way.
    pub(super) fn is_notified(&self) -> bool {
        self.first().is_some_and(|caller| caller.notified)
    }

    /// Notes that the first in line is on its way, or not any more.
    pub(super) fn set_notified(&mut self, notified: bool) -> Option<Arc<Seat>> {
        let first = self.callers.front_mut()?.as_mut()?;
        first.notified = notified;
        Some(Arc::clone(&first.seat))
    }

    /// The first in line has come back and found nothing. If it was woken for something, that has been
    /// taken by others. True if that has happened too often.
    pub(super) fn came_in_vain(&mut self) -> bool {
        self.in_vain += u32::from(self.is_notified());
        self.in_vain >= Self::IN_VAIN_MOST
    }

    /// Has the first in line look for itself.
    pub(super) fn nudge_first(&self) {
        if let Some(first) = self.first() {
            first.seat.nudge();
        }
    }

    /// Tells the first worker in the line that nobody is left to make room for it.
    pub(super) fn fail_a_worker(&mut self) {
        let is_worker = |caller: &Option<InLine>| caller.as_ref().is_some_and(|one| one.worker);
        let worker = self.callers.iter().position(is_worker);
        if let Some(caller) = worker.and_then(|index| self.remove(index)) {
            caller.seat.tell(Verdict::Deadlock);
        }
    }

    /// Sends everybody away.
    pub(super) fn dismiss(&mut self, verdict: Verdict) {
        self.gone = self.gone.wrapping_add(self.callers.len());
        for caller in self.callers.drain(..).flatten() {
            caller.seat.tell(verdict);
        }
        self.length = 0;
        self.workers = 0;
        self.in_vain = 0;
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn line_of_one() -> (Line, Arc<Seat>) {
        let (mut line, seat) = (Line::with(1), Seats::with(1).take());
        line.join(Arc::clone(&seat), false);
        (line, seat)
    }

    #[test]
    fn who_was_woken_in_vain_a_few_times_has_come_too_often() {
        let (mut line, seat) = line_of_one();
        assert!(!line.came_in_vain()); // By itself, and for nothing.
        for time in 1..=Line::IN_VAIN_MOST {
            line.set_notified(true);
            assert_eq!(line.came_in_vain(), time == Line::IN_VAIN_MOST);
            line.set_notified(false);
        }
        assert!(line.leave(&seat));
    }

    #[test]
    fn whoever_leaves_from_the_middle_leaves_the_order_of_the_others() {
        let (mut line, mut seats) = (Line::with(1), Seats::default());
        let callers: Vec<_> = (0..100).map(|_| seats.take()).collect();
        for (number, seat) in callers.iter().enumerate() {
            line.join(Arc::clone(seat), number % 2 == 0);
        }
        for (number, seat) in callers.iter().enumerate() {
            if number % 4 != 0 {
                assert!(!line.leave(seat));
                assert!(!line.leave(seat), "it is not there any more");
            }
        }
        assert_eq!((line.len(), line.workers()), (25, 25));
        // More join than there is memory for, so that the gaps are closed.
        let more: Vec<_> = (0..200).map(|_| seats.take()).collect();
        for seat in &more {
            line.join(Arc::clone(seat), false);
        }
        assert!(line.callers.len() < 290);
        for seat in callers.iter().step_by(4).chain(&more) {
            assert!(line.leave(seat), "the first leaves");
        }
        assert!(line.is_empty() && line.callers.is_empty());
    }

    #[test]
    fn a_line_that_one_stays_in_does_not_grow_with_those_that_come_and_go() {
        let (mut line, mut seats) = (Line::with(1), Seats::default());
        line.join(seats.take(), false);
        for _ in 0..10_000 {
            let seat = seats.take();
            line.join(Arc::clone(&seat), false);
            line.leave(&seat);
            seats.give_back(seat);
        }
        assert!(line.callers.capacity() < 100);
    }

    #[test]
    fn a_list_is_left_from_anywhere() {
        let (mut list, mut seats) = (List::default(), Seats::default());
        let callers: Vec<_> = (0..10).map(|_| seats.take()).collect();
        for seat in &callers {
            list.join(Arc::clone(seat));
        }
        for seat in [3, 9, 0, 5].map(|number| &callers[number]) {
            list.leave(seat);
            seat.tell(Verdict::Canceled);
        }
        list.tell_all(Verdict::Done);
        let done = callers
            .iter()
            .filter(|seat| seat.verdict() == Verdict::Done);
        assert_eq!(done.count(), 6);
    }
}
