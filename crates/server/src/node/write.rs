//! The write policy.

use std::sync::Arc;

use clearwell_engine::{EventPattern, Millis, Seq};

use super::{Node, Turn, WriteError};
use crate::config::Strategy;

/// A value that a client gives. Names and times that it leaves out come from the keyspace.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct Put {
    pub value: Vec<u8>,
    /// `Some(None)`: never expires, said explicitly. `None`: the keyspace's TTL, or none.
    pub expires: Option<Option<Millis>>,
    pub tags: Vec<Box<[u8]>>,
    pub dependencies: Vec<Box<[u8]>>,
    pub events: Vec<EventPattern>,
    pub priority: Option<u8>,
    pub content_type: Option<Box<str>>,
    pub write: Option<Strategy>,
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// Stored (and, by the strategy, committed in the source).
    Stored,
    /// It was the fill of a miss from before the last invalidation: dropped.
    Refused,
}

impl Node {
    /// A plain SET: a write by the keyspace's or the request's strategy; for a key without a source it may be the fill of a
    /// remembered miss (`own_miss` is this connection's own, if it remembers one).
    pub fn set(
        self: &Arc<Self>,
        key: &[u8],
        put: Put,
        own_miss: Option<Seq>,
    ) -> Turn<Result<Written, WriteError>> {
        let _ = (key, put, own_miss);
        todo!()
    }

    /// A fill with an explicit lease, as [`Answer::lease`](super::Answer) gave it.
    pub fn fill(self: &Arc<Self>, key: &[u8], lease: &str, put: Put) -> Result<Written, WriteError> {
        let _ = (key, lease, put);
        todo!()
    }

    /// Removes keys: from the source first where the keyspace says so, then invalidated on the one road. Answers how many
    /// of them there were in memory (for keys without a source) or in the source.
    pub fn remove(
        self: &Arc<Self>,
        keys: Vec<Box<[u8]>>,
        write: Option<Strategy>,
    ) -> Turn<Result<u64, WriteError>> {
        let _ = (keys, write);
        todo!()
    }
}
