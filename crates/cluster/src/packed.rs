//! A table of names with a few small numbers each, in as little memory as that takes: a member may know millions of names.
//!
//! All names lie behind one another in one piece of memory, with their numbers; the table proper has four bytes for each. So
//! a name costs no allocation, and neither a length nor a hash of its own beside it.

use hashbrown::HashTable;
use std::collections::BTreeMap;

use crate::map::hash64;
use crate::name::Name;

/// Blocks begin at multiples of this, so that a place of 32 bits reaches 16 GiB.
const UNIT: usize = 4;

/// What a block begins with: the kind and the length of its name.
const HEAD: usize = 4;

/// The kind stands above the length, of which there is less than this.
const LENGTH_BITS: u32 = 30;

/// Names, each with `N` numbers.
#[derive(Debug, Default)]
pub struct Packed<const N: usize> {
    places: HashTable<u32>,
    blocks: Blocks<N>,
}

/// Memory of names and their numbers, by place.
#[derive(Debug, Default)]
struct Blocks<const N: usize> {
    bytes: Vec<u8>,
    /// Blocks that are free, by how many units they have. Each says where the next of its length is.
    free: BTreeMap<usize, u32>,
}

/// No block: the end of a list of free ones.
const NONE: u32 = u32::MAX;

impl<const N: usize> Packed<N> {
    /// The numbers of a name.
    pub fn get(&self, name: &Name) -> Option<[u32; N]> {
        let place = self.places.find(hash(name), |place| self.blocks.is(*place, name))?;
        Some(self.blocks.numbers(*place))
    }

    /// Whether a name is in the table.
    pub fn contains(&self, name: &Name) -> bool {
        self.places.find(hash(name), |place| self.blocks.is(*place, name)).is_some()
    }

    /// Notes these numbers for a name from now on.
    pub fn set(&mut self, name: &Name, numbers: [u32; N]) {
        let (hash, blocks) = (hash(name), &mut self.blocks);
        if let Some(place) = self.places.find(hash, |place| blocks.is(*place, name)) {
            return blocks.write(*place, numbers);
        }
        let place = blocks.add(name, numbers);
        self.places.insert_unique(hash, place, |place| blocks.hash(*place));
    }

    /// Takes a name out of the table.
    pub fn remove(&mut self, name: &Name) -> Option<[u32; N]> {
        let found = self.places.find_entry(hash(name), |place| self.blocks.is(*place, name)).ok()?;
        let (place, _) = found.remove();
        let numbers = self.blocks.numbers(place);
        self.blocks.remove(place);
        Some(numbers)
    }

    /// Changes the numbers of all names, and takes those out for which the closure says no. For what happens seldom: it takes a while.
    pub fn retain(&mut self, mut stays: impl FnMut(&[u8], &mut [u32; N]) -> bool) {
        let blocks = &mut self.blocks;
        self.places.retain(|place| {
            let mut numbers = blocks.numbers(*place);
            let (_, bytes) = blocks.name(*place);
            let stays = stays(bytes, &mut numbers);
            match stays {
                true => blocks.write(*place, numbers),
                false => blocks.remove(*place),
            }
            stays
        });
    }

    /// All names, in no order that means anything. For what happens seldom.
    pub fn iter(&self) -> impl Iterator<Item = (Name, [u32; N])> {
        self.places.iter().map(|place| (self.blocks.whole_name(*place), self.blocks.numbers(*place)))
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

impl<const N: usize> Blocks<N> {
    const NAME_AT: usize = HEAD + UNIT * N;

    fn add(&mut self, name: &Name, numbers: [u32; N]) -> u32 {
        let bytes = name.bytes();
        let units = (Self::NAME_AT + bytes.len()).div_ceil(UNIT);
        let place = match self.free.get(&units).copied() {
            Some(place) => {
                match self.word(place as usize * UNIT) {
                    NONE => self.free.remove(&units),
                    next => self.free.insert(units, next),
                };
                place
            }
            None => {
                let end = self.bytes.len();
                let place =
                    u32::try_from(end / UNIT).expect("16 GiB of names are more than a node has memory for");
                self.bytes.resize(end + units * UNIT, 0);
                place
            }
        };
        let at = place as usize * UNIT;
        self.set_word(at, kind(name) << LENGTH_BITS | bytes.len() as u32);
        self.bytes[at + Self::NAME_AT..][..bytes.len()].copy_from_slice(bytes);
        self.write(place, numbers);
        place
    }

    fn remove(&mut self, place: u32) {
        let (_, bytes) = self.name(place);
        let units = (Self::NAME_AT + bytes.len()).div_ceil(UNIT);
        let next = self.free.insert(units, place).unwrap_or(NONE);
        self.set_word(place as usize * UNIT, next);
    }

    fn is(&self, place: u32, name: &Name) -> bool {
        self.name(place) == (kind(name), name.bytes())
    }

    fn name(&self, place: u32) -> (u32, &[u8]) {
        let at = place as usize * UNIT;
        let head = self.word(at);
        let length = head & ((1 << LENGTH_BITS) - 1);
        (head >> LENGTH_BITS, &self.bytes[at + Self::NAME_AT..][..length as usize])
    }

    fn whole_name(&self, place: u32) -> Name {
        match self.name(place) {
            (0, bytes) => Name::Key(bytes.into()),
            (1, bytes) => Name::Tag(bytes.into()),
            (_, bytes) => Name::Dependents(bytes.into()),
        }
    }

    fn hash(&self, place: u32) -> u64 {
        let (kind, bytes) = self.name(place);
        mixed(kind, bytes)
    }

    fn numbers(&self, place: u32) -> [u32; N] {
        std::array::from_fn(|n| self.word(place as usize * UNIT + HEAD + n * UNIT))
    }

    fn write(&mut self, place: u32, numbers: [u32; N]) {
        for (n, number) in numbers.into_iter().enumerate() {
            self.set_word(place as usize * UNIT + HEAD + n * UNIT, number);
        }
    }

    fn word(&self, at: usize) -> u32 {
        let mut word = [0; 4];
        word.copy_from_slice(&self.bytes[at..at + 4]);
        u32::from_le_bytes(word)
    }

    fn set_word(&mut self, at: usize, word: u32) {
        self.bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
    }
}

fn kind(name: &Name) -> u32 {
    match name {
        Name::Key(_) => 0,
        Name::Tag(_) => 1,
        Name::Dependents(_) => 2,
    }
}

fn hash(name: &Name) -> u64 {
    mixed(kind(name), name.bytes())
}

fn mixed(kind: u32, bytes: &[u8]) -> u64 {
    hash64(bytes) ^ u64::from(kind).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// A number of 64 bits as two of the table's.
pub fn split(number: u64) -> [u32; 2] {
    [number as u32, (number >> 32) as u32]
}

/// The opposite of [`split`].
pub fn joined(low: u32, high: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::map::Map;

    fn name() -> impl Strategy<Value = Name> {
        (0..3u8, proptest::collection::vec(0..3u8, 0..7)).prop_map(|(kind, bytes)| match kind {
            0 => Name::Key(bytes.into()),
            1 => Name::Tag(bytes.into()),
            _ => Name::Dependents(bytes.into()),
        })
    }

    proptest! {
        #[test]
        fn it_is_a_map(deeds in proptest::collection::vec((name(), proptest::option::of(any::<[u32; 2]>())), 0..200)) {
            let (mut packed, mut map) = (Packed::<2>::default(), Map::default());
            for (name, numbers) in deeds {
                match numbers {
                    Some(numbers) => {
                        packed.set(&name, numbers);
                        map.insert(name.clone(), numbers);
                    }
                    None => prop_assert_eq!(packed.remove(&name), map.remove(&name)),
                }
                prop_assert_eq!(packed.get(&name), map.get(&name).copied());
                prop_assert_eq!((packed.len(), packed.contains(&name)), (map.len(), map.contains_key(&name)));
            }
            packed.retain(|bytes, numbers| {
                numbers[1] = 7;
                bytes.len() % 2 == 0
            });
            map.retain(|name, numbers| {
                numbers[1] = 7;
                name.bytes().len() % 2 == 0
            });
            let all: Map<Name, [u32; 2]> = packed.iter().collect();
            prop_assert_eq!(all, map);
        }
    }

    #[test]
    fn the_memory_of_names_that_are_gone_is_used_again() {
        let name = |n: u32| Name::Key(format!("key:{n:04}").as_bytes().into());
        let mut packed = Packed::<3>::default();
        for round in 0..10 {
            (0..100).for_each(|n| packed.set(&name(round * 1000 + n), [n, 0, 0]));
            assert_eq!(packed.blocks.bytes.len(), 100 * (HEAD + 3 * UNIT + 8));
            (0..100).for_each(|n| assert_eq!(packed.remove(&name(round * 1000 + n)), Some([n, 0, 0])));
        }
        assert!(packed.is_empty());
        assert_eq!(joined(1, 2), (2 << 32) + 1);
        assert_eq!(split(joined(u32::MAX, 7)), [u32::MAX, 7]);
    }
}
