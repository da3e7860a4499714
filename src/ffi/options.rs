//! antpool_options_t: what a caller asks for, checked field by field.

use std::ffi::{CStr, c_char, c_void};
use std::mem::{MaybeUninit, offset_of, size_of};
use std::time::Duration;

use super::callbacks::{antpool_log_fn, antpool_panic_fn, antpool_worker_fn};
use super::observer::Callbacks;
use super::records::read_sized;
use crate::config::{CAPACITY_MAX, Config, QUEUE_UNBOUNDED};
use crate::cpus::CpuSet;
use crate::error::Error;
use crate::observer::Observer;

/// The kind of a pool's workers.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum antpool_worker_kind_t {
    /// A thread of the operating system.
    ANTPOOL_WORKER_THREAD = 0,
    /// A fiber: a stack of its own on one of a few carrier threads.
    ANTPOOL_WORKER_FIBER = 1,
}

/// How a pool behaves. Begin with ANTPOOL_OPTIONS_INIT or antpool_options_init(), then change
/// fields; zero is the default of each. The call that gets the struct reads it and does not keep it. What its
/// pointers point at must live as long as the pool, except `name`, which is copied.
///
/// Flags are one byte, 0 or 1. `struct_size` says which version of the struct the caller was
/// compiled with: of an older and smaller one the fields that it has are read. Zero, a size that ends inside
/// a field, and non-zero bytes beyond what this version knows give ANTPOOL_ERR_INVALID_ARGUMENT.
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
    /// Allocate the queue, and all that `capacity` workers need, when the pool is made. Later submits allocate
    /// only what the system needs to start a thread, and the records of callers that wait beyond the first
    /// 64. Such a pool cannot be tuned.
    pub pre_alloc: bool,
    /// A submit to a full pool returns ANTPOOL_ERR_OVERLOAD instead of waiting.
    pub nonblocking: bool,
    /// If there is no panic handler: log a failed task, then abort the process.
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
    /// Bytes of stack of each worker, without its guard. It is address space: only what tasks touch takes
    /// memory. 0 means 8 MiB for a thread and 64 KiB for a fiber. (Of a fiber's stack the library keeps up to
    /// 3 KiB for itself, and the first call of a function of another library takes 2 KiB.) Less than the
    /// system's minimum (fibers: 16 KiB), or more than 1 TiB: ANTPOOL_ERR_INVALID_ARGUMENT.
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
    /// The CPUs, by their numbers, that workers, carriers and threads of antpool_block() run on; `cpu_count` of them.
    /// Copied. One that the process may not use: ANTPOOL_ERR_INVALID_ARGUMENT.
    pub cpus: *const u32,
    /// How many `cpus` lists; at most 65536. 0 means the CPUs of the process, as they are when a worker starts.
    pub cpu_count: usize,
    /// Added to the nice value of the thread that makes the pool, for its workers: 1 and more make them give way to
    /// others. The sum is cut to -20 to 19. What the system refuses is ANTPOOL_ERR_UNSUPPORTED.
    pub nice_increment: i32,
    /// Reserved for a later version: 0.
    pub reserved: u32,
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
    cpus: *const u32,
    cpu_count: usize,
    nice_increment: i32,
    reserved: u32,
}

const _: () = {
    assert!(size_of::<RawOptions>() == size_of::<antpool_options_t>());
    assert!(offset_of!(RawOptions, flags) == offset_of!(antpool_options_t, disable_purge));
    assert!(offset_of!(RawOptions, name) == offset_of!(antpool_options_t, name));
    assert!(offset_of!(RawOptions, worker_data) == offset_of!(antpool_options_t, worker_data));
    assert!(offset_of!(RawOptions, reserved) == offset_of!(antpool_options_t, reserved));
};

/// Where each field ends: the sizes an older caller may have.
#[rustfmt::skip]
const FIELD_ENDS: [usize; 25] = [
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
    offset_of!(antpool_options_t, cpus), offset_of!(antpool_options_t, cpu_count),
    offset_of!(antpool_options_t, nice_increment), offset_of!(antpool_options_t, reserved),
    size_of::<antpool_options_t>(),
];

/// The flags' names, in their order.
const FLAGS: [&str; 4] = [
    "disable_purge",
    "pre_alloc",
    "nonblocking",
    "abort_on_panic",
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
    cpus: std::ptr::null(),
    cpu_count: 0,
    nice_increment: 0,
    reserved: 0,
};

/// The most entries of a list of CPUs.
const CPUS_MAX: usize = 1 << 16;

/// How long an idle worker stays, from what a caller writes; `None` if that is negative.
pub(super) fn expiry_from(ms: i64) -> Option<Duration> {
    const DEFAULT: Duration = Duration::from_millis(1000);
    match u64::try_from(ms) {
        Ok(0) => Some(DEFAULT),
        Ok(ms) => Some(Duration::from_millis(ms)),
        Err(_) => None,
    }
}

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
        let options = unsafe { read_sized(options.cast(), DEFAULTS, &FIELD_ENDS) };
        if options.is_err() {
            DEFAULTS.say(
                "struct_size is not that of any options, or fields that are unknown here are set",
            );
        }
        options
    }

    /// Checks everything that can be checked here, in the documented order, and gives the core's form of it.
    /// Logs which option is out of range.
    ///
    /// # Safety
    /// `name` is NULL or a string that ends; `cpus` has `cpu_count` readable numbers.
    pub(super) unsafe fn config(&self, capacity: i64) -> Result<Config, Error> {
        let invalid = |what: &str| {
            self.say(what);
            Error::InvalidArgument
        };
        let disable_purge = self.flags[0] == 1;
        if self.expiry_ms < 0 && !disable_purge {
            self.say("expiry_ms is negative: at least 0, unless disable_purge is set");
            return Err(Error::InvalidExpiry);
        }
        let pre_alloc = self.flags[1] == 1;
        if pre_alloc
            && (capacity == super::pool::UNLIMITED || self.queue_capacity == QUEUE_UNBOUNDED)
        {
            self.say("pre_alloc is set: capacity and queue_capacity have to be limited");
            return Err(Error::InvalidPrealloc);
        }
        let workers = super::pool::capacity_from(capacity).map_err(|_| {
            invalid("capacity is out of range: 1 to ANTPOOL_CAPACITY_MAX, or ANTPOOL_UNLIMITED")
        })?;
        for (value, name) in self.flags.into_iter().zip(FLAGS) {
            if value > 1 {
                return Err(invalid(&format!("{name} is neither 0 nor 1")));
            }
        }
        if self.worker_kind > antpool_worker_kind_t::ANTPOOL_WORKER_FIBER as u32 {
            return Err(invalid(
                "worker_kind is unknown: ANTPOOL_WORKER_THREAD or ANTPOOL_WORKER_FIBER",
            ));
        }
        if self.stack_size > STACK_MAX {
            return Err(invalid("stack_size is out of range: at most 1 TiB"));
        }
        if self.min_workers > workers.unwrap_or(CAPACITY_MAX) {
            return Err(invalid("min_workers is out of range: at most the capacity"));
        }
        if self.reserved != 0 {
            return Err(invalid("reserved is set: it has to be 0"));
        }
        // SAFETY: the caller's promise.
        let cpus = unsafe { self.cpus() }
            .map_err(|()| invalid("cpus lists a CPU that the process may not use, or none"))?;
        let name = if self.name.is_null() {
            c"antpool"
        } else {
            // SAFETY: the caller's promise.
            unsafe { CStr::from_ptr(self.name) }
        };
        let fibers = self.worker_kind == antpool_worker_kind_t::ANTPOOL_WORKER_FIBER as u32;
        Ok(Config {
            capacity: workers,
            expiry: expiry_from(self.expiry_ms).filter(|_| !disable_purge),
            pre_alloc,
            nonblocking: self.flags[2] == 1,
            abort_on_panic: self.flags[3] == 1,
            max_waiting: match self.max_blocking_tasks {
                0 => usize::MAX,
                most => most,
            },
            queue_capacity: self.queue_capacity,
            min_workers: self.min_workers,
            fibers,
            carriers: match self.carriers {
                0 if fibers => {
                    let usable = super::inside::antpool_usable_cpus();
                    cpus.map_or(usable, |cpus| cpus.count().min(usable))
                }
                carriers => carriers.min(CAPACITY_MAX),
            },
            max_block_threads: match self.max_block_threads {
                0 => 512,
                threads => threads.min(CAPACITY_MAX),
            },
            stack_size: self.stack_size,
            cpus,
            nice_increment: self.nice_increment,
            name: name.to_owned(),
            never_destroyed: false,
        })
    }

    /// # Safety
    /// `cpus` has `cpu_count` readable numbers.
    unsafe fn cpus(&self) -> Result<Option<CpuSet>, ()> {
        if self.cpu_count == 0 {
            return Ok(None);
        }
        if self.cpus.is_null() || self.cpu_count > CPUS_MAX {
            return Err(());
        }
        // SAFETY: the caller's promise.
        let listed = unsafe { std::slice::from_raw_parts(self.cpus, self.cpu_count) };
        let allowed = CpuSet::of_process().ok_or(())?;
        allowed
            .restricted_to(listed.iter().copied())
            .map(Some)
            .ok_or(())
    }

    /// Tells whoever takes the pool's log why there is none.
    #[cold]
    pub(super) fn say(&self, what: &str) {
        let observer = Callbacks::from(self).of(std::ptr::null_mut(), c"antpool");
        observer.log_error(&format!("no pool was made: {what}"));
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
