//! What keys mean, as surfaces ask for it.

use std::sync::Arc;

use super::Node;
use crate::config::Strategy;

impl Node {
    /// Whether there is any keyspace.
    pub fn has_keyspaces(&self) -> bool {
        !self.keyspaces.all.is_empty()
    }

    /// Whether a keyspace matches a key.
    pub fn is_declared(&self, key: &[u8]) -> bool {
        self.keyspaces.is_declared(key)
    }

    /// Whether a source holds the truth of a key.
    pub fn has_source(&self, key: &[u8]) -> bool {
        self.keyspaces.has_source(key)
    }

    /// The name of a key's keyspace.
    pub fn keyspace_of(&self, key: &[u8]) -> Option<Arc<str>> {
        self.keyspaces.find(key).map(|(keyspace, _)| keyspace.name.clone())
    }

    /// How a key with a source is written where a request does not say; `None` for other keys.
    pub fn written_by(&self, key: &[u8]) -> Option<Strategy> {
        let (keyspace, _) = self.keyspaces.find(key)?;
        keyspace.backing.as_ref().map(|_| keyspace.write)
    }

    /// The name of the keyspace to whose source a key's value belongs, so that it is not to be changed in memory alone.
    pub fn belongs_to_source(&self, key: &[u8]) -> Option<&str> {
        let (keyspace, _) = self.keyspaces.find(key)?;
        let belongs = keyspace.backing.is_some() && keyspace.write != Strategy::CacheOnly;
        belongs.then_some(&*keyspace.name)
    }

    /// A key of the first keyspace, to show to people.
    pub fn example_key(&self) -> Option<String> {
        self.keyspaces.all.first().map(|keyspace| keyspace.example())
    }
}
