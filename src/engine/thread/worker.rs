//! One worker: takes tasks, runs them, sleeps, retires.

use std::cell::Cell;
use std::ffi::c_void;
use std::sync::Arc;

use super::ThreadEngine;
use super::slot::Slot;
use crate::admission::{Next, Refused, Retire, Workers};
use crate::capture;
use crate::clock::{self, Deadline};
use crate::current::Current;
use crate::observer::Failure;
use crate::pool::Pool;
use crate::sync::mutant;
use crate::task::{Task, TaskFn};

/// Rounds of looking for a task before a worker lies down.
const ROUNDS: u32 = 20;

/// What a lost worker leaves to the one that takes its place.
#[derive(Clone, Debug, Default)]
pub(super) struct Legacy {
    /// A task has failed by ending its thread, and is to be reported. Its argument may point into the
    /// stack of the lost thread, which stays.
    report: Option<(TaskFn, *mut c_void, String)>,
    /// A callback has ended its thread: a line for the log.
    log: Option<String>,
    /// A task is to be finished.
    finish: bool,
}

// SAFETY (of the promise, not of code): the argument of a task may be used on any thread; whoever
// made the task promised so.
#[allow(
    unsafe_code,
    reason = "a task's argument travels to the thread that reports it"
)]
// SAFETY: see above.
unsafe impl Send for Legacy {}

/// Starts ordinary workers.
struct Ordinary<'a>(&'a Worker);

impl Workers for Ordinary<'_> {
    fn start(&self, index: usize) -> Result<(), Refused> {
        self.0
            .engine
            .spawn(Arc::clone(&self.0.pool), index, Legacy::default())
    }
}

/// Starts the worker that takes a lost one's place.
struct Heir<'a>(&'a Worker, &'a Legacy);

impl Workers for Heir<'_> {
    fn start(&self, index: usize) -> Result<(), Refused> {
        self.0
            .engine
            .spawn(Arc::clone(&self.0.pool), index, self.1.clone())
    }
}

/// One thread's view of its pool.
#[derive(Debug)]
pub(super) struct Worker {
    pool: Arc<Pool>,
    engine: Arc<ThreadEngine>,
    slot: Arc<Slot>,
    searching: Cell<bool>,
    /// It does not count any more.
    retired: Cell<bool>,
}

impl Worker {
    pub(super) fn new(pool: Arc<Pool>, engine: Arc<ThreadEngine>, slot: Arc<Slot>) -> Self {
        Self {
            pool,
            engine,
            slot,
            searching: Cell::new(true),
            retired: Cell::new(false),
        }
    }

    /// The whole life of the thread.
    pub(super) fn live(self, legacy: Legacy) {
        let current = self.current();
        current.enter(|| {
            // Whatever the host's code does now takes its time, and others must not rely on this one.
            self.stop_searching();
            self.start_hook(&legacy);
            self.serve(&current, legacy);
            current.retire();
            self.retired.set(true);
            self.call_back("a stop hook", false, || {
                self.pool.observer().worker_stopped(self.slot.index);
            });
        });
        self.engine.end_thread();
        self.pool.gate().thread_ends(self.slot.index);
    }

    /// Calls the start hook. If that ends the thread no other is started, whose hook would do the same:
    /// this one goes on serving from inside.
    fn start_hook(&self, legacy: &Legacy) {
        let lost = || {
            self.pool.gate().count_lost();
            let log = Some("a start hook ended its thread".to_owned());
            let current = self.current();
            let legacy = Legacy {
                log,
                ..legacy.clone()
            };
            current.enter(|| self.serve_on_lost_thread(&current, legacy));
            self.engine.traits.abandon_this_thread();
        };
        let hook = || self.pool.observer().worker_started(self.slot.index);
        if let Err(message) = capture::callback(hook, &lost) {
            self.log(false, &format!("a start hook failed: {message}"));
        }
    }

    /// What the calling thread is to know about itself.
    fn current(&self) -> Current {
        Current::new(self.pool.address(), self.pool.observer().owner())
    }

    /// Goes on serving where nobody takes the place of a thread that is being unwound.
    fn serve_on_lost_thread(&self, current: &Current, legacy: Legacy) {
        self.serve(current, legacy);
        self.pool.gate().thread_ends(self.slot.index);
    }

    /// Runs tasks until the gate lets the worker go.
    fn serve(&self, current: &Current, legacy: Legacy) {
        if let Some((function, arg, message)) = legacy.report {
            self.report(function, arg, &message);
        }
        if let Some(line) = legacy.log {
            self.log(legacy.finish, &line);
        }
        let mut go_on = !legacy.finish || self.finish();
        while go_on {
            let Some(task) = self.next_task() else {
                return;
            };
            go_on = self.perform(task, current);
        }
        self.stop_searching();
    }

    /// Runs one task to its end, its report included. False if the worker has to leave.
    #[inline]
    fn perform(&self, mut task: Task, current: &Current) -> bool {
        if let Some(accepted) = task.accepted_at() {
            self.slot
                .counts
                .queued_for(clock::now().saturating_sub(accepted));
        }
        let (function, arg) = (task.function(), task.arg());
        let lost = || {
            let message = current
                .take_failure()
                .unwrap_or_else(|| "the task ended its thread".to_owned());
            let report = Some((function, arg, message));
            self.lose_thread(
                current,
                Legacy {
                    report,
                    log: None,
                    finish: true,
                },
            );
        };
        if let Err(message) = capture::run(&mut task, current, &lost) {
            self.report(function, arg, &message);
        }
        self.finish()
    }

    /// Accounts for a task that has ended.
    #[inline]
    fn finish(&self) -> bool {
        self.slot.counts.completed.add(1);
        let gate = self.pool.gate();
        let hints = gate.hints();
        // [W4] In a closed pool one task fewer may be what lets a sleeper go.
        let closed = gate.finish();
        self.slot.counts.settled.add(1);
        if closed && self.engine.idle.has_sleepers() && !mutant("W4") {
            self.engine.idle.wake_all();
        }
        gate.after_task(hints, &Ordinary(self)) == Next::Stay
    }

    /// The next task; `None` if the worker does not count any more.
    #[inline]
    fn next_task(&self) -> Option<Task> {
        match self.pool.queue().pop() {
            Some(task) => {
                self.stop_searching();
                Some(task)
            }
            None => self.search(),
        }
    }

    fn stop_searching(&self) {
        if self.searching.replace(false) {
            self.engine
                .idle
                .end_search(|| !self.pool.queue().is_empty());
        }
    }

    #[cold]
    fn search(&self) -> Option<Task> {
        let (gate, queue, idle) = (self.pool.gate(), self.pool.queue(), &self.engine.idle);
        let mut idle_since = None;
        let mut expiry = self.pool.expiry();
        loop {
            if let Some(task) = self.look_for_a_while() {
                self.stop_searching();
                return Some(task);
            }
            if gate.is_unneeded() && gate.retire(false) == Retire::Leave {
                self.stop_searching();
                return None;
            }
            let deadline = expiry.map_or(Deadline::NEVER, |expiry| {
                Deadline::at(*idle_since.get_or_insert_with(clock::now), expiry)
            });
            let must_look = || !queue.is_empty() || gate.is_unneeded();
            if !idle.lie_down(&self.slot, self.searching.get(), must_look) {
                self.searching.set(true);
                continue;
            }
            self.searching.set(true);
            if self.slot.parker.park_until(deadline) {
                continue;
            }
            if !idle.get_up_late(&self.slot) {
                // Woken after all: the wake belongs to this sleep.
                self.slot.parker.park_until(Deadline::NEVER);
                continue;
            }
            self.searching.set(false);
            match gate.retire(true) {
                Retire::Leave => return None,
                // As good as having had the task that another worker took.
                Retire::Needed => idle_since = None,
                Retire::Kept => expiry = None,
            }
        }
    }

    /// Looks at the queue, and if nobody else does so keeps looking for as long as it would cost to
    /// be woken.
    fn look_for_a_while(&self) -> Option<Task> {
        let queue = self.pool.queue();
        if let Some(task) = queue.pop() {
            return Some(task);
        }
        if !self.pool.may_spin() {
            return None;
        }
        if !self.searching.get() {
            if !self.engine.idle.try_begin_search() {
                return None;
            }
            self.searching.set(true);
        }
        self.engine
            .lookout
            .look(ROUNDS, || if queue.is_empty() { None } else { queue.pop() })
    }

    fn report(&self, function: TaskFn, arg: *mut c_void, message: &str) {
        self.slot.counts.panicked.add(1);
        let mut handled = false;
        let failure = Failure {
            function,
            arg,
            message,
        };
        let fine = self.call_back("a panic handler", true, || {
            handled = self.pool.observer().task_failed(failure);
        });
        if handled || !fine {
            return;
        }
        self.log(true, &format!("a task failed: {message}"));
        if self.pool.aborts_on_panic() {
            std::process::abort();
        }
    }

    /// Calls one of the host's callbacks, with a task that is to be finished after it or not. False if
    /// it failed, which is logged.
    fn call_back(&self, what: &str, finish: bool, body: impl FnMut()) -> bool {
        let lost = || {
            let log = Some(format!("{what} ended its thread"));
            self.lose_thread_in_callback(Legacy {
                report: None,
                log,
                finish,
            });
        };
        match capture::callback(body, &lost) {
            Ok(()) => true,
            Err(message) => {
                self.log(finish, &format!("{what} failed: {message}"));
                false
            }
        }
    }

    fn log(&self, finish: bool, line: &str) {
        let observer = self.pool.observer();
        let failed =
            || crate::stderr::write_line(&format!("antpool: the logger failed at: {line}"));
        let lost = || {
            failed();
            self.lose_thread_in_callback(Legacy {
                report: None,
                log: None,
                finish,
            });
        };
        if capture::callback(|| observer.log_error(line), &lost).is_err() {
            failed();
        }
    }

    fn lose_thread_in_callback(&self, legacy: Legacy) {
        let current = self.current();
        current.enter(|| self.lose_thread(&current, legacy));
    }

    /// The thread is being unwound by pthread_exit() or a cancellation and can never leave the frame
    /// that calls this. Its duties go to another worker, or, if the system refuses one, are carried
    /// out from here until the gate lets the worker go.
    fn lose_thread(&self, current: &Current, legacy: Legacy) {
        if self.retired.get() {
            // Nobody has to take its place.
            self.pool.gate().count_lost();
            if let Some(line) = &legacy.log {
                crate::stderr::write_line(&format!("antpool: {line}"));
            }
            self.pool.gate().thread_ends(self.slot.index);
        } else if self
            .pool
            .gate()
            .replace_lost(self.slot.index, &Heir(self, &legacy))
        {
            // Nothing of this thread's is ever dropped again.
            drop(legacy);
        } else {
            self.serve_on_lost_thread(current, legacy);
        }
        self.engine.traits.abandon_this_thread();
    }
}
