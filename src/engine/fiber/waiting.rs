//! A carrier that has nothing to do: how it searches, and sleeps (README, "Turns" and
//! "Helping").

#![forbid(unsafe_code)]

use super::carrier::Carrier;
use crate::clock::{self, Deadline};
use crate::sync::spin;

/// Nanoseconds that a carrier gives the others to keep up.
const NAP: u64 = 1_000_000;

impl Carrier {
    pub(super) fn stop_searching(&self) {
        self.helps.set(false);
        if self.searching.replace(false) {
            self.engine
                .idle
                .end_search(|| self.engine.has_work(&self.pool));
        }
    }

    fn has_something(&self) -> bool {
        self.inbox.has_woken() || self.group.is_shut_down() || self.engine.has_work(&self.pool)
    }

    /// Waits until there is something to do.
    pub(super) fn rest(&self) {
        self.engine.ends_to_work();
        self.wait_for_something();
        self.engine.begins_to_work();
    }

    fn wait_for_something(&self) {
        if !self.searching.get() && self.engine.idle.try_begin_search() {
            self.searching.set(true);
        }
        if self.searching.get() {
            if self.engine.working() > 0 {
                if self.watch_the_others() {
                    return;
                }
            } else if self.took.replace(false) && self.pool.may_spin() && self.look_for_a_while() {
                return;
            }
        }
        let idle = &self.engine.idle;
        if !idle.register_sleeper(&self.inbox, self.searching.get(), || self.has_something()) {
            self.searching.set(true);
            return;
        }
        self.searching.set(false);
        self.engine.wake_standby();
        self.sleep(self.next_deadline());
        if !idle.sleep_timed_out(&self.inbox) {
            // Woken to search. The wake may have been meant for a fiber: then one is left over.
            self.searching.set(true);
        }
    }

    fn next_deadline(&self) -> u64 {
        let due = self.wheel.borrow().next().unwrap_or(u64::MAX);
        due.min(self.engine.next_expiry())
    }

    /// Sleeps until woken, until something is ready, or until that time.
    fn sleep(&self, until: u64) {
        let deadline = Deadline::at_ns(until);
        if let Some(reactor) = &mut *self.reactor.borrow_mut() {
            if reactor.has_waits() {
                if self.inbox.parker.prepare_park() {
                    reactor.wait(deadline, &self.inbox.event_fd, |fiber| {
                        self.make_ready(fiber)
                    });
                    self.inbox.parker.withdraw();
                }
                return;
            }
        }
        self.inbox.parker.park_until(deadline);
    }

    fn look_for_a_while(&self) -> bool {
        let until = self.next_deadline();
        let found = self.engine.spin.spin(spin::TASK, || {
            (self.has_something() || until <= clock::now_ns()).then_some(())
        });
        found.is_some()
    }

    /// Others run fibers, and will look at the queue when those let them. This carrier is the one that
    /// sees to it that they do: it naps, and helps if what was in the queue when it fell asleep is
    /// still there. True if there is something to do.
    fn watch_the_others(&self) -> bool {
        let (before, waiting) = (self.engine.taken(), self.pool.queue().len());
        self.engine.set_standby(Some(&self.inbox));
        if self.engine.working() > 0 {
            let nap = clock::now_ns() + NAP;
            self.sleep(nap.min(self.next_deadline()));
        }
        self.engine.set_standby(None);
        if self.inbox.has_woken() || self.group.is_shut_down() || self.due.get() <= clock::now_ns()
        {
            return true;
        }
        if !self.ready.borrow().is_empty() {
            return true;
        }
        let taken = self.engine.taken() - before;
        if self.engine.has_work(&self.pool) {
            self.helps.set(waiting > 0 && taken < waiting as u64);
            return true;
        }
        // Nothing came, so it sleeps. Otherwise it goes on standing by.
        taken > 0
    }

    pub(super) fn may_help(&self) -> bool {
        self.helps.get() || self.engine.working() <= 1
    }
}
