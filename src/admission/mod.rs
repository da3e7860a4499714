//! Decides whether a task may start now, waits for room, or is refused.
//!
//! The README beside this file has the words, the protocols, the invariants `[A1]` … and the table
//! of orderings that the comments here point to.

#![forbid(unsafe_code)]

mod barging;
mod checks;
mod control;
mod deferred;
mod life;
#[cfg(all(test, any(loom, miri)))]
mod models;
mod pausing;
mod quiescence;
mod shrinking;
mod staffed;
mod wait_queue;
mod waiter;
mod word;

use std::collections::TryReserveError;

use crossbeam_utils::CachePadded;

use crate::clock::Deadline;
use crate::config::Config;
use crate::error::Error;
use crate::sync::{
    AtomicU32, AtomicU64, AtomicUsize, Mutex, Ordering, SpinWait, light, looks, spin, spin_loop,
};

use barging::BargingBudget;
use control::Control;
pub(crate) use control::Counts;
pub(crate) use deferred::Deferred;
pub(crate) use life::Retire;
pub(crate) use word::TASKS_MAX;
use word::{CLOSED, FINISH, METERED_WORD, WAITERS, Word};

/// The system refused a worker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SpawnError;

impl From<TryReserveError> for SpawnError {
    fn from(_: TryReserveError) -> Self {
        Self
    }
}

/// What starts workers. Called with the gate locked, so it must not call the gate.
pub(crate) trait Workers {
    /// Starts a worker, or reports that the system refused it. The worker counts as live when this
    /// has returned.
    fn start(&self, index: usize) -> Result<(), SpawnError>;

    /// Calls `count` with the index of each worker that has a task. False where workers are not told
    /// apart like that.
    fn count_running(&self, count: &mut dyn FnMut(usize)) -> bool {
        let _ = count;
        false
    }
}

/// How long a caller is willing to wait for room.
#[derive(Clone, Copy, Debug)]
pub(crate) enum WaitPolicy {
    /// Not at all.
    Never,
    /// Until the deadline, which may be never.
    Until(Deadline),
}

/// The kind of caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Any thread.
    Outsider,
    /// A live worker of this pool, inside a task: if it waits, that is one worker fewer to make
    /// room.
    Worker,
    /// The thread that runs live workers of this pool: if it waits, none of them can make room.
    Carrier,
}

/// What a worker that has ended a task has to look at besides the next task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing: take the next task.
    Stay,
    /// It was surplus and does not count any more.
    Leave,
}

/// More workers live than the capacity allows.
const SURPLUS: u32 = 1;
/// The system refused a worker that an accepted task could use.
const STARVED: u32 = 2;
/// A worker that takes a task has to ask ([`Gate::begin_task`]).
const METERED: u32 = 4;
/// Workers without a task have to leave.
const LEAVING: u32 = 8;
/// How many finishes a worker may defer, at most 63, in units of the lowest of these bits.
const DEFER: u32 = 63 << 4;
/// Idle workers have to leave until as few live as the last trim allows.
const TRIMMED: u32 = 1 << 10;
/// Tasks that have not begun never run: the pool was closed like that.
const DISCARDS: u32 = 1 << 11;
/// Tasks that have not begun wait until the pool is resumed.
const PAUSED: u32 = 1 << 12;
/// The unit of the number of tunes, above all these.
const TUNED: u32 = 1 << 13;

/// The number of tunes after one more, as far as the hints can hold it.
fn next_tune(tunes: u32) -> u32 {
    (tunes + 1) % (u32::MAX / TUNED)
}

/// What a worker knows about the pool before it finishes a task.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hints(u32);

/// The admission of one pool.
#[derive(Debug)]
pub(crate) struct Gate {
    entrance: CachePadded<Entrance>,
    /// [`SURPLUS`], [`STARVED`], [`METERED`], [`LEAVING`], [`DEFER`], [`TRIMMED`], [`DISCARDS`], [`PAUSED`] and how often the pool was tuned, for workers that finish a task.
    /// Written under the lock.
    hints: AtomicU32,
    /// Copies of what the lock guards, for getters.
    live: AtomicUsize,
    capacity: AtomicUsize,
    waiting: AtomicUsize,
    spin: SpinWait,
    /// What never changes.
    limits: Limits,
    control: CachePadded<Mutex<Control>>,
}

/// What every submit and every finish writes.
#[derive(Debug)]
struct Entrance {
    /// See [`Word`].
    word: AtomicU64,
    /// Beside it, since a caller that barges has just written it.
    barging: BargingBudget,
}

/// What a pool was made with, as far as admission needs it.
#[derive(Clone, Copy, Debug)]
struct Limits {
    unlimited: bool,
    tunable: bool,
    queue_capacity: usize,
    max_waiting: usize,
    min_workers: usize,
}

impl Gate {
    /// The gate of an open pool without workers.
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        let control = Control::new(config)?;
        Ok(Self {
            entrance: CachePadded::new(Entrance {
                word: AtomicU64::new(Word::EMPTY.0),
                barging: BargingBudget::default(),
            }),
            hints: AtomicU32::new(0),
            live: AtomicUsize::new(0),
            capacity: AtomicUsize::new(control.capacity),
            waiting: AtomicUsize::new(0),
            spin: SpinWait::default(),
            limits: Limits {
                unlimited: config.capacity.is_none(),
                tunable: config.capacity.is_some() && !config.pre_alloc,
                queue_capacity: config.queue_capacity,
                max_waiting: config.max_waiting,
                min_workers: config.min_workers,
            },
            control: CachePadded::new(Mutex::new(control)),
        })
    }

    /// Accepts up to `want` tasks if a worker, or a place in the queue, is there for them without
    /// anything else having to happen. Says how many.
    #[inline]
    pub(crate) fn try_accept(&self, want: usize) -> usize {
        // ORDERING: Relaxed; the exchange below checks what was read.
        let mut seen = Word(self.entrance.word.load(Ordering::Relaxed));
        let mut barges = false;
        loop {
            let count = seen.acceptable(want);
            if count == 0 {
                return 0;
            }
            if seen.has(WAITERS) && !barges {
                barges = self.entrance.barging.take();
                if !barges {
                    return 0;
                }
            }
            // ORDERING: [O1]
            match self.entrance.word.compare_exchange_weak(
                seen.0,
                seen.accept(count).0,
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => return count,
                Err(now) => seen = Word(now),
            }
        }
    }

    /// While workers have to leave, accepts a task in the place of one that its worker is about to finish, and that goes on in
    /// the queue. For a moment it may be one more than the limit. False if nobody has to leave.
    #[cold]
    pub(crate) fn accept_instead(&self) -> bool {
        // ORDERING: Relaxed; a hint, as for any worker that finishes a task.
        let leaving = self.hints.load(Ordering::Relaxed) & (SURPLUS | METERED) != 0;
        // ORDERING: [O1]
        let more = |word: Word| (word.accepted() < TASKS_MAX).then(|| word.accept(1));
        leaving && self.update(more).is_ok()
    }

    /// Looks for room for no longer than workers take between a few empty tasks, and accepts one task if
    /// some shows. False at once where a worker could be started instead.
    pub(crate) fn spin_accept_briefly(&self) -> bool {
        !self.can_grow()
            && (0..looks(spin::ROOM_SOON)).any(|_| {
                spin_loop();
                self.look().room() > 0 && self.try_accept(1) == 1
            })
    }

    /// Spins for room before the caller waits in the wait queue, and accepts one task if some shows. False at once where
    /// a worker could be started instead, and when room shows that others wait in the queue of callers for: whether it may
    /// be taken is decided there.
    #[cold]
    pub(crate) fn spin_accept(&self) -> bool {
        let found = || {
            let word = self.look();
            (word.has(CLOSED) || word.room() > 0).then(|| self.try_accept(1) == 1)
        };
        !self.can_grow() && self.spin.spin(spin::ROOM, found).unwrap_or(false)
    }

    /// Whether there are fewer workers than there may be, as it looks from here.
    fn can_grow(&self) -> bool {
        // ORDERING: Relaxed; hints.
        self.live.load(Ordering::Relaxed) < self.capacity.load(Ordering::Relaxed)
    }

    /// Accepts one task by whatever it takes: a new worker, or waiting for room.
    #[cold]
    pub(crate) fn accept(
        &self,
        policy: WaitPolicy,
        caller: Caller,
        workers: &dyn Workers,
    ) -> Result<(), Error> {
        self.wait_accept(policy, caller, workers)
    }

    /// A task has ended: its place is free. Says whether the pool is closed, in which case workers
    /// that sleep have to look whether they can leave (W4).
    #[inline]
    pub(crate) fn finish(&self) -> bool {
        self.finish_many(1)
    }

    #[inline]
    fn finish_many(&self, count: usize) -> bool {
        // ORDERING: Relaxed; an old one is told from `tunes`.
        let hints = self.hints.load(Ordering::Relaxed);
        if hints & METERED != 0 {
            return self.finish_metered(count);
        }
        let before = self.subtract(count);
        if before.concerns_finisher(count) {
            self.look_after_finish(before, hints, count);
        }
        before.has(CLOSED)
    }

    /// Takes `count` tasks off the accepted ones. Returns the former word.
    #[inline]
    fn subtract(&self, count: usize) -> Word {
        let finishes = FINISH.wrapping_mul(count as u64);
        // ORDERING: [O2]
        let before = Word(self.entrance.word.fetch_add(finishes, Ordering::AcqRel));
        debug_assert!(before.accepted() >= count, "no such tasks: {before:?}");
        before
    }

    /// `count` finishes found the word `before`, and the hints before that.
    #[cold]
    fn look_after_finish(&self, before: Word, hints: u32, count: usize) {
        let mut control = self.lock();
        // [A10] The shrink that came in between has counted them as accepted. If the pool has been tuned more
        // than once, a later shrink may have seen them finished.
        if before.has(METERED_WORD) && control.tunes == next_tune(hints / TUNED) {
            self.count_finished(&mut control, count);
        }
        self.notify_quiescence(&mut control);
        self.notify_waiters(control);
    }

    /// The same with the lock, for the others who count what is accepted while tasks are metered.
    #[cold]
    fn finish_metered(&self, count: usize) -> bool {
        let mut control = self.lock();
        let before = self.subtract(count);
        self.count_finished(&mut control, count);
        self.notify_quiescence(&mut control);
        self.notify_waiters(control);
        before.has(CLOSED)
    }

    /// What a worker has to look at after the task it is about to finish. To be read before.
    #[inline]
    pub(crate) fn hints(&self) -> Hints {
        // [A10] [O5] The worker has said before whether it has a task.
        light();
        // ORDERING: [O6] It cannot move beyond the release of `finish`, and whoever acts on it decides under
        // the lock.
        Hints(self.hints.load(Ordering::Acquire))
    }

    /// The worker `index` has taken a task, and has said so where [`Workers::count_running`] looks. Comes
    /// back when the capacity allows it to run.
    #[inline]
    pub(crate) fn begin_task(&self, index: usize, helps: bool) {
        let hints = self.hints();
        if hints.0 & (METERED | PAUSED) != 0 {
            self.begin_held(hints, index, helps);
        }
    }

    /// The same where workers are not metered: it is only about a pause.
    #[inline]
    pub(crate) fn begin_unmetered(&self, helps: bool) {
        if self.is_paused() && !helps {
            self.hold_while_paused();
        }
    }

    #[cold]
    fn begin_held(&self, hints: Hints, index: usize, helps: bool) {
        if hints.0 & PAUSED != 0 && !helps {
            self.hold_while_paused();
        }
        if self.hints().0 & METERED != 0 {
            self.begin_metered(index);
        }
    }

    /// Whether a worker that has taken a task has to ask whether it runs. A look; the pool decides.
    #[inline]
    pub(crate) fn discards(&self) -> bool {
        // ORDERING: Relaxed; a worker that reads an old hint has taken its task before the pool was closed.
        self.hints.load(Ordering::Relaxed) & DISCARDS != 0
    }

    /// `count` tasks have been passed by.
    #[cold]
    pub(crate) fn finish_discarded(&self, count: usize) {
        self.finish_many(count);
    }

    /// What the worker `index` has to do before it takes the next task. It has just finished one, and has said so
    /// where [`Workers::count_running`] looks.
    #[inline]
    pub(crate) fn after_task(&self, hints: Hints, index: usize, workers: &dyn Workers) -> Next {
        let metered = self.hints().0 & METERED;
        match hints.0 & (SURPLUS | STARVED) | metered {
            0 => Next::Stay,
            _ => self.follow_hints(hints.0, index, workers),
        }
    }

    /// Accepted tasks, and those whose finish has been deferred.
    pub(crate) fn accepted(&self) -> usize {
        self.look().accepted()
    }

    /// Live workers.
    pub(crate) fn live(&self) -> usize {
        // ORDERING: Relaxed; a figure for people.
        self.live.load(Ordering::Relaxed)
    }

    /// The capacity; `None` if unlimited.
    pub(crate) fn capacity(&self) -> Option<usize> {
        // ORDERING: Relaxed; a figure for people.
        (!self.limits.unlimited).then(|| self.capacity.load(Ordering::Relaxed))
    }

    /// How many submits would be accepted now; `None` if unlimited.
    pub(crate) fn available(&self) -> Option<usize> {
        if self.is_closed() {
            return Some(0);
        }
        let limit = self.limit_of(self.capacity()?);
        Some(limit.saturating_sub(self.unfinished()))
    }

    /// Callers that wait to submit.
    pub(crate) fn waiting(&self) -> usize {
        // ORDERING: Relaxed; a figure for people.
        self.waiting.load(Ordering::Relaxed)
    }

    /// Whether the pool is closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.look().has(CLOSED)
    }

    fn look(&self) -> Word {
        // ORDERING: [O3]
        Word(self.entrance.word.load(Ordering::Acquire))
    }

    /// How many tasks may be unfinished at that capacity.
    fn limit_of(&self, capacity: usize) -> usize {
        capacity
            .saturating_add(self.limits.queue_capacity)
            .min(TASKS_MAX)
    }

    /// Changes the word by `change`, which may refuse by `None`; gives the word it was made from.
    fn update(&self, mut change: impl FnMut(Word) -> Option<Word>) -> Result<Word, Word> {
        // ORDERING: [O1] for the exchange; the loads before it are checked by it.
        self.entrance
            .word
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |word| {
                change(Word(word)).map(|word| word.0)
            })
            .map(Word)
            .map_err(Word)
    }
}
