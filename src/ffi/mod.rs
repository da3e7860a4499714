//! The C ABI: arguments in, status out, nothing decided here.
//!
//! Every function does the same things in the same order: check the arguments, borrow the handle,
//! make one call to the core, turn its answer into a status, write out-parameters last. The header
//! is generated from the items of this module, in this order.

#![allow(
    unsafe_code,
    reason = "raw handles, raw records and callers' functions end here"
)]
#![allow(
    non_camel_case_types,
    reason = "the types are named as C programmers see them"
)]

mod callbacks;
mod handle;
mod inside;
mod observer;
mod options;
mod pool;
mod records;
mod stats;
mod status;
mod submit;

pub use callbacks::*;
pub use handle::antpool_t;
pub use inside::*;
pub use options::{antpool_options_init, antpool_options_t, antpool_worker_kind_t};
pub use pool::*;
pub use stats::{antpool_get_stats, antpool_stats_t};
pub use status::*;
pub use submit::*;
