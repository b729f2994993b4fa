//! `strong`: linearizable for each key. Every write has its place in one order, so that no search is needed: going
//! through time, nothing that begins may be older than anything that had ended. What was acknowledged while its owner alone had it and
//! was lost with that owner counts until then, and does not come back once its loss was seen.

use std::collections::BTreeMap;

use clearwell_cluster::Level;

use super::filled::covers;
use super::newest::Newest;
use super::order::OrderPlace;
use super::{Index, Violation, by_op, ms};
use crate::history::{Deed, Found, Got, History, Op};
use crate::names::{Class, KeyId};
use crate::queue::Micros;

/// Looks at all strong reads, and at the order of acknowledged writes.
pub fn check(history: &History, index: &Index, violations: &mut Vec<Violation>) {
    let keys = history.names.key_count() as usize;
    // The newest of what had ended for each key, and for each operation what that was when it began.
    let mut newest = vec![Newest::default(); keys];
    let mut floor = vec![Newest::default(); history.ops.len()];
    // What strong reads had found missing for each key, and for each operation what that was when it began.
    let mut missing = vec![0u64; keys];
    let mut gone = vec![0u64; history.ops.len()];
    let mut losses = Losses::default();
    for (&(at, is_end), moment) in history.moments.iter().zip(0..) {
        let op = &history.ops[at as usize];
        let key = op.key as usize;
        if !is_end {
            floor[at as usize].clone_from(&newest[key]);
            gone[at as usize] = missing[key];
            losses.begins(at, moment);
            continue;
        }
        let least = floor[at as usize].at(op.end);
        if is_miss(history, op) {
            missing[key] = missing[key].max(least);
            losses.shown(op, 0, &floor[at as usize], moment);
        }
        let Some(order) = ordered(index, op) else { continue };
        newest[key].raise_until(order.least, history.lost_at(op));
        if history.names.class(op.key) == Class::Cache && losses.came_back(at, op, order.most) {
            let text = format!("a strong read found {:x}, which was lost before it began", order.most);
            violations.push(by_op(history, "strong", at, text));
        }
        losses.shown(op, order.most, &floor[at as usize], moment);
        if history.names.class(op.key) != Class::Source {
            judge(history, at, order.most, least, violations);
            unseen(history, index, at, order.most, violations);
            back(history, at, order.most, gone[at as usize], violations);
        }
    }
    for (op, at) in history.ops.iter().zip(0..) {
        if let (Deed::Read(Level::Strong), Got::Value(found)) = (op.deed, op.got)
            && history.names.class(op.key) == Class::Source
        {
            source_read(history, index, at, op, &found, violations);
        }
    }
}

/// Writes that were lost with their owners, as strong reads have seen it: a moment each.
#[derive(Debug, Default)]
struct Losses {
    seen: BTreeMap<(KeyId, u64), usize>,
    /// By operation, the moment at which it began.
    began: BTreeMap<u32, usize>,
}

impl Losses {
    fn begins(&mut self, at: u32, moment: usize) {
        self.began.insert(at, moment);
    }

    /// A strong read has shown a place, after these had ended.
    fn shown(&mut self, op: &Op, place: u64, before: &Newest, moment: usize) {
        if matches!(op.deed, Deed::Read(_)) {
            for lost in before.lost_above(place, op.end) {
                self.seen.entry((op.key, lost)).or_insert(moment);
            }
        }
    }

    /// Whether a strong read shows what another had seen lost before it began.
    fn came_back(&self, at: u32, op: &Op, place: u64) -> bool {
        let seen = self.seen.get(&(op.key, place)).filter(|_| matches!(op.deed, Deed::Read(_)));
        seen.is_some_and(|seen| self.began.get(&at).is_some_and(|began| seen < began))
    }
}

/// The place in its key's order of what an operation wrote or strongly read.
fn ordered(index: &Index, op: &Op) -> Option<OrderPlace> {
    match (op.deed, op.got) {
        (Deed::Write(..), Got::Done { version: Some(version), .. }) => index.order(op.key, version),
        (Deed::Read(Level::Strong), Got::Value(found)) if found.version != 0 => {
            index.order(op.key, found.version)
        }
        _ => None,
    }
}

fn judge(history: &History, at: u32, order: u64, floor: u64, violations: &mut Vec<Violation>) {
    let is_write = matches!(history.ops[at as usize].deed, Deed::Write(..));
    if order < floor || (is_write && order == floor) {
        let what = if is_write { "a write was ordered before" } else { "a strong read is older than" };
        let text = format!("{what} what was acknowledged before it began: {order:x} after {floor:x}");
        violations.push(by_op(history, "strong", at, text));
    }
}

/// A strong read of a key without a source that found nothing: its value was evicted, or lost with those who had it.
fn is_miss(history: &History, op: &Op) -> bool {
    let found = matches!(op.got, Got::Value(Found { version: 0, .. }));
    found && op.deed == Deed::Read(Level::Strong) && history.names.class(op.key) == Class::Cache
}

/// What a strong read has found missing does not come back. Copies that were invalidated meanwhile are taken away at one host after
/// another, and may do so.
fn back(history: &History, at: u32, order: u64, gone: u64, violations: &mut Vec<Violation>) {
    let op = &history.ops[at as usize];
    let (Deed::Read(_), Got::Value(Found { value: Some(value), .. })) = (op.deed, op.got) else { return };
    let covers = |other: &Op| {
        matches!(other.deed, Deed::Invalidate(..))
            && other.begin < op.end
            && covers(history, other, op.key, value.write)
    };
    if order <= gone && !history.ops.iter().any(covers) {
        let text = format!("a strong read found {order:x}, which another had found missing before it began");
        violations.push(by_op(history, "strong", at, text));
    }
}

/// A strong read of a key that is written back sees what others committed before it began, unless the journal hides that.
fn unseen(history: &History, index: &Index, at: u32, order: u64, violations: &mut Vec<Violation>) {
    let op = &history.ops[at as usize];
    let committed = index.next_behind(op.key, order);
    if matches!(op.deed, Deed::Read(_)) && committed < op.begin {
        let before = ms(op.begin - committed);
        let text = format!("a strong read found place {order}, and others had committed {before} before it");
        violations.push(by_op(history, "strong", at, text));
    }
}

/// A read of a source's key: what it found must have been the row at some moment from its begin on.
fn source_read(
    history: &History,
    index: &Index,
    at: u32,
    op: &Op,
    found: &Found,
    violations: &mut Vec<Violation>,
) {
    let overwritten = match found.version {
        0 => return,
        version => index.next_commit(op.key, version),
    };
    let invalidated = index.invalidated(history, op.key, found);
    if overwritten.min(invalidated) < op.begin {
        let by = if overwritten < op.begin { "overwritten" } else { "invalidated" };
        let before = op.begin - overwritten.min(invalidated);
        let text =
            format!("a strong read found version {}, {by} {} before it began", found.version, ms(before));
        violations.push(by_op(history, "strong", at, text));
    }
    let commit = &history.source.log[found.version as usize - 1];
    if commit.at > op.end && op.end != Micros::MAX {
        let text = format!("a read found version {} before it was committed", found.version);
        violations.push(by_op(history, "strong", at, text));
    }
}

#[cfg(test)]
mod tests {
    use super::super::small::*;
    use crate::history::{Covered, RANKS};
    use clearwell_cluster::Level::Strong;

    #[test]
    fn a_read_may_see_a_write_that_is_under_way_and_then_nobody_the_one_before() {
        let mut small = Small::new();
        let one = small.put(0, (0, 10), CACHE, 1);
        let two = small.0.source.intend(CACHE, false);
        small.read(1, (20, 30), CACHE, Strong, (two, RANKS + 2), 0);
        assert_eq!(small.seen_by(), [""; 0]);
        small.read(2, (31, 40), CACHE, Strong, (one, RANKS + 1), 0);
        assert_eq!(small.seen_by(), ["strong"]);
    }

    #[test]
    fn what_was_found_missing_does_not_come_back() {
        let mut small = Small::new();
        small.read(1, (0, 5), CACHE, Strong, (0, 0), 0);
        let one = small.put(0, (10, 20), CACHE, 1);
        small.read(2, (25, 30), CACHE, Strong, (one, RANKS + 1), 0);
        assert_eq!(small.seen_by(), [""; 0], "it was written after the miss");
        small.read(1, (40, 50), CACHE, Strong, (0, 0), 0);
        small.read(2, (61, 70), CACHE, Strong, (one, RANKS + 1), 0);
        assert_eq!(small.seen_by(), ["strong"]);
    }

    #[test]
    fn what_an_invalidation_takes_away_at_one_host_after_another_may_be_seen_meanwhile() {
        let mut small = Small::new();
        let one = small.put(0, (10, 20), CACHE, 1);
        small.invalidated(0, (30, 31), Covered::Class('c'), false);
        small.read(1, (40, 50), CACHE, Strong, (0, 0), 0);
        small.read(2, (61, 70), CACHE, Strong, (one, RANKS + 1), 0);
        assert_eq!(small.seen_by(), [""; 0]);
    }

    #[test]
    fn what_was_lost_with_its_owner_counts_until_then_and_does_not_come_back() {
        let lost = |small: &mut Small, at: u64| small.0.lost.insert((CACHE, RANKS + 2), at * 1000);
        let mut small = Small::new();
        let one = small.put(0, (0, 10), CACHE, 1);
        let two = small.put(0, (11, 20), CACHE, 2);
        lost(&mut small, 50);
        small.read(1, (21, 60), CACHE, Strong, (one, RANKS + 1), 0);
        assert_eq!(small.seen_by(), [""; 0], "it ended after the loss");
        small.read(2, (61, 70), CACHE, Strong, (two, RANKS + 2), 0);
        assert_eq!(small.seen_by(), ["strong"], "it came back");
        let mut small = Small::new();
        let one = small.put(0, (0, 10), CACHE, 1);
        small.put(0, (11, 20), CACHE, 2);
        lost(&mut small, 50);
        small.read(1, (21, 49), CACHE, Strong, (one, RANKS + 1), 0);
        assert_eq!(small.seen_by(), ["strong"], "its owner lived");
    }

    #[test]
    fn concurrent_operations_may_be_ordered_either_way() {
        let mut small = Small::new();
        let one = small.put(0, (0, 10), CACHE, 1);
        let op = small.0.source.intend(CACHE, false);
        // Both reads began before the second write was acknowledged or read to the end.
        use crate::history::*;
        let begin = |at: u64, deed| Op {
            begin: at * 1000,
            end: 0,
            client: 1,
            host: 0,
            key: CACHE,
            deed,
            got: Got::Nothing,
        };
        let new = small.0.begin(begin(20, Deed::Read(Strong)));
        let old = small.0.begin(begin(21, Deed::Read(Strong)));
        let found = |write, place| Found {
            value: Some(crate::value::Value { write, read: 0 }),
            version: RANKS + place,
            local: false,
            age_ms: None,
        };
        small.0.end(new, 30_000, Got::Value(found(op, 2)));
        small.0.end(old, 31_000, Got::Value(found(one, 1)));
        assert_eq!(small.seen_by(), [""; 0]);
    }

    #[test]
    fn a_write_that_was_acknowledged_is_not_ordered_before_an_earlier_one() {
        let mut small = Small::new();
        small.put(0, (0, 10), CACHE, 5);
        small.put(0, (11, 20), CACHE, 4);
        assert_eq!(small.seen_by(), ["strong"]);
    }

    #[test]
    fn a_strong_read_of_a_row_is_as_new_as_the_last_commit_before_it_even_one_that_nobody_told_of() {
        let mut small = Small::new();
        let (one, first) = small.commit(0, SOURCE, None);
        small.commit(50, SOURCE, Some(900));
        small.read(0, (40, 60), SOURCE, Strong, (one, first), 45);
        assert_eq!(small.seen_by(), [""; 0]);
        small.read(0, (51, 60), SOURCE, Strong, (one, first), 45);
        assert_eq!(small.seen_by(), ["strong"]);
    }
}
