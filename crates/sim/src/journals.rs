//! Who knows that a write-back has reached the source: as long as one holder does not, it may hide what others commit.

use std::collections::{BTreeMap, BTreeSet};

use clearwell_cluster::{Entry, Persist, slot};

use crate::names::{KeyId, Names, number};

/// What lies in the hosts' journals, by key and host, and what was said of it.
#[derive(Debug, Default)]
pub struct Journals {
    kept: BTreeMap<(KeyId, usize), BTreeSet<u64>>,
    flushed: BTreeSet<(KeyId, u64)>,
    /// Somebody had it in the journal and never learned that it was flushed.
    unknown: BTreeSet<(KeyId, u64)>,
}

impl Journals {
    /// A host hands something to its disk: from now on it has the values in it.
    pub fn note_handed(&mut self, host: usize, what: &Persist) {
        let entries = match what {
            Persist::Journal(entry) => std::slice::from_ref(entry),
            Persist::Slots { journal, .. } => journal,
            Persist::Ballot(_)
            | Persist::View(_)
            | Persist::Granted(..)
            | Persist::Flushed(..)
            | Persist::Hold(_)
            | Persist::Released(..) => &[],
        };
        for entry in entries {
            self.kept.entry((number(&entry.key), host)).or_default().insert(entry.version.0);
        }
    }

    /// What a host handed to its disk lasts; there are so many slots.
    pub fn note(&mut self, host: usize, names: &Names, slots: u16, what: &Persist) {
        match what {
            Persist::Journal(entry) => self.replace(host, entry),
            Persist::Flushed(key, up_to) => {
                let key = number(key);
                self.flushed.insert((key, up_to.0));
                if let Some(kept) = self.kept.get_mut(&(key, host)) {
                    kept.retain(|rank| *rank > up_to.0);
                }
            }
            Persist::Slots { slots: these, journal, .. } => {
                let within = |key: KeyId| these.contains(&slot::slot_of(names.key(key), slots));
                let kept = self.kept.iter_mut().filter(|((key, at), _)| *at == host && within(*key));
                for ((key, _), kept) in kept {
                    self.unknown.extend(std::mem::take(kept).into_iter().map(|rank| (*key, rank)));
                }
                journal.iter().for_each(|entry| self.replace(host, entry));
            }
            Persist::Ballot(_)
            | Persist::View(_)
            | Persist::Granted(..)
            | Persist::Hold(_)
            | Persist::Released(..) => {}
        }
    }

    /// Whether all who had it in their journals learned that the source has it.
    pub fn is_known(&self, key: KeyId, rank: u64) -> bool {
        let kept = self.kept.range((key, 0)..=(key, usize::MAX)).any(|(_, kept)| kept.contains(&rank));
        self.flushed.contains(&(key, rank)) && !kept && !self.unknown.contains(&(key, rank))
    }

    fn replace(&mut self, host: usize, entry: &Entry) {
        let key = number(&entry.key);
        let kept = self.kept.entry((key, host)).or_default();
        // What was handed to the disk after it stays.
        let after = kept.split_off(&entry.version.0);
        let before = std::mem::replace(kept, after);
        kept.insert(entry.version.0);
        self.unknown.extend(before.into_iter().map(|rank| (key, rank)));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use clearwell_cluster::Meta;
    use clearwell_engine::Version;

    use super::*;

    #[test]
    fn a_flush_is_known_when_each_holder_has_learned_of_it() {
        let names = Names::new(10, 3);
        let key = names.key(6).clone();
        let none: Arc<[clearwell_cluster::Bytes]> = Arc::from([]);
        let version = Version(9);
        let (tags, dependencies) = (Arc::clone(&none), none);
        let (events, expiry, meta) = (Arc::from([]), None, Meta::default());
        let entry =
            Entry { key: key.clone(), value: None, version, tags, dependencies, events, expiry, meta };
        let newer = Entry { version: Version(10), ..entry.clone() };
        let mut journals = Journals::default();
        let mut note = |host: usize, what: Persist| {
            journals.note(host, &names, 8, &what);
            journals.is_known(6, 9)
        };
        assert!(!note(1, Persist::Journal(entry.clone())) && !note(2, Persist::Journal(entry)));
        assert!(!note(1, Persist::Flushed(key.clone(), version)), "the replica would go on with it");
        assert!(note(2, Persist::Flushed(key, version)));
        assert!(note(1, Persist::Journal(newer)));
    }
}
