//! A member's log: its records' places, and what they have made old. Whom its records are for, `subscribers.rs` knows.

use std::sync::Arc;

use clearwell_words::{Cause, Version};

use crate::marks::Marks;
use crate::name::Name;
use crate::record::{Change, Record};
use crate::{Config, Position, Slot};

/// The log of one member. It keeps no records: holders' hints do, for as long as they need them.
#[derive(Debug)]
pub struct OwnLog {
    head: Position,
    marks: Marks,
    /// The last record of each slot.
    last_in_slot: Vec<Position>,
}

impl OwnLog {
    /// An empty one, over so many slots.
    pub fn new(slots: u16) -> OwnLog {
        let last_in_slot = vec![Position(0); usize::from(slots)];
        OwnLog { head: Position(0), marks: Marks::default(), last_in_slot }
    }

    /// The place of the last record.
    pub fn head(&self) -> Position {
        self.head
    }

    /// Leaves a place out: what was read here before it is told from what is read after it.
    pub fn skip(&mut self) {
        self.head = self.head.next();
    }

    /// Gives a change the next place. Returns its record, and the names that it makes old.
    pub fn append(
        &mut self,
        config: &Config,
        slot: Option<Slot>,
        change: Change,
        version: Option<Version>,
        (cause, depth): (Cause, u8),
    ) -> (Arc<Record>, Vec<Name>) {
        self.head = self.head.next();
        let record = Arc::new(Record { position: self.head, slot, change, version, cause, depth });
        let old = record.old_names();
        self.marks.note(&record, &old, config);
        if let Some(last) = slot.and_then(|slot| self.last_in_slot.get_mut(usize::from(slot.0))) {
            *last = record.position;
        }
        (record, old)
    }

    /// The last record that made a name old, or may have.
    pub fn last(&self, name: &Name) -> Position {
        self.marks.last(name)
    }

    /// Up to here it is not remembered which names were made old.
    pub fn floor(&self) -> Position {
        self.marks.floor()
    }

    /// Whether nothing was done in a slot since a place.
    pub fn is_quiet(&self, slot: Slot, since: Position) -> bool {
        self.last_in_slot.get(usize::from(slot.0)).is_none_or(|last| *last <= since)
    }
}
