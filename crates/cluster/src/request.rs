//! What is asked of the cluster, and what it answers.

use std::num::NonZeroU64;
use std::sync::Arc;

pub use clearwell_words::{Ack, Strategy};
use clearwell_words::{EventPattern, Invalidation, Millis, Version};

use crate::entry::Entry;
use crate::hold::{Hold, slot_of_scope};
use crate::level::{Level, Token};
use crate::meta::Meta;
use crate::name::{Bytes, Name};
use crate::record::ScopeOf;
use crate::slot::slot_of;
use crate::{Epoch, Peer, Position, Slot};

/// A request of a client, given to any member.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// A read that what lies here could not serve.
    Read(Read),
    /// A write of one key.
    Write(Write),
    /// A value that a client brings after a miss.
    Fill(Fill),
    /// Take values away for freshness.
    Invalidate(Invalidate),
    /// Change when an entry expires.
    Touch(Touch),
    /// Take values away later. Acknowledged as [`Answer::Invalidated`] when it is surely held.
    Hold(Hold),
    /// Do not do so after all.
    Cancel(Cancel),
}

impl Request {
    /// The slot whose owner it is for; `None` when all owners must order it.
    pub(crate) fn slot(&self, slots: u16) -> Option<Slot> {
        match self {
            Request::Read(Read { key, .. })
            | Request::Write(Write { key, .. })
            | Request::Fill(Fill { key, .. })
            | Request::Touch(Touch { key, .. }) => Some(slot_of(key, slots)),
            Request::Invalidate(invalidate) => {
                Name::of(&invalidate.invalidation.scope).map(|name| name.slot(slots))
            }
            Request::Hold(Hold { scope, .. }) | Request::Cancel(Cancel { scope, .. }) => {
                Some(slot_of_scope(scope, slots))
            }
        }
    }
}

/// A read.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    /// The key.
    pub key: Bytes,
    /// How new it must be.
    pub level: Level,
    /// What the session has seen.
    pub token: Token,
    /// Whether the answer is to be kept here as a copy.
    pub hold: bool,
}

/// A write.
#[derive(Debug, Clone, PartialEq)]
pub struct Write {
    /// The key.
    pub key: Bytes,
    /// The new value; `None` removes it.
    pub value: Option<Bytes>,
    /// Its tags. They and what follows up to `meta` count where the value stays in the cluster; one that has a source brings its own
    /// when it is loaded.
    pub tags: Arc<[Bytes]>,
    /// What it was made from.
    pub dependencies: Arc<[Bytes]>,
    /// Events that make it old.
    pub events: Arc<[EventPattern]>,
    /// How long it is to live from when its owner orders it; `None` is for ever.
    pub ttl_ms: Option<NonZeroU64>,
    /// What else is kept with it.
    pub meta: Meta,
    /// When it is acknowledged.
    pub strategy: Strategy,
    /// Who must have it then, where the value stays in the cluster. A write-back always waits for replicas.
    pub ack: Ack,
    /// Numbers that only this write has, given on to the source.
    pub id: u64,
}

/// The right to fill one key, given with a miss: what the owner knew then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FillLease {
    /// The owner that answered.
    pub owner: Peer,
    /// Its view.
    pub epoch: Epoch,
    /// The head of its log when it looked for the value.
    pub position: Position,
    /// When it answered, on its own clock.
    pub began: Millis,
}

/// A value that was read elsewhere after a miss (cache-aside), for a key without a source.
#[derive(Debug, Clone, PartialEq)]
pub struct Fill {
    /// The key.
    pub key: Bytes,
    /// The value.
    pub value: Bytes,
    /// Its tags.
    pub tags: Arc<[Bytes]>,
    /// What it was made from.
    pub dependencies: Arc<[Bytes]>,
    /// Events that make it old.
    pub events: Arc<[EventPattern]>,
    /// How long it is to live from when its owner orders it; `None` is for ever.
    pub ttl_ms: Option<NonZeroU64>,
    /// What else is kept with it.
    pub meta: Meta,
    /// Who must have it when it is acknowledged.
    pub ack: Ack,
    /// What the miss was answered with.
    pub lease: FillLease,
}

/// A change of an entry's expiry, its value untouched. It is acknowledged when it survives the loss of a node, without a version when
/// there was no such entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Touch {
    /// The key.
    pub key: Bytes,
    /// How long it is to live from when its owner orders this; `None` is for ever.
    pub ttl_ms: Option<NonZeroU64>,
}

/// An invalidation.
#[derive(Debug, Clone, PartialEq)]
pub struct Invalidate {
    /// What is old, and what happens to it.
    pub invalidation: Invalidation,
    /// Whether to wait until no live copy is older.
    pub wait: bool,
    /// How many edges of dependency led here; 0 from clients.
    pub depth: u8,
}

/// Takes a hold back.
#[derive(Debug, Clone, PartialEq)]
pub struct Cancel {
    /// Its number.
    pub id: u64,
    /// Its scope.
    pub scope: ScopeOf,
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// What a read found.
    Value {
        /// The entry, or that there is none.
        entry: Option<Entry>,
        /// What the session has seen now.
        token: Token,
        /// With a miss: the right to fill it.
        lease: Option<FillLease>,
    },
    /// A write is done.
    Written(Done),
    /// An invalidation is done, or surely held, or taken back; one owner each that ordered it.
    Invalidated(Done),
    /// It was not done, or nobody knows.
    Refused(Refusal),
}

impl Answer {
    /// Whether it gives a value that expires.
    pub(crate) fn expires(&self) -> bool {
        matches!(self, Answer::Value { entry: Some(entry), .. } if entry.expiry.is_some())
    }
}

/// How far an acknowledgement goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    /// The version of what was written.
    pub version: Option<Version>,
    /// The owners that ordered it, and where.
    pub ordered: Vec<(Peer, Position)>,
    /// Whether it survives the loss of any one node. Not when its owner alone has it yet ([`Ack::Owner`]), or there is no replica.
    pub survives: bool,
    /// For the session.
    pub token: Token,
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// This side has no majority, or the owner is being replaced: nothing was done.
    NoOwner,
    /// Nothing was done: too much is waiting for replicas.
    Busy,
    /// The source failed: nothing was done.
    Source,
    /// The value of a fill may be older than something that came since its miss: it was not kept. Or a hold is to be cancelled that has
    /// begun to take effect, or is not there.
    Late,
    /// No answer in time. A write may have happened or may still happen.
    Unknown,
}
