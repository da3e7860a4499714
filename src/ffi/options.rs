//! antpool_options_t: what a caller asks for, checked field by field.

use std::ffi::{CStr, c_char, c_void};
use std::mem::{MaybeUninit, offset_of, size_of};
use std::time::Duration;

use super::callbacks::{antpool_log_fn, antpool_panic_fn, antpool_worker_fn};
use super::records::read_sized;
use crate::config::{CAPACITY_MAX, Config, QUEUE_UNBOUNDED};
use crate::error::Error;

/// What a worker of a pool is.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum antpool_worker_kind_t {
    /// A thread of the operating system.
    ANTPOOL_WORKER_THREAD = 0,
    /// A fiber: a stack of its own on one of a few carrier threads.
    ANTPOOL_WORKER_FIBER = 1,
}

/// How a pool is to behave. Begin with ANTPOOL_OPTIONS_INIT or antpool_options_init(), then change
/// fields; zero is the default everywhere. The struct is read by the call it is given to and not
/// kept; what its pointers point at has to live as long as the pool, `name` excepted (copied).
///
/// Flags are one byte, 0 or 1. `struct_size` says which version of the struct the caller was
/// compiled with: an older and smaller one is read as far as it goes; zero, a size that ends inside
/// a field, and non-zero bytes beyond what this version knows are ANTPOOL_ERR_INVALID_ARGUMENT.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct antpool_options_t {
    /// sizeof(antpool_options_t).
    pub struct_size: usize,
    /// An idle worker exits after this many milliseconds without a task. 0 means 1000. Negative:
    /// ANTPOOL_ERR_INVALID_EXPIRY, unless disable_purge is set.
    pub expiry_ms: i64,
    /// Idle workers stay for ever.
    pub disable_purge: bool,
    /// Allocate all bookkeeping for `capacity` workers and the queue at once; later submits do not
    /// allocate (what the system needs to start a thread excepted, and the records of callers that
    /// wait beyond the first 64). Such a pool cannot be tuned.
    pub pre_alloc: bool,
    /// A submit to a full pool says ANTPOOL_ERR_OVERLOAD instead of waiting.
    pub nonblocking: bool,
    /// Without a panic handler: a failed task is logged, then the process is aborted.
    pub abort_on_panic: bool,
    /// ANTPOOL_WORKER_THREAD or ANTPOOL_WORKER_FIBER.
    pub worker_kind: u32,
    /// How many callers may wait to submit at one time; the next gets ANTPOOL_ERR_OVERLOAD. 0 means
    /// any number.
    pub max_blocking_tasks: usize,
    /// How many tasks are accepted beyond `capacity`, to wait for a worker.
    /// ANTPOOL_QUEUE_UNBOUNDED: as many as memory holds, at most ANTPOOL_TASKS_MAX.
    pub queue_capacity: usize,
    /// Workers that are started with the pool and never expire; at most `capacity`.
    pub min_workers: usize,
    /// Fibers only: threads that run them. 0 means antpool_usable_cpus().
    pub carriers: usize,
    /// Fibers only: threads that antpool_block() may use. 0 means 512.
    pub max_block_threads: usize,
    /// Bytes of stack of each worker, its guard not counted. Used memory is what tasks touch. 0 means
    /// 8 MiB of address space for a thread, 64 KiB for a fiber (of which the library keeps up to 3 KiB
    /// for itself, and the first call of a function of another library takes 2 KiB). Less than the system's minimum (fibers: 16 KiB), or more than 1 TiB:
    /// ANTPOOL_ERR_INVALID_ARGUMENT.
    pub stack_size: usize,
    /// Names the pool in logs and its threads in debuggers ("name-3", cut to 15 bytes). Copied.
    /// NULL means "antpool".
    pub name: *const c_char,
    /// Called for each failed task. NULL: one line goes to the logger.
    pub panic_handler: antpool_panic_fn,
    /// The first argument of panic_handler.
    pub panic_data: *mut c_void,
    /// Called with each line of the log. NULL: lines go to stderr.
    pub logger: antpool_log_fn,
    /// The first argument of logger.
    pub logger_data: *mut c_void,
    /// Called on each worker's thread before its first task; with fibers on each carrier.
    pub on_worker_start: antpool_worker_fn,
    /// Called on each worker's thread after its last task; with fibers on each carrier.
    pub on_worker_stop: antpool_worker_fn,
    /// The first argument of both hooks.
    pub worker_data: *mut c_void,
}

/// The same bytes as an [`antpool_options_t`], with flags that may hold any value: a C caller can
/// write a 2 into a `bool`, which Rust must not read as one.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct RawOptions {
    struct_size: usize,
    expiry_ms: i64,
    flags: [u8; 4],
    worker_kind: u32,
    max_blocking_tasks: usize,
    queue_capacity: usize,
    min_workers: usize,
    carriers: usize,
    max_block_threads: usize,
    stack_size: usize,
    name: *const c_char,
    pub(super) panic_handler: antpool_panic_fn,
    pub(super) panic_data: *mut c_void,
    pub(super) logger: antpool_log_fn,
    pub(super) logger_data: *mut c_void,
    pub(super) on_worker_start: antpool_worker_fn,
    pub(super) on_worker_stop: antpool_worker_fn,
    pub(super) worker_data: *mut c_void,
}

const _: () = {
    assert!(size_of::<RawOptions>() == size_of::<antpool_options_t>());
    assert!(offset_of!(RawOptions, flags) == offset_of!(antpool_options_t, disable_purge));
    assert!(offset_of!(RawOptions, name) == offset_of!(antpool_options_t, name));
    assert!(offset_of!(RawOptions, worker_data) == offset_of!(antpool_options_t, worker_data));
};

/// Where each field ends: the sizes an older caller may have.
#[rustfmt::skip]
const FIELD_ENDS: [usize; 21] = [
    offset_of!(antpool_options_t, expiry_ms), offset_of!(antpool_options_t, disable_purge),
    offset_of!(antpool_options_t, pre_alloc), offset_of!(antpool_options_t, nonblocking),
    offset_of!(antpool_options_t, abort_on_panic), offset_of!(antpool_options_t, worker_kind),
    offset_of!(antpool_options_t, max_blocking_tasks), offset_of!(antpool_options_t, queue_capacity),
    offset_of!(antpool_options_t, min_workers), offset_of!(antpool_options_t, carriers),
    offset_of!(antpool_options_t, max_block_threads), offset_of!(antpool_options_t, stack_size),
    offset_of!(antpool_options_t, name), offset_of!(antpool_options_t, panic_handler),
    offset_of!(antpool_options_t, panic_data), offset_of!(antpool_options_t, logger),
    offset_of!(antpool_options_t, logger_data), offset_of!(antpool_options_t, on_worker_start),
    offset_of!(antpool_options_t, on_worker_stop), offset_of!(antpool_options_t, worker_data),
    size_of::<antpool_options_t>(),
];

/// Most bytes of stack that can be asked for.
const STACK_MAX: usize = 1 << 40;

const DEFAULTS: RawOptions = RawOptions {
    struct_size: size_of::<RawOptions>(),
    expiry_ms: 0,
    flags: [0; 4],
    worker_kind: antpool_worker_kind_t::ANTPOOL_WORKER_THREAD as u32,
    max_blocking_tasks: 0,
    queue_capacity: 0,
    min_workers: 0,
    carriers: 0,
    max_block_threads: 0,
    stack_size: 0,
    name: std::ptr::null(),
    panic_handler: None,
    panic_data: std::ptr::null_mut(),
    logger: None,
    logger_data: std::ptr::null_mut(),
    on_worker_start: None,
    on_worker_stop: None,
    worker_data: std::ptr::null_mut(),
};

impl RawOptions {
    /// Reads a caller's options, whatever version of the struct they are; defaults for NULL.
    ///
    /// # Safety
    /// `options` is NULL or points at as many readable bytes as its `struct_size` says.
    pub(super) unsafe fn read(options: *const antpool_options_t) -> Result<Self, Error> {
        if options.is_null() {
            return Ok(DEFAULTS);
        }
        // SAFETY: the caller's promise; every bit pattern is a RawOptions (its function pointers are
        // only ever called, as the caller gave them).
        unsafe { read_sized(options.cast(), DEFAULTS, &FIELD_ENDS) }
    }

    /// Checks what can be checked without knowing the capacity, in the documented order, and gives
    /// the core's form of it.
    ///
    /// # Safety
    /// `name` is NULL or a string that ends.
    pub(super) unsafe fn config(&self, capacity: i64) -> Result<Config, Error> {
        let flag = |index: usize| match self.flags[index] {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Error::InvalidArgument),
        };
        let disable_purge = self.flags[0] == 1;
        if self.expiry_ms < 0 && !disable_purge {
            return Err(Error::InvalidExpiry);
        }
        let pre_alloc = self.flags[1] == 1;
        if pre_alloc
            && (capacity == super::pool::UNLIMITED || self.queue_capacity == QUEUE_UNBOUNDED)
        {
            return Err(Error::InvalidPrealloc);
        }
        let name = if self.name.is_null() {
            c"antpool"
        } else {
            // SAFETY: the caller's promise.
            unsafe { CStr::from_ptr(self.name) }
        };
        if self.stack_size > STACK_MAX {
            return Err(Error::InvalidArgument);
        }
        if self.worker_kind > antpool_worker_kind_t::ANTPOOL_WORKER_FIBER as u32 {
            return Err(Error::InvalidArgument);
        }
        let fibers = self.worker_kind == antpool_worker_kind_t::ANTPOOL_WORKER_FIBER as u32;
        let config = Config {
            capacity: super::pool::capacity_from(capacity)?,
            expiry: match (flag(0)?, self.expiry_ms) {
                (true, _) => None,
                (false, 0) => Some(Duration::from_millis(1000)),
                (false, ms) => Some(Duration::from_millis(ms.unsigned_abs())),
            },
            pre_alloc: flag(1)?,
            nonblocking: flag(2)?,
            abort_on_panic: flag(3)?,
            max_waiting: match self.max_blocking_tasks {
                0 => usize::MAX,
                most => most,
            },
            queue_capacity: self.queue_capacity,
            min_workers: self.min_workers,
            fibers,
            carriers: match self.carriers {
                0 if fibers => super::inside::antpool_usable_cpus(),
                carriers => carriers.min(CAPACITY_MAX),
            },
            max_block_threads: match self.max_block_threads {
                0 => 512,
                threads => threads.min(CAPACITY_MAX),
            },
            stack_size: self.stack_size,
            name: name.to_owned(),
            never_destroyed: false,
        };
        Ok(config)
    }
}

/// Fills a caller's options in with defaults.
///
/// `struct_size` is the caller's sizeof(antpool_options_t): at most that many bytes are written, and
/// it is what `options->struct_size` becomes. Does nothing if `options` is NULL or `struct_size` is
/// smaller than that first field.
///
/// # Safety
/// `options` is NULL or points at `struct_size` writable bytes.
// SAFETY: the name is this library's own; its prefix keeps it apart from others.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_options_init(options: *mut antpool_options_t, struct_size: usize) {
    if options.is_null() || struct_size < size_of::<usize>() {
        return;
    }
    let defaults = RawOptions {
        struct_size,
        ..DEFAULTS
    };
    let known = struct_size.min(size_of::<RawOptions>());
    let bytes: *mut MaybeUninit<u8> = options.cast();
    // SAFETY: the caller's promise: `struct_size` writable bytes.
    unsafe { bytes.write_bytes(0, struct_size) };
    // SAFETY: `known` is at most either size.
    unsafe { bytes.copy_from_nonoverlapping((&raw const defaults).cast(), known) };
}
