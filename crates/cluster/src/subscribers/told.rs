//! Records that made something old, and the holders that have not confirmed them yet: whom a writer must wait for.
//!
//! A holder may serve what a record made old until it has applied the record, or until the read lease ends that it had when
//! the record was written: a lease that it is given later says what it must have applied before it counts.

use std::collections::VecDeque;
use std::sync::Arc;

use clearwell_words::Millis;

use super::holders::Number;
use crate::Position;
use crate::map::Map;
use crate::name::Name;

/// A record on its way to holders.
#[derive(Debug)]
pub(super) struct Unconfirmed {
    pub position: Position,
    /// When every read lease has ended that a holder had when the record was written.
    pub until: Millis,
    /// What it made old; `None` for wide records.
    name: Option<Name>,
    /// The record before it that made the same old.
    before: Option<Position>,
    /// Who is told.
    holders: Arc<[Number]>,
    /// All behind so many of them have confirmed.
    left: usize,
}

impl Unconfirmed {
    /// What it takes in memory, about.
    fn bytes(&self) -> usize {
        const OWN: usize = 200;
        const HOLDER: usize = size_of::<Number>();
        OWN + self.name.as_ref().map_or(0, |name| name.bytes().len()) + HOLDER * self.holders.len()
    }

    /// Who is told of it; who has confirmed it may be among them.
    pub fn holders(&self) -> Arc<[Number]> {
        Arc::clone(&self.holders)
    }
}

/// All of them, by place and by name.
#[derive(Debug, Default)]
pub(super) struct Told {
    records: VecDeque<Unconfirmed>,
    /// The last record of each name, and of those that are wide.
    by_name: Map<Name, Position>,
    wide: Option<Position>,
    bytes: usize,
    /// Up to here, records were forgotten that may not have been confirmed, and until when that counts.
    forgotten: (Position, Millis),
}

/// The most that is remembered; beyond it all holders count as told of what is forgotten.
const BYTES_MOST: usize = 32 << 20;

impl Told {
    /// Holders are told of a record that makes a name old, or (`None`) all that matches its scope.
    pub fn note(&mut self, position: Position, until: Millis, name: Option<Name>, holders: Arc<[Number]>) {
        let before = match &name {
            Some(name) => self.by_name.insert(name.clone(), position),
            None => self.wide.replace(position),
        };
        let left = holders.len();
        let record = Unconfirmed { position, until, name, before, holders, left };
        self.bytes += record.bytes();
        self.records.push_back(record);
    }

    /// Forgets the oldest as long as nobody has to wait for them any more, and more when they are too many. Each record that comes pays for
    /// as much as it will need itself, and for a little of what others left.
    pub fn trim(&mut self, now: Millis, has_applied: impl Fn(Number, Position) -> bool) {
        const RECORDS_MOST: usize = 16;
        const LOOKS_LEAST: usize = 64;
        let mut looks = 2 * self.records.back().map_or(0, |last| last.holders.len()) + LOOKS_LEAST;
        for _ in 0..RECORDS_MOST {
            let Some(first) = self.records.front_mut() else { return };
            while first.left > 0 && has_applied(first.holders[first.left - 1], first.position) {
                if looks == 0 {
                    return;
                }
                looks -= 1;
                first.left -= 1;
            }
            if first.left == 0 || now >= first.until {
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
        let is_last = |last: Option<&Position>| last == Some(&first.position);
        match first.name {
            Some(name) if is_last(self.by_name.get(&name)) => {
                self.by_name.remove(&name);
            }
            None if is_last(self.wide.as_ref()) => self.wide = None,
            _ => {}
        }
    }

    /// The records that made a name old.
    pub fn told_of(&self, name: &Name) -> impl Iterator<Item = &Unconfirmed> {
        let named = self.by_name.get(name).copied();
        [named, self.wide].into_iter().flat_map(|last| self.back_from(last))
    }

    /// A record and those before it that made the same old.
    fn back_from(&self, last: Option<Position>) -> impl Iterator<Item = &Unconfirmed> {
        let last = last.and_then(|place| self.at(place));
        std::iter::successors(last, |record| self.at(record.before?))
    }

    /// Up to where every holder counts as told of every name, and until when.
    pub fn forgotten(&self, now: Millis) -> Option<(Position, Millis)> {
        let (_, until) = self.forgotten;
        (now < until).then_some(self.forgotten)
    }

    fn at(&self, place: Position) -> Option<&Unconfirmed> {
        let at = self.records.binary_search_by_key(&place, |record| record.position).ok()?;
        self.records.get(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(name: &str) -> Name {
        Name::Tag(name.as_bytes().into())
    }

    fn of(told: &Told, name: &str) -> Vec<(u32, u64)> {
        let tag = tag(name);
        let records = told.told_of(&tag);
        let mut all: Vec<(u32, u64)> = records
            .flat_map(|record| {
                record.holders[..record.left].iter().map(|holder| (*holder, record.position.0))
            })
            .collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn who_was_told_counts_until_it_has_applied_it_or_its_lease_has_ended() {
        let mut told = Told::default();
        told.note(Position(3), Millis(100), Some(tag("a")), [1, 2].into());
        told.note(Position(4), Millis(110), Some(tag("b")), [1].into());
        told.note(Position(5), Millis(120), Some(tag("a")), [3].into());
        told.note(Position(6), Millis(130), None, [1].into());
        assert_eq!(of(&told, "a"), [(1, 3), (1, 6), (2, 3), (3, 5)]);
        assert_eq!(of(&told, "c"), [(1, 6)]);
        told.trim(Millis(99), |holder, place| holder == 1 && place <= Position(4));
        assert_eq!(of(&told, "a"), [(1, 3), (1, 6), (2, 3), (3, 5)], "2 has not confirmed");
        told.trim(Millis(100), |holder, place| holder == 1 && place <= Position(4));
        assert_eq!((of(&told, "a"), of(&told, "b")), (vec![(1, 6), (3, 5)], vec![(1, 6)]));
        told.trim(Millis(100), |_, _| true);
        assert_eq!((told.bytes, told.by_name.len(), told.wide), (0, 0, None));
    }

    #[test]
    fn a_record_forgets_few_others_however_many_are_over() {
        let mut told = Told::default();
        let holders: Arc<[Number]> = (0..1_000).collect();
        for place in 1..=5_000 {
            told.note(Position(place), Millis(9), Some(tag("a")), Arc::clone(&holders));
        }
        let looked_at = std::cell::Cell::new(0);
        told.trim(Millis(0), |_, _| {
            looked_at.set(looked_at.get() + 1);
            true
        });
        assert!(looked_at.get() <= 2_100 && told.records.len() > 4_990, "{looked_at:?}");
        told.trim(Millis(9), |_, _| true);
        assert!(told.records.len() > 4_970);
        // As many as come, and more: they do not pile up.
        for place in 5_001..=11_000 {
            told.note(Position(place), Millis(99), Some(tag("a")), Arc::clone(&holders));
            told.trim(Millis(10), |_, _| true);
        }
        assert!(told.records.len() < 4, "{}", told.records.len());
    }

    #[test]
    fn what_is_forgotten_for_its_size_counts_for_all() {
        let mut told = Told::default();
        let holders: Arc<[Number]> = (0..40_000).collect();
        for place in 1..=400 {
            told.note(Position(place), Millis(1000 + place), Some(tag("a")), Arc::clone(&holders));
            told.trim(Millis(0), |_, _| false);
        }
        assert!(told.bytes <= BYTES_MOST && told.records.len() > 100, "{}", told.bytes);
        let first = told.records[0].position;
        let forgotten = Position(first.0 - 1);
        assert_eq!(told.forgotten(Millis(0)), Some((forgotten, Millis(1000 + forgotten.0))));
        assert_eq!(told.forgotten(Millis(2000)), None);
    }
}
