//! The log names a task that has held its carrier for long.

#![forbid(unsafe_code)]

use super::carrier::Carrier;
use super::fiber::Fiber;
use crate::capture;
use crate::clock;
use crate::engine::run_task::RunTask;
use crate::task::TaskFn;

/// A task that has held its carrier for long.
#[derive(Clone, Copy, Debug)]
pub(super) struct SlowTask {
    function: TaskFn,
    milliseconds: u64,
}

impl std::fmt::Display for SlowTask {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let function = self.function as *const ();
        write!(
            formatter,
            "the task {} held its carrier for {} ms; wrap blocking calls in antpool_block()",
            capture::name_of(function.cast()),
            self.milliseconds
        )
    }
}

impl Carrier {
    /// Notices a task that has held the carrier for long.
    #[inline]
    pub(super) fn note_time(&self, fiber: &Fiber) {
        let now = clock::ticks();
        let before = self.began.replace(now);
        // A counter that goes back, as on a CPU that is out of step, means nothing.
        if now.saturating_sub(before) > clock::LONG_TICKS {
            self.note_held(fiber);
        }
    }

    #[cold]
    fn note_held(&self, fiber: &Fiber) {
        let now = clock::now_ns();
        if let Some(function) = fiber.function() {
            self.held.set(Some(SlowTask {
                function,
                milliseconds: now.saturating_sub(self.now.get()) / 1_000_000,
            }));
        }
    }

    /// Logs it, once in the life of the pool.
    pub(super) fn log_held(&self) {
        if let Some(held) = self.held.take() {
            if self.engine.first_held() {
                let line = held.to_string();
                self.call_back("the logger", false, || {
                    self.pool.observer().log_warning(&line);
                });
            }
        }
    }
}
