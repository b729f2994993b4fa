//! Digests by which an owner and a replica compare a slot without sending it.

use clearwell_words::Version;

use crate::map::hash64;

/// The digest of one entry. A slot's is the exclusive or of its entries', so that it can be kept up as they come and go.
pub fn digest(key: &[u8], version: Version, value: Option<&[u8]>) -> u64 {
    let value = value.map_or(0x5bd1_e995, hash64);
    let mixed =
        hash64(key).rotate_left(23) ^ value.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ version.0.rotate_left(47);
    mixed ^ (mixed >> 29)
}
