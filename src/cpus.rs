//! The CPUs that the process may use: how many, and which.

#![allow(unsafe_code, reason = "asks the system for sets of CPUs")]

use std::fmt;

/// How many: affinity and cgroup quota respected, a fraction of one counted as one, at least 1. Reads several
/// files.
pub(crate) fn usable() -> usize {
    #[cfg(not(loom))]
    let _uncancelable = crate::cancel::Uncancelable::begin();
    num_cpus::get()
}

/// A set of CPUs, as the system keeps it for each thread.
#[derive(Clone, Copy)]
pub(crate) struct CpuSet(libc::cpu_set_t);

impl CpuSet {
    /// What a set of the C library has room for.
    const MOST: usize = 8 * size_of::<libc::cpu_set_t>();

    /// The process's own: those that its first thread may use now. `None` if there are more CPUs than a set holds.
    pub(crate) fn of_process() -> Option<Self> {
        // SAFETY: no conditions.
        Self::of(unsafe { libc::getpid() })
    }

    /// Those of the calling thread.
    pub(crate) fn of_this_thread() -> Option<Self> {
        Self::of(0)
    }

    fn of(thread: libc::pid_t) -> Option<Self> {
        // SAFETY: plain bytes.
        let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        // SAFETY: `set` is writable for its size.
        let known =
            unsafe { libc::sched_getaffinity(thread, size_of::<libc::cpu_set_t>(), &raw mut set) };
        (known == 0).then_some(Self(set))
    }

    /// Those of this set that are listed; `None` if one of them is not in it, or if the list is empty.
    pub(crate) fn restricted_to(&self, cpus: impl Iterator<Item = u32>) -> Option<Self> {
        // SAFETY: plain bytes.
        let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        let mut is_empty = true;
        for cpu in cpus {
            let cpu = usize::try_from(cpu).ok().filter(|cpu| *cpu < Self::MOST)?;
            // SAFETY: `cpu` is in the range of the set.
            if !unsafe { libc::CPU_ISSET(cpu, &self.0) } {
                return None;
            }
            // SAFETY: as above.
            unsafe { libc::CPU_SET(cpu, &mut set) };
            is_empty = false;
        }
        (!is_empty).then_some(Self(set))
    }

    /// How many are in it.
    pub(crate) fn count(&self) -> usize {
        // SAFETY: plain bytes.
        usize::try_from(unsafe { libc::CPU_COUNT(&self.0) }).unwrap_or(0)
    }

    /// The calling thread takes these on. A refusal leaves it where it is.
    pub(crate) fn take_on(&self) {
        if Self::of_this_thread().as_ref() != Some(self) {
            // SAFETY: the set lives across the call.
            unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const self.0) };
        }
    }
}

impl PartialEq for CpuSet {
    fn eq(&self, other: &Self) -> bool {
        // SAFETY: both are plain bytes.
        unsafe { libc::CPU_EQUAL(&self.0, &other.0) }
    }
}

impl fmt::Debug for CpuSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} CPUs", self.count())
    }
}
