//! How workers come and go: retiring, tuning, closing, rebooting (README, "Workers").

use super::control::{Control, Owner};
use super::waiter::WaitOutcome;
use super::word::CLOSED;
use super::{Counts, Gate, LEAVING, Next, STARVED, SURPLUS, TRIMMED, TUNED, Workers, next_tune};
use crate::error::Error;
use crate::sync::{Ordering, mutant};

/// One look at everything the lock guards.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Snapshot {
    pub(crate) running: usize,
    pub(crate) accepted: usize,
    pub(crate) waiting: usize,
    pub(crate) counts: Counts,
}

/// What a worker that asked to leave is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retire {
    /// It does not count any more and has to leave.
    Leave,
    /// A task has been accepted that counts on it.
    Needed,
    /// It is one of those that always stay.
    Kept,
}

impl Gate {
    /// Whether a worker without a task should ask to leave: the pool is closed or has too many, and
    /// there are fewer tasks than workers. A look without the lock; [`Gate::retire`] decides.
    pub(crate) fn is_unneeded(&self) -> bool {
        // ORDERING: Relaxed; whoever tuned has written it itself.
        let hints = self.hints.load(Ordering::Relaxed);
        let word = self.look();
        hints & LEAVING != 0
            || (word.has(CLOSED) || hints & (SURPLUS | TRIMMED) != 0)
                && word.accepted() < self.live()
    }

    /// A worker that has no task and finds none asks to leave: it has expired, or is unneeded.
    pub(crate) fn retire(&self, expired: bool) -> Retire {
        let mut control = self.lock();
        self.collect(&mut control);
        let mut running = 0;
        if let Some(metering) = &mut control.metering {
            if metering.leave() {
                self.settle_metering(&mut control);
                self.notify_waiters(control);
                return Retire::Leave;
            }
            running = metering.running();
        }
        // [A12] A worker that has had a task since the trim is not idle since then, and may stay.
        let trimmed_to = control
            .trimmed_to
            .map(|workers| workers.max(self.look().accepted()))
            .filter(|&workers| workers < control.live);
        control.trimmed_to = trimmed_to;
        let floor = if control.closed {
            0
        } else if expired {
            self.limits.min_workers.min(control.capacity)
        } else {
            trimmed_to.unwrap_or(control.capacity).min(control.capacity)
        };
        if control.live <= floor {
            self.publish(&mut control);
            return Retire::Kept;
        }
        let live = control.live;
        let base = self.base_for(control.capacity, live - 1);
        let change = base as i64 - control.base as i64;
        // [A1] Only while a worker is left for each accepted task, seen in the same step.
        let left = self.update(|word| {
            (word.accepted().max(running) < live || mutant("A1")).then(|| word.with_room(change))
        });
        if left.is_err() {
            control.trimmed_to = None;
            self.publish(&mut control);
            return Retire::Needed;
        }
        control.base = base;
        control.live = live - 1;
        control.trimmed_to = trimmed_to.filter(|&workers| workers < live - 1);
        control.counts.purged += u64::from(!control.closed);
        self.settle_metering(&mut control);
        self.notify_waiters(control);
        Retire::Leave
    }

    /// Whether there are more workers than the capacity allows. A look without the lock.
    pub(crate) fn has_surplus(&self) -> bool {
        // ORDERING: Relaxed; whoever tuned has written it itself.
        self.hints.load(Ordering::Relaxed) & (SURPLUS | LEAVING) != 0
    }

    #[cold]
    pub(super) fn follow_hints(&self, hints: u32, index: usize, workers: &dyn Workers) -> Next {
        let mut control = self.lock();
        // The hints were read before the task was finished. If the pool has been tuned since, a new
        // task may have been accepted for this worker in between, and it has to ask like one without a
        // task ([`Gate::retire`]).
        let tuned = hints / TUNED != control.tunes && !mutant("A1");
        let next = if control.metering.is_some() {
            self.end_metered(&mut control, index)
        } else if hints & SURPLUS != 0
            && (control.live > control.capacity || mutant("A1.surplus"))
            && !tuned
        {
            // [A1] It leaves with the place of the task it has just finished; the others keep theirs.
            control.live -= 1;
            control.counts.purged += 1;
            self.rebase(&mut control, 0);
            Next::Leave
        } else {
            Next::Stay
        };
        if next == Next::Stay && hints & STARVED != 0 {
            self.start_for_queued(&mut control, workers);
        }
        self.notify_waiters(control);
        next
    }

    /// Starts workers for accepted tasks that have none.
    pub(super) fn start_for_queued(&self, control: &mut Control, workers: &dyn Workers) {
        while control.may_start() && self.look().accepted() > control.live {
            if !self.start_one(control, workers) {
                return;
            }
            self.rebase(control, 0);
        }
    }

    /// A task ended its thread. True if another worker took its place; false if the system refused
    /// one, and this thread has to go on serving.
    pub(crate) fn replace_lost(&self, index: usize, workers: &dyn Workers) -> bool {
        let mut control = self.lock();
        control.counts.lost += 1;
        let successor = control.indices.upcoming();
        let replaced = self.start_thread(&mut control, workers);
        if replaced {
            // The lost one leaves as the new one comes: neither `live` nor the word changes.
            control.threads -= usize::from(!mutant("A14.lost"));
            control.indices.give_back(index);
            if let Some(metering) = &mut control.metering {
                metering.hand_over(index, successor);
            }
        }
        replaced
    }

    /// A worker was lost, and another is in its place already.
    #[cfg(not(loom))]
    pub(crate) fn count_replaced(&self) {
        let mut control = self.lock();
        control.counts.lost += 1;
        control.counts.spawned += 1;
    }

    /// A worker has lost its thread where nobody is to take its place.
    pub(crate) fn count_lost(&self) {
        self.lock().counts.lost += 1;
    }

    /// A worker's thread is about to end; `index` is free again.
    /// True if the caller has to end the pool.
    pub(crate) fn thread_ends(&self, index: usize) -> bool {
        let mut control = self.lock();
        control.indices.give_back(index);
        control.threads -= 1;
        self.notify_termination(&mut control);
        // [A14] The one that owns the pool has left it to the last thread.
        control.ends() && !mutant("A14")
    }

    /// The workers that are to be there from the start.
    pub(crate) fn start_min_workers(&self, workers: &dyn Workers) -> Result<(), Error> {
        let mut control = self.lock();
        self.start_up_to_min(&mut control, workers)
    }

    fn start_up_to_min(&self, control: &mut Control, workers: &dyn Workers) -> Result<(), Error> {
        while control.live < self.limits.min_workers.min(control.capacity) {
            if !self.start_one(control, workers) {
                return Err(Error::Spawn);
            }
            self.rebase(control, 0);
        }
        Ok(())
    }

    /// Changes the capacity.
    pub(crate) fn tune(&self, capacity: usize, workers: &dyn Workers) -> Result<(), Error> {
        if !self.limits.tunable {
            return Err(Error::Unsupported);
        }
        let mut control = self.lock();
        // What has finished does not count.
        self.stop_deferring(&mut control);
        if capacity < control.live {
            self.begin_metering(&mut control, capacity, workers)?;
        }
        if capacity > control.capacity {
            // More workers are wanted: the system is asked at once.
            control.refused = None;
        }
        control.capacity = capacity;
        control.tunes = next_tune(control.tunes);
        while control.live < capacity && control.keep_one() {}
        // [A2] The room that the old capacity left is gone before this returns.
        if !mutant("A2") {
            self.rebase(&mut control, 0);
        }
        self.settle_metering(&mut control);
        if !mutant("A1.tune") {
            self.start_for_queued(&mut control, workers);
        }
        if control.live < control.capacity {
            // If the system refuses workers, the first waiter has to keep asking it.
            control.wait_queue.notify_first();
        }
        self.notify_waiters(control);
        Ok(())
    }

    /// Has the workers leave that have no task now, but for `min_workers`. False if there is none; else those
    /// that sleep have to be woken.
    pub(crate) fn trim(&self) -> bool {
        let mut control = self.lock();
        self.stop_deferring(&mut control);
        let least = self.limits.min_workers.min(control.capacity);
        // [A12] Those with a task are not idle.
        let stay = if mutant("A12") {
            control.live
        } else {
            self.look().accepted().max(least)
        };
        let trims = !control.closed && stay < control.live;
        if trims {
            control.trimmed_to = Some(stay);
        }
        self.publish(&mut control);
        trims
    }

    /// Closes the pool; false if it was closed.
    pub(crate) fn close(&self) -> bool {
        let mut control = self.lock();
        if control.closed {
            return false;
        }
        control.closed = true;
        // [A8] From here on nothing is accepted: every acceptance is an exchange of this word, or is
        // made under this lock.
        if !mutant("A8") {
            let _ = self.update(|word| Some(word.with(CLOSED, CLOSED)));
        }
        control.wait_queue.dismiss(WaitOutcome::Closed);
        // [A15] What was accepted runs, or is discarded.
        self.end_pause(&mut control);
        self.notify_waiters(control);
        true
    }

    /// The pool is never opened again, and whoever sees it closed and without a thread ends it.
    pub(crate) fn give_up(&self) {
        self.lock().owner = Owner::GivenUp;
    }

    /// Whether the caller has to end the pool: it was given up, is closed, and has no thread.
    pub(crate) fn ends(&self) -> bool {
        // [A14] Or the last thread has seen it.
        self.lock().ends() && !mutant("A14.none")
    }

    /// The pool, which is about to be closed or is closed already, does not run tasks that have not begun.
    pub(crate) fn discard(&self) {
        let mut control = self.lock();
        control.discards = true;
        self.publish(&mut control);
    }

    /// Opens the pool again.
    pub(crate) fn reopen(&self, workers: &dyn Workers) -> Result<(), Error> {
        let mut control = self.lock();
        if !control.closed {
            return Ok(());
        }
        if control.owner != Owner::Caller {
            return Err(Error::Closed);
        }
        self.start_up_to_min(&mut control, workers)?;
        control.closed = false;
        control.discards = false;
        control.drained = false;
        if !mutant("A8.reopen") {
            control
                .termination_waiters
                .complete_all(WaitOutcome::Canceled);
        }
        let _ = self.update(|word| Some(word.with(CLOSED, 0)));
        self.notify_waiters(control);
        Ok(())
    }

    /// Writes who waits for what, unless the lock is kept for longer than a moment.
    #[cfg(not(loom))]
    pub(crate) fn dump(&self, out: &mut dyn std::fmt::Write) -> std::fmt::Result {
        let Some(control) = crate::dump::lock_soon(&self.control) else {
            return writeln!(out, "  waits: (busy)");
        };
        let (quiescence_waiters, termination_waiters) = (
            control.quiescence_waiters.len(),
            control.termination_waiters.len(),
        );
        let refused = control.refused.is_some();
        drop(control);
        writeln!(
            out,
            "  waits: {quiescence_waiters} for all tasks, {termination_waiters} for the last worker"
        )?;
        if refused {
            writeln!(out, "  the system refuses workers")?;
        }
        Ok(())
    }

    /// One consistent look.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut control = self.lock();
        self.collect(&mut control);
        Snapshot {
            running: control.live,
            accepted: self.look().accepted(),
            waiting: control.wait_queue.len(),
            counts: control.counts,
        }
    }
}
