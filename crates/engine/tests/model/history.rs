//! All invalidations there ever were, and what each covered.

use std::collections::BTreeSet;

use crate::words::{Name, event_matches};

/// What an invalidation covered by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cover {
    Key(u8),
    /// Keys of a class: `c:*`, as a pattern or as a prefix.
    Class(u8),
    /// Keys of a number: `*:n`.
    Digit(u8),
    Everything,
    Tag(u8),
    Name(Name),
    Event(u8),
    /// Nothing: the entry that stood there contained the change.
    Nothing,
}

/// One invalidation, put or removal.
#[derive(Debug, Clone)]
pub struct Past {
    pub at: u64,
    pub cover: Cover,
    pub stale: bool,
    /// Names whose dependents it covered too for certain, and names whose dependents it may have covered.
    pub surely: BTreeSet<Name>,
    pub maybe: BTreeSet<Name>,
}

/// What an entry, or an entry to be, lives by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    pub tags: Vec<u8>,
    pub dependencies: Vec<Name>,
    pub events: Vec<u8>,
}

/// How sure it is that something was covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Covered {
    No,
    Maybe,
    Surely,
}

impl Past {
    /// Whether it covers the key as such, whatever stands there.
    pub fn covers_key(&self, key: u8) -> bool {
        match self.cover {
            Cover::Key(other) => other == key,
            Cover::Class(class) => key / 10 == class,
            Cover::Digit(digit) => key % 10 == digit,
            Cover::Everything => true,
            Cover::Tag(_) | Cover::Name(_) | Cover::Event(_) | Cover::Nothing => false,
        }
    }

    /// Whether it covers the dependents of a name, perhaps.
    pub fn covers_name(&self, name: Name) -> bool {
        self.cover == Cover::Name(name) || self.maybe.contains(&name)
    }

    pub fn covers(&self, key: u8, names: &Names) -> Covered {
        let direct = match self.cover {
            Cover::Tag(tag) => names.tags.contains(&tag),
            Cover::Name(name) => names.dependencies.contains(&name),
            Cover::Event(event) => names.events.iter().any(|&pattern| event_matches(pattern, event)),
            _ => self.covers_key(key),
        };
        if direct || names.dependencies.iter().any(|name| self.surely.contains(name)) {
            Covered::Surely
        } else if names.dependencies.iter().any(|name| self.maybe.contains(name)) {
            Covered::Maybe
        } else {
            Covered::No
        }
    }
}
