//! Records of one owner that are kept for contents that may arrive later.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::Position;
use crate::record::Record;

/// The most records that are kept, and the most bytes.
const RECORDS_MOST: usize = 8192;
const BYTES_MOST: usize = 16 << 20;

/// The last records of an owner, in order.
#[derive(Debug, Default)]
pub struct Early {
    records: VecDeque<Arc<Record>>,
    bytes: usize,
}

impl Early {
    /// Keeps a record. Returns the place of the last one that had to go for it.
    pub fn keep(&mut self, record: Arc<Record>) -> Option<Position> {
        self.bytes += record.bytes();
        self.records.push_back(record);
        let mut dropped = None;
        while self.records.len() > RECORDS_MOST || (self.bytes > BYTES_MOST && self.records.len() > 1) {
            let oldest = self.records.pop_front()?;
            self.bytes -= oldest.bytes();
            dropped = Some(oldest.position);
        }
        dropped
    }

    /// Those behind a place.
    pub fn after(&self, place: Position) -> impl Iterator<Item = &Arc<Record>> {
        let first = self.records.partition_point(|record| record.position <= place);
        self.records.range(first..)
    }

    /// How many bytes they take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Change;
    use crate::{Bytes, Entry, Meta};

    #[test]
    fn they_are_few_and_small_together() {
        let (mut early, mut dropped) = (Early::default(), None);
        for position in (1..=100).map(Position) {
            let entry = Entry { value: Some(vec![7u8; 1 << 20].into()), ..small() };
            let change = Change::Put { entry, as_of: Vec::new() };
            dropped = dropped.max(early.keep(record(position, change)));
        }
        assert!(early.bytes() <= BYTES_MOST && early.records.len() == 15, "{}", early.records.len());
        assert_eq!(dropped, Some(Position(85)));
        assert_eq!(early.after(Position(98)).map(|record| record.position.0).collect::<Vec<_>>(), [99, 100]);
        for position in (101..=20_000).map(Position) {
            early.keep(record(position, Change::Intent { key: small().key }));
        }
        assert_eq!(early.records.len(), RECORDS_MOST);
        let bytes: usize = early.records.iter().map(|record| record.bytes()).sum();
        assert_eq!(early.bytes(), bytes);
    }

    fn small() -> Entry {
        let (version, none) = (clearwell_words::Version(1), Arc::<[Bytes]>::from([]));
        let (key, tags) = (Bytes::from(b"k".as_slice()), Arc::clone(&none));
        let (events, expiry, meta) = ([].into(), None, Meta::default());
        Entry { key, value: None, version, tags, dependencies: none, events, expiry, meta }
    }

    fn record(position: Position, change: Change) -> Arc<Record> {
        let (slot, version, cause) = (None, None, clearwell_words::Cause::Write);
        Arc::new(Record { position, slot, change, version, cause, depth: 0 })
    }
}
