//! Plain SETs, which may be writes or fills.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::fill::Bringer;
use crate::freshness::Last;
use crate::hash::shard_of;
use crate::history::{HistoryEvent, Parting};
use crate::names::last_of;
use crate::outstanding::{Decision, Offer};
use crate::shard::{Incoming, Leaving, Shard, ShardCell, count};
use crate::shared::Standing;
use crate::slot::EntryPlace;
use crate::{Draft, Engine, Millis, Offered, Origin, Reader, Seq, View};

/// Remembers what the count was about a window ago, so that a plain SET is compared with the patterns since
/// then only.
#[derive(Debug, Default)]
pub(super) struct Horizon {
    turned: AtomicU64,
    before: AtomicU64,
    last: AtomicU64,
}

impl Horizon {
    /// A count that is at least `window_ms` old. Asked under a shard's lock by whoever uses the window.
    fn at(&self, now: Millis, window_ms: u64, seq: Seq) -> Seq {
        let turned = self.turned.load(Relaxed);
        if now.0.saturating_sub(turned) >= window_ms
            && self.turned.compare_exchange(turned, now.0, Relaxed, Relaxed).is_ok()
        {
            self.before.store(self.last.load(Relaxed), Relaxed);
            self.last.store(seq.0, Relaxed);
        }
        Seq(self.before.load(Relaxed))
    }
}

impl Engine {
    /// Notes that a reader without a loader missed; the count at that.
    pub(super) fn remember_miss(
        &self,
        cell: &ShardCell,
        hash: u64,
        key: &[u8],
        reader: Reader,
        now: Millis,
    ) -> Seq {
        let mut shard = cell.lock.write();
        let seq = self.seq();
        let slot = shard.find(hash, key).map(|place| &shard.slab[place]);
        let (invalidated, _) = self.invalidated(&shard, (hash, key, slot), self.horizon(now).min(seq));
        shard.outstanding.miss(reader, hash, invalidated, seq, now);
        shard.publish(&self.shared);
        seq
    }

    /// A count from before all that a plain SET may be the fill of.
    fn horizon(&self, now: Millis) -> Seq {
        self.horizon.at(now, self.shared.config.late_fill_window_ms, self.seq())
    }

    /// The count at the key's last invalidation (not: put), as far as it is known and within the window; and the same of what is
    /// wider than the key. `oldest` is at or before the [`Engine::horizon`].
    fn invalidated(
        &self,
        shard: &Shard,
        (hash, key, slot): (u64, &[u8], Option<&EntryPlace>),
        oldest: Seq,
    ) -> (Seq, Seq) {
        let patterns = self.shared.patterns.last_covering(oldest, |swath| swath.covers(key));
        let entry = slot.map_or(Last::default(), |slot| last_of(slot.held()));
        let wide = patterns.and(entry).and(self.shared.everything.last());
        (shard.marks.last(hash).and(wide).newest(), wide.newest())
    }

    /// A plain SET: a write, or the fill of a remembered miss.
    pub fn offer(&self, key: &[u8], origin: Origin, draft: &Draft<'_>, now: Millis) -> Offered {
        let (hash, cell) = self.cell(key);
        let oldest = self.horizon(now).min(origin.miss.unwrap_or(Seq(u64::MAX)));
        let incoming = match self.incoming(key, hash, oldest, draft) {
            Ok(incoming) => incoming,
            Err(unfit) => return Offered::TooLarge(unfit),
        };
        let mut shard = cell.lock.write();
        shard.outstanding.foresee(hash);
        let offer = self.question(&shard, &incoming, (origin, oldest), draft, now);
        let decision = shard.outstanding.decide(&offer);
        let (offered, stored) = match decision {
            Decision::Put => match self.store_put(&mut shard, cell, incoming, draft, now) {
                Ok(stored) => (Offered::Written, stored),
                Err(unfit) => (Offered::TooLarge(unfit), None),
            },
            Decision::Fill { began } => {
                match self.store_fill(&mut shard, cell, incoming, began, (draft, Bringer::Client), now) {
                    Some(place) => (Offered::Filled, Some(place)),
                    None => (Offered::Refused, None),
                }
            }
            Decision::Same => {
                count(&cell.tally.fills);
                self.discard(incoming);
                (Offered::Filled, None)
            }
            Decision::Refuse { drop_stored } => {
                if let Some(place) = shard.find(hash, key).filter(|_| drop_stored) {
                    self.log.doubt(key, now);
                    let doubted = Parting::new(Leaving::Invalidated, now);
                    self.take_away(
                        cell,
                        &mut shard,
                        place,
                        Parting { what: HistoryEvent::Doubted, ..doubted },
                    );
                }
                self.note_offer_refused(&mut shard, &incoming, offer.invalidated, now);
                self.discard(incoming);
                (Offered::Refused, None)
            }
        };
        if offered == Offered::Refused {
            count(&cell.tally.offers_refused);
        }
        self.finish(cell, shard, stored, now);
        offered
    }

    /// A remembered miss will not be filled: its connection is gone, and was no pool's.
    pub fn withdraw(&self, key_hash: u64, began: Seq) {
        let cell = &self.cells[shard_of(key_hash, self.cells.len() - 1)];
        let mut shard = cell.lock.write();
        shard.outstanding.withdraw(key_hash, began);
        shard.publish(&self.shared);
    }

    /// The hash of a key, as [`Engine::withdraw`] takes it.
    pub fn hash_of(&self, key: &[u8]) -> u64 {
        self.shared.hasher.hash(key)
    }

    fn question(
        &self,
        shard: &Shard,
        incoming: &Incoming,
        (origin, oldest): (Origin, Seq),
        draft: &Draft<'_>,
        now: Millis,
    ) -> Offer {
        let (hash, key, seq) = (incoming.hash, incoming.key(), self.seq());
        let slot = shard.find(hash, key).map(|place| &shard.slab[place]);
        let live = slot.filter(|slot| self.shared.standing(slot, now) == Standing::Fresh);
        let (own, wide) = self.invalidated(shard, (hash, key, slot), oldest);
        let named = last_of(incoming.held()).newest();
        Offer {
            hash,
            value: draft.value.map_or(0, |value| self.shared.hasher.hash(value)),
            origin,
            invalidated: own.max(named),
            wide: wide.max(named),
            put: slot.filter(|slot| slot.put).map_or(Seq(0), |slot| slot.began),
            stored_same: live.map(|slot| View::new(slot, false).value() == draft.value),
            seq,
            now,
        }
    }
}
