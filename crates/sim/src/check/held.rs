//! An invalidation that is held takes effect when it should: not before its time or its event, soon after it if it was surely held, and
//! not at all when it was taken back.

use std::collections::BTreeMap;

use super::{Violation, by_op, ms};
use crate::history::{Covered, Deed, Got, History, Later, Op};
use crate::queue::Micros;

/// How late it may be where all is well: an owner may have to be replaced first.
const LATE_MOST: Micros = 15_000_000;

/// The earliest that a hold may take effect by itself.
pub fn earliest(history: &History, op: &Op, later: Later) -> Micros {
    match later {
        Later::Event(_) => op.begin,
        // Clocks show whole milliseconds, and may be fast.
        Later::Ms(ms) => op.begin + (ms * 1000).saturating_sub(drift(history, ms) + 1000),
    }
}

/// By how much a clock may be wrong after so many milliseconds.
fn drift(history: &History, ms: u64) -> Micros {
    ms * 1000 * history.drift_ppm as u64 / 1_000_000
}

/// Looks at what was held.
pub fn check(history: &History, violations: &mut Vec<Violation>) {
    let mut effects: BTreeMap<u32, Vec<Micros>> = BTreeMap::new();
    for &(hold, at) in &history.effects {
        effects.entry(hold).or_default().push(at);
    }
    let mut over: BTreeMap<u32, Micros> = BTreeMap::new();
    for &(hold, at) in &history.releases {
        over.entry(hold).or_insert(at);
    }
    let cancels: BTreeMap<u32, &Op> = history
        .ops
        .iter()
        .filter_map(|op| if let Deed::Cancel(hold) = op.deed { Some((hold, op)) } else { None })
        .collect();
    let told = told(history);
    for (op, at) in history.ops.iter().zip(0..) {
        let Deed::Hold(_, later) = op.deed else { continue };
        let (cancel, over) = (cancels.get(&at).copied(), over.get(&at).copied());
        let hold = Seen { history, op, later, told: &told, cancel, over };
        let effects = effects.get(&at).map_or(&[][..], Vec::as_slice);
        violations.extend(hold.wrong(effects).map(|text| by_op(history, "held", at, text)));
    }
}

/// An event that was told, perhaps.
struct Told {
    event: u32,
    begin: Micros,
    /// When it was acknowledged.
    end: Micros,
}

/// All events, those that a hold told included: nobody knows when.
fn told(history: &History) -> Vec<Told> {
    let told = |op: &Op| match op.deed {
        Deed::Invalidate(Covered::Event(event), _) => {
            let is_done = matches!(op.got, Got::Done { .. });
            Some(Told { event, begin: op.begin, end: if is_done { op.end } else { Micros::MAX } })
        }
        Deed::Hold(Covered::Event(event), _) => Some(Told { event, begin: op.begin, end: Micros::MAX }),
        _ => None,
    };
    history.ops.iter().filter_map(told).collect()
}

struct Seen<'a> {
    history: &'a History,
    op: &'a Op,
    later: Later,
    told: &'a [Told],
    cancel: Option<&'a Op>,
    /// Since when it lasts on a disk that it is over.
    over: Option<Micros>,
}

impl Seen<'_> {
    fn wrong(&self, effects: &[Micros]) -> Option<String> {
        let &Seen { history, op, later, cancel, over, .. } = self;
        let early = effects.iter().find(|at| **at < earliest(history, op, later) || !self.has_come(**at));
        if let Some(at) = early {
            return Some(format!("an invalidation took effect after {}", ms(at - op.begin)));
        }
        let taken_back = cancel.filter(|cancel| matches!(cancel.got, Got::Done { .. }));
        let after = taken_back.and_then(|cancel| effects.iter().find(|at| **at > cancel.end));
        if let Some(at) = after {
            return Some(format!("an invalidation took effect at {} that was taken back before", ms(*at)));
        }
        // What was not answered for certain may be taken back, or be held by nobody.
        let may_end = cancel.is_some_and(|cancel| !matches!(cancel.got, Got::Refused { surely: true }));
        if may_end || !matches!(op.got, Got::Done { survives: true, .. }) {
            return None;
        }
        let latest = self.latest()?;
        let first = effects.first().into_iter().chain(&over).min();
        let is_late = latest < history.end && first.is_none_or(|at| *at > latest);
        is_late.then(|| match first {
            Some(at) => format!("a held invalidation took effect {} too late", ms(at - latest)),
            None => "an invalidation that was surely held never took effect".into(),
        })
    }

    /// Whether the event has come, where one is waited for. An owner may be asked twice for its part of an event, and the second question may
    /// be on its way for as long as a host stands still: so an event that was told before the hold counts as well.
    fn has_come(&self, at: Micros) -> bool {
        let Later::Event(patterns) = self.later else { return true };
        let covers = |told: &&Told| self.history.names.events.covers(told.event, patterns);
        self.told.iter().filter(covers).any(|told| told.begin <= at)
    }

    /// The latest that it may take effect.
    fn latest(&self) -> Option<Micros> {
        let well = self.history.well_from;
        match self.later {
            // Where all who held it began anew, they count anew.
            Later::Ms(ms) => {
                let long = ms * 1000 + drift(self.history, ms);
                Some((self.op.end.max(well)).saturating_add(long + LATE_MOST))
            }
            Later::Event(patterns) => {
                let covers = |told: &&Told| self.history.names.events.covers(told.event, patterns);
                let after = self.told.iter().filter(covers).filter(|told| told.begin > self.op.end);
                let end = after.map(|told| told.end).min().filter(|end| *end < Micros::MAX)?;
                Some(end.max(well) + LATE_MOST)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::small::*;
    use super::*;

    fn held(small: &mut Small, later: Later) -> u32 {
        small.asked(0, (10, 20), Deed::Hold(Covered::Key(SOURCE), later), DONE)
    }

    fn seen(small: &mut Small, hold: u32, effects: &[u64]) -> bool {
        small.0.effects = effects.iter().map(|at| (hold, at * 1000)).collect();
        small.0.end = 100_000_000;
        let seen = small.seen_by();
        assert!(seen.is_empty() || seen == ["held"], "{seen:?}");
        !seen.is_empty()
    }

    const DONE: Got = Got::Done { version: None, survives: true };

    #[test]
    fn a_delay_is_neither_shorter_nor_much_longer_than_was_asked_for() {
        let mut small = Small::new();
        let hold = held(&mut small, Later::Ms(1000));
        assert!(seen(&mut small, hold, &[1000]) && !seen(&mut small, hold, &[1010]));
        assert!(!seen(&mut small, hold, &[16_020]) && seen(&mut small, hold, &[16_021]));
        assert!(seen(&mut small, hold, &[]), "it is lost");
        small.0.drift_ppm = 49_000;
        assert!(!seen(&mut small, hold, &[960]), "the owner's clock may be fast");
        small.0.releases.push((hold, 1_010_000));
        assert!(!seen(&mut small, hold, &[]), "its owner died before it could tell");
        small.0.ops[hold as usize].got = Got::Nothing;
        assert!(!seen(&mut small, hold, &[]), "nobody said that it is held");
    }

    #[test]
    fn what_was_taken_back_takes_no_effect() {
        let mut small = Small::new();
        let hold = held(&mut small, Later::Ms(1000));
        small.asked(0, (30, 40), Deed::Cancel(hold), Got::Refused { surely: true });
        assert!(seen(&mut small, hold, &[]), "it was not taken back");
        small.asked(0, (50, 60), Deed::Cancel(hold), DONE);
        assert!(!seen(&mut small, hold, &[]) && seen(&mut small, hold, &[1010]));
    }

    #[test]
    fn an_event_is_waited_for_and_not_forgotten() {
        let mut small = Small::new();
        let hold = held(&mut small, Later::Event(1));
        assert!(!seen(&mut small, hold, &[]) && seen(&mut small, hold, &[500]));
        small.asked(0, (100, 120), Deed::Invalidate(Covered::Event(0), false), DONE);
        assert!(!seen(&mut small, hold, &[]) && seen(&mut small, hold, &[110]), "another shop's");
        small.asked(0, (200, 220), Deed::Invalidate(Covered::Event(1), false), DONE);
        assert!(seen(&mut small, hold, &[]) && seen(&mut small, hold, &[199]));
        assert!(!seen(&mut small, hold, &[210]) && seen(&mut small, hold, &[15_221]));
    }
}
