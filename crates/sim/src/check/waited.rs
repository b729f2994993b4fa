//! What waited for every copy, `write-through` and invalidations with `wait`, was worth the wait: from its acknowledgement on
//! nobody is served anything older, at any level but `weak`, unless the reply says that it may be stale.

use clearwell_cluster::Level;
use clearwell_cluster::request::Strategy;

use super::{Violation, by_op};
use crate::history::{Covered, Deed, Got, History, Op};
use crate::names::Class;
use crate::queue::Micros;
use crate::value::WriteId;

/// What has been acknowledged so far.
struct Floors {
    versions: Vec<u64>,
    keys: Vec<Micros>,
    tags: Vec<Micros>,
    events: Vec<Micros>,
    class: Micros,
    everything: Micros,
}

/// Looks at all reads but weak ones.
pub fn check(history: &History, violations: &mut Vec<Violation>) {
    let keys = history.names.key_count() as usize;
    let mut floors = Floors {
        versions: vec![0; keys],
        keys: vec![0; keys],
        tags: vec![0; history.names.tag_count() as usize],
        events: vec![0; history.names.events.told_count() as usize],
        class: 0,
        everything: 0,
    };
    // What was demanded of each read when it began: a version, and a time at which the source was read.
    let mut demands = vec![(0u64, 0u64); history.ops.len()];
    for &(at, is_end) in &history.moments {
        let op = &history.ops[at as usize];
        if is_end {
            floors.raise(op);
            judge(history, at, op, demands[at as usize], &floors, violations);
        } else if matches!(op.deed, Deed::Read(_)) {
            let key = op.key as usize;
            let on = history.names.depends(op.key).map_or(0, |on| floors.keys[on as usize]);
            let read = floors.keys[key].max(on).max(floors.class).max(floors.everything);
            demands[at as usize] = (floors.versions[key], read);
        }
    }
}

impl Floors {
    /// The last invalidation of the tag and the events of what a write wrote.
    fn of_value(&self, history: &History, write: WriteId) -> Micros {
        let (tag, patterns) = (history.source.tag_of(write), history.source.event_of(write));
        let reached =
            (0..).zip(&self.events).filter(|&(told, _)| history.names.events.covers(told, patterns));
        reached.map(|(_, &at)| at).fold(self.tags[tag as usize], Micros::max)
    }

    fn raise(&mut self, op: &Op) {
        let Got::Done { version, .. } = op.got else { return };
        let up = |floor: &mut u64, to: u64| *floor = to.max(*floor);
        match op.deed {
            Deed::Write(Strategy::Through, _) => {
                up(&mut self.versions[op.key as usize], version.unwrap_or(0))
            }
            Deed::Invalidate(Covered::Key(key), true) => up(&mut self.keys[key as usize], op.begin),
            Deed::Invalidate(Covered::Tag(tag), true) => up(&mut self.tags[tag as usize], op.begin),
            Deed::Invalidate(Covered::Event(event), true) => up(&mut self.events[event as usize], op.begin),
            Deed::Invalidate(Covered::Class('s'), true) => up(&mut self.class, op.begin),
            Deed::Invalidate(Covered::Everything, true) => up(&mut self.everything, op.begin),
            _ => {}
        }
    }
}

fn judge(
    history: &History,
    at: u32,
    op: &Op,
    demand: (u64, u64),
    floors: &Floors,
    violations: &mut Vec<Violation>,
) {
    let (Deed::Read(level), Got::Value(found)) = (op.deed, op.got) else { return };
    if level == Level::Weak || found.is_marked() || history.names.class(op.key) != Class::Source {
        return;
    }
    if found.version != 0 && found.version < demand.0 {
        let text = format!(
            "version {} after every copy of less than {} was said to be gone",
            found.version, demand.0
        );
        violations.push(by_op(history, "waited", at, text));
    }
    let Some(value) = found.value else { return };
    // Tag and events are known with the value only; a local hit began when it ended, others are left to the other checkers.
    let named = if found.local { floors.of_value(history, value.write) } else { 0 };
    if value.read < demand.1.max(named) {
        let text = format!(
            "version {} as loaded before an invalidation that every copy was said to know",
            found.version
        );
        violations.push(by_op(history, "waited", at, text));
    }
}

#[cfg(test)]
mod tests {
    use super::super::small::*;
    use crate::history::Covered;
    use clearwell_cluster::Level::{Eventual, Weak};
    use clearwell_cluster::request::Strategy::{Invalidate, Through};

    #[test]
    fn nobody_is_served_less_than_a_write_through_that_was_acknowledged() {
        for (how, level, age, seen) in [
            (Through, Eventual, Some(1_000), &["waited"][..]),
            (Through, Eventual, None, &[]),
            (Through, Weak, Some(1_000), &[]),
            (Invalidate, Eventual, Some(1_000), &[]),
        ] {
            let mut small = Small::new();
            let old = small.commit(0, SOURCE, None);
            let (write, version) = small.commit(15, SOURCE, None);
            small.wrote(1, (10, 20), SOURCE, how, write, version);
            small.local(30, SOURCE, level, old, 5, age);
            assert_eq!(small.seen_by(), seen, "{how:?} {level:?} {age:?}");
        }
    }

    #[test]
    fn an_invalidation_that_waited_leaves_no_copy_that_was_loaded_before_it() {
        let mut small = Small::new();
        let row = small.commit(0, SOURCE, None);
        let tag = small.0.source.tag_of(row.0);
        small.invalidated(1, (10, 20), Covered::Tag(tag), false);
        small.local(30, SOURCE, Eventual, row, 9, Some(100));
        small.invalidated(1, (40, 50), Covered::Tag(tag), true);
        small.local(60, SOURCE, Eventual, row, 41, Some(100));
        assert_eq!(small.seen_by(), [""; 0]);
        small.local(60, SOURCE, Eventual, row, 39, Some(100));
        assert_eq!(small.seen_by(), ["waited"]);
    }
}
