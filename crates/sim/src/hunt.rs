//! Planted bugs: each must be found, and the table of by whom and when is the proof that the checkers see.

use clearwell_cluster::Planted;

use crate::check::Violation;
use crate::options::Options;
use crate::run::{Mask, Report, run};

/// How a planted bug was found.
#[derive(Debug, Clone)]
pub struct FoundBug {
    /// The bug.
    pub bug: Planted,
    /// The seed, which is clean without the bug; `None` when no seed up to the limit showed it.
    pub seed: Option<u64>,
    /// The checker that saw it first.
    pub checker: &'static str,
    /// What it said.
    pub text: String,
}

fn world(bug: Planted, seed: u64, nodes: u16, seconds: u64, planted: Option<Planted>) -> Report {
    let drawn = Options::draw(seed, nodes, seconds, planted);
    run(if nodes >= Options::CROWD { drawn.crowd() } else { drawn.lean(bug) }, Mask::default())
}

/// What says that a promise was broken; that somebody was refused for too long does not.
fn broken(report: &Report) -> Option<&Violation> {
    report.violations.iter().find(|violation| violation.checker != "answered")
}

/// Looks for a bug in seeds from 0 on, in worlds that lean to it. A seed that fails without the bug as well proves nothing and
/// is passed over.
pub fn hunt(bug: Planted, most: u64, nodes: u16, seconds: u64) -> FoundBug {
    for seed in 0..most {
        let report = world(bug, seed, nodes, seconds, Some(bug));
        let Some(first) = broken(&report) else { continue };
        if world(bug, seed, nodes, seconds, None).violations.is_empty() {
            return FoundBug { bug, seed: Some(seed), checker: first.checker, text: first.text.clone() };
        }
    }
    FoundBug { bug, seed: None, checker: "", text: String::new() }
}

/// In how many of so many seeds a promise is broken, with the bug and without it.
pub fn share(bug: Planted, seeds: u64, nodes: u16, seconds: u64) -> (usize, usize) {
    let count = |planted| {
        let broke = |&seed: &u64| broken(&world(bug, seed, nodes, seconds, planted)).is_some();
        (0..seeds).filter(broke).count()
    };
    (count(Some(bug)), count(None))
}
