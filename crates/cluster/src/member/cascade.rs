//! Dependencies whose ends lie on different nodes.
//!
//! The owner of a key that others depend on remembers what the key itself depends on, whether it has an entry of it or
//! not. When a name there is invalidated, it invalidates the key in its own log, and so the word goes on, edge by edge.
//! Each edge is used up when it has carried a word, so cycles end by themselves.

use std::collections::{BTreeMap, BTreeSet};

use clearwell_words::{Cause, Effect, Invalidation, Scope};

use super::Member;
use super::invalidate::everything;
use super::route::Origin;
use crate::Entry;
use crate::name::{Bytes, Name};
use crate::outbox::Outbox;
use crate::record::{Change, Record};
use crate::request::Invalidate;

/// How many edges a word may go; then everything is invalidated, because a limit must not be a hole.
const DEPTH_MOST: u8 = 64;

/// Edges from names to the keys of this owner that depend on them.
#[derive(Debug, Default)]
pub(super) struct Edges {
    dependents: BTreeMap<Bytes, BTreeSet<Bytes>>,
    dependencies: BTreeMap<Bytes, Vec<Bytes>>,
}

impl Edges {
    /// Remembers what an entry depends on.
    pub fn note(&mut self, entry: &Entry) {
        if entry.dependencies.is_empty() {
            return;
        }
        self.forget(&Name::Key(entry.key.clone()));
        for name in entry.dependencies.iter() {
            self.dependents.entry(name.clone()).or_default().insert(entry.key.clone());
        }
        self.dependencies.insert(entry.key.clone(), entry.dependencies.to_vec());
    }

    /// Forgets what a key depends on.
    pub fn forget(&mut self, name: &Name) {
        let Name::Key(key) = name else { return };
        if self.dependencies.is_empty() {
            return;
        }
        for name in self.dependencies.remove(key).into_iter().flatten() {
            if let Some(keys) = self.dependents.get_mut(&name) {
                keys.remove(key);
                if keys.is_empty() {
                    self.dependents.remove(&name);
                }
            }
        }
    }

    /// Whether it is remembered what a key depends on.
    pub fn has(&self, key: &Bytes) -> bool {
        self.dependencies.contains_key(key)
    }

    /// Of how many keys that is remembered.
    pub fn len(&self) -> usize {
        self.dependencies.len()
    }

    /// Gives up the other keys.
    pub fn retain(&mut self, stays: impl Fn(&Bytes) -> bool) {
        let gone: Vec<Bytes> = self.dependencies.keys().filter(|key| !stays(key)).cloned().collect();
        gone.into_iter().for_each(|key| self.forget(&Name::Key(key)));
    }

    /// The names that a pattern covers.
    fn covered(&self, scope: &Scope) -> Vec<Bytes> {
        let covers = |name: &&Bytes| match scope {
            Scope::Pattern(glob) => glob.matches(name),
            Scope::Prefix(prefix) => name.starts_with(prefix),
            // What depends on the entries of an event is found where those lie; everything leaves nothing.
            _ => false,
        };
        self.dependents.keys().filter(covers).cloned().collect()
    }

    fn take(&mut self, name: &Bytes) -> Vec<Bytes> {
        let keys: Vec<Bytes> = self.dependents.get(name).into_iter().flatten().cloned().collect();
        for key in &keys {
            self.forget(&Name::Key(key.clone()));
        }
        keys
    }
}

impl Member {
    /// A pattern was invalidated: so are the keys of this owner that depend on what it covers.
    pub(super) fn cascade_wide(&mut self, record: &Record, out: &mut Outbox) {
        let Change::Invalidate { scope, cascade: true, .. } = &record.change else { return };
        for name in self.edges.covered(scope) {
            self.cascade(&name, record.depth, out);
        }
    }

    /// A name was invalidated: so are the keys of this owner that depend on it.
    pub(super) fn cascade(&mut self, name: &Bytes, depth: u8, out: &mut Outbox) {
        if self.edges.dependents.is_empty() {
            return;
        }
        let keys = self.edges.take(name);
        if keys.is_empty() {
            return;
        }
        if depth >= DEPTH_MOST {
            let (effect, cascade, version, cause) = (Effect::Gone, false, None, Cause::Command);
            let invalidation = Invalidation { scope: everything(), effect, cascade, version, cause };
            return self.invalidate(Origin::Nobody, Invalidate { invalidation, wait: false, depth: 0 }, out);
        }
        for key in keys {
            let slot = self.slot(&key);
            if !self.owned.has(slot) {
                continue;
            }
            let scope = std::sync::Arc::new(Scope::Key((*key).into()));
            let change = Change::Invalidate { scope, effect: Effect::Gone, cascade: true };
            self.append(Some(slot), change, None, Cause::Command, depth + 1, out);
        }
    }
}
