//! After healing, all copies that may be served are what they should be.

use super::{Index, Violation};
use crate::history::{Found, History, Last};
use crate::names::Class;
use crate::queue::Micros;

/// Looks at what lay in memories at the end.
pub fn check(history: &History, index: &Index, violations: &mut Vec<Violation>) {
    for last in &history.last {
        if let Some(text) = judge(history, index, last) {
            let text = format!("host {} still serves {text}", last.host);
            violations.push(Violation {
                checker: "converged",
                at: Micros::MAX,
                op: None,
                key: Some(last.key),
                text,
            });
        }
    }
}

fn judge(history: &History, index: &Index, last: &Last) -> Option<String> {
    let found = Found { value: last.value, version: last.version, local: true, age_ms: None };
    match history.names.class(last.key) {
        Class::Source => {
            let newest = history.source.newest(last.key);
            if last.version != newest {
                return Some(format!("version {} of {newest}", last.version));
            }
            let invalidated = index.invalidated(history, last.key, &found);
            (invalidated != Micros::MAX).then(|| format!("version {newest} as it was before an invalidation"))
        }
        Class::Back | Class::Cache if last.version == 0 => None,
        Class::Back | Class::Cache => {
            let order = index.order(last.key, last.version).map_or(0, |order| order.most);
            let newest = index.newest(last.key);
            (order < newest).then(|| format!("{order:x}, older than {newest:x}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::small::*;
    use crate::history::{Covered, Last};
    use crate::value::Value;

    fn last((write, version): (u32, u64), read: u64) -> Last {
        Last { host: 1, key: SOURCE, value: Some(Value { write, read: read * 1000 }), version }
    }

    #[test]
    fn a_copy_that_is_old_at_the_end_is_seen() {
        let mut small = Small::new();
        let old = small.commit(0, SOURCE, None);
        small.0.last = vec![last(old, 5)];
        assert_eq!(small.seen_by(), [""; 0]);
        small.commit(10, SOURCE, Some(11));
        assert_eq!(small.seen_by(), ["converged"]);
    }

    #[test]
    fn so_is_one_that_an_invalidation_passed_by() {
        let mut small = Small::new();
        let row = small.commit(0, SOURCE, None);
        small.invalidated(0, (10, 20), Covered::Key(SOURCE), false);
        small.0.last = vec![last(row, 11)];
        assert_eq!(small.seen_by(), [""; 0]);
        small.0.last = vec![last(row, 9)];
        assert_eq!(small.seen_by(), ["converged"]);
    }
}
