//! Every value that is read was written, to that key, and not later than it was read; every version stands for one write.

use super::{Violation, by_op};
use crate::history::{Deed, Got, History, RANKS};
use crate::names::Class;

/// Looks at all reads.
pub fn check(history: &History, violations: &mut Vec<Violation>) {
    for (op, at) in history.ops.iter().zip(0..) {
        let (Deed::Read(_), Got::Value(found)) = (op.deed, op.got) else { continue };
        let Some(value) = found.value else { continue };
        let written = history.source.writes.get(value.write as usize).filter(|_| value.write != 0);
        let mut wrong = |text: String| violations.push(by_op(history, "genuine", at, text));
        match written {
            None => wrong(format!("write {} was never made", value.write)),
            Some(written) if written.key != op.key || written.removes => {
                wrong(format!("write {} was not one of this value", value.write));
            }
            Some(_) if value.read > op.end => wrong("a value from the future".into()),
            Some(_) if found.version < RANKS => {
                let commit =
                    found.version.checked_sub(1).and_then(|place| history.source.log.get(place as usize));
                if commit.is_none_or(|commit| commit.write != value.write) {
                    wrong(format!("version {} is not that of write {}", found.version, value.write));
                }
            }
            Some(_) => {
                let rank = history.rank_of(value.write);
                if history.names.class(op.key) == Class::Source
                    || rank.is_some_and(|rank| rank != found.version)
                {
                    wrong(format!(
                        "write {} has two versions, {:x} and {rank:x?}",
                        value.write, found.version
                    ));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::small::*;
    use clearwell_cluster::Level::Weak;

    #[test]
    fn a_value_of_another_key_is_not_one_of_this() {
        let mut small = Small::new();
        let (row, other) = (small.commit(0, SOURCE, None), small.commit(0, 1, None));
        small.read(0, (5, 6), SOURCE, Weak, row, 4);
        assert_eq!(small.seen_by(), [""; 0]);
        small.read(0, (5, 6), SOURCE, Weak, other, 4);
        assert_eq!(small.seen_by(), ["genuine"]);
    }

    #[test]
    fn a_version_is_one_writes() {
        let mut small = Small::new();
        let (one, two) = (small.commit(0, SOURCE, None), small.commit(1, SOURCE, None));
        small.read(0, (5, 6), SOURCE, Weak, (one.0, two.1), 4);
        assert_eq!(small.seen_by(), ["genuine"]);
    }
}
