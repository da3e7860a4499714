//! One fiber: a worker on a stack of its own. It lies at the top of that stack.

#![allow(
    unsafe_code,
    reason = "a fiber lies in the memory of its stack and is found by pointers"
)]

use std::cell::{Cell, UnsafeCell};
use std::ffi::c_void;
use std::mem::{MaybeUninit, size_of};
use std::ptr;

use super::carrier::Carrier;
use super::node::Node;
use super::reactor::Waits;
use super::stack::{GUARD, Stack};
use super::switch::{Bounds, Context, Yielder};
use super::wheel::{Place, Timed};
use crate::admission::Next;
use crate::clock::Deadline;
use crate::current::Current;
use crate::engine::float::FloatControl;
use crate::engine::run_task::{Handoff, RunTask};
use crate::errno::Errno;
use crate::error::Error;
use crate::pool::Pool;
use crate::sanitizers;
use crate::stats::WorkerCounts;
use crate::suspend::{Interest, Overrun, Suspend, Waker};
use crate::task::{Task, TaskFn};

/// A worker that the gate has granted, when it has no task: a stack, and its index at the gate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) stack: Stack,
    index: u32,
}

impl Slot {
    pub(super) fn new(stack: Stack, index: usize) -> Self {
        let index = u32::try_from(index).expect("there are at most 2^24 workers");
        Self { stack, index }
    }

    /// The worker's index at the gate.
    pub(super) fn index(self) -> usize {
        self.index as usize
    }
}

/// What a fiber has become that gave control back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It waits, and will go on.
    Suspended,
    /// It has ended without a task: its slot is free.
    Idle,
    /// It has ended, and the gate has let it go.
    Retired,
    /// Its task has ended what it took for its thread. Nothing on its stack is used again.
    Lost,
}

/// The first thing that a fiber does.
#[derive(Debug)]
pub(super) enum First {
    Task(Task),
    /// It finishes what a lost fiber has left.
    Handoff(Box<Handoff>),
}

/// A fiber, from the beginning of its first task until it finds no other. What a switch needs comes
/// first: with many fibers each cache line of it costs an access to main memory.
#[repr(C, align(64))]
pub(super) struct Fiber {
    /// For others; all that follows is its carrier's.
    node: Node,
    /// Whether its last suspension ended because the deadline had come.
    late: Cell<bool>,
    fate: Cell<Fate>,
    /// The events for which its descriptor is ready, or the error.
    found: Cell<Option<Result<Interest, Error>>>,
    timer: Cell<Place>,
    carrier: *const Carrier,
    yielder: Cell<Option<Yielder>>,
    /// In a program that has a sanitizer.
    sanitized: Option<sanitizers::Owned>,
    context: UnsafeCell<Option<Context>>,
    /// The function of the task that runs, for reports.
    function: Cell<Option<TaskFn>>,
    handoff: Cell<Option<Box<Handoff>>>,
    /// The task that runs, or is to be the first.
    task: UnsafeCell<MaybeUninit<Task>>,
    slot: Slot,
}

/// Neighbours' fibers begin at different places of their pages, so that they do not all need the same
/// lines of the caches.
const COLOURS: usize = 4;
const COLOUR: usize = 768;

impl Fiber {
    /// Puts a fiber into its stack. It will run `first`, and then whatever its carrier has.
    ///
    /// # Safety
    /// Nothing else uses the stack until [`Fiber::take_away`]; the carrier outlives that.
    pub(super) unsafe fn place(carrier: &Carrier, slot: Slot, first: First) -> *const Self {
        let stacks = carrier.stacks();
        let bounds = stacks.bounds(slot.stack);
        let colour = stacks.number(slot.stack) % COLOURS * COLOUR;
        let address = (bounds.base - size_of::<Self>() - colour) & !(align_of::<Self>() - 1);
        let this: *mut Self = ptr::with_exposed_provenance_mut(address);
        // SAFETY: the engine keeps its inboxes for as long as its stacks.
        let node = unsafe { Node::new(carrier.inbox()) };
        let (task, handoff) = match first {
            First::Task(task) => (MaybeUninit::new(task), None),
            First::Handoff(handoff) => (MaybeUninit::uninit(), Some(handoff)),
        };
        let below = Bounds {
            limit: bounds.limit,
            base: address,
        };
        let fiber = Self {
            node,
            late: Cell::new(false),
            fate: Cell::new(Fate::Suspended),
            found: Cell::new(None),
            timer: Cell::new(Place::NOWHERE),
            carrier,
            yielder: Cell::new(None),
            sanitized: sanitizers::Fiber::on(below.limit, below.base),
            context: UnsafeCell::new(None),
            function: Cell::new(None),
            task: UnsafeCell::new(task),
            handoff: Cell::new(handoff),
            slot,
        };
        // SAFETY: the top of a stack that is the caller's; aligned.
        unsafe { this.write(fiber) };
        // SAFETY: what is below the fiber is a guarded stack; `begin` takes a fiber and lets no panic out.
        let context = unsafe { Context::new(below, Self::begin, this.cast_const().cast()) };
        // SAFETY: written above.
        let placed = unsafe { &*this };
        // SAFETY: nobody else knows of it.
        unsafe { placed.context.get().write(Some(context)) };
        this
    }

    /// Takes an ended or lost fiber out of its stack, which can be used again.
    ///
    /// # Safety
    /// `this` was placed by the caller's carrier, and this is its last use.
    pub(super) unsafe fn take_away(this: *const Self) -> Slot {
        // SAFETY: the caller's promise.
        let fiber = unsafe { this.cast_mut().read() };
        if fiber.fate.get() == Fate::Lost {
            fiber.tell_sanitizers(sanitizers::Fiber::is_abandoned);
            if let Some(context) = fiber.context.into_inner() {
                // SAFETY: what a thread leaves on its stack when it is ended is not used again either.
                unsafe { context.abandon() };
            }
        }
        fiber.slot
    }

    unsafe fn begin(this: *const (), yielder: Yielder) {
        // SAFETY: `place` has put it there.
        let this = unsafe { &*this.cast::<Self>() };
        this.yielder.set(Some(yielder));
        this.tell_sanitizers(sanitizers::Fiber::has_arrived);
        this.arrive();
        this.serve();
        this.tell_sanitizers(|fiber| fiber.leaves(true));
    }

    /// Where each fiber has a thread of its own, sets the worker of that thread.
    #[inline]
    fn arrive(&self) {
        if cfg!(antpool_stand_in) {
            // SAFETY: a carrier outlives its fibers.
            unsafe { Current::switch_to(self.carrier().current()) };
        }
    }

    fn serve(&self) {
        // It stays where it is meanwhile: what is on the stack is forgotten if this fiber is lost too.
        // SAFETY: only the carrier's thread has it, and it is replaced only by `lose`, which never returns.
        let handoff = unsafe { &*self.handoff.as_ptr() };
        let mut go_on = match handoff {
            Some(handoff) => {
                let go_on = !self.take_over(handoff) || self.finish();
                self.handoff.take();
                go_on
            }
            None => self.run(),
        };
        while go_on {
            if !self.carrier().next_task(self) {
                self.fate.set(Fate::Idle);
                return;
            }
            go_on = self.run();
        }
        self.fate.set(Fate::Retired);
    }

    /// The next task is this one.
    #[inline]
    pub(super) fn set_task(&self, task: Task) {
        // SAFETY: the one before has ended.
        unsafe { self.task.get().write(MaybeUninit::new(task)) };
    }

    /// Runs its task. False if the worker has to leave.
    #[inline(always)]
    fn run(&self) -> bool {
        // SAFETY: only the carrier's thread has it, and nothing changes it while it runs.
        let task = unsafe { &mut *self.task.get() };
        // SAFETY: it was placed with a task, or `set_task` has been called since the last one.
        let task = unsafe { task.assume_init_mut() };
        self.pool().gate().begin_unmetered(task.is_proxy());
        self.function.set(Some(task.function()));
        let function = task.reported().0;
        self.carrier().expect(function);
        self.carrier().shows(Some(function));
        self.perform(task);
        self.carrier().note_time(self);
        self.finish()
    }

    /// Accounts for a task that has ended.
    #[inline]
    fn finish(&self) -> bool {
        self.pool().task_ends();
        let (counts, gate) = (self.counts(), self.pool().gate());
        counts.complete_one();
        let hints = gate.hints();
        gate.finish();
        gate.after_task(hints, self.slot.index(), &self.carrier().spawner()) == Next::Stay
    }

    /// Gives control to the carrier until it resumes the fiber.
    #[inline(always)]
    fn leave(&self) {
        let carrier = self.carrier();
        carrier.note_time(self);
        let float = FloatControl::read();
        if carrier.has_nothing_of_the_fibers() {
            self.switch_to_carrier();
        } else {
            self.leave_with_more();
        }
        float.restore();
    }

    /// The same for a fiber with exceptions or a mark of failure: apart, so that other fibers need no stack for it.
    #[cold]
    #[inline(never)]
    fn leave_with_more(&self) {
        let saved = self.carrier().save();
        self.switch_to_carrier();
        self.carrier().restore(saved);
    }

    #[inline(always)]
    fn switch_to_carrier(&self) {
        self.tell_sanitizers(|fiber| fiber.leaves(self.fate.get() == Fate::Lost));
        if let Some(yielder) = self.yielder.get() {
            // SAFETY: the caller runs on this fiber.
            unsafe { yielder.suspend() };
        }
        self.tell_sanitizers(sanitizers::Fiber::has_arrived);
        self.arrive();
    }

    #[inline(always)]
    fn tell_sanitizers(&self, tell: impl FnOnce(&sanitizers::Fiber)) {
        if let Some(fiber) = &self.sanitized {
            tell(fiber);
        }
    }

    /// Runs until it gives control back. Only its carrier may call this, and not from a fiber.
    #[inline(always)]
    pub(super) fn resume(&self) -> Fate {
        self.node.go_on();
        // SAFETY: only the carrier's thread gets here, and not from within the context.
        if let Some(context) = unsafe { &mut *self.context.get() } {
            self.tell_sanitizers(sanitizers::Fiber::is_entered);
            context.resume();
            self.tell_sanitizers(sanitizers::Fiber::is_left);
        }
        self.fate.get()
    }

    /// Whose node it is: a fiber begins with its node.
    pub(super) fn of_node(node: *const Node) -> *const Self {
        node.cast()
    }

    pub(super) fn function(&self) -> Option<TaskFn> {
        self.function.get()
    }

    /// Takes that result.
    pub(super) fn take_found(&self) -> Option<Result<Interest, Error>> {
        self.found.take()
    }

    pub(super) fn carrier(&self) -> &Carrier {
        // SAFETY: it outlives its fibers.
        unsafe { &*self.carrier }
    }

    /// Prefetches what a resumption needs first.
    #[inline]
    pub(super) fn prefetch_first(this: *const Self) {
        prefetch(this.cast());
    }

    /// Prefetches the rest: the fiber, and what lies below it on its stack.
    #[inline]
    pub(super) fn prefetch_rest(this: *const Self) {
        const BELOW: usize = 10;
        for line in 0..BELOW + size_of::<Self>() / 64 {
            prefetch(
                this.wrapping_add(1)
                    .cast::<u8>()
                    .wrapping_sub(64 * (line + 1)),
            );
        }
    }
}

/// Prefetches one cache line.
#[inline]
fn prefetch(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint; any address will do.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: a hint; any address will do.
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{}]", in(reg) address, options(nostack, readonly));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = address;
}

impl RunTask for Fiber {
    fn pool(&self) -> &Pool {
        self.carrier().pool()
    }

    fn counts(&self) -> &WorkerCounts {
        &self.carrier().inbox().counts
    }

    fn current(&self) -> &Current {
        self.carrier().current()
    }

    fn calls(&self, function: TaskFn) {
        let carrier = self.carrier();
        carrier.note_time(self);
        self.function.set(Some(function));
        carrier.expect(function);
        carrier.shows(Some(function));
    }

    fn yield_between(&self) {
        if self.carrier().is_wanted() {
            self.yield_now();
        }
    }

    /// Another fiber begins on the same stack with what is left to do, as the next thread may get the
    /// stack of one that has ended.
    fn lose(&self, handoff: Handoff) -> ! {
        self.handoff.set(Some(Box::new(handoff)));
        self.fate.set(Fate::Lost);
        self.leave();
        unreachable!("a lost fiber goes on");
    }
}

impl Fiber {
    /// The rest of a lost fiber's task.
    pub(super) fn take_legacy(&self) -> Option<Box<Handoff>> {
        self.handoff.take()
    }
}

/// A fiber with a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Timer(pub(super) *const Fiber);

impl Timed for Timer {
    fn put(self, place: Place) {
        // SAFETY: a fiber in the wheel is suspended, and stays where it is.
        unsafe { &*self.0 }.timer.set(place);
    }
}

impl Suspend for Fiber {
    fn suspend(&self, until: Deadline) -> bool {
        let carrier = self.carrier();
        if !self.node.begin_suspension() {
            return false;
        }
        self.late.set(false);
        if let Some(at) = until.nanoseconds() {
            carrier.set_timer(at, Timer(self));
        }
        self.leave();
        let place = self.timer.replace(Place::NOWHERE);
        if place != Place::NOWHERE {
            carrier.remove_timer(place, Timer(self));
        }
        self.late.get()
    }

    fn sleep(&self, until: Deadline) {
        while !self.suspend(until) {}
    }

    fn waker(&self) -> *const Waker {
        ptr::from_ref(self).cast()
    }

    fn yield_now(&self) {
        self.carrier().make_ready(self);
        self.leave();
    }

    fn wait_fd(&self, fd: i32, interest: Interest, deadline: Deadline) -> Result<Interest, Error> {
        self.carrier().wait_fd(self, fd, interest, deadline)
    }

    fn block(&self, function: TaskFn, arg: *mut c_void) -> Result<Option<String>, Error> {
        let _errno = Errno::kept();
        self.carrier().engine().block(self.pool(), function, arg)
    }

    fn overrun(&self, address: usize) -> Option<Overrun<'_>> {
        let engine = self.carrier().engine();
        let limit = engine.stacks.bounds(self.slot.stack).limit;
        (limit - GUARD..limit).contains(&address).then(|| Overrun {
            pool: engine.name(),
            stack_size: engine.stacks.size(),
        })
    }
}

impl Waits for Fiber {
    fn tell(&self, found: Result<Interest, Error>) -> bool {
        self.found.set(Some(found));
        self.node.become_ready()
    }
}

impl Fiber {
    /// Its deadline has come. False if it has been woken as well, and is ready for that.
    #[inline]
    pub(super) fn time_is_up(&self) -> bool {
        self.late.set(true);
        self.timer.set(Place::NOWHERE);
        self.node.become_ready()
    }
}

#[cfg(not(antpool_stand_in))]
const _: () = {
    // Three lines of a cache: see the order of the fields.
    assert!(size_of::<Fiber>() <= 192);
};
