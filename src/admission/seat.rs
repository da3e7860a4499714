//! Where one blocked caller sits until it is told how its wait ended.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::clock::Deadline;
use crate::current::Current;
use crate::suspend::Parker;
use crate::sync::{AtomicU32, Ordering};

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
}

impl Seat {
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
    /// With so many seats from the start.
    pub(super) fn with(count: usize) -> Self {
        Self {
            spare: (0..count).map(|_| Arc::default()).collect(),
            taken: 0,
        }
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
#[derive(Debug, Default)]
pub(super) struct Line {
    callers: VecDeque<InLine>,
    workers: usize,
    /// How often the first in line was woken and found that others had taken what was free.
    in_vain: u32,
}

impl Line {
    /// How often the first in line may be woken in vain before newcomers have to stand in line too.
    const IN_VAIN_MOST: u32 = 2;

    /// With memory for so many callers from the start.
    pub(super) fn with(count: usize) -> Self {
        Self {
            callers: VecDeque::with_capacity(count),
            workers: 0,
            in_vain: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.callers.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.callers.is_empty()
    }

    /// How many of them are workers of this pool that wait without limit.
    pub(super) fn workers(&self) -> usize {
        self.workers
    }

    pub(super) fn join(&mut self, seat: Arc<Seat>, worker: bool) {
        self.workers += usize::from(worker);
        self.callers.push_back(InLine {
            seat,
            worker,
            notified: false,
        });
    }

    pub(super) fn is_first(&self, seat: &Arc<Seat>) -> bool {
        self.callers
            .front()
            .is_some_and(|caller| Arc::ptr_eq(&caller.seat, seat))
    }

    /// Takes a caller out, wherever in the line it is. True if it was the first.
    pub(super) fn leave(&mut self, seat: &Arc<Seat>) -> bool {
        let first = self.is_first(seat);
        if first {
            self.in_vain = 0;
        }
        if let Some(index) = self
            .callers
            .iter()
            .position(|caller| Arc::ptr_eq(&caller.seat, seat))
        {
            self.remove(index);
        }
        first
    }

    fn remove(&mut self, index: usize) -> Option<InLine> {
        let caller = self.callers.remove(index)?;
        self.workers -= usize::from(caller.worker);
        Some(caller)
    }

    /// Whether the first in line is on its way.
    pub(super) fn is_notified(&self) -> bool {
        self.callers.front().is_some_and(|caller| caller.notified)
    }

    /// Notes that the first in line is on its way, or not any more.
    pub(super) fn set_notified(&mut self, notified: bool) -> Option<Arc<Seat>> {
        let first = self.callers.front_mut()?;
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
        if let Some(first) = self.callers.front() {
            first.seat.nudge();
        }
    }

    /// Tells the first worker in the line that nobody is left to make room for it.
    pub(super) fn fail_a_worker(&mut self) {
        let worker = self.callers.iter().position(|caller| caller.worker);
        if let Some(caller) = worker.and_then(|index| self.remove(index)) {
            caller.seat.tell(Verdict::Deadlock);
        }
    }

    /// Sends everybody away.
    pub(super) fn dismiss(&mut self, verdict: Verdict) {
        for caller in self.callers.drain(..) {
            caller.seat.tell(verdict);
        }
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
}
