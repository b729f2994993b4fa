//! The books.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::names::NameKind;
use crate::shard::Tally;
use crate::slot::EntryPlace;
use crate::{Account, Engine, Millis, Reads};

impl Engine {
    /// How reads ended, by class.
    pub fn reads(&self) -> Vec<Reads> {
        let mut sums = vec![Reads::default(); self.classes as usize];
        self.cells.iter().for_each(|cell| cell.tally.add_reads_to(&mut sums));
        sums
    }

    /// The books.
    pub fn account(&self) -> Account {
        let sum =
            |of: fn(&Tally) -> &AtomicU64| self.cells.iter().map(|cell| of(&cell.tally).load(Relaxed)).sum();
        let reads = self.reads();
        let mut account = Account {
            memory_bytes: self.shared.bytes(),
            hits: reads.iter().map(|reads| reads.hits).sum(),
            stale_hits: reads.iter().map(|reads| reads.stale_hits).sum(),
            misses: reads.iter().map(|reads| reads.misses).sum(),
            fills: sum(|tally| &tally.fills),
            fills_refused: sum(|tally| &tally.fills_refused),
            offers_refused: sum(|tally| &tally.offers_refused),
            early_refreshes: sum(|tally| &tally.early_refreshes),
            evicted: sum(|tally| &tally.evicted),
            expired: sum(|tally| &tally.expired),
            invalidated: sum(|tally| &tally.invalidated),
            removed: sum(|tally| &tally.removed),
            invalidations: self.shared.invalidations.load(Relaxed),
            tags: self.shared.names.count(NameKind::Tag),
            ..Account::default()
        };
        for cell in &self.cells {
            let shard = cell.lock.read();
            account.entries += shard.slab.len() as u64;
            account.negative_entries += shard.negative as u64;
            account.entries_with_ttl += shard.timed as u64;
            account.key_marks += shard.marks.len() as u64;
            account.outstanding_misses += shard.outstanding.total();
            account.flights += cell.flights.len() as u64;
        }
        account
    }

    /// Bytes that one entry takes, its key and value included; `None`: no such entry.
    pub fn memory_of(&self, key: &[u8], now: Millis) -> Option<u64> {
        self.peek(key, now, |view| {
            let timer = if view.expires().is_some() { 16 } else { 0 };
            view.slot.bytes() + size_of::<EntryPlace>() as u64 + size_of::<u32>() as u64 + 1 + timer
        })
    }
}
