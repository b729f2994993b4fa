//! Write-back (write-behind), as the node does it: a write goes into the journal now and into the source later, and readers see
//! it in between.

use std::sync::Arc;
use std::time::Duration;

use clearwell_engine::{Cause, Scope, Seq, Version};
use tokio::sync::oneshot;

use super::load::Target;
use super::{Answer, Node, Put, WriteError};
use crate::config::{Level, Strategy};
use crate::keyspace::{Keyspace, Seen};
use crate::road::InvalidationRequest;
use crate::writeback::{self, Flushed, Lane, Outcomes, PendingWrite, Status};

/// How long a write waits for room.
const PATIENCE: Duration = Duration::from_secs(2);

impl Outcomes for Node {
    fn overwritten(&self, key: &[u8], version: Version) {
        Node::overwritten(self, key, version);
    }

    fn disowned(&self, key: &[u8]) {
        Node::disowned(self, key);
    }

    fn unix_ms(&self) -> i64 {
        self.clock.unix_ms()
    }
}

impl Node {
    /// The answer to a read of a key whose newest write is still in the journal: that write, for the source does not have it yet.
    /// `None`: the key has no such write.
    pub(super) fn unflushed(&self, keyspace: &Arc<Keyspace>, key: &[u8], level: Level) -> Option<Answer> {
        let lane = self.backlog.lane(keyspace)?;
        let answer = lane.look(key, |slot| {
            let now = self.clock.now();
            let age_ms = u64::try_from(slot.written.elapsed().as_millis()).unwrap_or(u64::MAX);
            Answer {
                value: slot.value.clone(),
                hit: true,
                level,
                content_type: slot.content_type.clone(),
                created: clearwell_engine::Millis(now.0.saturating_sub(age_ms)),
                ..Answer::loaded(now)
            }
        })?;
        self.reports.tallies().read_directly(keyspace.class);
        Some(answer)
    }

    /// Writes a value, or with `None` a removal: acknowledged when it is in the journal. Answers whether the key had a value
    /// as far as memory knows.
    pub(super) async fn write_back(
        self: Arc<Self>,
        target: Target,
        put: Option<Put<'static>>,
    ) -> Result<bool, WriteError> {
        let refused = |why: String| WriteError::Strategy(Strategy::Back, why);
        let back = self.backlog.journals()?.clone();
        let Some(lane) = back.lane(&target.keyspace).cloned() else {
            let name = &target.keyspace.name;
            return Err(refused(format!("keyspace {name} declares no `store` statement")));
        };
        let value = put.as_ref().map(|put| &put.value[..]);
        let cost = writeback::cost(&target.key, value);
        lane.admit(cost, PATIENCE).await.map_err(WriteError::Full)?;
        let payload = writeback::put_record(&target.key, value, self.clock.unix_ms(), "");
        let (told, answered) = oneshot::channel();
        let node = self.clone();
        back.journal.append(
            payload,
            Box::new(move |written| {
                let done = match written {
                    Ok(seq) => Ok(node.written_back(&lane, &target, put, seq)),
                    Err(error) => {
                        lane.give_back(cost);
                        Err(WriteError::Journal(error.0))
                    }
                };
                // Whoever asked may be gone.
                let _ = told.send(done);
            }),
        );
        answered.await.unwrap_or_else(|_| Err(WriteError::Journal("the journal has stopped".into())))
    }

    /// A write is in the journal: from now on readers see it. Called in the journal's order.
    fn written_back(&self, lane: &Lane, target: &Target, put: Option<Put<'_>>, seq: u64) -> bool {
        let key = &target.key;
        let existed = lane.look(key, |slot| slot.value.is_some()).unwrap_or_else(|| {
            self.engine().peek(key, self.clock.tick(), |view| view.value().is_some()).unwrap_or(false)
        });
        let value = put.as_ref().map(|put| (*put.value).into());
        // Before it can be flushed: a flush that overtakes this takes the value below away, and what it was made of.
        let began = self.disowned(key);
        lane.write(key, seq, value, put.as_ref().and_then(|put| put.content_type.clone()));
        if let Some(put) = put {
            let names = target.keyspace.names(key, &target.captures, Seen::Unread);
            let draft = self.put_draft(put, Some(&target.keyspace), names);
            // One that does not fit is read from the unflushed writes, and then from the source.
            draft.lend(|draft| self.engine().fill(key, began, draft, self.clock.tick()));
        }
        existed
    }

    /// A key's value is not what memory holds, and no commit says so.
    fn disowned(&self, key: &[u8]) -> Seq {
        self.invalidate(InvalidationRequest::now(vec![Scope::Key(key.into())], Cause::Write)).reached.seq
    }

    /// Figures of write-back; all zero on a node without a journal.
    pub fn write_back_status(&self) -> Status {
        self.backlog.status()
    }

    /// Flushes what is unflushed now, and answers when the sources have it or have refused it, with how many of each.
    ///
    /// # Errors
    /// A source did not take all of it in a minute.
    pub async fn flush_write_back(&self) -> Result<Flushed, WriteError> {
        self.backlog.flush().await
    }

    /// The first `most` writes that a source refused, by key.
    pub fn parked(&self, most: usize) -> Vec<PendingWrite> {
        self.backlog.parked(most)
    }

    /// Gives up refused writes, those of `keys` or all; how many.
    ///
    /// # Errors
    /// The journal does not take it.
    pub async fn drop_parked(&self, keys: Option<&[Box<[u8]>]>) -> Result<u64, WriteError> {
        self.backlog.drop_parked(keys).await
    }

    /// Writes refused writes again, those of `keys` or all; how many. One whose key was written since falls: the newer write
    /// counts.
    ///
    /// # Errors
    /// The journal does not take it, there is no room, or no keyspace takes a key any more.
    pub async fn retry_parked(self: &Arc<Self>, keys: Option<&[Box<[u8]>]>) -> Result<u64, WriteError> {
        let parked = self.backlog.journals()?.parked.clone();
        let mut retried = 0;
        for key in parked.keys(keys) {
            let Some(row) = parked.get(&key) else { continue };
            let seq = row.seq;
            let Some((keyspace, captures)) = self.keyspaces.find(&key) else {
                let shown = key.escape_ascii();
                return Err(WriteError::Unsupported(format!(
                    "no keyspace matches \"{shown}\" any more; drop it"
                )));
            };
            if !self.backlog.has(keyspace, &key) {
                let target = Target { key: key.clone(), keyspace: keyspace.clone(), captures };
                let put = row.value.map(|value| Put { value: value.to_vec().into(), ..Put::default() });
                self.clone().write_back(target, put).await?;
                retried += 1;
            }
            self.backlog.forget_parked(&key, Some(seq)).await?;
        }
        Ok(retried)
    }
}
