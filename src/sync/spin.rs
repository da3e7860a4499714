//! Spinning: every budget, its unit, and the measurement that chose it.
//!
//! To sleep in a futex and to be woken costs 5 to 6 µs each way, and works on any machine. One iteration of a spin
//! loop takes 5 ns (Xeon, 2.5 GHz) to 40 ns. Spinning pays only while the other thread runs on another CPU, and no
//! thread can know that. So no budget is as long as a sleep and a wake; no loop calls `sched_yield`, which gives the
//! CPU to a stranger for a whole time slice; and the long budgets adapt to their own success.
//!
//! Nanoseconds a task, 2 CPUs, one producer, empty tasks, no queue, median (range) of 5 to 9 alternating runs,
//! beside N busy processes. The first column is an earlier version: iterations with `sched_yield` between them.
//!
//! | workers | N | yields | 30 looks | 300 looks | room 1000, task 300 |
//! | --- | --- | --- | --- | --- | --- |
//! | 2 | 0 | 342 (327..375) | 148 (95..1357) | 520 (431..601) | 380 (335..605) |
//! | 2 | 2 | 1315 (1253..46836) | 3829 (302..5155) | 1895 (780..5462) | 962 (840..3033) |
//! | 2 | 4 | did not end | 9196 (5135..13932) | 1755 (1709..5526) | 3171 (1648..4390) |
//! | 8 | 0 | 343 (246..391) | 76 (57..317) | 605 (436..781) | 329 (254..534) |
//! | 8 | 4 | did not end | 2429 (2359..5133) | 1157 (1020..1203) | 1491 (1033..2078) |
//! | 100 | 4 | 16447 (13641..19160) | 1398 (1147..1927) | 2150 (918..2376) | 1522 (1241..2264) |
//!
//! A submit and a wait for it: 3261 ns (2691..5283) with yields, 534 (430..1348) now; CPU time of a task that
//! comes alone every 100 µs: 26 µs with yields, 8 now.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Iterations in which a submitter looks for room before it counts as waiting: the time of a few empty tasks.
pub(crate) const ROOM_SOON: u32 = 40;
/// Iterations in which a submitter looks for room before it sleeps: half of what the sleep costs.
pub(crate) const ROOM: u32 = 1000;
/// Iterations in which a worker looks for a task before it sleeps. It is less than ROOM: there are many workers for
/// one submitter, and the submitter pays for waking a worker.
pub(crate) const TASK: u32 = 300;
/// Iterations in which a worker looks for a task while another one searches.
pub(crate) const TASK_SOON: u32 = 100;
/// Iterations in which a submitter watches whether an awake worker takes the task, before it wakes another.
pub(crate) const TAKEN: u32 = 20;
/// Iterations in which a caller waits for all tasks before it sleeps.
pub(crate) const DONE: u32 = 1000;
/// Iterations in which a thread waits for a lock, or for another thread's next step inside a queue.
pub(crate) const STEP: u32 = 100;

/// The number of iterations. Models do fewer.
pub(crate) const fn looks(count: u32) -> u32 {
    count
}

/// Tells the processor that this is a spin loop.
pub(crate) fn spin_loop() {
    std::hint::spin_loop();
}

/// Spinning before sleeping, with a memory of whether it has paid.
#[derive(Debug, Default)]
pub(crate) struct SpinWait {
    /// The number of spins in a row that found nothing.
    misses: AtomicU32,
}

impl SpinWait {
    /// How many times misses halve the budget.
    const HALVED: u32 = 2;
    /// After this number of misses the full budget is tried again.
    const RETRIED: u32 = 16;

    pub(crate) const fn new() -> Self {
        Self {
            misses: AtomicU32::new(0),
        }
    }

    /// Calls `found` until it returns something, at most `budget` times.
    pub(crate) fn spin<T>(&self, budget: u32, mut found: impl FnMut() -> Option<T>) -> Option<T> {
        // ORDERING: Relaxed, here and below; a rough count.
        let misses = self.misses.load(Ordering::Relaxed);
        let budget = if misses % Self::RETRIED == Self::RETRIED - 1 {
            budget
        } else {
            budget >> misses.min(Self::HALVED)
        };
        for _ in 0..budget {
            if let Some(found) = found() {
                if misses > 0 {
                    self.misses.store(0, Ordering::Relaxed);
                }
                return Some(found);
            }
            std::hint::spin_loop();
        }
        self.misses.store(misses.wrapping_add(1), Ordering::Relaxed);
        None
    }
}

/// Waiting for another thread's next step inside a queue. It takes a few instructions, unless that thread has lost its
/// CPU. Then this one sleeps, so that the other runs whatever their priorities are.
#[derive(Debug, Default)]
pub(crate) struct StepWait {
    looks: u32,
}

impl StepWait {
    const FIRST_SLEEP: Duration = Duration::from_micros(20);
    const LONGEST: u32 = 6;

    /// Waits, a little longer each time.
    #[cold]
    pub(crate) fn wait(&mut self) {
        self.looks += 1;
        if self.looks < STEP {
            std::hint::spin_loop();
        } else {
            let times = (self.looks - STEP).min(Self::LONGEST);
            crate::clock::sleep(Self::FIRST_SLEEP * (1 << times));
        }
    }
}

/// Whether spinning can pay: another CPU may run the other thread.
pub(crate) fn can_spin() -> bool {
    known_cpus() > 1
}

/// The number of CPUs that the process could use when it made its first pool. To ask again would take reading several
/// files.
pub(crate) fn known_cpus() -> usize {
    static CPUS: AtomicU32 = AtomicU32::new(0); // 0: not asked yet
    // ORDERING: Relaxed; nothing else is read through it.
    let mut cpus = CPUS.load(Ordering::Relaxed);
    if cpus == 0 {
        cpus = u32::try_from(crate::cpus::usable()).unwrap_or(u32::MAX);
        // ORDERING: as above.
        CPUS.store(cpus, Ordering::Relaxed);
    }
    cpus as usize
}
