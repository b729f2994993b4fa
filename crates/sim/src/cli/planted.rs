//! The hunt for planted bugs.

use std::process::ExitCode;

use clearwell_cluster::Planted;
use clearwell_sim::hunt::{hunt, share};
use serde_json::json;

use super::Arguments;
use super::seeds::bar;

/// The bug of that name.
pub fn by_name(name: &str) -> Option<Planted> {
    Planted::ALL.into_iter().find(|bug| format!("{bug:?}").eq_ignore_ascii_case(name))
}

/// Says that there is no such bug.
pub fn unknown(name: &str) -> ExitCode {
    eprintln!("no planted bug {name}; there are {:?}", Planted::ALL);
    ExitCode::FAILURE
}

/// Looks for one bug, or for all.
pub fn hunt_named(args: &Arguments, name: &str) -> ExitCode {
    if !cfg!(feature = "planted") {
        eprintln!("planted bugs are not compiled in: add `--features planted`");
        return ExitCode::FAILURE;
    }
    let wanted = |bug: &Planted| name == "all" || format!("{bug:?}").eq_ignore_ascii_case(name);
    let bugs: Vec<Planted> = Planted::ALL.into_iter().filter(wanted).collect();
    if bugs.is_empty() {
        return unknown(name);
    }
    if args.share {
        return shares(args, &bugs);
    }
    if !args.json {
        print_line!("| planted bug | seed | checker | what it saw |\n| --- | --- | --- | --- |");
    }
    let bar = bar(bugs.len() as u64);
    let mut missed = 0;
    for bug in bugs {
        let found = hunt(bug, args.seeds, args.nodes, args.seconds);
        missed += usize::from(found.seed.is_none());
        bar.suspend(|| match (args.json, found.seed) {
            (true, seed) => {
                let bug = format!("{bug:?}");
                print_line!(
                    "{}",
                    json!({"bug": bug, "seed": seed, "checker": found.checker, "text": found.text})
                );
            }
            (false, Some(seed)) => print_line!("| {bug:?} | {seed} | {} | {} |", found.checker, found.text),
            (false, None) => print_line!("| {bug:?} | not in {} | | |", args.seeds),
        });
        bar.inc(1);
    }
    bar.finish_and_clear();
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn shares(args: &Arguments, bugs: &[Planted]) -> ExitCode {
    print_line!("| planted bug | of {} seeds with it | without it |\n| --- | --- | --- |", args.seeds);
    for &bug in bugs {
        let (with, without) = share(bug, args.seeds, args.nodes, args.seconds);
        print_line!("| {bug:?} | {with} | {without} |");
    }
    ExitCode::SUCCESS
}
