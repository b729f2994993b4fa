//! What holders may have of each key, as its owner knows and those who may go on with its slot.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use clearwell_words::Version;

use crate::digest::{NOTHING, content};
use crate::name::Bytes;
use crate::part::Part;
use crate::record::{Change, Record};
use crate::slot::slot_of;
use crate::{Entry, Slot};

/// The last value of a key that was given to holders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Last {
    /// Its version; the source's as soon as that has the value, as far as it was told.
    pub version: Version,
    /// The digest of what it says ([`content`]); `None` when that is not known.
    pub content: Option<u64>,
    /// The source has it.
    pub flushed: bool,
    /// It may lie here by a version that only the cache gave ([`rank`](crate::entry::rank)). Beside one of the source that says
    /// nothing of which is newer.
    pub ranked: bool,
    /// It does not lie here any more, but others may have it still.
    pub evicted: bool,
    /// A former owner's copies are of this value. Otherwise this owner loaded it and knew of none before.
    pub inherited: bool,
}

/// What a load said of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceWord {
    /// The value has all commits up to this one; 0: nothing is known of that.
    pub version: Version,
    /// The digest of what it says.
    pub content: u64,
}

impl SourceWord {
    /// What is said by an entry; by none, that there is nothing.
    pub fn of(entry: Option<&Entry>) -> SourceWord {
        let version = entry.map(|entry| entry.version).unwrap_or_default();
        SourceWord { version, content: entry.map_or(NOTHING, content) }
    }
}

impl Last {
    fn of(said: SourceWord) -> Last {
        let SourceWord { version, content } = said;
        Last {
            version,
            content: Some(content),
            flushed: true,
            ranked: false,
            evicted: false,
            inherited: false,
        }
    }
}

/// The last values, by slot and key; of slots that a member owns or follows.
#[derive(Debug)]
pub struct Shown {
    slots: BTreeMap<Slot, BTreeMap<Bytes, Last>>,
    count: u16,
    /// Keys whose values were evicted, in that order. Some lie here again.
    evicted: VecDeque<Bytes>,
}

impl Shown {
    /// None yet, with so many slots.
    pub fn new(count: u16) -> Shown {
        Shown { slots: BTreeMap::new(), count, evicted: VecDeque::new() }
    }

    /// What was given last.
    pub fn get(&self, key: &Bytes) -> Option<Last> {
        self.slots.get(&slot_of(key, self.count))?.get(key).copied()
    }

    fn set(&mut self, key: Bytes, last: Last) {
        self.slots.entry(slot_of(&key, self.count)).or_default().insert(key, last);
    }

    /// A value that only the cache has, or that may lie here by such a version.
    pub fn put(&mut self, entry: &Entry) {
        let said = Last::of(SourceWord::of(Some(entry)));
        self.set(entry.key.clone(), Last { flushed: false, ranked: true, inherited: true, ..said });
    }

    /// A value of the source's that this owner loaded.
    pub fn loaded(&mut self, key: Bytes, said: SourceWord) {
        let inherited = self.is_inherited(&key);
        self.set(key, Last { inherited, ..Last::of(said) });
    }

    /// The source still says what was given last: as of a later place of its order, perhaps.
    pub fn loaded_again(&mut self, key: &Bytes, said: SourceWord) {
        let last = self.slots.get_mut(&slot_of(key, self.count)).and_then(|last| last.get_mut(key));
        if let Some(last) = last.filter(|last| last.flushed && !last.ranked) {
            last.version = last.version.max(said.version);
        }
    }

    /// The same of one that a replica's owner loaded.
    pub fn filled(&mut self, key: Bytes, said: SourceWord) {
        self.set(key, Last { inherited: true, ..Last::of(said) });
    }

    /// Whether it is known which value the copies are of that a former owner gave.
    pub fn is_inherited(&self, key: &Bytes) -> bool {
        self.get(key).is_some_and(|last| last.inherited)
    }

    /// The source has, as `version`, what only the cache had. It was shown until now, even if it was taken away meanwhile.
    pub fn flushed(&mut self, key: &Bytes, rank: Version, version: Version) {
        let last = self.get(key);
        if last.is_none_or(|last| last.version == rank) {
            let evicted = last.is_some_and(|last| last.evicted);
            let content = last.and_then(|last| last.content);
            let last = Last { version, content, flushed: true, ranked: true, evicted, inherited: true };
            self.set(key.clone(), last);
        }
    }

    /// It does not lie here any more.
    pub fn evicted(&mut self, key: &Bytes) {
        let last = self.slots.get_mut(&slot_of(key, self.count)).and_then(|last| last.get_mut(key));
        if let Some(last) = last.filter(|last| !last.evicted) {
            last.evicted = true;
            self.evicted.push_back(key.clone());
        }
    }

    /// The key that was evicted longest ago, when there are more than so many: it is time to forget what was given of it.
    pub fn overdue(&mut self, most: usize) -> Option<Bytes> {
        while self.evicted.len() > most {
            let oldest = self.evicted.pop_front()?;
            if self.get(&oldest).is_some_and(|last| last.evicted) {
                return Some(oldest);
            }
        }
        None
    }

    /// Forgets a key.
    pub fn remove(&mut self, key: &Bytes) {
        if self.slots.is_empty() {
            return;
        }
        let slot = slot_of(key, self.count);
        if let Some(last) = self.slots.get_mut(&slot) {
            last.remove(key);
            if last.is_empty() {
                self.slots.remove(&slot);
            }
        }
    }

    /// A commit of the source takes away values that are older than its version. `None`: all, since what lies here cannot be
    /// compared with it, or has been overwritten.
    pub fn older_than(&self, key: &Bytes, commit: Option<Version>) -> Option<Version> {
        let commit = commit?;
        let can_compare = |last: Last| last.flushed && (!last.ranked || commit <= last.version);
        self.get(key).is_none_or(can_compare).then_some(commit)
    }

    /// What a record takes away is not shown any more; values newer than the change behind it stay.
    pub fn forget(&mut self, key: &Bytes, record: &Record) {
        let older_than = match &record.change {
            Change::Invalidate { .. } => record.version,
            _ => None,
        };
        if older_than.is_none_or(|version| self.get(key).is_some_and(|last| last.version < version)) {
            self.remove(key);
        }
    }

    /// What a part of slots contained is given anew.
    pub fn replace(&mut self, part: &Part) {
        for slot in &part.slots {
            if part.begins(*slot) && part.ends(*slot) {
                self.slots.remove(slot);
            } else if let Some(last) = self.slots.get_mut(slot) {
                let first = part.after.as_ref().filter(|_| !part.begins(*slot));
                let end = part.end.as_ref().filter(|_| !part.ends(*slot));
                let first = first.map_or(Bound::Unbounded, Bound::Excluded);
                let end = end.map_or(Bound::Unbounded, Bound::Included);
                let keys: Vec<Bytes> =
                    last.range::<Bytes, _>((first, end)).map(|(key, _)| key.clone()).collect();
                keys.iter().for_each(|key| {
                    last.remove(key);
                });
            }
        }
    }

    /// Of how many keys a value was given.
    pub fn len(&self) -> usize {
        self.slots.values().map(BTreeMap::len).sum()
    }

    /// Gives up the other slots.
    pub fn retain(&mut self, stays: impl Fn(Slot) -> bool) {
        self.slots.retain(|slot, _| stays(*slot));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Meta;
    use std::sync::Arc;

    fn said(version: u64) -> SourceWord {
        SourceWord { version: Version(version), content: NOTHING }
    }

    fn entry(key: &Bytes, version: u64) -> Entry {
        Entry {
            key: key.clone(),
            value: Some(Arc::from(&b"v"[..])),
            version: Version(version),
            tags: Arc::from([]),
            dependencies: Arc::from([]),
            events: Arc::from([]),
            expiry: None,
            meta: Meta::default(),
        }
    }

    #[test]
    fn a_part_is_given_anew_and_the_rest_stays() {
        let mut shown = Shown::new(1);
        let keys = ["a", "b", "c", "d"].map(|key| Bytes::from(key.as_bytes()));
        keys.iter().for_each(|key| shown.put(&entry(key, 1)));
        let [a, _, c, _] = keys.clone();
        shown.replace(&Part { slots: vec![Slot(0)], after: Some(a.clone()), end: Some(c) });
        assert_eq!(keys.each_ref().map(|key| shown.get(key).is_some()), [true, false, false, true]);
        shown.replace(&Part { slots: vec![Slot(0)], after: None, end: Some(a) });
        assert_eq!(keys.each_ref().map(|key| shown.get(key).is_some()), [false, false, false, true]);
        shown.replace(&Part { slots: vec![Slot(0)], after: None, end: None });
        assert!(shown.slots.is_empty());
    }

    #[test]
    fn what_was_evicted_longest_ago_is_forgotten_unless_it_is_back() {
        let mut shown = Shown::new(1);
        let [a, b, c] = ["a", "b", "c"].map(|key| Bytes::from(key.as_bytes()));
        for key in [&a, &b, &c, &a] {
            shown.loaded(key.clone(), said(1));
            shown.evicted(key);
        }
        shown.loaded(b.clone(), said(1));
        assert_eq!(shown.overdue(4), None);
        assert_eq!(shown.overdue(1), Some(a.clone()), "b has come back");
        shown.remove(&a);
        assert_eq!((shown.overdue(1), shown.overdue(0)), (Some(c), None));
    }

    #[test]
    fn a_commit_spares_newer_values_of_the_source_alone() {
        let key: Bytes = b"k".as_slice().into();
        let (mut shown, commit) = (Shown::new(16), Some(Version(7)));
        assert_eq!(shown.older_than(&key, commit), commit, "nothing lies here");
        shown.put(&entry(&key, 1 << 40));
        assert_eq!(shown.older_than(&key, commit), None);
        shown.flushed(&key, Version(1 << 40), Version(6));
        assert_eq!(shown.get(&key).map(|last| last.version), Some(Version(6)));
        assert_eq!(shown.older_than(&key, commit), None, "it lies here by its old version still");
        let own = Some(Version(6));
        assert_eq!(shown.older_than(&key, own), own, "that is the very commit that the flush was");
        shown.loaded(key.clone(), said(8));
        assert_eq!(shown.older_than(&key, commit), commit);
    }
}
