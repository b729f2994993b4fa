//! From what a client or a source gave to what the engine stores.

use std::borrow::Cow;

use clearwell_engine::{Codec, Draft, EventPattern, Millis, Outcome, Packed, Version};

use super::{Node, Put};
use crate::keyspace::{Keyspace, Names, Seen};

/// An entry to be; the engine borrows it. Its value may be that of a request.
#[derive(Debug, Default)]
pub(crate) struct EntryDraft<'v> {
    pub value: Option<Cow<'v, [u8]>>,
    /// The value compressed, to be kept so.
    pub packed: Option<(Codec, Vec<u8>)>,
    pub expires: Option<Millis>,
    pub grace_ms: u64,
    pub names: Names,
    pub version: Option<Version>,
    pub priority: u8,
    pub content_type: Option<Box<str>>,
    pub load_ms: u32,
}

impl EntryDraft<'_> {
    /// What who waits for its load is told.
    pub fn outcome(&self) -> Outcome {
        self.value.as_ref().map_or(Outcome::Absent, |value| Outcome::Value((**value).into()))
    }

    /// Lends it to the engine.
    pub fn lend<T>(&self, to: impl FnOnce(&Draft<'_>) -> T) -> T {
        let tags: Vec<&[u8]> = self.names.tags.iter().map(|tag| &**tag).collect();
        let dependencies: Vec<&[u8]> = self.names.dependencies.iter().map(|name| &**name).collect();
        to(&Draft {
            value: self.value.as_deref(),
            packed: self.packed.as_ref().map(|(codec, bytes)| Packed { codec: *codec, bytes }),
            expires: self.expires,
            ttl_ms: None,
            grace_ms: self.grace_ms,
            tags: &tags,
            dependencies: &dependencies,
            events: &self.names.events,
            version: self.version,
            priority: self.priority,
            content_type: self.content_type.as_deref(),
            load_ms: self.load_ms,
        })
    }
}

impl Node {
    /// What a client gives for a key, completed by the key's keyspace; for writes that look at the old value first.
    pub(crate) fn draft_of<'v>(&self, key: &[u8], put: Put<'v>) -> EntryDraft<'v> {
        match self.keyspaces.find(key) {
            Some((keyspace, captures)) => {
                self.put_draft(put, Some(keyspace), keyspace.names(key, &captures, Seen::Unread))
            }
            None => self.put_draft(put, None, Names::default()),
        }
    }

    /// What a client put, completed by its keyspace. `names` are those that the keyspace gives this key.
    pub(super) fn put_draft<'v>(
        &self,
        put: Put<'v>,
        keyspace: Option<&Keyspace>,
        names: Names,
    ) -> EntryDraft<'v> {
        let ttl = || keyspace.and_then(|keyspace| self.expiry(keyspace, keyspace.ttl_ms));
        EntryDraft {
            packed: keyspace.and_then(|keyspace| keyspace.values.pack(&put.value)),
            value: Some(put.value),
            expires: put.expires.unwrap_or_else(ttl),
            grace_ms: keyspace.map_or(0, |keyspace| keyspace.grace_ms),
            names: Names {
                tags: union(put.tags, names.tags),
                dependencies: union(put.dependencies, names.dependencies),
                events: union::<EventPattern>(put.events, names.events),
            },
            version: None,
            priority: put.priority.or(keyspace.map(|keyspace| keyspace.priority)).unwrap_or(0),
            content_type: put.content_type,
            load_ms: 0,
        }
    }

    /// When an entry that is stored now expires: its TTL less a random share, so that what was stored together does
    /// not expire together.
    pub(super) fn expiry(&self, keyspace: &Keyspace, ttl_ms: Option<u64>) -> Option<Millis> {
        let ttl = ttl_ms?;
        let less = (ttl as f64 * keyspace.ttl_jitter * fastrand::f64()) as u64;
        Some(self.clock.now().plus(ttl.saturating_sub(less).max(1)))
    }
}

fn union<T: PartialEq>(mut names: Vec<T>, more: Vec<T>) -> Vec<T> {
    if names.is_empty() {
        return more;
    }
    for name in more {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
