//! Least recently used.

use super::ranking::{Rank, last_use};
use crate::slot::EntryPlace;

/// Ranks by the last use: a read, or a write of the value.
#[derive(Debug, Default)]
pub(super) struct Lru;

impl Rank for Lru {
    type Key = u64;

    fn first(&self, _: &EntryPlace, tick: u64) -> u64 {
        tick
    }

    fn now(&self, slot: &EntryPlace, key: u64, tick: u64) -> u64 {
        last_use(slot, key, tick)
    }
}
