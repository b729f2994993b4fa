//! By priority, strictly: as long as an entry of a lower priority is there, none of a higher one leaves.

use super::ranking::{Rank, last_use};
use crate::slot::EntryPlace;

/// Ranks by priority; among equals by the last use.
#[derive(Debug, Default)]
pub(super) struct Priority;

impl Rank for Priority {
    type Key = (u8, u64);

    fn first(&self, slot: &EntryPlace, tick: u64) -> (u8, u64) {
        (slot.priority(), tick)
    }

    fn now(&self, slot: &EntryPlace, (_, last): (u8, u64), tick: u64) -> (u8, u64) {
        (slot.priority(), last_use(slot, last, tick))
    }

    fn level((priority, _): (u8, u64)) -> Option<u8> {
        Some(priority)
    }
}
