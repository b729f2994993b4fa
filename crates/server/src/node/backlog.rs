//! Writes that were acknowledged and that their sources do not have yet.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::WriteError;
use super::load::Target;
use crate::config::Strategy;
use crate::keyspace::Keyspace;
use crate::writeback::{Flushed, Lane, PendingWrite, Status, WriteBack};

/// How long whoever needs earlier writes of a key, or of its keyspace, in the source waits for that.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a forced flush may take.
const FLUSH_PATIENCE: Duration = Duration::from_secs(60);

const NO_JOURNAL: &str = "this node has no journal; use write-through";

/// All of them; none on a node without a data folder.
pub(super) struct Backlog(Option<Arc<WriteBack>>);

impl Backlog {
    pub fn new(journals: Option<Arc<WriteBack>>) -> Backlog {
        Backlog(journals)
    }

    /// The journals, on a node that has them.
    pub fn opened(&self) -> Option<&Arc<WriteBack>> {
        self.0.as_ref()
    }

    /// The journals.
    ///
    /// # Errors
    /// The node has none.
    pub fn journals(&self) -> Result<&Arc<WriteBack>, WriteError> {
        self.0.as_ref().ok_or_else(|| WriteError::Strategy(Strategy::Back, NO_JOURNAL.into()))
    }

    /// The lane of a keyspace's writes.
    pub fn lane(&self, keyspace: &Arc<Keyspace>) -> Option<&Arc<Lane>> {
        self.0.as_ref().and_then(|back| back.lane(keyspace))
    }

    /// Whether a key has a write that the source does not have yet.
    pub fn has(&self, keyspace: &Arc<Keyspace>, key: &[u8]) -> bool {
        self.lane(keyspace).is_some_and(|lane| lane.look(key, |_| ()).is_some())
    }

    /// Whether the newest write of a key that the source does not have yet is a value; `None` when there is no such write.
    pub fn has_value(&self, keyspace: &Arc<Keyspace>, key: &[u8]) -> Option<bool> {
        self.lane(keyspace)?.look(key, |slot| slot.value.is_some())
    }

    /// Whether an unflushed write under another key may be of this key's row.
    pub fn is_overtaken(&self, keyspace: &Arc<Keyspace>, key: &[u8]) -> bool {
        self.lane(keyspace).is_some_and(|lane| lane.is_overtaken(key))
    }

    /// Waits until the source has the writes that were acknowledged for a key, so that another strategy's write comes after
    /// them there too.
    pub async fn settle(&self, target: &Target) -> Result<(), WriteError> {
        match self.lane(&target.keyspace).cloned() {
            Some(lane) => lane.settle(&target.key, PATIENCE).await.map_err(WriteError::Full),
            None => Ok(()),
        }
    }

    /// Waits until the source has all that was acknowledged for a keyspace until now.
    pub async fn flushed(&self, keyspace: &Arc<Keyspace>) -> Result<(), String> {
        match self.lane(keyspace).cloned() {
            Some(lane) => lane.flush(PATIENCE).await,
            None => Ok(()),
        }
    }

    /// The source took a write of this key by another strategy; `then` as [`WriteBack::supersede`] calls it.
    pub fn supersede(&self, key: &[u8], then: impl FnOnce() + Send + 'static) {
        match &self.0 {
            Some(back) => back.supersede(key, then),
            None => then(),
        }
    }

    /// Figures; all zero on a node without a journal.
    pub fn status(&self) -> Status {
        self.0.as_ref().map_or_else(Status::default, |back| back.status())
    }

    /// The first `most` writes that a source refused, by key.
    pub fn parked(&self, most: usize) -> Vec<PendingWrite> {
        self.0.as_ref().map_or_else(Vec::new, |back| back.parked.list(most))
    }

    /// Flushes what is unflushed now, and answers when the sources have it or have refused it, with how many of each.
    ///
    /// # Errors
    /// A source did not take all of it in a minute.
    pub async fn flush(&self) -> Result<Flushed, WriteError> {
        let before = self.status();
        for lane in &self.journals()?.lanes {
            lane.flush(FLUSH_PATIENCE).await.map_err(WriteError::Full)?;
        }
        let after = self.status();
        Ok(Flushed {
            flushed: after.flushed.saturating_sub(before.flushed),
            refused: after.refused.saturating_sub(before.refused),
            parked: after.parked,
        })
    }

    /// Gives up refused writes, those of `keys` or all; how many.
    ///
    /// # Errors
    /// The journal does not take it.
    pub async fn drop_parked(&self, keys: Option<&[Box<[u8]>]>) -> Result<u64, WriteError> {
        let parked = &self.journals()?.parked;
        let mut dropped = 0;
        for key in parked.keys(keys) {
            self.forget_parked(&key, None).await?;
            dropped += 1;
        }
        Ok(dropped)
    }

    /// Forgets a refused write, if it is the one of this number.
    pub async fn forget_parked(&self, key: &[u8], seq: Option<u64>) -> Result<(), WriteError> {
        let (told, kept) = oneshot::channel();
        self.journals()?.parked.forget(key, seq, Box::new(move |kept| drop(told.send(kept))));
        match kept.await {
            Ok(Err(error)) => Err(WriteError::Journal(error.0)),
            _ => Ok(()),
        }
    }
}
