//! What is told of a run: a line for each fault, with what clients had of the cluster meanwhile.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::json;

use crate::act::Episode;
use crate::check::Stale;
use crate::clock::{Micros, seconds};
use crate::history::{AskedLevel, ClientKey, ClientOp};

/// What clients had while something was broken, until the slots were back.
#[derive(Debug, Clone)]
pub struct Row {
    /// The faults.
    pub name: String,
    /// The same without hosts.
    pub kind: String,
    /// For how long it was broken, and how long the cluster took then.
    pub broken: Micros,
    pub settling: Micros,
    /// Operations, and how many were answered.
    pub asked: usize,
    pub answered: usize,
    /// The longest time in which a key that was asked for had no answer, and which it was.
    pub longest_gap: Micros,
    pub gap_of: Option<ClientKey>,
    /// The oldest value that was served, by level.
    pub stale: BTreeMap<AskedLevel, Micros>,
}

impl Row {
    /// Of an episode.
    pub fn of(episode: &Episode, history: &[ClientOp], stale: &[Stale], rested: Micros) -> Row {
        let meanwhile = |at: Micros| (episode.began..=rested).contains(&at);
        let ops: Vec<&ClientOp> = history.iter().filter(|op| meanwhile(op.began)).collect();
        let (longest_gap, gap_of) = longest_gap(&ops, episode.began);
        let mut oldest = BTreeMap::new();
        for stale in stale.iter().filter(|stale| meanwhile(stale.at)) {
            let age = oldest.entry(stale.level).or_insert(0);
            *age = stale.age.max(*age);
        }
        Row {
            name: episode.name(),
            kind: episode.kind(),
            broken: episode.healed.saturating_sub(episode.began),
            settling: episode.settled.saturating_sub(episode.healed),
            asked: ops.len(),
            answered: ops.iter().filter(|op| op.is_answered()).count(),
            longest_gap,
            gap_of,
            stale: oldest,
        }
    }

    /// Of the rows of each kind of fault, and of each two kinds, the worst figures.
    pub fn worst<'r>(rows: impl Iterator<Item = &'r Row>) -> Vec<Row> {
        let mut by_kind: BTreeMap<String, Row> = BTreeMap::new();
        for row in rows {
            let known = by_kind.get(&row.kind).cloned();
            let worst = known
                .map_or_else(|| Row { name: row.kind.clone(), ..row.clone() }, |known| known.or_worse(row));
            by_kind.insert(row.kind.clone(), worst);
        }
        by_kind.into_values().collect()
    }

    fn or_worse(self, other: &Row) -> Row {
        let mut stale = self.stale.clone();
        for (level, age) in &other.stale {
            let oldest = stale.entry(*level).or_insert(0);
            *oldest = (*age).max(*oldest);
        }
        let less = if other.share() < self.share() { other } else { &self };
        Row {
            broken: self.broken.max(other.broken),
            settling: self.settling.max(other.settling),
            asked: less.asked,
            answered: less.answered,
            longest_gap: self.longest_gap.max(other.longest_gap),
            stale,
            ..self
        }
    }

    /// The share that was answered, in hundredths of a percent.
    fn share(&self) -> f64 {
        100.0 * self.answered as f64 / self.asked.max(1) as f64
    }

    /// For programs.
    pub fn json(&self) -> serde_json::Value {
        let stale: BTreeMap<&str, f64> =
            self.stale.iter().map(|(level, age)| (level.word(), seconds(*age))).collect();
        json!({
            "fault": self.name, "broken_s": seconds(self.broken), "settling_s": seconds(self.settling), "operations": self.asked,
            "answered": self.answered, "longest_gap_s": seconds(self.longest_gap), "stale_s": stale,
        })
    }
}

/// The head of the table whose rows follow.
pub const HEAD: &str = "fault                                     broken   settles  operations  answered  longest gap  oldest value";

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stale: Vec<String> = self
            .stale
            .iter()
            .map(|(level, age)| format!("{} {:.3} s", level.word(), seconds(*age)))
            .collect();
        let stale = if stale.is_empty() { "current".to_owned() } else { stale.join(", ") };
        write!(
            f,
            "{:<40} {:>5.1} s  {:>6.1} s  {:>10}  {:>6.2} %  {:>9.2} s  {stale}",
            self.name,
            seconds(self.broken),
            seconds(self.settling),
            self.asked,
            self.share(),
            seconds(self.longest_gap),
        )
    }
}

/// The longest time between a question for a key and the next answer to anybody who asked for it.
fn longest_gap(ops: &[&ClientOp], began: Micros) -> (Micros, Option<ClientKey>) {
    let mut by_key: BTreeMap<ClientKey, (Vec<Micros>, Vec<Micros>)> = BTreeMap::new();
    for op in ops {
        let Some(key) = op.did.key() else { continue };
        let (asked, answered) = by_key.entry(key).or_default();
        asked.push(op.began);
        if op.is_answered() {
            answered.push(op.ended);
        }
    }
    let gap = |(key, (mut asked, mut answered)): (ClientKey, (Vec<Micros>, Vec<Micros>))| {
        asked.sort_unstable();
        answered.sort_unstable();
        let (mut longest, mut last) = (0, began);
        for end in answered {
            // From the first question behind the last answer.
            let first = asked[asked.partition_point(|at| *at < last)..].first().copied();
            longest = longest.max(end.saturating_sub(first.unwrap_or(end)));
            last = end;
        }
        (longest, Some(key))
    };
    by_key.into_iter().map(gap).max_by_key(|(longest, _)| *longest).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{AskedLevel, Did, KeyClass, Outcome};

    #[test]
    fn a_gap_is_from_a_question_to_the_next_answer_to_anybody() {
        let key = ClientKey { class: KeyClass::Register, number: 1 };
        let did = Did::Read(key, AskedLevel::Plain);
        let op =
            |began, ended, outcome| ClientOp { client: "hand".into(), node: 1, began, ended, did, outcome };
        let refused = || Outcome::Refused("CLUSTERDOWN".into());
        let ops = [
            op(10, 12, Outcome::Saw(None)),
            op(40, 50, refused()),
            op(60, 95, refused()),
            op(70, 80, Outcome::Saw(None)),
            op(500, 501, Outcome::Saw(None)),
        ];
        let ops: Vec<&ClientOp> = ops.iter().collect();
        assert_eq!(longest_gap(&ops, 0), (40, Some(key)), "from 40 to 80; nobody asked before 500");
    }
}
