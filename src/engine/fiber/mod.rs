//! Workers that are fibers: stacks of their own on a few threads. See the README beside this file.

#[cfg(not(loom))]
mod blocking;
#[cfg(not(loom))]
mod carrier;
mod carrier_group;
#[cfg(not(loom))]
mod engine;
#[cfg(not(loom))]
#[allow(
    clippy::module_inception,
    reason = "the folder is the kind of worker, the file is one of them"
)]
mod fiber;
#[cfg(all(test, any(loom, miri)))]
mod models;
mod node;
mod oneshot;
#[cfg(not(loom))]
mod overflow;
#[cfg(not(loom))]
mod reactor;
mod slots;
#[cfg(not(loom))]
mod slow_task;
#[cfg(not(loom))]
mod stack;
#[cfg(not(loom))]
mod switch;
#[cfg(not(loom))]
mod waiting;
#[cfg(not(loom))]
mod wheel;

#[cfg(not(loom))]
pub(crate) use engine::FiberEngine;
