//! antpool: a pool of fixed capacity that runs functions on recycled workers, behind a C ABI.
//!
//! This crate is the library's source; its product is `libantpool.so` with `include/antpool.h`. Used
//! as a Rust library it offers the same functions, in [`ffi`].
//!
//! `ARCHITECTURE.md` is the map: the way of a submit, the rooms of `src/` and who may name whom, the tags of the
//! invariants that comments point to, such as `[A1]`, where each danger lives, and the glossary.

#[cfg(panic = "abort")]
compile_error!(
    "antpool ends a failed task by unwinding: it cannot be built with panic = \"abort\", which the \
     profile in your Cargo.toml, CARGO_PROFILE_*_PANIC or RUSTFLAGS asks for"
);

mod admission;
#[cfg(not(loom))]
mod cancel;
mod capture;
mod clock;
mod config;
mod cpus;
mod current;
#[cfg(not(loom))]
mod dump;
mod engine;
mod errno;
mod error;
mod event_fd;
pub mod ffi;
mod fork;
mod hazard;
#[cfg(not(loom))]
mod loaded;
mod locks;
mod loops;
mod memory;
#[cfg(not(loom))]
mod metrics;
mod observer;
#[cfg(not(loom))]
mod poll;
mod pool;
mod queue;
#[cfg(not(loom))]
mod runtimes;
mod sanitizers;
mod stats;
mod stderr;
mod suspend;
mod sync;
mod task;
mod tasks;
