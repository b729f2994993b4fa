//! A node's disk: what lasts comes back after a crash, and of what was on its way when it came, some may.

use std::collections::VecDeque;

use clearwell_cluster::decree::Word;
use clearwell_cluster::{Persist, Persisted};

use crate::queue::Micros;
use crate::rng::Rng;

/// A log that each start reads whole and then writes anew, without what later records took away. Reading ends where a record is damaged:
/// so what a crash leaves of it is a beginning of what was handed over.
#[derive(Debug)]
pub struct Disk {
    /// What counts of all that lasts.
    log: Persisted,
    /// What was handed to it and does not last yet, in order.
    pending: VecDeque<Pending>,
    /// How much lasts of what this process handed to it.
    lasting: u64,
}

/// A write on its way.
#[derive(Debug)]
struct Pending {
    what: Persist,
    /// When the disk takes it: later than it was handed over where the disk is full. What was not taken is not there after a crash.
    taken: Micros,
    /// When it lasts.
    lasts: Micros,
}

impl Disk {
    /// An empty one, where there are so many slots.
    pub fn new(slots: u16) -> Disk {
        Disk { log: Persisted::new(slots), pending: VecDeque::new(), lasting: 0 }
    }

    /// Takes a write at this time, and lets it last so much later. None is taken or lasts before those that were handed over earlier.
    pub fn hand(&mut self, what: Persist, taken: Micros, sync_us: Micros) {
        let (before, last) = self.pending.back().map_or((0, 0), |pending| (pending.taken, pending.lasts));
        let taken = taken.max(before);
        self.pending.push_back(Pending { what, taken, lasts: last.max(taken + sync_us) });
    }

    /// Whether something does not last yet, and when the first of that will.
    pub fn lasts_next(&self) -> Option<Micros> {
        self.pending.front().map(|pending| pending.lasts)
    }

    /// When the last of it will.
    pub fn lasts_last(&self) -> Option<Micros> {
        self.pending.back().map(|pending| pending.lasts)
    }

    /// The next write that lasts by now.
    pub fn last_next(&mut self, now: Micros) -> Option<Persist> {
        self.pending.front().filter(|pending| pending.lasts <= now)?;
        let what = self.pending.pop_front()?.what;
        self.lasting += 1;
        self.log.keep(what.clone());
        Some(what)
    }

    /// How much lasts of what this process handed over.
    pub fn lasting(&self) -> u64 {
        self.lasting
    }

    /// What was not taken yet is taken at this time at the earliest, because the disk is full until then, or because it is not any more.
    pub fn take_at(&mut self, now: Micros, at: Micros) {
        for pending in self.pending.iter_mut().filter(|pending| pending.taken > now) {
            pending.lasts = at + (pending.lasts - pending.taken);
            pending.taken = at;
        }
    }

    /// From now on it is fast: all lasts.
    pub fn hurry(&mut self, now: Micros) {
        self.pending.iter_mut().for_each(|pending| pending.lasts = pending.lasts.min(now));
    }

    /// The process dies. Of what was on its way the first writes are there, or some of them, or none; what is kept, and how many are lost.
    pub fn crash(&mut self, now: Micros, rng: &mut Rng) -> (Vec<Persist>, usize) {
        self.lasting = 0;
        let count = self.pending.len();
        let taken = self.pending.iter().filter(|pending| pending.taken <= now).count() as u64;
        let there = rng.below(taken + 1) as usize;
        let kept: Vec<Persist> = self.pending.drain(..).take(there).map(|pending| pending.what).collect();
        kept.iter().cloned().for_each(|what| self.log.keep(what));
        (kept, count - there)
    }

    /// The last word of a voter that lasts.
    pub fn ballot(&self) -> Option<&Word> {
        self.log.ballot()
    }

    /// The last word of a voter that was handed over.
    pub fn newest_ballot(&self) -> Option<&Word> {
        let pending = self.pending.iter().rev().find_map(|pending| match &pending.what {
            Persist::Ballot(word) => Some(word),
            _ => None,
        });
        pending.or(self.ballot())
    }

    /// All that a restart finds, in order.
    pub fn read(&self) -> Vec<Persist> {
        self.log.read().collect()
    }
}

#[cfg(test)]
mod tests {
    use clearwell_cluster::{Epoch, NodeId, Peer};

    use super::*;

    fn granted(node: u64) -> Persist {
        Persist::Granted(Epoch(1), Peer { node: NodeId(node), incarnation: 1 })
    }

    #[test]
    fn what_lasts_is_there_after_a_crash_and_of_the_rest_the_first_may_be() {
        let mut rest_seen = [false; 3];
        for seed in 0..50 {
            let mut disk = Disk::new(1);
            disk.hand(granted(1), 10, 5);
            disk.hand(granted(2), 11, 100);
            disk.hand(granted(3), 12, 1);
            assert_eq!(disk.lasts_next(), Some(15));
            assert_eq!((disk.last_next(15), disk.last_next(15)), (Some(granted(1)), None));
            assert_eq!((disk.lasting(), disk.lasts_next()), (1, Some(111)));
            let (kept, lost) = disk.crash(20, &mut Rng::new(seed, 1));
            assert_eq!((kept.len() + lost, disk.lasting(), disk.lasts_next()), (2, 0, None));
            rest_seen[kept.len()] = true;
            assert_eq!(disk.read(), [granted(1), granted(2), granted(3)][..1 + kept.len()]);
        }
        assert_eq!(rest_seen, [true; 3]);
    }

    #[test]
    fn a_full_disk_takes_nothing_until_it_has_room() {
        let mut disk = Disk::new(1);
        disk.hand(granted(1), 10, 5);
        disk.hand(granted(2), 1_000, 5);
        disk.take_at(12, 2_000);
        assert_eq!((disk.last_next(15), disk.lasts_next()), (Some(granted(1)), Some(2_005)));
        disk.take_at(100, 100);
        assert_eq!(disk.lasts_next(), Some(105));
        disk.take_at(101, 3_000);
        assert_eq!(disk.lasts_next(), Some(105), "it was taken already");
        disk.hand(granted(3), 500, 5);
        let (kept, lost) = disk.crash(102, &mut Rng::new(1, 1));
        assert!(lost >= 1 && !kept.contains(&granted(3)));
    }
}
