//! A value as it travels between nodes.

use std::sync::Arc;

use clearwell_words::{EventPattern, Millis, Version};

use crate::clock::RemoteClock;
use crate::meta::{Expiry, Meta};
use crate::name::{Bytes, Name};
use crate::{Config, Peer, Position};

/// A value and what it stands under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its key.
    pub key: Bytes,
    /// The value; `None` says that there is none (no such row, or removed).
    pub value: Option<Bytes>,
    /// The order of this key's values: what [`rank`] makes, or for what the source said a place of its order up to which the value has all
    /// commits; 0 when the load told none.
    pub version: Version,
    /// Names shared with other entries.
    pub tags: Arc<[Bytes]>,
    /// Keys or tags that the value was made from.
    pub dependencies: Arc<[Bytes]>,
    /// Events that make it old. Nobody is told of an interest in them: every owner orders each event.
    pub events: Arc<[EventPattern]>,
    /// When it expires; `None` is never.
    pub expiry: Option<Expiry>,
    /// What else is kept with it.
    pub meta: Meta,
}

impl Entry {
    /// How many bytes it takes on its way, about.
    pub fn bytes(&self) -> usize {
        const OWN: usize = 64;
        let names = self.tags.iter().chain(self.dependencies.iter()).map(|name| name.len() + 2);
        let content_type = self.meta.content_type.as_ref().map_or(0, |text| text.len());
        let value = self.value.as_ref().map_or(0, |value| value.len());
        OWN + self.key.len() + value + content_type + names.sum::<usize>()
    }

    /// Whether it has expired at `now`.
    pub fn is_expired(&self, now: Millis) -> bool {
        self.expiry.is_some_and(|expiry| now >= expiry.at)
    }

    /// It came in a message: its expiry is one of this process's clock from now on.
    pub(crate) fn arrive(&mut self, now: Millis, config: &Config, sender: Option<RemoteClock>) {
        self.expiry = self.expiry.map(|expiry| expiry.arrive(now, config, sender));
    }

    /// A process before this one kept it. Nobody knows for how long it lay on the disk: it counts as expired.
    pub(crate) fn is_restored(&mut self, now: Millis) {
        if let Some(expiry) = &mut self.expiry {
            expiry.at = now;
        }
    }

    /// The names beside its key whose owners must know of whoever serves it.
    pub fn names(&self) -> impl Iterator<Item = Name> + '_ {
        let tags = self.tags.iter().cloned().map(Name::Tag);
        tags.chain(self.dependencies.iter().cloned().map(Name::Dependents))
    }
}

const POSITION_BITS: u32 = 40;

/// The version of a value that only the cache has: higher in every later epoch, and in each by the place in its owner's
/// log. 24 bits of epoch over 40 bits of position.
pub fn rank(epoch: crate::Epoch, position: Position) -> Version {
    Version((epoch.0 << POSITION_BITS) | (position.0 & ((1 << POSITION_BITS) - 1)))
}

/// The epoch of such a version.
pub fn rank_epoch(rank: Version) -> crate::Epoch {
    crate::Epoch(rank.0 >> POSITION_BITS)
}

/// The place of such a version in its owner's log.
pub fn rank_position(rank: Version) -> Position {
    Position(rank.0 & ((1 << POSITION_BITS) - 1))
}

/// A moment in owners' orders as of which a value was current: for each owner that orders one of its names, the place
/// that the owner's log had reached at least when the value was read.
pub type AsOf = Vec<(Peer, Position)>;
