//! Fingerprints of entries that were evicted lately.

use crate::memory::allocated;

const WAYS: usize = 4;

/// A table of fingerprints in buckets of four, the oldest of a bucket overwritten first. A fingerprint counts for as
/// many evictions as there are entries.
#[derive(Debug, Default)]
pub(crate) struct Ghost {
    /// Fingerprint and eviction number; a number of 0 is an empty place.
    table: Vec<[(u32, u32); WAYS]>,
    /// Evictions so far.
    now: u32,
    span: u32,
}

impl Ghost {
    /// Remembers an evicted entry, when the shard holds `entries`.
    pub(crate) fn remember(&mut self, hash: u64, entries: usize) {
        self.resize(entries);
        self.now = self.now.wrapping_add(1).max(1);
        self.span = u32::try_from(entries).unwrap_or(u32::MAX);
        let now = self.now;
        let (fingerprint, bucket) = self.bucket(hash);
        let oldest = bucket
            .iter_mut()
            .max_by_key(|(_, number)| if *number == 0 { u32::MAX } else { now.wrapping_sub(*number) });
        if let Some(oldest) = oldest {
            *oldest = (fingerprint, now);
        }
    }

    /// Whether the entry was evicted lately; forgets that.
    pub(crate) fn take(&mut self, hash: u64) -> bool {
        if self.table.is_empty() {
            return false;
        }
        let (now, span) = (self.now, self.span);
        let (fingerprint, bucket) = self.bucket(hash);
        let known = bucket.iter_mut().find(|(kept, number)| *number != 0 && *kept == fingerprint);
        let Some(known) = known else { return false };
        let age = now.wrapping_sub(known.1);
        known.1 = 0;
        age <= span
    }

    fn bucket(&mut self, hash: u64) -> (u32, &mut [(u32, u32); WAYS]) {
        let mask = self.table.len() - 1;
        ((hash >> 32) as u32, &mut self.table[hash as usize & mask])
    }

    /// Makes room for about as many ghosts as entries; what was remembered is forgotten when the room changes.
    fn resize(&mut self, entries: usize) {
        let wanted = (entries / WAYS).next_power_of_two();
        if wanted > self.table.len() || wanted * 8 < self.table.len() {
            self.table = vec![[(0, 0); WAYS]; wanted];
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        allocated(self.table.capacity() * size_of::<[(u32, u32); WAYS]>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_the_last_and_forgets_the_old() {
        let mut ghost = Ghost::default();
        assert!(!ghost.take(1));
        let hash = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (0..1000).for_each(|n| ghost.remember(hash(n), 100));
        assert!(ghost.take(hash(999)));
        assert!(!ghost.take(hash(999)), "taken twice");
        assert!(!ghost.take(hash(500)), "older than its span");
        let known = (900..999).filter(|&n| ghost.take(hash(n))).count();
        assert!(known > 50, "only {known} of 99 remembered");
    }
}
