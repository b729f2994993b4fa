//! A bounded memory of invalidated names.

use std::collections::VecDeque;
use std::hash::{BuildHasherDefault, Hasher};

use hashbrown::HashMap;

use crate::Seq;
use crate::freshness::Last;

/// A map whose keys are keyed 64-bit hashes.
pub(crate) type HashedMap<V> = HashMap<u64, V, BuildHasherDefault<AsIs>>;

/// The keys are keyed hashes already; hashing them again would add nothing.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {
        unreachable!("only whole u64 keys are hashed here");
    }
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// When the names that were invalidated last were invalidated. The oldest is forgotten when there are too many,
/// and everything unknown then answers with a floor that is at least as new. Names are given by their keyed
/// 64-bit hashes: two that collide are taken for one, which costs a hit and never freshness.
#[derive(Debug)]
pub(crate) struct KeyMarks {
    marks: HashedMap<Last>,
    /// Names in the order of their last invalidation. One whose mark is newer than noted here comes again later
    /// in the queue, so that this place is void.
    order: VecDeque<(u64, Seq)>,
    capacity: usize,
    floor: Last,
}

impl KeyMarks {
    /// Remembers at most `capacity` names.
    pub(crate) fn new(capacity: usize) -> KeyMarks {
        KeyMarks { marks: HashedMap::default(), order: VecDeque::new(), capacity, floor: Last::default() }
    }

    /// When the name was invalidated last; for an unknown one, the floor.
    pub(crate) fn last(&self, hash: u64) -> Last {
        self.marks.get(&hash).map_or(self.floor, |last| last.and(self.floor))
    }

    /// Notes an invalidation.
    pub(crate) fn raise(&mut self, hash: u64, last: Last) {
        if last.and(self.floor) == self.floor {
            return;
        }
        let mark = self.marks.entry(hash).or_default();
        let (before, after) = (mark.newest(), mark.and(last));
        *mark = after;
        if after.newest() > before {
            self.order.push_back((hash, after.newest()));
        }
        if self.marks.len() > self.capacity {
            self.forget_oldest();
        }
        if self.order.len() > 2 * self.capacity.max(8) {
            let marks = &self.marks;
            self.order.retain(|place| holds(marks, *place));
        }
    }

    /// Gives the memory of a name over to the caller, who answers for it from now on; the floor if it is unknown.
    pub(crate) fn take(&mut self, hash: u64) -> Last {
        self.marks.remove(&hash).map_or(self.floor, |last| last.and(self.floor))
    }

    /// Every name may have been invalidated at `at`.
    pub(crate) fn doubt(&mut self, at: Last) {
        self.floor = self.floor.and(at);
    }

    /// Forgets all that is not newer than `seq`, because a wider mark (everything) remembers it.
    pub(crate) fn forget_through(&mut self, seq: Seq) {
        self.marks.retain(|_, last| last.newest() > seq);
        let marks = &self.marks;
        self.order.retain(|place| holds(marks, *place));
    }

    /// How many names are remembered.
    pub(crate) fn len(&self) -> usize {
        self.marks.len()
    }

    /// Bytes taken beyond the structure itself.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.marks.allocation_size() + self.order.capacity() * size_of::<(u64, Seq)>()
    }

    /// Recounts; says what differs.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.marks.len() > self.capacity {
            return Err(format!("{} marks where {} are allowed", self.marks.len(), self.capacity));
        }
        let held = self.order.iter().filter(|place| holds(&self.marks, **place)).count();
        // A mark that was taken and raised again to the same count may hold two places.
        if held < self.marks.len() {
            return Err(format!("{held} places in the queue for {} marks", self.marks.len()));
        }
        Ok(())
    }

    fn forget_oldest(&mut self) {
        while let Some(place) = self.order.pop_front() {
            if holds(&self.marks, place) {
                self.floor = self.take(place.0);
                return;
            }
        }
    }
}

/// Whether this is the place of a mark in the queue, and not one that it left.
fn holds(marks: &HashedMap<Last>, (hash, seq): (u64, Seq)) -> bool {
    marks.get(&hash).is_some_and(|last| last.newest() == seq)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::Effect;

    fn gone(seq: u64) -> Last {
        Last::at(Seq(seq), Effect::Gone)
    }

    #[test]
    fn the_oldest_is_forgotten_and_the_floor_remembers_it() {
        let mut marks = KeyMarks::new(2);
        marks.raise(1, gone(1));
        marks.raise(2, gone(2));
        marks.raise(1, gone(3));
        marks.raise(3, gone(4));
        assert_eq!(marks.last(1), gone(3));
        assert_eq!(marks.last(2), gone(2));
        assert_eq!(marks.last(99), gone(2), "2 was the oldest: its mark is the floor");
        marks.check().unwrap();
    }

    #[test]
    fn a_hot_key_does_not_grow_the_queue() {
        let mut marks = KeyMarks::new(8);
        for seq in 1..10_000 {
            marks.raise(seq % 2, gone(seq));
        }
        assert!(marks.order.len() <= 17, "{}", marks.order.len());
        assert_eq!(marks.floor, Last::default());
    }

    #[test]
    fn what_is_taken_is_the_callers_to_remember() {
        let mut marks = KeyMarks::new(2);
        marks.raise(1, gone(7));
        assert_eq!(marks.take(1), gone(7));
        assert_eq!(marks.last(1), Last::default());
        marks.raise(1, gone(7));
        assert_eq!(marks.last(1), gone(7));
    }

    proptest! {
        #[test]
        fn never_answers_older_than_the_truth(
            capacity in 0usize..6,
            raises in prop::collection::vec((0u64..12, any::<bool>(), 0u64..4), 0..200),
        ) {
            let mut marks = KeyMarks::new(capacity);
            let mut truth: HashMap<u64, Last> = HashMap::new();
            let mut seq = 5;
            for (hash, stale, back) in raises {
                seq += 1;
                // Two appliers may raise in another order than they counted.
                let effect = if stale { Effect::Stale } else { Effect::Gone };
                let last = Last::at(Seq(seq - back), effect);
                marks.raise(hash, last);
                let known = truth.entry(hash).or_default();
                *known = known.and(last);
                marks.check().unwrap();
                for (hash, last) in &truth {
                    prop_assert_eq!(marks.last(*hash).and(*last), marks.last(*hash));
                }
                prop_assert!(truth.len() > capacity || truth.iter().all(|(h, l)| marks.last(*h) == *l));
            }
        }
    }
}
