//! Threads for calls that block: they keep a fiber waiting, and not its carrier.

#![allow(unsafe_code, reason = "a call travels to another thread")]

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use super::oneshot::Oneshot;
use crate::admission::WaitPolicy;
use crate::clock::Deadline;
use crate::config::Config;
use crate::current::Current;
use crate::error::Error;
use crate::memory;
use crate::observer::{Failure, Observer};
use crate::pool::Pool;
use crate::sync::Mutex;
use crate::task::{Task, TaskFn};

/// The threads are a pool of their own, with a thread for each call as long as it may have more, and a
/// queue for the calls that come then. It is made by the first call.
#[derive(Debug)]
pub(super) struct Blocking(Mutex<Threads>);

#[derive(Debug)]
struct Threads {
    config: Config,
    pool: Option<Arc<Pool>>,
}

/// One call, for as long as either side has a use for it.
struct Call {
    function: TaskFn,
    arg: *mut c_void,
    /// The pool of the fiber, which the function belongs to as well.
    pool: *const (),
    owner: *const c_void,
    ended: Oneshot<Outcome>,
}

/// What it means for the task: nothing, that it has failed, or that it cannot go on.
#[derive(Debug)]
enum Outcome {
    Returned,
    Marked(String),
    Failed(String),
}

// SAFETY: what its pointers point at may be used on another thread; whoever made the call promised so.
unsafe impl Send for Call {}
// SAFETY: as above; what changes is behind the lock.
unsafe impl Sync for Call {}

/// Learns of calls that failed.
struct Listener;

impl Observer for Listener {
    fn task_failed(&self, failure: Failure<'_>) -> bool {
        // SAFETY: counted for the task, which did not come to its end.
        let call = unsafe { Arc::from_raw(failure.arg.cast_const().cast::<Call>()) };
        call.ended.send(Outcome::Failed(failure.message.to_owned()));
        true
    }

    fn log_error(&self, line: &str) {
        crate::stderr::write_line(&format!("antpool: {line}"));
    }

    fn log_warning(&self, _: &str) {}

    fn worker_started(&self, _: usize) {}

    fn worker_stopped(&self, _: usize) {}

    fn owner(&self) -> *const c_void {
        ptr::null()
    }
}

unsafe extern "C-unwind" fn run(call: *mut c_void) {
    // SAFETY: counted for this task until it has come to its end.
    let this = unsafe { &*call.cast_const().cast::<Call>() };
    // The function is inside the fiber's task, but not on the fiber.
    let frame = Current::new(this.pool, this.owner);
    // SAFETY: whoever made the call promised it. If it does not return, `frame` is not the thread's any
    // more when the next task begins.
    frame.enter(|| unsafe { (this.function)(this.arg) });
    let outcome = frame
        .take_failure()
        .map_or(Outcome::Returned, Outcome::Marked);
    // SAFETY: the end of the task.
    let call = unsafe { Arc::from_raw(call.cast_const().cast::<Call>()) };
    call.ended.send(outcome);
}

impl Blocking {
    pub(super) fn new(config: &Config) -> Self {
        let name = [config.name.to_bytes(), b"-b"].concat();
        let config = Config {
            capacity: Some(config.max_block_threads),
            expiry: Some(config.expiry.unwrap_or(Duration::from_secs(1))),
            name: std::ffi::CString::new(name).unwrap_or_default(),
            never_destroyed: false,
            cpus: config.cpus,
            ..Config::default_pool()
        };
        Self(Mutex::new(Threads { config, pool: None }))
    }

    /// Sets the nanoseconds for which an idle thread stays.
    pub(super) fn set_expiry(&self, expiry: u64) {
        let mut threads = self.0.lock();
        let expiry = Duration::from_nanos(expiry);
        threads.config.expiry = Some(expiry);
        if let Some(pool) = &threads.pool {
            // It has one to change.
            let _ = pool.set_expiry(expiry);
        }
    }

    /// Idle threads leave.
    pub(super) fn trim(&self) {
        if let Some(pool) = &self.0.lock().pool {
            pool.trim();
        }
    }

    fn pool(&self) -> Result<Arc<Pool>, Error> {
        let mut threads = self.0.lock();
        if let Some(pool) = &threads.pool {
            return Ok(Arc::clone(pool));
        }
        let made = Pool::new(threads.config.clone(), Arc::new(Listener))?;
        Ok(Arc::clone(threads.pool.insert(made)))
    }

    /// An unbounded queue has room: this does not wait.
    fn submit(&self, task: Task) -> Result<(), Error> {
        memory::check()?;
        loop {
            let threads = self.pool()?;
            match threads.submit(task, WaitPolicy::Until(Deadline::NEVER)) {
                // Another thread saw the end of the last fiber before this pool was opened again, and ends these threads
                // now. The next call has others.
                Err(Error::Closed) => {}
                result => return result,
            }
        }
    }

    /// Calls `function(arg)` while the calling fiber waits. A message: the function failed.
    pub(super) fn call(
        &self,
        pool: &Pool,
        function: TaskFn,
        arg: *mut c_void,
    ) -> Result<Option<String>, Error> {
        let call = Arc::new(Call {
            function,
            arg,
            pool: pool.address(),
            owner: pool.observer().owner(),
            ended: Oneshot::default(),
        });
        let counted = Arc::into_raw(Arc::clone(&call));
        // SAFETY: `run` takes a call, which is counted for it.
        let task = unsafe { Task::new(run, counted.cast_mut().cast()) };
        if let Err(error) = self.submit(task) {
            // SAFETY: no task owns it.
            drop(unsafe { Arc::from_raw(counted) });
            return Err(error);
        }
        Ok(match call.ended.receive() {
            Outcome::Returned => None,
            Outcome::Marked(message) => {
                Current::fail(|| message);
                None
            }
            Outcome::Failed(message) => Some(message),
        })
    }

    /// The threads end by themselves. No fiber is left that could call.
    pub(super) fn give_up(&self) {
        let pool = self.0.lock().pool.take();
        if let Some(pool) = pool {
            pool.give_up();
        }
    }

    /// Ends the threads. No fiber is left that could call, unless another thread has opened the pool again.
    pub(super) fn shut_down(&self) {
        let pool = self.0.lock().pool.take();
        if let Some(pool) = pool {
            pool.shut_down();
        }
    }
}
