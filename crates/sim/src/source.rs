//! A model database: rows with a total order of commits, and fences by slot.

use std::num::NonZeroU64;
use std::sync::Arc;

use clearwell_cluster::{Bytes, Entry, Epoch, Meta, Slot};
use clearwell_engine::{EventPattern, Version};

use crate::events::Events;
use crate::lives::{Lives, meta_of};
use crate::names::{KeyId, Names};
use crate::queue::Micros;
use crate::rng::mix;
use crate::value::{Stamp, WriteId, encode};

/// What is known of a write, from the moment when somebody wanted it.
#[derive(Debug, Clone, Copy)]
pub struct Written {
    /// Its key.
    pub key: KeyId,
    /// Whether it removes the value.
    pub removes: bool,
    /// How long its value is to live.
    pub ttl_ms: Option<NonZeroU64>,
}

/// A commit. Its version is its place in the log, from 1.
#[derive(Debug, Clone, Copy)]
pub struct Commit {
    /// When.
    pub at: Micros,
    /// The key.
    pub key: KeyId,
    /// The write.
    pub write: WriteId,
    /// Whether the cluster made it, as against a writer behind its back.
    pub through: bool,
    /// When the feed's invalidation of it was acknowledged.
    pub told: Option<Micros>,
}

/// What a load says of the order of what it read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tells {
    /// The row's version.
    Exactly,
    /// How many commits there were at least: those from before it was sent.
    AtLeast,
    /// Nothing.
    Nothing,
}

/// The database.
#[derive(Debug)]
pub struct Source {
    /// All commits in order.
    pub log: Vec<Commit>,
    /// All writes; the first is nobody's.
    pub writes: Vec<Written>,
    /// How long values live.
    pub lives: Lives,
    /// What a load says of the order of what it read.
    pub tells: Tells,
    newest: Vec<u32>,
    by_write: Vec<u32>,
    fences: Vec<Epoch>,
    value_bytes: usize,
    tags: Vec<Arc<[Bytes]>>,
    depends: Vec<Arc<[Bytes]>>,
    keys: Vec<Bytes>,
    events: Events,
    fixed: Vec<Option<(u32, u32)>>,
}

impl Source {
    /// A database without rows.
    pub fn new(names: &Names, slots: u16, value_bytes: usize) -> Source {
        let none: Arc<[Bytes]> = Arc::from([]);
        let on = |id| names.depends(id).map_or(Arc::clone(&none), |on| Arc::from([names.key(on).clone()]));
        Source {
            log: Vec::new(),
            writes: vec![Written { key: 0, removes: false, ttl_ms: None }],
            lives: Lives::NONE,
            tells: Tells::Exactly,
            newest: vec![0; names.key_count() as usize],
            by_write: vec![0],
            fences: vec![Epoch(0); usize::from(slots)],
            value_bytes,
            tags: (0..names.tag_count()).map(|tag| names.tag_list(tag)).collect(),
            depends: (0..names.key_count()).map(on).collect(),
            keys: (0..names.key_count()).map(|id| names.key(id).clone()).collect(),
            fixed: (0..names.key_count()).map(|id| names.fixed(id)).collect(),
            events: names.events.clone(),
        }
    }

    /// Somebody wants to write.
    pub fn intend(&mut self, key: KeyId, removes: bool) -> WriteId {
        let ttl_ms = self.lives.of(self.writes.len() as WriteId).filter(|_| !removes);
        self.writes.push(Written { key, removes, ttl_ms });
        self.by_write.push(0);
        (self.writes.len() - 1) as WriteId
    }

    /// The tag of what a write wrote: so most writes of a key move it from one tag to another, unless the key's is fixed.
    pub fn tag_of(&self, write: WriteId) -> u32 {
        let drawn = || (mix(u64::from(write)) % self.tags.len() as u64) as u32;
        self.fixed(write).map_or_else(drawn, |(tag, _)| tag)
    }

    /// The events of what a write wrote, by number.
    pub fn event_of(&self, write: WriteId) -> u32 {
        const OTHERWISE: u64 = 0x51ab;
        let drawn = || (mix(u64::from(write) ^ OTHERWISE) % u64::from(self.events.pattern_count())) as u32;
        self.fixed(write).map_or_else(drawn, |(_, events)| events)
    }

    /// The same as patterns.
    pub fn events_of(&self, write: WriteId) -> Arc<[EventPattern]> {
        self.events.patterns(self.event_of(write))
    }

    fn fixed(&self, write: WriteId) -> Option<(u32, u32)> {
        self.writes.get(write as usize).and_then(|written| self.fixed[written.key as usize])
    }

    /// How long what a write wrote is to live.
    pub fn ttl_of(&self, write: WriteId) -> Option<NonZeroU64> {
        self.writes.get(write as usize).and_then(|written| written.ttl_ms)
    }

    /// That tag, as a list of names.
    pub fn tags_of(&self, write: WriteId) -> Arc<[Bytes]> {
        Arc::clone(&self.tags[self.tag_of(write) as usize])
    }

    /// What a write's value looks like when it did not come from here.
    pub fn value_of(&self, write: WriteId) -> Option<Bytes> {
        let removes = self.writes[write as usize].removes;
        (!removes).then(|| encode(write, self.value_bytes))
    }

    /// Reads a row, for a statement that was sent when the log had so many commits.
    pub fn read(&self, key: KeyId, sent_at: usize, now: Micros) -> Entry {
        let version = self.newest[key as usize];
        let write = version.checked_sub(1).map_or(0, |place| self.log[place as usize].write);
        let there = write != 0 && !self.writes[write as usize].removes;
        let meta = meta_of(write);
        let stamp = Stamp { read: now, version: u64::from(version) };
        Entry {
            key: self.keys[key as usize].clone(),
            value: there.then(|| encode(write, self.value_bytes)),
            version: Version(match self.tells {
                Tells::Exactly => stamp.version,
                Tells::AtLeast => sent_at as u64,
                Tells::Nothing => 0,
            }),
            tags: self.tags_of(write),
            dependencies: Arc::clone(&self.depends[key as usize]),
            events: self.events_of(write),
            expiry: None,
            meta: Meta { content_type: Some(stamp.put_on(meta.content_type.as_deref())), ..meta },
        }
    }

    /// Commits. The same write twice is one commit when `once`.
    pub fn commit(&mut self, write: WriteId, through: bool, once: bool, now: Micros) -> Version {
        let before = self.by_write[write as usize];
        if once && before != 0 {
            return Version(u64::from(before));
        }
        let key = self.writes[write as usize].key;
        self.log.push(Commit { at: now, key, write, through, told: None });
        let version = self.log.len() as u32;
        self.newest[key as usize] = version;
        self.by_write[write as usize] = version;
        Version(u64::from(version))
    }

    /// Whether a statement of this epoch may change the slot's keys.
    pub fn admits(&self, fence: (Slot, Epoch)) -> bool {
        fence.1 >= self.fences[usize::from(fence.0.0)]
    }

    /// Refuses statements of earlier epochs from now on.
    pub fn fence(&mut self, slots: &[Slot], epoch: Epoch) {
        for slot in slots {
            let fence = &mut self.fences[usize::from(slot.0)];
            *fence = epoch.max(*fence);
        }
    }

    /// The version of a key's row, 0 for none.
    pub fn newest(&self, key: KeyId) -> u64 {
        u64::from(self.newest[key as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{Value, found};

    #[test]
    fn commits_are_ordered_read_back_and_fenced() {
        let mut source = Source::new(&Names::new(10, 3), 8, 0);
        let (one, two) = (source.intend(1, false), source.intend(1, true));
        assert_eq!(source.commit(one, true, true, 10), Version(1));
        assert_eq!(source.commit(one, true, true, 11), Version(1), "one write is one commit");
        let entry = source.read(1, 0, 12);
        let content_type = entry.meta.content_type.as_deref();
        let (value, version) = found(entry.value.as_deref(), content_type, 0);
        assert_eq!((value, version), (Some(Value { write: one, read: 12 }), 1));
        source.commit(two, false, true, 13);
        let entry = source.read(1, 1, 14);
        assert_eq!((entry.value, entry.version), (None, Version(2)));
        source.fence(&[Slot(3)], Epoch(4));
        assert!(!source.admits((Slot(3), Epoch(3))) && source.admits((Slot(3), Epoch(4))));
        assert!(source.admits((Slot(2), Epoch(1))));
    }
}
