//! The queue of a pool: one fifo, or one for each level of priority (README, "Levels").

#![allow(
    unsafe_code,
    reason = "the levels are made by whoever needs them first, and freed with the queue"
)]

use std::ptr;

use super::Fifo;
use crate::error::Error;
use crate::memory::try_box;
use crate::sync::{AtomicPtr, AtomicU64, Ordering, looks, mutant, spin_loop};
use crate::task::Task;

/// One pop of this number begins at the lowest level.
const TURN: u64 = 16;

/// How urgent a task is, while it is in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    High,
    Normal,
    Low,
}

/// The fifos beside the normal one.
#[derive(Debug)]
struct Levels {
    high: Fifo,
    low: Fifo,
    pops: AtomicU64,
}

/// Accepted tasks that no worker has taken yet.
#[derive(Debug)]
pub(crate) struct Queue {
    /// NULL until a task has a priority.
    levels: AtomicPtr<Levels>,
    normal: Fifo,
    /// The most tasks, if the memory for them was allocated at once.
    fixed: Option<usize>,
}

impl Queue {
    /// A queue that allocates as tasks come.
    pub(crate) fn growing() -> Self {
        Self {
            levels: AtomicPtr::new(ptr::null_mut()),
            normal: Fifo::growing(),
            fixed: None,
        }
    }

    /// A queue that does not allocate again, but for its levels.
    pub(crate) fn fixed(tasks: usize) -> Result<Self, Error> {
        Ok(Self {
            levels: AtomicPtr::new(ptr::null_mut()),
            normal: Fifo::fixed(tasks)?,
            fixed: Some(tasks),
        })
    }

    #[inline]
    fn levels(&self, order: Ordering) -> Option<&Levels> {
        // SAFETY: whoever shows them has made them whole, and they stay until the queue is dropped.
        unsafe { self.levels.load(order).as_ref() }
    }

    /// Makes the levels, unless that is done. Comes before the first push to one.
    #[cold]
    pub(crate) fn prepare_levels(&self) -> Result<(), Error> {
        // ORDERING: [Q7]
        if self.levels(Ordering::Acquire).is_some() {
            return Ok(());
        }
        let fifo = || self.fixed.map_or_else(|| Ok(Fifo::growing()), Fifo::fixed);
        let made = Box::into_raw(try_box(Levels {
            high: fifo()?,
            low: fifo()?,
            pops: AtomicU64::new(0),
        })?);
        if mutant("Q7") {
            self.levels.store(made, Ordering::SeqCst);
            return Ok(());
        }
        // ORDERING: [Q7]
        let shown = self.levels.compare_exchange(
            ptr::null_mut(),
            made,
            Ordering::SeqCst,
            Ordering::Acquire,
        );
        if shown.is_err() {
            // SAFETY: nobody has seen these.
            drop(unsafe { Box::from_raw(made) });
        }
        Ok(())
    }

    /// Adds an accepted task, or gives it back if the system refuses the memory. What the caller reads after it with
    /// SeqCst is not older than what a thread wrote, with SeqCst too, before it found the queue empty (Q4).
    #[inline]
    pub(crate) fn push(&self, task: Task) -> Result<(), Task> {
        self.normal.push(task)
    }

    /// The same at a level.
    #[cold]
    pub(crate) fn push_at(&self, task: Task, level: Level) -> Result<(), Task> {
        // ORDERING: [Q7] The caller, or whoever was faster, has shown them.
        match (level, self.levels(Ordering::Acquire)) {
            (Level::High, Some(levels)) => levels.high.push(task),
            (Level::Low, Some(levels)) => levels.low.push(task),
            _ => self.normal.push(task),
        }
    }

    /// Takes the task that is next.
    #[inline]
    pub(crate) fn pop(&self) -> Option<Task> {
        // ORDERING: [Q7] An old look is as one from before; `is_empty` decides who sleeps.
        match self.levels(Ordering::Acquire) {
            None => self.normal.pop(),
            Some(levels) => self.pop_of(levels),
        }
    }

    #[cold]
    #[inline(never)]
    fn pop_of(&self, levels: &Levels) -> Option<Task> {
        if self.is_empty() {
            return None; // Who finds nothing takes no turn.
        }
        // ORDERING: Relaxed; the numbers are given out once each.
        let number = levels.pops.fetch_add(1, Ordering::Relaxed);
        let mut order = [&levels.high, &self.normal, &levels.low];
        // [Q6] Otherwise the lowest might never be taken.
        if number % TURN == TURN - 1 && !mutant("Q6") {
            order.reverse();
        }
        if mutant("Q6.order") {
            order.rotate_left(1);
        }
        order.into_iter().find_map(Fifo::pop)
    }

    /// Looks for a task to take, this number of times.
    pub(crate) fn pop_soon(&self, count: u32) -> Option<Task> {
        (0..looks(count)).find_map(|_| {
            spin_loop();
            if self.is_empty() { None } else { self.pop() }
        })
    }

    /// About how many there are to take.
    #[cfg(not(loom))]
    pub(crate) fn len(&self) -> usize {
        // ORDERING: [Q7]
        let levels = self.levels(Ordering::Acquire);
        self.normal.len() + levels.map_or(0, |levels| levels.high.len() + levels.low.len())
    }

    /// Whether there is nothing to take.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        // ORDERING: [Q7]
        self.normal.is_empty()
            && (self.levels(Ordering::SeqCst)).is_none_or(|levels| {
                levels.high.is_empty() && levels.low.is_empty() || mutant("Q7.empty")
            })
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // ORDERING: Relaxed; nobody else is left.
        let levels = self.levels.load(Ordering::Relaxed);
        if !levels.is_null() {
            // SAFETY: `prepare_levels` made such a box, and nobody has it any more.
            drop(unsafe { Box::from_raw(levels) });
        }
    }
}
