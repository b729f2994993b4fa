//! After healing, whoever asks is answered.

use super::{Violation, by_op};
use crate::history::{Deed, Got, History};

/// Looks at what was asked from the audit on.
pub fn check(history: &History, violations: &mut Vec<Violation>) {
    for (op, at) in history.ops.iter().zip(0..) {
        if op.begin < history.audit_from || !matches!(op.deed, Deed::Read(_)) {
            continue;
        }
        let text = match op.got {
            Got::Nothing => "not answered, although all is well again",
            Got::Refused { .. } => "refused, although all is well again",
            Got::Value(_) | Got::Done { .. } => continue,
        };
        violations.push(by_op(history, "answered", at, text.into()));
    }
}

#[cfg(test)]
mod tests {
    use super::super::small::*;
    use crate::history::{Deed, Got, Op};
    use clearwell_cluster::Level::Strong;

    #[test]
    fn a_refusal_is_allowed_before_the_audit_only() {
        for (audit_from, seen) in [(10_000, &[][..]), (1_000, &["answered"])] {
            let mut small = Small::new();
            let read = Deed::Read(Strong);
            let op =
                Op { begin: 5_000, end: 0, client: 0, host: 0, key: SOURCE, deed: read, got: Got::Nothing };
            let at = small.0.begin(op);
            small.0.end(at, 6_000, Got::Refused { surely: true });
            small.0.audit_from = audit_from;
            assert_eq!(small.seen_by(), seen);
        }
    }
}
