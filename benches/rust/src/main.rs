//! The Rust side of the benchmarks: what c/bench.h and c/costs.h are for C and C++, with the same
//! arguments, the same warm-up, the same checks and the same line of output.
//!
//!     PROGRAM NAME QUEUE TASKS WORKERS PRODUCERS SLEEP_MS WARM_UP
//!     PROGRAM NAME COST FIBERS

mod shared;
mod with_may;
mod with_tokio;

use shared::{fail, number, Params, UNSUPPORTED};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        [name, cost, fibers] => {
            let fibers = number(fibers);
            let figure = match name {
                "tokio" => with_tokio::cost(cost, fibers),
                "may" => with_may::cost(cost, fibers),
                _ => fail(1, "no peer of that name in this program"),
            };
            println!("{name} {cost} {fibers} {figure:.1}");
            std::process::exit(0) // Fibers may still be asleep.
        }
        [name, queue, tasks, workers, producers, sleep_ms, warm_up] => {
            if queue != "none" || producers != "1" {
                fail(UNSUPPORTED, "written for one producer that waits");
            }
            let params = Params {
                tasks: number(tasks),
                workers: number(workers),
                sleep_ms: number(sleep_ms) as u64,
                warm_up: number(warm_up),
            };
            let ns = match name {
                "tokio" => with_tokio::sleepers(&params),
                "may" => with_may::sleepers(&params),
                _ => fail(1, "no peer of that name in this program"),
            };
            println!("{name} queue={queue},workers={workers},producers={producers} {ns:.1}");
        }
        _ => fail(
            1,
            "usage: NAME QUEUE TASKS WORKERS PRODUCERS SLEEP_MS WARM_UP, or NAME COST FIBERS",
        ),
    }
}
