//! Passing by what is in the queue, in the call that asks for it (admission's README, "Discarding").

#![forbid(unsafe_code)]

use super::caller;
use crate::errno::Errno;
use crate::pool::Pool;
use crate::task::TaskFn;

/// Closes the pool, and has no task run that has not begun: `discard` is called with its argument, by a worker or here.
pub(crate) fn release_and_discard(pool: &Pool, discard: Option<TaskFn>) {
    let _errno = Errno::kept();
    pool.release_and_discard(discard);
    // What comes into the queue later, from submits that were under way, is for the workers.
    caller::discard_all(pool, pool.gate().accepted());
}
