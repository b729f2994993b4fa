//! A node's disk: what was persisted comes back, and nothing else does.

use std::sync::Arc;

use clearwell_cluster::decree::Word;
use clearwell_cluster::{Entry, Persist, View, slot};

/// A log that each start reads whole and then writes anew, without what later records took away.
#[derive(Debug, Default)]
pub struct Disk {
    ballot: Option<Word>,
    view: Option<Arc<View>>,
    /// Of the log, what concerns the journal.
    journal: Vec<Persist>,
}

impl Disk {
    /// Writes, with an fsync behind it: a crash is before it or after it.
    pub fn write(&mut self, what: Persist) {
        match what {
            Persist::Ballot(word) => self.ballot = Some(word),
            Persist::View(view) => self.view = Some(view),
            what => self.journal.push(what),
        }
    }

    /// The last word of a voter.
    pub fn ballot(&self) -> Option<&Word> {
        self.ballot.as_ref()
    }

    /// All that a restart finds, in order. `slots` is how many slots there are.
    pub fn read(&mut self, slots: u16) -> Vec<Persist> {
        let ballot = self.ballot.iter().cloned().map(Persist::Ballot);
        let view = self.view.iter().cloned().map(Persist::View);
        let all = ballot.chain(view).chain(self.journal.iter().cloned()).collect();
        let journal = compacted(slots, std::mem::take(&mut self.journal));
        self.journal = journal.into_iter().map(Persist::Journal).collect();
        all
    }
}

/// The values that a log leaves.
fn compacted(slots: u16, log: Vec<Persist>) -> Vec<Entry> {
    let mut journal: Vec<Entry> = Vec::new();
    for what in log {
        match what {
            Persist::Journal(entry) => journal.push(entry),
            Persist::Flushed(key, up_to) => journal.retain(|entry| entry.key != key || entry.version > up_to),
            Persist::Slots { slots: these, journal: theirs } => {
                journal.retain(|entry| !these.contains(&slot::slot_of(&entry.key, slots)));
                journal.extend(theirs);
            }
            Persist::Ballot(_) | Persist::View(_) => {}
        }
    }
    journal
}
