//! Reads: the road of a hit, and what a miss leads to.

use crate::flight::Boarding;
use crate::freshness::{Last, may_store};
use crate::shard::{Shard, ShardCell, count};
use crate::shared::Standing;
use crate::slot::{EntryPlace, NEVER};
use crate::{Ask, Engine, FillLease, Lookup, Millis, OnMiss, Reader, Seq, Tolerate, View};

impl Tolerate {
    fn accepts(self, standing: Standing) -> bool {
        match self {
            Tolerate::Fresh => standing == Standing::Fresh,
            Tolerate::Stale => standing >= Standing::Stale,
            Tolerate::Grace => standing >= Standing::Grace,
        }
    }
}

impl Engine {
    /// Looks a key up. `read` is called at most once, with the entry, while its shard is held: it copies what the
    /// reader needs and does nothing slow, and does not call the engine.
    pub fn lookup<R>(&self, key: &[u8], ask: Ask, read: impl FnOnce(&View<'_>) -> R) -> Lookup<R> {
        let (hash, cell) = self.cell(key);
        let shard = cell.lock.read();
        let found = shard.find(hash, key).map(|place| &shard.slab[place]);
        if let Some(slot) = found {
            let standing = self.shared.standing(slot, ask.now);
            if ask.tolerate.accepts(standing) {
                return self.hit(cell, &shard, slot, standing, &ask, read);
            }
        }
        if ask.on_miss != OnMiss::Pass {
            count(&cell.tally.reads(ask.class).misses);
        }
        match ask.on_miss {
            OnMiss::Tell | OnMiss::Pass => Lookup::Miss { began: self.seq() },
            OnMiss::Load => match self.board(cell, &shard, hash, key) {
                Boarding::Lead(lease) => Lookup::Lead(lease),
                Boarding::Wait(waiting) => Lookup::Wait(waiting),
            },
            OnMiss::Remember | OnMiss::RememberFor(_) => {
                drop(shard);
                let reader =
                    if let OnMiss::RememberFor(reader) = ask.on_miss { reader } else { Reader::default() };
                Lookup::Miss { began: self.remember_miss(cell, hash, key, reader, ask.now) }
            }
        }
    }

    fn hit<R>(
        &self,
        cell: &ShardCell,
        shard: &Shard,
        slot: &EntryPlace,
        standing: Standing,
        ask: &Ask,
        read: impl FnOnce(&View<'_>) -> R,
    ) -> Lookup<R> {
        slot.touch(ask.now);
        shard.eviction.used(slot);
        let stale = standing != Standing::Fresh;
        let reads = cell.tally.reads(ask.class);
        count(if stale { &reads.stale_hits } else { &reads.hits });
        let early = !stale && early(slot, ask);
        let mut refresh = None;
        if ask.on_miss == OnMiss::Load && (stale || early) {
            refresh = self.lead_refresh(cell, shard, slot);
            if early && refresh.is_some() {
                count(&cell.tally.early_refreshes);
            }
        }
        Lookup::Hit { read: read(&View::new(slot, stale)), stale, refresh }
    }

    fn lead_refresh(&self, cell: &ShardCell, shard: &Shard, slot: &EntryPlace) -> Option<FillLease> {
        match self.board(cell, shard, slot.hash, slot.key()) {
            Boarding::Lead(lease) => Some(lease),
            Boarding::Wait(_) => None,
        }
    }

    /// Begins a load of a key, or joins the one in progress, whatever stands there now: for who loads without reading, so that
    /// nothing is counted or touched. Answers [`Lookup::Lead`] or [`Lookup::Wait`].
    pub fn load(&self, key: &[u8]) -> Lookup<()> {
        let (hash, cell) = self.cell(key);
        let shard = cell.lock.read();
        match self.board(cell, &shard, hash, key) {
            Boarding::Lead(lease) => Lookup::Lead(lease),
            Boarding::Wait(waiting) => Lookup::Wait(waiting),
        }
    }

    /// Leads a flight, or joins the one in progress unless its key was invalidated since it began.
    fn board(&self, cell: &ShardCell, shard: &Shard, hash: u64, key: &[u8]) -> Boarding {
        let may_join = |began| may_store(began, self.key_last(shard, hash, key, began));
        cell.flights.board(key, || self.seq(), may_join)
    }

    /// When the key itself was invalidated or put last (alone, by a pattern, with everything), as far as that is
    /// after `began`.
    pub(super) fn key_last(&self, shard: &Shard, hash: u64, key: &[u8], began: Seq) -> Last {
        let put = match shard.find(hash, key).map(|place| &shard.slab[place]) {
            Some(slot) if slot.put => Last { gone: slot.began, stale: Seq(0) },
            _ => Last::default(),
        };
        let patterns = self.shared.patterns.last_covering(began, |swath| swath.covers(key));
        shard.marks.last(hash).and(put).and(patterns).and(self.shared.everything.last())
    }

    /// Looks at an entry without counting, touching or removing it; also at a stale one. `None`: no entry that may be
    /// served to a reader who tolerates stale ones.
    pub fn peek<R>(&self, key: &[u8], now: Millis, read: impl FnOnce(&View<'_>) -> R) -> Option<R> {
        let (hash, cell) = self.cell(key);
        let shard = cell.lock.read();
        let slot = &shard.slab[shard.find(hash, key)?];
        let standing = self.shared.standing(slot, now);
        Tolerate::Stale.accepts(standing).then(|| read(&View::new(slot, standing != Standing::Fresh)))
    }
}

/// XFetch: whether this reader is the one who refreshes ahead of the expiry. The longer the load takes, and the
/// nearer the expiry, the likelier. (Vattani, Chierichetti, Lowenstein, VLDB 2015.)
fn early(slot: &EntryPlace, ask: &Ask) -> bool {
    let load_ms = slot.extra.as_ref().map_or(0, |extra| extra.load_ms);
    if slot.expires == NEVER || load_ms == 0 || ask.early_refresh.is_nan() || ask.early_refresh <= 0.0 {
        return false;
    }
    let ahead = -f64::from(load_ms) * ask.early_refresh * ask.chance.ln();
    ahead >= slot.expires.saturating_sub(ask.now.0) as f64
}
