//! The owner's log: what it says.

use std::sync::Arc;

use clearwell_words::{Cause, Effect, Scope, Version};

use crate::entry::{AsOf, Entry};
use crate::hold::Hold;
use crate::meta::Expiry;
use crate::name::{Bytes, Name};
use crate::{Peer, Position, Slot};

/// One place in an owner's log.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Which.
    pub position: Position,
    /// The slot that it concerns; `None` concerns all slots of the owner.
    pub slot: Option<Slot>,
    /// What happened.
    pub change: Change,
    /// The source's order of the change behind it, where there is one.
    pub version: Option<Version>,
    /// Why.
    pub cause: Cause,
    /// How many edges of dependency led here.
    pub depth: u8,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// What was read before now for the scope is old.
    Invalidate {
        /// What is covered.
        scope: ScopeOf,
        /// Gone or stale.
        effect: Effect,
        /// Whether dependents are covered too.
        cascade: bool,
    },
    /// The source is about to be asked to change this key: nobody keeps a copy until it is settled.
    Intent {
        /// The key.
        key: Bytes,
    },
    /// The outcome of an intent is known; values read from now on may be kept again.
    Settle {
        /// The key.
        key: Bytes,
        /// Whose log its intent stood in, and where.
        intent: (Peer, Position),
    },
    /// A client gave a value that no source has. Replicas keep it, other holders drop theirs.
    Put {
        /// The entry as it is now.
        entry: Entry,
        /// As of when, for the owners of its tags and dependencies.
        as_of: AsOf,
    },
    /// A value was loaded from the source. Told to replicas only, so that a failover goes on warm.
    Fill {
        /// The entry.
        entry: Entry,
        /// As of when it was current.
        as_of: AsOf,
    },
    /// A write-back value was accepted: replicas keep it until it is flushed, other holders drop theirs.
    Journal {
        /// The entry as it is now.
        entry: Entry,
        /// As of when, for the owners of its tags and dependencies.
        as_of: AsOf,
    },
    /// An entry expires at another time, and is the same otherwise. Replicas follow, other holders drop theirs, which would go on
    /// by the time that they know.
    Touch {
        /// The key.
        key: Bytes,
        /// The digest ([`crate::digest`]) of the entry that is meant.
        of: u64,
        /// When it expires from now on; `None` is never.
        expiry: Option<Expiry>,
    },
    /// Journal entries of a key up to a version have reached the source.
    Flushed {
        /// The key.
        key: Bytes,
        /// The newest that has.
        up_to: Version,
        /// What the source calls it.
        version: Version,
    },
    /// An invalidation is held until a time or an event comes. Told to replicas only, as its end is.
    Hold(Hold),
    /// A hold has taken effect, or was taken back.
    Release {
        /// Its number.
        id: u64,
    },
    /// The owner owns these slots no more: it will not tell of their changes.
    Leave {
        /// The slots, sorted.
        slots: Arc<[Slot]>,
    },
}

/// A scope that many records share.
pub type ScopeOf = Arc<Scope>;

/// How many bytes a scope takes on its way, about.
pub(crate) fn scope_bytes(scope: &Scope) -> usize {
    match scope {
        Scope::Key(name) | Scope::Tag(name) | Scope::Dependents(name) | Scope::Prefix(name) => name.len(),
        Scope::Pattern(glob) => glob.as_bytes().len(),
        Scope::Event(event) => {
            let attributes = event.attributes.iter().map(|(name, value)| name.len() + value.len() + 2);
            event.name.len() + attributes.sum::<usize>()
        }
        Scope::Everything => 0,
    }
}

impl Record {
    /// How many bytes it takes on its way, about.
    pub fn bytes(&self) -> usize {
        const OWN: usize = 32;
        const PLACE: usize = 20;
        OWN + match &self.change {
            Change::Invalidate { scope, .. } => scope_bytes(scope),
            Change::Intent { key }
            | Change::Settle { key, .. }
            | Change::Flushed { key, .. }
            | Change::Touch { key, .. } => key.len() + PLACE,
            Change::Put { entry, as_of }
            | Change::Fill { entry, as_of }
            | Change::Journal { entry, as_of } => entry.bytes() + PLACE * as_of.len(),
            Change::Hold(hold) => hold.bytes(),
            Change::Release { .. } => 0,
            Change::Leave { slots } => 3 * slots.len(),
        }
    }

    /// The key, tag or name that the record makes old; `None` when it makes nothing old, or all that matches its wide scope.
    pub fn makes_old(&self) -> Option<Name> {
        match &self.change {
            Change::Invalidate { scope, .. } => Name::of(scope),
            Change::Intent { key } | Change::Touch { key, .. } => Some(Name::Key(key.clone())),
            Change::Put { entry, .. } | Change::Journal { entry, .. } => Some(Name::Key(entry.key.clone())),
            // What was made from the key while its write was under way may be as old as the key was.
            Change::Settle { key, .. } => Some(Name::Dependents(key.clone())),
            Change::Fill { .. }
            | Change::Flushed { .. }
            | Change::Hold(_)
            | Change::Release { .. }
            | Change::Leave { .. } => None,
        }
    }

    /// Whether the value that it makes old counts on: it is the same, with another end.
    pub fn keeps_value(&self) -> bool {
        matches!(self.change, Change::Touch { .. })
    }

    /// Whether it concerns what every holder may hold.
    pub fn is_wide(&self) -> bool {
        matches!(&self.change, Change::Invalidate { scope, .. } if scope.is_wide())
    }

    /// Whether every holder must hear of it, whatever it holds.
    pub fn is_for_all(&self) -> bool {
        self.is_wide() || matches!(self.change, Change::Leave { .. })
    }

    /// The names that it makes old, its dependents included.
    pub fn old_names(&self) -> Vec<Name> {
        let Some(name) = self.makes_old() else { return Vec::new() };
        if !self.cascades() {
            return vec![name];
        }
        let dependents = Name::Dependents(name.bytes().clone());
        vec![name, dependents]
    }

    /// Whether dependents of what it makes old are old too.
    pub fn cascades(&self) -> bool {
        match &self.change {
            Change::Invalidate { cascade, .. } => *cascade,
            Change::Intent { .. } | Change::Put { .. } | Change::Journal { .. } | Change::Settle { .. } => {
                true
            }
            Change::Fill { .. }
            | Change::Touch { .. }
            | Change::Flushed { .. }
            | Change::Hold(_)
            | Change::Release { .. }
            | Change::Leave { .. } => false,
        }
    }
}
