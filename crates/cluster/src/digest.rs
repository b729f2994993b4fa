//! Digests by which an owner and a replica compare a slot without sending it.

use clearwell_words::Version;

use crate::Entry;
use crate::map::hash64;

/// The digest of one entry. A slot's is the exclusive or of its entries', so that it can be kept up as they come and go.
pub fn digest(key: &[u8], version: Version, value: Option<&[u8]>) -> u64 {
    let value = value.map_or(NOTHING, hash64);
    let mixed =
        hash64(key).rotate_left(23) ^ value.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ version.0.rotate_left(47);
    mixed ^ (mixed >> 29)
}

/// The digest of an entry that says that there is nothing, under no name.
pub const NOTHING: u64 = 0x5bd1_e995;

/// The digest of what an entry says: its value, tags, dependencies and events. Two loads of one row say the same, whatever they tell of its
/// order.
pub fn content(entry: &Entry) -> u64 {
    let bytes = |bytes: &[u8]| hash64(bytes).wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = entry.value.as_deref().map_or(NOTHING, bytes);
    let tags = entry.tags.iter().map(|tag| bytes(tag));
    let dependencies = entry.dependencies.iter().map(|name| !bytes(name));
    let events = entry.events.iter().map(|event| bytes(event.to_string().as_bytes()).rotate_left(7));
    // Names have no order: an engine gives them back in its own.
    tags.chain(dependencies)
        .chain(events)
        .fold(value, |sum, name| sum.wrapping_add(name.wrapping_mul(name | 1)))
}
