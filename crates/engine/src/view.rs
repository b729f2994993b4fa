//! An entry as a reader sees it, for as long as its shard is held.

use std::cell::OnceCell;

use crate::codec::Codec;
use crate::names::NameKind;
use crate::slot::{EntryPlace, NEVER};
use crate::{Millis, Version};

/// A borrowed look at an entry.
#[derive(Debug)]
pub struct View<'a> {
    pub(crate) slot: &'a EntryPlace,
    pub(crate) stale: bool,
    /// The plain form of a compressed value, once somebody asked for it.
    plain: OnceCell<Box<[u8]>>,
}

/// Set in the stamp of an entry that is stale.
pub(crate) const STALE_STAMP: u64 = 1 << 63;

impl<'a> View<'a> {
    pub(crate) fn new(slot: &'a EntryPlace, stale: bool) -> View<'a> {
        View { slot, stale, plain: OnceCell::new() }
    }
}

impl View<'_> {
    /// The key.
    pub fn key(&self) -> &[u8] {
        self.slot.key()
    }
    /// The value; `None` in a negative entry.
    #[inline]
    pub fn value(&self) -> Option<&[u8]> {
        let kept = self.slot.kept()?;
        match self.slot.packed() {
            None => Some(kept),
            Some((codec, len)) => Some(self.plain.get_or_init(|| plain(codec, kept, len))),
        }
    }
    /// The value as it is kept, if that is compressed, and how.
    pub fn packed(&self) -> Option<(Codec, &[u8])> {
        Some((self.slot.packed()?.0, self.slot.kept()?))
    }
    /// When it expires.
    pub fn expires(&self) -> Option<Millis> {
        (self.slot.expires != NEVER).then_some(Millis(self.slot.expires))
    }
    /// How long it was to live when that was said last (when it was stored, or by a command that only says that), in
    /// milliseconds; `None`: for ever.
    pub fn ttl_ms(&self) -> Option<u64> {
        self.slot.ttl_ms()
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
        self.slot.extra.as_ref().map_or(0, |extra| extra.load_ms)
    }
    /// How long after its expiry it may still be served while the source fails, in milliseconds.
    pub fn grace_ms(&self) -> u64 {
        self.slot.grace_ms()
    }
    /// The source's order of this value.
    pub fn version(&self) -> Option<Version> {
        self.slot.version()
    }
    /// The priority it was stored with.
    pub fn priority(&self) -> u8 {
        self.slot.priority()
    }
    /// The media type it was stored with.
    pub fn content_type(&self) -> Option<&str> {
        self.slot.extra.as_ref().and_then(|extra| extra.content_type.as_deref())
    }
    /// Its tags.
    pub fn tags(&self) -> impl Iterator<Item = &[u8]> {
        self.slot.names(NameKind::Tag)
    }
    /// The keys and tags that it depends on.
    pub fn dependencies(&self) -> impl Iterator<Item = &[u8]> {
        self.slot.names(NameKind::Dependency)
    }
    /// The events that it depends on, in their written form.
    pub fn events(&self) -> impl Iterator<Item = &str> {
        self.slot.names(NameKind::Event).filter_map(|name| std::str::from_utf8(name).ok())
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

/// What was compressed is what was given with it, so that it is always found again; nothing else is worse than nothing.
#[cold]
fn plain(codec: Codec, kept: &[u8], len: usize) -> Box<[u8]> {
    let plain = codec.unpack(kept, len);
    debug_assert!(plain.is_some(), "{codec}: {len} bytes cannot be found again");
    plain.unwrap_or_default().into_boxed_slice()
}
