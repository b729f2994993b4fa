//! From a lane to its source, a batch at a time.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};

use clearwell_engine::Version;
use clearwell_source::{Receipt, RowWrite, SourceError};
use tokio::sync::oneshot;

use super::dirty::Taken;
use super::record::{self, PendingWrite};
use super::{Lane, WriteBack};
use crate::journal::{Entry, JournalError};
use crate::keyspace::Backing;

/// A write that is too slow so often, while the source takes others, is taken for refused.
const SLOW_MOST: u32 = 8;
/// The journal may be larger than what is still needed of it by this factor and these bytes.
const SLACK: (u64, u64) = (4, 64 << 20);

/// What a flush tells the node whose writes it carries. Readers see nothing of it but through these.
pub trait Outcomes: Send + Sync {
    /// The source committed a write of this key: whatever was read before it is old.
    fn overwritten(&self, key: &[u8], version: Version);
    /// The source refused the newest write of this key: memory does not hold the key's value, and no commit says so.
    fn disowned(&self, key: &[u8]);
    /// The wall clock, in milliseconds.
    fn unix_ms(&self) -> i64;
}

/// Flushes a lane for as long as its node lives.
pub async fn run<N: Outcomes + 'static>(node: Weak<N>, back: Weak<WriteBack>, lane: Arc<Lane>) {
    while lane.due().await {
        let (Some(node), Some(back)) = (node.upgrade(), back.upgrade()) else { return };
        let node: Arc<dyn Outcomes> = node;
        round(&node, &back, &lane).await;
    }
}

/// What became of a batch.
#[derive(Default)]
struct Round {
    moved_on: bool,
    failed: Option<String>,
}

async fn round(node: &Arc<dyn Outcomes>, back: &Arc<WriteBack>, lane: &Arc<Lane>) {
    let Some(backing) = &lane.keyspace.backing else { return };
    let mut batch = lane.batch();
    let mut round = Round::default();
    if lane.keyspace.is_ambiguous() {
        // Two keys may be one row: each write is committed before the next begins, and none goes past one that failed.
        for taken in batch {
            send(node, back, lane, backing, vec![taken], &mut round).await;
            if round.failed.is_some() {
                break;
            }
        }
    } else {
        // Batches of other nodes lock their rows in the same order.
        batch.sort_by(|one, other| one.key.cmp(&other.key));
        send(node, back, lane, backing, batch, &mut round).await;
    }
    if let Some(error) = &round.failed {
        tracing::warn!(keyspace = &*lane.keyspace.name, error, "writes wait for their source");
    }
    tell_journal(back, lane);
    lane.end_round(round.failed, round.moved_on);
}

/// Hands writes to the source together, and sees to what it refuses.
async fn send(
    node: &Arc<dyn Outcomes>,
    back: &Arc<WriteBack>,
    lane: &Arc<Lane>,
    backing: &Backing,
    batch: Vec<Taken>,
    round: &mut Round,
) {
    let mut sent = Vec::with_capacity(batch.len());
    let mut writes = Vec::with_capacity(batch.len());
    let mut refused = Vec::new();
    for taken in batch {
        match write(node, back, lane, &taken) {
            Some(write) => {
                writes.push(write);
                sent.push(taken);
            }
            None => refused.push((taken, "the keyspace has no statement for it".to_owned())),
        }
    }
    let results = backing.source.write_all(&lane.keyspace.name, writes).await;
    round.moved_on |= results.iter().any(Result::is_ok);
    for (taken, result) in sent.into_iter().zip(results) {
        match result {
            Ok(_) => {}
            Err(SourceError::Refused(message)) => refused.push((taken, message)),
            Err(error @ SourceError::TooSlow(_))
                if round.moved_on && lane.slow(&taken.key, taken.write) >= SLOW_MOST =>
            {
                refused.push((taken, error.to_string()));
            }
            Err(error) => round.failed = Some(error.to_string()),
        }
    }
    for (taken, message) in refused {
        match park(node, back, lane, taken, message).await {
            Ok(()) => round.moved_on = true,
            Err(error) => round.failed = Some(error),
        }
    }
}

/// The statement for a write. In the commit's own place the key is invalidated, and the write is over.
fn write(
    node: &Arc<dyn Outcomes>,
    back: &Arc<WriteBack>,
    lane: &Arc<Lane>,
    taken: &Taken,
) -> Option<RowWrite> {
    let backing = lane.keyspace.backing.as_ref()?;
    let captures = lane.keyspace.capture(&taken.key)?;
    let statement = if taken.value.is_some() { backing.store.clone() } else { backing.delete.clone() }?;
    let params = lane.keyspace.params(&captures, taken.value.as_deref());
    let (node, back, lane) = (node.clone(), back.clone(), lane.clone());
    let (key, write) = (taken.key.clone(), taken.write);
    let committed = Box::new(move |receipt: &Receipt| {
        // While it is dirty no reader loads it: what is loaded after this line has read the commit.
        node.overwritten(&key, receipt.version);
        lane.flushed.fetch_add(1, Relaxed);
        let place = lane.done(&key, write);
        // The refused one first: one that comes back after a restart would be older than what the source has.
        back.supersede(&key.clone(), move || {
            if let Some(place) = place {
                lane.tell(&key, place);
            }
        });
    });
    Some(RowWrite { statement, params, read_back: None, committed })
}

impl WriteBack {
    /// The source took a write of this key: an older one that it refused is of no interest any more. `then` is called when
    /// no restart brings it back.
    pub fn supersede(&self, key: &[u8], then: impl FnOnce() + Send + 'static) {
        let Some(row) = self.parked.get(key) else { return then() };
        self.superseded.fetch_add(1, Relaxed);
        tracing::info!(key = %key.escape_ascii(), "a refused write falls: the source took a newer one");
        let kept = |kept: Result<(), JournalError>| {
            if let Err(error) = kept {
                tracing::error!(%error, "a refused write is kept although the source took a newer one");
            }
            then();
        };
        self.parked.forget(key, Some(row.seq), Box::new(kept));
    }
}

async fn park(
    node: &Arc<dyn Outcomes>,
    back: &WriteBack,
    lane: &Lane,
    taken: Taken,
    message: String,
) -> Result<(), String> {
    let is_newest = lane.look(&taken.key, |slot| slot.write == taken.write) == Some(true);
    if !is_newest {
        // The newer write takes its turn, and the source's word on that one counts.
        if let Some(place) = lane.done(&taken.key, taken.write) {
            lane.tell(&taken.key, place);
        }
        return Ok(());
    }
    if back.parked.bytes() > lane.most() {
        return Err(format!(
            "refused writes fill flush_most, decide on them (clearwell writeback list): {message}"
        ));
    }
    tracing::warn!(key = %taken.key.escape_ascii(), message, "the source refused a write: it is parked");
    let (told, kept) = oneshot::channel();
    let key = Box::from(&*taken.key);
    let row = PendingWrite { seq: 0, key, value: taken.value, at_unix_ms: node.unix_ms(), message };
    back.parked.park(row, Box::new(move |kept| drop(told.send(kept))));
    match kept.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(format!("a refused write cannot be parked: {error}")),
        Err(_) => return Err("a refused write cannot be parked: the journal has stopped".into()),
    }
    lane.refused.fetch_add(1, Relaxed);
    let place = lane.done(&taken.key, taken.write);
    node.disowned(&taken.key);
    if let Some(place) = place {
        lane.tell(&taken.key, place);
    }
    Ok(())
}

/// Tells the journal what is over, and lets it go of what is not needed.
fn tell_journal(back: &Arc<WriteBack>, lane: &Arc<Lane>) {
    let over = lane.take_over();
    if !over.is_empty() {
        let (payload, lane) = (record::done(&over), lane.clone());
        let told = move |written: Result<u64, _>| lane.told_over(over, written.is_err());
        back.journal.append(payload, Box::new(told));
    }
    let weak = Arc::downgrade(back);
    back.journal.trim(move || match weak.upgrade() {
        Some(back) => back.lanes.iter().filter_map(|lane| lane.place()).min(),
        None => Some(0),
    });
    let needed: u64 = back.lanes.iter().map(|lane| lane.held()).sum();
    if back.journal.figures.bytes.load(Relaxed) > needed.saturating_mul(SLACK.0).saturating_add(SLACK.1) {
        let weak = Arc::downgrade(back);
        back.journal.rewrite(move || weak.upgrade().map_or_else(Vec::new, |back| copies(&back)));
    }
}

/// What is still needed, to be copied to the journal's end so that its beginning can go.
fn copies(back: &WriteBack) -> Vec<Entry> {
    let mut entries = Vec::new();
    for lane in &back.lanes {
        for Taken { key, write, value } in lane.all() {
            let (payload, lane) = (record::put(&key, value.as_deref(), 0, ""), lane.clone());
            let moved = move |written: Result<u64, _>| {
                if let Ok(place) = written {
                    lane.moved(&key, write, place);
                }
            };
            entries.push(Entry { payload, then: Box::new(moved) });
        }
    }
    entries
}
