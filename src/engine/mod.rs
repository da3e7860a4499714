//! Running accepted tasks. Admission decides when there has to be a worker; an engine implements
//! workers.
//!
//! Rules for every engine:
//! - a worker that [`Engine::start`] has granted takes tasks from the pool's queue until admission
//!   lets it go, and calls [`Gate::finish`](crate::admission::Gate::finish) once for each;
//! - [`Engine::task_pushed`] loses no task: after it, a worker that is awake looks at the queue
//!   before it sleeps again;
//! - the gate is told when a worker's thread is about to end, or its fiber has.

pub(crate) mod fiber;
mod float;
mod idle;
#[cfg(not(loom))]
mod os;
pub(crate) mod roster;
pub(crate) mod run_task;
pub(crate) mod thread;
mod threads;

#[cfg(not(loom))]
use std::fmt::{self, Write};
use std::sync::Arc;

use crate::admission::SpawnError;
use crate::clock::Deadline;
#[cfg(not(loom))]
use crate::dump::Pace;
use crate::pool::Pool;
use crate::stats::Stats;

/// One kind of worker.
pub(crate) trait Engine: Send + Sync {
    /// Starts a worker. Called with the gate locked.
    fn start(&self, pool: Arc<Pool>, index: usize) -> Result<(), SpawnError>;

    /// Tasks were pushed to the pool's queue: somebody awake has to see them.
    fn task_pushed(&self, pool: &Pool);

    /// The calling thread spins until something shows in the pool, and calls `end_spin` then: until that
    /// nobody has to be woken for tasks.
    fn begin_spin(&self);

    /// See `begin_spin`.
    fn end_spin(&self, pool: &Pool);

    /// Wakes workers without a task, to check whether they are still needed.
    fn look_again(&self, pool: &Pool);

    /// The pool's expiry has become this many nanoseconds: workers that sleep have to learn of it.
    fn expiry_changed(&self, expiry: u64);

    /// Threads that only help workers leave if they are idle.
    fn trim_helpers(&self) {}

    /// See [`Workers::count_running`](crate::admission::Workers::count_running).
    fn count_running(&self, count: &mut dyn FnMut(usize)) -> bool {
        let _ = count;
        false
    }

    /// Waits for threads that have told the gate that they end. False if one has not by the deadline.
    fn reap(&self, deadline: Deadline) -> bool;

    /// Nobody waits for the threads from here on: each sees to itself when it ends.
    fn detach(&self);

    /// The last thread has ended in a pool that nobody waits for: what helps it ends too.
    fn give_up_helpers(&self) {}

    /// Writes what each worker does, without waiting for a lock that one of them may hold.
    #[cfg(not(loom))]
    fn dump(&self, out: &mut dyn Write, pace: &Pace) -> fmt::Result;

    /// Adds what the workers have counted to `stats`.
    fn add_counts(&self, stats: &mut Stats);
}
