//! loom's models of the machine's means. Time is an event here: [`advance`] makes every deadline that
//! was set before it pass, at whatever point of the model a thread calls it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering as Plain};
use std::time::Duration;

pub(crate) use loom::cell::UnsafeCell;
pub(crate) use loom::sync::atomic::{
    AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};
#[cfg(test)]
pub(crate) use loom::thread;
pub(crate) use loom::thread_local;

/// Nothing: a model needs no pauses.
pub(crate) fn spin_loop() {}

/// Waiting for another thread's next step.
#[derive(Debug, Default)]
pub(crate) struct StepWait;

impl StepWait {
    pub(crate) fn wait(&mut self) {
        loom::thread::yield_now();
    }
}

/// loom takes `SeqCst` accesses for `AcqRel` ones. Where it is their order that counts, a fence after the
/// write makes up for it.
pub(crate) fn fence_in_models() {
    fence(Ordering::SeqCst);
}

/// Nothing: a fence for compilers.
pub(crate) fn compiler_fence(_: Ordering) {}

/// The others have to run.
pub(crate) fn pause_while_freeing() {
    loom::thread::yield_now();
}

/// Both sides of the asymmetric fence are full fences in a model.
pub(crate) fn light() {
    fence(Ordering::SeqCst);
}

/// As above.
pub(crate) fn heavy() {
    fence(Ordering::SeqCst);
}

/// Nothing: see `asymmetric.rs`.
pub(crate) fn prepare_asymmetric() {}

/// A repeated look is one look in a model, where it can happen anywhere.
#[derive(Debug, Default)]
pub(crate) struct SpinWait;

impl SpinWait {
    pub(crate) fn spin<T>(&self, _: u32, mut found: impl FnMut() -> Option<T>) -> Option<T> {
        found()
    }
}

/// As above.
pub(crate) fn looks(_: u32) -> u32 {
    1
}

/// Time stands still between the events of a model.
pub(crate) fn ticks() -> u64 {
    0
}

/// As long as nothing else is said, this much of it lies ahead.
pub(crate) const SHORT_TICKS: u64 = 1;

/// As on a machine with several CPUs.
pub(crate) fn can_spin() -> bool {
    true
}

/// As above.
pub(crate) fn known_cpus() -> usize {
    2
}

/// loom's lock, with guards that need no unwrapping.
#[derive(Debug)]
pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);
/// What holds a [`Mutex`].
pub(crate) type MutexGuard<'a, T> = loom::sync::MutexGuard<'a, T>;

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().expect("no model panics with a lock held")
    }
}

/// What sleeps in a parker.
#[derive(Debug)]
struct ParkState {
    state: loom::sync::Mutex<Bedding>,
    changed: loom::sync::Condvar,
}

#[derive(Debug, Default)]
struct Bedding {
    notified: bool,
    aside: bool,
}

/// Where one thread sleeps until another wakes it.
#[derive(Debug)]
pub(crate) struct Parker(Arc<ParkState>);

impl Default for Parker {
    fn default() -> Self {
        Self(Arc::new(ParkState {
            state: loom::sync::Mutex::new(Bedding::default()),
            changed: loom::sync::Condvar::new(),
        }))
    }
}

impl Parker {
    pub(crate) fn park_until(&self, deadline: Deadline) -> bool {
        if !deadline.is_never() {
            CLOCK
                .beds
                .lock()
                .expect("see above")
                .push(Arc::clone(&self.0));
        }
        let mut bed = self.0.state.lock().expect("see above");
        while !bed.notified && !deadline.has_passed() {
            bed = self.0.changed.wait(bed).expect("see above");
        }
        std::mem::take(&mut bed.notified)
    }

    pub(crate) fn prepare_park(&self) -> bool {
        let mut bed = self.0.state.lock().expect("see above");
        bed.aside = !bed.notified;
        bed.notified = false;
        bed.aside
    }

    pub(crate) fn take_wake(&self) -> bool {
        let mut bed = self.0.state.lock().expect("see above");
        bed.aside &= !bed.notified;
        std::mem::take(&mut bed.notified)
    }

    pub(crate) fn withdraw(&self) -> bool {
        let mut bed = self.0.state.lock().expect("see above");
        bed.aside = false;
        std::mem::take(&mut bed.notified)
    }

    #[must_use]
    pub(crate) fn unpark(&self) -> bool {
        let aside = {
            let mut bed = self.0.state.lock().expect("see above");
            bed.notified = true;
            std::mem::take(&mut bed.aside)
        };
        self.0.changed.notify_one();
        aside
    }
}

/// The kernel's side of a futex: a word is compared, and its thread listed, in one step.
#[cfg(test)]
pub(super) mod futex {
    use super::{Arc, AtomicU32, Deadline, Ordering, Parker};

    /// The listed threads, each with the address of its word.
    type List = Vec<(usize, Arc<Parker>)>;

    loom::lazy_static! {
        static ref SLEEPERS: loom::sync::Mutex<List> = loom::sync::Mutex::new(Vec::new());
    }

    fn address(word: &AtomicU32) -> usize {
        std::ptr::from_ref(word).addr()
    }

    pub(crate) fn wait(word: &AtomicU32, expected: u32, until: Deadline) {
        let sleep = Arc::new(Parker::default());
        {
            let mut sleepers = SLEEPERS.lock().expect("see above");
            // The kernel sees the newest value, which for loom is what an exchange sees.
            let seen =
                word.compare_exchange(expected, expected, Ordering::Relaxed, Ordering::Relaxed);
            if seen.is_err() {
                return;
            }
            sleepers.push((address(word), Arc::clone(&sleep)));
        }
        sleep.park_until(until);
        let mut sleepers = SLEEPERS.lock().expect("see above");
        sleepers.retain(|(_, other)| !Arc::ptr_eq(other, &sleep));
    }

    pub(crate) fn wake_one(word: &AtomicU32) {
        let mut sleepers = SLEEPERS.lock().expect("see above");
        let first = sleepers.iter().position(|(of, _)| *of == address(word));
        if let Some(first) = first {
            let _ = sleepers.remove(first).1.unpark();
        }
    }
}

/// The time when every deadline has passed.
const AT_THE_END: usize = usize::MAX;

/// The model's time: how often it has advanced.
struct Clock {
    time: AtomicUsize,
    beds: loom::sync::Mutex<Vec<Arc<ParkState>>>,
}

loom::lazy_static! {
    static ref CLOCK: Clock = Clock { time: AtomicUsize::new(0), beds: loom::sync::Mutex::new(Vec::new()) };
}

/// Runs a model in every interleaving with at most this number of preemptions, or as many as
/// `LOOM_MAX_PREEMPTIONS` says.
#[cfg(test)]
pub(crate) fn explore(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(preemptions));
    builder.check(model);
}

/// Every deadline that was set so far passes.
#[cfg(test)]
pub(crate) fn advance() {
    CLOCK.time.fetch_add(1, Ordering::SeqCst);
    advance_beds();
}

#[cfg(test)]
fn advance_beds() {
    for bed in CLOCK.beds.lock().expect("see above").drain(..) {
        // With the bed's lock: who looked at the time before it is asleep, who looks after it sees it.
        drop(bed.state.lock().expect("see above"));
        bed.changed.notify_all();
    }
}

/// Every deadline has passed from here on, also those that are set later.
#[cfg(test)]
pub(crate) fn advance_for_good() {
    CLOCK.time.store(AT_THE_END, Ordering::SeqCst);
    advance_beds();
}

/// The time in a model; only ever added to a deadline.
pub(crate) fn now() -> Duration {
    Duration::ZERO
}

/// A point in time to wait for at most: when the model's time has advanced once more. `None` is never.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Option<usize>);

impl Deadline {
    pub(crate) const NEVER: Self = Self(None);

    pub(crate) fn after_ms(ms: u64) -> Self {
        if ms == u64::MAX {
            Self::NEVER
        } else {
            Self::after(Duration::from_millis(ms))
        }
    }

    pub(crate) fn after(_: Duration) -> Self {
        Self(Some(CLOCK.time.load(Ordering::SeqCst)))
    }

    pub(crate) fn at(_: Duration, duration: Duration) -> Self {
        Self::after(duration)
    }

    pub(crate) fn is_never(self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn has_passed(self) -> bool {
        self.0
            .is_some_and(|set| match CLOCK.time.load(Ordering::SeqCst) {
                AT_THE_END => true,
                now => now > set,
            })
    }

    pub(crate) fn earlier(self, other: Self) -> Self {
        if self.is_never() { other } else { self }
    }
}

/// Threads, as [`crate::engine`] asks for them.
pub(crate) mod os {
    use std::sync::atomic::AtomicIsize;

    use super::{Arc, AtomicBool, Plain};
    use crate::admission::SpawnError;
    use crate::config::Config;
    use crate::error::Error;

    /// What the workers of one pool have in common: whether the system grants any more.
    #[derive(Debug)]
    pub(crate) struct ThreadAttributes {
        refuses: Arc<AtomicBool>,
        unjoined: Arc<AtomicIsize>,
    }

    /// A thread that can be joined. loom joins nothing that a model does not; here it is counted.
    #[derive(Debug)]
    pub(crate) struct Thread(Arc<AtomicIsize>);

    impl Thread {
        pub(crate) fn join(self) {
            self.join_if_ended();
        }

        pub(crate) fn detach(self) {
            self.join_if_ended();
        }

        pub(crate) fn join_if_ended(&self) -> bool {
            self.0.fetch_sub(1, Plain::Relaxed);
            true
        }
    }

    impl ThreadAttributes {
        pub(crate) fn new(_: &Config, _: usize) -> Result<Self, Error> {
            Ok(Self {
                refuses: Arc::default(),
                unjoined: Arc::default(),
            })
        }

        pub(crate) fn spawn(
            &self,
            _: usize,
            body: impl FnOnce() + 'static,
        ) -> Result<(), SpawnError> {
            if self.refuses.load(Plain::Relaxed) {
                return Err(SpawnError);
            }
            loom::thread::spawn(body);
            Ok(())
        }

        pub(crate) fn this_thread(&self) -> Option<Thread> {
            self.unjoined.fetch_add(1, Plain::Relaxed);
            Some(Thread(Arc::clone(&self.unjoined)))
        }

        /// Threads that have ended and that nobody has joined or detached.
        #[cfg(test)]
        pub(crate) fn unjoined(&self) -> isize {
            self.unjoined.load(Plain::Relaxed)
        }
    }
}
