//! What every kind of worker owes a task: to run it to its end, to report how it failed, and to
//! survive what its callbacks do.

use std::time::Duration;

use crate::capture::{self, Loses};
use crate::clock;
use crate::current::Current;
use crate::engine::float::FloatControl;
use crate::observer::Failure;
use crate::pool::Pool;
use crate::stats::WorkerCounts;
use crate::task::{Task, TaskFn};
use crate::tasks::{Begin, Outcome, Tracker};

/// Tasks of a lane that run one after the other in one place, before that is exchanged for what is in the queue.
const LANE_IN_A_ROW: u32 = if cfg!(loom) { 1 } else { 64 };

/// What a lost worker leaves to the one that takes its place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Handoff {
    /// A task has failed by ending its worker, and is to be reported.
    report: Option<(Task, String)>,
    /// A callback has ended its worker: a line for the log.
    log: Option<String>,
    /// A task is to be finished.
    finish: bool,
    /// Before that, its place is for this one: the place of a lane.
    next: Option<Task>,
}

impl Handoff {
    /// The same, and a line for the log.
    pub(super) fn with_line(self, line: String) -> Self {
        Self {
            log: Some(line),
            ..self
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
pub(crate) trait RunTask {
    fn pool(&self) -> &Pool;
    fn counts(&self) -> &WorkerCounts;
    fn current(&self) -> &Current;
    /// pthread_exit() or a cancellation unwinds the worker, which can never leave the frame that calls
    /// this in the ordinary way. What is left to do is handed to another worker, or done when this one is
    /// back at its base.
    fn lose(&self, handoff: Handoff) -> !;

    /// From here on the worker calls this function, and not the one that its task began with.
    fn calls(&self, function: TaskFn) {
        let _ = function;
    }

    /// Between two tasks of a lane: lets others run, where these have no other turn.
    fn yield_between(&self) {}

    /// Does what a lost worker has left. True if a task is to be finished after it.
    fn take_over(&self, handoff: &Handoff) -> bool
    where
        Self: Sized,
    {
        let mut next = handoff.next;
        if let Some((task, message)) = &handoff.report {
            self.current().set_tracker(task.tracker());
            self.report(*task, message);
            next = self.current().end_lost();
        }
        if let Some(line) = &handoff.log {
            self.log_before(handoff.finish, line, next);
        }
        if let Some(mut place) = next {
            self.goes_on_with(&place);
            self.perform_lane(&mut place);
        }
        handoff.finish
    }

    /// Runs one task to its end, its report included. It is not finished yet.
    #[inline(always)]
    fn perform(&self, task: &mut Task)
    where
        Self: Sized,
    {
        let discards = self.pool().gate().discards();
        if task.is_special() || discards {
            if task.is_place() {
                return self.perform_lane(task);
            }
            if discards && !task.is_proxy() {
                self.perform_tracked(task, self.pool().discard());
                return;
            }
            self.perform_tracked(task, None);
            return;
        }
        FloatControl::reset();
        self.pool().task_begins();
        let (function, arg) = (task.function(), task.arg());
        let ended = capture::run(function, arg, &InTask(self, task));
        if ended.is_err() || self.current().is_marked() {
            self.failed(task, ended);
        }
    }

    /// Runs tasks of a lane, one after the other, in the place of that task (`tasks/README.md`, "A lane").
    #[cold]
    #[inline(never)]
    fn perform_lane(&self, place: &mut Task)
    where
        Self: Sized,
    {
        let mut in_a_row = 0;
        loop {
            let discards = self.pool().gate().discards();
            let discarded = if discards {
                self.pool().discard()
            } else {
                None
            };
            let goes_on = self.perform_tracked(place, discarded);
            // The time of its first task is no other's.
            place.forget_stamp();
            if !goes_on || self.pool().puts_back(place) {
                return;
            }
            in_a_row += 1;
            if in_a_row % LANE_IN_A_ROW == 0 {
                self.pool().exchange(place);
            }
            self.goes_on_with(place);
            if !place.is_place() {
                self.calls(place.reported().0);
                return self.perform_other(place);
            }
            self.yield_between();
        }
    }

    /// A task of a lane has ended, and the worker is about to begin `next` in the same place.
    fn goes_on_with(&self, next: &Task) {
        self.pool().task_ends();
        self.counts().complete_one();
        self.pool().gate().begin_unmetered(next.is_proxy());
    }

    #[inline(never)]
    fn perform_other(&self, task: &mut Task)
    where
        Self: Sized,
    {
        self.perform(task);
    }

    /// The same for a task that is sampled, or whose life is tracked, or which the pool discards: then with what is called instead. True
    /// if its place is for another task of its tracker.
    #[inline(never)]
    fn perform_tracked(&self, task: &mut Task, discarded: Option<Option<TaskFn>>) -> bool
    where
        Self: Sized,
    {
        let sampled = self.note_queued(task);
        self.current().set_tracker(task.tracker());
        let tracker = Current::tracker();
        let mut begin = tracker.map_or(Begin::Run, Tracker::begin);
        if let Begin::Call {
            function,
            arg,
            canceled,
        } = begin
        {
            task.replace(function, arg);
            self.calls(function);
            begin = canceled.map_or(Begin::Run, Begin::Canceled);
        }
        let begin = match (begin, discarded) {
            // [A13] The task has not begun, and never does.
            (Begin::Run, Some(discard)) => {
                let keeps = tracker.is_some_and(Tracker::keeps_argument);
                Begin::Canceled(discard.filter(|_| !keeps))
            }
            (begin, _) => begin,
        };
        let mut outcome = Outcome::Done;
        // [K1] A canceled task does not run. [G1] What its group was given for the argument runs in its place.
        if let Begin::Canceled(discard) = begin {
            self.counts().canceled.add(1);
            outcome = Outcome::Canceled;
            match discard {
                Some(discard) => task.replace_function(discard),
                None => return self.current().end_tracked(outcome),
            }
        }
        FloatControl::reset();
        self.pool().task_begins();
        let (function, arg) = (task.function(), task.arg());
        let ended = capture::run(function, arg, &InTask(self, task));
        if let Some(begun) = sampled {
            self.pool()
                .run_time()
                .record(clock::now().saturating_sub(begun));
        }
        if ended.is_err() || self.current().is_marked() {
            outcome = Outcome::Failed;
            self.failed(task, ended);
        }
        self.current().end_tracked(outcome)
    }

    /// If the task is sampled: notes how long it was queued. When that was.
    fn note_queued(&self, task: &Task) -> Option<Duration> {
        let accepted = task.accepted_at()?;
        let now = clock::now();
        self.pool()
            .queue_time()
            .record(now.saturating_sub(accepted));
        Some(now)
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
        let (function, arg) = task.reported();
        self.report_failure(Failure {
            function,
            arg,
            message,
        });
    }

    /// Tells the handler of a failure, or the log.
    fn report_failure(&self, failure: Failure<'_>) {
        self.counts().panicked.add(1);
        let mut handled = false;
        let fine = self.call_back("a panic handler", true, || {
            handled = self.pool().observer().task_failed(failure);
        });
        if handled || !fine {
            return;
        }
        self.log(true, &format!("a task failed: {}", failure.message));
        if self.pool().aborts_on_panic() {
            std::process::abort();
        }
    }

    /// Calls one of the host's callbacks, with a task that is to be finished after it or not. False if
    /// it failed, which is logged.
    fn call_back(&self, what: &str, finish: bool, body: impl FnMut()) -> bool {
        let lost = || -> Lost {
            self.lose(Handoff {
                report: None,
                log: Some(format!("{what} ended its thread")),
                finish,
                next: finish.then(|| self.current().end_lost()).flatten(),
            })
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
        self.log_before(finish, line, None);
    }

    /// The same in a place that is for `next` then, if it is for another task.
    fn log_before(&self, finish: bool, line: &str, next: Option<Task>) {
        let observer = self.pool().observer();
        let failed =
            || crate::stderr::write_line(&format!("antpool: the logger failed at: {line}"));
        let lost = || -> Lost {
            failed();
            self.lose(Handoff {
                report: None,
                log: None,
                finish,
                next: finish.then(|| self.current().end_lost()).flatten().or(next),
            })
        };
        if capture::callback(|| observer.log_error(line), &InCallback(lost)).is_err() {
            failed();
        }
    }
}

/// A worker in a task.
struct InTask<'a, D: RunTask>(&'a D, &'a Task);

impl<D: RunTask> Loses for InTask<'_, D> {
    #[cold]
    fn lost(&self) -> ! {
        let Self(worker, task) = *self;
        // The tracker goes along with the task.
        worker.current().set_tracker(None);
        let message = worker
            .current()
            .take_failure()
            .unwrap_or_else(|| "the task ended its thread".to_owned());
        worker.lose(Handoff {
            report: Some((*task, message)),
            log: None,
            finish: true,
            next: None,
        })
    }
}

/// A worker in a callback, with what is to be done if that ends its thread.
pub(super) struct InCallback<F: Fn() -> Lost>(pub(super) F);

/// What a closure gives that does not return.
pub(super) enum Lost {}

impl<F: Fn() -> Lost> Loses for InCallback<F> {
    fn lost(&self) -> ! {
        match (self.0)() {}
    }
}
