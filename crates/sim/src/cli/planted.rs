//! The hunt for planted bugs.

use std::process::ExitCode;

use clearwell_cluster::Planted;
use clearwell_sim::hunt::hunt;
use serde_json::json;

use super::Args;
use super::seeds::bar;

/// Looks for one bug, or for all.
pub fn hunt_named(args: &Args, name: &str) -> ExitCode {
    if !cfg!(feature = "planted") {
        eprintln!("planted bugs are not compiled in: add `--features planted`");
        return ExitCode::FAILURE;
    }
    let wanted = |bug: &Planted| name == "all" || format!("{bug:?}").eq_ignore_ascii_case(name);
    let bugs: Vec<Planted> = Planted::ALL.into_iter().filter(wanted).collect();
    if bugs.is_empty() {
        eprintln!("no planted bug {name}; there are {:?}", Planted::ALL);
        return ExitCode::FAILURE;
    }
    if !args.json {
        println!("| planted bug | seed | checker | what it saw |\n| --- | --- | --- | --- |");
    }
    let bar = bar(bugs.len() as u64);
    let mut missed = 0;
    for bug in bugs {
        let found = hunt(bug, args.seeds, args.nodes, args.seconds);
        missed += usize::from(found.seed.is_none());
        bar.suspend(|| match (args.json, found.seed) {
            (true, seed) => {
                let bug = format!("{bug:?}");
                println!(
                    "{}",
                    json!({"bug": bug, "seed": seed, "checker": found.checker, "text": found.text})
                );
            }
            (false, Some(seed)) => println!("| {bug:?} | {seed} | {} | {} |", found.checker, found.text),
            (false, None) => println!("| {bug:?} | not in {} | | |", args.seeds),
        });
        bar.inc(1);
    }
    bar.finish_and_clear();
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
