//! Time: one clock that does not jump, and deadlines on it.

use std::time::Duration;

#[cfg(not(loom))]
pub(crate) use real::*;

#[cfg(loom)]
pub(crate) use crate::sync::{Deadline, SHORT_TICKS, now, ticks};

/// Nothing sleeps in a model but by a parker.
#[cfg(loom)]
pub(crate) fn sleep(_: Duration) {}

#[cfg(not(loom))]
mod real {
    #![allow(unsafe_code, reason = "reads the clock that futexes are timed by")]

    use std::time::Duration;

    /// The time of CLOCK_MONOTONIC since its own zero.
    pub(crate) fn now() -> Duration {
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: `time` is writable; the clock exists on every Linux, so this cannot fail.
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
        Duration::new(
            time.tv_sec.unsigned_abs(),
            time.tv_nsec.unsigned_abs() as u32,
        )
    }

    /// The same in nanoseconds.
    #[inline]
    pub(crate) fn now_ns() -> u64 {
        in_ns(now())
    }

    /// A time beyond 64 bits means never.
    #[inline]
    pub(crate) fn in_ns(duration: Duration) -> u64 {
        duration
            .as_secs()
            .saturating_mul(1_000_000_000)
            .saturating_add(u64::from(duration.subsec_nanos()))
    }

    /// As many [`ticks`] as a task may hold a carrier before it is reported: half a second to one second.
    pub(crate) const LONG_TICKS: u64 = if cfg!(target_arch = "x86_64") {
        1 << 31
    } else {
        700_000_000
    };

    /// As many [`ticks`] as fibers may run before their carrier polls its other sources: some tens of microseconds.
    pub(crate) const SHORT_TICKS: u64 = if cfg!(miri) {
        1 << 40 // Miri's clock goes on with every step.
    } else if cfg!(target_arch = "x86_64") {
        1 << 17
    } else {
        50_000
    };

    /// A counter that grows with time and is cheap to read. Its unit depends on the processor.
    #[inline]
    pub(crate) fn ticks() -> u64 {
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        // SAFETY: every x86-64 has the instruction.
        return unsafe { std::arch::x86_64::_rdtsc() };
        #[cfg(not(all(target_arch = "x86_64", not(miri))))]
        return now_ns();
    }

    /// Sleeps for at least `duration`, whatever signals come.
    pub(crate) fn sleep(duration: Duration) {
        if cfg!(miri) {
            return std::thread::sleep(duration); // Miri has no raw call for it.
        }
        let Some(end) = now().checked_add(duration) else {
            return sleep(Duration::from_secs(1 << 40));
        };
        let end = libc::timespec {
            tv_sec: end.as_secs().try_into().unwrap_or(libc::time_t::MAX),
            tv_nsec: end.subsec_nanos().into(),
        };
        let nowhere = std::ptr::null_mut::<libc::timespec>();
        loop {
            let (clock, flags) = (libc::CLOCK_MONOTONIC, libc::TIMER_ABSTIME);
            // SAFETY: `end` lives across the call; the raw call is no cancellation point.
            let result = unsafe {
                libc::syscall(
                    libc::SYS_clock_nanosleep,
                    clock,
                    flags,
                    &raw const end,
                    nowhere,
                )
            };
            if result == 0 {
                return;
            }
        }
    }

    /// The point in time at which a wait gives up, or none.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Deadline(Option<Duration>);

    impl Deadline {
        /// A deadline that never comes.
        pub(crate) const NEVER: Self = Self(None);

        /// `ms` milliseconds from now. A time that the clock cannot show means never.
        pub(crate) fn after_ms(ms: u64) -> Self {
            if ms == u64::MAX {
                Self::NEVER
            } else {
                Self::after(Duration::from_millis(ms))
            }
        }

        /// That long from now.
        pub(crate) fn after(duration: Duration) -> Self {
            Self::at(now(), duration)
        }

        /// That long from `start`.
        pub(crate) fn at(start: Duration, duration: Duration) -> Self {
            Self(
                start
                    .checked_add(duration)
                    .filter(|end| i64::try_from(end.as_secs()).is_ok()),
            )
        }

        /// At that time of [`now_ns`].
        pub(crate) fn at_ns(time: u64) -> Self {
            match time {
                u64::MAX => Self::NEVER,
                _ => Self(Some(Duration::from_nanos(time))),
            }
        }

        /// When it comes, as [`now_ns`] counts.
        pub(crate) fn nanoseconds(self) -> Option<u64> {
            self.0.map(in_ns)
        }

        /// Whether it never comes.
        pub(crate) fn is_never(self) -> bool {
            self.0.is_none()
        }

        /// Whether it has come.
        pub(crate) fn has_passed(self) -> bool {
            self.0.is_some_and(|end| now() >= end)
        }

        /// The earlier of two.
        pub(crate) fn earlier(self, other: Self) -> Self {
            match (self.0, other.0) {
                (Some(a), Some(b)) => Self(Some(a.min(b))),
                (a, b) => Self(a.or(b)),
            }
        }

        /// When it comes, for the futex.
        pub(crate) fn monotonic(self) -> Option<Duration> {
            self.0
        }
    }
}

/// How long to wait before the system is asked for a worker again after a refusal: 1 ms, then twice as long each
/// time, at most 100 ms.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    pause: Duration,
    until: Deadline,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(1);
    const LONGEST: Duration = Duration::from_millis(100);

    /// After one more refusal.
    pub(crate) fn after(earlier: Option<Self>) -> Self {
        let pause = earlier.map_or(Self::FIRST, |backoff| {
            (backoff.pause * 2).min(Self::LONGEST)
        });
        Self {
            pause,
            until: Deadline::after(pause),
        }
    }

    /// The time at which the system may be asked again.
    pub(crate) fn until(self) -> Deadline {
        self.until
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_pause_doubles_up_to_a_tenth_of_a_second() {
        let mut backoff = None;
        let pauses: Vec<u128> = (0..9)
            .map(|_| {
                let next = Backoff::after(backoff);
                backoff = Some(next);
                next.pause.as_millis()
            })
            .collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 100, 100]);
    }

    #[test]
    fn a_sleep_is_never_short() {
        let start = now();
        sleep(Duration::from_millis(3));
        assert!(now() - start >= Duration::from_millis(3));
    }

    #[test]
    fn what_no_clock_will_show_is_never() {
        assert!(Deadline::after_ms(u64::MAX).is_never());
        assert!(Deadline::after_ms(u64::MAX - 1).monotonic().is_some());
        assert!(Deadline::after(Duration::MAX).is_never());
        assert!(Deadline::after_ms(0).has_passed());
    }
}
