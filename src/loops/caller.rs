//! The caller's own part: what its body does to it, and how that is reported.

#![forbid(unsafe_code)]

use std::ffi::c_void;
use std::ptr;

use crate::capture::{self, Loses};
use crate::current::Current;
use crate::engine::run_task::{Handoff, RunTask};
use crate::observer::Failure;
use crate::pool::Pool;
use crate::stats::WorkerCounts;
use crate::task::TaskFn;

/// The caller, as the report of a failure sees it.
struct Caller<'a> {
    pool: &'a Pool,
    counts: WorkerCounts,
    current: Current,
    /// What it calls, for the message about a body that ends its thread.
    calls: &'static str,
}

/// pthread_exit() in the caller's body, or in the handler that is told of it. The frames of the call can be
/// neither left nor kept.
struct Ends(&'static str);

impl Loses for Ends {
    fn lost(&self) -> ! {
        crate::stderr::write_line(&format!(
            "antpool: pthread_exit() in {}, on the thread that called it",
            self.0
        ));
        std::process::abort()
    }
}

impl RunTask for Caller<'_> {
    fn pool(&self) -> &Pool {
        self.pool
    }

    fn counts(&self) -> &WorkerCounts {
        &self.counts
    }

    fn current(&self) -> &Current {
        &self.current
    }

    fn lose(&self, _: Handoff) -> ! {
        Ends(self.calls).lost()
    }
}

/// Discards the tasks of a pool that have not begun, as inside one of them, and gives their places back.
pub(super) fn discard_all(pool: &Pool, mut most: usize) {
    let caller = Caller {
        pool,
        counts: WorkerCounts::default(),
        current: Current::new(pool.address(), pool.observer().owner()),
        calls: "what discards a task",
    };
    #[cfg(not(loom))]
    let _uncancelable = crate::cancel::Uncancelable::begin();
    let mut done = 0;
    caller.current.enter(|| {
        while let Some((mut task, discard)) = pool.take_discarded(&mut most) {
            caller.perform_tracked(&mut task, Some(discard));
            done += 1;
        }
    });
    pool.finish_discarded(done, caller.counts.panicked.get());
}

/// Calls `body`. If it fails, the pool's panic handler gets `named`. True if it has not failed.
///
/// Inside a task the body is part of that, but what it fails with is not. Elsewhere it runs as part of
/// no pool, and the thread cannot be canceled meanwhile.
pub(super) fn take_part(pool: &Pool, named: (TaskFn, *mut c_void), body: impl FnMut()) -> bool {
    let caller = Caller {
        pool,
        counts: WorkerCounts::default(),
        current: Current::new(ptr::null(), ptr::null()),
        calls: "the body of a loop",
    };
    let run = || match capture::callback(body, &Ends(caller.calls)) {
        Ok(()) => true,
        Err(message) => {
            pool.count_failed_here();
            caller.report_failure(Failure {
                function: named.0,
                arg: named.1,
                message: &message,
            });
            false
        }
    };
    if Current::is_inside() {
        run()
    } else {
        #[cfg(not(loom))]
        let _uncancelable = crate::cancel::Uncancelable::begin();
        caller.current.enter(run)
    }
}
