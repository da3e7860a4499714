//! Workers that are threads of the operating system. See the README beside this file.

#[cfg(all(test, loom))]
mod models;
mod slot;
mod worker;

#[cfg(not(loom))]
use std::fmt::{self, Write};
use std::sync::{Arc, Weak};

use super::Engine;
use super::idle::Idle;
use super::run_task::Handoff;
use super::threads::Threads;
use crate::admission::SpawnError;
use crate::clock::Deadline;
use crate::config::Config;
#[cfg(not(loom))]
use crate::dump::{self, Pace};
use crate::error::Error;
use crate::memory;
use crate::pool::Pool;
use crate::stats::Stats;
use crate::sync::{Mutex, SpinWait, looks, mutant, spin, spin_loop};

use slot::Slot;
use worker::Worker;

/// The thread workers of one pool.
#[derive(Debug)]
pub(crate) struct ThreadEngine {
    idle: Idle<Slot>,
    slots: Mutex<Vec<Arc<Slot>>>,
    spin: SpinWait,
    threads: Threads,
    /// Itself, for its workers.
    this: Weak<ThreadEngine>,
}

impl ThreadEngine {
    /// The engine of a pool, without workers. What the workers inherit is taken from the calling
    /// thread.
    pub(crate) fn new(config: &Config) -> Result<Arc<Self>, Error> {
        let in_advance = if config.pre_alloc {
            config.capacity.unwrap_or(0)
        } else {
            0
        };
        let mut slots = Vec::new();
        slots.try_reserve_exact(in_advance)?;
        for index in 0..in_advance {
            // Of the reserve, where the system refuses more; there is some of it for the first of these only.
            memory::check()?;
            slots.push(Arc::new(Slot::new(index)));
        }
        let threads = Threads::new(config, config.stack_size)?;
        let idle = Idle::with(in_advance)?;
        Ok(Arc::new_cyclic(|this| Self {
            idle,
            slots: Mutex::new(slots),
            spin: SpinWait::default(),
            threads,
            this: Weak::clone(this),
        }))
    }

    /// The slot of a worker that is about to start. Room for it among the sleepers is there then.
    fn slot(&self, index: usize) -> Result<Arc<Slot>, SpawnError> {
        self.idle.reserve(index + 1)?;
        let mut slots = self.slots.lock();
        while slots.len() <= index {
            slots.try_reserve(1)?;
            let next = slots.len();
            slots.push(Arc::new(Slot::new(next)));
        }
        Ok(Arc::clone(&slots[index]))
    }

    /// For each worker with a task: its index.
    fn count_running(&self, count: &mut dyn FnMut(usize)) {
        let slots = self.slots.lock();
        for slot in slots.iter().filter(|slot| slot.counts.function().is_some()) {
            count(slot.index);
        }
    }

    fn spawn(&self, pool: Arc<Pool>, index: usize, handoff: Handoff) -> Result<(), SpawnError> {
        let engine = self.this.upgrade().ok_or(SpawnError)?;
        let slot = self.slot(index)?;
        let its_pool = Arc::clone(&pool);
        let live = move || Worker::new(its_pool, engine, slot, handoff).live();
        let begin = || self.threads.spawn(index, live);
        self.idle.start(begin, || !pool.queue().is_empty())
    }

    /// Whether a worker that does not sleep takes what was pushed before a sleeper could: it may have
    /// finished a task just now and be about to look. To wake a sleeper costs microseconds, and where
    /// workers and submitters share few CPUs it costs the one that was about to take the task its CPU as
    /// well.
    fn is_taken_soon(&self, pool: &Pool) -> bool {
        if !pool.may_spin() || self.idle.sleepers() >= pool.gate().live() {
            return false;
        }
        (0..looks(spin::TAKEN)).any(|_| {
            spin_loop();
            pool.queue().is_empty()
        })
    }
}

impl Engine for ThreadEngine {
    fn start(&self, pool: Arc<Pool>, index: usize) -> Result<(), SpawnError> {
        self.spawn(pool, index, Handoff::default())
    }

    #[inline]
    fn task_pushed(&self, pool: &Pool) {
        self.idle.task_pushed(|| self.is_taken_soon(pool));
    }

    fn begin_spin(&self) {
        self.idle.begin_spin();
    }

    fn end_spin(&self, pool: &Pool) {
        self.idle
            .end_spin(|| !pool.queue().is_empty() && !self.is_taken_soon(pool));
    }

    fn look_again(&self, _: &Pool) {
        self.idle.wake_all();
    }

    fn expiry_changed(&self, _: u64) {
        if !mutant("W7") {
            self.idle.wake_all();
        }
    }

    fn count_running(&self, count: &mut dyn FnMut(usize)) -> bool {
        ThreadEngine::count_running(self, count);
        true
    }

    fn reap(&self, deadline: Deadline) -> bool {
        self.threads.reap(deadline)
    }

    fn detach(&self) {
        self.threads.detach();
    }

    #[cfg(not(loom))]
    fn dump(&self, out: &mut dyn Write, pace: &Pace) -> fmt::Result {
        let Some(slots) = dump::lock_soon(&self.slots) else {
            return writeln!(out, "  workers: (busy)");
        };
        for slot in slots.iter() {
            let running = slot.counts.running();
            // A place whose worker has left looks like that of one that sleeps.
            if running.is_some() {
                dump::write_worker(out, "worker", slot.index, running, pace, "")?;
            }
        }
        drop(slots);
        let (searching, sleeping) = self.idle.figures();
        writeln!(
            out,
            "  without a task: {searching} searching, {sleeping} parked"
        )
    }

    fn add_counts(&self, stats: &mut Stats) {
        for slot in self.slots.lock().iter() {
            slot.counts.add_to(stats);
        }
    }
}
