//! One carrier: a thread that runs fibers, and its loop.

#![allow(unsafe_code, reason = "fibers are known by pointers to where they lie")]

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::Arc;

use super::crew::Crew;
use super::engine::{FiberEngine, Starter};
use super::fiber::{Fate, Fiber, First, Slot, Timer};
use super::held::Held;
use super::node::Post;
use super::overflow;
use super::reactor::Reactor;
use super::stack::Stacks;
use super::wheel::{Place, Wheel};
use crate::capture::{self, Exceptions};
use crate::clock::{self, Deadline};
use crate::current::{Current, Mark};
use crate::engine::duty::{Duty, InCallback, Legacy};
use crate::error::Error;
use crate::pool::Pool;
use crate::stats::WorkerCounts;
use crate::suspend::{Interest, Suspend};
use crate::task::Task;

/// Fibers that are run before the carrier looks at the time, at descriptors, at the queue.
const BATCH: usize = 64;
/// Fibers that are begun in one turn of the loop.
const BEGUN: usize = 8;
/// Tasks that a fiber may run one after the other while nobody else wants the carrier.
const IN_A_ROW: u32 = 64;
/// Looks for a task before a fiber ends: a microsecond or two.
const MOMENT: u32 = 60;
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
    pub(super) crew: Arc<Crew>,
    pub(super) post: Arc<Post>,
    /// For hooks and for what is logged between fibers.
    pub(super) current: Current,
    /// Fibers that can go on.
    pub(super) ready: RefCell<VecDeque<Ready>>,
    pub(super) wheel: RefCell<Wheel<Timer>>,
    pub(super) reactor: RefCell<Option<Reactor>>,
    exceptions: Exceptions,
    /// Nanoseconds of the clock when it was last looked at.
    pub(super) now: Cell<u64>,
    /// When the wheel wants to be told the time.
    pub(super) due: Cell<u64>,
    /// Tasks that the running fiber may take after the one it has.
    budget: Cell<u32>,
    pub(super) searching: Cell<bool>,
    /// It has taken a task since it last looked for one: another may follow soon.
    pub(super) took: Cell<bool>,
    /// It has watched the others not keep up.
    pub(super) helps: Cell<bool>,
    /// The processor's count when the running code began.
    pub(super) began: Cell<u64>,
    pub(super) held: Cell<Option<Held>>,
}

impl Carrier {
    pub(super) fn new(
        pool: Arc<Pool>,
        engine: Arc<FiberEngine>,
        crew: Arc<Crew>,
        post: Arc<Post>,
    ) -> Self {
        let current = Current::new(pool.address(), pool.observer().owner());
        let now = clock::now_ns();
        Self {
            pool,
            engine,
            crew,
            post,
            current,
            ready: RefCell::default(),
            wheel: RefCell::new(Wheel::new(now)),
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
        }
    }

    /// The whole life of the thread.
    pub(super) fn live(self: Box<Self>) {
        self.post.keep_in_sight(&*self);
        let _stack = overflow::AlternateStack::of_this_thread();
        self.current.enter(|| {
            self.start_hook();
            self.work();
            self.current.retire();
            self.call_back("a stop hook", false, || {
                self.pool.observer().worker_stopped(self.post.index);
            });
        });
        self.leave();
    }

    /// Calls the start hook. If that ends the thread no other is started, whose hook would do the same:
    /// this one goes on serving from inside.
    fn start_hook(&self) {
        let lost = || {
            self.pool.gate().count_lost();
            self.log(false, "a start hook ended its thread");
            self.work_on_lost_thread();
        };
        let hook = || self.pool.observer().worker_started(self.post.index);
        if let Err(message) = capture::callback(hook, &InCallback(lost)) {
            self.log(false, &format!("a start hook failed: {message}"));
        }
    }

    fn work_on_lost_thread(&self) {
        self.work();
        self.engine.threads.abandon_this_one();
        self.crew.one_leaves(&self.pool, &self.engine, &self.post);
    }

    fn leave(&self) {
        self.engine.threads.this_one_ends();
        self.crew.one_leaves(&self.pool, &self.engine, &self.post);
    }

    /// Runs fibers until the crew is dismissed.
    fn work(&self) {
        self.engine.begins_to_work();
        while !self.crew.is_dismissed() {
            self.post.take_woken(|node| {
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
        self.stop_searching();
        self.engine.ends_to_work();
    }

    // ---- What is due ----------------------------------------------------------------------------

    fn look_at_the_time(&self) {
        let now = clock::now_ns();
        self.now.set(now);
        if self.due.get() <= now || self.wheel.borrow().lags(now) {
            let mut wheel = self.wheel.borrow_mut();
            let mut ready = self.ready.borrow_mut();
            wheel.advance(now, |timer| ready.push_back(Ready::Due(timer.0)));
            self.due.set(wheel.next().unwrap_or(u64::MAX));
        }
        if self.engine.next_expiry() <= now {
            self.engine.expire(&self.pool, now);
        }
        if let Some(reactor) = &mut *self.reactor.borrow_mut() {
            reactor.look(now, &self.post.bell, |fiber| self.make_ready(fiber));
        }
    }

    pub(super) fn set_timer(&self, at: u64, timer: Timer) {
        self.wheel.borrow_mut().insert(at, timer);
        self.due.set(self.due.get().min(at));
    }

    pub(super) fn remove_timer(&self, place: Place, timer: Timer) {
        if !self.wheel.borrow_mut().remove(place, timer) {
            // Its deadline has come as well, and it must not be taken for the fiber that comes after it.
            let mut ready = self.ready.borrow_mut();
            ready.retain(|ready| *ready != Ready::Due(timer.0));
        }
    }

    // ---- Running fibers -------------------------------------------------------------------------

    pub(super) fn make_ready(&self, fiber: *const Fiber) {
        self.ready.borrow_mut().push_back(Ready::Woken(fiber));
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
            // SAFETY: it is suspended, and stays.
            if next == Ready::Due(fiber) && !unsafe { &*fiber }.time_is_up() {
                // It has been woken as well, and comes for that.
                continue;
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
        let slot = self.engine.take_slot(&self.crew)?;
        let Some(task) = self.pool.queue().pop() else {
            self.engine.put_slot(&self.pool, slot);
            return None;
        };
        self.post.taken.add(1);
        Some((slot, task))
    }

    /// Gives a fiber that has ended a task the next, if there is one and nobody else has to run first. Not
    /// inlined: the room that a task takes on its way is not to be in the frame below the next one.
    #[inline(never)]
    pub(super) fn next_task(&self, fiber: &Fiber) -> bool {
        let budget = self.budget.get();
        let others = || {
            self.post.has_woken()
                || (self.due.get() != u64::MAX && self.due.get() <= clock::now_ns())
        };
        if budget == 0 || (budget < IN_A_ROW && budget > 1 && others()) {
            return false;
        }
        let Some(task) = self.pool.queue().pop().or_else(|| self.look_for_a_moment()) else {
            return false;
        };
        fiber.set_task(task);
        self.budget.set(budget - 1);
        self.post.taken.add(1);
        true
    }

    /// Looks for a task once more before a fiber ends that nobody waits behind: to begin another one, and
    /// perhaps to be woken for it, costs more than the looks.
    fn look_for_a_moment(&self) -> Option<Task> {
        if !self.pool.may_spin() || !self.ready.borrow().is_empty() {
            return None;
        }
        self.pool.queue().pop_soon(MOMENT)
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
        let fate = this.resume();
        // SAFETY: no fiber.
        unsafe { self.current.set_fiber(None) };
        if fate != Fate::GoesOn {
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
                self.exceptions.forget();
                self.current.take_failure();
                self.pool.gate().count_replaced();
                self.begin(slot, First::Legacy(left));
            }
            (Fate::Leaves, _) => self.engine.release(&self.pool, slot),
            _ => self.engine.put_slot(&self.pool, slot),
        }
    }

    // ---- What the running fiber asks for --------------------------------------------------------

    pub(super) fn wait_fd(
        &self,
        fiber: &Fiber,
        fd: i32,
        interest: Interest,
        deadline: Deadline,
    ) -> Result<Interest, Error> {
        if let Some(found) = crate::poll::now(fd, interest)? {
            fiber.give_way();
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
            *reactor = Some(Reactor::new(&self.post.bell).ok_or(Error::NoMemory)?);
        }
        let Some(reactor) = &mut *reactor else {
            return Err(Error::NoMemory);
        };
        body(reactor, &mut |fiber| self.make_ready(fiber))
    }

    /// Whether there is nothing for [`Carrier::put_by`].
    #[inline]
    pub(super) fn has_nothing_of_the_fibers(&self) -> bool {
        !self.current.is_marked() && self.exceptions.are_none()
    }

    /// What the carrier's thread has and is the running fiber's, when that leaves.
    pub(super) fn put_by(&self) -> Kept {
        Kept {
            mark: self.current.take_mark(),
            exceptions: self.exceptions.take(),
        }
    }

    /// The same when it is back.
    pub(super) fn take_up(&self, kept: Kept) {
        self.current.put_mark(kept.mark);
        self.exceptions.put_back(kept.exceptions);
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

    pub(super) fn starter(&self) -> Starter<'_> {
        Starter(&self.engine, &self.pool)
    }

    pub(super) fn stacks(&self) -> &Stacks {
        &self.engine.stacks
    }

    pub(super) fn post(&self) -> &Post {
        &self.post
    }
}

/// See [`Carrier::put_by`].
#[derive(Debug)]
pub(super) struct Kept {
    mark: Mark,
    exceptions: capture::ExceptionState,
}

impl Duty for Carrier {
    fn pool(&self) -> &Pool {
        &self.pool
    }

    fn counts(&self) -> &WorkerCounts {
        &self.post.counts
    }

    fn current(&self) -> &Current {
        Carrier::current(self)
    }

    /// A callback has ended the thread. Its fibers are here, so it goes on from here.
    fn lose(&self, legacy: Legacy) {
        self.pool.gate().count_lost();
        legacy.write();
        if self.current.has_retired() {
            self.engine.threads.abandon_this_one();
            self.crew.one_leaves(&self.pool, &self.engine, &self.post);
        } else {
            self.current.take_failure();
            self.work_on_lost_thread();
        }
    }
}
