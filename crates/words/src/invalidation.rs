//! The one statement by which values are taken away for freshness.

use std::sync::Arc;

use crate::name::Bytes;
use crate::{Event, Glob, Version};

/// «What was read before now for this scope is old.»
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalidation {
    /// What it covers; shared, because every place that it comes by keeps it for a while.
    pub scope: Arc<Scope>,
    /// What happens to the covered values.
    pub effect: Effect,
    /// Whether what depends on the covered keys and tags is covered too, transitively.
    pub cascade: bool,
    /// The source's order of the change that caused it, where there is one.
    pub version: Option<Version>,
    /// Why.
    pub cause: Cause,
}

/// What an invalidation covers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope {
    /// One key.
    Key(Bytes),
    /// Every entry that carries a tag.
    Tag(Bytes),
    /// Every entry that depends on a key or tag of this name, but not that key or the tag's own entries.
    Dependents(Bytes),
    /// Every key that matches.
    Pattern(Glob),
    /// Every key that begins so.
    Prefix(Bytes),
    /// Every entry that depends on an event that this one is.
    Event(Event),
    /// Every entry.
    Everything,
}

impl Scope {
    /// Whether every owner must order it: it is about no name of its own.
    pub fn is_wide(&self) -> bool {
        matches!(self, Scope::Pattern(_) | Scope::Prefix(_) | Scope::Event(_) | Scope::Everything)
    }
}

/// What happens to a covered value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It is gone for the next read.
    Gone,
    /// It is stale: the next read refreshes it; a reader that tolerates it gets it meanwhile.
    Stale,
}

/// Why an invalidation was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// A client removed keys (`DEL`, `FLUSHALL`, HTTP DELETE): counted as removed.
    Removal,
    /// A client or an operator asked for an invalidation.
    Command,
    /// A write through this node.
    Write,
    /// A commit in a source that somebody else made.
    Commit,
    /// An event arrived.
    Event,
}
