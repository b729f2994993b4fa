//! `session` and `causal`: what a session has written or seen, and what those saw whose token it took, is not
//! followed by anything older. With the order of writes being one for each key, that is read-your-writes, monotonic reads and
//! monotonic writes in one comparison.

use std::collections::BTreeMap;

use clearwell_cluster::Level;

use super::newest::Newest;
use super::{Index, Violation, by_op};
use crate::history::{Covered, Deed, Found, Got, History, Op};
use crate::names::Class;
use crate::queue::Micros;

/// What a session knows.
#[derive(Debug, Clone, Default)]
struct Known {
    orders: Vec<Newest>,
    invalidations: Vec<(Covered, Micros)>,
}

impl Known {
    fn merge(&mut self, other: &Known) {
        for (mine, theirs) in self.orders.iter_mut().zip(&other.orders) {
            mine.merge(theirs);
        }
        for &(covered, at) in &other.invalidations {
            self.note(covered, at);
        }
    }

    fn note(&mut self, covered: Covered, at: Micros) {
        match self.invalidations.iter_mut().find(|(other, _)| *other == covered) {
            Some((_, known)) => *known = at.max(*known),
            None => self.invalidations.push((covered, at)),
        }
    }
}

/// Looks at all reads of level `session`.
pub fn check(history: &History, index: &Index, violations: &mut Vec<Violation>) {
    let keys = history.names.key_count() as usize;
    let clients = history.ops.iter().map(|op| usize::from(op.client) + 1).max().unwrap_or(0);
    let mut known = vec![Known { orders: vec![Newest::default(); keys], invalidations: Vec::new() }; clients];
    // A session may await several answers: what it learned while it waited for one is no promise of that one.
    let mut at_begin: BTreeMap<u32, (Newest, Vec<(Covered, Micros)>)> = BTreeMap::new();
    for &(at, is_end) in &history.moments {
        let op = &history.ops[at as usize];
        let client = usize::from(op.client);
        if !is_end {
            if matches!(op.deed, Deed::Read(Level::Session | Level::Causal)) {
                let known = &known[client];
                at_begin.insert(at, (known.orders[op.key as usize].clone(), known.invalidations.clone()));
            }
            continue;
        }
        match (op.deed, op.got) {
            (Deed::Read(level), Got::Value(found)) => {
                if matches!(level, Level::Session | Level::Causal)
                    && let Some((seen, invalidations)) = at_begin.remove(&at)
                {
                    let seen = seen.at(op.end);
                    judge((history, index), at, op, &found, (seen, &invalidations), violations);
                }
                // A hit in memory brings no token yet: what it showed is not known to the next node that is asked.
                if !found.local {
                    raise(index, &mut known[client], op, found.version, None);
                }
            }
            (Deed::Write(..), Got::Done { version: Some(version), .. }) => {
                raise(index, &mut known[client], op, version, history.lost_at(op))
            }
            (Deed::Invalidate(covered, _), Got::Done { .. }) => known[client].note(covered, op.begin),
            (Deed::TakeToken { from }, _) => {
                let other = known[usize::from(from)].clone();
                known[client].merge(&other);
            }
            _ => {}
        }
    }
}

fn raise(index: &Index, known: &mut Known, op: &Op, version: u64, lost: Option<Micros>) {
    if let Some(order) = index.order(op.key, version) {
        known.orders[op.key as usize].raise_until(order.least, lost);
    }
}

fn judge(
    (history, index): (&History, &Index),
    at: u32,
    op: &Op,
    found: &Found,
    (seen, invalidations): (u64, &[(Covered, Micros)]),
    violations: &mut Vec<Violation>,
) {
    let class = history.names.class(op.key);
    // A key without source may always be gone; a removal has a version of its own.
    if found.version == 0 && class != Class::Source {
        return;
    }
    let order = index.order(op.key, found.version).map_or(u64::MAX, |order| order.most);
    if order < seen {
        let text = format!("a session that has seen {seen:x} read {order:x}");
        violations.push(by_op(history, "session", at, text));
        return;
    }
    let Some(value) = found.value.filter(|value| value.read > 0 && class == Class::Source) else { return };
    let tag = history.source.tag_of(value.write);
    let patterns = history.source.event_of(value.write);
    for &(covered, asked) in invalidations {
        let is_covered = match covered {
            Covered::Key(key) => key == op.key || history.names.depends(op.key) == Some(key),
            Covered::Tag(other) => other == tag,
            Covered::Event(event) => history.names.events.covers(event, patterns),
            Covered::Class(letter) => letter == 's',
            Covered::Everything => true,
        };
        if is_covered && value.read < asked {
            let text =
                format!("a session read what had been loaded before its own invalidation of {covered:?}");
            violations.push(by_op(history, "session", at, text));
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::small::*;
    use crate::history::Covered;
    use clearwell_cluster::Level::{Eventual, Session};
    use clearwell_cluster::request::Strategy::Invalidate;

    #[test]
    fn a_session_reads_its_own_write_and_others_need_not() {
        let mut small = Small::new();
        let old = small.commit(0, SOURCE, None);
        let (write, version) = small.commit(15, SOURCE, None);
        small.wrote(0, (10, 20), SOURCE, Invalidate, write, version);
        small.read(1, (30, 31), SOURCE, Session, old, 5);
        small.read(0, (30, 31), SOURCE, Eventual, old, 5);
        assert_eq!(small.seen_by(), [""; 0]);
        small.read(0, (30, 31), SOURCE, Session, old, 5);
        assert_eq!(small.seen_by(), ["session"]);
    }

    #[test]
    fn a_token_carries_what_its_giver_saw() {
        let mut small = Small::new();
        let old = small.commit(0, SOURCE, None);
        let new = small.commit(15, SOURCE, None);
        small.read(0, (30, 31), SOURCE, Session, new, 30);
        small.read(1, (32, 33), SOURCE, Session, old, 5);
        assert_eq!(small.seen_by(), [""; 0]);
        small.hand_over(0, 1, 34);
        small.read(1, (35, 36), SOURCE, Session, old, 5);
        assert_eq!(small.seen_by(), ["session"]);
    }

    #[test]
    fn a_session_does_not_read_what_its_own_invalidation_covers() {
        let mut small = Small::new();
        let row = small.commit(0, SOURCE, None);
        let tag = small.0.source.tag_of(row.0);
        small.invalidated(0, (10, 20), Covered::Tag(tag), false);
        small.read(0, (30, 31), SOURCE, Session, row, 11);
        small.read(1, (30, 31), SOURCE, Session, row, 9);
        assert_eq!(small.seen_by(), [""; 0]);
        small.read(0, (30, 31), SOURCE, Session, row, 9);
        assert_eq!(small.seen_by(), ["session"]);
    }
}
