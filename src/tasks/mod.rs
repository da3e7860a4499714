//! Waiting for some of the work: one task, a group of them, or whatever comes first. See the README beside this file.

#![allow(unsafe_code, reason = "a box of a slice of one is a box")]

mod completions;
mod group;
mod lane;
#[cfg(all(test, any(loom, miri)))]
mod models;
mod record;
pub(crate) mod waiters;

use std::ffi::c_void;

use crate::task::TaskFn;

pub(crate) use completions::Completions;
pub(crate) use group::Group;
pub(crate) use lane::{Lane, Places};
pub(crate) use record::{Owner, Record};

/// What a worker is to do with a task that it has taken from the queue.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Begin {
    /// Run it.
    Run,
    /// Not run it: it was canceled. If there is a function, that is called with the task's argument instead.
    Canceled(Option<TaskFn>),
    /// Call this function with this argument, as the task of a lane; or, if it was canceled, the function that
    /// is for that, if there is one, with the argument.
    Call {
        function: TaskFn,
        arg: *mut c_void,
        canceled: Option<Option<TaskFn>>,
    },
}

/// How a task has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Failed,
    /// It never ran.
    Canceled,
}

/// What tracks a task's life, and decides whether it runs. A task has a pointer to it.
pub(crate) trait Tracker {
    /// A worker has the task.
    fn begin(&self) -> Begin;

    /// Whether it hands the argument on by itself when the task never runs.
    fn keeps_argument(&self) -> bool {
        false
    }

    /// The task has ended, its report included. True if its place is for another task, which begins like the first.
    /// Otherwise the tracker may be gone when this returns.
    fn end(&self, outcome: Outcome) -> bool;

    /// Whether the running task has been asked to stop.
    fn is_asked_to_stop(&self) -> bool;
}
