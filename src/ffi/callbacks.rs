//! The types of the functions that callers hand in, and what the library hands them.

use std::ffi::{c_char, c_void};

use super::handle::antpool_t;
use super::status::antpool_status_t;

/// A task: called once with the `arg` it was submitted with, on one of the pool's workers.
///
/// It may call any function of this library. It may return, call antpool_panic(), or throw a C++
/// exception; the last two make it a failed task.
pub type antpool_task_fn = Option<unsafe extern "C-unwind" fn(arg: *mut c_void)>;

/// A task that failed, as a panic handler sees it. Everything in it is valid during the call only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct antpool_panic_info_t {
    /// The size of this struct in the library that fills it in; later versions may append fields.
    pub struct_size: usize,
    /// The pool the task ran on.
    pub pool: *mut antpool_t,
    /// The task's function.
    pub r#fn: antpool_task_fn,
    /// The task's argument; for antpool_submit_copy() the worker's copy of the bytes.
    pub arg: *mut c_void,
    /// What went wrong, in UTF-8, never NULL: the text given to antpool_panic() or
    /// antpool_task_fail(), or the exception's what().
    pub message: *const c_char,
}

/// Called once for each task that failed, on its worker, as the last part of that task: only when this
/// function has returned is the task's place free, and the task finished for those who wait for it.
///
/// It may call any function of this library that a task may call. If it fails itself, one line goes
/// to the logger.
pub type antpool_panic_fn =
    Option<unsafe extern "C-unwind" fn(data: *mut c_void, info: *const antpool_panic_info_t)>;

/// How much a line of the log matters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum antpool_log_level_t {
    /// A task failed and nobody handles it, or a callback failed.
    ANTPOOL_LOG_ERROR = 1,
    /// Something is not as it should be, such as a task that held a carrier for long.
    ANTPOOL_LOG_WARNING = 2,
    /// Worth knowing.
    ANTPOOL_LOG_INFO = 3,
}

/// Called with each line of the log. `message` is one line of UTF-8 without a newline at its end, and is
/// valid during the call. Workers call it, several at once; it counts as inside the task.
pub type antpool_log_fn = Option<
    unsafe extern "C-unwind" fn(
        data: *mut c_void,
        level: antpool_log_level_t,
        message: *const c_char,
    ),
>;

/// Called on a worker's own thread: on_worker_start before its first task, on_worker_stop after its
/// last. Of two workers whose hooks are not both done, each has an index of its own, which is what its tasks get
/// from antpool_worker_index(). It is small, and given to another worker later, but not always below the
/// capacity: a worker on its way out keeps its index while another has started. A thread that a task ended
/// (pthread_exit) is not told of a stop.
pub type antpool_worker_fn = Option<
    unsafe extern "C-unwind" fn(data: *mut c_void, pool: *mut antpool_t, worker_index: usize),
>;

/// The body of a loop: runs the indices from `begin` up to, and not including, `end`. No other call of
/// the same loop has its `slot` at the same time. See antpool_parallel_for().
pub type antpool_for_fn =
    Option<unsafe extern "C-unwind" fn(arg: *mut c_void, begin: usize, end: usize, slot: usize)>;

/// A body of which several run at the same time, each with a `slot` of its own. See antpool_run_together().
pub type antpool_task_each_fn = Option<unsafe extern "C-unwind" fn(arg: *mut c_void, slot: usize)>;

/// Called with the result of a task, on the thread that dispatches it: ANTPOOL_OK; ANTPOOL_ERR_TASK_FAILED, and the panic
/// handler has the message; ANTPOOL_ERR_CANCELED if the task never ran. See antpool_completions_submit().
pub type antpool_done_fn =
    Option<unsafe extern "C-unwind" fn(arg: *mut c_void, status: antpool_status_t)>;
