//! One carrier: a thread that runs fibers, and its loop.

#![allow(unsafe_code, reason = "fibers are known by pointers to where they lie")]

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use super::carrier_group::CarrierGroup;
use super::engine::{FiberEngine, Spawner};
use super::fiber::{Fate, Fiber, First, Slot, Timer};
use super::node::Inbox;
use super::overflow;
use super::reactor::Reactor;
use super::slow_task::SlowTask;
use super::stack::Stacks;
use super::wheel::{Place, Wheel};
use crate::capture::{self, Base};
use crate::clock::{self, Deadline};
use crate::current::{Current, Mark};
use crate::engine::run_task::{Handoff, InCallback, Lost, RunTask};
use crate::error::Error;
use crate::memory;
use crate::pool::Pool;
use crate::runtimes::{self, Exceptions};
use crate::stats::WorkerCounts;
use crate::suspend::{Interest, Suspend};
use crate::sync::spin;
use crate::task::{Task, TaskFn};

/// Fibers that run before the carrier polls the time, the descriptors and the queue.
const BATCH: usize = 64;
/// Fibers that are begun in one turn of the loop.
const BEGUN: usize = 8;
/// Tasks that a fiber may run one after the other while nobody else wants the carrier.
const IN_A_ROW: u32 = 64;
/// How far ahead of the fiber that runs the memory of those that are next is fetched.
const AHEAD: usize = 5;
/// Fibers whose first lines are fetched together, before those of the others. Each is on a page of its
/// own, and the processor waits for a page it does not know; it looks several up at one time.
const TOGETHER: usize = 16;

/// A fiber that can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ready {
    /// It has been woken.
    Woken(*const Fiber),
    /// Its deadline has come. It does not know of that yet.
    Due(*const Fiber),
}

impl Ready {
    fn fiber(self) -> *const Fiber {
        match self {
            Self::Woken(fiber) | Self::Due(fiber) => fiber,
        }
    }
}

/// One thread's view of its pool and its fibers.
pub(super) struct Carrier {
    pub(super) pool: Arc<Pool>,
    pub(super) engine: Arc<FiberEngine>,
    pub(super) group: Arc<CarrierGroup>,
    pub(super) inbox: Arc<Inbox>,
    /// For hooks and for what is logged between fibers.
    pub(super) current: Current,
    /// Where it goes on when a callback has ended its thread.
    base: Base,
    /// Fibers that can go on.
    pub(super) ready: RefCell<VecDeque<Ready>>,
    pub(super) wheel: RefCell<Wheel<Timer>>,
    /// Fibers among those that are ready because they are due, which have gone on before they came to that:
    /// how often each.
    overtaken: RefCell<HashMap<*const Fiber, u32, BuildHasherDefault<DefaultHasher>>>,
    pub(super) reactor: RefCell<Option<Reactor>>,
    exceptions: Exceptions,
    /// Nanoseconds of the clock when it was last looked at.
    pub(super) now: Cell<u64>,
    /// When the wheel has to be advanced.
    pub(super) due: Cell<u64>,
    /// Tasks that the running fiber may still take after its present one.
    budget: Cell<u32>,
    pub(super) searching: Cell<bool>,
    /// It has taken a task since it last looked for one: another may follow soon.
    pub(super) took: Cell<bool>,
    /// It has watched the others not keep up.
    pub(super) helps: Cell<bool>,
    /// The processor's count when the running code began.
    pub(super) began: Cell<u64>,
    pub(super) held: Cell<Option<SlowTask>>,
    /// The index by which the host knows it.
    index: Cell<usize>,
}

impl Carrier {
    pub(super) fn new(
        pool: Arc<Pool>,
        engine: Arc<FiberEngine>,
        group: Arc<CarrierGroup>,
        inbox: Arc<Inbox>,
    ) -> Self {
        let current = Current::of_carrier(pool.address(), pool.observer().owner());
        let now = clock::now_ns();
        Self {
            pool,
            engine,
            group,
            inbox,
            current,
            base: Base::new(),
            ready: RefCell::default(),
            wheel: RefCell::new(Wheel::new(now)),
            overtaken: RefCell::default(),
            reactor: RefCell::default(),
            exceptions: Exceptions::of_this_thread(),
            now: Cell::new(now),
            due: Cell::new(u64::MAX),
            budget: Cell::new(0),
            searching: Cell::new(false),
            took: Cell::new(true),
            helps: Cell::new(false),
            began: Cell::new(0),
            held: Cell::new(None),
            index: Cell::new(0),
        }
    }

    /// The whole life of the thread.
    pub(super) fn live(self: Box<Self>) {
        self.inbox.keep_in_sight(&*self);
        // SAFETY: the carrier lives until its thread leaves.
        let _stack = unsafe { overflow::AlternateStack::of_this_thread(&raw const self.current) };
        self.current.enter(|| {
            self.index.set(self.pool.roster().take(self.inbox.index));
            self.current.set_index(Some(self.index.get()));
            self.base.call(|| self.start_hook());
            self.engine.begins_to_work();
            while !self.base.call(|| self.work()) {}
            self.engine.ends_to_work();
            self.current.retire();
            self.base.call(|| {
                self.call_back("a stop hook", false, || {
                    self.pool.observer().worker_stopped(self.index.get());
                });
            });
            self.current.set_index(None);
            self.pool.roster().give_back(self.index.get());
        });
        self.engine.threads.this_one_ends();
        self.engine.free_inbox(&self.inbox);
        if let Some(last) = self.group.one_leaves() {
            self.pool.thread_ends(last);
        }
    }

    /// Calls the start hook. If that ends the thread no other is started, whose hook would do the same:
    /// this one goes on.
    fn start_hook(&self) {
        let lost = || -> Lost {
            self.pool.gate().count_lost();
            self.log(false, "a start hook ended its thread");
            self.go_back()
        };
        let hook = || self.pool.observer().worker_started(self.index.get());
        if let Err(message) = capture::callback(hook, &InCallback(lost)) {
            self.log(false, &format!("a start hook failed: {message}"));
        }
    }

    fn go_back(&self) -> ! {
        self.current.take_failure();
        self.base.go_back()
    }

    /// Runs fibers until the group is shut_down.
    fn work(&self) {
        while !self.group.is_shut_down() {
            self.inbox.take_woken(|node| {
                self.make_ready(Fiber::of_node(node));
            });
            self.look_at_the_time();
            self.log_held();
            let ran = self.run_ready();
            let begun = self.begin_new();
            if !ran && !begun {
                self.rest();
            }
        }
        self.log_held();
        self.stop_searching();
    }

    // ---- Due work -------------------------------------------------------------------------------

    fn look_at_the_time(&self) {
        let now = clock::now_ns();
        self.now.set(now);
        if self.due.get() <= now || self.wheel.borrow().lags(now) {
            let mut wheel = self.wheel.borrow_mut();
            let mut ready = self.ready.borrow_mut();
            wheel.advance(now, |timer| {
                memory::insist(|| ready.try_reserve(1));
                ready.push_back(Ready::Due(timer.0));
            });
            self.due.set(wheel.next().unwrap_or(u64::MAX));
        }
        if self.engine.next_expiry() <= now {
            self.engine.expire(&self.pool, now);
        }
        if let Some(reactor) = &mut *self.reactor.borrow_mut() {
            reactor.look(now, &self.inbox.event_fd, |fiber| self.make_ready(fiber));
        }
    }

    pub(super) fn set_timer(&self, at: u64, timer: Timer) {
        self.wheel.borrow_mut().insert(at, timer);
        self.due.set(self.due.get().min(at));
    }

    pub(super) fn remove_timer(&self, place: Place, timer: Timer) {
        if self.wheel.borrow_mut().remove(place, timer) {
            return;
        }
        // Its deadline has come as well, and it must not be taken for the fiber that comes after it. To look
        // for it among all that are ready would be quadratic where thousands come so.
        let mut overtaken = self.overtaken.borrow_mut();
        if overtaken.try_reserve(1).is_ok() {
            *overtaken.entry(timer.0).or_insert(0) += 1;
        } else {
            let mut ready = self.ready.borrow_mut();
            ready.retain(|ready| *ready != Ready::Due(timer.0));
        }
    }

    /// Whether that deadline is one whose fiber has gone on without it.
    fn was_overtaken(&self, fiber: *const Fiber) -> bool {
        let mut overtaken = self.overtaken.borrow_mut();
        let Some(count) = overtaken.get_mut(&fiber) else {
            return false;
        };
        *count -= 1;
        if *count == 0 {
            overtaken.remove(&fiber);
        }
        true
    }

    // ---- Running fibers -------------------------------------------------------------------------

    pub(super) fn make_ready(&self, fiber: *const Fiber) {
        let mut ready = self.ready.borrow_mut();
        memory::insist(|| ready.try_reserve(1));
        ready.push_back(Ready::Woken(fiber));
    }

    /// Runs those that are ready, and those that become so meanwhile, for a while. False if there were
    /// none.
    fn run_ready(&self) -> bool {
        if self.ready.borrow().is_empty() {
            return false;
        }
        self.stop_searching();
        let start = clock::ticks();
        self.began.set(start);
        for index in 0..BATCH {
            let Some(fiber) = self.next_ready(index) else {
                break;
            };
            self.resume(fiber);
            if self.began.get().wrapping_sub(start) > clock::SHORT_TICKS {
                break;
            }
        }
        true
    }

    /// The next one to run.
    #[inline]
    fn next_ready(&self, index: usize) -> Option<*const Fiber> {
        let mut ready = self.ready.borrow_mut();
        if index % TOGETHER == 0 && ready.len() > TOGETHER {
            for later in ready.range(TOGETHER..ready.len().min(2 * TOGETHER)) {
                Fiber::prefetch_first(later.fiber());
            }
        }
        loop {
            let next = ready.pop_front()?;
            if let Some(soon) = ready.get(AHEAD) {
                Fiber::prefetch_rest(soon.fiber());
            }
            let fiber = next.fiber();
            if next == Ready::Due(fiber) {
                if !self.overtaken.borrow().is_empty() && self.was_overtaken(fiber) {
                    continue;
                }
                // SAFETY: it is suspended, and stays.
                if !unsafe { &*fiber }.time_is_up() {
                    continue; // It has been woken as well, and comes for that.
                }
            }
            self.budget.set(if ready.is_empty() { IN_A_ROW } else { 1 });
            return Some(fiber);
        }
    }

    /// Begins fibers for tasks that nobody has taken. False if there were none.
    fn begin_new(&self) -> bool {
        if self.searching.get() && !self.may_help() {
            return false;
        }
        let mut begun = 0;
        while begun < BEGUN {
            let Some((slot, task)) = self.take_task() else {
                break;
            };
            self.stop_searching();
            self.took.set(true);
            begun += 1;
            let idle = self.ready.borrow().is_empty();
            self.budget.set(if idle { IN_A_ROW } else { 1 });
            self.began.set(clock::ticks());
            self.begin(slot, First::Task(task));
        }
        begun > 0
    }

    /// A task, and a slot to run it in. The slot comes first (F4).
    fn take_task(&self) -> Option<(Slot, Task)> {
        if self.pool.queue().is_empty() {
            return None;
        }
        let slot = self.engine.take_slot(&self.group)?;
        let Some(task) = self.pool.queue().pop() else {
            self.engine.put_slot(&self.pool, slot);
            return None;
        };
        self.inbox.taken.add(1);
        Some((slot, task))
    }

    /// Gives a fiber that has ended a task the next, if there is one and nobody else has to run first. Not
    /// inlined: the room that a task takes on its way is not to be in the frame below the next one.
    #[inline(never)]
    pub(super) fn next_task(&self, fiber: &Fiber) -> bool {
        let budget = self.budget.get();
        if budget == 0 || (budget < IN_A_ROW && budget > 1 && self.has_others()) {
            return false;
        }
        let Some(task) = self.pool.queue().pop().or_else(|| self.look_for_a_moment()) else {
            return false;
        };
        fiber.set_task(task);
        self.budget.set(budget - 1);
        self.inbox.taken.add(1);
        true
    }

    /// Whether fibers that wait can go on, which the carrier has not noticed yet.
    fn has_others(&self) -> bool {
        self.inbox.has_woken() || (self.due.get() != u64::MAX && self.due.get() <= clock::now_ns())
    }

    /// Whether other fibers can go on.
    pub(super) fn is_wanted(&self) -> bool {
        !self.ready.borrow().is_empty() || self.has_others()
    }

    /// Looks for a task once more before a fiber ends that nobody waits behind: to begin another one, and
    /// perhaps to be woken for it, costs more than the looks.
    fn look_for_a_moment(&self) -> Option<Task> {
        if !self.pool.may_spin() || !self.ready.borrow().is_empty() {
            return None;
        }
        self.pool.queue().pop_soon(spin::TASK_SOON)
    }

    fn begin(&self, slot: Slot, first: First) {
        // SAFETY: the slot has just been taken, and this carrier ends after its fibers.
        self.resume(unsafe { Fiber::place(self, slot, first) });
    }

    fn resume(&self, fiber: *const Fiber) {
        // SAFETY: it is one of this carrier's, and stays until it is taken away below.
        let this = unsafe { &*fiber };
        // SAFETY: it is taken off below, before the fiber can be taken away.
        unsafe { self.current.set_fiber(Some(this)) };
        self.shows(this.function());
        let fate = this.resume();
        self.shows(None);
        // SAFETY: no fiber.
        unsafe { self.current.set_fiber(None) };
        if fate != Fate::Suspended {
            self.end(fiber, fate);
        }
    }

    #[cold]
    fn end(&self, fiber: *const Fiber, fate: Fate) {
        // SAFETY: as in `resume`.
        let left = unsafe { &*fiber }.take_legacy();
        // SAFETY: it has ended, and nobody uses the pointer again.
        let slot = unsafe { Fiber::take_away(fiber) };
        match (fate, left) {
            (Fate::Lost, Some(left)) => {
                runtimes::forget_exceptions();
                self.current.take_failure();
                self.pool.gate().count_replaced();
                self.begin(slot, First::Handoff(left));
            }
            (Fate::Retired, _) => self.engine.release(&self.pool, slot),
            _ => self.engine.put_slot(&self.pool, slot),
        }
    }

    // ---- Requests of the running fiber ----------------------------------------------------------

    pub(super) fn wait_fd(
        &self,
        fiber: &Fiber,
        fd: i32,
        interest: Interest,
        deadline: Deadline,
    ) -> Result<Interest, Error> {
        if let Some(found) = crate::poll::now(fd, interest)? {
            fiber.yield_now();
            return Ok(found);
        }
        if deadline.has_passed() {
            return Err(Error::TimedOut);
        }
        self.with_reactor(|reactor, woken| reactor.add(fd, fiber, interest, woken))?;
        loop {
            let late = fiber.suspend(deadline);
            if let Some(found) = fiber.take_found() {
                return found;
            }
            if late {
                self.with_reactor(|reactor, _| {
                    reactor.remove(fd, fiber);
                    Ok(())
                })?;
                return Err(Error::TimedOut);
            }
        }
    }

    fn with_reactor(
        &self,
        body: impl FnOnce(&mut Reactor, &mut dyn FnMut(*const Fiber)) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut reactor = self.reactor.borrow_mut();
        if reactor.is_none() {
            *reactor = Some(Reactor::new(&self.inbox.event_fd).ok_or(Error::NoMemory)?);
        }
        let Some(reactor) = &mut *reactor else {
            return Err(Error::NoMemory);
        };
        body(reactor, &mut |fiber| self.make_ready(fiber))
    }

    /// Whether there is nothing for [`Carrier::save`].
    #[inline]
    pub(super) fn has_nothing_of_the_fibers(&self) -> bool {
        !self.current.is_marked() && !self.current.has_tracker() && self.exceptions.are_none()
    }

    /// A fiber is about to call that function.
    #[inline]
    pub(super) fn expect(&self, function: TaskFn) {
        self.exceptions.expect_those_of(function as usize);
    }

    /// For whoever looks at the pool: a fiber runs that function from now on, or none does.
    #[inline]
    pub(super) fn shows(&self, function: Option<TaskFn>) {
        self.inbox.counts.began(self.began.get());
        self.inbox
            .counts
            .begin(function.map_or(0, |function| function as usize));
    }

    /// Takes the state of the carrier's thread that belongs to the running fiber, when that leaves.
    pub(super) fn save(&self) -> SavedState {
        SavedState {
            mark: self.current.take_mark(),
            exceptions: self.exceptions.take(),
        }
    }

    /// The same when it is back.
    pub(super) fn restore(&self, saved: SavedState) {
        self.current.put_mark(saved.mark);
        self.exceptions.put_back(saved.exceptions);
    }

    pub(super) fn current(&self) -> &Current {
        &self.current
    }

    pub(super) fn pool(&self) -> &Pool {
        &self.pool
    }

    pub(super) fn engine(&self) -> &FiberEngine {
        &self.engine
    }

    pub(super) fn spawner(&self) -> Spawner<'_> {
        Spawner(&self.engine, &self.pool)
    }

    pub(super) fn stacks(&self) -> &Stacks {
        &self.engine.stacks
    }

    pub(super) fn inbox(&self) -> &Inbox {
        &self.inbox
    }
}

/// See [`Carrier::save`].
#[derive(Debug)]
pub(super) struct SavedState {
    mark: Mark,
    exceptions: runtimes::States,
}

impl RunTask for Carrier {
    fn pool(&self) -> &Pool {
        &self.pool
    }

    fn counts(&self) -> &WorkerCounts {
        &self.inbox.counts
    }

    fn current(&self) -> &Current {
        Carrier::current(self)
    }

    /// A callback has ended the thread. The thread goes on, since its fibers need it.
    fn lose(&self, handoff: Handoff) -> ! {
        self.pool.gate().count_lost();
        handoff.write();
        drop(handoff);
        self.go_back()
    }
}
