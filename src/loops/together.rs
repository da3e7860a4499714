//! Bodies that all run at the same time, or none of them (README, "Gang").

#![allow(unsafe_code, reason = "calls the caller's body")]

use std::ffi::c_void;
use std::sync::Arc;
use std::time::Duration;

use super::caller;
use super::team::{HELPERS_MAX, Ticket};
use super::{Frame, helper, lead};
use crate::current::Current;
use crate::errno::Errno;
use crate::error::Error;
use crate::pool::Pool;
use crate::suspend;
use crate::sync::{AtomicUsize, Ordering, looks, spin, spin_loop};
use crate::task::TaskFn;

/// A body: it runs in the slot that it is given.
pub(crate) type EachFn = unsafe extern "C-unwind" fn(*mut c_void, usize);

/// Not all helpers have been pushed.
const UNDECIDED: usize = 0;
/// All have: the bodies run.
const GO: usize = 1;
/// There was no memory for one: no body runs.
const NO: usize = 2;

/// The frame of a gang.
struct Gang {
    body: EachFn,
    arg: *mut c_void,
    decided: AtomicUsize,
    failed: AtomicUsize,
}

/// Calls `body` with each slot below `count`, all at the same time, on the caller and on workers.
///
/// # Safety
/// `body` may be called with `arg`, on any thread and by several at a time.
pub(crate) unsafe fn run_together(
    pool: &Arc<Pool>,
    count: usize,
    body: EachFn,
    arg: *mut c_void,
) -> Result<(), Error> {
    let _errno = Errno::kept();
    if pool.is_closed() {
        return Err(Error::Closed);
    }
    let Some(helpers) = count.checked_sub(1) else {
        return Ok(());
    };
    if helpers > HELPERS_MAX {
        return Err(Error::Overload);
    }
    let gang = Gang {
        body,
        arg,
        decided: AtomicUsize::new(UNDECIDED),
        failed: AtomicUsize::new(0),
    };
    let led = lead(&gang).ok_or(Error::Overload)?;
    let named = gang.named();
    let task = || helper::<Gang>(led.ticket(), named.0, named.1);
    let granted = pool.lend_together(helpers, task);
    // ORDERING: Release pairs with the Acquire of `help`.
    gang.decided
        .store(if granted.is_ok() { GO } else { NO }, Ordering::Release);
    if granted.is_err() {
        led.close();
        led.end(0);
        return granted;
    }
    caller::take_part(pool, named, || gang.run(0));
    if !led.end(helpers) {
        return Err(Error::Forked);
    }
    // ORDERING: Relaxed; all have left, which `end` has seen.
    match gang.failed.load(Ordering::Relaxed) {
        0 => Ok(()),
        _ => Err(Error::TaskFailed),
    }
}

impl Gang {
    fn run(&self, slot: usize) {
        /// A body that is left by unwinding has failed.
        struct Unwound<'a>(&'a Gang);
        impl Drop for Unwound<'_> {
            fn drop(&mut self) {
                self.0.fail();
            }
        }
        let unwound = Unwound(self);
        // SAFETY: promised to `run_together`.
        unsafe { (self.body)(self.arg, slot) };
        std::mem::forget(unwound);
        if Current::is_failing() {
            self.fail();
        }
    }

    fn fail(&self) {
        // ORDERING: Relaxed; see `run_together`.
        self.failed.store(1, Ordering::Relaxed);
    }

    /// Waits until the caller has pushed all helpers, or has found no memory for one. It is about to.
    fn wait_until_decided(&self) -> usize {
        const PAUSE: Duration = Duration::from_micros(20);
        // ORDERING: Acquire pairs with the Release of `run_together`.
        let look = || match self.decided.load(Ordering::Acquire) {
            UNDECIDED => None,
            decided => Some(decided),
        };
        let soon = (0..looks(spin::STEP)).find_map(|_| {
            spin_loop();
            look()
        });
        soon.unwrap_or_else(|| {
            loop {
                if let Some(decided) = look() {
                    return decided;
                }
                suspend::sleep(PAUSE);
            }
        })
    }

    /// The function and the argument that reports name.
    fn named(&self) -> (TaskFn, *mut c_void) {
        // SAFETY: both are pointers to functions; this one is only shown, never called.
        let body = unsafe { std::mem::transmute::<EachFn, TaskFn>(self.body) };
        (body, self.arg)
    }
}

impl Frame for Gang {
    fn help(&self, slot: usize, _: Ticket) {
        if self.wait_until_decided() == GO {
            self.run(slot);
        }
    }
}
