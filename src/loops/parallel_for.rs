//! A loop whose indices its caller shares with idle workers (README, "Loop").

#![allow(unsafe_code, reason = "calls the caller's body")]

use std::ffi::c_void;
use std::sync::Arc;

use super::caller;
use super::ranges::{Pace, Ranges};
use super::team::{HELPERS_MAX, Ticket};
use super::{Frame, helper, lead};
use crate::clock::{SHORT_TICKS, ticks};
use crate::current::Current;
use crate::errno::Errno;
use crate::error::Error;
use crate::pool::Pool;
use crate::suspend;
use crate::sync::{AtomicUsize, Ordering, known_cpus};
use crate::task::TaskFn;

/// A body: it runs the indices from the first number up to the second, in the slot that is the third.
pub(crate) type ForFn = unsafe extern "C-unwind" fn(*mut c_void, usize, usize, usize);

/// The work that a helper has to save to be worth its wake: about 3 µs.
const WORTH: u64 = SHORT_TICKS / 16;
/// With fewer units than this for each slot there is no time to find out what one costs.
const FEW: usize = 8;
/// Helpers that each participant asks for when it begins.
const FIRST_ASKED: usize = 2;

/// The frame of a loop.
struct Loop {
    pool: Arc<Pool>,
    body: ForFn,
    arg: *mut c_void,
    ranges: Ranges,
    /// The most helpers.
    helpers: usize,
    /// How many have been asked for, and were there.
    asked: AtomicUsize,
    /// A good length for the next range, judged by the last one.
    pace: AtomicUsize,
    failed: AtomicUsize,
}

/// Calls `body` with ranges of 0 to `count` - 1, on the caller and on idle workers.
///
/// # Safety
/// `body` may be called with `arg`, on any thread and by several at a time.
pub(crate) unsafe fn parallel_for(
    pool: Arc<Pool>,
    count: usize,
    grain: usize,
    max_slots: usize,
    body: ForFn,
    arg: *mut c_void,
) -> Result<(), Error> {
    let _errno = Errno::kept();
    if pool.is_closed() {
        return Err(Error::Closed);
    }
    let most = pool.capacity().unwrap_or(HELPERS_MAX).min(HELPERS_MAX);
    let slots = match max_slots {
        0 => known_cpus(),
        slots => slots,
    };
    let helpers = most.min(slots - 1);
    let ranges = Ranges::new(count, grain, helpers + 1);
    let this = Loop {
        helpers: helpers.min(ranges.units().saturating_sub(1)),
        pool,
        body,
        arg,
        ranges,
        asked: AtomicUsize::new(0),
        pace: AtomicUsize::new(1),
        failed: AtomicUsize::new(0),
    };
    this.run()
}

impl Loop {
    fn run(&self) -> Result<(), Error> {
        let mut led = None;
        let mut ask = || {
            if led.is_none() {
                led = lead(self);
            }
            if let Some(led) = &led {
                self.ask(led.ticket());
            }
        };
        let few = self.ranges.units() <= FEW * self.helpers;
        let begun = ticks();
        caller::take_part(&self.pool, self.named(), || {
            if few {
                (0..FIRST_ASKED).for_each(|_| self.ask_if_wanted(&mut ask));
            }
            self.participate(0, |units, spent| {
                let each = spent / units as u64;
                let left = each.saturating_mul(self.ranges.left() as u64);
                if few || left >= WORTH && ticks().wrapping_sub(begun) >= WORTH {
                    self.ask_if_wanted(&mut ask);
                }
            });
        });
        if let Some(led) = led {
            led.close();
            if !led.end(0) {
                return Err(Error::Forked);
            }
        }
        // ORDERING: Relaxed; who was inside has left, which `end` has seen.
        if self.failed.load(Ordering::Relaxed) == 0 {
            Ok(())
        } else if self.pool.is_foreign() {
            Err(Error::Forked)
        } else {
            Err(Error::TaskFailed)
        }
    }

    /// Takes ranges until there are none. After each it calls `then` with the units of the range and the time it took.
    fn participate(&self, slot: usize, mut then: impl FnMut(usize, u64)) {
        /// A body that is left by unwinding has failed.
        struct Unwound<'a>(&'a Loop);
        impl Drop for Unwound<'_> {
            fn drop(&mut self) {
                self.0.fail();
            }
        }
        // ORDERING: Relaxed, here and below; a hint.
        let mut pace = Pace::new(self.pace.load(Ordering::Relaxed));
        while let Some(share) = self.ranges.take(pace.units()) {
            let (first, end) = (share.indices.start, share.indices.end);
            let begun = ticks();
            let unwound = Unwound(self);
            // SAFETY: promised to `parallel_for`.
            unsafe { (self.body)(self.arg, first, end, slot) };
            std::mem::forget(unwound);
            if Current::is_failing() || self.pool.is_foreign() {
                return self.fail();
            }
            let spent = ticks().wrapping_sub(begun);
            pace.taken(share.units, spent);
            self.pace.store(pace.units(), Ordering::Relaxed);
            then(share.units, spent);
            if spent >= SHORT_TICKS / 2 {
                // The other fibers of a carrier have their turn.
                suspend::yield_on_fiber();
            }
        }
    }

    /// No range begins any more.
    fn fail(&self) {
        // ORDERING: Relaxed; see `run`.
        self.failed.store(1, Ordering::Relaxed);
        self.ranges.end();
    }

    /// The work that has to be left before the call takes a team, or looks at the pool.
    fn ask_if_wanted(&self, ask: &mut impl FnMut()) {
        // ORDERING: Relaxed; `ask` decides.
        let wanted = self.asked.load(Ordering::Relaxed) < self.helpers;
        if wanted && self.ranges.left() > 0 && self.pool.may_lend() {
            ask();
        }
    }

    /// Asks the pool for one more helper.
    fn ask(&self, ticket: Ticket) {
        // ORDERING: Relaxed; a number.
        let more = |asked| (asked < self.helpers).then_some(asked + 1);
        let asks = self
            .asked
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        let (body, arg) = self.named();
        if asks.is_ok() && !self.pool.lend(|| helper::<Self>(ticket, body, arg)) {
            // ORDERING: as above.
            self.asked.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// The function and the argument that reports name.
    fn named(&self) -> (TaskFn, *mut c_void) {
        // SAFETY: both are pointers to functions; this one is only shown, never called.
        let body = unsafe { std::mem::transmute::<ForFn, TaskFn>(self.body) };
        (body, self.arg)
    }
}

impl Frame for Loop {
    fn help(&self, slot: usize, ticket: Ticket) {
        let mut ask = || self.ask(ticket);
        (0..FIRST_ASKED).for_each(|_| self.ask_if_wanted(&mut ask));
        self.participate(slot, |_, _| self.ask_if_wanted(&mut ask));
    }
}
