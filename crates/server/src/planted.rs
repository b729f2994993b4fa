//! Bugs that can be switched on in a node, so that a proof shows that it would have seen them (docs/proof.md): those of the deciding part by their names,
//! and some of the server's own. Without the feature `planted` there are none.

use std::sync::OnceLock;

use clearwell_cluster::Planted;

/// Names the bug.
const VARIABLE: &str = "CLEARWELL_PLANTED";

/// A bug of the server's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlantedHere {
    /// A key is served by whom the view names, with or without a lease.
    LeaseUnchecked,
    /// A change is acknowledged when its owner has it, whatever it has to wait for.
    SettleSkipped,
    /// One invalidation in eight is acknowledged, and nobody hears of it.
    InvalidationDropped,
}

/// The bug of the deciding part that is on.
pub fn decided() -> Option<Planted> {
    let name = chosen()?;
    Planted::ALL.into_iter().find(|bug| format!("{bug:?}") == name)
}

/// Whether one of the server's own is on.
pub fn has(bug: PlantedHere) -> bool {
    chosen().is_some_and(|name| format!("{bug:?}") == name)
}

fn chosen() -> Option<&'static str> {
    static CHOSEN: OnceLock<Option<String>> = OnceLock::new();
    match cfg!(feature = "planted") {
        true => CHOSEN.get_or_init(|| std::env::var(VARIABLE).ok()).as_deref(),
        false => None,
    }
}
