//! The one place that chooses what threads synchronise with: the real primitives, or loom's models of them
//! (`--cfg loom`). Nothing else in the crate names std's or loom's. Under Miri the models run with the real ones.
//!
//! Everything that sleeps does so on a futex of this process. parking_lot's own locks share one process-wide table.
//! If another thread holds a lock of that table at a fork(), the first contended lock hangs in the child. So only the
//! guards come from its `lock_api`; the raw lock below them is one that a child can use.

#[cfg(not(loom))]
mod asymmetric;
#[cfg(not(loom))]
mod futex;
#[cfg(any(not(loom), test))]
mod lock;
#[cfg(loom)]
mod model;
#[cfg(all(test, loom))]
mod mutants;
#[cfg(any(not(loom), test))]
mod parker;
#[cfg(not(loom))]
mod real;
#[cfg(all(test, miri))]
mod schedules;
pub(crate) mod spin;

#[cfg(all(test, loom))]
use model::futex;
#[cfg(loom)]
pub(crate) use model::*;
#[cfg(not(loom))]
pub(crate) use real::*;
#[cfg(all(test, miri))]
pub(crate) use schedules::{advance, explore, thread};

/// Whether a deliberate mistake is switched on, to show that a model finds it. Compiled for loom and Miri only;
/// `ANTPOOL_MUTANT` names the mistake.
#[cfg(any(loom, miri))]
pub(crate) fn mutant(name: &str) -> bool {
    static CHOSEN: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    CHOSEN
        .get_or_init(|| std::env::var("ANTPOOL_MUTANT").ok())
        .as_deref()
        == Some(name)
}

/// `SeqCst`, or the weaker ordering if that mistake is switched on. Only Miri tells the two apart.
#[inline(always)]
pub(crate) fn seq_cst_unless(name: &str, weaker: Ordering) -> Ordering {
    if mutant(name) {
        weaker
    } else {
        Ordering::SeqCst
    }
}

/// Never, outside of models.
#[cfg(not(any(loom, miri)))]
#[inline(always)]
pub(crate) const fn mutant(_name: &str) -> bool {
    false
}
