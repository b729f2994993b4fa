//! What lies at a node.

use clearwell_cluster::slot;
use clearwell_cluster::{Apply, Bytes, Entry};
use clearwell_words::{Invalidation, Scope};

use super::{Node, SLOTS};

impl Node {
    pub(super) fn apply(&mut self, apply: Apply) {
        match apply {
            Apply::Invalidate(invalidation) => self.invalidate(&invalidation),
            Apply::Put(entry) | Apply::Fill { entry, .. } => {
                self.store.insert(entry.key.clone(), entry);
            }
            Apply::Touch { key, expiry } => {
                if let Some(entry) = self.store.get_mut(&key) {
                    entry.expiry = expiry;
                }
            }
            Apply::Drop(keys) => keys.iter().for_each(|key| {
                self.store.remove(key);
            }),
            Apply::Clear(slots) => self.store.retain(|key, _| !slots.contains(&slot::slot_of(key, SLOTS))),
            Apply::Replace(part) => self.store.retain(|key, _| !part.has(key, SLOTS)),
        }
    }

    fn invalidate(&mut self, invalidation: &Invalidation) {
        let covers = |entry: &Entry, scope: &Scope| match scope {
            // A newer value than the change behind it stays.
            Scope::Key(key) => {
                *entry.key == **key && invalidation.version.is_none_or(|version| entry.version < version)
            }
            Scope::Tag(tag) => entry.tags.iter().any(|t| **t == **tag),
            Scope::Dependents(name) => entry.dependencies.iter().any(|d| **d == **name),
            Scope::Pattern(glob) => glob.matches(&entry.key),
            Scope::Prefix(prefix) => entry.key.starts_with(prefix),
            Scope::Event(event) => entry.events.iter().any(|pattern| pattern.matches(event)),
            Scope::Everything => true,
        };
        let mut scopes = vec![(*invalidation.scope).clone()];
        if let (true, Scope::Key(name) | Scope::Tag(name)) = (invalidation.cascade, &*invalidation.scope) {
            scopes.push(Scope::Dependents(name.clone()));
        }
        while let Some(scope) = scopes.pop() {
            let gone: Vec<Bytes> =
                self.store.values().filter(|e| covers(e, &scope)).map(|e| e.key.clone()).collect();
            for key in gone {
                self.store.remove(&key);
                if invalidation.cascade {
                    scopes.push(Scope::Dependents((*key).into()));
                }
            }
        }
    }
}
