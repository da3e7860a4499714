//! What the gate's lock guards: the workers' numbers, the capacity, the callers that wait.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::seat::{Line, Seat, Seats};
use super::{Deferred, Gate, STARVED, SURPLUS, TUNED, Workers};
use crate::clock::Backoff;
use crate::config::{CAPACITY_MAX, Config};
use crate::sync::Ordering;

/// Callers that can wait at one time in a pool with pre_alloc before anything is allocated.
const SEATS_IN_ADVANCE: usize = 64;

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
    /// How often the pool was tuned, as far as the hints can hold it.
    pub(super) tunes: u32,
    /// Somebody has been told that the last worker of this closing has exited.
    pub(super) drained: bool,
    /// The system refused a worker, and has granted none since.
    pub(super) refused: Option<Backoff>,
    pub(super) indices: Indices,
    pub(super) line: Line,
    /// Callers that wait for an instant without tasks.
    pub(super) watchers: Vec<Arc<Seat>>,
    /// Callers that wait for the last worker's exit.
    pub(super) drainers: Vec<Arc<Seat>>,
    /// Callers that wait until nobody else does.
    pub(super) last: Option<Arc<Seat>>,
    pub(super) seats: Seats,
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
    /// Finishes that workers deferred and others settled.
    pub(crate) collected: u64,
}

/// The workers' indices: the smallest that is free is given next.
#[derive(Debug, Default)]
pub(super) struct Indices {
    free: BinaryHeap<Reverse<usize>>,
    next: usize,
}

impl Indices {
    fn take(&mut self) -> usize {
        match self.free.pop() {
            Some(Reverse(index)) => index,
            None => {
                self.next += 1;
                self.next - 1
            }
        }
    }

    pub(super) fn give_back(&mut self, index: usize) {
        self.free.push(Reverse(index));
    }
}

impl Control {
    pub(super) fn new(config: &Config) -> Self {
        let capacity = config.capacity.unwrap_or(CAPACITY_MAX);
        let (seats, workers) = if config.pre_alloc {
            (SEATS_IN_ADVANCE, capacity)
        } else {
            (0, 0)
        };
        Self {
            capacity,
            live: 0,
            threads: 0,
            base: 0,
            closed: false,
            tunes: 0,
            drained: false,
            refused: None,
            indices: Indices {
                free: BinaryHeap::with_capacity(workers),
                next: 0,
            },
            line: Line::with(seats),
            watchers: Vec::with_capacity(seats),
            drainers: Vec::with_capacity(seats),
            last: None,
            seats: Seats::with(seats),
            deferred: Vec::new(),
            counts: Counts::default(),
        }
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
    /// Asks the system for a worker. On success it counts, but the word does not know it yet: the
    /// caller has to change the word by [`Gate::rebase`] before it lets go of the lock.
    pub(super) fn start_one(&self, control: &mut Control, workers: &dyn Workers) -> bool {
        let index = control.indices.take();
        if workers.start(index).is_err() {
            control.indices.give_back(index);
            control.counts.spawn_failures += 1;
            control.refused = Some(Backoff::after(control.refused));
            return false;
        }
        control.refused = None;
        control.live += 1;
        control.threads += 1;
        control.counts.spawned += 1;
        control.counts.peak_running = control.counts.peak_running.max(control.live);
        true
    }

    /// Brings the word in line with `live` and `capacity` after either changed (A2), and in the same
    /// step accepts `tasks`.
    pub(super) fn rebase(&self, control: &mut Control, tasks: usize) {
        let base = self.base_for(control.capacity, control.live);
        let change = base as i64 - control.base as i64;
        control.base = base;
        let _ = self.update(|word| Some(word.with_room(change).accept(tasks)));
        self.publish(control);
    }

    /// What accepted and room add up to with that capacity and so many live workers.
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
        let hints = (control.tunes * TUNED) | surplus | starved | defer;
        self.hints.store(hints, Ordering::Relaxed);
        self.live.store(control.live, Ordering::Relaxed);
        self.capacity.store(control.capacity, Ordering::Relaxed);
        self.waiting.store(control.line.len(), Ordering::Relaxed);
    }
}
