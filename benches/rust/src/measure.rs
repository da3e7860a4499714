//! What c/measures.h is: the same bodies of tasks, the same measures, the same names.

use crate::shared::{fail, number, resident_bytes, wall_time, LEFT, LONG, UNSUPPORTED};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Barrier, Condvar, Mutex};
use std::thread::{scope, sleep};
use std::time::Duration;

/// One pool under test.
pub trait Pool: Sync {
    /// Hands over one task that calls `task()`; several threads do so at a time.
    fn submit(&self);
}

pub struct Plan<'a> {
    pub tasks: usize,
    pub producers: usize,
    pub measure: &'a str,
    pub body: &'a str,
    pub warm_up: usize,
}

// ---- Tasks --------------------------------------------------------------------------------------

const EMPTY: u8 = 0;
const WORK: u8 = 1;
const SLEEP: u8 = 2;
const STAMP: u8 = 3;
const HOLD: u8 = 4;

static BODY: AtomicU8 = AtomicU8::new(EMPTY);
static AMOUNT: AtomicUsize = AtomicUsize::new(0);
static BEGUN_NS: AtomicU64 = AtomicU64::new(0);
static HELD: AtomicUsize = AtomicUsize::new(0);

/// Something that one thread waits for.
struct Event(Mutex<bool>, Condvar);

impl Event {
    const fn new() -> Self {
        Self(Mutex::new(false), Condvar::new())
    }

    fn set(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }

    fn wait(&self) {
        let mut set = self.0.lock().unwrap();
        while !*set {
            set = self.1.wait(set).unwrap();
        }
        *set = false;
    }
}

static ALL_RAN: Event = Event::new();
static ALL_HELD: Event = Event::new();

/// The whole body of a task. If it is empty, that is one atomic instruction, as in C.
pub fn task() {
    let body = BODY.load(Ordering::Relaxed);
    if body != EMPTY {
        special(body);
    }
    if LEFT.take() {
        ALL_RAN.set();
    }
}

#[cold]
fn special(body: u8) {
    let amount = AMOUNT.load(Ordering::Relaxed);
    match body {
        WORK => drop(black_box(spin(amount))),
        SLEEP => sleep(Duration::from_millis(amount as u64)),
        STAMP => BEGUN_NS.store(wall_time().as_nanos() as u64, Ordering::Release),
        _ => {
            if HELD.fetch_add(1, Ordering::AcqRel) + 1 == amount {
                ALL_HELD.set();
            }
            sleep(LONG);
            fail(1, "a held task went on before the measurement was over")
        }
    }
}

#[inline(never)]
fn spin(rounds: usize) -> u64 {
    let mut value = rounds as u64;
    for _ in 0..rounds {
        value ^= value << 13;
        value ^= value >> 7;
        value ^= value << 17;
    }
    value
}

fn rounds_for(ns: usize) -> usize {
    const ROUNDS: usize = 20_000;
    let best = (0..200).map(|_| {
        let begin = wall_time();
        black_box(spin(black_box(ROUNDS)));
        (wall_time() - begin).as_nanos() as usize
    });
    ns * ROUNDS / best.min().unwrap_or(1)
}

fn set_body(text: &str) {
    let (kind, amount) = text.split_once('=').unwrap_or((text, ""));
    let (body, amount) = match kind {
        "empty" => (EMPTY, 0),
        "work" => (WORK, rounds_for(number(amount))),
        "sleep" => (SLEEP, number(amount)),
        _ => fail(1, "no such body"),
    };
    AMOUNT.store(amount, Ordering::Relaxed);
    BODY.store(body, Ordering::Relaxed);
}

// ---- Measures -----------------------------------------------------------------------------------

fn per_task(took: Duration, tasks: usize) -> f64 {
    took.as_nanos() as f64 / tasks as f64
}

/// The time from the first submit until the last one has returned, and until all tasks have run.
fn round(pool: &dyn Pool, producers: usize, tasks: usize) -> (Duration, Duration) {
    let share = tasks / producers;
    let start = Barrier::new(producers);
    // The clock starts when the first of the producers begins.
    let begin = Mutex::new(Duration::MAX);
    let produce = |count| {
        start.wait();
        let now = wall_time();
        (0..count).for_each(|_| pool.submit());
        let mut begin = begin.lock().unwrap();
        *begin = now.min(*begin);
    };
    LEFT.set(tasks);
    scope(|threads| {
        for _ in 1..producers {
            threads.spawn(|| produce(share));
        }
        produce(tasks - share * (producers - 1));
    });
    let begin = begin.into_inner().unwrap();
    let submitted = wall_time() - begin;
    ALL_RAN.wait();
    let done = wall_time() - begin;
    if LEFT.get() != 0 {
        fail(1, "a task ran more than once");
    }
    (submitted, done)
}

fn one(pool: &dyn Pool) {
    LEFT.set(1);
    pool.submit();
    ALL_RAN.wait();
}

fn wake(pool: &dyn Pool, tasks: usize, percent: usize) -> f64 {
    BODY.store(STAMP, Ordering::Relaxed);
    let mut samples: Vec<u64> = (0..tasks)
        .map(|_| {
            sleep(Duration::from_millis(1)); // Long enough for the workers to park.
            let submitted = wall_time().as_nanos() as u64;
            one(pool);
            BEGUN_NS.load(Ordering::Acquire) - submitted
        })
        .collect();
    samples.sort_unstable();
    samples[tasks * percent / 100] as f64
}

/// How long it takes until `tasks` tasks all run at once.
fn hold(pool: &dyn Pool, tasks: usize) -> Duration {
    AMOUNT.store(tasks, Ordering::Relaxed);
    BODY.store(HOLD, Ordering::Relaxed);
    LEFT.set(tasks);
    let begin = wall_time();
    (0..tasks).for_each(|_| pool.submit());
    ALL_HELD.wait();
    wall_time() - begin
}

pub fn measure(plan: &Plan, workers: usize, open: impl Fn() -> Box<dyn Pool>) -> f64 {
    set_body(plan.body);
    let tasks = plan.tasks;
    if plan.measure == "life" {
        let begin = wall_time();
        (0..tasks).for_each(|_| drop(open()));
        return per_task(wall_time() - begin, tasks);
    }
    let pool = &*Box::leak(open()); // Some measures end with tasks that are held.
    if plan.warm_up > 0 {
        round(pool, plan.producers, plan.warm_up);
    }
    match plan.measure {
        "all" => per_task(round(pool, plan.producers, tasks).1, tasks),
        "submit" => per_task(round(pool, plan.producers, tasks).0, tasks),
        "wake-p50" => wake(pool, tasks, 50),
        "wake-p99" => wake(pool, tasks, 99),
        "trip" => {
            let begin = wall_time();
            (0..tasks).for_each(|_| one(pool));
            per_task(wall_time() - begin, tasks)
        }
        "ramp" => per_task(hold(pool, tasks), tasks),
        "memory-queued" => {
            hold(pool, workers);
            let before = resident_bytes();
            (0..tasks).for_each(|_| pool.submit());
            (resident_bytes() as f64 - before as f64) / tasks as f64
        }
        _ => fail(UNSUPPORTED, "not written for this pool"),
    }
}
