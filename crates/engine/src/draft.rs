//! What a caller gives to be stored.

use crate::codec::Packed;
use crate::{EventPattern, Millis, Seq, Version};

/// An entry to be: the value and all that is kept with it.
#[derive(Debug, Clone, Default)]
pub struct Draft<'a> {
    /// The value; `None` says that the source has no such row (a negative entry).
    pub value: Option<&'a [u8]>,
    /// The same value compressed, to be kept in its place; `None`: it is kept as it is.
    pub packed: Option<Packed<'a>>,
    /// When it expires; `None` is never.
    pub expires: Option<Millis>,
    /// How long it was to live when that was said, in milliseconds, where it is kept later than that (a copy of another node's entry);
    /// `None`: from now until it expires.
    pub ttl_ms: Option<u64>,
    /// How long after that it may still be served while the source fails, in milliseconds.
    pub grace_ms: u64,
    /// Names shared with other entries.
    pub tags: &'a [&'a [u8]],
    /// Keys or tags that the value was made from.
    pub dependencies: &'a [&'a [u8]],
    /// Events after which the value is old.
    pub events: &'a [EventPattern],
    /// The source's order of this value, where there is one.
    pub version: Option<Version>,
    /// Higher stays longer under policies that look at it; 0 to 255, 0 by default.
    pub priority: u8,
    /// Media type as given over REST.
    pub content_type: Option<&'a str>,
    /// How long the load took, for early refresh, in milliseconds; 0 when nothing was loaded.
    pub load_ms: u32,
}

/// What [`Engine::update`](crate::Engine::update) is to do with the entry that it showed.
#[derive(Debug)]
pub enum Change<'a> {
    /// Nothing.
    Keep,
    /// Store this in its place.
    Put(Draft<'a>),
    /// Put another value into the entry and keep all else (expiry, tags, dependencies).
    Value(Vec<u8>),
    /// Change only when it expires.
    Expires(Option<Millis>),
    /// Take it away because a client asked.
    Remove,
}

/// What the connection that sends a plain SET has done before with its key, as far as it remembers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Origin {
    /// The count at its own miss of the key: the SET is probably the fill of that.
    pub miss: Option<Seq>,
    /// The count at the connection's own last invalidation of everything ([`Applied::seq`](crate::Applied)); 0: it made none. A SET
    /// that follows on the same connection is ordered after that invalidation, so it is a write, whatever misses of other
    /// connections are unresolved. Two things leave it in doubt all the same: the key was invalidated again since, or the
    /// connection missed the key since and another client put a value after that miss.
    pub flush: Seq,
    /// Whether its commands are those of one client, who fills what it missed over this connection. Not to be said of a
    /// connection that a pool or several tasks use.
    pub one_client: bool,
    /// Whether it has itself deleted or written the key since its own miss of it. If it is one client's, the SET is a write.
    pub wrote: bool,
    /// Whether it deleted the key, or SET it without a miss of its own, at some time: it is no mere reader of it.
    pub writes: bool,
    /// Whether it writes and has never missed anything.
    pub only_writes: bool,
    /// The number of the connection; 0: not known.
    pub client: u64,
}
