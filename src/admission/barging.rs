//! How often the first waiter may be barged past (README, "The wait queue").

use crate::sync::{AtomicU32, Ordering, mutant};

/// How many newcomers may still take what is free although somebody waits for it.
#[derive(Debug)]
pub(super) struct BargingBudget(AtomicU32);

impl BargingBudget {
    /// How often one caller may be barged past while it is the first waiter.
    const MOST: u32 = if cfg!(any(loom, miri)) { 1 } else { 1024 };

    /// One newcomer barges, if one may.
    pub(super) fn take(&self) -> bool {
        // ORDERING: Relaxed; a bound, and what is taken is taken from the word.
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            })
            .is_ok()
            || mutant("A5.barging")
    }

    /// Nobody may any more.
    pub(super) fn end(&self) {
        // ORDERING: as above.
        self.0.store(0, Ordering::Relaxed);
    }

    /// Somebody else is the first waiter.
    pub(super) fn begin_anew(&self) {
        // ORDERING: as above.
        self.0.store(Self::MOST, Ordering::Relaxed);
    }
}

impl Default for BargingBudget {
    fn default() -> Self {
        Self(AtomicU32::new(Self::MOST))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_overtaken_only_so_often_and_the_next_begins_anew() {
        let barging = BargingBudget::default();
        assert!((0..BargingBudget::MOST).all(|_| barging.take()));
        assert!(!barging.take());
        barging.begin_anew();
        assert!(barging.take());
    }
}
