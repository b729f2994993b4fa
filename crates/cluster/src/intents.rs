//! Intents: writes that a source is asked for, or may have been, and of which nobody has said yet what became of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::name::{Bytes, Name};
use crate::{Peer, Position};

/// A write's intent: whose log it stands in, and where.
pub type Intent = (Peer, Position);

/// The open intents of slots that a member owns or follows, by key. While one of them is open, no value of its key is kept.
#[derive(Debug, Default)]
pub struct Intents {
    open: BTreeMap<Bytes, BTreeSet<Intent>>,
    /// Those of this member whose statements' fate the source did not tell.
    unclear: BTreeSet<Position>,
}

impl Intents {
    /// A write of a key begins.
    pub fn open(&mut self, key: Bytes, intent: Intent) {
        self.open.entry(key).or_default().insert(intent);
    }

    /// A write of a key is over, whatever became of it.
    pub fn close(&mut self, key: &Bytes, intent: Intent) {
        if let Some(open) = self.open.get_mut(key) {
            open.remove(&intent);
            if open.is_empty() {
                self.open.remove(key);
            }
        }
    }

    /// The source did not say what became of this member's write: it may still happen, until a fence excludes it.
    pub fn unclear(&mut self, intent: Position) {
        self.unclear.insert(intent);
    }

    /// Closes what nobody has to wait for any more, of keys whose source refuses all earlier statements or whose feed tells of them (`sure`): the
    /// writes of former owners, and those of `me` that were unclear. Returns them, by key.
    pub fn close_former(&mut self, me: Peer, sure: impl Fn(&Bytes) -> bool) -> Vec<(Bytes, Intent)> {
        let mut closed = Vec::new();
        for (key, open) in self.open.iter().filter(|(key, _)| sure(key)) {
            let former = |intent: &&Intent| intent.0 != me || self.unclear.contains(&intent.1);
            closed.extend(open.iter().filter(former).map(|intent| (key.clone(), *intent)));
        }
        for (key, intent) in &closed {
            self.close(key, *intent);
            if intent.0 == me {
                self.unclear.remove(&intent.1);
            }
        }
        closed
    }

    /// Whether this write of a key is.
    pub fn is_open_by(&self, key: &Bytes, intent: Intent) -> bool {
        self.open.get(key).is_some_and(|open| open.contains(&intent))
    }

    /// Whether a write of a key is under way.
    pub fn has(&self, key: &Bytes) -> bool {
        self.open.contains_key(key)
    }

    /// Whether a write of the key that a name is about is under way.
    pub fn is_open(&self, name: &Name) -> bool {
        matches!(name, Name::Key(key) | Name::Dependents(key) if self.has(key))
    }

    /// The keys whose writes are under way.
    pub fn keys(&self) -> impl Iterator<Item = &Bytes> {
        self.open.keys()
    }

    /// The intents of these keys.
    pub fn of(&self, within: impl Fn(&Bytes) -> bool) -> Vec<(Bytes, Intent)> {
        let open = self.open.iter().filter(|(key, _)| within(key));
        open.flat_map(|(key, open)| open.iter().map(|intent| (key.clone(), *intent))).collect()
    }

    /// Gives up those of the other keys.
    pub fn retain(&mut self, stays: impl Fn(&Bytes) -> bool) {
        self.open.retain(|key, _| stays(key));
    }
}
