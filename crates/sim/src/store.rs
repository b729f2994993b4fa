//! The memory of one host: what the engine does for a node, with the same rule for freshness, over so few keys that a scan is
//! the fastest index.

use std::collections::VecDeque;

use clearwell_cluster::{Bytes, Entry, Part, Slot, digest, slot};
use clearwell_engine::{Effect, Event, Invalidation, Scope, Version};

use crate::names::{KeyId, number};

/// A copy.
#[derive(Debug)]
pub struct Held {
    /// The value.
    pub entry: Entry,
    /// Whether an invalidation with effect `Stale` covered it.
    pub stale: bool,
}

/// A name that was made old.
#[derive(Debug, PartialEq)]
enum Mark {
    Key(KeyId),
    Tag(Box<[u8]>),
    Dependents(Box<[u8]>),
    Event(Event),
    Everything,
}

/// How many marks are remembered for fills that are under way.
const MARKS_MOST: usize = 512;

/// A host's entries.
#[derive(Debug)]
pub struct Store {
    held: Vec<Option<Held>>,
    marks: VecDeque<(u64, Mark)>,
    /// Marks up to here are forgotten.
    floor: u64,
    seq: u64,
    slots: u16,
}

impl Store {
    /// An empty one, for so many keys.
    pub fn new(keys: u32, slots: u16) -> Store {
        Store { held: (0..keys).map(|_| None).collect(), marks: VecDeque::new(), floor: 0, seq: 0, slots }
    }

    /// The count of invalidations, for a load to note when it begins.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// What lies at a key.
    pub fn get(&self, key: KeyId) -> Option<&Held> {
        self.held[key as usize].as_ref()
    }

    /// What lies at a key and is not stale.
    pub fn live(&self, key: KeyId) -> Option<&Entry> {
        self.get(key).filter(|held| !held.stale).map(|held| &held.entry)
    }

    /// All copies.
    pub fn all(&self) -> impl Iterator<Item = (KeyId, &Held)> {
        self.held.iter().enumerate().filter_map(|(key, held)| Some((key as KeyId, held.as_ref()?)))
    }

    /// Stores, whatever lies there.
    pub fn put(&mut self, entry: Entry) {
        let key = number(&entry.key) as usize;
        self.held[key] = Some(Held { entry, stale: false });
    }

    /// Stores unless a newer value lies there, or something that covers it was made old since `began`.
    pub fn fill(&mut self, entry: Entry, began: Option<u64>) -> bool {
        let key = number(&entry.key);
        if began.is_some_and(|began| self.is_old(&entry, began)) {
            return false;
        }
        if self.live(key).is_some_and(|there| there.version > entry.version) {
            return false;
        }
        self.put(entry);
        true
    }

    fn is_old(&self, entry: &Entry, began: u64) -> bool {
        if began < self.floor {
            return true;
        }
        self.marks.iter().rev().take_while(|(seq, _)| *seq > began).any(|(_, mark)| covers(mark, entry))
    }

    /// Gives up a copy.
    pub fn remove(&mut self, key: KeyId) -> bool {
        self.held[key as usize].take().is_some()
    }

    /// Gives up a part of slots.
    pub fn replace(&mut self, part: &Part) {
        for held in &mut self.held {
            if held.as_ref().is_some_and(|held| part.has(&held.entry.key, self.slots)) {
                *held = None;
            }
        }
    }

    /// Gives up whole slots.
    pub fn clear(&mut self, slots: &[Slot]) {
        for held in &mut self.held {
            if held.as_ref().is_some_and(|held| slots.contains(&slot::slot_of(&held.entry.key, self.slots))) {
                *held = None;
            }
        }
    }

    /// Takes away what an invalidation covers.
    pub fn invalidate(&mut self, what: &Invalidation) {
        self.seq += 1;
        let mut names = Vec::new();
        self.cover(what, &mut names);
        if !what.cascade {
            return;
        }
        let mut at = 0;
        while at < names.len() {
            self.dependents(at, &mut names, what.effect);
            at += 1;
        }
    }

    fn cover(&mut self, what: &Invalidation, names: &mut Vec<Bytes>) {
        match &what.scope {
            Scope::Key(key) => {
                self.mark(Mark::Key(number(key)));
                names.push(Bytes::from(&**key));
                self.take(what.effect, names, what.version, |entry| *entry.key == **key);
            }
            Scope::Tag(tag) => {
                self.mark(Mark::Tag(tag.clone()));
                names.push(Bytes::from(&**tag));
                self.take(what.effect, names, None, |entry| entry.tags.iter().any(|t| **t == **tag));
            }
            Scope::Dependents(name) => {
                self.mark(Mark::Dependents(name.clone()));
                self.take(what.effect, names, None, |entry| entry.dependencies.iter().any(|d| **d == **name));
            }
            Scope::Pattern(glob) => {
                self.mark(Mark::Everything);
                self.name_covered(names, |name| glob.matches(name));
                self.take(what.effect, names, None, |entry| glob.matches(&entry.key));
            }
            Scope::Prefix(prefix) => {
                self.mark(Mark::Everything);
                self.name_covered(names, |name| name.starts_with(prefix));
                self.take(what.effect, names, None, |entry| entry.key.starts_with(prefix));
            }
            Scope::Event(event) => {
                self.mark(Mark::Event(event.clone()));
                self.take(what.effect, names, None, |entry| depends_on(entry, event));
            }
            Scope::Everything => {
                self.mark(Mark::Everything);
                self.take(what.effect, names, None, |_| true);
            }
        }
    }

    /// What is depended on here may itself lie elsewhere.
    fn name_covered(&self, names: &mut Vec<Bytes>, covers: impl Fn(&[u8]) -> bool) {
        let depended_on = self.held.iter().flatten().flat_map(|held| held.entry.dependencies.iter());
        for name in depended_on.filter(|name| covers(name)) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
    }

    fn dependents(&mut self, of: usize, names: &mut Vec<Bytes>, effect: Effect) {
        let name = names[of].clone();
        self.mark(Mark::Dependents((*name).into()));
        self.take(effect, names, None, |entry| entry.dependencies.contains(&name));
    }

    /// Takes the entries that `covered` says, and adds their keys to `names` when they are not there yet.
    fn take(
        &mut self,
        effect: Effect,
        names: &mut Vec<Bytes>,
        version: Option<Version>,
        covered: impl Fn(&Entry) -> bool,
    ) {
        for held in &mut self.held {
            let Some(there) = held.as_mut().filter(|held| covered(&held.entry)) else { continue };
            if !there.stale && version.is_some_and(|version| there.entry.version >= version) {
                continue;
            }
            if !names.contains(&there.entry.key) {
                names.push(there.entry.key.clone());
            }
            match effect {
                Effect::Gone => *held = None,
                Effect::Stale => there.stale = true,
            }
        }
    }

    fn mark(&mut self, mark: Mark) {
        if self.marks.len() == MARKS_MOST {
            self.floor = self.marks.pop_front().map_or(self.floor, |(seq, _)| seq);
        }
        self.marks.push_back((self.seq, mark));
    }

    /// Entries of these slots, slot after slot and by key, in the first behind `after`, until they take so many bytes; and where
    /// they end when there are more.
    pub fn export(
        &self,
        slots: &[Slot],
        after: Option<&Bytes>,
        bytes: usize,
    ) -> (Vec<Entry>, Option<(Slot, Bytes)>) {
        let part = Part { slots: slots.to_vec(), after: after.cloned(), end: None };
        let entries = self.held.iter().flatten().filter(|held| !held.stale).map(|held| &held.entry);
        let place = |entry: &&Entry| (slot::slot_of(&entry.key, self.slots), entry.key.clone());
        let mut within: Vec<&Entry> = entries.filter(|entry| part.has(&entry.key, self.slots)).collect();
        within.sort_by_key(place);
        let mut left = bytes;
        let mut fits = |entry: &&&Entry| {
            let room = left > 0;
            left = left.saturating_sub(entry.bytes());
            room
        };
        let count = within.iter().take_while(&mut fits).count();
        let end = (count < within.len()).then(|| place(&within[count - 1]));
        (within.into_iter().take(count).cloned().collect(), end)
    }

    /// The digest of each of these slots.
    pub fn digests(&self, slots: &[Slot]) -> Vec<(Slot, u64)> {
        let mut all = vec![0u64; usize::from(self.slots)];
        for held in self.held.iter().flatten().filter(|held| !held.stale) {
            let entry = &held.entry;
            let one = digest::digest(&entry.key, entry.version, entry.value.as_deref());
            all[usize::from(slot::slot_of(&entry.key, self.slots).0)] ^= one;
        }
        slots.iter().map(|&slot| (slot, all[usize::from(slot.0)])).collect()
    }
}

fn covers(mark: &Mark, entry: &Entry) -> bool {
    match mark {
        Mark::Key(key) => number(&entry.key) == *key,
        Mark::Tag(tag) => entry.tags.iter().any(|t| **t == **tag),
        Mark::Dependents(name) => entry.dependencies.iter().any(|d| **d == **name),
        Mark::Event(event) => depends_on(entry, event),
        Mark::Everything => true,
    }
}

fn depends_on(entry: &Entry, event: &Event) -> bool {
    entry.events.iter().any(|pattern| pattern.matches(event))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clearwell_engine::{Cause, EventPattern};

    fn entry(key: &str, version: u64, tag: &str, on: &str) -> Entry {
        let list =
            |name: &str| if name.is_empty() { [].into() } else { [Bytes::from(name.as_bytes())].into() };
        let (key, value) = (Bytes::from(key.as_bytes()), Some(Bytes::from(&b"v"[..])));
        let events = match tag.is_empty() {
            true => [].into(),
            false => [EventPattern::parse("moved{shop=1}").expect("it is well formed")].into(),
        };
        Entry { key, value, version: Version(version), tags: list(tag), dependencies: list(on), events }
    }

    fn invalidation(scope: Scope, version: Option<u64>) -> Invalidation {
        let version = version.map(Version);
        Invalidation { scope, effect: Effect::Gone, cascade: true, version, cause: Cause::Command }
    }

    #[test]
    fn a_fill_whose_load_began_before_its_tag_was_made_old_is_refused() {
        let mut store = Store::new(10, 16);
        let began = store.seq();
        store.invalidate(&invalidation(Scope::Tag((*b"t1").into()), None));
        assert!(!store.fill(entry("s1", 5, "t1", ""), Some(began)));
        assert!(store.fill(entry("s2", 5, "t2", ""), Some(began)));
        let now = store.seq();
        assert!(store.fill(entry("s1", 5, "t1", ""), Some(now)));
    }

    #[test]
    fn a_cascade_follows_dependents_and_a_version_spares_what_is_as_new() {
        let mut store = Store::new(10, 16);
        for entry in [
            entry("s1", 5, "", ""),
            entry("s2", 1, "", "s1"),
            entry("s3", 1, "", "s2"),
            entry("s4", 1, "", ""),
        ] {
            store.put(entry);
        }
        store.invalidate(&invalidation(Scope::Key((*b"s1").into()), Some(5)));
        let left: Vec<KeyId> = store.all().map(|(key, _)| key).collect();
        assert_eq!(left, [1, 4]);
    }

    #[test]
    fn an_event_takes_what_depends_on_it_and_nothing_else() {
        let mut store = Store::new(10, 16);
        store.put(entry("s1", 5, "t1", ""));
        store.put(entry("s2", 5, "", ""));
        let began = store.seq();
        let event = |shop: &str| {
            let attributes = vec![("shop".into(), shop.into()), ("by".into(), "hand".into())];
            Scope::Event(Event::new("moved", attributes).expect("it is well formed"))
        };
        store.invalidate(&invalidation(event("2"), None));
        assert!(store.live(1).is_some());
        store.invalidate(&invalidation(event("1"), None));
        assert!(store.live(1).is_none() && store.live(2).is_some());
        assert!(!store.fill(entry("s1", 6, "t1", ""), Some(began)), "the load began before the event");
        assert!(store.fill(entry("s3", 6, "", ""), Some(began)));
    }

    #[test]
    fn an_older_value_never_fills_over_a_newer_one() {
        let mut store = Store::new(10, 16);
        store.put(entry("s1", 5, "", ""));
        assert!(!store.fill(entry("s1", 4, "", ""), None));
        assert!(store.fill(entry("s1", 6, "", ""), None));
    }
}
