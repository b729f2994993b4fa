//! Copies whose order is decided outside, in an owner's log: they are kept and given up as the log says.

use crate::engine::update::enter_newer;
use crate::freshness::Last;
use crate::history::Parting;
use crate::shard::Leaving;
use crate::shared::Standing;
use crate::slot::NEVER;
use crate::{Draft, Effect, Engine, Millis, TooLarge};

impl Engine {
    /// Keeps a value that has its place in a log: whatever lies there gives way, and every load of the key in flight is older.
    ///
    /// In two things it differs from [`Engine::put`], because the log has decided them already, for all nodes alike. Nothing that depends
    /// on the key is taken away. And a circle of dependencies is no reason to refuse what was acknowledged: a cascade comes to an
    /// end in any graph.
    pub fn adopt(&self, key: &[u8], draft: &Draft<'_>, now: Millis) -> Result<(), TooLarge> {
        let (hash, cell) = self.cell(key);
        let incoming = self.joined(key, hash, self.seq(), draft)?;
        let mut shard = cell.lock.write();
        // What was made from the value before may live on by its edges, so none is taken away.
        let (names, counter) = (&self.shared.names, &self.shared.counter);
        let seq = enter_newer(&self.shared, |seq| {
            names.link(incoming.key(), incoming.held(), counter);
            crate::names::enter_all(incoming.held(), seq)
        });
        let stored = self.place(&mut shard, cell, incoming, seq, true, now);
        if stored.is_none() {
            shard.marks.raise(hash, Last::at(seq, Effect::Gone));
        }
        self.finish(cell, shard, stored, now);
        Ok(())
    }

    /// Changes when an entry expires, if there is one, as a log says. What has expired here already stays so: it may be swept.
    pub fn adopt_expiry(&self, key: &[u8], expires: Option<Millis>, now: Millis) {
        let (hash, cell) = self.cell(key);
        let mut shard = cell.lock.write();
        let there = shard.find(hash, key);
        if let Some(place) =
            there.filter(|&place| self.shared.standing(&shard.slab[place], now) >= Standing::Stale)
        {
            shard.set_expires(place, expires.map_or(NEVER, |at| at.0.min(NEVER - 1)), now);
        }
        self.finish(cell, shard, None, now);
    }

    /// Whatever was read until now may be old, because nobody told this engine of changes for a while: what loads in flight bring, and clients
    /// that missed before now, is refused. What is stored stays.
    pub fn doubt_reads(&self) {
        let at = Last::at(self.shared.counter.next(), Effect::Gone);
        for cell in &self.cells {
            cell.lock.write().marks.doubt(at);
        }
    }

    /// Gives up a copy of whose changes nobody tells any more. Nothing was invalidated, so no mark is left: a load in flight may fill
    /// the key. Whether an entry lay there.
    pub fn forget(&self, key: &[u8], now: Millis) -> bool {
        let (hash, cell) = self.cell(key);
        let mut shard = cell.lock.write();
        let Some(place) = shard.find(hash, key) else { return false };
        let why = shard.death(place, now, &self.shared).unwrap_or(Leaving::Invalidated);
        self.take_away(cell, &mut shard, place, Parting::new(why, now));
        self.finish(cell, shard, None, now);
        true
    }
}
