//! Entries in the order of a rank that only grows while readers use them: who ranks lowest leaves.
//!
//! A heap of ranks as they were when each was looked at last. A hit takes no exclusive lock: it notes its use in the entry, and
//! the heap learns of it when the entry comes up as the lowest. Since no rank has sunk meanwhile, the first one that comes
//! up unchanged is the lowest of all: the order is exact. What that may cost one eviction is bounded; beyond the bound the
//! lowest of those looked at leaves.

use std::fmt::Debug;

use super::{Dead, Policy, weight};
use crate::memory::allocated;
use crate::slab::Slab;
use crate::slot::{EntryPlace, State};

/// How many entries one eviction looks at whose rank has grown. Fewer entries than that leave in their exact order.
const LOOKS: usize = 128;

/// What a policy ranks by.
pub(super) trait Rank: Debug + Default + Send + Sync {
    /// The rank; lower leaves earlier.
    type Key: Copy + Ord + Debug + Send + Sync;

    /// The rank of an entry that is new.
    fn first(&self, slot: &EntryPlace, tick: u64) -> Self::Key;
    /// The rank of an entry as it is now, which was `key` when it was looked at last.
    fn now(&self, slot: &EntryPlace, key: Self::Key, tick: u64) -> Self::Key;
    /// The same after it was written again.
    fn written(&self, slot: &EntryPlace, key: Self::Key, tick: u64) -> Self::Key {
        self.now(slot, key, tick)
    }
    /// An entry of this rank leaves.
    fn leaves(&mut self, _key: Self::Key) {}
    /// The part of the rank that nothing may outweigh.
    fn level(_key: Self::Key) -> Option<u8> {
        None
    }
}

#[derive(Debug, Clone, Copy)]
struct Ranking<K> {
    key: K,
    place: u32,
}

/// A policy that lets the lowest rank go. An entry's slot knows its place in the heap (`next`).
#[derive(Debug)]
pub(super) struct Ranked<R: Rank> {
    rank: R,
    heap: Vec<Ranking<R::Key>>,
    weight: u64,
}

impl<R: Rank> Default for Ranked<R> {
    fn default() -> Self {
        Ranked { rank: R::default(), heap: Vec::new(), weight: 0 }
    }
}

impl<R: Rank> Ranked<R> {
    fn push(&mut self, slab: &mut Slab, ranking: Ranking<R::Key>) {
        self.heap.push(ranking);
        self.rise(slab, self.heap.len() - 1);
    }

    fn remove(&mut self, slab: &mut Slab, at: usize) -> Ranking<R::Key> {
        let removed = self.heap.swap_remove(at);
        if at < self.heap.len() {
            self.settle(slab, at);
        }
        removed
    }

    /// Gives the entry at `at` another rank.
    fn rerank(&mut self, slab: &mut Slab, at: usize, key: R::Key) {
        self.heap[at].key = key;
        self.settle(slab, at);
    }

    fn settle(&mut self, slab: &mut Slab, at: usize) {
        let at = self.rise(slab, at);
        self.sink(slab, at);
    }

    fn rise(&mut self, slab: &mut Slab, mut at: usize) -> usize {
        while at > 0 && self.heap[at].key < self.heap[(at - 1) / 2].key {
            self.swap(slab, at, (at - 1) / 2);
            at = (at - 1) / 2;
        }
        slab[self.heap[at].place].next = at as u32;
        at
    }

    fn sink(&mut self, slab: &mut Slab, mut at: usize) {
        loop {
            let children = 2 * at + 1..(2 * at + 3).min(self.heap.len());
            let least = children.min_by_key(|&child| self.heap[child].key);
            match least.filter(|&child| self.heap[child].key < self.heap[at].key) {
                Some(child) => self.swap(slab, at, child),
                None => break,
            }
            at = least.unwrap_or(at);
        }
        slab[self.heap[at].place].next = at as u32;
    }

    fn swap(&mut self, slab: &mut Slab, a: usize, b: usize) {
        self.heap.swap(a, b);
        slab[self.heap[a].place].next = a as u32;
        slab[self.heap[b].place].next = b as u32;
    }

    /// Who ranks lowest now, or is dead.
    fn lowest_now(&mut self, slab: &mut Slab, dead: Dead<'_>, tick: u64) -> Option<Ranking<R::Key>> {
        let mut lowest: Option<Ranking<R::Key>> = None;
        for _ in 0..LOOKS {
            let first = *self.heap.first()?;
            let slot = &slab[first.place];
            let key = self.rank.now(slot, first.key, tick);
            if key == first.key || dead(slot) {
                return Some(first);
            }
            self.rerank(slab, 0, key);
            if lowest.is_none_or(|lowest| key < lowest.key) {
                lowest = Some(Ranking { key, place: first.place });
            }
        }
        lowest
    }
}

impl<R: Rank> Policy for Ranked<R> {
    fn admit(&mut self, slab: &mut Slab, place: u32, tick: u64) {
        slab[place].state = State::Ranked;
        slab[place].note_use(tick as u32);
        let key = self.rank.first(&slab[place], tick);
        self.weight += weight(&slab[place]);
        self.push(slab, Ranking { key, place });
    }

    fn release(&mut self, slab: &mut Slab, place: u32) {
        self.weight -= weight(&slab[place]);
        let at = slab[place].next as usize;
        self.remove(slab, at);
        if self.heap.is_empty() {
            self.heap = Vec::new();
        }
    }

    fn changed(&mut self, slab: &mut Slab, place: u32, before: u64, tick: u64) {
        self.weight = self.weight - before + weight(&slab[place]);
        let at = slab[place].next as usize;
        let key = self.rank.now(&slab[place], self.heap[at].key, tick);
        self.rerank(slab, at, key);
    }

    fn written(&mut self, slab: &mut Slab, place: u32, tick: u64) {
        slab[place].note_use(tick as u32);
        let at = slab[place].next as usize;
        let key = self.rank.written(&slab[place], self.heap[at].key, tick);
        self.rerank(slab, at, key);
    }

    fn victim(&mut self, slab: &mut Slab, spared: Option<u32>, dead: Dead<'_>, tick: u64) -> Option<u32> {
        let aside = spared.map(|place| {
            let at = slab[place].next as usize;
            self.remove(slab, at)
        });
        let lowest = self.lowest_now(slab, dead, tick);
        if let Some(aside) = aside {
            self.push(slab, aside);
        }
        let lowest = lowest?;
        // Who came just now stays, unless it is of those who must go before all others.
        let leaves = match aside {
            Some(aside) if R::level(aside.key) < R::level(lowest.key) => aside,
            _ => lowest,
        };
        self.rank.leaves(leaves.key);
        Some(leaves.place)
    }

    fn weight(&self) -> u64 {
        self.weight
    }

    fn bytes(&self) -> u64 {
        allocated(self.heap.capacity() * size_of::<Ranking<R::Key>>())
    }

    fn lowest(&self) -> Option<u8> {
        R::level(self.heap.first()?.key)
    }

    fn check(&self, slab: &Slab) -> Result<(), String> {
        let mut counted = 0;
        for (at, ranking) in self.heap.iter().enumerate() {
            let slot = slab.get(ranking.place).ok_or(format!("ranking: free place {}", ranking.place))?;
            if slot.state != State::Ranked
                || slot.next as usize != at
                || at > 0 && ranking.key < self.heap[(at - 1) / 2].key
            {
                return Err(format!("ranking: out of order at {at}"));
            }
            counted += weight(slot);
        }
        let (kept, counted) = ((self.heap.len(), self.weight), (slab.len(), counted));
        if kept == counted { Ok(()) } else { Err(format!("ranking: kept {kept:?}, counted {counted:?}")) }
    }
}

/// When an entry was last used, as a whole count: its slot keeps the lower half. `before` is what was known of it.
pub(super) fn last_use(slot: &EntryPlace, before: u64, tick: u64) -> u64 {
    let noted = slot.noted_use();
    if noted == before as u32 {
        return before;
    }
    tick.saturating_sub((tick as u32).wrapping_sub(noted).into()).max(before)
}
