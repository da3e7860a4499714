//! The fibers and carriers of one pool.

#![forbid(unsafe_code)]

use std::ffi::{CString, c_void};
use std::ptr;
use std::sync::{Arc, Weak};

use super::blocking::Blocking;
use super::carrier::Carrier;
use super::crew::Crew;
use super::fiber::Slot;
use super::node::Post;
use super::overflow;
use super::slots::{Rest, Slots};
use super::stack::Stacks;
use crate::admission::{Refused, Retire, Workers};
use crate::clock;
use crate::config::Config;
use crate::engine::Engine;
use crate::engine::idle::{Idle, Sleeps};
use crate::engine::threads::Threads;
use crate::error::Error;
use crate::pool::Pool;
use crate::stats::Stats;
use crate::sync::{AtomicPtr, AtomicU32, AtomicUsize, Lookout, Mutex, Ordering};
use crate::task::TaskFn;

/// The fiber workers of one pool.
#[derive(Debug)]
pub(crate) struct FiberEngine {
    pub(super) idle: Idle<Post>,
    pub(super) threads: Threads,
    pub(super) stacks: Stacks,
    pub(super) lookout: Lookout,
    rest: Rest<Slot>,
    /// The most carriers.
    carriers: usize,
    /// Carriers that run fibers, and do not rest.
    working: AtomicUsize,
    /// The one that naps while the others work, to help them.
    watcher: AtomicPtr<Post>,
    posts: Mutex<Posts>,
    blocking: Blocking,
    held: AtomicU32,
    name: CString,
    this: Weak<FiberEngine>,
}

/// Posts are kept for as long as the engine: those who wake a fiber find them by pointers.
#[derive(Debug, Default)]
struct Posts {
    all: Vec<Arc<Post>>,
    free: Vec<usize>,
}

/// Starts this engine's workers.
pub(super) struct Starter<'a>(pub(super) &'a FiberEngine, pub(super) &'a Pool);

impl Workers for Starter<'_> {
    fn start(&self, index: usize) -> Result<(), Refused> {
        self.0.grant(self.1.itself().ok_or(Refused)?, index)
    }
}

impl FiberEngine {
    /// Carriers that may lie down before anything is allocated for it.
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
        let expiry = config.expiry.map_or(u64::MAX, clock::in_ns);
        let threads = Threads::new(config, 0)?;
        Ok(Arc::new_cyclic(|this| Self {
            idle: Idle::with(config.carriers.min(Self::SLEEPERS_IN_ADVANCE)),
            threads,
            stacks,
            lookout: Lookout::default(),
            rest: Rest::new(in_advance, expiry),
            carriers: config.carriers,
            working: AtomicUsize::new(0),
            watcher: AtomicPtr::default(),
            posts: Mutex::default(),
            blocking: Blocking::new(config),
            held: AtomicU32::new(0),
            name: config.name.clone(),
            this: Weak::clone(this),
        }))
    }

    /// Adds a worker, with a carrier to run it. Called with the gate locked.
    fn grant(&self, pool: Arc<Pool>, index: usize) -> Result<(), Refused> {
        let stack = self.stacks.take()?;
        let mut slots = self.rest.lock();
        let workers = slots.granted + 1;
        // If the system refuses further carriers it is asked again only now and then.
        if slots.carriers == 0 || workers.is_power_of_two() {
            while slots.carriers < workers.min(self.carriers) {
                if self.start_carrier(&mut slots, Arc::clone(&pool)).is_err() {
                    break;
                }
            }
        }
        if slots.carriers == 0 {
            drop(slots);
            self.stacks.give_back(stack);
            return Err(Refused);
        }
        slots.granted = workers;
        drop(slots);
        self.put_back(&pool, Slot { stack, index }, Some(clock::now_ns()));
        Ok(())
    }

    fn start_carrier(&self, slots: &mut Slots<Slot>, pool: Arc<Pool>) -> Result<(), Refused> {
        let engine = self.this.upgrade().ok_or(Refused)?;
        let crew = Arc::clone(slots.crew.get_or_insert_default());
        let post = self.take_post();
        let (its_crew, its_post) = (Arc::clone(&crew), Arc::clone(&post));
        let live = move || Box::new(Carrier::new(pool, engine, its_crew, its_post)).live();
        if self.threads.spawn(post.index, live).is_err() {
            self.free_post(&post);
            if slots.carriers == 0 {
                slots.crew = None;
            }
            return Err(Refused);
        }
        crew.one_joins();
        slots.carriers += 1;
        Ok(())
    }

    fn take_post(&self) -> Arc<Post> {
        let mut posts = self.posts.lock();
        let index = posts.free.pop().unwrap_or_else(|| {
            let next = posts.all.len();
            posts.all.push(Arc::new(Post::new(next)));
            next
        });
        Arc::clone(&posts.all[index])
    }

    pub(super) fn free_post(&self, post: &Arc<Post>) {
        self.posts.lock().free.push(post.index);
    }

    // ---- Slots ----------------------------------------------------------------------------------

    /// A worker without a task, for a carrier of that crew.
    pub(super) fn take_slot(&self, crew: &Arc<Crew>) -> Option<Slot> {
        if self.rest.is_empty() {
            return None;
        }
        let mut slots = self.rest.lock();
        // A carrier that has been dismissed is about to leave, and would leave the fiber behind.
        let serves = slots
            .crew
            .as_ref()
            .is_some_and(|now| Arc::ptr_eq(now, crew));
        serves.then(|| self.rest.take(&mut slots)).flatten()
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
        let crew = {
            let mut slots = self.rest.lock();
            slots.granted -= 1;
            if slots.granted == 0 {
                slots.carriers = 0;
                slots.crew.take()
            } else {
                None
            }
        };
        match crew {
            Some(crew) => {
                crew.dismiss(slot.index);
                self.idle.wake_all();
            }
            None => pool.gate().thread_ends(slot.index),
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

    /// Lets those go that have rested for long enough.
    pub(super) fn expire(&self, pool: &Pool, now: u64) {
        while let Some(slot) = {
            let mut slots = self.rest.lock();
            self.rest.take_expired(&mut slots, now)
        } {
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
        // ORDERING: SeqCst; see `set_watcher`.
        self.working.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn ends_to_work(&self) {
        // ORDERING: as above.
        self.working.fetch_sub(1, Ordering::SeqCst);
    }

    /// The calling carrier watches the others from now on, or not any more.
    pub(super) fn set_watcher(&self, post: Option<&Arc<Post>>) {
        let post = post.map_or(ptr::null(), Arc::as_ptr);
        // ORDERING: SeqCst, as the two below: of a watcher that looks whether others work and a carrier
        // that rests and looks for a watcher one sees the other.
        self.watcher.store(post.cast_mut(), Ordering::SeqCst);
    }

    /// The calling carrier has begun to rest. If it was the last at work the watcher has to take over.
    pub(super) fn call_watcher(&self) {
        if self.working.load(Ordering::SeqCst) > 0 {
            return;
        }
        let watcher = self.watcher.load(Ordering::SeqCst);
        let posts = self.posts.lock();
        if let Some(post) = posts
            .all
            .iter()
            .find(|post| ptr::eq(Arc::as_ptr(post), watcher))
        {
            post.wake();
        }
    }

    /// How many carriers run fibers.
    pub(super) fn working(&self) -> usize {
        // ORDERING: as above.
        self.working.load(Ordering::SeqCst)
    }

    /// How many tasks the carriers have taken.
    pub(super) fn taken(&self) -> u64 {
        let posts = self.posts.lock();
        posts.all.iter().map(|post| post.taken.get()).sum()
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
    fn start(&self, pool: Arc<Pool>, index: usize) -> Result<(), Refused> {
        self.grant(pool, index)
    }

    #[inline]
    fn task_pushed(&self, _: &Pool) {
        self.idle.task_pushed(|| false);
    }

    fn watch(&self, pool: &Pool, look: &mut dyn FnMut()) {
        self.idle.begin_watch();
        look();
        self.idle.end_watch(|| self.has_work(pool));
    }

    fn look_again(&self, pool: &Pool) {
        self.retire_unneeded(pool);
    }

    fn reap(&self) {
        self.blocking.shut_down();
        self.threads.reap();
    }

    fn add_counts(&self, stats: &mut Stats) {
        for post in &self.posts.lock().all {
            post.counts.add_to(stats);
        }
    }
}
