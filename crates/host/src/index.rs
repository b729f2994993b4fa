//! The keys of the store by slot, for as long as slots are handed over or compared.
//!
//! The engine knows no slots, and a node without replicas needs no index of every entry. So it is
//! made by a walk over the engine when it is first needed, a slice at a time, kept up with every value that is stored meanwhile, and
//! dropped when it was not needed for a while. It may name keys that are not there any more; it lacks none that are.

use std::collections::BTreeSet;
use std::ops::Bound;

use clearwell_cluster::{Bytes, Part, Planted, Slot, slot};
use clearwell_engine::{Engine, Millis};

/// Keys by slot, and in each in their order.
#[derive(Debug)]
pub(crate) struct Index {
    made: Option<Made>,
    /// How many places one slice of the walk looks at.
    slice: u32,
    /// After so long without use it is dropped.
    unused_ms: u64,
    /// The planted bug by which the walk leaves a place out where it goes on.
    skips: bool,
}

#[derive(Debug)]
struct Made {
    keys: BTreeSet<(Slot, Bytes)>,
    /// Where the walk goes on; `None`: it is over.
    cursor: Option<u64>,
    used: Millis,
}

impl Index {
    /// None yet; a slice of the walk that makes it looks at so many places, and it is dropped after so long without use.
    pub fn new(slice: u32, unused_ms: u64, planted: Option<Planted>) -> Index {
        let skips = cfg!(feature = "planted") && planted == Some(Planted::WalkSkips);
        Index { made: None, slice, unused_ms, skips }
    }

    /// How many places a slice looks at.
    pub fn slice(&self) -> usize {
        self.slice as usize
    }

    /// Whether it was begun and is not whole.
    pub fn is_in_the_making(&self) -> bool {
        self.made.as_ref().is_some_and(|made| made.cursor.is_some())
    }

    /// Makes a slice more of it, if it is not whole. Whether it is now.
    pub fn go_on(&mut self, engine: &Engine, slots: u16, now: Millis) -> bool {
        let made =
            self.made.get_or_insert_with(|| Made { keys: BTreeSet::new(), cursor: Some(0), used: now });
        made.used = now;
        if let Some(cursor) = made.cursor {
            let next = engine.keys(cursor, self.slice, |key| {
                made.keys.insert((slot::slot_of(key, slots), key.into()));
            });
            made.cursor = (next != 0).then_some(next + u64::from(self.skips));
        }
        made.cursor.is_none()
    }

    /// A value was stored.
    pub fn stored(&mut self, key: &Bytes, slots: u16) {
        if let Some(made) = &mut self.made {
            made.keys.insert((slot::slot_of(key, slots), key.clone()));
        }
    }

    /// These are not there any more.
    pub fn forget(&mut self, gone: &[(Slot, Bytes)]) {
        if let Some(made) = &mut self.made {
            gone.iter().for_each(|place| {
                made.keys.remove(place);
            });
        }
    }

    /// The keys of a part, slot after slot in the part's order.
    pub fn keys<'a>(&'a self, part: &'a Part) -> impl Iterator<Item = &'a (Slot, Bytes)> {
        // A part that ends before it begins has no keys.
        let ends_early = matches!((&part.after, &part.end), (Some(after), Some(end)) if end < after);
        let is_empty = part.slots.len() == 1 && ends_early;
        let keys = self.made.as_ref().map(|made| &made.keys).filter(|_| !is_empty);
        part.slots.iter().flat_map(move |&slot| {
            let from = match part.after.as_ref().filter(|_| part.slots.first() == Some(&slot)) {
                Some(after) => Bound::Excluded((slot, after.clone())),
                None => Bound::Included((slot, Bytes::default())),
            };
            let to = match part.end.as_ref().filter(|_| part.slots.last() == Some(&slot)) {
                Some(end) => Bound::Included((slot, end.clone())),
                None => Bound::Excluded((Slot(slot.0 + 1), Bytes::default())),
            };
            keys.into_iter().flat_map(move |keys| keys.range((from.clone(), to.clone())))
        })
    }

    /// Drops it when nobody used it for a while.
    pub fn tidy(&mut self, now: Millis) {
        if self.made.as_ref().is_some_and(|made| now.since(made.used) > self.unused_ms) {
            self.made = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clearwell_engine::{Config, Draft};

    const SLOTS: u16 = 4;
    const NOW: Millis = Millis(1);
    const UNUSED_MS: u64 = 30_000;

    fn engine(keys: u32) -> Engine {
        let engine = Engine::new(Config::default(), 7);
        for n in 0..keys {
            engine.adopt(format!("{n:05}").as_bytes(), &Draft::default(), NOW).expect("it fits");
        }
        engine
    }

    fn all() -> Part {
        Part { slots: (0..SLOTS).map(Slot).collect(), after: None, end: None }
    }

    #[test]
    fn it_is_made_a_slice_at_a_time_and_has_what_comes_meanwhile() {
        let (engine, mut index) = (engine(5_000), Index::new(1024, UNUSED_MS, None));
        assert!(!index.go_on(&engine, SLOTS, NOW));
        let new = Bytes::from(&b"new"[..]);
        index.stored(&new, SLOTS);
        while !index.go_on(&engine, SLOTS, NOW) {}
        let all = all();
        let keys: Vec<&(Slot, Bytes)> = index.keys(&all).collect();
        assert_eq!(keys.len(), 5_001);
        assert!(keys.is_sorted() && keys.iter().any(|(_, key)| *key == new));
        index.tidy(Millis(1 + UNUSED_MS));
        assert_eq!(index.keys(&all).count(), 5_001);
        index.tidy(Millis(2 + UNUSED_MS));
        assert_eq!(index.keys(&all).count(), 0);
    }

    #[test]
    fn a_part_has_the_keys_that_are_its_own() {
        let (engine, mut index) = (engine(100), Index::new(1024, UNUSED_MS, None));
        assert!(index.go_on(&engine, SLOTS, NOW));
        let limit = |text: &str| Some(Bytes::from(text.as_bytes()));
        for part in [
            Part { slots: vec![Slot(1), Slot(3)], after: limit("00020"), end: limit("00070") },
            Part { slots: vec![Slot(2)], after: limit("00020"), end: limit("00070") },
            Part { slots: vec![Slot(2)], after: limit("00070"), end: limit("00020") },
            Part { slots: vec![Slot(0), Slot(2)], after: None, end: None },
        ] {
            let by_range: Vec<Bytes> = index.keys(&part).map(|(_, key)| key.clone()).collect();
            let all = all();
            let by_rule: Vec<Bytes> = index
                .keys(&all)
                .filter(|(slot, key)| part.has_in(*slot, key))
                .map(|(_, key)| key.clone())
                .collect();
            assert_eq!(by_range, by_rule, "{part:?}");
        }
    }
}
