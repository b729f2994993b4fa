//! Late fills: a value that a client brings after a miss is not kept when something that covers it was done in between.

use super::{Violation, by_op};
use crate::history::{Covered, Deed, Got, History, Op};
use crate::names::Class;
use crate::value::WriteId;

/// Looks at all fills that were kept.
pub fn check(history: &History, violations: &mut Vec<Violation>) {
    if history.fills.is_empty() {
        return;
    }
    for (op, at) in history.ops.iter().zip(0..) {
        let (Deed::Write(_, write), Got::Done { .. }) = (op.deed, op.got) else { continue };
        let Some(&read) = history.fills.get(&write) else { continue };
        let miss = &history.ops[read as usize];
        let between = |other: &&Op| {
            let is_lost = history.lost_at(other).is_some_and(|at| at <= op.end);
            let done = matches!(other.got, Got::Done { .. }) && !is_lost;
            done && other.begin > miss.end && other.end < op.begin
        };
        if history.ops.iter().filter(between).any(|other| covers(history, other, op.key, write)) {
            let text = format!(
                "write {write} was kept, although something made it old between its miss and its fill"
            );
            violations.push(by_op(history, "filled", at, text));
        }
    }
}

pub(super) fn covers(history: &History, other: &Op, key: u32, write: WriteId) -> bool {
    match other.deed {
        Deed::Write(..) => other.key == key,
        Deed::Invalidate(Covered::Key(of), _) => of == key,
        Deed::Invalidate(Covered::Tag(tag), _) => tag == history.source.tag_of(write),
        Deed::Invalidate(Covered::Event(event), _) => {
            history.names.events.covers(event, history.source.event_of(write))
        }
        Deed::Invalidate(Covered::Class(letter), _) => {
            letter == 'c' && history.names.class(key) == Class::Cache
        }
        Deed::Invalidate(Covered::Everything, _) => true,
        Deed::Read(_) | Deed::Touch(_) | Deed::Hold(..) | Deed::Cancel(_) | Deed::TakeToken { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::small::*;
    use crate::history::Covered;
    use clearwell_cluster::Level::Strong;

    /// A miss from 10 to 20, an invalidation, and a fill from 50 to 60.
    fn seen(covered: Covered, time: (u64, u64)) -> Vec<&'static str> {
        let mut small = Small::new();
        small.read(0, (10, 20), CACHE, Strong, (0, 0), 0);
        small.invalidated(1, time, covered, false);
        let write = small.put(0, (50, 60), CACHE, 1);
        small.0.fills.insert(write, 0);
        small.seen_by()
    }

    #[test]
    fn a_fill_that_something_overtook_is_seen() {
        assert_eq!(seen(Covered::Key(CACHE), (21, 49)), ["filled"]);
        assert_eq!(seen(Covered::Key(SOURCE), (21, 49)), [""; 0]);
        assert_eq!(seen(Covered::Key(CACHE), (5, 49)), [""; 0], "it may have come before the miss");
        assert_eq!(seen(Covered::Key(CACHE), (21, 55)), [""; 0], "it may come after the fill");
    }

    #[test]
    fn so_is_one_that_another_clients_value_overtook() {
        let mut small = Small::new();
        small.read(0, (10, 20), CACHE, Strong, (0, 0), 0);
        small.put(1, (30, 40), CACHE, 1);
        let write = small.put(0, (50, 60), CACHE, 2);
        small.0.fills.insert(write, 0);
        assert_eq!(small.seen_by(), ["filled"]);
    }

    #[test]
    fn events_reach_what_depends_on_them() {
        let (write, history) = (1, Small::new().0);
        let patterns = history.source.event_of(write);
        let reached = (0..history.names.events.told_count())
            .filter(|&told| history.names.events.covers(told, patterns));
        let reached: Vec<u32> = reached.collect();
        for told in 0..history.names.events.told_count() {
            let wanted = if reached.contains(&told) { &["filled"][..] } else { &[] };
            assert_eq!(seen(Covered::Event(told), (21, 49)), wanted);
        }
    }
}
