//! Records that made something old, and the holders that have not confirmed them yet: whom a writer must wait for.
//!
//! A holder may serve what a record made old until it has applied the record, or until the read lease ends that it had when
//! the record was written: a lease that it is given later says what it must have applied before it counts.

use std::collections::VecDeque;

use clearwell_words::Millis;

use crate::map::Map;
use crate::name::Name;
use crate::{Peer, Position};

/// A record on its way to holders.
#[derive(Debug)]
struct Unconfirmed {
    position: Position,
    /// When every read lease has ended that a holder had when the record was written.
    until: Millis,
    /// What it made old; `None` for wide records.
    name: Option<Name>,
    /// Who was told. Those at the end who have confirmed are taken off.
    holders: Vec<Peer>,
}

impl Unconfirmed {
    /// What it takes in memory, about.
    fn bytes(&self) -> usize {
        const OWN: usize = 200;
        const HOLDER: usize = size_of::<Peer>();
        OWN + self.name.as_ref().map_or(0, |name| name.bytes().len()) + HOLDER * self.holders.len()
    }
}

/// All of them, by place and by name.
#[derive(Debug, Default)]
pub(super) struct Told {
    records: VecDeque<Unconfirmed>,
    by_name: Map<Name, VecDeque<Position>>,
    wide: VecDeque<Position>,
    bytes: usize,
    /// Up to here, records were forgotten that may not have been confirmed, and until when that counts.
    forgotten: (Position, Millis),
}

/// The most that is remembered; beyond it all holders count as told of what is forgotten.
const BYTES_MOST: usize = 32 << 20;

impl Told {
    /// Holders are told of a record that makes a name old, or (`None`) all that matches its scope.
    pub fn note(&mut self, position: Position, until: Millis, name: Option<Name>, holders: Vec<Peer>) {
        match &name {
            Some(name) => self.by_name.entry(name.clone()).or_default().push_back(position),
            None => self.wide.push_back(position),
        }
        let record = Unconfirmed { position, until, name, holders };
        self.bytes += record.bytes();
        self.records.push_back(record);
    }

    /// Forgets the oldest as long as nobody has to wait for them any more, and more when they are too many.
    pub fn trim(&mut self, now: Millis, has_applied: impl Fn(Peer, Position) -> bool) {
        while let Some(first) = self.records.front_mut() {
            let before = first.bytes();
            while first.holders.last().is_some_and(|holder| has_applied(*holder, first.position)) {
                first.holders.pop();
            }
            self.bytes -= before - first.bytes();
            if first.holders.is_empty() || now >= first.until {
                self.pop();
            } else if self.bytes > BYTES_MOST {
                self.forgotten = (first.position, first.until.max(self.forgotten.1));
                self.pop();
            } else {
                return;
            }
        }
    }

    fn pop(&mut self) {
        let Some(first) = self.records.pop_front() else { return };
        self.bytes -= first.bytes();
        let Some(name) = first.name else {
            self.wide.pop_front();
            return;
        };
        if let Some(places) = self.by_name.get_mut(&name) {
            places.pop_front();
            if places.is_empty() {
                self.by_name.remove(&name);
            }
        }
    }

    /// Who was told of what made a name old, and where; who has confirmed it may be among them.
    pub fn told_of(&self, name: &Name) -> impl Iterator<Item = (Peer, Position)> + '_ {
        let places = self.by_name.get(name).into_iter().flatten().chain(&self.wide);
        places.filter_map(|place| self.at(*place)).flat_map(|record| {
            let position = record.position;
            record.holders.iter().map(move |holder| (*holder, position))
        })
    }

    /// Up to where every holder counts as told of every name.
    pub fn forgotten(&self, now: Millis) -> Option<Position> {
        let (position, until) = self.forgotten;
        (now < until).then_some(position)
    }

    fn at(&self, place: Position) -> Option<&Unconfirmed> {
        let at = self.records.binary_search_by_key(&place, |record| record.position).ok()?;
        self.records.get(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NodeId;

    fn tag(name: &str) -> Name {
        Name::Tag(name.as_bytes().into())
    }

    fn holder(node: u64) -> Peer {
        Peer { node: NodeId(node), incarnation: 1 }
    }

    fn of(told: &Told, name: &str) -> Vec<(u64, u64)> {
        let mut all: Vec<(u64, u64)> =
            told.told_of(&tag(name)).map(|(peer, place)| (peer.node.0, place.0)).collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn who_was_told_counts_until_it_has_applied_it_or_its_lease_has_ended() {
        let mut told = Told::default();
        told.note(Position(3), Millis(100), Some(tag("a")), vec![holder(1), holder(2)]);
        told.note(Position(4), Millis(110), Some(tag("b")), vec![holder(1)]);
        told.note(Position(5), Millis(120), Some(tag("a")), vec![holder(3)]);
        told.note(Position(6), Millis(130), None, vec![holder(1)]);
        assert_eq!(of(&told, "a"), [(1, 3), (1, 6), (2, 3), (3, 5)]);
        assert_eq!(of(&told, "c"), [(1, 6)]);
        told.trim(Millis(99), |peer, place| peer == holder(1) && place <= Position(4));
        assert_eq!(of(&told, "a"), [(1, 3), (1, 6), (2, 3), (3, 5)], "2 has not confirmed");
        told.trim(Millis(100), |peer, place| peer == holder(1) && place <= Position(4));
        assert_eq!((of(&told, "a"), of(&told, "b")), (vec![(1, 6), (3, 5)], vec![(1, 6)]));
        told.trim(Millis(100), |_, _| true);
        assert_eq!((told.bytes, told.by_name.len(), told.wide.len()), (0, 0, 0));
    }

    #[test]
    fn what_is_forgotten_for_its_size_counts_for_all() {
        let mut told = Told::default();
        let holders: Vec<Peer> = (0..10_000).map(holder).collect();
        for place in 1..=400 {
            told.note(Position(place), Millis(1000 + place), Some(tag("a")), holders.clone());
            told.trim(Millis(0), |_, _| false);
        }
        assert!(told.bytes <= BYTES_MOST && told.records.len() > 100, "{}", told.bytes);
        let first = told.records[0].position;
        assert_eq!(told.forgotten(Millis(0)), Some(Position(first.0 - 1)));
        assert_eq!(told.forgotten(Millis(2000)), None);
    }
}
