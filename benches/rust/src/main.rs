//! The Rust side of the benchmarks: what c/bench.h, c/measures.h and c/costs.h are for C and C++, with
//! the same arguments, the same warm-up, the same checks and the same line of output.
//!
//!     PROGRAM NAME QUEUE TASKS WORKERS PRODUCERS MEASURE BODY WARM_UP
//!     PROGRAM NAME COST FIBERS

mod measure;
mod pools;
mod shared;
mod with_may;
mod with_tokio;

use measure::{measure, Plan};
use shared::{fail, number, Params, UNSUPPORTED};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (name, what, figure) = match args[..] {
        [name, cost, fibers] => {
            let count = number(fibers);
            let figure = match name {
                "tokio" => with_tokio::cost(cost, count),
                "may" => with_may::cost(cost, count),
                _ => fail(1, "no peer of that name in this program"),
            };
            (name, format!("{cost} {fibers}"), figure)
        }
        [name, queue, tasks, workers, producers, what, body, warm_up] => {
            let plan = Plan {
                tasks: number(tasks),
                producers: number(producers),
                measure: what,
                body,
                warm_up: number(warm_up),
            };
            let workers = number(workers);
            let figure = match name {
                "tokio" if what == "ramp" => with_tokio::ramp_ns(plan.tasks),
                "tokio" => with_tokio::sleepers(&Params::of(queue, &plan, workers)),
                "may" => with_may::sleepers(&Params::of(queue, &plan, workers)),
                _ => measure(&plan, workers, || pools::open(name, queue, workers)),
            };
            (name, what.to_owned(), figure)
        }
        _ => fail(
            1,
            "usage: NAME QUEUE TASKS WORKERS PRODUCERS MEASURE BODY WARM_UP, or NAME COST FIBERS",
        ),
    };
    println!("{name} {what} {figure:.1}");
    std::process::exit(0) // Tasks may still be asleep.
}

impl Params {
    /// For the peers that are no pools of threads: sleepers and nothing else.
    fn of(queue: &str, plan: &Plan, workers: usize) -> Self {
        let Some(sleep_ms) = plan.body.strip_prefix("sleep=") else {
            fail(UNSUPPORTED, "written for tasks that sleep")
        };
        if queue != "none" || plan.producers != 1 || plan.measure != "all" {
            fail(UNSUPPORTED, "written for one producer that waits");
        }
        let sleep_ms = number(sleep_ms) as u64;
        Self {
            tasks: plan.tasks,
            workers,
            sleep_ms,
            warm_up: plan.warm_up,
        }
    }
}
