//! A hash table whose order depends on nothing but what was put into it.

#![allow(clippy::disallowed_types)]

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use rapidhash::fast::RapidHasher;

/// Hashed with a fixed seed: the same steps give the same order.
pub type Map<K, V> = HashMap<K, V, BuildHasherDefault<RapidHasher<'static>>>;

/// A 64-bit hash that is the same in every process.
pub fn hash64(bytes: &[u8]) -> u64 {
    rapidhash::v3::rapidhash_v3(bytes)
}
