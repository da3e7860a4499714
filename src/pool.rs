//! The pool: admission, queue and engine together. The safe core behind the C layer.

#![forbid(unsafe_code)]

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::admission::{Caller, Gate, SpawnError, TASKS_MAX, WaitPolicy, Workers};
use crate::clock::{self, Deadline};
use crate::config::{CAPACITY_MAX, Config};
use crate::current::Current;
use crate::engine::Engine;
#[cfg(not(loom))]
use crate::engine::fiber::FiberEngine;
use crate::engine::roster::Roster;
use crate::engine::thread::ThreadEngine;
use crate::errno::Errno;
use crate::error::Error;
use crate::fork;
use crate::hazard;
#[cfg(not(loom))]
use crate::loaded;
use crate::memory;
use crate::observer::Observer;
use crate::queue::{Level, Queue};
use crate::sanitizers;
use crate::stats::{Counter, Histogram, SharedCounter, Stats};
use crate::sync::{AtomicU32, AtomicU64, Mutex, Ordering, SpinWait, mutant, spin};
use crate::task::{Task, TaskFn};
use crate::tasks::Places;

/// Sampling interval: one task in SAMPLE of each submitting thread is timed.
const SAMPLE: u64 = 64;

/// Tasks of a batch that are pushed between two wake-ups of workers.
const TOLD: usize = 64;

/// A pool of workers.
pub(crate) struct Pool {
    gate: Gate,
    queue: Queue,
    engine: Arc<dyn Engine>,
    roster: Roster,
    observer: Arc<dyn Observer>,
    config: Config,
    /// Nanoseconds that an idle worker stays; for ever if `config` says so.
    expiry: AtomicU64,
    may_spin: bool,
    spin: SpinWait,
    #[cfg(not(loom))]
    pace: crate::dump::Pace,
    /// The process that made it.
    born: u32,
    this: Weak<Pool>,
    rejected: Counter,
    timed_out: Counter,
    /// Bodies of loops that failed on their callers.
    panicked: Counter,
    submitted: SharedCounter,
    /// Of sampled tasks.
    queue_time: Histogram,
    run_time: Histogram,
    /// While tasks that have not begun do not run: what is called with their arguments instead, if anything.
    /// Under this lock a task is taken to be discarded, and the pool opened again.
    discard: Mutex<Option<Option<TaskFn>>>,
    /// Tasks that were passed by, and not by workers.
    discarded: AtomicU64,
    /// How often that was, for tasks in lanes.
    discards: AtomicU32,
    /// What was called the last time.
    last_discard: Mutex<Option<TaskFn>>,
}

/// Starts this pool's workers.
struct Spawner<'a>(&'a Pool);

impl Workers for Spawner<'_> {
    fn start(&self, index: usize) -> Result<(), SpawnError> {
        let pool = self.0.this.upgrade().ok_or(SpawnError)?;
        self.0.engine.start(pool, index)
    }

    fn count_running(&self, count: &mut dyn FnMut(usize)) -> bool {
        self.0.engine.count_running(count)
    }
}

impl Pool {
    /// An open pool without workers.
    pub(crate) fn new(config: Config, observer: Arc<dyn Observer>) -> Result<Arc<Self>, Error> {
        config.check()?;
        memory::check()?;
        fork::watch();
        #[cfg(not(loom))]
        loaded::stay();
        crate::sync::prepare_asymmetric();
        let queue = match config.capacity {
            Some(capacity) if config.pre_alloc => Queue::fixed(
                capacity
                    .saturating_add(config.queue_capacity)
                    .min(TASKS_MAX),
            )?,
            _ => Queue::growing(),
        };
        let engine = Self::engine(&config)?;
        let gate = Gate::new(&config)?;
        let threads = if config.fibers {
            config.carriers
        } else {
            config.capacity.unwrap_or(CAPACITY_MAX)
        };
        Ok(Arc::new_cyclic(|this| Self {
            gate,
            queue,
            engine,
            roster: Roster::new(threads),
            observer,
            may_spin: crate::sync::can_spin(),
            spin: SpinWait::default(),
            #[cfg(not(loom))]
            pace: crate::dump::Pace::from_now(),
            born: fork::generation(),
            this: Weak::clone(this),
            expiry: AtomicU64::new(config.expiry_ns()),
            config,
            rejected: Counter::default(),
            timed_out: Counter::default(),
            panicked: Counter::default(),
            submitted: SharedCounter::default(),
            queue_time: Histogram::default(),
            run_time: Histogram::default(),
            discard: Mutex::new(None),
            discarded: AtomicU64::new(0),
            discards: AtomicU32::new(0),
            last_discard: Mutex::new(None),
        }))
    }

    #[cfg(not(loom))]
    fn engine(config: &Config) -> Result<Arc<dyn Engine>, Error> {
        Ok(if config.fibers {
            FiberEngine::new(config)?
        } else {
            ThreadEngine::new(config)?
        })
    }

    /// Models have threads only.
    #[cfg(loom)]
    fn engine(config: &Config) -> Result<Arc<dyn Engine>, Error> {
        Ok(ThreadEngine::new(config)?)
    }

    /// A new pool like this one, with the capacity this one has now.
    pub(crate) fn renewed(&self) -> Result<Arc<Self>, Error> {
        let config = Config {
            capacity: self.gate.capacity(),
            expiry: self
                .config
                .expiry
                .map(|_| self.expiry().unwrap_or(Duration::MAX)),
            ..self.config.clone()
        };
        Self::new(config, Arc::clone(&self.observer))
    }

    /// Starts the workers of `min_workers`.
    pub(crate) fn start_min_workers(&self) -> Result<(), Error> {
        self.gate.start_min_workers(&Spawner(self))
    }

    /// Whether the parent of this process made it.
    #[inline]
    pub(crate) fn is_foreign(&self) -> bool {
        self.born != fork::generation()
    }

    /// Accepts a task if there is a worker, or a place in the queue, for it now. The caller then hands it over.
    #[inline]
    pub(crate) fn tries_to_accept(&self) -> bool {
        self.gate.try_accept(1) == 1
    }

    /// Hands an accepted task to the workers, which run it exactly once. `thread` is the index of the calling
    /// thread, if it has one ([`hazard::index`]).
    #[inline]
    pub(crate) fn hand_over(&self, task: Task, thread: Option<usize>) -> Result<(), Error> {
        self.push(task, thread)?;
        self.engine.task_pushed(self);
        Ok(())
    }

    /// Submits a task: accepts it, by waiting if it must, and hands it over. The caller keeps the pool meanwhile.
    #[cold]
    pub(crate) fn submit(&self, task: Task, policy: WaitPolicy) -> Result<(), Error> {
        let _errno = Errno::kept();
        if !self.tries_to_accept() {
            self.accept(policy)?;
        }
        self.hand_over(task, hazard::index())
    }

    /// The same for a task with a priority, as far as it waits for a worker.
    #[cold]
    pub(crate) fn submit_at(
        &self,
        mut task: Task,
        policy: WaitPolicy,
        level: Level,
    ) -> Result<(), Error> {
        let _errno = Errno::kept();
        if !self.tries_to_accept() {
            self.accept(policy)?;
        }
        if level != Level::Normal {
            if let Err(error) = self.queue.prepare_levels() {
                self.take_back();
                return Err(error);
            }
        }
        let thread = hazard::index();
        self.count(&mut task, thread);
        if self.queue.push_at(task, level).is_err() {
            return Err(self.is_not_pushed(thread));
        }
        self.engine.task_pushed(self);
        Ok(())
    }

    /// Submits `count` tasks; returns how many were accepted.
    pub(crate) fn submit_batch(
        &self,
        count: usize,
        policy: WaitPolicy,
        mut task: impl FnMut(usize) -> Task,
    ) -> (usize, Result<(), Error>) {
        let _errno = Errno::kept();
        let (mut done, thread) = (0, hazard::index());
        if count == 0 && self.is_closed() {
            return (0, Err(Error::Closed));
        }
        while done < count {
            let mut accepted = self.gate.try_accept(count - done);
            if accepted == 0 {
                if let Err(error) = self.accept(policy) {
                    return (done, Err(error));
                }
                accepted = 1;
            }
            for index in done..done + accepted {
                if let Err(error) = self.push(task(index), thread) {
                    for _ in index + 1..done + accepted {
                        self.take_back();
                    }
                    self.engine.task_pushed(self);
                    return (index, Err(error));
                }
                // Workers begin while the rest is pushed.
                if (index - done) % TOLD == 0 {
                    self.engine.task_pushed(self);
                }
            }
            self.engine.task_pushed(self);
            done += accepted;
        }
        (done, Ok(()))
    }

    /// Whether a worker is idle, or might be started, for a task that needs a worker of its own.
    pub(crate) fn may_lend(&self) -> bool {
        !self.is_foreign() && self.gate.may_staff()
    }

    /// Runs a task at once on a worker of its own. False if there is no worker for it.
    pub(crate) fn lend(&self, task: impl FnOnce() -> Task) -> bool {
        let accepted =
            self.gate.accept_idle() || self.gate.accept_with_workers(1, &Spawner(self)).is_ok();
        accepted && self.hand_over(task(), hazard::index()).is_ok()
    }

    /// Runs `count` tasks at the same time, each on a worker of its own. If the system refuses memory, some have
    /// begun.
    pub(crate) fn lend_together(&self, count: usize, task: impl Fn() -> Task) -> Result<(), Error> {
        self.gate.accept_with_workers(count, &Spawner(self))?;
        for index in 0..count {
            if let Err(error) = self.hand_over(task(), hazard::index()) {
                (index + 1..count).for_each(|_| self.take_back());
                return Err(error);
            }
        }
        Ok(())
    }

    /// Counts a body that has failed on a thread that is not a worker.
    pub(crate) fn count_failed_here(&self) {
        self.panicked.count_shared();
    }

    /// The pool, to be kept.
    pub(crate) fn keep_alive(&self) -> Option<Arc<Self>> {
        self.this.upgrade()
    }

    /// Accepts a task if that takes no waiting: it has to be handed over. False if the pool is full.
    pub(crate) fn accepts_now(&self) -> Result<bool, Error> {
        if self.tries_to_accept() {
            return Ok(true);
        }
        memory::check()?;
        let _errno = Errno::kept();
        match self
            .gate
            .accept(WaitPolicy::Never, Caller::Outsider, &Spawner(self))
        {
            Ok(()) => Ok(true),
            Err(Error::Overload) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// How long sampled tasks were queued.
    pub(crate) fn queue_time(&self) -> &Histogram {
        &self.queue_time
    }

    /// How long sampled tasks ran.
    pub(crate) fn run_time(&self) -> &Histogram {
        &self.run_time
    }

    /// Tasks that were ever accepted.
    pub(crate) fn submitted(&self) -> u64 {
        self.submitted.get()
    }

    /// Accepted tasks that have not been settled as finished.
    pub(crate) fn load(&self) -> usize {
        self.gate.accepted()
    }

    #[cold]
    fn accept(&self, policy: WaitPolicy) -> Result<(), Error> {
        memory::check()?;
        let waits = matches!(policy, WaitPolicy::Until(deadline) if !deadline.has_passed());
        // A fiber does not spin: its carrier has other fibers to run.
        let looks = waits && self.may_spin && Current::suspender().is_none();
        if looks && (self.gate.spin_accept_briefly() || self.spin_accept()) {
            return Ok(());
        }
        let caller = if Current::would_block_carrier_of(self.address()) {
            Caller::Carrier
        } else if Current::counts_in(self.address()) {
            Caller::Worker
        } else {
            Caller::Outsider
        };
        let result = self.gate.accept(policy, caller, &Spawner(self));
        match result {
            Err(Error::TimedOut) => self.timed_out.count_shared(),
            Err(Error::Closed) | Ok(()) => {}
            Err(_) => self.rejected.count_shared(),
        }
        result
    }

    /// Spins for room. Meanwhile others need not wake anybody for tasks.
    fn spin_accept(&self) -> bool {
        self.engine.begin_spin();
        let accepted = self.gate.spin_accept();
        self.engine.end_spin(self);
        accepted
    }

    /// Puts an accepted task into the queue. If the system refuses memory, the task is not accepted any more.
    #[inline]
    fn push(&self, mut task: Task, thread: Option<usize>) -> Result<(), Error> {
        self.count(&mut task, thread);
        if self.queue.push(task).is_err() {
            return Err(self.is_not_pushed(thread));
        }
        Ok(())
    }

    /// Counts a task before it is pushed, so that it cannot be completed before it counts as submitted.
    #[inline(always)]
    fn count(&self, task: &mut Task, thread: Option<usize>) {
        let count = self.submitted.add_one(thread);
        if !cfg!(loom) && count % SAMPLE == 0 {
            task.stamp(clock::now());
        }
        sanitizers::release(&self.submitted);
    }

    /// The queue got no memory for a task that was counted.
    #[cold]
    fn is_not_pushed(&self, thread: Option<usize>) -> Error {
        self.submitted.take_one_back(thread);
        self.take_back();
        Error::NoMemory
    }

    /// Gives back the place of an accepted task that could not be pushed.
    #[cold]
    fn take_back(&self) {
        if self.gate.finish() {
            // [W4] As after the last task of a closed pool.
            self.engine.look_again(self);
        }
    }

    /// A worker that goes on with `task` in the place that it has takes the next one of the queue instead, if there is one,
    /// and puts that task at the end.
    #[cold]
    pub(crate) fn exchange(&self, task: &mut Task) {
        let Some(other) = self.queue.pop() else {
            return;
        };
        let mut back = std::mem::replace(task, other);
        while let Err(refused) = self.queue.push(back) {
            back = refused;
            clock::sleep(Duration::from_millis(1));
        }
        // [L7] Whoever was on the way to the other one may have found the queue empty.
        if !mutant("L7.exchange") {
            self.engine.task_pushed(self);
        }
    }

    /// If workers have to leave: puts `place`, which its worker would go on with, at the end of the queue. The worker then
    /// finishes, and may be one of those.
    #[cold]
    pub(crate) fn puts_back(&self, place: &Task) -> bool {
        if !mutant("L7.shrink") && !self.gate.accept_instead() {
            return false;
        }
        if self.queue.push(*place).is_err() {
            self.take_back();
            return false;
        }
        self.engine.task_pushed(self);
        true
    }

    /// What a plain submit does on a full pool.
    #[inline]
    pub(crate) fn policy(&self) -> WaitPolicy {
        if self.config.nonblocking {
            WaitPolicy::Never
        } else {
            WaitPolicy::Until(Deadline::NEVER)
        }
    }

    /// The capacity; `None` is unlimited.
    pub(crate) fn capacity(&self) -> Option<usize> {
        self.gate.capacity()
    }

    /// The number of live workers.
    pub(crate) fn running(&self) -> usize {
        self.gate.live()
    }

    /// The number of workers with a task.
    pub(crate) fn busy(&self) -> usize {
        self.gate.unfinished().min(self.gate.live())
    }

    /// The number of submits that would be accepted now; `None` is unlimited.
    pub(crate) fn available(&self) -> Option<usize> {
        self.gate.available()
    }

    /// The number of callers that wait to submit.
    pub(crate) fn waiting(&self) -> usize {
        self.gate.waiting()
    }

    /// Whether it is closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.gate.is_closed()
    }

    /// A consistent snapshot.
    pub(crate) fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        // In this order: a task is submitted before it is completed.
        self.engine.add_counts(&mut stats);
        // ORDERING: Acquire pairs with the Release of `finish_discarded`.
        let discarded = self.discarded.load(Ordering::Acquire);
        let submitted = self.submitted.get();
        let snapshot = self.gate.snapshot();
        let accepted = snapshot.accepted;
        let busy = accepted.min(snapshot.running);
        Stats {
            capacity: self.gate.capacity(),
            running: snapshot.running,
            busy,
            queued: accepted - busy,
            waiting: snapshot.waiting,
            peak_running: snapshot.counts.peak_running,
            peak_waiting: snapshot.counts.peak_waiting,
            submitted,
            completed: stats.completed + discarded,
            canceled: stats.canceled + discarded,
            rejected: self.rejected.get(),
            timed_out: self.timed_out.get(),
            panicked: stats.panicked + self.panicked.get(),
            spawned: snapshot.counts.spawned,
            purged: snapshot.counts.purged,
            lost: snapshot.counts.lost,
            spawn_failures: snapshot.counts.spawn_failures,
            queue_time: self.queue_time.times(),
            run_time: self.run_time.times(),
        }
    }

    /// Its name, as the options have it.
    #[cfg(not(loom))]
    pub(crate) fn name(&self) -> &std::ffi::CStr {
        &self.config.name
    }

    /// Writes what it is doing. `name` is that of the pool.
    #[cfg(not(loom))]
    pub(crate) fn dump(&self, out: &mut dyn std::fmt::Write) -> std::fmt::Result {
        let name = crate::dump::Bytes(self.config.name.to_bytes());
        write!(out, "pool \"{name}\" ")?;
        if self.is_foreign() {
            return writeln!(out, "belongs to the parent of this process");
        }
        let kind = if self.config.fibers {
            "fibers"
        } else {
            "threads"
        };
        let state = match (self.is_closed(), self.gate.is_paused()) {
            (true, _) => "closed",
            (false, true) => "paused",
            (false, false) => "open",
        };
        write!(out, "{state}, {kind}, capacity ")?;
        match self.capacity() {
            Some(capacity) => write!(out, "{capacity}")?,
            None => write!(out, "unlimited")?,
        }
        match self.config.queue_capacity {
            crate::config::QUEUE_UNBOUNDED => writeln!(out, ", queue unbounded")?,
            places => writeln!(out, ", queue {places}")?,
        }
        let (live, unfinished) = (self.gate.live(), self.gate.accepted());
        let busy = unfinished.min(live);
        writeln!(
            out,
            "  workers: {live} running, {busy} busy, {} idle",
            live - busy
        )?;
        let (queued, submitted) = (unfinished - busy, self.submitted.get());
        writeln!(
            out,
            "  tasks: {submitted} submitted, {unfinished} unfinished, {queued} queued"
        )?;
        writeln!(out, "  callers: {} wait to submit", self.waiting())?;
        self.gate.dump(out)?;
        self.engine.dump(out, &self.pace)
    }

    /// Changes the capacity.
    pub(crate) fn tune(&self, capacity: usize) -> Result<(), Error> {
        memory::check()?;
        let _errno = Errno::kept();
        self.gate.tune(capacity, &Spawner(self))?;
        if !self.config.fibers {
            self.roster.raise(capacity);
        }
        if self.gate.has_surplus() {
            self.engine.look_again(self);
        }
        Ok(())
    }

    /// Tasks that have not begun wait until it is resumed or closed.
    pub(crate) fn pause(&self) -> Result<(), Error> {
        let _errno = Errno::kept();
        self.gate.pause()
    }

    /// Ends a pause.
    pub(crate) fn resume(&self) {
        let _errno = Errno::kept();
        self.gate.resume();
    }

    /// Has idle workers leave, but for `min_workers`.
    pub(crate) fn trim(&self) {
        let _errno = Errno::kept();
        // [A12] The sleepers have to learn of it.
        if self.gate.trim() && !crate::sync::mutant("A12.wake") {
            self.engine.look_again(self);
        }
        self.engine.trim_helpers();
    }

    /// Changes how long an idle worker stays, also for those that are idle already.
    pub(crate) fn set_expiry(&self, expiry: Duration) -> Result<(), Error> {
        if self.config.expiry.is_none() {
            return Err(Error::Unsupported);
        }
        let _errno = Errno::kept();
        let expiry = u64::try_from(expiry.as_nanos()).unwrap_or(u64::MAX);
        // ORDERING: [T2] Written before the sleepers are woken, who look at it after they have listed themselves.
        self.expiry.store(expiry, Ordering::Relaxed);
        self.engine.expiry_changed(expiry);
        Ok(())
    }

    /// Waits for an instant at which no accepted task is unfinished.
    pub(crate) fn wait(&self, deadline: Deadline) -> Result<(), Error> {
        if self.is_current() {
            return Err(Error::Deadlock);
        }
        if !self.is_done_soon() {
            let _errno = Errno::kept();
            self.gate.wait(deadline)?;
        }
        sanitizers::acquire(&self.panicked);
        Ok(())
    }

    /// A worker is about to call a task's function: what its submitter has written is there.
    #[inline]
    pub(crate) fn task_begins(&self) {
        sanitizers::acquire(&self.submitted);
    }

    /// A worker has ended a task: what that has written is there for whoever waits for the pool.
    #[inline]
    pub(crate) fn task_ends(&self) {
        sanitizers::release(&self.panicked);
    }

    /// Spins until every accepted task has ended, for less time than a sleep costs. True if they have.
    fn is_done_soon(&self) -> bool {
        let done = || (self.gate.accepted() == 0).then_some(());
        if self.may_spin && Current::suspender().is_none() {
            self.spin.spin(spin::DONE, done).is_some()
        } else {
            done().is_some()
        }
    }

    /// Closes it.
    pub(crate) fn release(&self) {
        let _errno = Errno::kept();
        // [W4] Sleeping workers have to learn of it.
        if self.gate.close() && !crate::sync::mutant("W4") {
            self.engine.look_again(self);
        }
    }

    /// Closes it. Tasks that have not begun never run: `discard` is called with their arguments.
    pub(crate) fn release_and_discard(&self, discard: Option<TaskFn>) {
        let mut now = self.discard.lock();
        *now = Some(discard);
        *self.last_discard.lock() = discard;
        // ORDERING: Release pairs with the Acquire of `discards`: what is in a lane then finds the function.
        self.discards.fetch_add(1, Ordering::Release);
        self.gate.discard();
        self.release();
    }

    /// While the pool discards tasks: what is called with the argument of one that a worker has taken.
    pub(crate) fn discard(&self) -> Option<Option<TaskFn>> {
        *self.discard.lock()
    }

    /// Takes a task that is to be discarded, with what is called with its argument; at most `most` are looked at.
    /// Helpers of loops and gangs go on, since those have begun: a worker is on its way to each. So it is to each place of
    /// a lane, and discards the tasks of that.
    pub(crate) fn take_discarded(&self, most: &mut usize) -> Option<(Task, Option<TaskFn>)> {
        while *most > 0 {
            *most -= 1;
            let mut task = {
                let now = self.discard.lock();
                // [A13] In a pool that has been opened again the task would be another's.
                let discard = (*now)?;
                let now = (!mutant("A13")).then_some(now);
                let task = self.queue.pop()?;
                drop(now);
                if !task.is_proxy() && !task.is_place() {
                    return Some((task, discard));
                }
                task
            };
            while let Err(back) = self.queue.push(task) {
                task = back;
                clock::sleep(Duration::from_millis(1));
            }
            self.engine.task_pushed(self);
        }
        None
    }

    /// Counts tasks that were discarded, and the failures of what was called instead.
    pub(crate) fn finish_discarded(&self, count: usize, failed: u64) {
        if count == 0 {
            return;
        }
        (0..failed).for_each(|_| self.panicked.count_shared());
        // ORDERING: Release pairs with the Acquire of `stats`: whoever sees a task completed sees it submitted.
        self.discarded.fetch_add(count as u64, Ordering::Release);
        self.task_ends();
        self.gate.finish_discarded(count);
        // [W4] As after the last task of a closed pool.
        if !mutant("A13.finish") {
            self.engine.look_again(self);
        }
    }

    /// Closes it and waits until every worker has exited.
    pub(crate) fn release_and_wait(&self, deadline: Deadline) -> Result<(), Error> {
        if self.is_current() {
            return Err(Error::Deadlock);
        }
        let _errno = Errno::kept();
        self.release();
        self.gate.wait_until_drained(deadline)?;
        if self.engine.reap(deadline) {
            sanitizers::acquire(&self.panicked);
            Ok(())
        } else {
            self.gate.is_not_drained();
            Err(Error::TimedOut)
        }
    }

    /// Opens it again.
    pub(crate) fn reboot(&self) -> Result<(), Error> {
        memory::check()?;
        let _errno = Errno::kept();
        // Whoever takes tasks to discard them has the lock: what is accepted after this is not among them.
        let mut discard = self.discard.lock();
        let result = self.gate.reopen(&Spawner(self));
        if result.is_ok() {
            *discard = None;
        }
        drop(discard);
        if result.is_err() {
            // The workers of min_workers that the system granted are not needed.
            self.engine.look_again(self);
        }
        result
    }

    /// Closes it and waits until every worker has exited and no call is blocked on it.
    pub(crate) fn shut_down(&self) {
        let _errno = Errno::kept();
        loop {
            self.release();
            // CLOSED means that an earlier call has returned OK: all have exited. A reboot that comes in between is
            // undone.
            if self.gate.wait_until_drained(Deadline::NEVER) != Err(Error::Canceled) {
                break;
            }
        }
        self.gate.wait_until_left();
        self.engine.reap(Deadline::NEVER);
        sanitizers::acquire(&self.panicked);
    }

    /// Closes it for good, and leaves its end to its last worker. The caller keeps it meanwhile.
    pub(crate) fn give_up(&self) {
        let _errno = Errno::kept();
        self.engine.detach();
        self.gate.give_up();
        self.release();
        if self.gate.ends() {
            self.end();
        }
    }

    /// A worker's thread is about to end; `index` is free again.
    pub(crate) fn thread_ends(&self, index: usize) {
        if self.gate.thread_ends(index) {
            self.end();
        }
    }

    /// It was given up, and no thread serves it any more.
    #[cold]
    fn end(&self) {
        self.engine.give_up_helpers();
        self.observer.pool_ended();
    }

    /// Whether the caller is inside one of its tasks.
    pub(crate) fn is_current(&self) -> bool {
        Current::is_in(self.address())
    }

    /// What distinguishes this pool from others.
    pub(crate) fn address(&self) -> *const () {
        std::ptr::from_ref(self).cast()
    }

    /// Its admission, for the engine.
    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Its queue, for the engine.
    pub(crate) fn queue(&self) -> &Queue {
        &self.queue
    }

    /// The indices of its threads, for the engine and the host.
    pub(crate) fn roster(&self) -> &Roster {
        &self.roster
    }

    /// Its callbacks.
    pub(crate) fn observer(&self) -> &dyn Observer {
        &*self.observer
    }

    /// How long an idle worker stays; `None` means for ever.
    pub(crate) fn expiry(&self) -> Option<Duration> {
        self.config.expiry?;
        // ORDERING: see `set_expiry`.
        match self.expiry.load(Ordering::Relaxed) {
            u64::MAX => None,
            expiry => Some(Duration::from_nanos(expiry)),
        }
    }

    /// Whether a failed task that nobody handles ends the process.
    pub(crate) fn aborts_on_panic(&self) -> bool {
        self.config.abort_on_panic
    }

    /// Whether spinning can pay: another CPU may bring a task meanwhile.
    pub(crate) fn may_spin(&self) -> bool {
        self.may_spin
    }
}

impl Places for Arc<Pool> {
    type Wait = WaitPolicy;

    fn is_closed(&self) -> bool {
        Pool::is_closed(self)
    }

    fn try_accept(&self) -> bool {
        self.tries_to_accept()
    }

    fn accept(&self, wait: WaitPolicy) -> Result<(), Error> {
        if self.tries_to_accept() {
            return Ok(());
        }
        Pool::accept(self, wait)
    }

    fn give_back(&self) {
        self.take_back();
    }

    fn push(&self, place: Task) -> Result<(), Error> {
        self.queue.push(place).map_err(|_| Error::NoMemory)
    }

    fn pushed(&self) {
        self.engine.task_pushed(self);
    }

    fn discards(&self) -> u32 {
        // ORDERING: see `release_and_discard`.
        self.discards.load(Ordering::Acquire)
    }

    fn last_discard(&self) -> Option<TaskFn> {
        *self.last_discard.lock()
    }

    fn count_submitted(&self) {
        self.submitted.add_one(hazard::index());
        sanitizers::release(&self.submitted);
    }

    fn count_one_back(&self) {
        self.submitted.take_one_back(hazard::index());
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Pool")
            .field("gate", &self.gate)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
