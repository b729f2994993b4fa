//! Recounting.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::Engine;
use crate::Seq;
use crate::hash::shard_of;
use crate::names::Mark;
use crate::shard::Shard;
use crate::slot::NEVER;

/// An error that names what differs.
fn same<T: PartialEq + std::fmt::Debug>(what: &str, kept: T, counted: T) -> Result<(), String> {
    if kept == counted { Ok(()) } else { Err(format!("{what}: kept {kept:?}, counted {counted:?}")) }
}

impl Engine {
    /// Recounts everything and compares it with the books; says what differs. For tests: nothing else may use the
    /// engine meanwhile.
    pub fn check(&self) -> Result<(), String> {
        /// Walks before what never stands still is compared all the same.
        const WALKS: usize = 100;
        let totals = || (self.shared.entries.load(Relaxed), self.shared.shard_bytes.load(Relaxed));
        // Shards are walked one after the other: what another thread did meanwhile is in the totals only.
        let (mut told, mut walked) = (totals(), self.check_shards()?);
        for _ in 1..WALKS {
            if told == totals() {
                break;
            }
            (told, walked) = (totals(), self.check_shards()?);
        }
        let (entries, bytes) = told;
        same("entries of shards", entries, walked.entries)?;
        same("bytes of shards", bytes, walked.bytes)?;
        self.shared.patterns.check()?;
        self.shared.events.check()?;
        self.shared.ledger.check()?;
        self.shared.names.check(walked.held.iter().map(|(marks, began)| (&marks[..], *began)))
    }

    fn check_shards(&self) -> Result<Walked, String> {
        let mut walked = Walked::default();
        for (number, cell) in self.cells.iter().enumerate() {
            let shard = cell.lock.read();
            self.check_shard(number, &shard).map_err(|differs| format!("shard {number}: {differs}"))?;
            cell.flights.check()?;
            walked.entries = walked.entries.wrapping_add(shard.slab.len() as u64);
            walked.bytes = walked.bytes.wrapping_add(shard.published());
            walked.held.extend(shard.slab.iter().map(|(_, slot)| (slot.held().to_vec(), slot.began)));
        }
        Ok(walked)
    }

    fn check_shard(&self, number: usize, shard: &Shard) -> Result<(), String> {
        same("bytes", shard.published(), shard.bytes())?;
        same("entries told", shard.published_entries(), shard.slab.len() as u64)?;
        same("lowest priority", self.shared.priority_of(number), shard.eviction.lowest())?;
        same("table", shard.table.len(), shard.slab.len())?;
        same("entries", shard.slab.len(), shard.slab.iter().count())?;
        same("timed", shard.timed, shard.slab.iter().filter(|(_, slot)| slot.expires != NEVER).count())?;
        same("negative", shard.negative, shard.slab.iter().filter(|(_, slot)| slot.negative).count())?;
        same("timers", shard.wheel.len(), shard.wheel.iter().count())?;
        let timers: HashSet<(u32, u32)> = shard.wheel.iter().collect();
        for (place, slot) in shard.slab.iter() {
            same("hash", slot.hash, self.shared.hasher.hash(slot.key()))?;
            same("home", number, shard_of(slot.hash, self.cells.len() - 1))?;
            same("place in the table", shard.find(slot.hash, slot.key()), Some(place))?;
            if slot.expires != NEVER && !timers.contains(&(place, slot.generation)) {
                return Err(format!("no timer for {:?}", slot.key().escape_ascii().to_string()));
            }
        }
        shard.eviction.check(&shard.slab)?;
        shard.marks.check()?;
        shard.taken.check()?;
        shard.history.check()?;
        shard.outstanding.check()
    }
}

/// What all shards hold.
#[derive(Default)]
struct Walked {
    entries: u64,
    bytes: u64,
    held: Vec<(Vec<Arc<Mark>>, Seq)>,
}
