//! What every kind of worker owes a task: to run it to its end, to report how it failed, and to
//! survive what its callbacks do.

use crate::capture::{self, Loses};
use crate::clock;
use crate::current::Current;
use crate::observer::Failure;
use crate::pool::Pool;
use crate::stats::WorkerCounts;
use crate::task::Task;

/// What a lost worker leaves to the one that takes its place.
#[derive(Clone, Debug, Default)]
pub(super) struct Legacy {
    /// A task has failed by ending its worker, and is to be reported.
    report: Option<(Task, String)>,
    /// A callback has ended its worker: a line for the log.
    log: Option<String>,
    /// A task is to be finished.
    finish: bool,
}

impl Legacy {
    /// The same, and a line for the log.
    pub(super) fn with_line(&self, line: &str) -> Self {
        Self {
            log: Some(line.to_owned()),
            ..self.clone()
        }
    }

    /// Writes what it has for the log where no worker is left to do it.
    pub(super) fn write(&self) {
        if let Some(line) = &self.log {
            crate::stderr::write_line(&format!("antpool: {line}"));
        }
    }
}

/// One worker, as far as its tasks and its callbacks see it.
pub(super) trait Duty {
    fn pool(&self) -> &Pool;
    fn counts(&self) -> &WorkerCounts;
    fn current(&self) -> &Current;
    /// pthread_exit() or a cancellation unwinds the worker, which can never leave the frame that calls
    /// this. What is left to do is handed to another worker, or done from here.
    fn lose(&self, legacy: Legacy);

    /// Does what a lost worker has left. True if a task is to be finished after it.
    fn take_over(&self, legacy: &Legacy) -> bool {
        if let Some((task, message)) = &legacy.report {
            self.report(*task, message);
        }
        if let Some(line) = &legacy.log {
            self.log(legacy.finish, line);
        }
        legacy.finish
    }

    /// Runs one task to its end, its report included. It is not finished yet.
    #[inline(always)]
    fn perform(&self, task: &mut Task)
    where
        Self: Sized,
    {
        if task.accepted_at().is_some() {
            self.note_queued(task);
        }
        let (function, arg) = (task.function(), task.arg());
        let ended = capture::run(function, arg, &InTask(self, task));
        if ended.is_err() || self.current().is_marked() {
            self.failed(task, ended);
        }
    }

    #[cold]
    fn note_queued(&self, task: &Task) {
        if let Some(accepted) = task.accepted_at() {
            self.counts()
                .queued_for(clock::now().saturating_sub(accepted));
        }
    }

    /// The first message stands, also if a panic followed.
    #[cold]
    fn failed(&self, task: &Task, ended: Result<(), capture::Ended>) {
        let marked = self.current().take_failure();
        let message = marked.or_else(|| ended.err().map(capture::Ended::message));
        self.report(*task, &message.unwrap_or_default());
    }

    #[cold]
    fn report(&self, mut task: Task, message: &str) {
        self.counts().panicked.add(1);
        let mut handled = false;
        let failure = Failure {
            function: task.function(),
            arg: task.arg(),
            message,
        };
        let fine = self.call_back("a panic handler", true, || {
            handled = self.pool().observer().task_failed(failure);
        });
        if handled || !fine {
            return;
        }
        self.log(true, &format!("a task failed: {message}"));
        if self.pool().aborts_on_panic() {
            std::process::abort();
        }
    }

    /// Calls one of the host's callbacks, with a task that is to be finished after it or not. False if
    /// it failed, which is logged.
    fn call_back(&self, what: &str, finish: bool, body: impl FnMut()) -> bool {
        let lost = || {
            self.lose(Legacy {
                report: None,
                log: Some(format!("{what} ended its thread")),
                finish,
            });
        };
        match capture::callback(body, &InCallback(lost)) {
            Ok(()) => true,
            Err(message) => {
                self.log(finish, &format!("{what} failed: {message}"));
                false
            }
        }
    }

    fn log(&self, finish: bool, line: &str) {
        let observer = self.pool().observer();
        let failed =
            || crate::stderr::write_line(&format!("antpool: the logger failed at: {line}"));
        let lost = || {
            failed();
            self.lose(Legacy {
                report: None,
                log: None,
                finish,
            });
        };
        if capture::callback(|| observer.log_error(line), &InCallback(lost)).is_err() {
            failed();
        }
    }
}

/// A worker in a task.
struct InTask<'a, D: Duty>(&'a D, &'a Task);

impl<D: Duty> Loses for InTask<'_, D> {
    #[cold]
    fn lost(&self) {
        let Self(worker, task) = *self;
        let message = worker
            .current()
            .take_failure()
            .unwrap_or_else(|| "the task ended its thread".to_owned());
        worker.lose(Legacy {
            report: Some((*task, message)),
            log: None,
            finish: true,
        });
    }
}

/// A worker in a callback, with what is to be done if that ends its thread.
pub(super) struct InCallback<F: Fn()>(pub(super) F);

impl<F: Fn()> Loses for InCallback<F> {
    fn lost(&self) {
        (self.0)();
    }
}
