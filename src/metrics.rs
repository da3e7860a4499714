//! The text of antpool_metrics(): the figures of all pools, in the OpenMetrics format.

#![forbid(unsafe_code)]

use std::fmt::{self, Display, Write};
use std::sync::{Arc, Weak};

use crate::dump::{Bytes, lock_soon};
use crate::error::Error;
use crate::fork;
use crate::pool::Pool;
use crate::stats::{Stats, Times};
use crate::sync::{Mutex, MutexGuard};

/// Every pool that was made and not destroyed.
struct Registry {
    /// The process whose pools these are.
    generation: u32,
    /// The number of the next pool.
    next: u64,
    pools: Vec<(u64, Weak<Pool>)>,
}

static REGISTRY: Mutex<Registry> = Mutex::new(Registry {
    generation: 0,
    next: 0,
    pools: Vec::new(),
});

/// The lock, which is kept for moments only; but in a child of a process that was forked while another thread had it, for
/// ever.
fn lock() -> Option<MutexGuard<'static, Registry>> {
    if fork::generation() == 0 {
        Some(REGISTRY.lock())
    } else {
        lock_soon(&REGISTRY)
    }
}

/// A pool is shown from here on until it ends. One for which there is no room is not shown. Nor is one of a child that was
/// forked while another thread had the lock.
pub(crate) fn register(pool: &Arc<Pool>) {
    const MOST: usize = 4096;
    let Some(mut registry) = lock() else {
        return;
    };
    if registry.generation != fork::generation() {
        registry.generation = fork::generation();
        // The parent's: nothing of them may be used, not even to drop them.
        std::mem::forget(std::mem::take(&mut registry.pools));
    }
    registry.pools.retain(|(_, pool)| pool.strong_count() > 0);
    if registry.pools.len() < MOST && registry.pools.try_reserve(1).is_ok() {
        let number = registry.next;
        registry.next += 1;
        registry.pools.push((number, Arc::downgrade(pool)));
    }
}

/// One look at a pool.
pub(crate) struct Seen {
    labels: String,
    stats: Stats,
}

/// What stands between the quotes of a label.
fn escape(text: &impl Display) -> String {
    text.to_string()
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

/// What all pools are like now.
pub(crate) fn look() -> Result<Vec<Seen>, Error> {
    let mut pools: Vec<(u64, Arc<Pool>)> = Vec::new();
    if let Some(registry) = lock().filter(|registry| registry.generation == fork::generation()) {
        pools.try_reserve_exact(registry.pools.len())?;
        let there = registry.pools.iter();
        pools.extend(there.filter_map(|(number, pool)| Some((*number, pool.upgrade()?))));
    }
    let mut seen = Vec::new();
    seen.try_reserve_exact(pools.len())?;
    seen.extend(pools.iter().map(|(number, pool)| {
        let name = escape(&Bytes(pool.name().to_bytes()));
        Seen {
            labels: format!("pool=\"{name}\",id=\"{number}\""),
            stats: pool.stats(),
        }
    }));
    Ok(seen)
}

/// A family of figures: its name, its kind, what it says, and the figure of a pool.
type Family = (&'static str, &'static str, &'static str, fn(&Stats) -> u64);

const FAMILIES: &[Family] = &[
    ("workers", "gauge", "Workers, busy and idle.", |stats| {
        stats.running as u64
    }),
    ("workers_busy", "gauge", "Workers with a task.", |stats| {
        stats.busy as u64
    }),
    (
        "tasks_queued",
        "gauge",
        "Accepted tasks without a worker.",
        |stats| stats.queued as u64,
    ),
    (
        "callers_waiting",
        "gauge",
        "Callers that wait to submit.",
        |stats| stats.waiting as u64,
    ),
    ("tasks_submitted", "counter", "Tasks accepted.", |stats| {
        stats.submitted
    }),
    (
        "tasks_completed",
        "counter",
        "Tasks finished, failed ones included.",
        |stats| stats.completed,
    ),
    ("tasks_failed", "counter", "Tasks that failed.", |stats| {
        stats.panicked
    }),
    (
        "tasks_canceled",
        "counter",
        "Tasks canceled before they ran.",
        |stats| stats.canceled,
    ),
    (
        "submits_rejected",
        "counter",
        "Submits that were turned away.",
        |stats| stats.rejected,
    ),
    (
        "submits_timed_out",
        "counter",
        "Submits that timed out.",
        |stats| stats.timed_out,
    ),
    ("workers_started", "counter", "Workers started.", |stats| {
        stats.spawned
    }),
    (
        "workers_purged",
        "counter",
        "Workers that expired or were surplus.",
        |stats| stats.purged,
    ),
    (
        "workers_lost",
        "counter",
        "Threads that a task ended.",
        |stats| stats.lost,
    ),
    (
        "threads_refused",
        "counter",
        "Threads that the system refused.",
        |stats| stats.spawn_failures,
    ),
];

/// Nanoseconds, shown as seconds.
struct Seconds(u64);

impl Display for Seconds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}.{:09}",
            self.0 / 1_000_000_000,
            self.0 % 1_000_000_000
        )
    }
}

fn write_histogram(out: &mut dyn Write, name: &str, labels: &str, times: &Times) -> fmt::Result {
    let mut below = 0;
    let (last, buckets) = times.counts.split_last().expect("there are buckets");
    for (bucket, count) in buckets.iter().enumerate() {
        below += count;
        let limit = Seconds(1 << (bucket + 6));
        writeln!(
            out,
            "antpool_{name}_seconds_bucket{{{labels},le=\"{limit}\"}} {below}"
        )?;
    }
    let all = below + last;
    writeln!(
        out,
        "antpool_{name}_seconds_bucket{{{labels},le=\"+Inf\"}} {all}"
    )?;
    writeln!(
        out,
        "antpool_{name}_seconds_sum{{{labels}}} {}",
        Seconds(times.total_ns)
    )?;
    writeln!(out, "antpool_{name}_seconds_count{{{labels}}} {all}")
}

/// Writes everything that was seen.
pub(crate) fn write(out: &mut dyn Write, pools: &[Seen]) -> fmt::Result {
    let head = |out: &mut dyn Write, name: &str, kind: &str, what: &str| {
        writeln!(out, "# TYPE antpool_{name} {kind}")?;
        writeln!(out, "# HELP antpool_{name} {what}")
    };
    head(
        out,
        "capacity",
        "gauge",
        "The most workers; of a pool without a limit there is none.",
    )?;
    for Seen { labels, stats } in pools {
        if let Some(capacity) = stats.capacity {
            writeln!(out, "antpool_capacity{{{labels}}} {capacity}")?;
        }
    }
    for (name, kind, what, figure) in FAMILIES {
        head(out, name, kind, what)?;
        let suffix = if *kind == "counter" { "_total" } else { "" };
        for Seen { labels, stats } in pools {
            writeln!(out, "antpool_{name}{suffix}{{{labels}}} {}", figure(stats))?;
        }
    }
    head(
        out,
        "queue_time_seconds",
        "histogram",
        "Time from acceptance to start, of sampled tasks.",
    )?;
    for Seen { labels, stats } in pools {
        write_histogram(out, "queue_time", labels, &stats.queue_time)?;
    }
    head(
        out,
        "run_time_seconds",
        "histogram",
        "Time that sampled tasks ran.",
    )?;
    for Seen { labels, stats } in pools {
        write_histogram(out, "run_time", labels, &stats.run_time)?;
    }
    writeln!(out, "# EOF")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_and_buckets_add_up() {
        assert_eq!(escape(&"a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
        let histogram = crate::stats::Histogram::default();
        for nanoseconds in [0, 64, 65, 1000, u64::MAX] {
            histogram.record(std::time::Duration::from_nanos(nanoseconds));
        }
        let mut text = String::new();
        write_histogram(&mut text, "x", "pool=\"a\"", &histogram.times())
            .expect("a string has room");
        let line = |le: &str, count: u64| {
            format!("antpool_x_seconds_bucket{{pool=\"a\",le=\"{le}\"}} {count}\n")
        };
        for (le, count) in [
            ("0.000000064", 2),
            ("0.000000128", 3),
            ("0.000001024", 4),
            ("+Inf", 5),
        ] {
            assert!(text.contains(&line(le, count)), "{le}: {text}");
        }
    }
}
