//! Each key's one order of values, by which all checkers compare.

use std::collections::BTreeMap;

use crate::history::{History, RANKS};
use crate::names::{Class, KeyId};

/// Where a version stands in its key's order. What was accepted for write-back hides what others commit until its owner knows
/// that the source has it: it counts from when the source first got it, and as long as it may hide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderPlace {
    /// Whoever has seen it has seen at least this.
    pub least: u64,
    /// Whoever is shown it is shown at most this.
    pub most: u64,
}

impl OrderPlace {
    fn of(place: u64) -> OrderPlace {
        OrderPlace { least: place, most: place }
    }
}

/// The order of a key that is written back: of what its owners accepted, and of what others committed at its source.
#[derive(Debug, Default)]
struct Line {
    /// Places by the version that an owner gave.
    ranks: BTreeMap<u64, OrderPlace>,
    /// Places by the source's version.
    commits: BTreeMap<u64, u64>,
}

/// The orders of all keys.
#[derive(Debug)]
pub struct KeyOrders {
    back: BTreeMap<KeyId, Line>,
}

impl KeyOrders {
    /// Reads a history.
    pub fn new(history: &History) -> KeyOrders {
        let mut accepted: BTreeMap<KeyId, Vec<u64>> = BTreeMap::new();
        for (written, write) in history.source.writes.iter().zip(0..) {
            if let Some(rank) = history.rank_of(write) {
                accepted.entry(written.key).or_default().push(rank);
            }
        }
        let keys = (0..history.names.key_count()).filter(|key| history.names.class(*key) == Class::Back);
        let line = |key| (key, Line::new(history, key, accepted.get(&key).cloned().unwrap_or_default()));
        KeyOrders { back: keys.map(line).collect() }
    }

    /// The place of a version in its key's order: the source's own, or for keys without a source, the owner's.
    pub fn place(&self, key: KeyId, version: u64) -> Option<OrderPlace> {
        match self.back.get(&key) {
            Some(_) if version == 0 => Some(OrderPlace::of(0)),
            Some(line) if version >= RANKS => line.ranks.get(&version).copied(),
            Some(line) => line.commits.get(&version).copied().map(OrderPlace::of),
            None => Some(OrderPlace::of(version)),
        }
    }
}

impl Line {
    fn new(history: &History, key: KeyId, mut accepted: Vec<u64>) -> Line {
        accepted.sort_unstable();
        let (mut line, mut place) = (Line::default(), 0);
        let mut waiting = accepted.into_iter().peekable();
        // What the source has, and no owner knew of it.
        let mut unknown: Vec<u64> = Vec::new();
        for (commit, version) in history.source.log.iter().zip(1..).filter(|(commit, _)| commit.key == key) {
            let rank = history.rank_of(commit.write).filter(|_| commit.through);
            if let Some(rank) = rank {
                while let Some(earlier) = waiting.next_if(|waits| *waits < rank) {
                    place += 1;
                    line.ranks.insert(earlier, OrderPlace::of(place));
                }
                waiting.next_if_eq(&rank);
                for earlier in unknown.drain(..).filter(|earlier| *earlier < rank) {
                    line.ranks.entry(earlier).and_modify(|at| at.most = place);
                }
            }
            place += 1;
            line.commits.insert(version, place);
            if let Some(rank) = rank {
                line.ranks.entry(rank).or_insert(OrderPlace::of(place)).most = place;
                if !history.journals.is_known(key, rank) {
                    unknown.push(rank);
                }
            }
        }
        // What never got there hides to the end.
        for rank in waiting {
            place += 1;
            line.ranks.insert(rank, OrderPlace::of(place));
        }
        for rank in unknown {
            line.ranks.entry(rank).and_modify(|at| at.most = place);
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::super::small::*;
    use super::*;
    use clearwell_cluster::Persist;
    use clearwell_cluster::request::Strategy::Back;
    use clearwell_engine::Version;

    #[test]
    fn what_others_commit_is_older_than_what_is_flushed_after_it() {
        let mut small = Small::new();
        let [first, second] = [(); 2].map(|()| small.0.source.intend(BACK, false));
        small.wrote(0, (0, 1), BACK, Back, first, RANKS + 1);
        small.wrote(0, (2, 3), BACK, Back, second, RANKS + 2);
        let (_, others) = small.commit(4, BACK, Some(5));
        let flushed = small.0.source.commit(second, true, true, 6000).0;
        let (_, last) = small.commit(7, BACK, Some(8));
        let orders = KeyOrders::new(&small.0);
        let versions = [0, others, RANKS + 1, RANKS + 2, flushed, last];
        let places =
            versions.map(|version| orders.place(BACK, version).map(|place| (place.least, place.most)));
        // That the second was flushed is not known: it hides the last.
        assert_eq!(places, [(0, 0), (1, 1), (2, 2), (3, 4), (3, 3), (4, 4)].map(Some));
        let known = Persist::Flushed(small.0.names.key(BACK).clone(), Version(RANKS + 2));
        let History { journals, names, .. } = &mut small.0;
        journals.note(0, names, 8, &known);
        let known = KeyOrders::new(&small.0).place(BACK, RANKS + 2);
        assert_eq!(known, Some(OrderPlace::of(3)));
        assert_eq!(orders.place(SOURCE, 7), Some(OrderPlace::of(7)));
    }
}
