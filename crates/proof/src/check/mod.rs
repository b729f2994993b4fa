//! Judges what clients saw.
//!
//! Values are those of one write each, so that no order has to be searched for: an answer is compared with what was surely done before it was asked for. What was
//! not acknowledged may be done at any time after it began, at the latest when somebody sees it.

mod counter;
mod register;
mod rest;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use crate::clock::Micros;
use crate::history::{ClientKey, ClientOp, Did, KeyClass, Outcome};

pub use rest::agree;

/// Who has a write when it is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ack {
    /// Its owner: while owners were at risk, the last ones may be lost.
    Owner,
    /// The replicas too.
    Replicas,
}

impl fmt::Display for Ack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Ack::Owner => "owner",
            Ack::Replicas => "replicas",
        })
    }
}

/// What is promised.
#[derive(Debug, Clone)]
pub struct Promises {
    pub ack: Ack,
    /// When an owner, or a replica that had not confirmed, may have been lost.
    pub risks: Vec<(Micros, Micros)>,
    /// How much later than its time of expiry a value may be served.
    pub tick: Micros,
}

impl Promises {
    /// Whether what was acknowledged then is there from then on.
    fn lasts(&self, ended: Micros) -> bool {
        self.ack == Ack::Replicas || !self.risks.iter().any(|(from, to)| (*from..=*to).contains(&ended))
    }
}

/// What must not happen, and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The promise that was broken.
    pub promise: &'static str,
    /// In words.
    pub why: String,
    /// The operations that show it, the last one where it is seen.
    pub shown_by: Vec<ClientOp>,
}

impl Violation {
    fn new(promise: &'static str, why: String, shown_by: &[&ClientOp]) -> Violation {
        Violation { promise, why, shown_by: shown_by.iter().map(|op| (*op).clone()).collect() }
    }
}

/// A read that showed what was overwritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stale {
    /// When it began.
    pub at: Micros,
    /// For how long, by then, an acknowledged change had been newer.
    pub age: Micros,
    pub level: crate::history::AskedLevel,
}

/// What a history shows.
#[derive(Debug, Default)]
pub struct Verdict {
    pub violations: Vec<Violation>,
    /// Whether or not a promise forbids it.
    pub stale: Vec<Stale>,
}

/// Judges all of it.
pub fn check(ops: &[&ClientOp], promises: &Promises) -> Verdict {
    let mut verdict = Verdict::default();
    verdict.violations.extend(ops.iter().copied().filter_map(strange));
    for (key, ops) in by_key(ops) {
        match key.class {
            KeyClass::Counter => counter::check(key, &ops, promises, &mut verdict),
            KeyClass::Register | KeyClass::Tagged | KeyClass::Expiring => {
                register::check(key, &ops, promises, &mut verdict);
            }
        }
    }
    verdict.violations.sort_by_key(|violation| violation.shown_by.last().map(|op| op.ended));
    verdict
}

fn strange(op: &ClientOp) -> Option<Violation> {
    let Outcome::Strange(what) = &op.outcome else { return None };
    Some(Violation::new("an answer is one that the command has", what.clone(), &[op]))
}

/// The operations that concern each key.
fn by_key<'h>(ops: &[&'h ClientOp]) -> BTreeMap<ClientKey, Vec<&'h ClientOp>> {
    let mut by_key: BTreeMap<ClientKey, Vec<&ClientOp>> = BTreeMap::new();
    for &op in ops {
        if let Some(key) = op.did.key() {
            by_key.entry(key).or_default().push(op);
        }
    }
    for &op in ops {
        if let Did::Invalidate(tag) = op.did {
            let tagged = by_key.iter_mut().filter(|(key, _)| key.tag() == Some(tag));
            tagged.for_each(|(_, ops)| ops.push(op));
        }
    }
    by_key
}
