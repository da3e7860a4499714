//! A result that one thread sends and one fiber waits for.

#![forbid(unsafe_code)]

use crate::clock::Deadline;
use crate::suspend::Parker;
use crate::sync::{Mutex, mutant};

/// Where the result arrives. Both sides keep it alive.
#[derive(Debug)]
pub(super) struct Oneshot<T> {
    arrived: Parker,
    value: Mutex<Option<T>>,
}

impl<T> Default for Oneshot<T> {
    fn default() -> Self {
        Self {
            arrived: Parker::default(),
            value: Mutex::new(None),
        }
    }
}

impl<T> Oneshot<T> {
    /// Sends the result, once.
    pub(super) fn send(&self, value: T) {
        if mutant("F7") {
            self.arrived.unpark();
        }
        let mut place = self.value.lock();
        *place = Some(value);
        // [F7] The result first, then the wake. With the lock held: see `Parker::unpark`.
        if !mutant("F7") {
            self.arrived.unpark();
        }
    }

    /// Waits for the result.
    pub(super) fn receive(&self) -> T {
        loop {
            self.arrived.park_until(Deadline::NEVER);
            if let Some(value) = self.value.lock().take() {
                return value;
            }
        }
    }
}
