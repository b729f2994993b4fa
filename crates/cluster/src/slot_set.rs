//! A set of slots, a bit each: half of sixteen thousand of them are looked up in two kilobytes.

use crate::Slot;

const BITS: usize = u64::BITS as usize;

/// A set of slots.
#[derive(Debug, Default)]
pub(crate) struct SlotSet {
    words: Vec<u64>,
    count: usize,
}

impl SlotSet {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether it has a slot.
    pub fn contains(&self, slot: Slot) -> bool {
        let (at, bit) = place(slot);
        self.words.get(at).is_some_and(|word| word & bit != 0)
    }

    /// All of them, a bit each, from slot 0 on.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// Takes a slot in.
    pub fn insert(&mut self, slot: Slot) {
        let (at, bit) = place(slot);
        if self.words.len() <= at {
            self.words.resize(at + 1, 0);
        }
        self.count += usize::from(self.words[at] & bit == 0);
        self.words[at] |= bit;
    }

    /// Leaves a slot out.
    pub fn remove(&mut self, slot: Slot) {
        let (at, bit) = place(slot);
        if let Some(word) = self.words.get_mut(at) {
            self.count -= usize::from(*word & bit != 0);
            *word &= !bit;
        }
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = Slot> + '_ {
        (0..self.words.len() * BITS).map(|slot| Slot(slot as u16)).filter(|slot| self.contains(*slot))
    }
}

fn place(slot: Slot) -> (usize, u64) {
    let slot = usize::from(slot.0);
    (slot / BITS, 1 << (slot % BITS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_taken_in_and_left_out() {
        let mut slots = SlotSet::default();
        assert!(slots.is_empty() && !slots.contains(Slot(70)));
        slots.remove(Slot(70));
        [70, 3, 70, 16_383].into_iter().for_each(|slot| slots.insert(Slot(slot)));
        assert_eq!(slots.iter().collect::<Vec<_>>(), [3, 70, 16_383].map(Slot));
        [70, 70, 16_383, 4].into_iter().for_each(|slot| slots.remove(Slot(slot)));
        assert_eq!((slots.iter().collect::<Vec<_>>(), slots.count), (vec![Slot(3)], 1));
    }
}
