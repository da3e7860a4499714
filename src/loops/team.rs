//! The participants of a call: the table of the process, and the word of each entry. See the README
//! beside this file.

use crate::clock::Deadline;
use crate::current::Current;
use crate::fork;
use crate::sanitizers;
use crate::suspend::Parker;
use crate::sync::{
    AtomicPtr, AtomicU64, Ordering, SpinWait, StepWait, can_spin, fence_in_models, mutant, spin,
};

/// The most helpers of one call.
pub(crate) const HELPERS_MAX: usize = FIELD as usize;

const FIELD: u64 = (1 << JOINED_SHIFT) - 1;
const JOINED_SHIFT: u32 = 12;
const ONE_JOINED: u64 = 1 << JOINED_SHIFT;
/// Helpers may join.
const OPEN: u64 = 1 << 24;
/// It belongs to a call.
const TAKEN: u64 = 1 << 25;
/// The caller sleeps until nobody is inside.
const WAITING: u64 = 1 << 26;
/// The helper that left last wakes the caller.
const WAKING: u64 = 1 << 27;
const GENERATION_SHIFT: u32 = 28;

fn inside(word: u64) -> u64 {
    word & FIELD
}

fn joined(word: u64) -> usize {
    ((word >> JOINED_SHIFT) & FIELD) as usize
}

fn generation(word: u64) -> u64 {
    word >> GENERATION_SHIFT
}

/// Where a call and its helpers meet. The alignment keeps neighbours off its cache line, and off the one that
/// processors fetch together with it.
#[derive(Debug)]
#[repr(align(128))]
struct Team {
    word: AtomicU64,
    /// The call's frame.
    frame: AtomicPtr<()>,
    /// Where the caller sleeps.
    parker: Parker,
    spin: SpinWait,
    /// Stands for the fiber of a caller, which its waker touches and its end frees.
    #[cfg(loom)]
    fiber: crate::sync::UnsafeCell<()>,
}

/// The teams of a process.
#[derive(Debug)]
pub(crate) struct Teams<const COUNT: usize>([Team; COUNT]);

/// A team in one of its generations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) team: usize,
    pub(crate) generation: usize,
}

/// A helper that is inside.
#[derive(Debug)]
pub(crate) struct Inside<'a, const COUNT: usize> {
    teams: &'a Teams<COUNT>,
    ticket: Ticket,
    slot: usize,
}

/// A call that has a team.
#[derive(Debug)]
pub(crate) struct Lead<'a, const COUNT: usize> {
    team: &'a Team,
    ticket: Ticket,
    /// The process it began in.
    born: u32,
}

impl<const COUNT: usize> Teams<COUNT> {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        Self(
            [const {
                Team {
                    word: AtomicU64::new(0),
                    frame: AtomicPtr::new(std::ptr::null_mut()),
                    parker: Parker::new(),
                    spin: SpinWait::new(),
                }
            }; COUNT],
        )
    }

    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Self(std::array::from_fn(|_| Team {
            word: AtomicU64::new(0),
            frame: AtomicPtr::new(std::ptr::null_mut()),
            parker: Parker::default(),
            spin: SpinWait,
            fiber: crate::sync::UnsafeCell::new(()),
        }))
    }

    /// Takes a team for the call with this frame. `None` if all teams that it tries are taken.
    pub(crate) fn take(&self, frame: *const ()) -> Option<Lead<'_, COUNT>> {
        /// Teams to try.
        const TRIES: usize = 16;
        // Frames of different callers lie far apart.
        let first = frame.addr() >> 12;
        let (team, word) = (0..TRIES.min(COUNT)).find_map(|step| {
            let index = (first + step) % COUNT;
            let team = &self.0[index];
            // ORDERING: Relaxed; the exchange checks it.
            let word = team.word.load(Ordering::Relaxed);
            let fresh = ((generation(word) + 1) << GENERATION_SHIFT) | TAKEN | OPEN;
            let free = word & TAKEN == 0;
            // ORDERING: Acquire pairs with the Release of `Lead::end`.
            let exchange = || {
                team.word
                    .compare_exchange(word, fresh, Ordering::Acquire, Ordering::Relaxed)
            };
            (free && exchange().is_ok()).then_some((index, fresh))
        })?;
        // ORDERING: Relaxed; the push of the helper's task publishes it.
        self.0[team]
            .frame
            .store(frame.cast_mut(), Ordering::Relaxed);
        Some(Lead {
            team: &self.0[team],
            ticket: Ticket {
                team,
                generation: generation(word) as usize,
            },
            born: fork::generation(),
        })
    }

    /// Joins, unless the call is over.
    pub(crate) fn join(&self, ticket: Ticket) -> Option<Inside<'_, COUNT>> {
        let word = &self.0[ticket.team].word;
        // ORDERING: Relaxed for the look; the exchange checks it. Acquire pairs with the Release of those who
        // left before.
        let may = |word: u64| {
            let open = word & OPEN != 0 || mutant("L1");
            open && generation(word) == ticket.generation as u64
        };
        let before = word
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, |word| {
                may(word).then_some(word + ONE_JOINED + 1)
            })
            .ok()?;
        let number = if mutant("L3") {
            inside(before) as usize
        } else {
            joined(before)
        };
        Some(Inside {
            teams: self,
            ticket,
            slot: number + 1,
        })
    }

    /// In a forked child: no call of another thread is under way, and those of the calling thread have no
    /// helpers.
    #[cfg(not(loom))]
    pub(crate) fn forget(&self) {
        for team in &self.0 {
            // ORDERING: Relaxed; the child has one thread.
            let word = team.word.load(Ordering::Relaxed);
            team.word
                .store(generation(word) << GENERATION_SHIFT, Ordering::Relaxed);
        }
    }
}

impl<const COUNT: usize> Inside<'_, COUNT> {
    fn team(&self) -> &Team {
        &self.teams.0[self.ticket.team]
    }

    /// The slot it has, from 1.
    pub(crate) fn slot(&self) -> usize {
        self.slot
    }

    /// The call's frame, which stays for as long as this does.
    pub(crate) fn frame(&self) -> *const () {
        // ORDERING: Relaxed; see `Teams::take`.
        self.team().frame.load(Ordering::Relaxed)
    }
}

impl<const COUNT: usize> Drop for Inside<'_, COUNT> {
    fn drop(&mut self) {
        let team = self.team();
        let left = |word: u64| {
            let left = word - 1;
            let last = inside(left) == 0 && word & WAITING != 0;
            if last && mutant("L5") {
                Some(left & !WAITING)
            } else if last {
                Some(left & !WAITING | WAKING)
            } else {
                Some(left)
            }
        };
        sanitizers::release(team);
        // ORDERING: Release pairs with the Acquire of `Lead::end`.
        let before = team
            .word
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, left);
        let before = before.unwrap_or_else(|word| word);
        if inside(before) == 1 && before & WAITING != 0 {
            team.parker.unpark();
            #[cfg(loom)]
            team.fiber.with(|_| ());
            // ORDERING: Release pairs with the same Acquire: the wake is over.
            team.word.fetch_and(!WAKING, Ordering::Release);
        }
    }
}

impl<const COUNT: usize> Lead<'_, COUNT> {
    /// The ticket by which helpers join.
    pub(crate) fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// Nobody joins any more.
    pub(crate) fn close(&self) {
        if self.born == fork::generation() {
            // ORDERING: Relaxed; see `end`, which looks at the same word.
            self.team.word.fetch_and(!OPEN, Ordering::Relaxed);
        }
    }

    /// Waits until nobody is inside and `helpers` have been: 0 for a call that is closed. Then the team is free
    /// for others. False in a forked child, where there is nobody.
    pub(crate) fn end(self, helpers: usize) -> bool {
        let over = |word: u64| inside(word) == 0 && joined(word) >= helpers;
        let look = || {
            // ORDERING: Acquire pairs with the Release of those who leave.
            let word = self.team.word.load(Ordering::Acquire);
            over(word).then_some(())
        };
        if self.born != fork::generation() {
            return false;
        }
        let spins = can_spin() && Current::suspender().is_none();
        if look().is_none() && !(spins && self.team.spin.spin(spin::DONE, look).is_some()) {
            self.sleep_until(over);
        }
        // [L5] The wake of this call ends before the call does.
        let mut step = StepWait::default();
        // ORDERING: Acquire pairs with the Release that ends the wake.
        while self.team.word.load(Ordering::Acquire) & WAKING != 0 {
            step.wait();
        }
        #[cfg(loom)]
        self.team.fiber.with_mut(|_| ());
        sanitizers::acquire(self.team);
        // ORDERING: Release pairs with the Acquire of `take`.
        self.team.word.fetch_and(!(TAKEN | OPEN), Ordering::Release);
        true
    }

    #[cold]
    fn sleep_until(&self, over: impl Fn(u64) -> bool) {
        loop {
            let mut step = StepWait::default();
            // ORDERING: as in `end`. One wake at a time.
            while self.team.word.load(Ordering::Acquire) & WAKING != 0 {
                step.wait();
            }
            if mutant("L4") {
                let word = self.team.word.load(Ordering::Acquire);
                if over(word) {
                    return;
                }
                self.team.word.fetch_or(WAITING, Ordering::AcqRel);
                fence_in_models();
            } else {
                // [L4] Marked only while there is somebody to see the mark.
                // ORDERING: Acquire as in `end`.
                let marked =
                    self.team
                        .word
                        .fetch_update(Ordering::AcqRel, Ordering::Acquire, |word| {
                            (!over(word)).then_some(word | WAITING)
                        });
                if marked.is_err() {
                    return;
                }
            }
            self.team.parker.park_until(Deadline::NEVER);
        }
    }
}
