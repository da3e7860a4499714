//! The threads of one pool: how they are started, and who joins them.

use crate::admission::Refused;
use crate::config::Config;
use crate::error::Error;
use crate::sync::Mutex;
#[cfg(loom)]
use crate::sync::os;

#[cfg(not(loom))]
use super::os;

/// Starts the threads of a pool, and joins them all.
#[derive(Debug)]
pub(super) struct Threads {
    traits: os::Traits,
    /// The last thread that has ended, until somebody joins it. A thread that ends joins the one
    /// before it, so there is never more than one.
    ended: Mutex<Option<os::Thread>>,
}

impl Threads {
    /// What the threads inherit is taken from the calling one.
    pub(super) fn new(config: &Config, stack_size: usize) -> Result<Self, Error> {
        Ok(Self {
            traits: os::Traits::new(config, stack_size)?,
            ended: Mutex::new(None),
        })
    }

    /// Starts a thread. The caller keeps `self` alive for as long as the thread lives.
    pub(super) fn spawn(
        &self,
        index: usize,
        body: impl FnOnce() + Send + 'static,
    ) -> Result<(), Refused> {
        self.traits.spawn(index, body)
    }

    /// The calling thread is about to end, and joins the one that ended before.
    pub(super) fn this_one_ends(&self) {
        if let Some(this) = self.traits.this_thread() {
            let earlier = self.ended.lock().replace(this);
            if let Some(earlier) = earlier {
                earlier.join();
            }
        }
    }

    /// The calling thread will never end, and nobody will join it.
    pub(super) fn abandon_this_one(&self) {
        self.traits.abandon_this_thread();
    }

    /// Joins the last of those that have said that they end.
    pub(super) fn reap(&self) {
        // The lock is held while joining, so that every caller comes back after the thread's end. A
        // thread that can be joined does not take it any more.
        let mut ended = self.ended.lock();
        if let Some(thread) = ended.take() {
            thread.join();
        }
    }
}
