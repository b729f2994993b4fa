//! What the node's verbs answer.

use std::fmt;
use std::sync::Arc;

use clearwell_engine::{Codec, Millis, TooLarge, Version, View};
use clearwell_source::{Later, SourceError};

use super::cluster::Unordered;
use crate::config::{Level, Strategy};
use crate::syntax::Invalid;

/// An answer now, or after waiting for the source.
pub enum Turn<T> {
    /// It is here.
    Now(T),
    /// It comes; nothing of the node is held meanwhile.
    Later(Later<T>),
}

impl<T> Turn<T> {
    /// Waits for it.
    pub async fn wait(self) -> T {
        match self {
            Turn::Now(value) => value,
            Turn::Later(later) => later.await,
        }
    }
}

/// What a read found, owned. A negative entry and a miss without a source are both `value: None`.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The value.
    pub value: Option<Arc<[u8]>>,
    /// The value as zstd, where it is kept so.
    pub packed: Option<Arc<[u8]>>,
    /// Whether nothing proves it current: it was marked stale (lazy invalidation), the source fails or its feed is not complete,
    /// or nothing was heard of the source for a while.
    pub stale: bool,
    /// Whether it came from memory.
    pub hit: bool,
    /// The level that was obtained.
    pub level: Level,
    /// The source's order of the value.
    pub version: Option<Version>,
    /// As of when its value was read: when it was stored, less what its load took.
    pub created: Millis,
    /// When it expires.
    pub expires: Option<Millis>,
    /// How long it was to live when that was said, in milliseconds.
    pub ttl_ms: Option<u64>,
    /// Its media type, where REST gave one.
    pub content_type: Option<Box<str>>,
    /// On a miss: the lease by which a client may fill the key (`CW.SET … LEASE`).
    pub lease: Option<Box<str>>,
    /// Changes with the entry; REST's ETag.
    pub stamp: u64,
    /// Why the feed that would say when it is old is not complete just now; `None`: it is, or there is none.
    pub unverified: Option<Arc<str>>,
    /// Whether a feed tells of every change to it; `None`: it has no source, so that nothing can change it elsewhere.
    pub followed: Option<bool>,
}

impl Answer {
    /// What an entry in memory says.
    pub fn of(view: &View<'_>, level: Level) -> Answer {
        Answer {
            value: view.value().map(Arc::from),
            packed: view
                .packed()
                .filter(|(codec, _)| *codec == Codec::Zstd)
                .map(|(_, bytes)| Arc::from(bytes)),
            stale: view.stale(),
            hit: true,
            // What is marked stale was overwritten, as far as the node knows: no level above holds for it.
            level: match level {
                Level::Weak => Level::Weak,
                _ if view.stale() => Level::Eventual,
                level => level,
            },
            version: view.version(),
            created: Millis(view.created().0.saturating_sub(view.load_ms().into())),
            expires: view.expires(),
            ttl_ms: view.ttl_ms(),
            content_type: view.content_type().map(Box::from),
            lease: None,
            stamp: view.stamp(),
            unverified: None,
            followed: None,
        }
    }

    /// Nothing yet, as of now and not from memory: what a load's answer begins with.
    pub(super) fn loaded(now: Millis) -> Answer {
        Answer {
            value: None,
            packed: None,
            stale: false,
            hit: false,
            level: Level::Eventual,
            version: None,
            created: now,
            expires: None,
            ttl_ms: None,
            content_type: None,
            lease: None,
            stamp: 0,
            unverified: None,
            followed: None,
        }
    }
}

/// Why a read could not be answered.
#[derive(Debug, Clone, PartialEq)]
pub enum ReadError {
    /// The level that was asked for cannot be met; never a silent downgrade.
    Unmet(Level, String),
    /// The source failed and no graced value was there.
    Source(SourceError),
    /// The feed of this keyspace is not complete, for this reason, and it refuses reads meanwhile.
    Unverified(Arc<str>, Arc<str>),
}

/// Why a write was not done.
#[derive(Debug, Clone, PartialEq)]
pub enum WriteError {
    /// The source did not take it; the cache does not hold it.
    Source(SourceError),
    /// It does not fit into the cache, or its dependencies may not be.
    Unfit(TooLarge),
    /// The keyspace has no such statement or strategy; says what would be right.
    Unsupported(String),
    /// No keyspace matches the key, and one nearly does: what would be right.
    NearMiss(String),
    /// It does not fit its keyspace's schema.
    Invalid(Invalid),
    /// The lease is not one of this process: fill again after a miss.
    LeaseUnknown,
    /// Its condition does not hold for the entry there is, which has this stamp (0: there is none).
    Unmet(u64),
    /// What its condition is about could not be read.
    Unread(String),
    /// The journal did not take it: it is not acknowledged, and not seen.
    Journal(String),
    /// Too many acknowledged writes wait for the source, or an earlier one of this key does.
    Full(String),
    /// The cluster has not acknowledged it.
    Unordered(Unordered),
    /// The strategy cannot be done for this key.
    Strategy(Strategy, String),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Unmet(level, why) => write!(f, "level {level} cannot be met: {why}"),
            ReadError::Source(error) => error.fmt(f),
            ReadError::Unverified(keyspace, why) => {
                write!(f, "keyspace {keyspace} refuses reads while its feed is not complete: {why}")
            }
        }
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WriteError::Source(error) => error.fmt(f),
            WriteError::Invalid(invalid) => invalid.fmt(f),
            WriteError::Unordered(why) => why.fmt(f),
            WriteError::Unfit(unfit) => write!(f, "{unfit:?}"),
            WriteError::NearMiss(why)
            | WriteError::Unsupported(why)
            | WriteError::Journal(why)
            | WriteError::Full(why) => f.write_str(why),
            WriteError::LeaseUnknown => {
                f.write_str("the lease is not one of this node's: read the key again for a new one")
            }
            WriteError::Unmet(_) => f.write_str("the condition does not hold"),
            WriteError::Unread(why) => write!(f, "the condition cannot be checked: {why}"),
            WriteError::Strategy(strategy, why) => write!(f, "strategy {strategy} cannot be used: {why}"),
        }
    }
}

impl std::error::Error for ReadError {}
impl std::error::Error for WriteError {}
