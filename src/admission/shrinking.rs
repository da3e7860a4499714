//! A capacity below the number of live workers holds at once (README, "Shrinking").

use std::collections::VecDeque;
use std::sync::Arc;

use super::control::Control;
use super::waiter::{WaitOutcome, Waiter};
use super::word::{METERED_WORD, Word};
use super::{Gate, METERED, Next, Workers};
use crate::clock::Deadline;
use crate::error::Error;
use crate::sync::{Ordering, heavy, mutant};

/// Which workers may run a task, from a shrink until as few are left as the capacity allows.
#[derive(Debug)]
pub(super) struct Metering {
    /// Tasks that run: those of the workers that are `counted`.
    running: usize,
    /// Workers that no longer count and have not left. Which of them those are shows when they have no
    /// task.
    leaving: usize,
    /// By the workers' indices.
    counted: Vec<bool>,
    /// Workers that have taken a task which may not run yet, the oldest task first.
    held: VecDeque<(usize, Arc<Waiter>)>,
}

impl Metering {
    /// For workers with indices below `indices`, of which at most one more is given during one change of
    /// workers.
    fn new(indices: usize) -> Result<Self, Error> {
        let mut counted = Vec::new();
        counted.try_reserve_exact(indices + 1)?;
        counted.resize(indices + 1, false);
        let mut held = VecDeque::new();
        held.try_reserve_exact(indices + 1)?;
        Ok(Self {
            running: 0,
            leaving: 0,
            counted,
            held,
        })
    }

    pub(super) fn running(&self) -> usize {
        self.running
    }

    /// Whether these numbers can be, with this number of live workers.
    pub(super) fn is_possible(&self, live: usize) -> bool {
        let counted = self.counted.iter().filter(|&&counted| counted).count();
        counted == self.running && self.running <= live + self.leaving
    }

    pub(super) fn is_anybody_to_leave(&self) -> bool {
        self.leaving > 0
    }

    /// A worker without a task leaves, if one has to.
    pub(super) fn leave(&mut self) -> bool {
        let leaves = self.leaving > 0;
        self.leaving -= usize::from(leaves);
        leaves
    }

    /// The task of a lost worker is finished by the one that takes its place.
    pub(super) fn hand_over(&mut self, from: usize, to: usize) {
        let counted = std::mem::take(&mut self.counted[from]);
        self.counted[to] = counted;
    }
}

impl Control {
    /// All but `kept` workers have to leave, while tasks are metered.
    fn leave_live(&mut self, kept: usize) {
        if let Some(metering) = &mut self.metering {
            let leaving = self.live.saturating_sub(kept);
            metering.leaving += leaving;
            self.counts.purged += leaving as u64;
            self.live -= leaving;
        }
    }

    /// One of those that were to leave counts again, as one that has just come. False if there is none.
    pub(super) fn keep_one(&mut self) -> bool {
        let kept = self.metering.as_mut().is_some_and(Metering::leave);
        self.live += usize::from(kept);
        self.counts.spawned += u64::from(kept);
        kept
    }
}

impl Gate {
    /// Has every worker that takes a task from here on ask, and takes those off `live` that have none and
    /// are not needed: each accepted task that may already have a worker of its own keeps it (A1).
    pub(super) fn begin_metering(
        &self,
        control: &mut Control,
        capacity: usize,
        workers: &dyn Workers,
    ) -> Result<(), Error> {
        if control.metering.is_none() {
            let mut metering = Metering::new(control.indices.limit())?;
            control.waiter_cache.reserve(control.indices.limit())?;
            // ORDERING: Relaxed; the fence below.
            let hints = self.hints.load(Ordering::Relaxed);
            // ORDERING: [O6]
            self.hints.store(hints | METERED, Ordering::Release);
            // [A10] A worker says whether it has a task before it reads the hints: either that is seen here,
            // or it asks.
            if !mutant("A10.fence") {
                heavy();
            }
            let told_apart = workers.count_running(&mut |index| {
                metering.counted[index] = true;
                metering.running += 1;
            });
            if !told_apart {
                // ORDERING: [O6]
                self.hints.store(hints, Ordering::Release);
                return Ok(());
            }
            control.metering = Some(metering);
        }
        // [A10] Whoever finishes a task after this exchange takes it off `live` again, and nobody who did before.
        let flag = if mutant("A10.word") { 0 } else { METERED_WORD };
        let accepted = self
            .update(|word| Some(word.with(METERED_WORD, flag)))
            .map_or(0, Word::accepted);
        control.leave_live(accepted.max(capacity));
        Ok(())
    }

    /// `count` tasks that were accepted before the last shrink, as far as anybody can tell, have ended, and need
    /// no worker any more.
    pub(super) fn count_finished(&self, control: &mut Control, count: usize) {
        let needed = control.live.saturating_sub(count);
        control.leave_live(needed.max(control.capacity));
        self.rebase(control, 0);
        self.settle_metering(control);
    }

    /// A worker has a task and asks whether it may run. Comes back when it may.
    #[cold]
    pub(super) fn begin_metered(&self, index: usize) {
        let mut control = self.lock();
        let live = control.live;
        let Some(metering) = &mut control.metering else {
            return;
        };
        if metering.counted[index] {
            return; // The shrink has seen it with this task.
        }
        if metering.running < live || mutant("A10") {
            metering.counted[index] = true;
            metering.running += 1;
            return;
        }
        let waiter = control.waiter_cache.take();
        if let Some(metering) = &mut control.metering {
            metering.held.push_back((index, Arc::clone(&waiter)));
        }
        while waiter.outcome() == WaitOutcome::Waiting {
            drop(control);
            waiter.sleep(Deadline::NEVER);
            control = self.lock();
        }
        control.waiter_cache.give_back(waiter);
        self.notify_last(&mut control);
    }

    /// A worker has no task any more while tasks are metered.
    pub(super) fn end_metered(&self, control: &mut Control, index: usize) -> Next {
        let Some(metering) = &mut control.metering else {
            return Next::Stay;
        };
        let counted = std::mem::take(&mut metering.counted[index]);
        metering.running -= usize::from(counted);
        if counted && mutant("A10.late") {
            metering.leaving += 1;
            control.live -= 1;
        }
        let next = if metering.leave() {
            Next::Leave
        } else {
            Next::Stay
        };
        self.rebase(control, 0);
        self.settle_metering(control);
        next
    }

    /// Lets those run that were held and may, and ends the metering when nobody has to leave any more.
    pub(super) fn settle_metering(&self, control: &mut Control) {
        let live = control.live;
        let Some(metering) = &mut control.metering else {
            return;
        };
        while metering.running < live {
            let Some((index, waiter)) = metering.held.pop_front() else {
                break;
            };
            metering.counted[index] = true;
            metering.running += 1;
            waiter.complete(WaitOutcome::Done);
        }
        if metering.leaving == 0 && live <= control.capacity && metering.held.is_empty() {
            control.metering = None;
            let _ = self.update(|word| Some(word.with(METERED_WORD, 0)));
        }
    }
}
