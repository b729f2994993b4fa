//! Keys that nearly match a keyspace: a write to one would stay in memory and never reach the source.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use clearwell_engine::Millis;

use super::{Node, WriteError};
use crate::config::NearMiss;

/// Near misses that were seen.
#[derive(Debug, Default)]
pub struct NearMisses {
    refused: AtomicU64,
    warned: AtomicU64,
    /// The second in which one was logged last, and one more.
    logged: AtomicU64,
}

impl NearMisses {
    /// Writes that were refused.
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// Writes and reads that were warned of.
    pub fn warned(&self) -> u64 {
        self.warned.load(Relaxed)
    }

    fn refuse(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    /// One that is warned of; whether it is to be logged, as one in each second is.
    fn warn(&self, now: Millis) -> bool {
        self.warned.fetch_add(1, Relaxed);
        let second = now.0 / 1000 + 1;
        self.logged.swap(second, Relaxed) != second
    }
}

impl Node {
    /// Refuses a write to a key that no keyspace matches and one nearly does, or warns of it, as that keyspace says.
    ///
    /// # Errors
    /// It is refused: what is wrong and what would be right.
    #[inline]
    pub fn check_near(&self, key: &[u8]) -> Result<(), WriteError> {
        match self.keyspaces.may_be_near(key) {
            true => self.judge_near(key),
            false => Ok(()),
        }
    }

    #[cold]
    fn judge_near(&self, key: &[u8]) -> Result<(), WriteError> {
        match self.near(key) {
            Some((NearMiss::Refuse, told)) => {
                self.reports.near_misses().refuse();
                Err(WriteError::NearMiss(told))
            }
            Some((_, told)) => {
                self.warn_near("write", &told);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// A key was not found: warns if it nearly matches a keyspace, whose reader probably meant that.
    #[inline]
    pub fn note_missed_near(&self, key: &[u8]) {
        if self.keyspaces.may_be_near(key)
            && let Some((_, told)) = self.near(key)
        {
            self.warn_near("read", &told);
        }
    }

    /// What is wrong with a key that nearly matches a keyspace, and what would be right.
    pub fn near_told(&self, key: &[u8]) -> Option<String> {
        self.near(key).map(|(_, told)| told)
    }

    fn near(&self, key: &[u8]) -> Option<(NearMiss, String)> {
        let (keyspace, why) = self.keyspaces.near(key)?;
        Some((keyspace.near_miss, format!("no key of keyspace {}, but nearly: {why}", keyspace.name)))
    }

    fn warn_near(&self, what: &str, told: &str) {
        if self.reports.near_misses().warn(self.clock.now()) {
            tracing::warn!(what, "{told}; near_miss in the keyspace says what becomes of such keys");
        }
    }
}
