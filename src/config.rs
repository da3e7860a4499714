//! The options of a pool as the core knows them, and the checks that need no C.

use std::ffi::CString;
use std::time::Duration;

use crate::cpus::CpuSet;
use crate::error::Error;

/// The most workers a pool can be given.
pub(crate) const CAPACITY_MAX: usize = (1 << 24) - 1;
/// A queue without a limit of its own.
pub(crate) const QUEUE_UNBOUNDED: usize = usize::MAX;

/// Everything that a pool is made from. Only the capacity changes later.
#[derive(Clone, Debug)]
#[cfg_attr(
    loom,
    allow(
        dead_code,
        reason = "models have no use for what only real threads have"
    )
)]
pub(crate) struct Config {
    /// The most workers; `None` means as many as the system grants.
    pub(crate) capacity: Option<usize>,
    /// How long a worker without a task stays; `None` means for ever.
    pub(crate) expiry: Option<Duration>,
    /// Whether all bookkeeping is allocated at once.
    pub(crate) pre_alloc: bool,
    /// Whether a plain submit to a full pool is turned away instead of waiting.
    pub(crate) nonblocking: bool,
    /// Whether a failed task that nobody handles ends the process.
    pub(crate) abort_on_panic: bool,
    /// How many callers may wait at one time.
    pub(crate) max_waiting: usize,
    /// How many tasks are accepted beyond the capacity.
    pub(crate) queue_capacity: usize,
    /// Workers that are there from the start and never expire.
    pub(crate) min_workers: usize,
    /// Whether a worker is a fiber.
    pub(crate) fibers: bool,
    /// Threads that run fibers.
    pub(crate) carriers: usize,
    /// Threads for the blocking calls of fibers.
    pub(crate) max_block_threads: usize,
    /// Bytes of stack per worker; 0 is the default.
    pub(crate) stack_size: usize,
    /// The only CPUs that workers run on; `None` is the process's.
    pub(crate) cpus: Option<CpuSet>,
    /// Added to the nice value of the thread that makes the pool.
    pub(crate) nice_increment: i32,
    /// What logs and debuggers call the pool.
    pub(crate) name: CString,
    /// Whether it lives as long as the process, so that nobody ever joins its threads.
    pub(crate) never_destroyed: bool,
}

impl Config {
    /// The process-wide pool.
    pub(crate) fn default_pool() -> Self {
        Self {
            capacity: Some(512),
            expiry: Some(Duration::from_secs(1)),
            pre_alloc: false,
            nonblocking: false,
            abort_on_panic: false,
            max_waiting: usize::MAX,
            queue_capacity: QUEUE_UNBOUNDED,
            min_workers: 0,
            fibers: false,
            carriers: 0,
            max_block_threads: 0,
            stack_size: 0,
            cpus: None,
            nice_increment: 0,
            name: c"antpool".to_owned(),
            never_destroyed: true,
        }
    }

    /// The expiry in nanoseconds; the largest number if there is none.
    pub(crate) fn expiry_ns(&self) -> u64 {
        let expiry = self.expiry.unwrap_or(Duration::MAX);
        u64::try_from(expiry.as_nanos()).unwrap_or(u64::MAX)
    }

    /// Checks what depends on several fields.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.pre_alloc && (self.capacity.is_none() || self.queue_capacity == QUEUE_UNBOUNDED) {
            return Err(Error::InvalidPrealloc);
        }
        if self.min_workers > self.capacity.unwrap_or(CAPACITY_MAX) {
            return Err(Error::InvalidArgument);
        }
        Ok(())
    }
}
