//! Which keys have a write that the source does not have yet, and the newest of each.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

/// The newest unflushed write of a key.
#[derive(Debug, Clone)]
pub struct DirtyWrite {
    /// Which write it is: the record that it was acknowledged by.
    pub write: u64,
    /// The value; `None` for a removal.
    pub value: Option<Arc<[u8]>>,
    /// The media type, where REST gave one.
    pub content_type: Option<Box<str>>,
    /// When the oldest write that is not flushed was made.
    pub since: Instant,
    /// When this one was.
    pub written: Instant,
    /// The oldest write of the key that is not flushed.
    first: u64,
    /// The record that holds it now.
    place: u64,
    /// How often the source was too slow for it.
    slow: u32,
}

/// A write that is to be flushed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Taken {
    pub key: Arc<[u8]>,
    pub write: u64,
    pub value: Option<Arc<[u8]>>,
}

/// All of them. A key's turn is that of its oldest unflushed write, so that one which is written all the time has turns too.
#[derive(Debug, Default)]
pub struct Dirty {
    by_key: HashMap<Arc<[u8]>, DirtyWrite>,
    order: BTreeMap<u64, Arc<[u8]>>,
    places: BTreeSet<u64>,
    latest: u64,
}

/// What a key costs here besides its bytes.
const OVERHEAD: u64 = 200;

/// Bytes that count for a write.
pub fn cost(key: &[u8], value: Option<&[u8]>) -> u64 {
    OVERHEAD + (key.len() + value.map_or(0, <[u8]>::len)) as u64
}

impl Dirty {
    /// Takes in a write, newer than all before. Answers what the one it replaces cost.
    pub fn write(
        &mut self,
        key: &[u8],
        write: u64,
        value: Option<Arc<[u8]>>,
        content_type: Option<Box<str>>,
        now: Instant,
    ) -> u64 {
        self.latest = self.latest.max(write);
        self.places.insert(write);
        if let Some(slot) = self.by_key.get_mut(key) {
            let before = cost(key, slot.value.as_deref());
            self.places.remove(&slot.place);
            *slot = DirtyWrite { write, value, content_type, written: now, place: write, slow: 0, ..*slot };
            return before;
        }
        let key: Arc<[u8]> = key.into();
        let (since, written) = (now, now);
        let slot =
            DirtyWrite { write, value, content_type, since, written, first: write, place: write, slow: 0 };
        self.by_key.insert(key.clone(), slot);
        self.order.insert(write, key);
        0
    }

    /// The newest unflushed write of a key.
    pub fn get(&self, key: &[u8]) -> Option<&DirtyWrite> {
        self.by_key.get(key)
    }

    /// The writes whose turn it is.
    pub fn batch(&self, most: usize) -> Vec<Taken> {
        self.all().take(most).collect()
    }

    /// All writes in their turn.
    pub fn all(&self) -> impl Iterator<Item = Taken> {
        let taken = |key: &Arc<[u8]>| {
            let slot = self.by_key.get(key)?;
            Some(Taken { key: key.clone(), write: slot.write, value: slot.value.clone() })
        };
        self.order.values().filter_map(taken)
    }

    /// All writes in the order in which they were made.
    pub fn in_order(&self) -> Vec<Taken> {
        let mut all: Vec<Taken> = self.all().collect();
        all.sort_unstable_by_key(|taken| taken.write);
        all
    }

    /// A write is over: flushed or set aside. The record that held it and what it cost, unless a newer one waits, which
    /// stays.
    pub fn done(&mut self, key: &[u8], write: u64) -> Option<(u64, u64)> {
        let slot = self.by_key.get_mut(key)?;
        let key = self.order.remove(&slot.first)?;
        if slot.write != write {
            (slot.first, slot.since) = (slot.write, slot.written);
            self.order.insert(slot.first, key);
            return None;
        }
        let (place, freed) = (slot.place, cost(&key, slot.value.as_deref()));
        self.places.remove(&place);
        self.by_key.remove(&key);
        Some((place, freed))
    }

    /// A write was copied to a record further on. `false`: it is no longer the newest, or over.
    pub fn moved(&mut self, key: &[u8], write: u64, place: u64) -> bool {
        let Some(slot) = self.by_key.get_mut(key).filter(|slot| slot.write == write) else { return false };
        self.places.remove(&slot.place);
        slot.place = place;
        self.places.insert(place);
        true
    }

    /// The source was too slow for a write; how often by now.
    pub fn slow(&mut self, key: &[u8], write: u64) -> u32 {
        let Some(slot) = self.by_key.get_mut(key).filter(|slot| slot.write == write) else { return 0 };
        slot.slow = slot.slow.saturating_add(1);
        slot.slow
    }

    /// Whether the writes of a key up to this one are over.
    pub fn is_clean(&self, key: &[u8], write: u64) -> bool {
        self.by_key.get(key).is_none_or(|slot| slot.first > write)
    }

    /// The oldest write of all that is not flushed.
    pub fn first(&self) -> Option<u64> {
        self.order.keys().next().copied()
    }

    /// The newest write that was ever taken in.
    pub fn latest(&self) -> u64 {
        self.latest
    }

    /// When the oldest was made.
    pub fn oldest(&self) -> Option<Instant> {
        self.order.values().next().and_then(|key| self.by_key.get(key)).map(|slot| slot.since)
    }

    /// The first record that is needed.
    pub fn place(&self) -> Option<u64> {
        self.places.first().copied()
    }

    /// How many keys.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The naive one: every write with whether it is over.
    #[derive(Default)]
    struct Model(Vec<(u64, u8, bool)>);

    impl Model {
        fn open(&self, key: u8) -> impl DoubleEndedIterator<Item = u64> {
            self.0.iter().filter(move |(_, of, over)| *of == key && !over).map(|(write, ..)| *write)
        }
    }

    #[test]
    fn it_agrees_with_a_list_of_all_writes() {
        for seed in 0..300 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let (mut dirty, mut model, mut next) = (Dirty::default(), Model::default(), 1);
            let mut held = 0u64;
            for _ in 0..120 {
                let key = rng.u8(0..6);
                match rng.u8(0..5) {
                    0..=2 => {
                        let value: Option<Arc<[u8]>> = rng.bool().then(|| vec![0; rng.usize(0..9)].into());
                        held += cost(&[key], value.as_deref());
                        held -= dirty.write(&[key], next, value, None, Instant::now());
                        model.0.push((next, key, false));
                        next += 1;
                    }
                    3 => {
                        let taken = dirty.batch(rng.usize(0..4));
                        assert!(taken.is_sorted_by_key(|t| model.open(t.key[0]).next()), "seed {seed}");
                        for Taken { key, write, .. } in taken {
                            assert_eq!(
                                model.open(key[0]).next_back(),
                                Some(write),
                                "seed {seed}: the newest"
                            );
                            if rng.bool() {
                                let value = Some(vec![1].into());
                                held += cost(&key, Some(&[1]));
                                held -= dirty.write(&key, next, value, None, Instant::now());
                                model.0.push((next, key[0], false));
                                next += 1;
                            }
                            held -= dirty.done(&key, write).map_or(0, |(_, freed)| freed);
                            let over = model.0.iter_mut().filter(|(w, of, _)| *of == key[0] && *w <= write);
                            over.for_each(|(.., over)| *over = true);
                        }
                    }
                    _ => {
                        if let Some(write) = model.open(key).next_back() {
                            assert!(dirty.moved(&[key], write, next), "seed {seed}");
                            next += 1;
                        }
                    }
                }
                for key in 0..6 {
                    let newest = dirty.get(&[key]).map(|slot| slot.write);
                    assert_eq!(newest, model.open(key).next_back(), "seed {seed}");
                }
                let first = (0..6).filter_map(|key| model.open(key).next()).min();
                assert_eq!(dirty.first(), first, "seed {seed}");
                assert_eq!(
                    (dirty.places.len(), dirty.order.len()),
                    (dirty.len(), dirty.len()),
                    "seed {seed}"
                );
                let costs = dirty.all().map(|taken| cost(&taken.key, taken.value.as_deref()));
                assert_eq!(held, costs.sum::<u64>(), "seed {seed}");
            }
        }
    }
}
