//! Every interleaving of a few calls on a whole pool whose threads are loom's. Each model shows the
//! invariant it is named for; with `ANTPOOL_MUTANT` set to that name it has to fail.

#![allow(unsafe_code, reason = "a task is a C function and its argument")]

use std::ffi::c_void;
use std::sync::Arc;
use std::time::Duration;

use crate::admission::Patience;
use crate::clock::Deadline;
use crate::config::Config;
use crate::observer::{Failure, Observer};
use crate::pool::Pool;
use crate::sync::{AtomicUsize, Ordering, Parker, advance, explore};
use crate::task::Task;

struct Nobody;

impl Observer for Nobody {
    fn task_failed(&self, _: Failure<'_>) -> bool {
        true
    }
    fn log_error(&self, _: &str) {}
    fn log_warning(&self, _: &str) {}
    fn worker_started(&self, _: usize) {}
    fn worker_stopped(&self, _: usize) {}
    fn owner(&self) -> *const c_void {
        std::ptr::null()
    }
}

/// A pool that starts `min_workers` at once.
fn pool(capacity: usize, min_workers: usize, expiry: Option<Duration>) -> Arc<Pool> {
    let config = Config {
        capacity: Some(capacity),
        queue_capacity: 0,
        min_workers,
        expiry,
        ..Config::default_pool()
    };
    let pool = Pool::new(config, Arc::new(Nobody)).expect("the options are valid");
    pool.start_min_workers().expect("models grant every thread");
    pool
}

/// What the tasks of a model share.
#[derive(Default)]
struct Shared {
    runs: AtomicUsize,
    met: Parker,
}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::default()
    }

    fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    /// Submits a task that calls `body` with this. False if the pool is closed.
    fn submit(
        self: &Arc<Self>,
        pool: &Pool,
        body: unsafe extern "C-unwind" fn(*mut c_void),
    ) -> bool {
        let arg = Arc::as_ptr(self).cast_mut().cast();
        // SAFETY: `self` outlives the pool's tasks in every model, and `body` takes a Shared.
        let task = unsafe { Task::new(body, arg) };
        pool.submit(task, Patience::Until(Deadline::NEVER)).is_ok()
    }
}

fn shared<'a>(arg: *mut c_void) -> &'a Shared {
    // SAFETY: every task here is submitted with one.
    unsafe { &*arg.cast::<Shared>() }
}

unsafe extern "C-unwind" fn count(arg: *mut c_void) {
    shared(arg).runs.fetch_add(1, Ordering::SeqCst);
}

/// Ends only when two such tasks run at once.
unsafe extern "C-unwind" fn meet(arg: *mut c_void) {
    let shared = shared(arg);
    if shared.runs.fetch_add(1, Ordering::SeqCst) == 0 {
        shared.met.park_until(Deadline::NEVER);
    } else {
        let _ = shared.met.unpark();
    }
}

/// [W1] [W3] A push meets a worker that lies down: the worker, or another, sees the task.
#[test]
fn w1_w3_a_task_is_not_lost_on_a_worker_that_lies_down() {
    explore(3, || {
        let (pool, shared) = (pool(1, 1, None), Shared::new());
        shared.submit(&pool, count);
        pool.wait(Deadline::NEVER).expect("not inside a task");
        assert_eq!(shared.runs(), 1);
        pool.shut_down();
    });
}

/// [W2] Two tasks that only end together: each has a worker of its own, although the second push
/// left the waking to the worker that was searching.
#[test]
fn w2_a_searcher_that_finds_a_task_wakes_the_next() {
    explore(1, || {
        let (pool, shared) = (pool(2, 2, None), Shared::new());
        shared.submit(&pool, meet);
        shared.submit(&pool, meet);
        // Not shut_down, which wakes everybody.
        pool.wait(Deadline::NEVER).expect("not inside a task");
        assert_eq!(shared.runs(), 2);
        pool.shut_down();
    });
}

/// [W4] A close, a task and two workers: whoever sleeps learns that it is not needed any more.
#[test]
fn w4_a_closed_pool_loses_every_worker() {
    // With two preemptions (LOOM_MAX_PREEMPTIONS=2) it also notices a finish that wakes nobody.
    explore(1, || {
        let (pool, shared) = (pool(2, 2, None), Shared::new());
        let closer = {
            let pool = Arc::clone(&pool);
            loom::thread::spawn(move || pool.shut_down())
        };
        let accepted = [shared.submit(&pool, count), shared.submit(&pool, count)];
        closer.join().unwrap();
        assert_eq!(
            shared.runs(),
            accepted.iter().filter(|accepted| **accepted).count()
        );
        assert_eq!((pool.running(), pool.busy()), (0, 0));
    });
}

/// [A1] A submit, an expiry and a close: the task runs once and every worker leaves.
#[test]
fn a1_an_expiry_that_meets_a_submit_and_a_close_loses_nothing() {
    explore(2, || {
        let (pool, shared) = (pool(1, 0, Some(Duration::from_millis(1))), Shared::new());
        let clock = loom::thread::spawn(advance);
        shared.submit(&pool, count);
        shared.submit(&pool, count);
        pool.shut_down();
        assert_eq!((shared.runs(), pool.running()), (2, 0));
        clock.join().unwrap();
    });
}
