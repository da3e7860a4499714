//! Who sleeps, who searches, whom to wake. See thread/README.md.

#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::sync::Arc;

use crossbeam_utils::CachePadded;

use crate::sync::{AtomicU64, Mutex, Ordering, fence, mutant};

/// One sleeping worker, in [`Idle::state`]: 24 bits, as many as workers can be.
const SLEEPING: u64 = 1;
/// One searching worker: 24 bits above.
const SEARCHING: u64 = 1 << 24;
/// One caller that keeps watch: 16 bits on top.
const WATCHING: u64 = 1 << 48;

fn sleeping(state: u64) -> u64 {
    state & (SEARCHING - 1)
}

fn searching(state: u64) -> u64 {
    state % WATCHING / SEARCHING
}

/// Those who will look at the queue before they sleep: searching workers and watching callers.
fn awake(state: u64) -> u64 {
    state / SEARCHING
}

/// Whether only one was awake.
fn last_awake(state: u64) -> bool {
    searching(state) + state / WATCHING == 1
}

/// Who sleeps here.
pub(super) trait Sleeps {
    /// Ends its sleep, or lets its next one end at once.
    fn wake(&self);
}

/// The threads of a pool that have nothing to do.
#[derive(Debug)]
pub(super) struct Idle<S> {
    /// How many search and how many sleep. Changed by those who search; who sleeps is changed
    /// under the lock.
    state: CachePadded<AtomicU64>,
    /// The sleepers, the one that fell asleep last at the back: it is woken first, so that the
    /// surplus is what goes cold and expires.
    sleepers: Mutex<VecDeque<Arc<S>>>,
}

impl<S: Sleeps> Idle<S> {
    /// With memory for so many sleepers.
    pub(super) fn with(sleepers: usize) -> Self {
        Self {
            state: CachePadded::new(AtomicU64::new(0)),
            sleepers: Mutex::new(VecDeque::with_capacity(sleepers)),
        }
    }

    /// A worker was started: it searches from now on, although its thread has not begun yet.
    pub(super) fn begin_search(&self) {
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

    /// A worker that was about to be started was refused.
    pub(super) fn give_up_search(&self) {
        // ORDERING: [T1]
        self.state.fetch_sub(SEARCHING, Ordering::SeqCst);
    }

    /// A searching worker stops: it is about to run a task, or to leave. If it was the last that
    /// searched and there is more, the next one has to be woken first (W2).
    pub(super) fn end_search(&self, more: impl Fn() -> bool) {
        self.stop_being_awake(SEARCHING, more);
    }

    /// A caller is awake until [`Idle::end_watch`].
    pub(super) fn begin_watch(&self) {
        // ORDERING: [T1]
        self.state.fetch_add(WATCHING, Ordering::SeqCst);
    }

    /// The caller is about to do something else. As for [`Idle::end_search`].
    pub(super) fn end_watch(&self, more: impl Fn() -> bool) {
        self.stop_being_awake(WATCHING, more);
    }

    fn stop_being_awake(&self, unit: u64, more: impl Fn() -> bool) {
        // ORDERING: [T1]
        let before = self.state.fetch_sub(unit, Ordering::SeqCst);
        // Who lies down after this looks at the queue later still (W3).
        if !last_awake(before) || sleeping(before) == 0 || mutant("W2") {
            return;
        }
        // ORDERING: [T2]
        fence(Ordering::SeqCst);
        if more() {
            self.wake_one();
        }
    }

    /// Tasks were pushed (W1). `taken_soon` may wait a little for a worker that is awake to take them.
    #[inline]
    pub(super) fn task_pushed(&self, taken_soon: impl Fn() -> bool) {
        // ORDERING: [T2] The push has ended with a SeqCst write.
        let state = self.state.load(Ordering::SeqCst);
        if awake(state) == 0 && sleeping(state) > 0 && !taken_soon() {
            self.wake_one();
        }
    }

    /// Wakes the sleeper that fell asleep last, unless somebody is awake.
    #[cold]
    fn wake_one(&self) {
        let mut sleepers = self.sleepers.lock();
        // ORDERING: [T1]
        if awake(self.state.load(Ordering::SeqCst)) > 0 {
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
        let woken = {
            let mut sleepers = self.sleepers.lock();
            let woken: Vec<Arc<S>> = sleepers.drain(..).collect();
            let count = woken.len() as u64;
            // ORDERING: [T1]
            self.state
                .fetch_add((SEARCHING - SLEEPING) * count, Ordering::SeqCst);
            woken
        };
        for slot in woken {
            slot.wake();
        }
    }

    /// How many sleep, as it looks from here.
    pub(super) fn sleepers(&self) -> usize {
        // ORDERING: Relaxed; a hint.
        sleeping(self.state.load(Ordering::Relaxed)) as usize
    }

    /// Whether anybody sleeps.
    pub(super) fn has_sleepers(&self) -> bool {
        // ORDERING: [T2]
        fence(Ordering::SeqCst);
        // ORDERING: Relaxed; the fence orders it.
        sleeping(self.state.load(Ordering::Relaxed)) > 0
    }

    /// Lists a worker among the sleepers. False if `reason_to_stay` shows, after that, that it must
    /// not sleep: then it searches. True if it is to park now.
    pub(super) fn lie_down(
        &self,
        slot: &Arc<S>,
        was_searching: bool,
        reason_to_stay: impl Fn() -> bool,
    ) -> bool {
        if mutant("W3") && reason_to_stay() {
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
        // [W3] Listed first, looked second: who pushes in between finds the sleeper.
        if mutant("W3") || !reason_to_stay() {
            return true;
        }
        !self.get_up(slot, SEARCHING)
    }

    /// A sleeper that nobody woke gets up by itself. False if somebody has woken it in the meantime:
    /// then a wake is in its parker, or about to be.
    pub(super) fn get_up_late(&self, slot: &Arc<S>) -> bool {
        self.get_up(slot, 0)
    }

    fn get_up(&self, slot: &Arc<S>, becomes: u64) -> bool {
        let mut sleepers = self.sleepers.lock();
        // Who gets up late lies near the front, who gets up at once near the back.
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
