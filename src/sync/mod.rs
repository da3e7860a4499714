//! The one place that chooses what threads synchronise with: the machine's own means, or loom's
//! models of them (`--cfg loom`). Nothing else in the crate names std's or loom's.
//!
//! Everything that sleeps does so on a futex of this process. parking_lot's own locks share one
//! process-wide table, and a fork() while another thread holds a lock of that table leaves a child
//! whose first contended lock hangs; so its `lock_api` gives the guards here, over a raw lock that a
//! child can use.

#[cfg(not(loom))]
mod futex;
#[cfg(loom)]
mod model;
#[cfg(all(test, loom))]
mod mutants;
#[cfg(not(loom))]
mod real;

#[cfg(loom)]
pub(crate) use model::*;
#[cfg(not(loom))]
pub(crate) use real::*;

/// Whether a deliberate mistake is switched on, to show that a model finds it. Compiled in under
/// loom only; `ANTPOOL_MUTANT` names the mistake.
#[cfg(loom)]
pub(crate) fn mutant(name: &str) -> bool {
    static CHOSEN: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    CHOSEN
        .get_or_init(|| std::env::var("ANTPOOL_MUTANT").ok())
        .as_deref()
        == Some(name)
}

/// See the other definition: nothing outside of models.
#[cfg(not(loom))]
#[inline(always)]
pub(crate) const fn mutant(_name: &str) -> bool {
    false
}
