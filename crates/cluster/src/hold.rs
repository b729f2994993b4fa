//! Invalidations that take effect later: at a time (mode `delayed`), or when an event comes (`on-event`).

use clearwell_words::{Cause, Effect, EventPattern, Scope};

use crate::Slot;
use crate::name::Name;
use crate::record::{ScopeOf, scope_bytes};
use crate::slot::slot_of;

/// An invalidation that is held until something comes. Its owner and its replicas hold it, each also on its disk.
#[derive(Debug, Clone, PartialEq)]
pub struct Hold {
    /// A number that no other hold of its scope has. Asked for once more under it, the later one takes the place of the earlier one.
    pub id: u64,
    /// What is covered.
    pub scope: ScopeOf,
    /// Gone or stale.
    pub effect: Effect,
    /// Whether dependents are covered too.
    pub cascade: bool,
    /// Why.
    pub cause: Cause,
    /// What it waits for.
    pub until: Awaited,
}

/// What a held invalidation waits for.
#[derive(Debug, Clone, PartialEq)]
pub enum Awaited {
    /// So many milliseconds from when this is said: asked for, told to a replica, or given to the disk. Whoever hears of it counts them on
    /// its own clock, so that no delay on the way makes it take effect too early.
    After(u64),
    /// An event that this pattern matches.
    Event(EventPattern),
}

impl Hold {
    /// Where it lies.
    pub fn slot(&self, slots: u16) -> Slot {
        slot_of_scope(&self.scope, slots)
    }

    /// How many bytes it takes on its way, about.
    pub fn bytes(&self) -> usize {
        const OWN: usize = 24;
        let until = match &self.until {
            Awaited::After(_) => 0,
            Awaited::Event(pattern) => pattern.to_string().len(),
        };
        OWN + scope_bytes(&self.scope) + until
    }
}

/// Where the holds of a scope lie: with the owner who orders the scope, where there is one; those of a wide scope in the slot of its text.
pub fn slot_of_scope(scope: &Scope, slots: u16) -> Slot {
    match (Name::of(scope), scope) {
        (Some(name), _) => name.slot(slots),
        (None, Scope::Pattern(glob)) => slot_of(glob.as_bytes(), slots),
        (None, Scope::Prefix(prefix)) => slot_of(prefix, slots),
        (None, Scope::Event(event)) => slot_of(event.to_string().as_bytes(), slots),
        (None, _) => slot_of(b"", slots),
    }
}
