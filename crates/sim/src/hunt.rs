//! Planted bugs: each must be found, and the table of by whom and when is the proof that the checkers see.

use clearwell_cluster::Planted;

use crate::options::Options;
use crate::run::{Mask, run};

/// How a planted bug was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// The bug.
    pub bug: Planted,
    /// The seed, which is clean without the bug; `None` when no seed up to the limit showed it.
    pub seed: Option<u64>,
    /// The checker that saw it first.
    pub checker: &'static str,
    /// What it said.
    pub text: String,
}

/// Looks for a bug in seeds from 0 on. A seed that fails without the bug as well proves nothing and is passed over.
pub fn hunt(bug: Planted, most: u64, nodes: u16, seconds: u64) -> Found {
    for seed in 0..most {
        let report = run(Options::draw(seed, nodes, seconds, Some(bug)), Mask::default());
        let Some(first) = report.violations.first() else { continue };
        let clean = run(Options::draw(seed, nodes, seconds, None), Mask::default()).violations.is_empty();
        if clean {
            return Found { bug, seed: Some(seed), checker: first.checker, text: first.text.clone() };
        }
    }
    Found { bug, seed: None, checker: "", text: String::new() }
}
