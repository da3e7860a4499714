//! What runs accepted tasks. Admission decides that a worker is to be there; an engine is what a
//! worker is.
//!
//! Rules for every engine:
//! - a worker that [`Engine::start`] has granted takes tasks from the pool's queue until admission
//!   lets it go, and calls [`Gate::finish`](crate::admission::Gate::finish) once for each;
//! - [`Engine::task_pushed`] loses no task: after it, a worker that is awake looks at the queue
//!   before it sleeps again;
//! - the gate is told when a worker's thread is about to end, or its fiber has.

mod duty;
pub(crate) mod fiber;
mod idle;
#[cfg(not(loom))]
mod os;
pub(crate) mod thread;
mod threads;

use std::sync::Arc;

use crate::admission::Refused;
use crate::pool::Pool;
use crate::stats::Stats;

/// One kind of worker.
pub(crate) trait Engine: Send + Sync {
    /// Starts a worker. Called with the gate locked.
    fn start(&self, pool: Arc<Pool>, index: usize) -> Result<(), Refused>;

    /// Tasks were pushed to the pool's queue: somebody awake has to see them.
    fn task_pushed(&self, pool: &Pool);

    /// Runs `look` on the calling thread, which is awake meanwhile and sees to it that pushed tasks
    /// are seen when it ends: until then nobody else has to be woken.
    fn watch(&self, pool: &Pool, look: &mut dyn FnMut());

    /// Workers without a task look whether they are still needed.
    fn look_again(&self, pool: &Pool);

    /// Waits for threads that have told the gate that they end.
    fn reap(&self);

    /// Adds what the workers have counted to `stats`.
    fn add_counts(&self, stats: &mut Stats);
}
