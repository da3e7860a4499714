//! How often the first in line may be overtaken (README, "The line").

use crate::sync::{AtomicU32, Ordering};

/// How many newcomers may still take what is free although somebody waits for it.
#[derive(Debug)]
pub(super) struct Overtaking(AtomicU32);

impl Overtaking {
    /// How often one caller may be overtaken while it is the first in line.
    const MOST: u32 = 1024;

    /// One newcomer overtakes, if one may.
    pub(super) fn take(&self) -> bool {
        // ORDERING: Relaxed; a bound, and what is taken is taken from the word.
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            })
            .is_ok()
    }

    /// Nobody may any more.
    pub(super) fn end(&self) {
        // ORDERING: as above.
        self.0.store(0, Ordering::Relaxed);
    }

    /// Somebody else is the first in line.
    pub(super) fn begin_anew(&self) {
        // ORDERING: as above.
        self.0.store(Self::MOST, Ordering::Relaxed);
    }
}

impl Default for Overtaking {
    fn default() -> Self {
        Self(AtomicU32::new(Self::MOST))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_overtaken_only_so_often_and_the_next_begins_anew() {
        let overtaking = Overtaking::default();
        assert!((0..Overtaking::MOST).all(|_| overtaking.take()));
        assert!(!overtaking.take());
        overtaking.begin_anew();
        assert!(overtaking.take());
    }
}
