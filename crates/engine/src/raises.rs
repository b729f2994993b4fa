//! When names were invalidated while entries lived by them, for the history of keys.
//!
//! A mark remembers the last invalidation of its name. The one that an entry fell to is the first after its load began.

use std::collections::VecDeque;

use crate::{Effect, Seq};

/// One name invalidated.
#[derive(Debug, Clone, Copy)]
struct Raise {
    /// The mark's hash.
    hash: u64,
    /// What the mark was raised to.
    seq: Seq,
    /// The invalidation that raised it.
    by: Seq,
    effect: Effect,
}

/// What is known of a name's invalidations after a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Raised {
    /// The first that reached anybody.
    By(Seq),
    /// None did.
    Never,
    /// There may be one that is forgotten.
    Forgotten,
}

/// The last raises, in their order.
#[derive(Debug)]
pub(crate) struct Raises {
    ring: VecDeque<Raise>,
    most: usize,
    /// The newest that is forgotten.
    floor: Seq,
}

impl Raises {
    /// None; takes at most so many bytes.
    pub(crate) fn new(bytes: u64) -> Raises {
        let most = (bytes / size_of::<Raise>() as u64) as usize;
        Raises { ring: VecDeque::new(), most, floor: Seq(0) }
    }

    /// Notes that a mark was raised to `seq` by the invalidation `by`.
    pub(crate) fn push(&mut self, hash: u64, seq: Seq, by: Seq, effect: Effect) {
        if self.ring.len() == self.ring.capacity() && self.ring.len() < self.most {
            let more = self.ring.len().max(8);
            self.ring.reserve_exact(more.min(self.most - self.ring.len()));
        }
        if self.ring.len() >= self.most {
            let oldest = self.ring.pop_front().map_or(seq, |oldest| oldest.seq);
            self.floor = self.floor.max(oldest);
        }
        if self.most > 0 {
            // Nearly always the end: appliers that overtook each other are few.
            let place = self.ring.partition_point(|known| known.seq <= seq);
            self.ring.insert(place, Raise { hash, seq, by, effect });
        }
    }

    /// The first invalidation of a name after `began` that reached anybody.
    pub(crate) fn first_after(&self, hash: u64, began: Seq, effect: Effect) -> Raised {
        if self.floor > began {
            return Raised::Forgotten;
        }
        let newer = self.ring.iter().rev().take_while(|raise| raise.seq > began);
        newer
            .filter(|raise| raise.hash == hash && raise.effect == effect)
            .last()
            .map_or(Raised::Never, |raise| Raised::By(raise.by))
    }

    /// Bytes taken beyond the structure itself.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.ring.capacity() * size_of::<Raise>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_after_is_told_until_it_is_forgotten() {
        let mut raises = Raises::new(3 * size_of::<Raise>() as u64);
        let push = |raises: &mut Raises, hash, seq| raises.push(hash, Seq(seq), Seq(seq), Effect::Gone);
        [(1, 2), (2, 3), (1, 5)].iter().for_each(|&(hash, seq)| push(&mut raises, hash, seq));
        let first = |raises: &Raises, began| raises.first_after(1, Seq(began), Effect::Gone);
        assert_eq!((first(&raises, 1), first(&raises, 2)), (Raised::By(Seq(2)), Raised::By(Seq(5))));
        assert_eq!(raises.first_after(1, Seq(1), Effect::Stale), Raised::Never);
        push(&mut raises, 2, 6);
        assert_eq!((first(&raises, 1), first(&raises, 2)), (Raised::Forgotten, Raised::By(Seq(5))));
        assert_eq!(raises.memory_bytes(), 3 * size_of::<Raise>());
    }
}
