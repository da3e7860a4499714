//! The models as they are shipped: with the real atomic operations, without the fences that stand in for loom's missing
//! order of SeqCst accesses. Miri executes them with a schedule, and a choice of what each load reads, for each seed.

#![allow(unsafe_code, reason = "moves to another thread what only a model may")]

use std::time::Duration;

/// Runs a model in some schedules, or as many as `ANTPOOL_SCHEDULES` says. `_preemptions` is loom's.
pub(crate) fn explore(_preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let schedules = std::env::var("ANTPOOL_SCHEDULES").map_or(4, |number| {
        number.parse().expect("ANTPOOL_SCHEDULES is a number")
    });
    for _ in 0..schedules {
        model();
    }
}

/// Every deadline that was set so far passes: models set deadlines of a millisecond, of Miri's own clock.
pub(crate) fn advance() {
    crate::clock::sleep(Duration::from_millis(2));
}

/// Threads, with loom's interface.
pub(crate) mod thread {
    pub(crate) use std::thread::{JoinHandle, yield_now};

    struct Moved<T>(T);

    // SAFETY: Miri sees whether the two threads meet there, as loom does.
    unsafe impl<T> Send for Moved<T> {}

    /// Starts a thread. Like loom's it takes what is not `Send`.
    pub(crate) fn spawn<T: Send + 'static>(body: impl FnOnce() -> T + 'static) -> JoinHandle<T> {
        let body = Moved(body);
        std::thread::spawn(move || {
            let body = body;
            (body.0)()
        })
    }
}
