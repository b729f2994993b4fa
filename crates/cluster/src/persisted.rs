//! What counts of all that a member gave to its disk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::decree::Word;
use crate::hold::Hold;
use crate::slot::slot_of;
use crate::{Bytes, Entry, Epoch, Peer, Persist, Slot, View};

/// What is left of a log of [`Persist`]: what a restart goes on with, and what a log must have that takes the place of a longer one.
///
/// A disk may write its log anew behind the old one, let go of the old one from its beginning on, and die at any moment: a beginning of what
/// [`Persisted::read`] gives, kept behind all that made it, changes nothing; and all of it behind an end of that makes the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Persisted {
    slots: u16,
    pub(crate) ballot: Option<Word>,
    pub(crate) view: Option<Arc<View>>,
    /// To whom a voter granted leases, from this view on.
    pub(crate) granted: BTreeSet<(Epoch, Peer)>,
    /// The newest write of each key that its source does not have yet.
    pub(crate) journal: BTreeMap<Bytes, Entry>,
    pub(crate) holds: BTreeMap<(Slot, u64), Hold>,
}

impl Persisted {
    /// Nothing, where there are so many slots.
    pub fn new(slots: u16) -> Persisted {
        Persisted {
            slots,
            ballot: None,
            view: None,
            granted: BTreeSet::new(),
            journal: BTreeMap::new(),
            holds: BTreeMap::new(),
        }
    }

    /// Takes the next thing, in the order in which all was given to the disk.
    pub fn keep(&mut self, what: Persist) {
        match what {
            Persist::Ballot(word) => self.ballot = Some(word),
            Persist::View(view) => {
                self.granted.retain(|(epoch, _)| *epoch >= view.epoch);
                self.view = Some(view);
            }
            Persist::Granted(epoch, owner) => {
                if self.view.as_ref().is_none_or(|view| epoch >= view.epoch) {
                    self.granted.insert((epoch, owner));
                }
            }
            Persist::Journal(entry) => self.keep_entry(entry),
            Persist::Flushed(key, up_to) => {
                if self.journal.get(&key).is_some_and(|entry| entry.version <= up_to) {
                    self.journal.remove(&key);
                }
            }
            Persist::Hold(hold) => self.keep_hold(hold),
            Persist::Released(slot, id) => {
                self.holds.remove(&(slot, id));
            }
            Persist::Slots { slots: these, journal, holds } => {
                let within = |slot: Slot| these.binary_search(&slot).is_ok();
                self.journal.retain(|key, _| !within(slot_of(key, self.slots)));
                self.holds.retain(|(slot, _), _| !within(*slot));
                journal.into_iter().for_each(|entry| self.keep_entry(entry));
                holds.into_iter().for_each(|hold| self.keep_hold(hold));
            }
        }
    }

    fn keep_entry(&mut self, entry: Entry) {
        self.journal.insert(entry.key.clone(), entry);
    }

    fn keep_hold(&mut self, hold: Hold) {
        self.holds.insert((hold.slot(self.slots), hold.id), hold);
    }

    /// All of it, in an order in which it can be kept again.
    pub fn read(&self) -> impl Iterator<Item = Persist> + '_ {
        let ballot = self.ballot.iter().cloned().map(Persist::Ballot);
        let view = self.view.iter().cloned().map(Persist::View);
        let granted = self.granted.iter().map(|&(epoch, owner)| Persist::Granted(epoch, owner));
        let journal = self.journal.values().cloned().map(Persist::Journal);
        let holds = self.holds.values().cloned().map(Persist::Hold);
        ballot.chain(view).chain(granted).chain(journal).chain(holds)
    }

    /// The last word of a voter.
    pub fn ballot(&self) -> Option<&Word> {
        self.ballot.as_ref()
    }
}
