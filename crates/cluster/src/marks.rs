//! When each name was last invalidated, in one owner's order.

use std::collections::VecDeque;

use crate::map::Map;
use crate::name::Name;
use crate::record::Record;
use crate::{Config, Planted, Position};

/// Marks with a floor: whoever forgets one answers with the floor for it (the one rule, docs/design.md, 2.1).
#[derive(Debug, Default)]
pub struct Marks {
    last: Map<Name, Position>,
    /// The last times that a mark was raised: what is raised again stands here twice.
    tail: VecDeque<(Position, Name)>,
    floor: Position,
    wide: Position,
}

impl Marks {
    /// Remembers what a record makes old; `old` are its names ([`Record::old_names`]).
    pub fn note(&mut self, record: &Record, old: &[Name], config: &Config) {
        if record.is_wide() {
            self.wide = self.wide.max(record.position);
        }
        if config.tail_most == 0 && !old.is_empty() && !config.has(Planted::MarksWithoutFloor) {
            self.floor = self.floor.max(record.position);
            return;
        }
        for name in old {
            self.raise(name.clone(), record.position);
        }
        while self.tail.len() > config.tail_most {
            let Some((position, name)) = self.tail.pop_front() else { return };
            if self.last.get(&name) != Some(&position) {
                continue;
            }
            self.last.remove(&name);
            if !config.has(Planted::MarksWithoutFloor) {
                self.floor = self.floor.max(position);
            }
        }
    }

    /// Raises one mark.
    fn raise(&mut self, name: Name, position: Position) {
        let last = self.last.entry(name.clone()).or_default();
        if *last < position {
            *last = position;
            self.tail.push_back((position, name));
        }
    }

    /// The last invalidation that covered the name, or may have.
    pub fn last(&self, name: &Name) -> Position {
        let named = self.last.get(name).copied().unwrap_or(self.floor);
        named.max(self.wide)
    }

    /// Up to here nothing is remembered.
    pub fn floor(&self) -> Position {
        self.floor.max(self.wide)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Peer;

    fn tag(n: u64) -> Name {
        Name::Tag(n.to_string().as_bytes().into())
    }

    #[test]
    fn a_forgotten_mark_answers_with_the_floor() {
        let config = Config { tail_most: 2, ..Config::new(Peer::default()) };
        let mut marks = Marks::default();
        for n in 1..=4 {
            marks.raise(tag(n), Position(n));
        }
        let nothing = Record {
            position: Position(5),
            slot: None,
            change: crate::record::Change::Leave { slots: [].into() },
            version: None,
            cause: clearwell_words::Cause::Write,
            depth: 0,
        };
        marks.note(&nothing, &[], &config);
        assert_eq!(marks.last(&tag(1)), Position(2));
        assert_eq!(marks.last(&tag(9)), Position(2));
        assert_eq!(marks.last(&tag(4)), Position(4));
        // What is raised again is remembered as of then.
        for n in [3, 3, 3] {
            let position = marks.last(&tag(n)).next().max(Position(6));
            marks.raise(tag(n), position);
            marks.note(&nothing, &[], &config);
        }
        assert_eq!(
            (marks.last(&tag(3)), marks.last(&tag(4)), marks.floor()),
            (Position(8), Position(4), Position(4))
        );
        assert_eq!((marks.last.len(), marks.tail.len()), (1, 2));
    }

    #[test]
    fn who_remembers_nothing_answers_with_the_floor_for_all() {
        let config = Config { tail_most: 0, ..Config::new(Peer::default()) };
        let mut marks = Marks::default();
        let scope = std::sync::Arc::new(tag(1).scope());
        let effect = clearwell_words::Effect::Gone;
        let record = Record {
            position: Position(7),
            slot: None,
            change: crate::record::Change::Invalidate { scope, effect, cascade: false },
            version: None,
            cause: clearwell_words::Cause::Command,
            depth: 0,
        };
        let old = record.old_names();
        marks.note(&record, &old, &config);
        assert_eq!((marks.last(&tag(1)), marks.last(&tag(2))), (Position(7), Position(7)));
        assert_eq!((marks.floor(), marks.tail.len()), (Position(7), 0));
    }
}
