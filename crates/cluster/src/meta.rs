//! What is kept with a value beside its names, and when it ends.

use std::num::NonZeroU64;
use std::sync::Arc;

use clearwell_words::Millis;

use crate::Config;
use crate::clock::RemoteClock;

/// An entry's metadata: the same at its owner, its replicas and whoever holds a copy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meta {
    /// How long after its expiry the entry may still be served while the source fails, in milliseconds.
    pub grace_ms: u64,
    /// Higher stays longer in memory under policies that look at it.
    pub priority: u8,
    /// Media type.
    pub content_type: Option<Arc<str>>,
    /// How long the load took, for early refresh, in milliseconds; 0 when nothing was loaded.
    pub load_ms: u32,
}

/// When an entry expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiry {
    /// The moment, on the clock of the process that holds the entry; in a message, on the clock of its sender.
    pub at: Millis,
    /// How long the entry was to live when that was said (its TTL), in milliseconds.
    pub ttl_ms: NonZeroU64,
}

impl Expiry {
    /// A time to live that begins at `now`.
    pub fn after(now: Millis, ttl_ms: NonZeroU64) -> Expiry {
        Expiry { at: now.plus(ttl_ms.get()), ttl_ms }
    }

    /// It came in a message: it is one of this process's clock from now on. While nothing is known of the sender's clock, it
    /// counts as past.
    pub(crate) fn arrive(self, now: Millis, config: &Config, sender: Option<RemoteClock>) -> Expiry {
        Expiry { at: sender.map_or(now, |clock| clock.here(self.at, now, config)), ..self }
    }
}
