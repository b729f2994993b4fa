//! Places for entries, numbered; a place never moves while an entry stands in it.

use std::ops::{Index, IndexMut};

use crate::memory::allocated;
use crate::slot::{EntryPlace, NONE, State};

const CHUNK_BITS: u32 = 9;
const CHUNK: usize = 1 << CHUNK_BITS;

/// A growing list of chunks. Growth moves at most the one chunk that is not full.
#[derive(Debug)]
pub(crate) struct Slab {
    chunks: Vec<Vec<EntryPlace>>,
    free: u32,
    taken: usize,
}

impl Slab {
    pub(crate) fn new() -> Slab {
        Slab { chunks: Vec::new(), free: NONE, taken: 0 }
    }

    /// How many entries stand in it.
    pub(crate) fn len(&self) -> usize {
        self.taken
    }

    /// One past the highest place.
    pub(crate) fn end(&self) -> u32 {
        match self.chunks.last() {
            Some(last) => ((self.chunks.len() - 1) * CHUNK + last.len()) as u32,
            None => 0,
        }
    }

    /// The entry at `place`, unless it is free or beyond the end.
    pub(crate) fn get(&self, place: u32) -> Option<&EntryPlace> {
        let slot = self.chunks.get(place as usize >> CHUNK_BITS)?.get(place as usize & (CHUNK - 1))?;
        (slot.state != State::Free).then_some(slot)
    }

    /// A free place; the caller puts an entry there at once. `None` when all numbers are used.
    pub(crate) fn take(&mut self) -> Option<u32> {
        let place = if self.free == NONE { self.grow()? } else { self.free };
        self.free = self[place].next;
        self.taken += 1;
        Some(place)
    }

    fn grow(&mut self) -> Option<u32> {
        let place = self.end();
        if place >= NONE - CHUNK as u32 {
            return None;
        }
        if self.chunks.last().is_none_or(|last| last.len() == CHUNK) {
            let first = self.chunks.is_empty();
            self.chunks.push(if first { Vec::new() } else { Vec::with_capacity(CHUNK) });
        }
        self.chunks.last_mut().expect("a chunk was just pushed or has room").push(EntryPlace::free(NONE));
        Some(place)
    }

    /// Empties a place.
    pub(crate) fn release(&mut self, place: u32) {
        let free = self.free;
        let slot = &mut self[place];
        let generation = slot.generation.wrapping_add(1);
        *slot = EntryPlace::free(free);
        slot.generation = generation;
        self.free = place;
        self.taken -= 1;
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &EntryPlace)> {
        (0..self.end()).filter_map(|place| Some((place, self.get(place)?)))
    }

    pub(crate) fn bytes(&self) -> u64 {
        let first = self.chunks.first().map_or(0, Vec::capacity);
        let rest = self.chunks.len().saturating_sub(1) as u64;
        allocated(first * size_of::<EntryPlace>())
            + rest * allocated(CHUNK * size_of::<EntryPlace>())
            + allocated(self.chunks.capacity() * size_of::<Vec<EntryPlace>>())
    }
}

impl Index<u32> for Slab {
    type Output = EntryPlace;
    fn index(&self, place: u32) -> &EntryPlace {
        &self.chunks[place as usize >> CHUNK_BITS][place as usize & (CHUNK - 1)]
    }
}

impl IndexMut<u32> for Slab {
    fn index_mut(&mut self, place: u32) -> &mut EntryPlace {
        &mut self.chunks[place as usize >> CHUNK_BITS][place as usize & (CHUNK - 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_reused_with_another_generation() {
        let mut slab = Slab::new();
        let places: Vec<u32> = (0..2000).map(|_| slab.take().expect("room")).collect();
        assert_eq!(places, (0..2000).collect::<Vec<u32>>());
        for &place in &places {
            slab[place].state = State::Small;
        }
        slab.release(700);
        assert!(slab.get(700).is_none());
        assert_eq!(slab.len(), 1999);
        assert_eq!(slab.take(), Some(700));
        assert_eq!(slab[700].generation, 1);
        assert_eq!(slab.end(), 2000);
        assert!(slab.get(2000).is_none());
    }
}
