//! How a loop is divided: the counter that ranges are taken from, and how long they are.

#![forbid(unsafe_code)]

use std::ops::Range;

use crossbeam_utils::CachePadded;

use crate::clock::SHORT_TICKS;
use crate::sync::{AtomicUsize, Ordering, mutant};

/// The indices of one loop, in units that are taken as a whole.
#[derive(Debug)]
pub(super) struct Ranges {
    /// The first unit that nobody has taken. Each participant writes it once a range.
    next: CachePadded<AtomicUsize>,
    count: usize,
    /// Indices in a unit.
    grain: usize,
    units: usize,
    /// A range has at most this part of the units that are left.
    parts: usize,
}

impl Ranges {
    /// `count` indices for `slots` participants. With a `grain` of 0 each participant chooses the length of its ranges.
    pub(super) fn new(count: usize, grain: usize, participants: usize) -> Self {
        let unit = grain.max(1);
        Self {
            next: CachePadded::new(AtomicUsize::new(0)),
            count,
            grain: unit,
            units: count.div_ceil(unit),
            parts: if grain == 0 {
                // Half of an equal share, so that whoever takes the first does not end last.
                participants.saturating_mul(2)
            } else {
                usize::MAX
            },
        }
    }

    pub(super) fn units(&self) -> usize {
        self.units
    }

    /// Units that nobody has taken.
    pub(super) fn left(&self) -> usize {
        // ORDERING: Relaxed; the exchange of a taker decides.
        self.units - self.next.load(Ordering::Relaxed)
    }

    /// Takes the next range, of at most `want` units; none if everything is taken.
    pub(super) fn take(&self, want: usize) -> Option<Share> {
        // ORDERING: Relaxed, here and below: a range carries no data.
        let mut first = self.next.load(Ordering::Relaxed);
        loop {
            let left = self.units - first;
            if left == 0 {
                return None;
            }
            let units = want.min(left / self.parts).max(1);
            let taken = if mutant("L2") {
                self.next.store(first + units, Ordering::Relaxed);
                Ok(first)
            } else {
                // [L2] Of two who see the same first unit one gets it.
                self.next.compare_exchange_weak(
                    first,
                    first + units,
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                )
            };
            match taken {
                Ok(_) => return Some(self.share(first, units)),
                Err(now) => first = now,
            }
        }
    }

    fn share(&self, first: usize, units: usize) -> Share {
        let begin = first * self.grain;
        let length = units.saturating_mul(self.grain).min(self.count - begin);
        Share {
            indices: begin..begin + length,
            units,
        }
    }

    /// Drops the indices that nobody has taken.
    pub(super) fn end(&self) {
        self.next.store(self.units, Ordering::Relaxed);
    }
}

/// The indices that one participant has taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) indices: Range<usize>,
    pub(super) units: usize,
}

/// The length of one participant's ranges.
#[derive(Debug)]
pub(super) struct Pace {
    units: usize,
}

impl Pace {
    /// How much longer than the one before a range may be.
    const FASTER: u64 = 8;

    pub(super) fn new(units: usize) -> Self {
        Self { units }
    }

    pub(super) fn units(&self) -> usize {
        self.units
    }

    /// A range of `units` has taken that long: the next one is to take about [`SHORT_TICKS`].
    pub(super) fn taken(&mut self, units: usize, ticks: u64) {
        let ticks = ticks.max(1);
        let faster = (SHORT_TICKS / ticks).min(Self::FASTER);
        let slower = ticks / SHORT_TICKS;
        if faster > 1 {
            self.units = units.saturating_mul(faster as usize).max(self.units);
        } else if slower > 1 {
            let slower = usize::try_from(slower).unwrap_or(usize::MAX);
            self.units = (units / slower).max(1);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn all(ranges: &Ranges, want: usize) -> Vec<Share> {
        std::iter::from_fn(|| ranges.take(want)).collect()
    }

    #[test]
    fn ranges_cover_all_indices_in_order() {
        for (count, grain, want) in [
            (1, 0, 1),
            (1000, 0, 64),
            (1000, 7, 1),
            (10, 100, 3),
            (3, usize::MAX, 1),
        ] {
            let shares = all(&Ranges::new(count, grain, 2), want);
            let mut next = 0;
            for share in &shares {
                assert_eq!(share.indices.start, next);
                assert!(!share.indices.is_empty());
                next = share.indices.end;
            }
            assert_eq!(next, count);
        }
        assert_eq!(Ranges::new(0, 0, 2).take(1), None);
    }

    #[test]
    fn a_range_with_a_grain_has_exactly_that_but_for_the_last() {
        let lengths: Vec<usize> = all(&Ranges::new(100, 30, 4), 1000)
            .iter()
            .map(|share| share.indices.len())
            .collect();
        assert_eq!(lengths, [30, 30, 30, 10]);
    }

    #[test]
    fn ranges_without_a_grain_shrink_as_the_end_comes_near() {
        let shares = all(&Ranges::new(1 << 20, 0, 2), usize::MAX);
        assert_eq!(shares[0].units, 1 << 18);
        assert!(shares.windows(2).all(|pair| pair[0].units >= pair[1].units));
        assert!(shares.len() < 64);
        assert_eq!(shares.last().map(|share| share.units), Some(1));
    }

    #[test]
    fn the_most_indices_overflow_nothing() {
        let ranges = Ranges::new(usize::MAX, 0, usize::MAX);
        assert_eq!(ranges.take(usize::MAX).map(|share| share.units), Some(1));
        let ranges = Ranges::new(usize::MAX, usize::MAX - 1, 2);
        assert_eq!(all(&ranges, 1).len(), 2);
    }

    #[test]
    fn nothing_is_taken_after_the_end() {
        let ranges = Ranges::new(100, 0, 2);
        assert!(ranges.take(1).is_some());
        ranges.end();
        assert_eq!((ranges.take(1), ranges.left()), (None, 0));
    }

    #[test]
    fn ranges_grow_while_they_are_short_and_shrink_when_one_was_long() {
        let mut pace = Pace::new(1);
        pace.taken(1, 10);
        assert_eq!(pace.units(), 8);
        pace.taken(8, SHORT_TICKS / 2);
        assert_eq!(pace.units(), 16);
        pace.taken(16, SHORT_TICKS + 1);
        assert_eq!(pace.units(), 16);
        pace.taken(16, 4 * SHORT_TICKS);
        assert_eq!(pace.units(), 4);
        pace.taken(4, u64::MAX);
        assert_eq!(pace.units(), 1);
    }
}
