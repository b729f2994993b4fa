//! Times without an owner.

use std::process::ExitCode;

use clearwell_cluster::Profile;
use clearwell_cluster::request::Strategy;
use clearwell_sim::measure::failover::{Kill, Took, alone_again, joins, kills};
use serde_json::json;

use super::Arguments;

const KILLS: u64 = 200;
const TIMES: u64 = 50;

/// Measures and prints.
pub fn show(args: &Arguments) -> ExitCode {
    if !args.json {
        print_line!(
            "| profile | what | times | median ms | p99 ms | worst ms | refused |\n\
             | --- | --- | --- | --- | --- | --- | --- |"
        );
    }
    for profile in Profile::ALL {
        for strategy in [Strategy::CacheOnly, Strategy::Through] {
            for is_back in [false, true] {
                line(args, profile, &kills(profile, Kill { is_back, strategy }, KILLS));
            }
        }
        line(args, profile, &joins(profile, TIMES));
        line(args, profile, &alone_again(profile, TIMES));
    }
    ExitCode::SUCCESS
}

fn line(args: &Arguments, profile: Profile, took: &Took) {
    let ms = |us: u64| us as f64 / 1000.0;
    let (median, p99, worst) = (ms(took.median), ms(took.p99), ms(took.worst));
    match args.json {
        true => print_line!(
            "{}",
            json!({"profile": format!("{profile:?}").to_lowercase(), "what": took.what, "times": took.times,
                "medianMs": median, "p99Ms": p99, "worstMs": worst, "refused": took.refused})
        ),
        false => print_line!(
            "| {} | {} | {} | {median:.0} | {p99:.0} | {worst:.0} | {} |",
            format!("{profile:?}").to_lowercase(),
            took.what,
            took.times,
            took.refused
        ),
    }
}
