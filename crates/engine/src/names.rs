//! Names that entries live by: tags, dependencies, events; each with its mark.

use std::sync::Arc;

use crate::counter::Counter;
use crate::freshness::Last;
use crate::{Effect, Event, Seq};

/// What a name is to an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A tag that it carries.
    Tag,
    /// A key or tag that it was made from.
    Dependency,
    /// An event, by its pattern's written form.
    Event,
    /// The one nameless mark that every entry with a dependency also holds: raised when a cascade is too large.
    AnyDependency,
}

/// A name in use, and the memory of its last invalidation.
#[derive(Debug)]
pub(crate) struct Mark {}

impl Mark {
    /// What it is.
    pub(crate) fn kind(&self) -> Kind {
        todo!()
    }
    /// The name; empty for [`Kind::AnyDependency`].
    pub(crate) fn name(&self) -> &[u8] {
        todo!()
    }
    /// When it was invalidated last. Two atomic loads.
    pub(crate) fn last(&self) -> Last {
        todo!()
    }
    /// Counts an entry in, unless the mark was invalidated after the entry's load began (then `false`: it may not
    /// be stored).
    pub(crate) fn enter(&self, began: Seq) -> bool {
        let _ = began;
        todo!()
    }
    /// Counts an entry out that was counted in with the same `began`.
    pub(crate) fn leave(&self, began: Seq) {
        let _ = began;
        todo!()
    }
    /// Entries counted in that this mark has not taken away.
    pub(crate) fn members(&self) -> u64 {
        todo!()
    }
}

/// All names in use, the memory of those that are not any more, and the graph by which invalidations cascade.
///
/// Locks are taken in this order: an engine's shard, the graph, a stripe of names, a mark. No method calls back
/// into the engine but through the closures it is given.
#[derive(Debug)]
pub(crate) struct Names {}

/// What an entry names, joined: one mark each, none twice.
pub(crate) type Held = Box<[Arc<Mark>]>;

impl Names {
    /// No names; remembers at most `remembered` that were invalidated and are in no use.
    pub(crate) fn new(remembered: usize, seed: u64) -> Names {
        let _ = (remembered, seed);
        todo!()
    }
    /// The mark of a name, from now on in use by the caller, who gives it back by [`Names::release`].
    pub(crate) fn join(&self, kind: Kind, name: &[u8]) -> Arc<Mark> {
        let _ = (kind, name);
        todo!()
    }
    /// Joins all that a draft names (with dependencies: [`Kind::AnyDependency`] too), each once.
    pub(crate) fn join_all(
        &self,
        tags: &[&[u8]],
        dependencies: &[&[u8]],
        events: &[crate::EventPattern],
    ) -> Held {
        let _ = (tags, dependencies, events);
        todo!()
    }
    /// Gives back marks that were joined (after [`leave_all`], if the entry had entered).
    pub(crate) fn release(&self, held: Held) {
        let _ = held;
        todo!()
    }
    /// When a name was invalidated last, in use or not.
    pub(crate) fn last(&self, kind: Kind, name: &[u8]) -> Last {
        let _ = (kind, name);
        todo!()
    }
    /// Whether some entry depends on `name`. Nearly free when none does.
    pub(crate) fn is_live(&self, name: &[u8]) -> bool {
        let _ = name;
        todo!()
    }
    /// Invalidates a name; returns how many entries that reached.
    pub(crate) fn raise(&self, kind: Kind, name: &[u8], seq: Seq, effect: Effect, counter: &Counter) -> u64 {
        let _ = (kind, name, seq, effect, counter);
        todo!()
    }
    /// The names in use of a kind that `wanted` says yes to.
    pub(crate) fn live(&self, kind: Kind, wanted: impl FnMut(&[u8]) -> bool) -> Vec<Arc<Mark>> {
        let _ = (kind, wanted);
        todo!()
    }
    /// The event patterns in use that match `event`.
    pub(crate) fn live_events(&self, event: &Event) -> Vec<Arc<Mark>> {
        let _ = event;
        todo!()
    }
    /// How many names of a kind are in use.
    pub(crate) fn count(&self, kind: Kind) -> u64 {
        let _ = kind;
        todo!()
    }
    /// Bytes taken by names, marks, the forgotten and the graph.
    pub(crate) fn memory_bytes(&self) -> usize {
        todo!()
    }
    /// Recounts, given every entry's marks and `began`; says what differs.
    pub(crate) fn check<'e>(
        &self,
        entries: impl Iterator<Item = (&'e [Arc<Mark>], Seq)>,
    ) -> Result<(), String> {
        let _ = entries;
        todo!()
    }
}

/// Counts an entry in with all its marks, or with none (`false`: it may not be stored).
pub(crate) fn enter_all(held: &[Arc<Mark>], began: Seq) -> bool {
    let _ = (held, began);
    todo!()
}

/// Counts an entry out.
pub(crate) fn leave_all(held: &[Arc<Mark>], began: Seq) {
    let _ = (held, began);
    todo!()
}

/// When what an entry lives by was invalidated last.
pub(crate) fn last_of(held: &[Arc<Mark>]) -> Last {
    let _ = held;
    todo!()
}
