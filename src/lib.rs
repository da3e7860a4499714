//! antpool: a pool of fixed capacity that runs functions on recycled workers, behind a C ABI.
//!
//! This crate is the library's source; its product is `libantpool.so` with `include/antpool.h`. Used
//! as a Rust library it offers the same functions, in [`ffi`].
//!
//! # Where things are
//!
//! ```text
//! ffi ──► pool ──► admission ──► sync, clock        who may start a task, who waits, who is refused
//!           ├────► engine::thread ──► engine        what a worker is
//!           ├────► queue, task                      what is to be run
//!           └────► capture, current, observer       running it, and surviving what leaves it
//! ```
//!
//! An arrow means "may name". Nothing names `ffi`; `admission` knows no thread. `admission` and
//! `engine/thread` have a README each, with the states, the protocols and the invariants that the
//! comments point to by `[A1]`, `[W1]`, `[O1]`, `[T1]`.
//!
//! # Words
//!
//! *capacity*: the most workers. *accepted*: a task that will run. *finished*: it has, and its report
//! too. *room*: how many more can be accepted. *live*: a worker that counts. *idle*, *searching*,
//! *sleeping*: without a task; looking for one; parked. *retire*: to stop counting and leave.
//! *lost*: a worker whose thread a task has ended. *line*: the callers that wait to submit.
//! *closed*: accepts nothing until it is opened again.

mod admission;
mod capture;
mod clock;
mod config;
mod current;
mod engine;
mod error;
pub mod ffi;
mod fork;
mod observer;
mod pool;
mod queue;
mod stats;
mod stderr;
mod sync;
mod task;
