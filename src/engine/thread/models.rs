//! Every interleaving of a few calls on a whole pool whose threads are loom's. Each model shows the
//! invariant it is named for; with `ANTPOOL_MUTANT` set to that name it has to fail.

#![allow(unsafe_code, reason = "a task is a C function and its argument")]

use std::ffi::c_void;
use std::sync::Arc;
use std::time::Duration;

use crate::admission::WaitPolicy;
use crate::clock::Deadline;
use crate::config::Config;
use crate::observer::{Failure, Observer};
use crate::pool::Pool;
use crate::sync::{AtomicUsize, Ordering, Parker, advance, advance_for_good, explore};
use crate::task::Task;
use crate::tasks::Lane;

/// Whom the end of a worker wakes.
#[derive(Clone, Default)]
struct Host(Arc<Parker>, Arc<AtomicUsize>, Arc<Parker>);

impl Observer for Host {
    fn task_failed(&self, _: Failure<'_>) -> bool {
        true
    }
    fn log_error(&self, _: &str) {}
    fn log_warning(&self, _: &str) {}
    fn worker_started(&self, _: usize) {}
    fn worker_stopped(&self, _: usize) {
        let _ = self.0.unpark();
    }
    fn pool_ended(&self) {
        assert_eq!(self.1.fetch_add(1, Ordering::SeqCst), 0, "ended twice");
        let _ = self.2.unpark();
    }
    fn owner(&self) -> *const c_void {
        std::ptr::null()
    }
}

/// A pool that starts `min_workers` at once.
fn pool(capacity: usize, min_workers: usize, expiry: Option<Duration>) -> Arc<Pool> {
    pool_of(&Host::default(), capacity, min_workers, expiry)
}

fn pool_of(
    host: &Host,
    capacity: usize,
    min_workers: usize,
    expiry: Option<Duration>,
) -> Arc<Pool> {
    pool_with_queue(host, capacity, 0, min_workers, expiry)
}

fn pool_with_queue(
    host: &Host,
    capacity: usize,
    queue_capacity: usize,
    min_workers: usize,
    expiry: Option<Duration>,
) -> Arc<Pool> {
    let config = Config {
        capacity: Some(capacity),
        queue_capacity,
        min_workers,
        expiry,
        ..Config::default_pool()
    };
    let pool = Pool::new(config, Arc::new(host.clone())).expect("the options are valid");
    pool.start_min_workers().expect("models grant every thread");
    pool
}

/// What the tasks of a model share.
#[derive(Default)]
struct Shared {
    runs: AtomicUsize,
    discards: AtomicUsize,
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
        pool.submit(task, WaitPolicy::Until(Deadline::NEVER))
            .is_ok()
    }
}

fn shared<'a>(arg: *mut c_void) -> &'a Shared {
    // SAFETY: every task here is submitted with one.
    unsafe { &*arg.cast::<Shared>() }
}

unsafe extern "C-unwind" fn count(arg: *mut c_void) {
    shared(arg).runs.fetch_add(1, Ordering::SeqCst);
}

unsafe extern "C-unwind" fn nothing(_: *mut c_void) {}

unsafe extern "C-unwind" fn discard(arg: *mut c_void) {
    shared(arg).discards.fetch_add(1, Ordering::SeqCst);
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

/// [W1] [W3] A push meets a worker that parks: the worker, or another, sees the task.
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
            crate::sync::thread::spawn(move || pool.shut_down())
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
        let clock = crate::sync::thread::spawn(advance);
        shared.submit(&pool, count);
        shared.submit(&pool, count);
        pool.shut_down();
        assert_eq!((shared.runs(), pool.running()), (2, 0));
        clock.join().unwrap();
    });
}

/// [A12] A trim meets a worker that parks: it leaves.
#[test]
fn a12_a_trim_is_not_lost_on_a_worker_that_lies_down() {
    explore(2, || {
        let (host, shared) = (Host::default(), Shared::new());
        let pool = pool_of(&host, 1, 0, None);
        shared.submit(&pool, count);
        pool.wait(Deadline::NEVER).expect("not inside a task");
        pool.trim();
        host.0.park_until(Deadline::NEVER);
        assert_eq!((shared.runs(), pool.running()), (1, 0));
        pool.shut_down();
    });
}

/// [W7] A shorter expiry meets a worker that parks for ever: it expires.
#[test]
fn w7_a_new_expiry_is_not_lost_on_a_worker_that_lies_down() {
    explore(2, || {
        let (host, shared) = (Host::default(), Shared::new());
        let pool = pool_of(&host, 1, 0, Some(Duration::MAX));
        shared.submit(&pool, count);
        pool.set_expiry(Duration::from_millis(1))
            .expect("the pool has an expiry");
        advance_for_good();
        host.0.park_until(Deadline::NEVER);
        assert_eq!((shared.runs(), pool.running()), (1, 0));
        pool.shut_down();
    });
}

/// [A13] A pool of one worker is closed and discards, while that takes tasks: each runs or is discarded, and the worker
/// leaves.
#[test]
fn a13_each_task_runs_or_is_discarded_and_the_worker_leaves() {
    explore(1, || {
        let (host, shared) = (Host::default(), Shared::new());
        let pool = pool_with_queue(&host, 1, 2, 0, None);
        assert!(shared.submit(&pool, count) && shared.submit(&pool, count));
        crate::loops::release_and_discard(&pool, Some(discard));
        host.0.park_until(Deadline::NEVER);
        let discards = shared.discards.load(Ordering::SeqCst);
        assert_eq!((shared.runs() + discards, pool.running()), (2, 0));
        let stats = pool.stats();
        assert_eq!((stats.completed, stats.canceled), (2, discards as u64));
        pool.shut_down();
    });
}

/// [A13] Somebody takes tasks to discard them when the pool is opened again: a task that is accepted then runs.
#[test]
fn a13_a_task_of_later_is_not_discarded() {
    explore(2, || {
        let (host, shared) = (Host::default(), Shared::new());
        let pool = pool_with_queue(&host, 1, 2, 0, None);
        pool.release_and_discard(Some(discard));
        let discarder = {
            let pool = Arc::clone(&pool);
            crate::sync::thread::spawn(move || {
                let taken = pool.take_discarded(&mut 1).is_some();
                pool.finish_discarded(usize::from(taken), 0);
                taken
            })
        };
        pool.reboot().expect("models grant every thread");
        assert!(shared.submit(&pool, count));
        assert!(!discarder.join().unwrap(), "a task of later was taken");
        pool.wait(Deadline::NEVER).expect("not inside a task");
        assert_eq!(shared.runs(), 1);
        pool.shut_down();
    });
}

/// [A14] A pool is given up while its worker expires, or has a task: it ends once, and the task has run.
#[test]
fn a14_a_pool_that_is_given_up_ends_once() {
    explore(2, || {
        let (host, shared) = (Host::default(), Shared::new());
        let pool = pool_of(&host, 1, 0, Some(Duration::from_millis(1)));
        shared.submit(&pool, count);
        advance_for_good();
        pool.give_up();
        drop(pool);
        host.2.park_until(Deadline::NEVER);
        assert_eq!(shared.runs(), 1);
    });
}

/// [A14] A pool without a worker ends in the call that gives it up.
#[test]
fn a14_a_pool_without_workers_ends_at_once() {
    explore(1, || {
        let host = Host::default();
        pool_of(&host, 1, 0, None).give_up();
        assert_eq!(host.1.load(Ordering::SeqCst), 1);
    });
}

/// [L7] The worker of a lane exchanges the lane's place for a task of the queue, which stays until the lane's next
/// task has run: another worker comes for the place.
#[test]
fn l7_a_place_in_exchange_is_seen() {
    explore(1, || {
        let (pool, shared) = (pool(2, 2, None), Shared::new());
        let lane = Lane::make(Arc::clone(&pool), 1).expect("there is memory");
        // SAFETY: it is destroyed last.
        let its = unsafe { &*lane };
        let arg = Arc::as_ptr(&shared).cast_mut().cast();
        let wait = || WaitPolicy::Until(Deadline::NEVER);
        its.submit(nothing, arg, wait()).expect("it is open");
        its.submit(meet, arg, wait()).expect("it is open");
        shared.submit(&pool, meet);
        pool.wait(Deadline::NEVER).expect("not inside a task");
        assert_eq!(shared.runs(), 2);
        let stats = pool.stats();
        assert_eq!((stats.submitted, stats.completed), (3, 3));
        assert_eq!((its.running(), its.queued(), pool.busy()), (0, 0, 0));
        // SAFETY: nobody uses it any more.
        assert!(unsafe { Lane::destroy(lane) }.is_ok());
        pool.shut_down();
    });
}

/// [L7] A pool shrinks while a lane has tasks that wait: all of them run, and the worker that is left is one.
#[test]
fn l7_a_lane_lets_workers_go_that_have_to_leave() {
    explore(1, || {
        let (pool, shared) = (pool(2, 2, None), Shared::new());
        let lane = Lane::make(Arc::clone(&pool), 1).expect("there is memory");
        // SAFETY: it is destroyed last.
        let its = unsafe { &*lane };
        let arg = Arc::as_ptr(&shared).cast_mut().cast();
        for _ in 0..2 {
            let wait = WaitPolicy::Until(Deadline::NEVER);
            its.submit(count, arg, wait).expect("it is open");
        }
        pool.tune(1).expect("it is not fixed");
        pool.wait(Deadline::NEVER).expect("not inside a task");
        assert_eq!((shared.runs(), pool.busy()), (2, 0));
        // SAFETY: nobody uses it any more.
        assert!(unsafe { Lane::destroy(lane) }.is_ok());
        pool.shut_down();
        assert_eq!(pool.running(), 0);
    });
}
