//! What a decoder has read before, by its bytes. Equal bytes are equal values: whoever asks again gets the same one.

use std::sync::Arc;

use clearwell_cluster::{Planted, Record, View};

/// How many views it remembers: the present view, the next one, and those that they came from.
const VIEWS: usize = 4;

/// How many records, each at a place of its own.
const RECORDS: usize = 256;

/// What was read before.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// A view comes from each voter and again with each question, and a table of all slots belongs to it.
    views: Vec<(Box<[u8]>, Arc<View>)>,
    /// Empty unless somebody reads what the same owner says to many.
    records: Vec<(Vec<u8>, Option<Arc<Record>>)>,
    /// The fault that is switched on; does nothing without the feature `planted`.
    pub fault: Option<Planted>,
}

impl Known {
    /// Remembers records too.
    pub fn with_records() -> Known {
        Known { records: vec![(Vec::new(), None); RECORDS], ..Known::default() }
    }

    /// Whether a planted fault is on.
    pub fn has(&self, fault: Planted) -> bool {
        cfg!(feature = "planted") && self.fault == Some(fault)
    }

    /// The view of these bytes, if it was read lately.
    pub fn view(&mut self, bytes: &[u8]) -> Option<Arc<View>> {
        let at = self.views.iter().position(|(read, _)| **read == *bytes)?;
        let found = self.views.remove(at);
        let view = Arc::clone(&found.1);
        self.views.push(found);
        Some(view)
    }

    /// Remembers one, and forgets what was not asked for the longest.
    pub fn keep_view(&mut self, bytes: &[u8], view: &Arc<View>) {
        if self.views.len() == VIEWS {
            self.views.remove(0);
        }
        self.views.push((bytes.into(), Arc::clone(view)));
    }

    /// Whether records are remembered.
    pub fn has_records(&self) -> bool {
        !self.records.is_empty()
    }

    /// The record of these bytes, if it was read lately and no other has taken its place.
    pub fn record(&self, bytes: &[u8]) -> Option<Arc<Record>> {
        let (read, record) = self.records.get(place(bytes))?;
        if *read == bytes { record.clone() } else { None }
    }

    /// Remembers one.
    pub fn keep_record(&mut self, bytes: &[u8], record: &Arc<Record>) {
        if let Some((read, kept)) = self.records.get_mut(place(bytes)) {
            read.clear();
            read.extend_from_slice(bytes);
            *kept = Some(Arc::clone(record));
        }
    }
}

/// A record begins with its length and its position, of which the low bits change most.
fn place(bytes: &[u8]) -> usize {
    let front = bytes.iter().take(4).fold(0usize, |sum, &byte| sum.wrapping_mul(31) + usize::from(byte));
    front % RECORDS
}
