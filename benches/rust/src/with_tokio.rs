//! tokio: the multi-thread runtime as it is by default; a task for each task, held to WORKERS at a
//! time by tokio's own semaphore. The producer is a task too.

use crate::shared::*;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, Semaphore};
use tokio::time::sleep;

fn runtime(one_thread: bool) -> Runtime {
    let mut builder = Builder::new_multi_thread();
    if one_thread {
        builder.worker_threads(1);
    }
    match builder.enable_time().build() {
        Ok(runtime) => runtime,
        Err(_) => fail(1, "no runtime"),
    }
}

async fn round(tasks: usize, nap: Duration, places: Arc<Semaphore>) -> Duration {
    let all_ran = Arc::new(Notify::new());
    LEFT.set(tasks);
    let begin = Instant::now();
    for _ in 0..tasks {
        let Ok(place) = places.clone().acquire_owned().await else {
            fail(1, "acquire")
        };
        let all_ran = all_ran.clone();
        tokio::spawn(async move {
            sleep(nap).await;
            if LEFT.take() {
                all_ran.notify_one();
            }
            drop(place);
        });
    }
    all_ran.notified().await;
    let took = begin.elapsed();
    if LEFT.get() != 0 {
        fail(
            1,
            "the wait ended although not every task had run exactly once",
        );
    }
    took
}

/// How long it takes until `tasks` tasks all sleep at once.
async fn ramp(tasks: usize) -> Duration {
    let all_held = Arc::new(Notify::new());
    LEFT.set(tasks);
    let begin = Instant::now();
    for _ in 0..tasks {
        let all_held = all_held.clone();
        tokio::spawn(async move {
            if LEFT.take() {
                all_held.notify_one();
            }
            sleep(LONG).await;
            fail(1, "a held task went on before the measurement was over")
        });
    }
    all_held.notified().await;
    begin.elapsed()
}

pub fn ramp_ns(tasks: usize) -> f64 {
    let runtime = runtime(false);
    let Ok(took) = runtime.block_on(runtime.spawn(ramp(tasks))) else {
        fail(1, "it failed")
    };
    std::mem::forget(runtime);
    took.as_nanos() as f64 / tasks as f64
}

pub fn sleepers(params: &Params) -> f64 {
    let (tasks, warm_up) = (params.tasks, params.warm_up);
    let nap = Duration::from_millis(params.sleep_ms);
    let places = Arc::new(Semaphore::new(params.workers));
    let runtime = runtime(false);
    let producer = runtime.spawn(async move {
        if warm_up > 0 {
            round(warm_up, nap, places.clone()).await;
        }
        round(tasks, nap, places).await
    });
    let Ok(took) = runtime.block_on(producer) else {
        fail(1, "the producer failed")
    };
    took.as_nanos() as f64 / tasks as f64
}

async fn memory(fibers: usize) -> f64 {
    let before = resident_bytes();
    for _ in 0..fibers {
        tokio::spawn(async {
            DONE.add(1);
            sleep(LONG).await;
            fail(1, "a task woke up before the memory was looked at")
        });
    }
    while DONE.get() < fibers {
        sleep(LATE_AFTER).await;
    }
    sleep(10 * LATE_AFTER).await;
    (resident_bytes() as f64 - before as f64) / fibers as f64
}

async fn measure(cost: String, fibers: usize) -> f64 {
    let share = |total: usize| total / fibers;
    match cost.as_str() {
        "memory" => memory(fibers).await,
        "yield" => {
            let (share, begin) = (share(YIELDS), wall_time());
            let all: Vec<_> = (0..fibers)
                .map(|_| {
                    tokio::spawn(async move {
                        for _ in 0..share {
                            tokio::task::yield_now().await;
                        }
                        DONE.add(share);
                    })
                })
                .collect();
            for one in all {
                let _ = one.await;
            }
            each(share * fibers, begin, wall_time())
        }
        "cycle" => {
            let (share, begin) = (share(CYCLES), cpu_time());
            let all: Vec<_> = (0..fibers)
                .map(|_| {
                    tokio::spawn(async move {
                        for _ in 0..share {
                            sleep(NAP).await;
                        }
                        DONE.add(share);
                    })
                })
                .collect();
            for one in all {
                let _ = one.await;
            }
            each(share * fibers, begin, cpu_time())
        }
        _ => {
            let share = share(SLEEPS);
            let all: Vec<_> = (0..fibers)
                .map(|_| {
                    tokio::spawn(async move {
                        let mut took = Vec::with_capacity(share);
                        for _ in 0..share {
                            let begin = Instant::now();
                            sleep(LATE_AFTER).await;
                            took.push(begin.elapsed());
                        }
                        took
                    })
                })
                .collect();
            let mut took = Vec::new();
            for one in all {
                took.extend(one.await.unwrap_or_default());
            }
            if took.len() != share * fibers {
                fail(1, "not every task did its share");
            }
            percentile(&cost, took)
        }
    }
}

pub fn cost(cost: &str, fibers: usize) -> f64 {
    let runtime = runtime(true);
    let all = runtime.spawn(measure(cost.to_owned(), fibers));
    let Ok(figure) = runtime.block_on(all) else {
        fail(1, "a task failed")
    };
    // Dropping the runtime would wait for nobody, but it would take its tasks apart one by one.
    std::mem::forget(runtime);
    figure
}
