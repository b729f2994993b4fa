//! Figures of calm worlds.

use std::process::ExitCode;

use clearwell_sim::measure::{after_cut, idle, thrift};
use serde_json::json;

use super::Arguments;

/// Measures and prints.
pub fn show(args: &Arguments) -> ExitCode {
    let sizes: Vec<u16> = if args.nodes > 0 { vec![args.nodes] } else { vec![10, 100, 1000] };
    if args.nodes == 0 {
        invalidations(args, 40, &(1..=28).collect::<Vec<usize>>());
    }
    for &nodes in sizes.iter().filter(|nodes| args.nodes > 0 || **nodes > 40) {
        invalidations(args, nodes, &[1, 3, 8]);
    }
    sizes.iter().for_each(|&nodes| idle_traffic(args, nodes));
    cut(args);
    ExitCode::SUCCESS
}

fn invalidations(args: &Arguments, nodes: u16, readers: &[usize]) {
    if !args.json {
        print_line!(
            "{nodes} nodes | holders | records | confirmations | others | messages a holder | forwarding"
        );
    }
    for (by_tag, &readers) in [false, true].into_iter().flat_map(|tag| readers.iter().map(move |n| (tag, n)))
    {
        let seen = thrift(nodes, readers, by_tag);
        let what = if by_tag { "tag" } else { "key" };
        let ratio = seen.ratio();
        match args.json {
            true => print_line!(
                "{}",
                json!({"nodes": nodes, "of": what, "holders": seen.holders, "records": seen.records,
                    "confirmations": seen.confirmations, "others": seen.others, "forwarding": seen.forwarding,
                    "ratio": ratio})
            ),
            false => print_line!(
                "{what} | {} | {} | {} | {} | {ratio:.2} | {}",
                seen.holders,
                seen.records,
                seen.confirmations,
                seen.others,
                seen.forwarding
            ),
        }
    }
}

fn idle_traffic(args: &Arguments, nodes: u16) {
    let seen = idle(nodes);
    match args.json {
        true => print_line!(
            "{}",
            json!({"nodes": nodes, "idleMessages": seen.messages, "idleBytes": seen.bytes,
                "busiest": seen.busiest, "kinds": seen.kinds})
        ),
        false => print_line!(
            "{nodes} nodes, idle: {:.1} messages and {:.0} bytes a second from each, {:.1} messages from the busiest; {:.2?}",
            seen.messages,
            seen.bytes,
            seen.busiest,
            seen.kinds
        ),
    }
}

fn cut(args: &Arguments) {
    let seen = after_cut(100_000);
    let percent = 100.0 * seen.bytes as f64 / seen.entry_bytes.max(1) as f64;
    match args.json {
        true => print_line!(
            "{}",
            json!({"entries": seen.entries, "changed": seen.changed, "bytes": seen.bytes, "percent": percent, "kept": seen.kept})
        ),
        false => print_line!(
            "a near cache of {} entries, {} changed in a cut of 60 s: {} bytes transferred ({percent:.2} %), {} entries kept",
            seen.entries,
            seen.changed,
            seen.bytes,
            seen.kept
        ),
    }
}
