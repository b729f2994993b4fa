//! What an interest is in.

use std::sync::Arc;

use crate::{Scope, Slot, slot_of};

/// Bytes that many hold at once.
pub type Bytes = Arc<[u8]>;

/// A name that a copy stands under: whoever serves the copy must have told the name's owner before it reads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Name {
    /// The entry of this key.
    Key(Bytes),
    /// All entries that carry this tag.
    Tag(Bytes),
    /// All entries that depend on a key or a tag of this name.
    Dependents(Bytes),
}

impl Name {
    /// The name's bytes.
    pub fn bytes(&self) -> &Bytes {
        match self {
            Name::Key(bytes) | Name::Tag(bytes) | Name::Dependents(bytes) => bytes,
        }
    }

    /// Where it lies. A tag, a key and a dependency of the same bytes lie in one slot, so that one owner orders all of them.
    pub fn slot(&self, slots: u16) -> Slot {
        slot_of(self.bytes(), slots)
    }

    /// The scope that covers what stands under it.
    pub fn scope(&self) -> Scope {
        match self {
            Name::Key(key) => Scope::Key(key.clone()),
            Name::Tag(tag) => Scope::Tag(tag.clone()),
            Name::Dependents(name) => Scope::Dependents(name.clone()),
        }
    }

    /// The name that a scope is about; `None` for scopes that every owner must order ([`Scope::is_wide`]).
    pub fn of(scope: &Scope) -> Option<Name> {
        match scope {
            Scope::Key(key) => Some(Name::Key(key.clone())),
            Scope::Tag(tag) => Some(Name::Tag(tag.clone())),
            Scope::Dependents(name) => Some(Name::Dependents(name.clone())),
            Scope::Pattern(_) | Scope::Prefix(_) | Scope::Event(_) | Scope::Everything => None,
        }
    }
}
