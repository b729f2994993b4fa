//! `write-back`, which others call write-behind: a write is acknowledged when it is in the journal, and reaches its source in batches
//! later. A `store` statement has to be idempotent, for a flush is sent again after an unclear answer.
//!
//! The journal's thread takes each durable write into its keyspace's [`Lane`], in the journal's order; readers look there
//! before anywhere else. One flusher a lane hands batches to the source, the newest value of each key, one batch at a time:
//! so the writes of a key reach the source in their order. What the source refuses is [`DeadLetters`].

mod dirty;
mod flush;
mod lane;
mod over;
mod parked;
mod record;
mod status;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

pub use dirty::cost;
pub use flush::{Outcomes, run};
pub use lane::Lane;
pub use parked::DeadLetters;
pub use record::{PendingWrite, put as put_record};
pub use status::{Flushed, Status};

use crate::journal::{Contents, Journal, JournalError, Order};
use crate::keyspace::{Keyspace, Keyspaces};

/// All that a node has not written to its sources yet.
pub struct WriteBack {
    /// What was acknowledged.
    pub journal: Journal,
    /// What was refused.
    pub parked: Arc<DeadLetters>,
    /// One for each keyspace whose source takes writes.
    pub lanes: Vec<Arc<Lane>>,
    /// Things that were wrong with the journals' files when the node started.
    pub damaged: u64,
    /// Parked writes that fell because the source took a newer one of their key.
    pub superseded: AtomicU64,
}

/// The journal's folder in the data folder.
const JOURNAL: &str = "journal";
/// Why a write of an earlier run cannot be done.
const NO_KEYSPACE: &str = "no keyspace with a source and the statement for it matches the key any more";

impl WriteBack {
    /// Opens the journals if there is anything to write back, as [`WriteBack::open`].
    ///
    /// # Errors
    /// As [`WriteBack::open`].
    pub fn open_if_needed(data: &Path, keyspaces: &Keyspaces) -> Result<Option<WriteBack>, JournalError> {
        let folder = data.join(JOURNAL);
        if !keyspaces.all.iter().any(is_written) && !folder.exists() {
            return Ok(None);
        }
        WriteBack::open(data, keyspaces).map(Some)
    }

    /// Opens the journals under the data folder, and takes in what an earlier run left unflushed.
    ///
    /// # Errors
    /// A journal cannot be read or written.
    pub fn open(data: &Path, keyspaces: &Keyspaces) -> Result<WriteBack, JournalError> {
        let (journal, Contents { records, mut damage }) = Journal::open(&data.join(JOURNAL), Order::Apart)?;
        let (parked, damage_of_parked) = DeadLetters::open(&data.join("parked"))?;
        damage.extend(damage_of_parked);
        for damage in &damage {
            tracing::error!(%damage, "the journal is not as it was written");
        }
        let (pending, unknown) = record::fold(records);
        if unknown > 0 {
            tracing::error!(unknown, "the journal holds records of a kind that this program does not know");
        }
        let lanes = keyspaces
            .all
            .iter()
            .filter(|keyspace| is_written(keyspace))
            .map(|k| Arc::new(Lane::new(k.clone())))
            .collect();
        let damaged = damage.len() as u64 + unknown;
        let back =
            WriteBack { journal, parked: Arc::new(parked), lanes, damaged, superseded: AtomicU64::new(0) };
        if !pending.is_empty() {
            tracing::info!(keys = pending.len(), "writes of an earlier run are flushed");
        }
        pending.into_iter().try_for_each(|pending| back.take_in(pending, keyspaces))?;
        Ok(back)
    }

    fn take_in(&self, pending: PendingWrite, keyspaces: &Keyspaces) -> Result<(), JournalError> {
        let lane = keyspaces.find(&pending.key).and_then(|(keyspace, _)| self.lane(keyspace));
        let can = |lane: &&Arc<Lane>| {
            let backing = lane.keyspace.backing.as_ref();
            pending.value.is_some() || backing.is_some_and(|backing| backing.delete.is_some())
        };
        if let Some(lane) = lane.filter(can) {
            lane.reserve(cost(&pending.key, pending.value.as_deref()));
            lane.write(&pending.key, pending.seq, pending.value, None);
            return Ok(());
        }
        let (told, kept) = std::sync::mpsc::channel();
        let over = record::done(&[(pending.key.clone(), pending.seq)]);
        let parked = PendingWrite { message: NO_KEYSPACE.into(), ..pending };
        self.parked.park(parked, Box::new(move |kept| drop(told.send(kept))));
        kept.recv().unwrap_or_else(|_| Err(JournalError("the journal has stopped".into())))?;
        self.journal.append(over, Box::new(|_| ()));
        Ok(())
    }

    /// The lane of a keyspace.
    pub fn lane(&self, keyspace: &Arc<Keyspace>) -> Option<&Arc<Lane>> {
        self.lanes.iter().find(|lane| Arc::ptr_eq(&lane.keyspace, keyspace))
    }
}

fn is_written(keyspace: &Arc<Keyspace>) -> bool {
    keyspace.backing.as_ref().is_some_and(|backing| backing.store.is_some())
}

impl Drop for WriteBack {
    fn drop(&mut self) {
        self.lanes.iter().for_each(|lane| lane.close());
    }
}
