//! Fills that wait to be sent: rows that were read from the database and are not in the cache yet.

use std::collections::VecDeque;

use super::checker::WriteCounts;

/// A row on its way into the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowFill {
    /// Its key.
    pub key: u32,
    /// The row as it was when it was read.
    pub version: WriteCounts,
    /// The fill lease that came with the miss, where one was asked for.
    pub lease: Option<Vec<u8>>,
}

/// Fills in the order in which they may go.
#[derive(Debug, Default)]
pub struct Fills {
    ready: VecDeque<RowFill>,
    /// Held back until so many requests were sent in all; in that order.
    held: VecDeque<(u64, RowFill)>,
}

impl Fills {
    /// Adds a fill that may go at once.
    pub fn add(&mut self, fill: RowFill) {
        self.ready.push_back(fill);
    }

    /// Adds a fill that may go when `due` requests were sent. `due` never falls from call to call.
    pub fn hold(&mut self, fill: RowFill, due: u64) {
        self.held.push_back((due, fill));
    }

    /// The next fill that may go after `sent` requests; a held one before one that came later.
    pub fn take(&mut self, sent: u64) -> Option<RowFill> {
        match self.held.front() {
            Some((due, _)) if *due <= sent => self.held.pop_front().map(|(_, fill)| fill),
            _ => self.ready.pop_front(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(key: u32) -> RowFill {
        RowFill { key, version: WriteCounts::default(), lease: None }
    }

    #[test]
    fn a_held_fill_goes_when_its_time_has_come() {
        let mut fills = Fills::default();
        fills.hold(fill(1), 10);
        fills.add(fill(2));
        assert_eq!(fills.take(9), Some(fill(2)));
        assert_eq!(fills.take(9), None);
        assert_eq!(fills.take(10), Some(fill(1)));
        assert_eq!(fills.take(u64::MAX), None);
    }
}
