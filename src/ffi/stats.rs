//! antpool_stats_t: one consistent look at a pool.

#[cfg(not(loom))]
use std::ffi::c_int;
use std::mem::{offset_of, size_of};

use super::handle::{Handle, antpool_t};
use super::records::{check_size, write_sized};
use super::status::antpool_status_t;
#[cfg(not(loom))]
use crate::dump::Output;
#[cfg(not(loom))]
use crate::errno::Errno;
use crate::error::Error;
#[cfg(not(loom))]
use crate::memory;
#[cfg(not(loom))]
use crate::metrics;
use crate::stats::Stats;

/// A snapshot of a pool. Set struct_size to sizeof(antpool_stats_t), or begin with
/// ANTPOOL_STATS_INIT. Counters count since the pool was made.
///
/// In each snapshot completed <= submitted and busy + idle = running. After antpool_wait() has returned
/// ANTPOOL_OK, and while nobody submits, completed = submitted. A task that fails is in `panicked` a moment before it is in
/// `completed`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct antpool_stats_t {
    /// sizeof(antpool_stats_t), set by the caller.
    pub struct_size: usize,
    /// The capacity; -1 = unlimited.
    pub capacity: i64,
    /// Workers, busy and idle.
    pub running: i64,
    /// Workers with a task.
    pub busy: i64,
    /// Workers without a task.
    pub idle: i64,
    /// Accepted tasks that have no worker yet.
    pub queued: i64,
    /// Callers that wait to submit.
    pub waiting: i64,
    /// The largest `running` so far.
    pub peak_running: i64,
    /// The largest `waiting` so far.
    pub peak_waiting: i64,
    /// Tasks accepted.
    pub submitted: u64,
    /// Tasks finished, failed ones included.
    pub completed: u64,
    /// Tasks that failed.
    pub panicked: u64,
    /// Tasks canceled before they ran.
    pub canceled: u64,
    /// Submits that were turned away: OVERLOAD, DEADLOCK, SPAWN or NO_MEMORY.
    pub rejected: u64,
    /// Submits that ended with TIMED_OUT.
    pub timed_out: u64,
    /// Workers started.
    pub spawned: u64,
    /// Workers that left because they had expired or were surplus.
    pub purged: u64,
    /// Threads that a task ended (pthread_exit or a cancellation).
    pub lost: u64,
    /// Threads that the system has refused.
    pub spawn_failures: u64,
    /// Nanoseconds from acceptance to start, summed over the sampled tasks.
    pub queue_time_total_ns: u64,
    /// The longest of them.
    pub queue_time_max_ns: u64,
    /// Tasks that were sampled: the first of each submitting thread, and then one in 64.
    pub queue_time_samples: u64,
    /// The same by powers of two: how many of them waited for at most 64 ns, at most 128 ns and so on; the last for
    /// longer than 2^36 ns, which is about 69 s. Each is in one of them.
    pub queue_time_counts: [u64; 32],
    /// Nanoseconds that the sampled tasks ran, summed. A task that ended its thread is not in it.
    pub run_time_total_ns: u64,
    /// The longest of them.
    pub run_time_max_ns: u64,
    /// How many of the sampled tasks have ended.
    pub run_time_samples: u64,
    /// The same by powers of two, as `queue_time_counts`.
    pub run_time_counts: [u64; 32],
}

#[rustfmt::skip]
const FIELD_ENDS: [usize; 26] = [
    offset_of!(antpool_stats_t, capacity), offset_of!(antpool_stats_t, running),
    offset_of!(antpool_stats_t, busy), offset_of!(antpool_stats_t, idle),
    offset_of!(antpool_stats_t, queued), offset_of!(antpool_stats_t, waiting),
    offset_of!(antpool_stats_t, peak_running), offset_of!(antpool_stats_t, peak_waiting),
    offset_of!(antpool_stats_t, submitted), offset_of!(antpool_stats_t, completed),
    offset_of!(antpool_stats_t, panicked), offset_of!(antpool_stats_t, canceled),
    offset_of!(antpool_stats_t, rejected), offset_of!(antpool_stats_t, timed_out),
    offset_of!(antpool_stats_t, spawned), offset_of!(antpool_stats_t, purged),
    offset_of!(antpool_stats_t, lost), offset_of!(antpool_stats_t, spawn_failures),
    offset_of!(antpool_stats_t, queue_time_total_ns), offset_of!(antpool_stats_t, queue_time_max_ns),
    offset_of!(antpool_stats_t, queue_time_samples), offset_of!(antpool_stats_t, queue_time_counts),
    offset_of!(antpool_stats_t, run_time_total_ns), offset_of!(antpool_stats_t, run_time_max_ns),
    offset_of!(antpool_stats_t, run_time_samples), offset_of!(antpool_stats_t, run_time_counts),
];

fn count(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

impl From<Stats> for antpool_stats_t {
    fn from(stats: Stats) -> Self {
        Self {
            struct_size: size_of::<Self>(),
            capacity: stats.capacity.map_or(super::pool::UNLIMITED, count),
            running: count(stats.running),
            busy: count(stats.busy),
            idle: count(stats.running - stats.busy),
            queued: count(stats.queued),
            waiting: count(stats.waiting),
            peak_running: count(stats.peak_running),
            peak_waiting: count(stats.peak_waiting),
            submitted: stats.submitted,
            completed: stats.completed,
            panicked: stats.panicked,
            canceled: stats.canceled,
            rejected: stats.rejected,
            timed_out: stats.timed_out,
            spawned: stats.spawned,
            purged: stats.purged,
            lost: stats.lost,
            spawn_failures: stats.spawn_failures,
            queue_time_total_ns: stats.queue_time.total_ns,
            queue_time_max_ns: stats.queue_time.max_ns,
            queue_time_samples: stats.queue_time.samples,
            queue_time_counts: stats.queue_time.counts,
            run_time_total_ns: stats.run_time.total_ns,
            run_time_max_ns: stats.run_time.max_ns,
            run_time_samples: stats.run_time.samples,
            run_time_counts: stats.run_time.counts,
        }
    }
}

/// Takes one consistent snapshot of the pool. Works on a closed pool; never waits for a task.
///
/// Set `out_stats->struct_size` first. Of an older and smaller struct the fields that it has are filled in; in
/// a larger one the fields that this version does not know become 0.
///
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `pool` or `out_stats` is NULL, or struct_size is zero or ends
///   inside a field.
/// - ANTPOOL_ERR_FORKED: see the introduction.
///
/// # Safety
/// `pool` is NULL or a live handle; `out_stats` is NULL or has struct_size writable bytes.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_get_stats(
    pool: *const antpool_t,
    out_stats: *mut antpool_stats_t,
) -> antpool_status_t {
    if out_stats.is_null() {
        return Error::InvalidArgument.into();
    }
    // SAFETY: the caller's promise.
    let size = unsafe { out_stats.cast::<usize>().read_unaligned() };
    let size = check_size(size, size_of::<antpool_stats_t>(), &FIELD_ENDS);
    // SAFETY: the caller's promise.
    match size.and_then(|()| unsafe { Handle::enter(pool) }) {
        // SAFETY: the caller's promise, and the size is right.
        Ok(pool) => unsafe { write_sized(out_stats.cast(), &antpool_stats_t::from(pool.stats())) },
        Err(error) => return error.into(),
    }
    antpool_status_t::ANTPOOL_OK
}

/// Writes to the descriptor `fd` what the pool is doing, as text for people: its state and its figures, each worker
/// (with fibers each carrier) that runs a task with the function, its file and since when, how many look for a
/// task or are parked, and who waits for what. A function is shown by its symbol where its file exports one, and
/// by its place in the file, for `addr2line -e FILE PLACE`.
///
/// Works on a pool in every state, from any thread, and from a debugger: `call antpool_dump(pool, 2)`. It allocates
/// nothing, and waits for no lock for longer than some milliseconds: what it cannot read is "(busy)". It waits for a
/// dlopen() that is under way. The form of the text may change with every version.
///
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `pool` is NULL, or `fd` cannot be written to.
/// - ANTPOOL_ERR_TIMED_OUT: `fd` does not block, and had no room for a second.
///
/// In a forked child it says that the pool is the parent's. May be called from inside a task.
///
/// # Safety
/// `pool` is NULL or a live handle.
#[cfg(not(loom))]
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_dump(pool: *const antpool_t, fd: c_int) -> antpool_status_t {
    // SAFETY: the caller's promise.
    let pool = match unsafe { Handle::borrow(pool) } {
        Ok(pool) if fd >= 0 => pool,
        _ => return Error::InvalidArgument.into(),
    };
    let _errno = Errno::kept();
    let mut output = Output::to(fd);
    match pool.dump(&mut output) {
        Ok(()) => output.end().into(),
        Err(_) => Error::InvalidArgument.into(),
    }
}

/// Writes the figures of every pool of this process to the descriptor `fd`, in the OpenMetrics text format, which
/// Prometheus reads: what antpool_get_stats() gives, with the name of the pool and a number that no other pool has as the
/// labels `pool` and `id`, and the sampled times as histograms in seconds. A pool is in it from when it was made until it is
/// destroyed, at most 4096 of them at a time.
///
/// No pool is locked while it writes, so a reader that is slow delays nobody else. It waits for no task. It allocates. May be called from any
/// thread, also inside a task, where it blocks the carrier if `fd` blocks.
///
/// In a forked child it writes the pools that the child has made; none if another thread of the parent was just making a
/// pool, or in this call, at the fork.
///
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `fd` cannot be written to.
/// - ANTPOOL_ERR_TIMED_OUT: `fd` does not block, and had no room for a second.
/// - ANTPOOL_ERR_NO_MEMORY: the system refused memory; nothing was written.
#[cfg(not(loom))]
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn antpool_metrics(fd: c_int) -> antpool_status_t {
    if fd < 0 {
        return Error::InvalidArgument.into();
    }
    let _errno = Errno::kept();
    let pools = match memory::check().and_then(|()| metrics::look()) {
        Ok(pools) => pools,
        Err(error) => return error.into(),
    };
    let mut output = Output::to(fd);
    match metrics::write(&mut output, &pools) {
        Ok(()) => output.end().into(),
        Err(_) => Error::InvalidArgument.into(),
    }
}
