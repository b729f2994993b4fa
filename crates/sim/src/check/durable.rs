//! No acknowledged write-back is lost, and the source sees each key's writes in the order in which they were accepted.

use clearwell_cluster::request::Strategy;

use super::{Violation, by_op};
use crate::history::{Deed, Got, History};
use crate::names::Class;

/// Looks at the source's log when all should have been flushed.
pub fn check(history: &History, violations: &mut Vec<Violation>) {
    let mut flushed = vec![0u64; history.names.key_count() as usize];
    let flushes = history.source.log.iter().filter(|commit| commit.through);
    for commit in flushes.filter(|commit| history.names.class(commit.key) == Class::Back) {
        let rank = history.rank_of(commit.write).unwrap_or(0);
        let last = &mut flushed[commit.key as usize];
        if rank < *last {
            let text = format!("the source was given {rank:x} after {last:x}");
            let key = Some(commit.key);
            violations.push(Violation { checker: "durable", at: commit.at, op: None, key, text });
        }
        *last = rank;
    }
    for (op, at) in history.ops.iter().zip(0..) {
        let (Deed::Write(Strategy::Back, _), Got::Done { version, survives: true }) = (op.deed, op.got)
        else {
            continue;
        };
        let order = version.unwrap_or(0);
        if flushed[op.key as usize] < order {
            let last = flushed[op.key as usize];
            let text =
                format!("an acknowledged write-back {order:x} is not in the source, which has {last:x}");
            violations.push(by_op(history, "durable", at, text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::small::*;
    use crate::history::RANKS;
    use clearwell_cluster::request::Strategy::Back;

    #[test]
    fn what_was_acknowledged_is_in_the_source_or_overwritten_there() {
        let mut small = Small::new();
        let (first, second) = (small.0.source.intend(BACK, false), small.0.source.intend(BACK, false));
        small.wrote(0, (0, 1), BACK, Back, first, RANKS + 1);
        small.wrote(0, (2, 3), BACK, Back, second, RANKS + 2);
        assert_eq!(small.seen_by(), ["durable"]);
        small.0.source.commit(second, true, true, 5000);
        assert_eq!(small.seen_by(), [""; 0]);
        small.0.source.commit(first, true, true, 6000);
        assert_eq!(small.seen_by(), ["durable"]);
    }
}
