//! Times of single steps, and the memory of copies.

use std::process::ExitCode;

use clearwell_sim::measure::steps::{
    Memory, Steps, clock, copies, in_flight, memory, replicated, ticks, transfers,
};
use serde_json::json;

use super::Arguments;

/// Measures and prints.
pub fn show(args: &Arguments) -> ExitCode {
    if !args.json {
        print_line!("| step | times | median us | p99 us |\n| --- | --- | --- | --- |");
    }
    // Memory first: the allocator has nothing to give back yet.
    let needs = memory(300_000);
    line(args, &clock());
    for requests in [100, 1_000, 5_000, 9_800] {
        in_flight(requests).iter().for_each(|steps| line(args, steps));
    }
    for batch in [1, 4, 16, 64, 256] {
        line(args, &replicated(batch));
    }
    for holders in [100, 1_000] {
        copies(holders, 5_000).iter().for_each(|steps| line(args, steps));
    }
    transfers(1_000_000).iter().for_each(|steps| line(args, steps));
    ticks(1_000_000).iter().for_each(|steps| line(args, steps));
    tell_memory(args, needs);
    ExitCode::SUCCESS
}

fn line(args: &Arguments, steps: &Steps) {
    let us = |time: std::time::Duration| time.as_nanos() as f64 / 1000.0;
    let (median, p99) = (us(steps.median), us(steps.p99));
    match args.json {
        true => print_line!(
            "{}",
            json!({"step": steps.what, "times": steps.count, "medianUs": median, "p99Us": p99})
        ),
        false => print_line!("| {} | {} | {median:.1} | {p99:.1} |", steps.what, steps.count),
    }
}

fn tell_memory(args: &Arguments, memory: Memory) {
    let Memory { keys, holder, owner } = memory;
    match args.json {
        true => print_line!("{}", json!({"keys": keys, "holderBytes": holder, "ownerBytes": owner})),
        false => print_line!(
            "\n{keys} keys with one holder each: {holder:.0} bytes a key at the holder, {owner:.0} at the owner, {:.0} together",
            holder + owner
        ),
    }
}
