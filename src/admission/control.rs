//! What the gate's lock guards: the workers' numbers, the capacity, the callers that wait.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::checks::Life;
use super::shrinking::Metering;
use super::waiter::{List, WaitQueue, Waiter, WaiterCache};
use super::{
    DISCARDS, Deferred, Gate, LEAVING, METERED, PAUSED, STARVED, SURPLUS, TRIMMED, TUNED, Workers,
};
use crate::clock::Backoff;
use crate::config::{CAPACITY_MAX, Config};
use crate::error::Error;
use crate::sync::Ordering;

/// Callers that can wait at one time in a pool with pre_alloc before anything is allocated.
const WAITERS_IN_ADVANCE: usize = 64;

/// What has to end the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// Its caller, who destroys it.
    Caller,
    /// Nobody: whoever sees it closed and without a thread ends it.
    GivenUp,
    /// It is being ended.
    Ended,
}

/// Everything about a pool that changes rarely.
#[derive(Debug)]
pub(super) struct Control {
    /// The most workers.
    pub(super) capacity: usize,
    /// Workers that count: granted by the system, and neither retired nor lost.
    pub(super) live: usize,
    /// Threads that a worker ran on and that have not ended: live ones and those on their way out.
    pub(super) threads: usize,
    /// What accepted and room add up to: `live` while workers may be started, the limit when not.
    pub(super) base: usize,
    pub(super) closed: bool,
    /// What its life was when the lock was given back last.
    pub(super) seen: Life,
    pub(super) paused: bool,
    /// Workers whose tasks wait until the pool is resumed.
    pub(super) held: List,
    pub(super) owner: Owner,
    /// It was closed so that tasks which have not begun never run.
    pub(super) discards: bool,
    /// How often the pool was tuned, as far as the hints can hold it.
    pub(super) tunes: u32,
    /// Somebody has been told that the last worker of this closing has exited.
    pub(super) drained: bool,
    /// Which workers may still run a task, while some have to leave.
    pub(super) metering: Option<Metering>,
    /// How many workers the last trim lets stay, until no more live or the others have a task again.
    pub(super) trimmed_to: Option<usize>,
    /// The system refused a worker, and has granted none since.
    pub(super) refused: Option<Backoff>,
    pub(super) indices: Indices,
    pub(super) wait_queue: WaitQueue,
    /// Callers that wait for an instant without tasks.
    pub(super) quiescence_waiters: List,
    /// Callers that wait for the last worker's exit.
    pub(super) termination_waiters: List,
    /// Callers that wait until nobody else does.
    pub(super) last: Option<Arc<Waiter>>,
    pub(super) waiter_cache: WaiterCache,
    /// What each worker that ever deferred a finish has deferred, by its index.
    pub(super) deferred: Vec<Arc<Deferred>>,
    pub(super) counts: Counts,
}

/// What is only ever reported.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) peak_running: usize,
    pub(crate) peak_waiting: usize,
    pub(crate) spawned: u64,
    pub(crate) purged: u64,
    pub(crate) lost: u64,
    pub(crate) spawn_failures: u64,
}

/// The workers' indices: the smallest that is free is given next.
#[derive(Debug, Default)]
pub(super) struct Indices {
    free: BinaryHeap<Reverse<usize>>,
    next: usize,
}

impl Indices {
    /// `None` if there is no memory for the day on which all of them are given back.
    fn take(&mut self) -> Option<usize> {
        if let Some(Reverse(index)) = self.free.pop() {
            return Some(index);
        }
        let more = self.next + 1 - self.free.len();
        self.free.try_reserve(more).ok()?;
        self.next += 1;
        Some(self.next - 1)
    }

    /// The one that is given next.
    pub(super) fn upcoming(&self) -> usize {
        self.free.peek().map_or(self.next, |Reverse(index)| *index)
    }

    /// All that are taken are below this.
    pub(super) fn limit(&self) -> usize {
        self.next
    }

    pub(super) fn give_back(&mut self, index: usize) {
        self.free.push(Reverse(index));
    }
}

impl Control {
    pub(super) fn new(config: &Config) -> Result<Self, Error> {
        let capacity = config.capacity.unwrap_or(CAPACITY_MAX);
        let (waiters, workers) = if config.pre_alloc {
            (WAITERS_IN_ADVANCE, capacity)
        } else {
            (0, 0)
        };
        let mut free = BinaryHeap::new();
        free.try_reserve_exact(workers)?;
        Ok(Self {
            capacity,
            live: 0,
            threads: 0,
            base: 0,
            closed: false,
            seen: Life::Open,
            paused: false,
            held: List::with(0),
            owner: Owner::Caller,
            discards: false,
            tunes: 0,
            drained: false,
            metering: None,
            trimmed_to: None,
            refused: None,
            indices: Indices { free, next: 0 },
            wait_queue: WaitQueue::with(waiters),
            quiescence_waiters: List::with(waiters),
            termination_waiters: List::with(waiters),
            last: None,
            waiter_cache: WaiterCache::with(waiters),
            deferred: Vec::new(),
            counts: Counts::default(),
        })
    }

    /// Whether the caller has to end the pool, which nobody owns and no thread serves any more. True once.
    pub(super) fn ends(&mut self) -> bool {
        let ends = self.owner == Owner::GivenUp && self.closed && self.threads == 0;
        if ends {
            self.owner = Owner::Ended;
        }
        ends
    }

    /// Whether the system may be asked for a worker: there is room for one, and it was not refused
    /// just now.
    pub(super) fn may_start(&self) -> bool {
        self.live < self.capacity
            && self
                .refused
                .is_none_or(|backoff| backoff.until().has_passed())
    }
}

impl Gate {
    /// Has one more worker count, if it can be had: the word does not know it yet, and the caller has to
    /// change the word by [`Gate::rebase`] before it lets go of the lock.
    pub(super) fn start_one(&self, control: &mut Control, workers: &dyn Workers) -> bool {
        if control.keep_one() {
            self.settle_metering(control);
        } else if self.start_thread(control, workers) {
            control.live += 1;
        } else {
            return false;
        }
        control.counts.peak_running = control.counts.peak_running.max(control.live);
        // The idle ones are spoken for.
        control.trimmed_to = None;
        true
    }

    /// Asks the system for a worker, which does not count yet.
    pub(super) fn start_thread(&self, control: &mut Control, workers: &dyn Workers) -> bool {
        let index = control.indices.take();
        let started = index.is_some_and(|index| workers.start(index).is_ok());
        if !started {
            if let Some(index) = index {
                control.indices.give_back(index);
            }
            control.counts.spawn_failures += 1;
            control.refused = Some(Backoff::after(control.refused));
            return false;
        }
        control.refused = None;
        control.threads += 1;
        control.counts.spawned += 1;
        true
    }

    /// Brings the word in the wait queue with `live` and `capacity` after either changed (A2), and in the same
    /// step accepts `tasks`.
    pub(super) fn rebase(&self, control: &mut Control, tasks: usize) {
        let base = self.base_for(control.capacity, control.live);
        let change = base as i64 - control.base as i64;
        control.base = base;
        let _ = self.update(|word| Some(word.with_room(change).accept(tasks)));
        self.publish(control);
    }

    /// The sum of accepted and room with this capacity and this number of live workers.
    pub(super) fn base_for(&self, capacity: usize, live: usize) -> usize {
        if live >= capacity {
            self.limit_of(capacity)
        } else {
            live
        }
    }

    /// Renews the copies that are read without the lock.
    pub(super) fn publish(&self, control: &mut Control) {
        let defer = self.may_defer(control);
        if defer == 0 {
            self.stop_deferring(control);
        }
        let word = self.look();
        let surplus = if control.live > control.capacity {
            SURPLUS
        } else {
            0
        };
        let refused = control.refused.is_some() && word.accepted() >= control.live;
        let short = control.live < control.capacity && (refused || word.accepted() > control.live);
        let starved = if short { STARVED } else { 0 };
        // ORDERING: Relaxed; hints and figures. A worker that reads an old hint takes one more task
        // and looks again.
        let metered = control.metering.as_ref().map_or(0, |metering| {
            if metering.is_anybody_to_leave() {
                METERED | LEAVING
            } else {
                METERED
            }
        });
        let trimmed = control.trimmed_to.map_or(0, |_| TRIMMED);
        let discards = if control.discards { DISCARDS } else { 0 };
        let paused = if control.paused { PAUSED } else { 0 };
        let flags = surplus | starved | metered | trimmed | discards | paused;
        let hints = (control.tunes * TUNED) | flags | defer;
        // ORDERING: [O6]
        self.hints.store(hints, Ordering::Release);
        self.live.store(control.live, Ordering::Relaxed);
        self.capacity.store(control.capacity, Ordering::Relaxed);
        self.waiting
            .store(control.wait_queue.len(), Ordering::Relaxed);
    }
}
