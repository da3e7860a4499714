//! Which workers sleep, which search, and which is woken for a task. See thread/README.md.

#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::sync::Arc;

use crossbeam_utils::CachePadded;

use crate::admission::SpawnError;
use crate::clock;
use crate::error::Error;
use crate::sync::{AtomicU64, Mutex, Ordering, fence, fence_in_models, mutant, seq_cst_unless};

/// One sleeping worker, in [`Idle::state`]: 24 bits, as many as workers can be.
const SLEEPING: u64 = 1;
/// One searching worker, which will look at the queue before it sleeps: the bits above.
const SEARCHING: u64 = 1 << 24;

/// Sleepers that are woken with one lock, so that nothing is allocated for those who wake all.
const TOGETHER: usize = 64;

fn sleeping(state: u64) -> u64 {
    state & (SEARCHING - 1)
}

fn searching(state: u64) -> u64 {
    state / SEARCHING
}

/// A sleeper.
pub(super) trait Sleeps {
    /// Ends its sleep, or lets its next one end at once.
    fn wake(&self);
}

/// The threads of a pool that have nothing to do.
#[derive(Debug)]
pub(super) struct Idle<S> {
    /// How many search and how many sleep. Changed by those who search; the number of sleepers is
    /// changed under the lock.
    state: CachePadded<AtomicU64>,
    /// Until when the caller that began to spin last is trusted to look at the queue, in ticks; 0 if none
    /// spins.
    spinning_until: CachePadded<AtomicU64>,
    /// The sleepers, the one that fell asleep last at the back: it is woken first, so that the
    /// surplus is what goes cold and expires.
    sleepers: Mutex<VecDeque<Arc<S>>>,
}

impl<S: Sleeps> Idle<S> {
    /// With memory for this number of sleepers.
    pub(super) fn with(sleepers: usize) -> Result<Self, Error> {
        let mut list = VecDeque::new();
        list.try_reserve_exact(sleepers)?;
        Ok(Self {
            state: CachePadded::new(AtomicU64::new(0)),
            spinning_until: CachePadded::new(AtomicU64::new(0)),
            sleepers: Mutex::new(list),
        })
    }

    /// Has memory for this number of sleepers, since whoever falls asleep cannot be refused it.
    pub(super) fn reserve(&self, sleepers: usize) -> Result<(), SpawnError> {
        let mut list = self.sleepers.lock();
        let more = sleepers.saturating_sub(list.len());
        Ok(list.try_reserve(more)?)
    }

    /// Starts a worker by `begin`: it searches from then on, although its thread has not begun yet. Tasks that
    /// were left to one that is refused have somebody else woken.
    pub(super) fn start<E>(
        &self,
        begin: impl FnOnce() -> Result<(), E>,
        more: impl Fn() -> bool,
    ) -> Result<(), E> {
        self.begin_search();
        let started = begin();
        if started.is_err() {
            self.end_search(|| more() && !mutant("W2.refused"));
        }
        started
    }

    fn begin_search(&self) {
        // ORDERING: [T1]
        self.state.fetch_add(SEARCHING, Ordering::SeqCst);
    }

    /// A worker that found nothing wants to search on. False if another one does so already.
    pub(super) fn try_begin_search(&self) -> bool {
        // ORDERING: Relaxed for the look: a second searcher is a waste, not a fault. [T1]
        if searching(self.state.load(Ordering::Relaxed)) > 0 {
            return false;
        }
        self.begin_search();
        true
    }

    /// A searching worker stops: it is about to run a task, or to leave, or the system has refused to start it.
    /// If it was the last that searched and there is more, the next one has to be woken first (W2).
    pub(super) fn end_search(&self, more: impl Fn() -> bool) {
        // ORDERING: [T1]
        let before = self.state.fetch_sub(SEARCHING, Ordering::SeqCst);
        // A worker that parks after this looks at the queue once it is listed (W3).
        if searching(before) != 1 || sleeping(before) == 0 || mutant("W2") {
            return;
        }
        // ORDERING: [T2]
        fence(Ordering::SeqCst);
        if !self.is_somebody_spinning() && more() {
            self.wake_one();
        }
    }

    /// A caller spins, and looks at the queue when it ends: for that long nobody has to be woken for tasks
    /// that are pushed.
    pub(super) fn begin_spin(&self) {
        let until = clock::ticks().wrapping_add(clock::SHORT_TICKS);
        // ORDERING: [T2]
        self.spinning_until.store(until, Ordering::SeqCst);
    }

    /// The caller does not spin any more. Tasks that others have left to it have somebody woken (W5).
    pub(super) fn end_spin(&self, more: impl Fn() -> bool) {
        // ORDERING: [T2]
        self.spinning_until.store(0, Ordering::SeqCst);
        fence_in_models();
        // ORDERING: [T2]
        let state = self.state.load(Ordering::SeqCst);
        if searching(state) == 0 && sleeping(state) > 0 && more() && !mutant("W5") {
            self.wake_one();
        }
    }

    /// Whether a caller spins that will look at the queue. Not if it began so long ago that it has lost its
    /// CPU, which would make its delay that of the tasks.
    fn is_somebody_spinning(&self) -> bool {
        // ORDERING: [T2]
        let until = self.spinning_until.load(Ordering::SeqCst);
        until != 0 && until.wrapping_sub(clock::ticks()) <= clock::SHORT_TICKS
    }

    /// Tasks were pushed (W1). `taken_soon` may wait a little for a worker that does not sleep to take them.
    #[inline]
    pub(super) fn task_pushed(&self, taken_soon: impl Fn() -> bool) {
        // ORDERING: [T2] The push has ended with a SeqCst write.
        let order = seq_cst_unless("shipped.W1", Ordering::Acquire);
        let state = self.state.load(order);
        if searching(state) == 0 && sleeping(state) > 0 {
            self.wake_for_task(taken_soon);
        }
    }

    #[cold]
    fn wake_for_task(&self, taken_soon: impl Fn() -> bool) {
        if !self.is_somebody_spinning() && !taken_soon() {
            self.wake_one();
        }
    }

    /// Wakes the sleeper that fell asleep last, unless somebody searches.
    #[cold]
    fn wake_one(&self) {
        let mut sleepers = self.sleepers.lock();
        // ORDERING: [T1]
        if searching(self.state.load(Ordering::SeqCst)) > 0 {
            return;
        }
        let Some(slot) = sleepers.pop_back() else {
            return;
        };
        // ORDERING: [T1]
        self.state.fetch_add(SEARCHING - SLEEPING, Ordering::SeqCst);
        drop(sleepers);
        slot.wake();
    }

    /// Wakes everybody, to search and to look whether they are needed.
    pub(super) fn wake_all(&self) {
        // ORDERING: [T2]
        fence(Ordering::SeqCst);
        // Those that sleep now: who falls asleep later looks after the fence.
        let mut left = usize::MAX;
        while left > 0 {
            let mut woken = [const { None }; TOGETHER];
            {
                let mut sleepers = self.sleepers.lock();
                left = left.min(sleepers.len());
                let count = left.min(TOGETHER);
                for (place, slot) in woken.iter_mut().zip(sleepers.drain(..count)) {
                    *place = Some(slot);
                }
                left -= count;
                // ORDERING: [T1]
                self.state
                    .fetch_add((SEARCHING - SLEEPING) * count as u64, Ordering::SeqCst);
            }
            for slot in woken.into_iter().flatten() {
                slot.wake();
            }
        }
    }

    /// How many sleep, as it looks from here.
    pub(super) fn sleepers(&self) -> usize {
        // ORDERING: Relaxed; a hint.
        sleeping(self.state.load(Ordering::Relaxed)) as usize
    }

    /// How many search and how many sleep, as figures.
    #[cfg(not(loom))]
    pub(super) fn figures(&self) -> (u64, u64) {
        // ORDERING: Relaxed; for people.
        let state = self.state.load(Ordering::Relaxed);
        (searching(state), sleeping(state))
    }

    /// Whether anybody sleeps.
    pub(super) fn has_sleepers(&self) -> bool {
        // ORDERING: [T2]
        fence(Ordering::SeqCst);
        // ORDERING: Relaxed; the fence orders it.
        sleeping(self.state.load(Ordering::Relaxed)) > 0
    }

    /// Lists a worker among the sleepers. False if `must_stay_awake` shows, after that, that it must
    /// not sleep: then it searches. True if it is to park now.
    pub(super) fn register_sleeper(
        &self,
        slot: &Arc<S>,
        was_searching: bool,
        must_stay_awake: impl Fn() -> bool,
    ) -> bool {
        if mutant("W3") && must_stay_awake() {
            return false;
        }
        {
            let mut sleepers = self.sleepers.lock();
            sleepers.push_back(Arc::clone(slot));
            let change = if was_searching {
                SLEEPING.wrapping_sub(SEARCHING)
            } else {
                SLEEPING
            };
            // ORDERING: [T1]
            self.state.fetch_add(change, Ordering::SeqCst);
        }
        // ORDERING: [T2]
        fence(Ordering::SeqCst);
        // [W3] It is listed first and looks second: a push in between finds the sleeper.
        if mutant("W3") || !must_stay_awake() {
            return true;
        }
        !self.cancel_sleep(slot, SEARCHING)
    }

    /// The sleep of a worker has timed out. False if somebody has woken it in the meantime:
    /// then a wake is in its parker, or about to be.
    pub(super) fn sleep_timed_out(&self, slot: &Arc<S>) -> bool {
        self.cancel_sleep(slot, 0)
    }

    fn cancel_sleep(&self, slot: &Arc<S>, becomes: u64) -> bool {
        let mut sleepers = self.sleepers.lock();
        // A sleeper that times out is near the front, one that cancels its sleep near the back.
        let listed = match sleepers.back() {
            Some(last) if Arc::ptr_eq(last, slot) => Some(sleepers.len() - 1),
            _ => sleepers.iter().position(|other| Arc::ptr_eq(other, slot)),
        };
        let Some(index) = listed else {
            return false;
        };
        sleepers.remove(index);
        // ORDERING: [T1]
        self.state
            .fetch_add(becomes.wrapping_sub(SLEEPING), Ordering::SeqCst);
        true
    }
}

/// See `sync/mutants.rs`.
#[cfg(all(test, any(loom, miri)))]
mod models {
    use super::*;
    use crate::queue::Queue;
    use crate::sync::AtomicUsize;

    #[derive(Debug, Default)]
    struct Sleeper(AtomicUsize);

    impl Sleeper {
        fn is_woken(&self) -> bool {
            // ORDERING: Relaxed; looked at when all have ended.
            self.0.load(Ordering::Relaxed) == 1
        }
    }

    impl Sleeps for Sleeper {
        fn wake(&self) {
            // ORDERING: Relaxed; looked at when all have ended.
            self.0.store(1, Ordering::Relaxed);
        }
    }

    /// [W1] [W3] A push meets a worker that falls asleep: it is woken, or stays awake.
    #[test]
    fn w1_w3_a_push_is_seen_or_sees_the_sleeper() {
        crate::sync::explore(3, || {
            let idle = Arc::new(Idle::with(1).expect("there is memory"));
            let queue = Arc::new(Queue::growing());
            let sleeper = Arc::new(Sleeper::default());
            let worker = {
                let (idle, queue, sleeper) =
                    (Arc::clone(&idle), Arc::clone(&queue), Arc::clone(&sleeper));
                crate::sync::thread::spawn(move || {
                    idle.register_sleeper(&sleeper, false, || !queue.is_empty())
                })
            };
            assert!(queue.push(crate::task::numbered(1)).is_ok());
            idle.task_pushed(|| false);
            let sleeps = worker.join().unwrap();
            assert!(!sleeps || sleeper.is_woken(), "the task is lost");
        });
    }

    /// [W5] A push leaves the waking to a caller that spins, which ends just then.
    #[test]
    fn w5_a_task_that_is_left_to_a_spinning_caller_wakes_somebody() {
        crate::sync::explore(3, || {
            let idle = Arc::new(Idle::with(1).expect("there is memory"));
            let queued = Arc::new(AtomicUsize::new(0));
            let sleeper = Arc::new(Sleeper::default());
            assert!(idle.register_sleeper(&sleeper, false, || false));
            let spinning = {
                let (idle, queued) = (Arc::clone(&idle), Arc::clone(&queued));
                crate::sync::thread::spawn(move || {
                    idle.begin_spin();
                    // ORDERING: as a queue looks (Q4).
                    idle.end_spin(|| queued.load(Ordering::SeqCst) > 0);
                })
            };
            // ORDERING: as a push ends (Q4).
            queued.store(1, Ordering::SeqCst);
            fence_in_models();
            idle.task_pushed(|| false);
            spinning.join().unwrap();
            assert!(sleeper.is_woken(), "nobody was woken");
        });
    }

    /// [W2] A push leaves the waking to a worker that is being started, and the system refuses that one.
    #[test]
    fn w2_a_task_that_is_left_to_a_worker_that_is_refused_wakes_somebody() {
        crate::sync::explore(3, || {
            let idle = Arc::new(Idle::with(1).expect("there is memory"));
            let queued = Arc::new(AtomicUsize::new(0));
            let sleeper = Arc::new(Sleeper::default());
            assert!(idle.register_sleeper(&sleeper, false, || false));
            let starting = {
                let (idle, queued) = (Arc::clone(&idle), Arc::clone(&queued));
                crate::sync::thread::spawn(move || {
                    let started: Result<(), ()> = idle.start(
                        || Err(()),
                        || {
                            // ORDERING: as a queue looks (Q4).
                            queued.load(Ordering::SeqCst) > 0
                        },
                    );
                    assert!(started.is_err());
                })
            };
            // ORDERING: as a push ends (Q4).
            queued.store(1, Ordering::SeqCst);
            fence_in_models();
            idle.task_pushed(|| false);
            starting.join().unwrap();
            assert!(sleeper.is_woken(), "nobody was woken");
        });
    }
}
