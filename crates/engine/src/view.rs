//! An entry as a reader sees it, for as long as its shard is held.

use crate::{Millis, Version};

/// A borrowed look at an entry.
pub struct View<'a> {
    pub(crate) placeholder: std::marker::PhantomData<&'a ()>,
}

impl View<'_> {
    /// The key.
    pub fn key(&self) -> &[u8] {
        todo!()
    }
    /// The value; `None` in a negative entry.
    pub fn value(&self) -> Option<&[u8]> {
        todo!()
    }
    /// When it expires.
    pub fn expires(&self) -> Option<Millis> {
        todo!()
    }
    /// When it was stored.
    pub fn created(&self) -> Millis {
        todo!()
    }
    /// When it was last read, to about a second.
    pub fn last_accessed(&self) -> Millis {
        todo!()
    }
    /// How often it was read; may miss some under contention.
    pub fn access_count(&self) -> u32 {
        todo!()
    }
    /// How long its load took, in milliseconds; 0 when it was not loaded.
    pub fn load_ms(&self) -> u32 {
        todo!()
    }
    /// The source's order of this value.
    pub fn version(&self) -> Option<Version> {
        todo!()
    }
    /// The priority it was stored with.
    pub fn priority(&self) -> u8 {
        todo!()
    }
    /// The media type it was stored with.
    pub fn content_type(&self) -> Option<&str> {
        todo!()
    }
    /// Its tags.
    pub fn tags(&self) -> impl Iterator<Item = &[u8]> {
        std::iter::empty()
    }
    /// The keys and tags that it depends on.
    pub fn dependencies(&self) -> impl Iterator<Item = &[u8]> {
        std::iter::empty()
    }
    /// The events that it depends on, in their written form.
    pub fn events(&self) -> impl Iterator<Item = &str> {
        std::iter::empty()
    }
    /// Whether it is marked stale, or past its expiry and served in grace.
    pub fn stale(&self) -> bool {
        todo!()
    }
    /// Changes whenever the key's entry does; for WATCH and ETag.
    pub fn stamp(&self) -> u64 {
        todo!()
    }
}
