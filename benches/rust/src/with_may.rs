//! may: stackful coroutines on its own scheduler, as it is by default (a thread for each CPU); a
//! coroutine for each task, held to WORKERS at a time by may's semaphore. The producer is a
//! coroutine too.

use crate::shared::*;
use may::coroutine::{sleep, yield_now, JoinHandle};
use may::go;
use may::sync::{Semphore, SyncFlag};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn round(tasks: usize, nap: Duration, places: &Arc<Semphore>) -> Duration {
    let all_ran = Arc::new(SyncFlag::new());
    LEFT.set(tasks);
    let begin = Instant::now();
    for _ in 0..tasks {
        places.wait();
        let (places, all_ran) = (places.clone(), all_ran.clone());
        go!(move || {
            sleep(nap);
            if LEFT.take() {
                all_ran.fire();
            }
            places.post();
        });
    }
    all_ran.wait();
    let took = begin.elapsed();
    if LEFT.get() != 0 {
        fail(
            1,
            "the wait ended although not every task had run exactly once",
        );
    }
    took
}

/// Every stack of may's is a mapping and a guard of its own; without this check it would panic.
fn expect_room_for(stacks: usize) {
    let most = std::fs::read_to_string("/proc/sys/vm/max_map_count").unwrap_or_default();
    if most
        .trim()
        .parse()
        .is_ok_and(|most: usize| 2 * stacks >= most)
    {
        fail(
            UNSUPPORTED,
            "may needs two mappings for a stack: more than vm.max_map_count allows",
        );
    }
}

pub fn sleepers(params: &Params) -> f64 {
    let (tasks, warm_up) = (params.tasks, params.warm_up);
    let nap = Duration::from_millis(params.sleep_ms);
    expect_room_for(params.workers);
    let places = Arc::new(Semphore::new(params.workers));
    let producer = go!(move || {
        if warm_up > 0 {
            round(warm_up, nap, &places);
        }
        round(tasks, nap, &places)
    });
    let Ok(took) = producer.join() else {
        fail(1, "the producer failed")
    };
    took.as_nanos() as f64 / tasks as f64
}

fn memory(fibers: usize) -> f64 {
    expect_room_for(fibers);
    let before = resident_bytes();
    for _ in 0..fibers {
        go!(|| {
            DONE.add(1);
            sleep(LONG);
            fail(1, "a coroutine woke up before the memory was looked at")
        });
    }
    while DONE.get() < fibers {
        std::thread::sleep(LATE_AFTER);
    }
    std::thread::sleep(10 * LATE_AFTER);
    (resident_bytes() as f64 - before as f64) / fibers as f64
}

fn run(fibers: usize, total: usize, thing: fn()) {
    let share = total / fibers;
    let start = |_| {
        go!(move || {
            for _ in 0..share {
                thing();
            }
            DONE.add(share);
        })
    };
    let all: Vec<JoinHandle<()>> = (0..fibers).map(start).collect();
    for one in all {
        let _ = one.join();
    }
}

pub fn cost(cost: &str, fibers: usize) -> f64 {
    may::config().set_workers(1);
    match cost {
        "memory" => memory(fibers),
        "yield" => {
            let begin = wall_time();
            run(fibers, YIELDS, yield_now);
            each(YIELDS / fibers * fibers, begin, wall_time())
        }
        "cycle" => {
            let begin = cpu_time();
            run(fibers, CYCLES, || sleep(NAP));
            each(CYCLES / fibers * fibers, begin, cpu_time())
        }
        _ => fail(UNSUPPORTED, "not measured here"),
    }
}
