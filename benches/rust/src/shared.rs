//! Arguments, clocks, the count of tasks: what both peers need.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

pub const UNSUPPORTED: i32 = 2;

// The same numbers as in c/costs.h, which says what each cost means.
pub const YIELDS: usize = 4_000_000;
pub const CYCLES: usize = 1_000_000;
pub const SLEEPS: usize = 1_000;
pub const NAP: Duration = Duration::from_millis(1);
pub const LATE_AFTER: Duration = Duration::from_millis(10);
pub const LONG: Duration = Duration::from_secs(120);

pub struct Params {
    pub tasks: usize,
    pub workers: usize,
    pub sleep_ms: u64,
    pub warm_up: usize,
}

pub fn fail(code: i32, what: &str) -> ! {
    eprintln!("bench: {what}");
    std::process::exit(code)
}

pub fn number(text: &str) -> usize {
    text.parse()
        .unwrap_or_else(|_| fail(1, "an argument is not a number in range"))
}

/// A count that has a cache line of its own.
#[repr(align(128))]
pub struct Count(AtomicUsize);

pub static LEFT: Count = Count(AtomicUsize::new(0));
pub static DONE: Count = Count(AtomicUsize::new(0));

impl Count {
    pub fn set(&self, value: usize) {
        self.0.store(value, Ordering::Release);
    }

    pub fn get(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }

    pub fn add(&self, value: usize) {
        self.0.fetch_add(value, Ordering::AcqRel);
    }

    /// Whether this was the last one.
    pub fn take(&self) -> bool {
        self.0.fetch_sub(1, Ordering::AcqRel) == 1
    }
}

pub fn resident_bytes() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(1).unwrap_or_default();
    // SAFETY: sysconf takes any number.
    number(pages) * unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize
}

fn clock(which: libc::clockid_t) -> Duration {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `now` is writable.
    if unsafe { libc::clock_gettime(which, &mut now) } != 0 {
        fail(1, "a clock cannot be read");
    }
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

pub fn cpu_time() -> Duration {
    clock(libc::CLOCK_PROCESS_CPUTIME_ID)
}

pub fn wall_time() -> Duration {
    clock(libc::CLOCK_MONOTONIC)
}

/// The time for one of `total` things between two looks at a clock; all of them have to be done.
pub fn each(total: usize, begin: Duration, end: Duration) -> f64 {
    if DONE.get() != total {
        fail(1, "not every fiber did its share");
    }
    (end - begin).as_nanos() as f64 / total as f64
}

/// The lateness that `cost` names, of sleeps that took that long.
pub fn percentile(cost: &str, mut took: Vec<Duration>) -> f64 {
    let percent = number(cost.trim_start_matches("lateness-p"));
    took.sort();
    match took[took.len() * percent / 100].checked_sub(LATE_AFTER) {
        Some(late) => late.as_nanos() as f64,
        None => fail(1, "a sleep ended early"),
    }
}
