//! What values say: which write made them. So a checker can judge a value by itself.

use std::sync::Arc;

use clearwell_cluster::{Bytes, Entry};
use clearwell_engine::View;

use crate::queue::Micros;

/// A write's number, from 1; 0 is no write.
pub type WriteId = u32;

/// A value that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Value {
    /// The write that made it.
    pub write: WriteId,
    /// When the source was read, in true time; 0 for a value that did not come from there.
    pub read: Micros,
}

/// What a value needs at least.
const LEAST: usize = 12;

/// What a write writes, of so many bytes or as few as it needs.
pub fn encode(write: WriteId, size: usize) -> Bytes {
    let mut bytes = vec![0; size.max(LEAST)];
    bytes[..4].copy_from_slice(&write.to_le_bytes());
    Arc::from(bytes)
}

/// Which write wrote it.
pub fn write_of(bytes: &[u8]) -> WriteId {
    let mut write = [0; 4];
    write.copy_from_slice(&bytes[..4]);
    WriteId::from_le_bytes(write)
}

/// What checkers know of a load, and the cluster does not: it lies behind the content type, at which no part of it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// When the source was read.
    pub read: Micros,
    /// The version of the row then.
    pub version: u64,
}

impl Stamp {
    /// A content type with the stamp behind it.
    pub fn put_on(self, content_type: Option<&str>) -> Arc<str> {
        format!("{};{};{}", content_type.unwrap_or_default(), self.read, self.version).into()
    }

    /// The stamp on a content type.
    pub fn of(content_type: Option<&str>) -> Option<Stamp> {
        let mut parts = content_type?.split(';').skip(1);
        let mut next = || parts.next()?.parse().ok();
        Some(Stamp { read: next()?, version: next()? })
    }

    /// The content type without a stamp.
    pub fn take_off(content_type: Option<&str>) -> Option<&str> {
        content_type?.split(';').next().filter(|text| !text.is_empty())
    }
}

/// What was found, and its version: of what was loaded as the stamp says, which knows more than the cluster.
pub fn found(value: Option<&[u8]>, content_type: Option<&str>, version: u64) -> (Option<Value>, u64) {
    let stamp = Stamp::of(content_type);
    let read = stamp.map_or(0, |stamp| stamp.read);
    let value = value.map(|value| Value { write: write_of(value), read });
    (value, stamp.map_or(version, |stamp| stamp.version))
}

/// The same of an entry.
pub fn found_in(entry: &Entry) -> (Option<Value>, u64) {
    found(entry.value.as_deref(), entry.meta.content_type.as_deref(), entry.version.0)
}

/// The same of one that lies in a store.
pub fn found_at(view: &View<'_>) -> (Option<Value>, u64) {
    found(view.value(), view.content_type(), view.version().unwrap_or_default().0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_comes_off_as_it_was_put_on() {
        let stamp = Stamp { read: 7, version: 9 };
        for content_type in [None, Some("text/plain")] {
            let stamped = stamp.put_on(content_type);
            assert_eq!(Stamp::of(Some(&stamped)), Some(stamp));
            assert_eq!(Stamp::take_off(Some(&stamped)), content_type);
            assert_eq!(Stamp::of(content_type), None);
            assert_eq!(Stamp::take_off(content_type), content_type);
        }
        let stamped = stamp.put_on(None);
        let value = encode(3, 0);
        assert_eq!(found(Some(&value), Some(&stamped), 5), (Some(Value { write: 3, read: 7 }), 9));
        assert_eq!(found(Some(&value), None, 5), (Some(Value { write: 3, read: 0 }), 5));
    }
}
