//! The pools of threads: rayon's, the one of the crate threadpool, and tokio's for blocking tasks.

use crate::measure::{task, Pool};
use crate::shared::{fail, UNSUPPORTED};

/// Its workers steal from each other; order is not kept.
impl Pool for rayon::ThreadPool {
    fn submit(&self) {
        self.spawn(task);
    }
}

/// One channel, its receiving end under a mutex.
impl Pool for threadpool::ThreadPool {
    fn submit(&self) {
        self.execute(task);
    }
}

/// The pool for blocking tasks, which starts threads as they are needed.
impl Pool for tokio::runtime::Runtime {
    fn submit(&self) {
        self.spawn_blocking(task);
    }
}

pub fn open(name: &str, queue: &str, workers: usize) -> Box<dyn Pool> {
    if queue != "unbounded" {
        fail(UNSUPPORTED, "it has an unbounded queue and no other");
    }
    match name {
        "rayon" => match rayon::ThreadPoolBuilder::new().num_threads(workers).build() {
            Ok(pool) => Box::new(pool),
            Err(_) => fail(1, "no pool"),
        },
        "threadpool" => Box::new(threadpool::ThreadPool::new(workers)),
        "tokio-blocking" => {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            match builder.max_blocking_threads(workers).build() {
                Ok(runtime) => Box::new(runtime),
                Err(_) => fail(1, "no runtime"),
            }
        }
        _ => fail(1, "no peer of that name in this program"),
    }
}
