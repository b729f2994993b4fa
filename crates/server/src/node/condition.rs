//! Writes that depend on what there is.

use std::collections::HashMap;
use std::sync::Arc;

use clearwell_engine::{Change, Origin, View};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::removal::RemovalReach;
use super::{Demand, Node, Put, Removal, Turn, WriteError, Written};
use crate::config::{Level, Strategy};

/// What must hold for a write to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// There is no value.
    Absent,
    /// There is one.
    Present,
    /// The entry is this one, by its stamp; 0 is that of no entry.
    Stamp(u64),
}

impl Condition {
    /// Whether it holds for the entry with this stamp; 0: there is none.
    fn holds(self, stamp: u64) -> bool {
        match self {
            Condition::Absent => stamp == 0,
            Condition::Present => stamp != 0,
            Condition::Stamp(wanted) => stamp != 0 && stamp == wanted,
        }
    }
}

/// Turns among conditional writes of one key with a source. No key waits for another's, whose row may be locked.
#[derive(Default)]
pub(super) struct Turns {
    /// The keys that are being written, while somebody has or awaits the turn.
    keys: parking_lot::Mutex<HashMap<Box<[u8]>, Place>>,
}

/// Who has it may write the key.
type Place = Arc<Mutex<()>>;

/// A key's turn.
struct KeyTurn<'t> {
    turns: &'t Turns,
    key: &'t [u8],
    held: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    async fn of<'t>(&'t self, key: &'t [u8]) -> KeyTurn<'t> {
        let place = self.keys.lock().entry(key.into()).or_default().clone();
        // Before it is awaited, so that who gives up waiting leaves nothing behind.
        let mut turn = KeyTurn { turns: self, key, held: None };
        turn.held = Some(place.lock_owned().await);
        turn
    }
}

impl Drop for KeyTurn<'_> {
    fn drop(&mut self) {
        let mut keys = self.turns.keys.lock();
        self.held = None;
        // The map's own is the last: nobody has it or waits for it.
        if keys.get(self.key).is_some_and(|place| Arc::strong_count(place) == 1) {
            keys.remove(self.key);
        }
    }
}

impl Node {
    /// The stamp of a key's entry in memory; 0 when there is none, or only the memory of an absent row.
    pub fn stamp(&self, key: &[u8]) -> u64 {
        self.engine().peek(key, self.clock.now(), |view| stamp_of(Some(view))).unwrap_or(0)
    }

    /// [`Node::set`] with a condition. In memory it is decided in the step that writes. Where the write reaches a source,
    /// see [`Node::once_met`].
    pub(super) fn set_if(
        self: &Arc<Self>,
        key: &[u8],
        put: Put<'_>,
        condition: Condition,
    ) -> Turn<Result<Written, WriteError>> {
        let put = Put { condition: None, ..put };
        if self.strategy(key, put.write) != Strategy::CacheOnly {
            let (node, key, put) = (self.clone(), Box::<[u8]>::from(key), put.into_owned());
            return Turn::Later(Box::pin(async move {
                let _turn = node.once_met(&key, condition).await?;
                node.set_quietly(&key, put, Origin::default()).wait().await
            }));
        }
        let written = self.draft_of(key, put).lend(|draft| {
            self.update(key, self.clock.now(), |view| match stamp_of(view) {
                stamp if condition.holds(stamp) => (Change::Put(draft.clone()), Ok(Written::Stored)),
                stamp => (Change::Keep, Err(WriteError::Unmet(stamp))),
            })
        });
        Turn::Now(written.flatten())
    }

    /// [`Node::remove`] of one key with a condition.
    pub fn remove_if(
        self: &Arc<Self>,
        key: &[u8],
        removal: Removal,
        condition: Condition,
    ) -> Turn<Result<u64, WriteError>> {
        let reach = match self.reach_of(key, removal) {
            Ok((reach, _)) => reach,
            Err(error) => return Turn::Now(Err(error)),
        };
        if !matches!(reach, RemovalReach::Memory) {
            let (node, key) = (self.clone(), Box::<[u8]>::from(key));
            return Turn::Later(Box::pin(async move {
                let _turn = node.once_met(&key, condition).await?;
                node.remove([(*key).into()], removal).wait().await
            }));
        }
        let removed = self.update(key, self.clock.now(), |view| match stamp_of(view) {
            stamp if condition.holds(stamp) => (Change::Remove, Ok(u64::from(stamp != 0))),
            stamp => (Change::Keep, Err(WriteError::Unmet(stamp))),
        });
        Turn::Now(removed.flatten())
    }

    /// Waits for the key's turn and checks the condition against the source as it is then: every commit made before is
    /// applied, and what is not in memory is loaded. While the turn is held, no other conditional write through this node
    /// comes between. Its limit: a write without a condition, or one by another process, that commits between this check and
    /// the write's own commit is not noticed. It is ordered before the write, as if that had no condition; the cache
    /// follows the commits either way.
    async fn once_met<'t>(
        self: &'t Arc<Self>,
        key: &'t [u8],
        condition: Condition,
    ) -> Result<KeyTurn<'t>, WriteError> {
        // Keys that may be one row wait for each other.
        let ambiguous = self.keyspaces.find(key).filter(|(keyspace, _)| keyspace.is_ambiguous());
        let shared = ambiguous.map(|(keyspace, _)| keyspace.name.as_bytes());
        let turn = self.turns.of(shared.unwrap_or(key)).await;
        let demand = Demand { level: Some(Level::Strong), remember: false, ..Demand::PLAIN };
        let read = self.read(key, demand).wait().await;
        let answer = read.map_err(|error| WriteError::Unread(error.to_string()))?;
        let stamp = self.stamp(key);
        let holds = match condition {
            Condition::Absent => answer.value.is_none(),
            Condition::Present => answer.value.is_some(),
            Condition::Stamp(_) => condition.holds(stamp),
        };
        if holds { Ok(turn) } else { Err(WriteError::Unmet(stamp)) }
    }

    /// How a write of this key is done.
    fn strategy(&self, key: &[u8], asked: Option<Strategy>) -> Strategy {
        let declared = || self.keyspaces.find(key).map(|(keyspace, _)| keyspace.write);
        asked.or_else(declared).unwrap_or(Strategy::CacheOnly)
    }
}

fn stamp_of(view: Option<&View<'_>>) -> u64 {
    view.filter(|view| view.value().is_some()).map_or(0, View::stamp)
}
