//! antpool: a pool of fixed capacity that runs functions on recycled workers, behind a C ABI.
//!
//! This crate is the library's source; its product is `libantpool.so` with `include/antpool.h`. Used
//! as a Rust library it offers the same functions, in [`ffi`].
//!
//! # Where things are
//!
//! ```text
//! ffi ──► pool ──► admission ──► sync, clock        who may start a task, who waits, who is refused
//!           ├────► engine::thread ──► engine        what a worker is: a thread,
//!           ├────► engine::fiber  ──► engine        or a fiber on one of a few threads
//!           ├────► queue, task                      what is to be run
//!           └────► capture, current, observer       running it, and surviving what leaves it
//! ```
//!
//! An arrow means "may name". Nothing names `ffi`; `admission` knows no thread; the engines do not
//! name each other. `suspend` is how any caller waits, thread or fiber. `admission`, `queue`,
//! `engine/thread` and `engine/fiber` have a README each, with the states, the protocols and the
//! invariants that the comments point to by `[A1]`, `[Q1]`, `[W1]`, `[F1]`, `[O1]`, `[T1]`.
//!
//! # Words
//!
//! *capacity*: the most workers. *accepted*: a task that will run. *finished*: it has, and its report
//! too. *room*: how many more can be accepted. *live*: a worker that counts. *idle*, *searching*,
//! *sleeping*: without a task; looking for one; parked. *retire*: to stop counting and leave.
//! *lost*: a worker that a task has ended. *carrier*: a thread that runs fibers. *suspended*: a fiber
//! that waits. *line*: the callers that wait to submit.
//! *closed*: accepts nothing until it is opened again.

#[cfg(panic = "abort")]
compile_error!(
    "antpool ends a failed task by unwinding: it cannot be built with panic = \"abort\", which the \
     profile in your Cargo.toml, CARGO_PROFILE_*_PANIC or RUSTFLAGS asks for"
);

mod admission;
mod capture;
mod clock;
mod config;
mod current;
mod engine;
mod errno;
mod error;
pub mod ffi;
mod fork;
mod observer;
#[cfg(not(loom))]
mod poll;
mod pool;
mod queue;
mod stats;
mod stderr;
mod suspend;
mod sync;
mod task;
