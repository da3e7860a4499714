//! The machine's own means.

#![allow(
    unsafe_code,
    reason = "a raw lock for lock_api, and the futex below it"
)]

use std::sync::atomic::AtomicU32 as Word;

use parking_lot::lock_api;

pub(crate) use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
pub(crate) use std::thread_local;

pub(crate) use crossbeam_utils::Backoff;

use super::futex;
use crate::clock::Deadline;

/// Tells the processor that this is a spin loop.
pub(crate) fn spin_loop() {
    std::hint::spin_loop();
}

/// Nothing: see the other definition.
#[inline(always)]
pub(crate) fn fence_in_models() {}

/// A place that threads take turns with, as loom has it: a model sees whether two meet there.
#[derive(Debug)]
pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    #[inline]
    pub(crate) fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
        read(self.0.get())
    }

    #[inline]
    pub(crate) fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
        write(self.0.get())
    }
}

/// Looking repeatedly for what another thread is about to bring, before sleeping until it does.
#[derive(Debug, Default)]
pub(crate) struct Lookout {
    /// How often a look has taken longer than the first round.
    long: AtomicU32,
}

impl Lookout {
    /// Looks in one round.
    const LOOKS: u32 = 32;
    /// One in so many long looks is given up at once. Two threads that take turns on one CPU would do
    /// so for ever although another is free: neither ever sleeps, so neither is ever woken on the
    /// other CPU.
    const GIVES_UP: u32 = 32;

    /// Looks for `found` for as many rounds, and gives the CPU away after each: whoever is to bring
    /// what it looks for may be waiting for just that CPU. Twenty rounds are about what it costs to
    /// fall asleep and be woken: a few tens of microseconds.
    pub(crate) fn look<T>(&self, rounds: u32, mut found: impl FnMut() -> Option<T>) -> Option<T> {
        for round in 0..rounds {
            for _ in 0..Self::LOOKS {
                if let Some(found) = found() {
                    return Some(found);
                }
                std::hint::spin_loop();
            }
            // ORDERING: Relaxed; a rough count.
            if round == 0 && self.long.fetch_add(1, Ordering::Relaxed) % Self::GIVES_UP == 0 {
                return None;
            }
            std::thread::yield_now();
        }
        None
    }
}

/// How often to look where less than a [`Lookout`] is worth it.
pub(crate) const fn looks(count: u32) -> u32 {
    count
}

/// Whether another CPU may do what this one looks for meanwhile. What was so when the first pool was
/// made stands: to ask takes the reading of several files.
pub(crate) fn can_spin() -> bool {
    static CPUS: AtomicU32 = AtomicU32::new(0); // 0: not asked yet
    // ORDERING: Relaxed; nothing else is read through it.
    let mut cpus = CPUS.load(Ordering::Relaxed);
    if cpus == 0 {
        let usable = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        cpus = u32::try_from(usable).unwrap_or(u32::MAX);
        // ORDERING: as above.
        CPUS.store(cpus, Ordering::Relaxed);
    }
    cpus > 1
}

/// A lock that a forked child can use, and that TSan can see.
pub(crate) type Mutex<T> = lock_api::Mutex<RawMutex, T>;
/// What holds a [`Mutex`].
pub(crate) type MutexGuard<'a, T> = lock_api::MutexGuard<'a, RawMutex, T>;

const FREE: u32 = 0;
const HELD: u32 = 1;
/// Held, and somebody may sleep until it is free.
const CONTENDED: u32 = 2;

/// The three-state futex lock of Drepper's "Futexes are tricky".
pub(crate) struct RawMutex(Word);

impl RawMutex {
    #[cold]
    fn lock_contended(&self) {
        for _ in 0..100 {
            // ORDERING: Relaxed; a look before the exchange below.
            if self.0.load(Ordering::Relaxed) != HELD {
                break;
            }
            std::hint::spin_loop();
        }
        // ORDERING: Acquire pairs with the Release of `unlock`.
        while self.0.swap(CONTENDED, Ordering::Acquire) != FREE {
            futex::wait(&self.0, CONTENDED, None);
        }
    }
}

// SAFETY: of two callers of `lock` one gets FREE from its exchange, and only after the other's
// `unlock` stored it.
unsafe impl lock_api::RawMutex for RawMutex {
    #[allow(
        clippy::declare_interior_mutable_const,
        reason = "the form lock_api asks for"
    )]
    const INIT: Self = Self(Word::new(FREE));
    type GuardMarker = lock_api::GuardSend;

    #[inline]
    fn lock(&self) {
        if !self.try_lock() {
            self.lock_contended();
        }
    }

    #[inline]
    fn try_lock(&self) -> bool {
        // ORDERING: Acquire pairs with the Release of `unlock`.
        self.0
            .compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }

    #[inline]
    unsafe fn unlock(&self) {
        // ORDERING: Release pairs with the Acquire of whoever locks next.
        if self.0.swap(FREE, Ordering::Release) == CONTENDED {
            futex::wake_one(&self.0);
        }
    }
}

const EMPTY: u32 = 0;
const PARKED: u32 = 1;
const NOTIFIED: u32 = 2;
/// Somebody waits here by other means than sleeping on the word.
const ASIDE: u32 = 3;

/// Where one thread sleeps until another wakes it. A wake that comes first is kept: the next park
/// returns at once.
///
/// Who can be woken by other means (a fiber, or a thread that sleeps in another system call) puts
/// itself aside instead of parking; then [`Parker::unpark`] tells its caller to use those.
#[derive(Debug, Default)]
pub(crate) struct Parker(Word);

impl Parker {
    /// Sleeps until a wake or the deadline; true if it was a wake. Only one thread may be in here.
    pub(crate) fn park_until(&self, deadline: Deadline) -> bool {
        if !self.begin(PARKED) {
            return true;
        }
        loop {
            futex::wait(&self.0, PARKED, deadline.monotonic());
            if self.take_wake() {
                return true;
            }
            if deadline.has_passed() {
                // A wake that comes together with the deadline is a wake.
                return self.withdraw();
            }
        }
    }

    /// Announces that the caller will sleep by other means. False if a wake was there already, which
    /// is taken.
    pub(crate) fn put_aside(&self) -> bool {
        self.begin(ASIDE)
    }

    /// Takes a wake if one has come; else the caller stays announced.
    pub(crate) fn take_wake(&self) -> bool {
        // ORDERING: Acquire, here and below, pairs with the Release of `unpark`: what was written
        // before the wake is seen after it.
        self.0
            .compare_exchange(NOTIFIED, EMPTY, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }

    /// The caller does not sleep any more. True if a wake has come.
    pub(crate) fn withdraw(&self) -> bool {
        // ORDERING: as above.
        self.0.swap(EMPTY, Ordering::Acquire) == NOTIFIED
    }

    fn begin(&self, how: u32) -> bool {
        // ORDERING: Acquire as above. Release pairs with the Acquire of `unpark`: who is told to wake by
        // other means sees what was written about them.
        if self
            .0
            .compare_exchange(EMPTY, how, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
        {
            return true;
        }
        self.withdraw();
        false
    }

    /// Wakes the thread that sleeps here, or lets its next park return at once. True if the caller has
    /// to wake by other means who has put itself aside.
    #[must_use]
    pub(crate) fn unpark(&self) -> bool {
        // ORDERING: Release pairs with the Acquire of `take_wake`, Acquire with the Release of `begin`.
        match self.0.swap(NOTIFIED, Ordering::AcqRel) {
            PARKED => {
                futex::wake_one(&self.0);
                false
            }
            before => before == ASIDE,
        }
    }
}
