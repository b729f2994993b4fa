//! Random commands for a node and for redis-server 7.0.15 at once: every reply is the same, or its difference stands in
//! `docs/redis-differences.md`.
//!
//! `CLEARWELL_SEED` (1) is the first of three seeds, `CLEARWELL_COMMANDS` (20,000) how many commands each runs, once in RESP2 and once in
//! RESP3. The same seed sends the same commands.

mod compare;
mod known;
mod pair;
#[path = "../support/mod.rs"]
mod support;
mod words;

use std::collections::BTreeMap;

use known::Known;
use pair::Pair;
use support::{Kind, Options, Server};
use words::Words;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Differences that a run tells before it gives up.
const TOLD: usize = 12;

/// How many connections send. Two may be one client's pool, whose late fills a node refuses and redis-server takes.
const SENDERS: [usize; 2] = [1, 2];

/// Runs a seed in one protocol; counts the known differences in `met`.
fn run(seed: u64, resp: u8, commands: u64, senders: usize, met: &mut BTreeMap<&'static str, u64>) {
    let ours = Server::clearwell(Options { config: Some(String::new()), ..Options::default() });
    let theirs = Server::start(Kind::Redis);
    let pair = |_| Pair::new(&theirs, &ours, resp, senders == 1);
    let mut pairs: Vec<Pair> = (0..senders).map(pair).collect();
    let mut words = Words::new(seed);
    let mut differences = Vec::new();
    for count in 0..commands {
        let (who, request) = words.request();
        let who = who % senders;
        if compare::ends_soon(&request) {
            // Inside a transaction nobody waits for its end; and who watches the key is not asked about it.
            if pairs.iter().any(Pair::is_queueing) {
                continue;
            }
            pairs.iter_mut().for_each(Pair::unwatch);
        }
        match pairs[who].ask(&request) {
            Ok(None) => continue,
            Ok(Some(known)) => *met.entry(known).or_insert(0) += 1,
            Err(why) => differences.push(format!("command {count} of connection {who}\n{why}")),
        }
        if differences.len() == TOLD {
            break;
        }
        // The servers may hold different things now.
        pairs.iter_mut().for_each(Pair::begin_anew);
    }
    assert!(differences.is_empty(), "CLEARWELL_SEED={seed} RESP{resp}\n{}", differences.join("\n\n"));
}

#[test]
fn random_commands_are_answered_as_redis_answers_them() {
    let (first, commands) = (number("CLEARWELL_SEED", 1), number("CLEARWELL_COMMANDS", 20_000));
    let mut met = BTreeMap::new();
    for seed in first..first + 3 {
        for resp in [2, 3] {
            for senders in SENDERS {
                println!(
                    "CLEARWELL_SEED={seed} CLEARWELL_COMMANDS={commands} RESP{resp}, connections: {senders}"
                );
                run(seed, resp, commands, senders, &mut met);
            }
        }
    }
    println!("known differences met: {met:?}");
    if commands >= 20_000 {
        for known in Known::all() {
            assert!(met.contains_key(known.name), "the known difference {:?} was never met", known.name);
        }
    }
}

/// The table in the documents is the table of this test.
#[test]
fn every_known_difference_stands_in_the_documents() {
    let page = include_str!("../../../../docs/redis-differences.md");
    let rows = |line: &&str| line.starts_with("| `");
    assert_eq!(page.lines().filter(rows).count(), Known::all().len(), "rows of docs/redis-differences.md");
    for known in Known::all() {
        assert!(page.contains(&format!("| `{}` |", known.name)), "{:?} is not in the documents", known.name);
    }
}
