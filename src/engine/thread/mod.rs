//! Workers that are threads of the operating system. See the README beside this file.

#[cfg(all(test, loom))]
mod models;
mod slot;
mod worker;

use std::sync::{Arc, Weak};

use super::Engine;
use super::duty::Legacy;
use super::idle::Idle;
use super::threads::Threads;
use crate::admission::Refused;
use crate::config::Config;
use crate::error::Error;
use crate::pool::Pool;
use crate::stats::Stats;
use crate::sync::{Lookout, Mutex, looks, spin_loop};

use slot::Slot;
use worker::Worker;

/// Looks at the queue before a sleeper is woken although workers are busy: below a microsecond.
const PATIENCE: u32 = 20;

/// The thread workers of one pool.
#[derive(Debug)]
pub(crate) struct ThreadEngine {
    idle: Idle<Slot>,
    slots: Mutex<Vec<Arc<Slot>>>,
    lookout: Lookout,
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
        // What follows aborts where memory is short; so ask for as much first.
        let mut probe: Vec<Slot> = Vec::new();
        let with_the_rest = in_advance.saturating_add(in_advance / 4);
        probe
            .try_reserve_exact(with_the_rest)
            .map_err(|_| Error::NoMemory)?;
        drop(probe);
        let mut slots = Vec::with_capacity(in_advance);
        slots.extend((0..in_advance).map(|index| Arc::new(Slot::new(index))));
        let threads = Threads::new(config, config.stack_size)?;
        Ok(Arc::new_cyclic(|this| Self {
            idle: Idle::with(in_advance),
            slots: Mutex::new(slots),
            lookout: Lookout::default(),
            threads,
            this: Weak::clone(this),
        }))
    }

    fn slot(&self, index: usize) -> Arc<Slot> {
        let mut slots = self.slots.lock();
        while slots.len() <= index {
            let next = slots.len();
            slots.push(Arc::new(Slot::new(next)));
        }
        Arc::clone(&slots[index])
    }

    fn spawn(&self, pool: Arc<Pool>, index: usize, legacy: Legacy) -> Result<(), Refused> {
        let engine = self.this.upgrade().ok_or(Refused)?;
        let slot = self.slot(index);
        self.idle.begin_search();
        let live = move || Worker::new(pool, engine, slot).live(legacy);
        let started = self.threads.spawn(index, live);
        if started.is_err() {
            self.idle.give_up_search();
        }
        started
    }

    /// Whether a worker that does not sleep takes what was pushed before a sleeper could: it may have
    /// finished a task just now and be about to look. To wake a sleeper costs microseconds, and where
    /// workers and submitters share few CPUs it costs the one that was about to take the task its CPU as
    /// well.
    fn is_taken_soon(&self, pool: &Pool) -> bool {
        if !pool.may_spin() || self.idle.sleepers() >= pool.gate().live() {
            return false;
        }
        (0..looks(PATIENCE)).any(|_| {
            spin_loop();
            pool.queue().is_empty()
        })
    }
}

impl Engine for ThreadEngine {
    fn start(&self, pool: Arc<Pool>, index: usize) -> Result<(), Refused> {
        self.spawn(pool, index, Legacy::default())
    }

    #[inline]
    fn task_pushed(&self, pool: &Pool) {
        self.idle.task_pushed(|| self.is_taken_soon(pool));
    }

    fn watch(&self, pool: &Pool, look: &mut dyn FnMut()) {
        self.idle.begin_watch();
        look();
        self.idle
            .end_watch(|| !pool.queue().is_empty() && !self.is_taken_soon(pool));
    }

    fn look_again(&self, _: &Pool) {
        self.idle.wake_all();
    }

    fn reap(&self) {
        self.threads.reap();
    }

    fn add_counts(&self, stats: &mut Stats) {
        for slot in self.slots.lock().iter() {
            slot.counts.add_to(stats);
        }
    }
}
