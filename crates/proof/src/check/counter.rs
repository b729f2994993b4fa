//! Keys that are counted up.

use std::collections::HashMap;

use super::{Ack, Promises, Verdict, Violation};
use crate::history::{ClientKey, ClientOp, Did, Outcome};

pub const COUNT_LOST: &str = "a counter loses nothing that was acknowledged";
pub const COUNT_DOUBLED: &str = "a counter counts once what was asked once";

/// Judges what a counter showed: as many as were surely counted, and no more than were asked for.
pub fn check(key: ClientKey, ops: &[&ClientOp], promises: &Promises, verdict: &mut Verdict) {
    let counts: Vec<&ClientOp> =
        ops.iter().copied().filter(|op| matches!(op.did, Did::Increment(_))).collect();
    let surely = |op: &&&ClientOp| matches!(op.outcome, Outcome::Counted(_)) && promises.lasts(op.ended);
    let mut ends: Vec<&ClientOp> = counts.iter().filter(surely).copied().collect();
    ends.sort_by_key(|op| op.ended);
    let mut begun: Vec<u64> =
        counts.iter().filter(|op| !matches!(op.outcome, Outcome::Refused(_))).map(|op| op.began).collect();
    begun.sort_unstable();
    for op in ops {
        let (count, own) = match op.outcome {
            Outcome::Counted(count) => (count, 1),
            Outcome::Saw(value) => (value.unwrap_or(0), 0),
            _ => continue,
        };
        let least = ends.partition_point(|counted| counted.ended < op.began);
        let most = begun.partition_point(|began| *began < op.ended);
        if count < least as u64 + own {
            let why = format!("{} stands at {count}, and {least} were acknowledged before", key.name());
            let last = ends[..least].last().copied();
            let shown: Vec<&ClientOp> = last.into_iter().chain([*op]).collect();
            verdict.violations.push(Violation::new(COUNT_LOST, why, &shown));
        }
        if count > most as u64 {
            let why = format!("{} stands at {count}, and {most} were asked for", key.name());
            verdict.violations.push(Violation::new(COUNT_DOUBLED, why, &[op]));
        }
    }
    if promises.ack == Ack::Replicas {
        verdict.violations.extend(same(&counts));
    }
}

/// Two that were told the same number: one of them was lost in between.
fn same(counts: &[&ClientOp]) -> Option<Violation> {
    let mut told: HashMap<u64, &ClientOp> = HashMap::new();
    counts.iter().find_map(|op| {
        let Outcome::Counted(count) = op.outcome else { return None };
        let other = told.insert(count, op)?;
        Some(Violation::new(COUNT_LOST, format!("two were told {count}"), &[other, op]))
    })
}
