//! Figures of calm worlds.

use std::process::ExitCode;

use clearwell_sim::measure::{after_cut, idle, thrift};
use serde_json::json;

use super::Args;

/// Measures and prints.
pub fn show(args: &Args) -> ExitCode {
    let sizes: Vec<u16> = if args.nodes > 0 { vec![args.nodes] } else { vec![10, 100, 1000] };
    for &nodes in &sizes {
        for (by_tag, readers) in [(false, 3), (false, 10), (true, 3), (true, 10)] {
            let seen = thrift(nodes, readers, by_tag);
            let what = if by_tag { "tag" } else { "key" };
            let ratio = seen.records as f64 / seen.holders.max(1) as f64;
            match args.json {
                true => println!(
                    "{}",
                    json!({"nodes": nodes, "of": what, "holders": seen.holders, "messages": seen.messages, "records": seen.records})
                ),
                false => println!(
                    "{nodes} nodes, {what} with {} holders: {} messages, {} of them records ({ratio:.2} a holder)",
                    seen.holders, seen.messages, seen.records
                ),
            }
        }
    }
    for &nodes in &sizes {
        let seen = idle(nodes);
        match args.json {
            true => println!(
                "{}",
                json!({"nodes": nodes, "idleMessages": seen.messages, "idleBytes": seen.bytes})
            ),
            false => println!(
                "{nodes} nodes, idle: {:.1} messages and {:.0} bytes a second from each; {:.1?}",
                seen.messages, seen.bytes, seen.kinds
            ),
        }
    }
    let seen = after_cut(100_000);
    let percent = 100.0 * seen.bytes as f64 / seen.entry_bytes.max(1) as f64;
    match args.json {
        true => println!(
            "{}",
            json!({"entries": seen.entries, "changed": seen.changed, "bytes": seen.bytes, "percent": percent, "kept": seen.kept})
        ),
        false => println!(
            "a near cache of {} entries, {} changed in a cut of 60 s: {} bytes transferred ({percent:.2} %), {} entries kept",
            seen.entries, seen.changed, seen.bytes, seen.kept
        ),
    }
    ExitCode::SUCCESS
}
