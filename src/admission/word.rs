//! The word: everything a submit or a finish has to know, in 64 bits. Pure arithmetic; see the
//! README beside this file for what the fields mean to the protocols.
//!
//! ```text
//!  63       62        61         60        59 ........... 30     29      28 .......... 0
//! closed  waiters  notified   watched    room, biased by 2^29  metered      accepted
//! ```

#![forbid(unsafe_code)]

use std::fmt;

const ROOM_FIELD: u64 = (1 << 30) - 1;
const ACCEPTED_FIELD: u64 = (1 << 29) - 1;
const ROOM_SHIFT: u32 = 30;
const ROOM_ZERO: u64 = 1 << 29;
const ONE_ROOM: u64 = 1 << ROOM_SHIFT;

/// The pool is closed.
pub(super) const CLOSED: u64 = 1 << 63;
/// Callers wait to submit: newcomers barge past them or join the wait queue too.
pub(super) const WAITERS: u64 = 1 << 62;
/// The first of them has been woken and is on its way.
pub(super) const NOTIFIED: u64 = 1 << 61;
/// Somebody waits for the instant at which nothing is accepted.
pub(super) const QUIESCENCE: u64 = 1 << 60;
/// Tasks are metered: a finish takes its place off the live workers.
pub(super) const METERED_WORD: u64 = 1 << 29;

/// What a finish adds, with wrap-around: one less accepted, room for one more.
pub(super) const FINISH: u64 = ONE_ROOM - 1;

/// The most tasks that can be accepted and unfinished.
pub(crate) const TASKS_MAX: usize = (1 << 29) - 1;

/// One value of the word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Word(pub(super) u64);

impl Word {
    /// An open pool without tasks and without room.
    pub(super) const EMPTY: Self = Self(ROOM_ZERO << ROOM_SHIFT);

    /// Tasks accepted and not finished.
    pub(super) fn accepted(self) -> usize {
        (self.0 & ACCEPTED_FIELD) as usize
    }

    /// How many more tasks may be accepted on sight; below zero while more are accepted than the
    /// pool would take now.
    pub(super) fn room(self) -> i64 {
        ((self.0 >> ROOM_SHIFT) & ROOM_FIELD) as i64 - ROOM_ZERO as i64
    }

    /// Whether any of `flags` is set.
    pub(super) fn has(self, flags: u64) -> bool {
        self.0 & flags != 0
    }

    /// How many of `want` tasks a newcomer may have accepted without the lock; while callers wait, only
    /// if it may barge them.
    #[inline]
    pub(super) fn acceptable(self, want: usize) -> usize {
        let most = match self.0 & (CLOSED | WAITERS) {
            0 => want as i64,
            WAITERS => 1,
            _ => 0,
        };
        self.room().clamp(0, most) as usize
    }

    /// With `count` more tasks. An acceptance that ends an instant without tasks takes the mark of
    /// those who waited for it off (A7).
    #[inline]
    pub(super) fn accept(self, count: usize) -> Self {
        let count = count as u64;
        let kept = if self.accepted() == 0 {
            self.0 & !QUIESCENCE
        } else {
            self.0
        };
        Self(kept.wrapping_sub(count * FINISH))
    }

    /// With room for `change` more (or fewer) tasks.
    pub(super) fn with_room(self, change: i64) -> Self {
        Self(
            self.0
                .wrapping_add((change as u64).wrapping_shl(ROOM_SHIFT)),
        )
    }

    /// With these of the `mask` flags, and no others of them.
    pub(super) fn with(self, mask: u64, flags: u64) -> Self {
        Self(self.0 & !mask | flags)
    }

    /// Whether who finished `count` tasks and found this word has to look further.
    #[inline]
    pub(super) fn concerns_finisher(self, count: usize) -> bool {
        self.0 & (WAITERS | NOTIFIED) == WAITERS
            || self.has(METERED_WORD)
            || (self.has(QUIESCENCE) && self.accepted() == count)
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "accepted {} room {}",
            self.accepted(),
            self.room()
        )?;
        for (flag, name) in [
            (CLOSED, "closed"),
            (WAITERS, "waiters"),
            (NOTIFIED, "notified"),
            (QUIESCENCE, "quiescence"),
            (METERED_WORD, "metered"),
        ] {
            if self.has(flag) {
                write!(formatter, " {name}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finish(word: Word) -> Word {
        Word(word.0.wrapping_add(FINISH))
    }

    #[test]
    fn accepting_and_finishing_are_inverse() {
        for room in [-3, 0, 1, TASKS_MAX as i64] {
            let word = Word::EMPTY.with_room(room);
            let accepted = word.accept(1).accept(2);
            assert_eq!(accepted.accepted(), 3);
            assert_eq!(accepted.room(), room - 3);
            assert_eq!(finish(finish(finish(accepted))), word);
        }
    }

    #[test]
    fn the_fields_hold_their_extremes_without_touching_each_other() {
        let most = Word::EMPTY.with_room(TASKS_MAX as i64).with(CLOSED, CLOSED);
        let full = most.accept(TASKS_MAX);
        assert_eq!((full.accepted(), full.room()), (TASKS_MAX, 0));
        let shrunk = full.with_room(1 - TASKS_MAX as i64);
        assert_eq!(
            (shrunk.accepted(), shrunk.room()),
            (TASKS_MAX, 1 - TASKS_MAX as i64)
        );
        assert!(shrunk.has(CLOSED) && !shrunk.has(WAITERS | NOTIFIED | QUIESCENCE | METERED_WORD));
        let metered = full.with(METERED_WORD, METERED_WORD);
        assert_eq!(
            finish(metered),
            finish(full).with(METERED_WORD, METERED_WORD)
        );
        assert_eq!((metered.accepted(), metered.room()), (TASKS_MAX, 0));
    }

    #[test]
    fn on_sight_everything_is_accepted_or_one_by_one_while_callers_wait_or_nothing_in_a_closed_pool()
     {
        let open = Word::EMPTY.with_room(2);
        assert_eq!(open.acceptable(1), 1);
        assert_eq!(open.acceptable(5), 2);
        assert_eq!(open.with_room(-4).acceptable(5), 0);
        assert_eq!(open.with(CLOSED, CLOSED).acceptable(1), 0);
        assert_eq!(open.with(WAITERS, WAITERS).acceptable(5), 1);
        assert_eq!(
            open.with(WAITERS | CLOSED, WAITERS | CLOSED).acceptable(1),
            0
        );
    }

    #[test]
    fn only_the_acceptance_after_an_instant_without_tasks_takes_the_mark_off() {
        let watched = Word::EMPTY
            .with_room(3)
            .accept(1)
            .with(QUIESCENCE, QUIESCENCE);
        assert!(watched.accept(1).has(QUIESCENCE));
        assert!(!finish(watched).accept(1).has(QUIESCENCE));
    }
}
