//! `bounded(d)`: nothing that was overwritten more than `d` before the read began, to the millisecond of true time. And
//! ages: what is told to be so old was certainly current so long ago.

use clearwell_cluster::Level;

use super::{BOUNDS_MS, Index, Oldest, Violation, by_op, ms};
use crate::history::{Deed, Got, History};

/// Looks at all bounded reads and all told ages; returns the oldest that bounded reads saw.
pub fn check(history: &History, index: &Index, violations: &mut Vec<Violation>) -> Oldest {
    let mut oldest = Oldest::default();
    for (op, at) in history.ops.iter().zip(0..) {
        let (Deed::Read(level), Got::Value(found)) = (op.deed, op.got) else { continue };
        let overwritten = index.overwritten(history, op.key, &found);
        let age = op.begin.saturating_sub(overwritten);
        if let Level::Bounded(bound_ms) = level {
            if let Some(which) = BOUNDS_MS.iter().position(|&bound| bound == bound_ms) {
                oldest[which] = oldest[which].max(age);
            }
            if age > bound_ms * 1000 {
                let text = format!(
                    "bounded({bound_ms} ms) found version {}, overwritten {} before",
                    found.version,
                    ms(age)
                );
                violations.push(by_op(history, "bounded", at, text));
            }
        }
        if let Some(told) = found.age_ms.filter(|_| level != Level::Weak) {
            let margin = told * 1000 * history.drift_ppm as u64 / 1_000_000 + 1000;
            if age > told * 1000 + margin {
                let text = format!("said to be current {told} ms ago, but overwritten {} ago", ms(age));
                violations.push(by_op(history, "age", at, text));
            }
        }
    }
    oldest
}

#[cfg(test)]
mod tests {
    use super::super::small::*;
    use crate::history::Covered;
    use clearwell_cluster::Level::{Bounded, Eventual};

    #[test]
    fn the_bound_counts_from_the_commit_to_the_begin_of_the_read() {
        let mut small = Small::new();
        let old = small.commit(0, SOURCE, None);
        small.commit(100, SOURCE, None);
        small.local(2100, SOURCE, Bounded(2000), old, 50, Some(2050));
        assert_eq!(small.seen_by(), [""; 0]);
        small.local(2101, SOURCE, Bounded(2000), old, 50, Some(2051));
        assert_eq!(small.seen_by(), ["bounded"]);
    }

    #[test]
    fn a_commit_behind_the_clusters_back_counts_from_its_invalidation() {
        let mut small = Small::new();
        let old = small.commit(0, SOURCE, None);
        small.commit(100, SOURCE, Some(500));
        small.local(2500, SOURCE, Bounded(2000), old, 50, Some(2450));
        assert_eq!(small.seen_by(), [""; 0]);
        small.local(2501, SOURCE, Bounded(2000), old, 50, Some(2451));
        assert_eq!(small.seen_by(), ["bounded"]);
    }

    #[test]
    fn what_a_value_is_made_from_and_its_tag_count_too() {
        let mut small = Small::new();
        let row = small.commit(0, 3, None);
        small.commit(100, 1, None);
        small.local(2200, 3, Bounded(2000), row, 99, None);
        assert_eq!(small.seen_by(), ["bounded"]);
        let mut small = Small::new();
        let row = small.commit(0, SOURCE, None);
        let tag = small.0.source.tag_of(row.0);
        small.invalidated(1, (100, 120), Covered::Tag(tag), false);
        small.local(2119, SOURCE, Bounded(2000), row, 50, None);
        assert_eq!(small.seen_by(), [""; 0]);
        small.local(2130, SOURCE, Bounded(2000), row, 50, None);
        assert_eq!(small.seen_by(), ["bounded"]);
    }

    #[test]
    fn an_age_that_is_told_is_true() {
        let mut small = Small::new();
        let old = small.commit(0, SOURCE, None);
        small.commit(100, SOURCE, None);
        small.local(1100, SOURCE, Eventual, old, 50, Some(1000));
        assert_eq!(small.seen_by(), [""; 0]);
        small.local(1100, SOURCE, Eventual, old, 50, Some(990));
        assert_eq!(small.seen_by(), ["age"]);
    }
}
