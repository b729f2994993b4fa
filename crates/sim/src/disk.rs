//! A node's disk: what was persisted comes back, and nothing else does.

use std::sync::Arc;

use clearwell_cluster::decree::Word;
use clearwell_cluster::{Entry, Persist, View, slot};

/// What lies there, the way a log that is compacted at each start would give it back.
#[derive(Debug, Default)]
pub struct Disk {
    ballot: Option<Word>,
    view: Option<Arc<View>>,
    journal: Vec<Entry>,
}

impl Disk {
    /// Writes, with an fsync behind it: a crash is before it or after it.
    /// `slots` is how many slots there are.
    pub fn write(&mut self, slots: u16, what: Persist) {
        match what {
            Persist::Ballot(word) => self.ballot = Some(word),
            Persist::View(view) => self.view = Some(view),
            Persist::Journal(entry) => self.journal.push(entry),
            Persist::Flushed(key, up_to) => {
                self.journal.retain(|entry| entry.key != key || entry.version > up_to)
            }
            Persist::Slots { slots: these, journal } => {
                self.journal.retain(|entry| !these.contains(&slot::slot_of(&entry.key, slots)));
                self.journal.extend(journal);
            }
        }
    }

    /// All that a restart finds, in order.
    pub fn read(&self) -> Vec<Persist> {
        let ballot = self.ballot.iter().cloned().map(Persist::Ballot);
        let view = self.view.iter().cloned().map(Persist::View);
        let journal = self.journal.iter().cloned().map(Persist::Journal);
        ballot.chain(view).chain(journal).collect()
    }
}
