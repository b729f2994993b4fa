//! Records on their way to many holders, who are told in parts: a step tells some of them, and the steps that follow tell the others.
//!
//! Whom a record concerns is decided at its place in the log. A holder that has not been told of it yet must learn nothing that stands
//! behind that place. So whoever says anything to a holder, or of how far it is, first tells it all that is for it ([`Untold::of`]).

use std::collections::VecDeque;
use std::sync::Arc;

use super::holders::Number;
use crate::Position;
use crate::record::Record;

/// What a holder is to be told.
#[derive(Debug, Clone)]
pub(super) struct Telling {
    /// The record's place.
    pub position: Position,
    /// The record; `None` where the holder was told of it, and is only asked for its word.
    pub record: Option<Arc<Record>>,
    /// Somebody waits for the holder's word.
    pub reply: bool,
}

impl Telling {
    /// A record for whose confirmation nobody waits.
    pub fn of(record: &Arc<Record>) -> Telling {
        Telling { position: record.position, record: Some(Arc::clone(record)), reply: false }
    }
}

/// What is told, and those who are told.
#[derive(Debug)]
struct Addressed {
    what: Telling,
    /// Sorted.
    holders: Arc<[Number]>,
    /// How many of them were told.
    told: usize,
}

/// All of them, in the log's order.
#[derive(Debug, Default)]
pub(super) struct Untold {
    all: VecDeque<Addressed>,
    /// How many holders are to be told, summed over the records.
    left: usize,
}

impl Untold {
    /// Whether nobody is to be told of anything.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// How many holders are to be told, summed over the records.
    pub fn left(&self) -> usize {
        self.left
    }

    /// These are to be told of a record, which is the log's last.
    pub fn add(&mut self, record: &Arc<Record>, holders: Arc<[Number]>) {
        self.push(Telling::of(record), holders);
    }

    fn push(&mut self, what: Telling, holders: Arc<[Number]>) {
        if !holders.is_empty() {
            self.left += holders.len();
            self.all.push_back(Addressed { what, holders, told: 0 });
        }
    }

    /// Somebody waits for the word of these, to whom the record of this place goes or went.
    pub fn ask_reply(&mut self, position: Position, holders: &Arc<[Number]>) {
        let is_at = |addressed: &&mut Addressed| addressed.what.position == position && addressed.told == 0;
        match self.all.iter_mut().rev().find(is_at) {
            Some(addressed) => addressed.what.reply = true,
            None => self.push(Telling { position, record: None, reply: true }, Arc::clone(holders)),
        }
    }

    /// The next who is to be told.
    pub fn next(&mut self) -> Option<(Number, Telling)> {
        let first = self.all.front_mut()?;
        let next = (first.holders[first.told], first.what.clone());
        first.told += 1;
        self.left -= 1;
        if first.told == first.holders.len() {
            self.all.pop_front();
        }
        Some(next)
    }

    /// What one holder is to be told, in the log's order. It may have been told already, out of its turn.
    pub fn of(&self, number: Number) -> impl Iterator<Item = &Telling> {
        let is_left =
            move |addressed: &&Addressed| addressed.holders[addressed.told..].binary_search(&number).is_ok();
        self.all.iter().filter(is_left).map(|addressed| &addressed.what)
    }
}
