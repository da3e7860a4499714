//! The pool's one queue of accepted tasks, first in, first out.
//!
//! Its room is admission's business: whoever pushes has had the task accepted.

#![forbid(unsafe_code)]

#[cfg(not(loom))]
use crossbeam_queue::{ArrayQueue, SegQueue};

use crate::error::Error;
use crate::task::Task;

/// Accepted tasks that no worker has taken yet.
#[derive(Debug)]
pub(crate) enum Queue {
    /// Grows by blocks of 31 tasks.
    Growing(SegQueue<Task>),
    /// Allocated in advance for as many tasks as can be accepted.
    Fixed(ArrayQueue<Task>),
}

impl Queue {
    /// A queue that allocates as tasks come.
    pub(crate) fn growing() -> Self {
        Self::Growing(SegQueue::new())
    }

    /// A queue that never allocates again.
    pub(crate) fn fixed(tasks: usize) -> Result<Self, Error> {
        // ArrayQueue aborts where memory is short; so ask for as much first.
        let mut probe: Vec<(Task, usize)> = Vec::new();
        probe
            .try_reserve_exact(tasks)
            .map_err(|_| Error::NoMemory)?;
        drop(probe);
        Ok(Self::Fixed(ArrayQueue::new(tasks)))
    }

    /// Adds an accepted task.
    #[inline]
    pub(crate) fn push(&self, task: Task) {
        match self {
            Self::Growing(queue) => queue.push(task),
            Self::Fixed(queue) => {
                // A worker that has just taken a task may not have left its slot yet.
                let mut task = task;
                while let Err(back) = queue.push(task) {
                    task = back;
                    crate::sync::spin_loop();
                }
            }
        }
    }

    /// Takes the task that was added first.
    #[inline]
    pub(crate) fn pop(&self) -> Option<Task> {
        match self {
            Self::Growing(queue) => queue.pop(),
            Self::Fixed(queue) => queue.pop(),
        }
    }

    /// About how many there are to take.
    #[cfg(not(loom))]
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Growing(queue) => queue.len(),
            Self::Fixed(queue) => queue.len(),
        }
    }

    /// Whether there is nothing to take.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Growing(queue) => queue.is_empty(),
            Self::Fixed(queue) => queue.is_empty(),
        }
    }
}

#[cfg(loom)]
use shims::{ArrayQueue, SegQueue};

/// Stand-ins that loom can see into. `is_empty` reads a relaxed copy of the length, so that models
/// meet every emptiness a real queue could show.
#[cfg(loom)]
mod shims {
    use std::collections::VecDeque;

    use crate::sync::{AtomicUsize, Mutex, Ordering};

    #[derive(Debug)]
    pub(crate) struct SegQueue<T> {
        tasks: Mutex<VecDeque<T>>,
        length: AtomicUsize,
    }

    impl<T> SegQueue<T> {
        pub(crate) fn new() -> Self {
            Self {
                tasks: Mutex::new(VecDeque::new()),
                length: AtomicUsize::new(0),
            }
        }

        pub(crate) fn push(&self, task: T) {
            let mut tasks = self.tasks.lock();
            tasks.push_back(task);
            // ORDERING: Relaxed on purpose: no weaker than a real queue's.
            self.length.store(tasks.len(), Ordering::Relaxed);
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
    pub(crate) struct ArrayQueue<T>(SegQueue<T>);

    impl<T> ArrayQueue<T> {
        pub(crate) fn new(_capacity: usize) -> Self {
            Self(SegQueue::new())
        }

        pub(crate) fn push(&self, task: T) -> Result<(), T> {
            self.0.push(task);
            Ok(())
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
    fn a_fixed_queue_that_no_memory_holds_is_refused() {
        assert_eq!(Queue::fixed(usize::MAX / 2).err(), Some(Error::NoMemory));
    }
}
