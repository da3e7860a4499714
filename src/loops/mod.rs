//! Loops and gangs: work that its caller takes part in, with idle workers of a pool. See the README beside
//! this file.

#![allow(unsafe_code, reason = "a helper finds the call's frame by its ticket")]

mod caller;
mod discard;
#[cfg(all(test, any(loom, miri)))]
mod models;
mod parallel_for;
mod ranges;
mod team;
mod together;

use std::ffi::c_void;
use std::ptr;

use crate::task::{Proxy, Task, TaskFn};

pub(crate) use discard::release_and_discard;
pub(crate) use parallel_for::parallel_for;
use team::{Lead, Teams, Ticket};
pub(crate) use together::run_together;

/// Calls that have helpers at one time; others go on alone, or are refused.
#[cfg(not(loom))]
const TEAMS: usize = 256;
#[cfg(loom)]
const TEAMS: usize = 1;

#[cfg(not(loom))]
fn teams() -> &'static Teams<TEAMS> {
    static OF_PROCESS: Teams<TEAMS> = Teams::new();
    &OF_PROCESS
}

#[cfg(loom)]
fn teams() -> &'static Teams<TEAMS> {
    loom::lazy_static! { static ref OF_MODEL: Teams<TEAMS> = Teams::new(); }
    &OF_MODEL
}

/// In a forked child: see [`Teams::forget`].
#[cfg(not(loom))]
pub(crate) fn forget_in_child() {
    teams().forget();
}

/// The part of a call's stack that its helpers use.
trait Frame {
    /// Runs a helper's part, once it is inside.
    fn help(&self, slot: usize, ticket: Ticket);
}

/// A team for the call whose frame that is.
fn lead<F: Frame>(frame: &F) -> Option<Lead<'static, TEAMS>> {
    teams().take(ptr::from_ref(frame).cast())
}

/// A task that helps the call with that ticket; reports name `function` and `arg`.
fn helper<F: Frame>(ticket: Ticket, function: TaskFn, arg: *mut c_void) -> Task {
    unsafe extern "C-unwind" fn help<F: Frame>(proxy: *mut c_void) {
        // SAFETY: made below, with a copy of one.
        let [team, generation] = unsafe { &*proxy.cast::<Proxy>() }.own;
        let ticket = Ticket { team, generation };
        let Some(inside) = teams().join(ticket) else {
            return;
        };
        // SAFETY: [L1] the frame is there while the helper is inside, and is what `lead` was given with the same type.
        unsafe { &*inside.frame().cast::<F>() }.help(inside.slot(), ticket);
    }
    let own = [ticket.team, ticket.generation];
    let proxy = Proxy { function, arg, own };
    // SAFETY: `help` takes the copy; whoever made the frame promised that its body may be called anywhere.
    unsafe { Task::for_proxy(help::<F>, proxy) }
}
