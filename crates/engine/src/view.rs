//! An entry as a reader sees it, for as long as its shard is held.

use crate::names::Kind;
use crate::slot::{NEVER, Slot};
use crate::{Millis, Version};

/// A borrowed look at an entry.
#[derive(Debug)]
pub struct View<'a> {
    pub(crate) slot: &'a Slot,
    pub(crate) stale: bool,
}

/// Set in the stamp of an entry that is stale.
pub(crate) const STALE_STAMP: u64 = 1 << 63;

impl View<'_> {
    /// The key.
    pub fn key(&self) -> &[u8] {
        self.slot.key()
    }
    /// The value; `None` in a negative entry.
    pub fn value(&self) -> Option<&[u8]> {
        self.slot.value()
    }
    /// When it expires.
    pub fn expires(&self) -> Option<Millis> {
        (self.slot.expires != NEVER).then_some(Millis(self.slot.expires))
    }
    /// When it was stored.
    pub fn created(&self) -> Millis {
        self.slot.created
    }
    /// When it was last read, to about a second.
    pub fn last_accessed(&self) -> Millis {
        self.slot.accessed().max(self.slot.created)
    }
    /// How often it was read; may miss some under contention.
    pub fn access_count(&self) -> u32 {
        self.slot.access_count()
    }
    /// How long its load took, in milliseconds; 0 when it was not loaded.
    pub fn load_ms(&self) -> u32 {
        todo!()
    }
    /// The source's order of this value.
    pub fn version(&self) -> Option<Version> {
        self.slot.version()
    }
    /// The priority it was stored with.
    pub fn priority(&self) -> u8 {
        self.slot.extra.as_ref().map_or(0, |extra| extra.priority)
    }
    /// The media type it was stored with.
    pub fn content_type(&self) -> Option<&str> {
        self.slot.extra.as_ref().and_then(|extra| extra.content_type.as_deref())
    }
    /// Its tags.
    pub fn tags(&self) -> impl Iterator<Item = &[u8]> {
        self.slot.names(Kind::Tag)
    }
    /// The keys and tags that it depends on.
    pub fn dependencies(&self) -> impl Iterator<Item = &[u8]> {
        self.slot.names(Kind::Dependency)
    }
    /// The events that it depends on, in their written form.
    pub fn events(&self) -> impl Iterator<Item = &str> {
        self.slot.names(Kind::Event).filter_map(|name| std::str::from_utf8(name).ok())
    }
    /// Whether it is marked stale, or past its expiry and served in grace.
    pub fn stale(&self) -> bool {
        self.stale
    }
    /// Changes whenever the key's entry does; for WATCH and ETag.
    pub fn stamp(&self) -> u64 {
        self.slot.stamp | if self.stale { STALE_STAMP } else { 0 }
    }
}
