//! A timer wheel: many deadlines, put in and taken out in constant time, and given back when they
//! have come. It knows no clock: whoever has one tells it the time.
//!
//! Six levels of 256 slots. A slot of level 0 is 2^16 nanoseconds wide, one of each further level 256
//! times as wide. A deadline goes to the finest level whose 256 slots reach it, and moves to finer ones
//! as its time comes nearer. A slot is an array, so that the deadlines of one slot lie side by side.

#![forbid(unsafe_code)]

use crate::memory;

/// Nanoseconds in a slot of level 0, as a power of two.
const TICK: u32 = 16;
/// Slots in a level, as a power of two.
const BITS: u32 = 8;
const SLOTS: usize = 1 << BITS;
/// As many as it takes to reach every time that 64 bits can say.
const LEVELS: usize = 6;
/// A slot with more deadlines than this gives them back together, when it ends.
const FEW: usize = 8;

/// Where in the wheel a deadline is, or that it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    slot: u32,
    index: u32,
}

impl Place {
    pub(super) const NOWHERE: Self = Self {
        slot: u32::MAX,
        index: 0,
    };
}

/// An entry of a wheel. It keeps its place, so that it can be taken out.
pub(super) trait Timed: Copy + PartialEq {
    /// It is there now. Not told when it is given back: to look at each of thousands that are far apart
    /// in memory takes longer than all the rest.
    fn put(self, place: Place);
}

#[derive(Clone, Copy, Debug)]
struct Entry<T> {
    at: u64,
    what: T,
}

#[derive(Debug)]
struct Level<T> {
    slots: Vec<Vec<Entry<T>>>,
    /// Which slots are not empty.
    occupied: [u64; SLOTS / 64],
}

/// The deadlines of one carrier. Times are nanoseconds from any zero, which never go back.
#[derive(Debug)]
pub(super) struct Wheel<T> {
    levels: Vec<Level<T>>,
    /// The slot of level 0 of the time that it was last advanced to. The slots before it are empty.
    tick: u64,
    length: usize,
    /// The memory of slots that were emptied, for those that are filled next.
    spare: Vec<Vec<Entry<T>>>,
}

impl<T> Level<T> {
    fn new() -> Self {
        Self {
            slots: (0..SLOTS).map(|_| Vec::new()).collect(),
            occupied: [0; SLOTS / 64],
        }
    }

    fn mark(&mut self, slot: usize, occupied: bool) {
        let bit = 1 << (slot % 64);
        if occupied {
            self.occupied[slot / 64] |= bit;
        } else {
            self.occupied[slot / 64] &= !bit;
        }
    }

    /// How many slots after `slot`, going round, the next occupied one comes: 1 to 256.
    fn next_after(&self, slot: usize) -> Option<u64> {
        (1..=SLOTS / 64 + 1).find_map(|step| {
            let from = slot + 1;
            let word = (from / 64 + step - 1) % (SLOTS / 64);
            let mut bits = self.occupied[word];
            if step == 1 {
                bits &= u64::MAX << (from % 64);
            } else if step == SLOTS / 64 + 1 {
                bits &= !(u64::MAX << (from % 64));
            }
            (bits != 0).then(|| {
                let found = word * 64 + bits.trailing_zeros() as usize;
                ((found + SLOTS - from) % SLOTS + 1) as u64
            })
        })
    }
}

impl<T: Timed> Wheel<T> {
    /// An empty wheel at that time.
    pub(super) fn new(now: u64) -> Self {
        Self {
            levels: (0..LEVELS).map(|_| Level::new()).collect(),
            tick: now >> TICK,
            length: 0,
            spare: Vec::new(),
        }
    }

    /// Whether it has not been told of the current slot. What is put in then goes farther from the front than
    /// it has to.
    #[inline]
    pub(super) fn lags(&self, now: u64) -> bool {
        self.tick < now >> TICK
    }

    /// Adds a deadline. One that has passed comes at the next [`Wheel::advance`].
    pub(super) fn insert(&mut self, at: u64, what: T) {
        self.length += 1;
        self.place(Entry { at, what });
    }

    #[inline]
    fn place(&mut self, entry: Entry<T>) {
        let tick = (entry.at >> TICK).max(self.tick);
        let distance = tick - self.tick;
        let level = match distance {
            0 => 0,
            _ => (distance.ilog2() / BITS) as usize,
        };
        let slot = (tick >> (level as u32 * BITS)) as usize % SLOTS;
        let place = level * SLOTS + slot;
        self.levels[level].mark(slot, true);
        let entries = &mut self.levels[level].slots[slot];
        if entries.capacity() == 0 {
            *entries = self.spare.pop().unwrap_or_default();
        }
        memory::insist(|| entries.try_reserve(1));
        entry.what.put(Place {
            slot: place as u32,
            index: entries.len() as u32,
        });
        entries.push(entry);
    }

    /// Keeps an empty slot's memory for another, if there is room for it.
    fn keep(spare: &mut Vec<Vec<Entry<T>>>, empty: Vec<Entry<T>>) {
        if spare.try_reserve(1).is_ok() {
            spare.push(empty);
        }
    }

    /// Takes `what` out, which was put there. False if it has been given back.
    pub(super) fn remove(&mut self, place: Place, what: T) -> bool {
        let (level, slot) = (place.slot as usize / SLOTS, place.slot as usize % SLOTS);
        let entries = &mut self.levels[level].slots[slot];
        let index = place.index as usize;
        if entries.get(index).is_none_or(|entry| entry.what != what) {
            return false;
        }
        entries.swap_remove(index);
        if let Some(moved) = entries.get(index) {
            moved.what.put(place);
        }
        if entries.is_empty() {
            let empty = std::mem::take(entries);
            Self::keep(&mut self.spare, empty);
            self.levels[level].mark(slot, false);
        }
        self.length -= 1;
        true
    }

    /// It is `now`: gives back everything whose time has come, in no order within one slot, and at most
    /// one slot of level 0 late.
    pub(super) fn advance(&mut self, now: u64, mut due: impl FnMut(T)) {
        let last = (now >> TICK).max(self.tick);
        if self.length == 0 {
            self.tick = last;
            return;
        }
        loop {
            self.give_back(now, &mut due);
            if self.tick == last {
                return;
            }
            // Nothing lies between here and the next occupied slot.
            self.tick = self.next_tick().map_or(last, |next| next.min(last));
            self.cascade();
        }
    }

    /// Gives back what is due in the current slot of level 0.
    fn give_back(&mut self, now: u64, due: &mut impl FnMut(T)) {
        let slot = self.tick as usize % SLOTS;
        let waits = self.levels[0].slots[slot].len();
        // Many come together when their slot ends: to sort out those that could come before costs more.
        if waits == 0 || (waits > FEW && now < self.end_of(self.tick)) {
            return;
        }
        let mut entries = std::mem::take(&mut self.levels[0].slots[slot]);
        self.length -= entries.len();
        self.levels[0].mark(slot, false);
        for entry in entries.drain(..) {
            if entry.at <= now {
                due(entry.what);
            } else {
                self.insert(entry.at, entry.what);
            }
        }
        Self::keep(&mut self.spare, entries);
    }

    /// Moves the entries of coarser slots that begin at the current tick to finer levels.
    fn cascade(&mut self) {
        for level in (1..LEVELS).rev() {
            let width = level as u32 * BITS;
            if self.tick % (1 << width) != 0 {
                continue;
            }
            let slot = (self.tick >> width) as usize % SLOTS;
            let mut entries = std::mem::take(&mut self.levels[level].slots[slot]);
            self.levels[level].mark(slot, false);
            for entry in entries.drain(..) {
                self.place(entry);
            }
            if entries.capacity() > 0 {
                Self::keep(&mut self.spare, entries);
            }
        }
    }

    /// The first tick after the current one at which an occupied slot begins, of whatever level.
    fn next_tick(&self) -> Option<u64> {
        let levels = self.levels.iter().enumerate();
        levels
            .filter_map(|(level, slots)| {
                let width = level as u32 * BITS;
                let current = self.tick >> width;
                let distance = slots.next_after(current as usize % SLOTS)?;
                Some((current + distance) << width)
            })
            .min()
    }

    /// When to tell it the time next: not before the first deadline, and at most one slot of level 0
    /// after it. `None` if it is empty.
    pub(super) fn next(&self) -> Option<u64> {
        if self.length == 0 {
            return None;
        }
        let now = &self.levels[0].slots[self.tick as usize % SLOTS];
        let tick = if now.is_empty() {
            self.next_tick()?
        } else {
            self.tick
        };
        let slot = &self.levels[0].slots[tick as usize % SLOTS];
        // For the coarser levels it is the time to cascade them.
        let is_near = tick - self.tick < SLOTS as u64 && !slot.is_empty();
        Some(match slot.len() {
            _ if !is_near => tick.saturating_mul(1 << TICK),
            0..=FEW => slot.iter().map(|entry| entry.at).min()?,
            _ => self.end_of(tick),
        })
    }

    /// The last nanosecond of a slot of level 0.
    fn end_of(&self, tick: u64) -> u64 {
        (tick << TICK) | ((1 << TICK) - 1)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::BTreeMap;

    use super::*;

    /// One timer of a test.
    #[derive(Clone, Copy)]
    struct Timer<'a>(&'a Cell<Place>);

    impl PartialEq for Timer<'_> {
        fn eq(&self, other: &Self) -> bool {
            std::ptr::eq(self.0, other.0)
        }
    }

    impl Timed for Timer<'_> {
        fn put(self, place: Place) {
            self.0.set(place);
        }
    }

    /// Pseudo-random numbers, the same in each run.
    struct Numbers(u64);

    impl Numbers {
        fn next(&mut self) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0
        }

        /// Below 2^bits, and as often small as large.
        fn of_any_size(&mut self, bits: u64) -> u64 {
            self.next() >> (64 - 1 - self.next() % bits)
        }
    }

    /// A wheel beside a sorted list: after every step both hold the same and have given back the same.
    fn agrees_with_a_sorted_list(seed: u64, steps: u64, bits: u64) {
        let timers: Vec<_> = (0..400).map(|_| Cell::new(Place::NOWHERE)).collect();
        let mut list: BTreeMap<(u64, usize), ()> = BTreeMap::new();
        let mut times = vec![0; timers.len()];
        let mut numbers = Numbers(seed);
        let mut now = numbers.of_any_size(60);
        let mut wheel = Wheel::new(now);
        for _ in 0..steps {
            let index = (numbers.next() % timers.len() as u64) as usize;
            let timer = &timers[index];
            match (numbers.next() % 8, timer.get()) {
                (0..=4, Place::NOWHERE) => {
                    let at = now.saturating_add(numbers.of_any_size(bits));
                    wheel.insert(at, Timer(timer));
                    list.insert((at, index), ());
                    times[index] = at;
                }
                (0..=3, place) if place != Place::NOWHERE => {
                    let there = wheel.remove(place, Timer(timer));
                    assert_eq!(there, list.remove(&(times[index], index)).is_some());
                    timer.set(Place::NOWHERE);
                }
                _ => {
                    let next = wheel.next();
                    assert_eq!(next.is_none(), list.is_empty());
                    if let (Some(next), Some(((first, _), ()))) = (next, list.first_key_value()) {
                        assert!(next <= (first | ((1 << TICK) - 1)), "told too late");
                    }
                    now = match (numbers.next() % 2, next) {
                        (0, Some(next)) => next.max(now),
                        _ => now.saturating_add(numbers.of_any_size(bits)),
                    };
                    let mut given: Vec<(u64, usize)> = Vec::new();
                    wheel.advance(now, |timer| {
                        let index = timers.iter().position(|other| std::ptr::eq(other, timer.0));
                        let index = index.expect("it is one of these");
                        given.push((times[index], index));
                        timers[index].set(if index % 2 == 0 {
                            Place::NOWHERE
                        } else {
                            timers[index].get()
                        });
                    });
                    given.sort_unstable();
                    // All that was due when the current slot began, and of that slot all or none.
                    let later = list.split_off(&(now, usize::MAX));
                    let mut due: Vec<_> = std::mem::replace(&mut list, later).into_keys().collect();
                    if given.len() < due.len() {
                        let kept =
                            due.split_off(due.partition_point(|(at, _)| at >> TICK < now >> TICK));
                        assert!(now < wheel.end_of(now >> TICK), "late at {now}");
                        list.extend(kept.into_iter().map(|key| (key, ())));
                    }
                    assert_eq!(given, due, "at {now}");
                }
            }
            assert_eq!(wheel.length, list.len());
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes there")]
    fn it_gives_back_what_a_sorted_list_would() {
        for seed in 1..=60 {
            for bits in [18, 25, 34, 42, 62] {
                agrees_with_a_sorted_list(seed * 7919, 2000, bits);
            }
        }
    }

    #[test]
    fn a_deadline_is_never_early_and_comes_with_the_time_it_names() {
        for at in [1, (1 << TICK) - 1, 1 << TICK, 10_000_000, 3 << 40] {
            let timer = Cell::new(Place::NOWHERE);
            let mut wheel = Wheel::new(0);
            wheel.insert(at, Timer(&timer));
            wheel.advance(at - 1, |_| panic!("early"));
            let mut come = 0;
            wheel.advance(at, |_| come += 1);
            assert_eq!((come, wheel.length), (1, 0));
        }
    }

    #[test]
    fn one_who_sleeps_until_next_is_woken_a_few_times_only_for_a_far_deadline() {
        let timer = Cell::new(Place::NOWHERE);
        let mut wheel = Wheel::new(12_345);
        wheel.insert(1 << 45, Timer(&timer));
        let mut told = 0;
        while let Some(next) = wheel.next() {
            wheel.advance(next, |_| ());
            told += 1;
        }
        assert!(told <= LEVELS, "{told}");
    }
}
