//! The fibers and carriers of one pool.

#![forbid(unsafe_code)]

use std::ffi::{CString, c_void};
use std::fmt::{self, Write};
use std::ptr;
use std::sync::{Arc, Weak};

use super::blocking::Blocking;
use super::carrier::Carrier;
use super::carrier_group::CarrierGroup;
use super::fiber::Slot;
use super::node::Inbox;
use super::overflow;
use super::slots::{Rest, Slots};
use super::stack::Stacks;
use crate::admission::{Retire, SpawnError, Workers};
use crate::clock::{self, Deadline};
use crate::config::Config;
use crate::dump::{self, Pace};
use crate::engine::Engine;
use crate::engine::idle::{Idle, Sleeps};
use crate::engine::threads::Threads;
use crate::error::Error;
use crate::pool::Pool;
use crate::stats::Stats;
use crate::sync::{AtomicPtr, AtomicU32, AtomicUsize, Mutex, Ordering, SpinWait};
use crate::task::TaskFn;

/// The fiber workers of one pool.
#[derive(Debug)]
pub(crate) struct FiberEngine {
    pub(super) idle: Idle<Inbox>,
    pub(super) threads: Threads,
    pub(super) stacks: Stacks,
    pub(super) spin: SpinWait,
    rest: Rest<Slot>,
    /// The most carriers.
    carriers: usize,
    /// Carriers that run fibers, and do not rest.
    working: AtomicUsize,
    /// The standby carrier: it naps while the others work, to help them.
    standby: AtomicPtr<Inbox>,
    inboxes: Mutex<Inboxes>,
    blocking: Blocking,
    held: AtomicU32,
    name: CString,
    this: Weak<FiberEngine>,
}

/// Inboxes live as long as the engine: wakers of a fiber find them by pointers.
#[derive(Debug, Default)]
struct Inboxes {
    all: Vec<Arc<Inbox>>,
    free: Vec<usize>,
}

/// Starts this engine's workers.
pub(super) struct Spawner<'a>(pub(super) &'a FiberEngine, pub(super) &'a Pool);

impl Workers for Spawner<'_> {
    fn start(&self, index: usize) -> Result<(), SpawnError> {
        self.0.grant(self.1.keep_alive().ok_or(SpawnError)?, index)
    }
}

impl FiberEngine {
    /// Workers that expire in one turn of a carrier: some hundred microseconds.
    const EXPIRE_IN_A_TURN: usize = 32;

    /// Carriers that may park before anything is allocated for it.
    const SLEEPERS_IN_ADVANCE: usize = 1024;

    /// The engine of a pool, without carriers. What they inherit is taken from the calling thread.
    pub(crate) fn new(config: &Config) -> Result<Arc<Self>, Error> {
        overflow::watch();
        let stacks = Stacks::new(config)?;
        let in_advance = match config.capacity {
            Some(capacity) if config.pre_alloc => capacity,
            _ => 0,
        };
        stacks.reserve(in_advance).map_err(|_| Error::NoMemory)?;
        let threads = Threads::new(config, 0)?;
        let idle = Idle::with(config.carriers.min(Self::SLEEPERS_IN_ADVANCE))?;
        let rest = Rest::new(in_advance, config.expiry_ns())?;
        Ok(Arc::new_cyclic(|this| Self {
            idle,
            threads,
            stacks,
            spin: SpinWait::default(),
            rest,
            carriers: config.carriers,
            working: AtomicUsize::new(0),
            standby: AtomicPtr::default(),
            inboxes: Mutex::default(),
            blocking: Blocking::new(config),
            held: AtomicU32::new(0),
            name: config.name.clone(),
            this: Weak::clone(this),
        }))
    }

    /// Adds a worker, with a carrier to run it. Called with the gate locked.
    fn grant(&self, pool: Arc<Pool>, index: usize) -> Result<(), SpawnError> {
        let stack = self.stacks.take()?;
        let mut slots = self.rest.lock();
        if let Err(refused) = slots.reserve() {
            drop(slots);
            self.stacks.give_back(stack);
            return Err(refused);
        }
        let workers = slots.granted + 1;
        while slots.carriers < workers.min(self.carriers) {
            // If the system refuses further carriers it is asked again only now and then.
            if slots.carriers > 0 && workers < slots.asks_from {
                break;
            }
            let refused = self.start_carrier(&mut slots, Arc::clone(&pool)).is_err();
            slots.asks_from = if refused { 2 * workers } else { 0 };
            if refused {
                break;
            }
        }
        if slots.carriers == 0 {
            drop(slots);
            self.stacks.give_back(stack);
            return Err(SpawnError);
        }
        slots.granted = workers;
        drop(slots);
        self.put_back(&pool, Slot::new(stack, index), Some(clock::now_ns()));
        Ok(())
    }

    fn start_carrier(&self, slots: &mut Slots<Slot>, pool: Arc<Pool>) -> Result<(), SpawnError> {
        let engine = self.this.upgrade().ok_or(SpawnError)?;
        let inbox = self.take_inbox()?;
        let group = Arc::clone(slots.group.get_or_insert_default());
        let (its_group, its_inbox) = (Arc::clone(&group), Arc::clone(&inbox));
        let live = move || Box::new(Carrier::new(pool, engine, its_group, its_inbox)).live();
        let started = self.idle.reserve(inbox.index + 1);
        let started = started.and_then(|()| self.threads.spawn(inbox.index, live));
        if started.is_err() {
            self.free_inbox(&inbox);
            if slots.carriers == 0 {
                slots.group = None;
            }
            return started;
        }
        group.one_joins();
        slots.carriers += 1;
        Ok(())
    }

    fn take_inbox(&self) -> Result<Arc<Inbox>, SpawnError> {
        let mut inboxes = self.inboxes.lock();
        let next = inboxes.all.len();
        let free = inboxes.free.len();
        // All of them may be free one day.
        inboxes.free.try_reserve(next + 1 - free)?;
        let index = match inboxes.free.pop() {
            Some(index) => index,
            None => {
                inboxes.all.try_reserve(1)?;
                inboxes.all.push(Arc::new(Inbox::new(next)));
                next
            }
        };
        Ok(Arc::clone(&inboxes.all[index]))
    }

    pub(super) fn free_inbox(&self, inbox: &Arc<Inbox>) {
        self.inboxes.lock().free.push(inbox.index);
    }

    // ---- Slots ----------------------------------------------------------------------------------

    /// A worker without a task, for a carrier of that group.
    pub(super) fn take_slot(&self, group: &Arc<CarrierGroup>) -> Option<Slot> {
        self.rest.take_for(group)
    }

    /// A worker has no task any more.
    pub(super) fn put_slot(&self, pool: &Pool, slot: Slot) {
        self.put_back(pool, slot, Some(clock::now_ns()));
        if pool.gate().is_unneeded() {
            self.retire_unneeded(pool);
        }
    }

    fn put_back(&self, pool: &Pool, slot: Slot, now: Option<u64>) {
        self.rest
            .bring(slot, now, &self.idle, || !pool.queue().is_empty());
    }

    /// The gate has let a worker go.
    pub(super) fn release(&self, pool: &Pool, slot: Slot) {
        self.stacks.give_back(slot.stack);
        match self.rest.release() {
            Some(group) => {
                group.shut_down(slot.index());
                self.idle.wake_all();
            }
            None => pool.thread_ends(slot.index()),
        }
    }

    fn retire_unneeded(&self, pool: &Pool) {
        while pool.gate().is_unneeded() {
            let Some(slot) = self.rest.take_oldest(&mut self.rest.lock()) else {
                return;
            };
            if pool.gate().retire(false) != Retire::Leave {
                self.put_back(pool, slot, Some(clock::now_ns()));
                return;
            }
            self.release(pool, slot);
        }
    }

    /// Lets those go that have rested for long enough; not all at once, since fibers wait meanwhile.
    pub(super) fn expire(&self, pool: &Pool, now: u64) {
        for _ in 0..Self::EXPIRE_IN_A_TURN {
            let Some(slot) = self.rest.take_expired(&mut self.rest.lock(), now) else {
                return;
            };
            match pool.gate().retire(true) {
                Retire::Leave => self.release(pool, slot),
                // As good as having had the task that another worker took.
                Retire::Needed => self.put_back(pool, slot, Some(clock::now_ns())),
                Retire::Kept => self.put_back(pool, slot, None),
            }
        }
    }

    pub(super) fn next_expiry(&self) -> u64 {
        self.rest.next_expiry()
    }

    // ---- Carriers -------------------------------------------------------------------------------

    /// Whether a task waits for a carrier: one for which there is a slot.
    pub(super) fn has_work(&self, pool: &Pool) -> bool {
        !pool.queue().is_empty() && !self.rest.is_empty()
    }

    pub(super) fn begins_to_work(&self) {
        // ORDERING: SeqCst; see `set_standby`.
        self.working.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn ends_to_work(&self) {
        // ORDERING: as above.
        self.working.fetch_sub(1, Ordering::SeqCst);
    }

    /// The calling carrier watches the others from now on, or not any more.
    pub(super) fn set_standby(&self, inbox: Option<&Arc<Inbox>>) {
        let inbox = inbox.map_or(ptr::null(), Arc::as_ptr);
        // ORDERING: SeqCst, as the two below: of a standby that checks whether others work, and a carrier that
        // becomes idle and checks for a standby, one sees the other.
        self.standby.store(inbox.cast_mut(), Ordering::SeqCst);
    }

    /// The calling carrier has begun to rest. If it was the last at work the standby has to take over.
    pub(super) fn wake_standby(&self) {
        if self.working.load(Ordering::SeqCst) > 0 {
            return;
        }
        let standby = self.standby.load(Ordering::SeqCst);
        let inboxes = self.inboxes.lock();
        if let Some(inbox) = inboxes
            .all
            .iter()
            .find(|inbox| ptr::eq(Arc::as_ptr(inbox), standby))
        {
            inbox.wake();
        }
    }

    /// How many carriers run fibers.
    pub(super) fn working(&self) -> usize {
        // ORDERING: as above.
        self.working.load(Ordering::SeqCst)
    }

    /// How many tasks the carriers have taken.
    pub(super) fn taken(&self) -> u64 {
        let inboxes = self.inboxes.lock();
        inboxes.all.iter().map(|inbox| inbox.taken.get()).sum()
    }

    /// True the first time.
    pub(super) fn first_held(&self) -> bool {
        // ORDERING: Relaxed; nothing hangs on it.
        self.held.swap(1, Ordering::Relaxed) == 0
    }

    pub(super) fn name(&self) -> &CString {
        &self.name
    }

    /// Calls `function(arg)` on a thread of its own while the calling fiber waits.
    pub(super) fn block(
        &self,
        pool: &Pool,
        function: TaskFn,
        arg: *mut c_void,
    ) -> Result<Option<String>, Error> {
        self.blocking.call(pool, function, arg)
    }
}

impl Engine for FiberEngine {
    fn start(&self, pool: Arc<Pool>, index: usize) -> Result<(), SpawnError> {
        self.grant(pool, index)
    }

    #[inline]
    fn task_pushed(&self, _: &Pool) {
        self.idle.task_pushed(|| false);
    }

    fn begin_spin(&self) {
        self.idle.begin_spin();
    }

    fn end_spin(&self, pool: &Pool) {
        self.idle.end_spin(|| self.has_work(pool));
    }

    fn look_again(&self, pool: &Pool) {
        self.retire_unneeded(pool);
    }

    fn expiry_changed(&self, expiry: u64) {
        self.rest.set_expiry(expiry);
        // A carrier registers as a sleeper before it computes how long it may sleep.
        self.idle.wake_all();
        self.blocking.set_expiry(expiry);
    }

    fn trim_helpers(&self) {
        self.blocking.trim();
    }

    fn reap(&self, deadline: Deadline) -> bool {
        self.blocking.shut_down();
        self.threads.reap(deadline)
    }

    fn detach(&self) {
        self.threads.detach();
    }

    fn give_up_helpers(&self) {
        self.blocking.give_up();
    }

    fn dump(&self, out: &mut dyn Write, pace: &Pace) -> fmt::Result {
        match dump::lock_soon(&self.inboxes) {
            Some(inboxes) => {
                for inbox in inboxes
                    .all
                    .iter()
                    .filter(|inbox| !inboxes.free.contains(&inbox.index))
                {
                    let running = inbox.counts.running();
                    let without = "looks for something to do, or is parked";
                    dump::write_worker(out, "carrier", inbox.index, running, pace, without)?;
                }
            }
            None => writeln!(out, "  carriers: (busy)")?,
        }
        match self.rest.lock_soon() {
            Some(slots) => {
                let idle = self.rest.idle();
                let busy = slots.granted.saturating_sub(idle);
                writeln!(out, "  fibers: {busy} with a task, {idle} without")?;
            }
            None => writeln!(out, "  fibers: (busy)")?,
        }
        let (searching, sleeping) = self.idle.figures();
        writeln!(
            out,
            "  carriers without a task: {searching} searching, {sleeping} parked"
        )
    }

    fn add_counts(&self, stats: &mut Stats) {
        for inbox in &self.inboxes.lock().all {
            inbox.counts.add_to(stats);
        }
    }
}
