//! The C ABI: arguments in, status out, nothing decided here.
//!
//! Every function does the same things in the same order: it checks the arguments, borrows the handle, makes one
//! call to the core, turns its answer into a status, and writes out-parameters last. The header
//! is generated from the items of this module, in the order of cmake/docs/groups.txt.
//!
//! `#[unsafe(no_mangle)]` is sound on every exported function: its name begins with `antpool_`, which no other
//! library uses.

#![allow(
    unsafe_code,
    reason = "raw handles, raw records and callers' functions end here"
)]
#![allow(
    non_camel_case_types,
    reason = "the types are named as C programmers see them"
)]

mod callbacks;
mod channels;
mod completions;
mod groups;
mod handle;
mod inside;
mod lanes;
mod locks;
mod loops;
mod multi;
mod observer;
mod options;
mod pool;
mod records;
mod stats;
mod status;
mod submit;
mod tasks;

pub use callbacks::*;
pub use channels::*;
pub use completions::*;
pub use groups::*;
pub use handle::antpool_t;
pub use inside::*;
pub use lanes::*;
pub use locks::*;
pub use loops::*;
pub use multi::*;
pub use options::{antpool_options_init, antpool_options_t, antpool_worker_kind_t};
pub use pool::*;
#[cfg(not(loom))]
pub use stats::{antpool_dump, antpool_metrics};
pub use stats::{antpool_get_stats, antpool_stats_t};
pub use status::*;
pub use submit::*;
pub use tasks::*;
