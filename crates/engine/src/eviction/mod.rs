//! Which entry leaves when there is too much: one policy, behind one interface, for each shard.

mod adaptive;
mod ghost;
mod lfu;
mod lru;
mod priority;
mod ranking;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::slab::Slab;
use crate::slot::EntryPlace;

use adaptive::Adaptive;
use lfu::Lfu;
use lru::Lru;
use priority::Priority;
use ranking::Ranked;

/// Who leaves first when memory or the number of entries is at its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Eviction {
    /// S3-FIFO: what is read once passes through, what is read again stays; resists scans. Priority grants extra rounds.
    #[default]
    Adaptive,
    /// Who was used least recently.
    Lru,
    /// Who was used least often, with the memory of earlier use fading as others leave.
    Lfu,
    /// Who has the lowest priority, strictly; among equals who was used least recently.
    Priority,
}

impl Eviction {
    /// All of them.
    pub const ALL: [Eviction; 4] = [Eviction::Adaptive, Eviction::Lru, Eviction::Lfu, Eviction::Priority];

    /// Its name in configurations.
    pub fn name(self) -> &'static str {
        match self {
            Eviction::Adaptive => "adaptive",
            Eviction::Lru => "lru",
            Eviction::Lfu => "lfu",
            Eviction::Priority => "priority",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Eviction> {
        Eviction::ALL.into_iter().find(|eviction| eviction.name() == name)
    }
}

impl fmt::Display for Eviction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A policy over the entries of one shard. `tick` counts the uses of the shard's entries; it never goes back.
trait Policy: fmt::Debug + Send + Sync {
    /// Takes a new entry in; its value comes with the next [`Policy::changed`].
    fn admit(&mut self, slab: &mut Slab, place: u32, tick: u64);
    /// Lets an entry go that leaves for another reason.
    fn release(&mut self, slab: &mut Slab, place: u32);
    /// An entry that weighed `before` was changed; it may have another priority.
    fn changed(&mut self, slab: &mut Slab, place: u32, before: u64, tick: u64);
    /// An entry was written again: that is a use.
    fn written(&mut self, slab: &mut Slab, place: u32, tick: u64);
    /// The entry that is to leave next; not `spared`, unless nobody else may go before it. The caller removes it.
    fn victim(&mut self, slab: &mut Slab, spared: Option<u32>, dead: Dead<'_>, tick: u64) -> Option<u32>;
    /// Bytes of the entries with their slots.
    fn weight(&self) -> u64;
    /// Bytes taken beyond the structure itself.
    fn bytes(&self) -> u64;
    /// The lowest priority that an entry has, where that decides alone who leaves.
    fn lowest(&self) -> Option<u8> {
        None
    }
    /// Counts again and compares.
    fn check(&self, slab: &Slab) -> Result<(), String>;
}

/// Says whether an entry is dead already.
pub(crate) type Dead<'d> = &'d dyn Fn(&EntryPlace) -> bool;

/// So few entries are looked through for a dead one before one that is alive leaves.
const FEW: usize = 256;

/// The policy of one shard, and the count of its entries' uses.
#[derive(Debug)]
pub(crate) struct Evictor {
    policy: Box<dyn Policy>,
    /// Whether uses are ranked: then each is noted in its entry.
    ranks: bool,
    uses: AtomicU64,
}

/// Bytes that an entry counts for.
pub(crate) fn weight(slot: &EntryPlace) -> u64 {
    slot.bytes() + size_of::<EntryPlace>() as u64
}

impl Evictor {
    pub(crate) fn new(eviction: Eviction) -> Evictor {
        let policy: Box<dyn Policy> = match eviction {
            Eviction::Adaptive => Box::new(Adaptive::default()),
            Eviction::Lru => Box::new(Ranked::<Lru>::default()),
            Eviction::Lfu => Box::new(Ranked::<Lfu>::default()),
            Eviction::Priority => Box::new(Ranked::<Priority>::default()),
        };
        Evictor { policy, ranks: eviction != Eviction::Adaptive, uses: AtomicU64::new(0) }
    }

    /// The same entries under another policy, those that were used last coming last.
    pub(crate) fn exchange(&mut self, slab: &mut Slab, eviction: Eviction) {
        let mut places: Vec<(u64, u64, u32)> =
            slab.iter().map(|(place, slot)| (slot.accessed().0, slot.stamp, place)).collect();
        places.sort_unstable();
        for &(_, _, place) in &places {
            self.policy.release(slab, place);
        }
        *self = Evictor::new(eviction);
        for (_, _, place) in places {
            self.admit(slab, place);
            self.policy.changed(slab, place, weight(&slab[place]), self.tick());
        }
    }

    /// Notes the use of an entry by a reader.
    #[inline]
    pub(crate) fn used(&self, slot: &EntryPlace) {
        if self.ranks {
            slot.note_use(self.uses.fetch_add(1, Relaxed) as u32 + 1);
        }
    }

    fn tick(&self) -> u64 {
        self.uses.load(Relaxed)
    }

    fn next_tick(&mut self) -> u64 {
        let uses = self.uses.get_mut();
        *uses += 1;
        *uses
    }

    /// Takes a new entry in.
    pub(crate) fn admit(&mut self, slab: &mut Slab, place: u32) {
        let tick = self.next_tick();
        self.policy.admit(slab, place, tick);
    }

    /// Lets an entry go that leaves for another reason, or was chosen.
    pub(crate) fn release(&mut self, slab: &mut Slab, place: u32) {
        self.policy.release(slab, place);
    }

    /// Changes an entry where it stands, and with it what it weighs.
    pub(crate) fn reweigh(&mut self, slab: &mut Slab, place: u32, change: impl FnOnce(&mut EntryPlace)) {
        let before = weight(&slab[place]);
        change(&mut slab[place]);
        self.policy.changed(slab, place, before, self.tick());
    }

    /// Notes that an entry was written again.
    pub(crate) fn written(&mut self, slab: &mut Slab, place: u32) {
        if self.ranks {
            let tick = self.next_tick();
            self.policy.written(slab, place, tick);
        }
    }

    /// The entry that is to leave next: a dead one, where that is found easily; not `spared`, unless nobody else may go before
    /// it. The caller removes it.
    pub(crate) fn victim(&mut self, slab: &mut Slab, spared: Option<u32>, dead: Dead<'_>) -> Option<u32> {
        if slab.end() as usize <= FEW
            && let Some((place, _)) = slab.iter().find(|&(place, slot)| Some(place) != spared && dead(slot))
        {
            return Some(place);
        }
        let tick = self.tick();
        self.policy.victim(slab, spared, dead, tick)
    }

    pub(crate) fn weight(&self) -> u64 {
        self.policy.weight()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.policy.bytes()
    }

    pub(crate) fn lowest(&self) -> Option<u8> {
        self.policy.lowest()
    }

    pub(crate) fn check(&self, slab: &Slab) -> Result<(), String> {
        self.policy.check(slab)
    }
}
