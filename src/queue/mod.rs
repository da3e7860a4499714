//! The pool's one queue of accepted tasks, first in, first out. See the README beside this file.
//!
//! Its room is admission's business: whoever pushes has had the task accepted.

mod levels;
#[cfg(all(test, any(loom, miri)))]
mod models;
mod segment;
#[cfg_attr(loom, allow(dead_code, reason = "models of pools have a simpler one"))]
mod segments;
mod spare;

#[cfg(not(loom))]
use crossbeam_queue::ArrayQueue;
#[cfg(not(loom))]
use segments::Segments;

use crate::error::Error;
use crate::memory;
use crate::sync::{Ordering, StepWait, fence};
use crate::task::Task;

pub(crate) use levels::{Level, Queue};

/// Tasks in the order of their pushes.
#[derive(Debug)]
enum Fifo {
    /// Grows by segments of 63 tasks.
    Growing(Segments<Task>),
    /// Allocated in advance for as many tasks as can be accepted.
    Fixed(ArrayQueue<Task>),
}

impl Fifo {
    /// One that allocates as tasks come.
    fn growing() -> Self {
        Self::Growing(Segments::new())
    }

    /// One that never allocates again.
    fn fixed(tasks: usize) -> Result<Self, Error> {
        // It has a place for each, which is the task and a number.
        let make = || ArrayQueue::new(tasks);
        memory::with_array::<(Task, usize), _>(tasks, make).map(Self::Fixed)
    }

    /// Adds an accepted task, or gives it back if the system refuses the memory. What the caller reads after it with SeqCst is not older than what a thread
    /// wrote, with SeqCst too, before it found the queue empty (Q4).
    #[inline]
    fn push(&self, task: Task) -> Result<(), Task> {
        match self {
            Self::Growing(queue) => queue.push(task),
            Self::Fixed(queue) => {
                // A worker that has just taken a task may not have left its slot yet.
                let (mut task, mut step) = (task, StepWait::default());
                while let Err(back) = queue.push(task) {
                    task = back;
                    step.wait();
                }
                // ORDERING: for Q4, of which ArrayQueue says nothing.
                fence(Ordering::SeqCst);
                Ok(())
            }
        }
    }

    /// Takes the task that was added first.
    #[inline]
    fn pop(&self) -> Option<Task> {
        match self {
            Self::Growing(queue) => queue.pop(),
            Self::Fixed(queue) => queue.pop(),
        }
    }

    /// About how many there are to take.
    #[cfg(not(loom))]
    fn len(&self) -> usize {
        match self {
            Self::Growing(queue) => queue.len(),
            Self::Fixed(queue) => queue.len(),
        }
    }

    /// Whether there is nothing to take.
    #[inline]
    fn is_empty(&self) -> bool {
        match self {
            Self::Growing(queue) => queue.is_empty(),
            Self::Fixed(queue) => queue.is_empty(),
        }
    }
}

#[cfg(loom)]
use shims::{ArrayQueue, Segments};

/// Stand-ins that loom can see into. `is_empty` reads a relaxed copy of the length, so that models
/// meet every emptiness a real queue could show.
#[cfg(loom)]
mod shims {
    use std::collections::VecDeque;

    use crate::sync::{AtomicUsize, Mutex, Ordering, fence_in_models, mutant};

    #[derive(Debug)]
    pub(crate) struct Segments<T> {
        tasks: Mutex<VecDeque<T>>,
        length: AtomicUsize,
    }

    impl<T> Segments<T> {
        pub(crate) fn new() -> Self {
            Self {
                tasks: Mutex::new(VecDeque::new()),
                length: AtomicUsize::new(0),
            }
        }

        pub(crate) fn push(&self, task: T) -> Result<(), T> {
            let mut tasks = self.tasks.lock();
            tasks.push_back(task);
            // ORDERING: Relaxed on purpose: no weaker than a real queue's.
            self.length.store(tasks.len(), Ordering::Relaxed);
            drop(tasks);
            if !mutant("W1") {
                fence_in_models();
            }
            Ok(())
        }

        pub(crate) fn pop(&self) -> Option<T> {
            let mut tasks = self.tasks.lock();
            let task = tasks.pop_front();
            // ORDERING: as above.
            self.length.store(tasks.len(), Ordering::Relaxed);
            task
        }

        pub(crate) fn is_empty(&self) -> bool {
            // ORDERING: as above.
            self.length.load(Ordering::Relaxed) == 0
        }
    }

    #[derive(Debug)]
    pub(crate) struct ArrayQueue<T>(Segments<T>);

    impl<T> ArrayQueue<T> {
        pub(crate) fn new(_capacity: usize) -> Self {
            Self(Segments::new())
        }

        pub(crate) fn push(&self, task: T) -> Result<(), T> {
            self.0.push(task)
        }

        pub(crate) fn pop(&self) -> Option<T> {
            self.0.pop()
        }

        pub(crate) fn is_empty(&self) -> bool {
            self.0.is_empty()
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_queued_task_takes_a_cache_line() {
        assert_eq!(size_of::<segment::Slot<Task>>(), 64);
        // A slot of crossbeam's queue is the value and one word of state.
        #[allow(dead_code, reason = "only its size is looked at")]
        struct Slot(Task, usize);
        assert_eq!(size_of::<Slot>(), 64);
    }

    /// Several who push and several who pop, over many segments.
    #[test]
    fn each_task_is_taken_once_and_those_of_one_pusher_in_their_order() {
        const PUSHERS: usize = 3;
        const EACH: usize = if cfg!(miri) { 100 } else { 20_000 };
        let queue = Segments::new();
        let taken: Vec<Vec<usize>> = std::thread::scope(|scope| {
            for pusher in 0..PUSHERS {
                let queue = &queue;
                scope.spawn(move || {
                    (0..EACH).for_each(|n| queue.push(pusher * EACH + n).expect("there is memory"))
                });
            }
            let poppers = [(); 2].map(|()| {
                scope.spawn(|| {
                    let next = || loop {
                        if let Some(task) = queue.pop() {
                            return task;
                        }
                        std::thread::yield_now();
                    };
                    (0..PUSHERS * EACH / 2).map(|_| next()).collect()
                })
            });
            poppers.map(|popper| popper.join().unwrap()).into()
        });
        for of_one in &taken {
            for pusher in 0..PUSHERS {
                let theirs = of_one.iter().filter(|task| **task / EACH == pusher);
                assert!(theirs.is_sorted());
            }
        }
        let mut all = taken.concat();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..PUSHERS * EACH));
        assert!(queue.is_empty());
        assert_eq!((queue.len(), queue.pop()), (0, None));
    }

    #[test]
    fn a_fixed_queue_that_no_memory_holds_is_refused() {
        assert_eq!(Fifo::fixed(usize::MAX / 2).err(), Some(Error::NoMemory));
        assert_eq!(Queue::fixed(usize::MAX / 2).err(), Some(Error::NoMemory));
    }
}
