//! The threads of one pool: how they are started and joined.

use std::time::Duration;

use crate::admission::SpawnError;
use crate::clock::Deadline;
use crate::config::Config;
use crate::error::Error;
#[cfg(loom)]
use crate::sync::os;
use crate::sync::{Mutex, mutant};

#[cfg(not(loom))]
use super::os;
pub(super) use os::Thread;

/// Starts the threads of a pool, and joins them all.
#[derive(Debug)]
pub(super) struct Threads {
    traits: os::ThreadAttributes,
    /// The last thread that has ended, until somebody joins it. A thread that ends joins the one
    /// before it, so there is never more than one.
    ended: Mutex<Ended>,
}

#[derive(Debug, Default)]
struct Ended {
    last: Option<Thread>,
    /// Nobody joins the last one, so that each sees to itself.
    detached: bool,
}

impl Threads {
    /// The time between two polls of a thread that is ending: thread-local destructors of the host may take long.
    const LONGEST_PAUSE: Duration = Duration::from_millis(2);

    /// What the threads inherit is taken from the calling one.
    pub(super) fn new(config: &Config, stack_size: usize) -> Result<Self, Error> {
        Ok(Self {
            traits: os::ThreadAttributes::new(config, stack_size)?,
            ended: Mutex::new(Ended::default()),
        })
    }

    /// Starts a thread. The caller keeps `self` alive for as long as the thread lives.
    pub(super) fn spawn(
        &self,
        index: usize,
        body: impl FnOnce() + Send + 'static,
    ) -> Result<(), SpawnError> {
        self.traits.spawn(index, body)
    }

    /// The calling thread is about to end, and joins the one that ended before.
    pub(super) fn this_one_ends(&self) {
        if let Some(earlier) = self.this_one_will_end() {
            earlier.join();
        }
    }

    /// The calling thread ends soon, and is joined. The caller joins the result, the one that ended before.
    pub(super) fn this_one_will_end(&self) -> Option<Thread> {
        let this = self.traits.this_thread()?;
        let mut ended = self.ended.lock();
        if ended.detached && !mutant("W8") {
            this.detach();
            return None;
        }
        ended.last.replace(this)
    }

    /// From here on nobody joins threads of the pool.
    pub(super) fn detach(&self) {
        let mut ended = self.ended.lock();
        ended.detached = true;
        if let Some(last) = ended.last.take() {
            last.detach();
        }
    }

    /// Joins the last of those that have said that they end. False if it has not ended by the deadline.
    pub(super) fn reap(&self, deadline: Deadline) -> bool {
        let mut pause = Duration::from_micros(20);
        loop {
            {
                // Joined with the lock held, so that every caller comes back after the thread's end.
                let mut ended = self.ended.lock();
                if ended.last.as_ref().is_none_or(Thread::join_if_ended) {
                    ended.last = None;
                    return true;
                }
            }
            if deadline.has_passed() {
                return false;
            }
            crate::clock::sleep(pause);
            pause = (pause * 2).min(Self::LONGEST_PAUSE);
        }
    }
}

/// See `sync/mutants.rs`.
#[cfg(all(test, loom))]
mod models {
    use std::sync::Arc;

    use super::*;
    use crate::sync::explore;

    /// Two threads end while the pool is given up or shut down.
    fn two_end(meanwhile: fn(&Threads)) {
        explore(3, move || {
            let threads =
                Threads::new(&Config::default_pool(), 0).expect("models grant every thread");
            let threads = Arc::new(threads);
            let others = [(); 2].map(|()| {
                let threads = Arc::clone(&threads);
                crate::sync::thread::spawn(move || threads.this_one_ends())
            });
            meanwhile(&threads);
            for other in others {
                other.join().unwrap();
            }
            if !threads.ended.lock().detached {
                threads.reap(Deadline::NEVER);
            }
            assert_eq!(threads.traits.unjoined(), 0, "nobody joins a thread");
        });
    }

    /// [W8] Each is joined by the next, or by whoever reaps.
    #[test]
    fn w8_each_thread_is_joined_once() {
        two_end(|threads| assert!(threads.reap(Deadline::NEVER)));
    }

    /// [W8] Each is joined, or sees to itself.
    #[test]
    fn w8_no_thread_of_a_pool_that_is_given_up_waits_to_be_joined() {
        two_end(Threads::detach);
    }
}
