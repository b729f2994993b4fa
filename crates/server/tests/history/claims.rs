//! What a reply says about itself, judged like its value: a value is no older than its age says, one that is not stale hides
//! nothing that the node must have heard of, and no level is claimed that was not obtained.

use super::chain::Version;
use super::checker::{Checker, Floor, Judged};
use super::history::{Claim, Key, Level, Op, Us};

/// Ages are told in whole milliseconds, and so is what a load took.
const SLACK: Us = 5_000;

const AGE: &str = "age: what is shown was current when it says that it was read";
const FRESH: &str = "not stale: nothing is hidden that was heard of";
const CLAIMED: &str = "a level is not claimed that was not obtained";

impl Checker<'_> {
    /// The level by which the value is judged: who takes what is stale, and is told so, has no better one.
    pub fn obtained(op: &Op, level: Level) -> Level {
        let is_stale = op.claim.as_ref().is_some_and(|claim| claim.allowed_stale && claim.stale);
        if is_stale { Level::Weak } else { level }
    }

    /// The claimed level.
    pub fn claimed(&self, op: &Op, key: Key, level: Level) -> Judged {
        let Some(claim) = &op.claim else { return Ok(()) };
        let asked = match level {
            Level::Strong => "strong",
            Level::Session => "session",
            Level::Bounded(_) => "bounded",
            Level::Eventual | Level::AtRest => "eventual",
            Level::Weak => "weak",
        };
        // This node is the truth of what has no source, so that it says the best of it.
        let has_source = !matches!(key, Key::Aside(_) | Key::Only(_));
        let lowered = claim.stale && claim.level == "eventual";
        let is_wrong = match (claim.stale, &*claim.level) {
            (true, "strong") => true,
            (_, told) => has_source && !lowered && !told.starts_with(asked),
        };
        if is_wrong { Err((CLAIMED, format!("asked for {asked}, and told {claim:?}"))) } else { Ok(()) }
    }

    /// The oldest version of a row that what is claimed allows.
    pub fn raise_by_claim(
        &self,
        claim: &Claim,
        op: &Op,
        key: Key,
        row: u8,
        seen: Option<Version>,
        floor: &mut Floor,
    ) {
        let before = |us: Us| op.began.checked_sub(us).map_or(0, |cut| self.chains.committed(row, cut));
        if !matches!(key, Key::Aside(_)) {
            floor.raise(before(claim.age + SLACK), AGE);
        }
        if claim.stale {
            return;
        }
        // The feed was heard of a moment ago, whatever happened to it before or since.
        if !matches!(key, Key::Aside(_)) {
            floor.raise(before(self.bounds.quiet), FRESH);
        }
        let mut heard = self.floor_of_level(op, key, Level::Eventual, row);
        self.raise_by_invalidations(op, key, row, seen, &mut heard);
        floor.raise(heard.n, FRESH);
    }

    /// A value that a client wrote is as old as its write.
    pub fn aged(&self, op: &Op, wrote: &Op) -> Judged {
        let Some(claim) = &op.claim else { return Ok(()) };
        let age = op.began.saturating_sub(wrote.ended);
        if claim.age + SLACK >= age {
            return Ok(());
        }
        Err((AGE, format!("it was written {age} us before, and says {}", claim.age)))
    }
}
