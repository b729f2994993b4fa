//! Hashes of keys: seeded, so that nobody outside can choose keys that collide.

use rapidhash::v3::{RapidSecrets, rapidhash_v3_seeded};

/// The hash function of one engine.
#[derive(Debug, Clone)]
pub(crate) struct Hasher(RapidSecrets);

impl Hasher {
    pub(crate) fn new(seed: u64) -> Hasher {
        Hasher(RapidSecrets::seed(seed))
    }

    pub(crate) fn hash(&self, key: &[u8]) -> u64 {
        rapidhash_v3_seeded(key, &self.0)
    }
}

/// The shard that a hash belongs to. Neither the lowest bits nor the highest seven: the table inside the shard
/// looks at those, and they must not be equal for all its entries.
pub(crate) fn shard_of(hash: u64, mask: usize) -> usize {
    (hash >> 32) as usize & mask
}
