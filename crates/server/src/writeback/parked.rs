//! The dead-letter queue of write-back: writes that a source refused are parked here, in a journal of their own so that they hold up no
//! other write, until an operator decides about each.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;

use super::cost;
use super::record::{self, PendingWrite};
use crate::journal::{Damage, Journal, JournalError, Order};

/// The refused writes, the newest of each key.
pub struct DeadLetters {
    journal: Journal,
    rows: Mutex<BTreeMap<Box<[u8]>, PendingWrite>>,
    /// What `rows` cost.
    bytes: AtomicU64,
}

fn cost_of(row: &PendingWrite) -> u64 {
    cost(&row.key, row.value.as_deref()) + row.message.len() as u64
}

/// What is called when something is kept, or is not.
pub type Kept = Box<dyn FnOnce(Result<(), JournalError>) + Send>;

impl DeadLetters {
    /// Opens the folder that they are kept in.
    pub fn open(folder: &Path) -> Result<(DeadLetters, Vec<Damage>), JournalError> {
        let (journal, contents) = Journal::open(folder, Order::Apart)?;
        let rows = record::fold(contents.records).0;
        let bytes = AtomicU64::new(rows.iter().map(cost_of).sum());
        let rows = rows.into_iter().map(|row| (row.key.clone(), row)).collect();
        Ok((DeadLetters { journal, rows: Mutex::new(rows), bytes }, contents.damage))
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.rows.lock().len()
    }

    /// Bytes that count for them, by the measure of [`cost`].
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    fn insert(&self, row: PendingWrite) {
        self.bytes.fetch_add(cost_of(&row), Relaxed);
        let older = self.rows.lock().insert(row.key.clone(), row);
        self.bytes.fetch_sub(older.as_ref().map_or(0, cost_of), Relaxed);
    }

    /// The first `most` of them, by key.
    pub fn list(&self, most: usize) -> Vec<PendingWrite> {
        self.rows.lock().values().take(most).cloned().collect()
    }

    /// All keys, or those of `keys` that are here.
    pub fn keys(&self, keys: Option<&[Box<[u8]>]>) -> Vec<Box<[u8]>> {
        let rows = self.rows.lock();
        match keys {
            None => rows.keys().cloned().collect(),
            Some(keys) => keys.iter().filter(|key| rows.contains_key(*key)).cloned().collect(),
        }
    }

    /// One of them.
    pub fn get(&self, key: &[u8]) -> Option<PendingWrite> {
        self.rows.lock().get(key).cloned()
    }

    /// Keeps a write, in place of an older one of its key.
    pub fn park(self: &Arc<Self>, row: PendingWrite, kept: Kept) {
        let payload = record::put(&row.key, row.value.as_deref(), row.at_unix_ms, &row.message);
        let parked = self.clone();
        self.journal.append(
            payload,
            Box::new(move |written| kept(written.map(|seq| parked.insert(PendingWrite { seq, ..row })))),
        );
    }

    /// Lets go of a key's write, if there is one and it is the one of `seq`, where that is given.
    pub fn forget(self: &Arc<Self>, key: &[u8], seq: Option<u64>, kept: Kept) {
        let mut rows = self.rows.lock();
        if rows.get(key).is_some_and(|row| seq.is_some_and(|seq| seq != row.seq)) {
            drop(rows);
            return kept(Ok(()));
        }
        let row = rows.remove(key);
        drop(rows);
        let Some(row) = row else { return kept(Ok(())) };
        self.bytes.fetch_sub(cost_of(&row), Relaxed);
        let parked = self.clone();
        self.journal.append(
            record::done(&[(row.key.clone(), row.seq)]),
            Box::new(move |written| {
                if written.is_err() {
                    // It is on the disk still, so it is here still.
                    if parked.get(&row.key).is_none() {
                        parked.insert(row);
                    }
                }
                kept(written.map(drop));
            }),
        );
        let parked = Arc::downgrade(self);
        self.journal.trim(move || match parked.upgrade() {
            Some(parked) => parked.rows.lock().values().map(|row| row.seq).min(),
            None => Some(0),
        });
    }
}
