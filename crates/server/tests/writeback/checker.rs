//! What the database and the parked writes may hold after kills, given what was written and acknowledged.
//!
//! Each key is written by one connection, so its writes have an order. A trigger logs every version that the database took.

use std::collections::BTreeMap;

/// One write of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// `None` for a removal.
    pub value: Option<String>,
    /// `false`: the node was killed before it answered, and the write may or may not have been kept.
    pub acknowledged: bool,
}

impl Write {
    /// Whether the database refuses it.
    fn is_poison(&self) -> bool {
        self.value.as_ref().is_some_and(|value| value.contains(POISON))
    }
}

/// What the database refuses has this in it.
pub const POISON: &str = "poison";

/// All writes of each key, in their order.
pub type History = BTreeMap<u64, Vec<Write>>;

/// What there is when everything was flushed.
#[derive(Debug, Default, Clone)]
pub struct Observed {
    pub rows: BTreeMap<u64, String>,
    /// What the log says of each key, in its order: the version, and how many kills there were before.
    pub log: BTreeMap<u64, Vec<(Option<String>, u64)>>,
    pub parked: BTreeMap<u64, String>,
}

/// What is wrong; nothing when all is well.
pub fn check(history: &History, observed: &Observed) -> Vec<String> {
    let mut wrong = Vec::new();
    let none = Vec::new();
    for (key, writes) in history {
        let log = observed.log.get(key).unwrap_or(&none);
        let key_wrong = [order(writes, log), last(writes, observed.rows.get(key), observed.parked.get(key))];
        wrong.extend(key_wrong.into_iter().flatten().map(|why| format!("post:{key}: {why}")));
        let logged = log.last().and_then(|(value, _)| value.as_ref());
        if logged != observed.rows.get(key) {
            wrong.push(format!("post:{key}: the row is not the last that was logged: {logged:?}"));
        }
    }
    let known = |key: &u64| history.contains_key(key);
    let strangers = observed.rows.keys().chain(observed.parked.keys()).filter(|key| !known(key));
    wrong.extend(strangers.map(|key| format!("post:{key}: nobody wrote it")));
    wrong
}

/// The versions that the database took are a part of those that were written, in their order. One comes twice only where a
/// kill lies between: that is the documented repeat.
fn order(writes: &[Write], log: &[(Option<String>, u64)]) -> Option<String> {
    let (mut at, mut kills_then) = (None::<usize>, 0);
    for (value, kills) in log {
        if value.as_ref().is_some_and(|value| value.contains(POISON)) {
            return Some(format!("the database took what it refuses: {value:?}"));
        }
        let repeat = at.is_some_and(|at| writes[at].value == *value && *kills > kills_then);
        let from = at.map_or(0, |at| at + 1);
        let next = writes[from..].iter().position(|write| write.value == *value);
        at = match (repeat, next) {
            (true, _) => at,
            (false, Some(next)) => Some(from + next),
            (false, None) => {
                let past = writes[..from].iter().any(|write| write.value == *value);
                let what = if past {
                    "came after a newer one, or twice without a kill"
                } else {
                    "was never written"
                };
                return Some(format!("{value:?} {what}"));
            }
        };
        kills_then = *kills;
    }
    None
}

/// The newest acknowledged write is in the database, or parked if it is refused. Of those in flight behind it, each may be.
fn last(writes: &[Write], row: Option<&String>, parked: Option<&String>) -> Option<String> {
    let newest = writes.iter().rposition(|write| write.acknowledged);
    let from = newest.unwrap_or(0);
    // Each write that may have been the last to be kept.
    let fits = |write: &Write| match write.is_poison() {
        true => parked == write.value.as_ref(),
        false => row == write.value.as_ref() && parked.is_none(),
    };
    let untouched = newest.is_none() && row.is_none() && parked.is_none();
    if untouched || writes[from..].iter().any(fits) {
        return None;
    }
    Some(format!(
        "{:?} was acknowledged last; the row is {row:?}, parked is {parked:?}",
        newest.map(|at| &writes[at])
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(value: &str) -> Write {
        Write { value: Some(value.into()), acknowledged: true }
    }

    fn in_flight(write: Write) -> Write {
        Write { acknowledged: false, ..write }
    }

    const DELETE: Write = Write { value: None, acknowledged: true };

    /// What is wrong with one key.
    fn wrong(writes: &[Write], log: &[(Option<&str>, u64)], parked: Option<&str>) -> Option<String> {
        let log: Vec<_> = log.iter().map(|(value, kills)| (value.map(String::from), *kills)).collect();
        let row = log.last().and_then(|(value, _)| value.clone());
        let observed = Observed {
            rows: row.into_iter().map(|row| (1, row)).collect(),
            log: [(1, log)].into(),
            parked: parked.into_iter().map(|value| (1, value.to_owned())).collect(),
        };
        check(&[(1, writes.to_vec())].into(), &observed).into_iter().next()
    }

    #[test]
    fn what_may_be_is_taken() {
        let writes = [set("1"), set("2"), DELETE, set("3")];
        assert_eq!(wrong(&writes, &[(Some("1"), 0), (Some("2"), 0), (None, 0), (Some("3"), 0)], None), None);
        assert_eq!(wrong(&writes, &[(Some("3"), 0)], None), None, "only the newest was flushed");
        assert_eq!(wrong(&writes, &[(Some("3"), 0), (Some("3"), 1)], None), None, "repeated after a kill");
        assert_eq!(wrong(&[set("1"), DELETE], &[(Some("1"), 0), (None, 0)], None), None);
        let open = [set("1"), in_flight(set("2"))];
        assert_eq!(wrong(&open, &[(Some("1"), 0)], None), None);
        assert_eq!(wrong(&open, &[(Some("1"), 0), (Some("2"), 0)], None), None);
        let refused = [set("1"), set("2 poison")];
        assert_eq!(wrong(&refused, &[(Some("1"), 0)], Some("2 poison")), None);
        assert_eq!(wrong(&[in_flight(set("1 poison"))], &[], Some("1 poison")), None);
        assert_eq!(wrong(&[in_flight(set("1"))], &[], None), None);
    }

    /// An acknowledgement that does not wait for the sync, and a done-record that does not wait for the commit.
    #[test]
    fn a_lost_write_is_found() {
        let found = wrong(&[set("1"), set("2")], &[(Some("1"), 0)], None).expect("it is found");
        assert!(found.contains("was acknowledged last"), "{found}");
        assert!(wrong(&[set("1")], &[], None).is_some());
        assert!(wrong(&[set("1"), DELETE], &[(Some("1"), 0)], None).is_some());
        assert!(wrong(&[set("1"), set("2"), in_flight(set("3"))], &[(Some("1"), 0)], None).is_some());
    }

    /// Two batches with a key at once, or an older write that is repeated over a newer one.
    #[test]
    fn a_wrong_order_is_found() {
        for log in [
            &[(Some("2"), 0), (Some("1"), 0)][..],
            &[(Some("2"), 0), (Some("1"), 1), (Some("2"), 1)],
            &[(Some("1"), 0), (Some("2"), 0), (Some("2"), 0)],
        ] {
            let found = wrong(&[set("1"), set("2")], log, None).expect("it is found");
            assert!(found.contains("after a newer one, or twice without a kill"), "{found}");
        }
        let found = wrong(&[set("1")], &[(Some("x"), 0)], None).expect("it is found");
        assert!(found.contains("never written"), "{found}");
    }

    #[test]
    fn a_refused_write_that_is_not_parked_is_found() {
        let refused = [set("1"), set("2 poison")];
        assert!(wrong(&refused, &[(Some("1"), 0)], None).is_some());
        assert!(wrong(&refused, &[(Some("1"), 0), (Some("2 poison"), 0)], Some("2 poison")).is_some());
        assert!(
            wrong(&[set("1 poison"), set("2")], &[(Some("2"), 0)], Some("1 poison")).is_some(),
            "it has fallen"
        );
    }
}
