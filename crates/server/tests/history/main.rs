//! Histories of many clients over a real PostgreSQL, drawn from a seed and judged by a checker; and faults planted to show
//! that the checker finds them.
//!
//! `CLEARWELL_ROUNDS` interleavings are played (100000 for the full count) from `CLEARWELL_SEED`; with `CLEARWELL_SCRIPT`
//! the one of that number alone, so many times. What is promised, and what was found, is in `docs/testing-history.md`.

mod chain;
mod checker;
mod checker_tests;
mod claims;
mod clients;
mod database;
mod history;
mod planted;
#[path = "../support/mod.rs"]
mod support;
mod workload;
mod world;

use std::time::Duration;

use database::Trouble;
use parking_lot::Mutex;
use planted::Fault;
use support::Postgres;
use world::{Broken, Plan, Played, World};

/// Interleavings when nothing else is asked for.
const ROUNDS: u32 = 4_000;
/// The same over three nodes.
const ROUNDS_OF_CLUSTER: u32 = 2_000;
/// Interleavings within which every planted fault must be found.
const FOUND_WITHIN: u32 = 4_000;

/// A feed is cut, and loses its place, more often than a server crashes.
const TROUBLES: [Trouble; 10] = [
    Trouble::Restart,
    Trouble::SlotDropped,
    Trouble::SlotDropped,
    Trouble::SlotDropped,
    Trouble::FeedCut,
    Trouble::FeedCut,
    Trouble::FeedCut,
    Trouble::FeedCut,
    Trouble::ConnectionsCut,
    Trouble::ConnectionsCut,
];

/// Tests that keep the machine busy go one after the other.
static ALONE: Mutex<()> = Mutex::new(());

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text}")))
}

fn seed() -> u64 {
    let seed = number("CLEARWELL_SEED").unwrap_or_else(|| fastrand::u64(..1 << 32));
    println!("CLEARWELL_SEED={seed}");
    seed
}

/// Groups of transactions are durable at once here, so that the disk of the machine does not set the pace. A crash of the
/// server loses nothing by it: what it has written, the system has.
fn server() -> Postgres {
    Postgres::start_with(&[
        "wal_level=logical",
        "fsync=off",
        "deadlock_timeout=20ms",
        "max_replication_slots=20",
        "max_wal_senders=20",
    ])
}

#[test]
fn every_promise_holds_in_random_interleavings() {
    let _alone = ALONE.lock();
    let rounds = number("CLEARWELL_ROUNDS").map_or(ROUNDS, |rounds| rounds as u32);
    let mut server = server();
    let world = World::start(&server, "history", Fault::None);
    play(&world, &mut server, rounds);
    world.stop();
}

/// Plays so many interleavings with all troubles; no promise may be broken.
fn play(world: &World, server: &mut Postgres, rounds: u32) {
    let only = number("CLEARWELL_SCRIPT").map(|script| script as u32);
    let calm = Duration::from_secs(6);
    let plan = Plan { seed: seed(), rounds, only, troubles: &TROUBLES, calm, progress: true };
    let played = world.play(server, plan);
    let Played { interleavings, operations, troubles, took, .. } = &played;
    println!("{interleavings} interleavings, {operations} operations, {troubles} troubles, {took:?}");
    if let Some(Broken { violation, history, told }) = played.broken {
        panic!(
            "broken: {}\nby: {}\n{}\n\n{history}{told}\nagain: CLEARWELL_SEED={} CLEARWELL_SCRIPT={} CLEARWELL_ROUNDS=2000",
            violation.rule, violation.op, violation.why, plan.seed, history.run
        );
    }
    assert_eq!(played.interleavings, rounds);
}

#[test]
fn every_promise_holds_over_three_nodes() {
    let _alone = ALONE.lock();
    let rounds = number("CLEARWELL_ROUNDS").map_or(ROUNDS_OF_CLUSTER, |rounds| rounds as u32);
    let mut server = server();
    let world = World::start_cluster(&server, "cluster", Fault::None);
    play(&world, &mut server, rounds);
    world.stop();
}

#[test]
fn planted_faults_are_found() {
    find(&Fault::ALL, World::start);
}

#[test]
fn planted_faults_of_a_cluster_are_found() {
    find(&Fault::OF_CLUSTERS, World::start_cluster);
}

fn find(faults: &[Fault], start: impl Fn(&Postgres, &str, Fault) -> World) {
    let _alone = ALONE.lock();
    let seed = seed();
    let mut server = server();
    let mut missed = Vec::new();
    for &fault in faults {
        let name = format!("fault_{fault:?}").to_lowercase().replace(['(', ')'], "_");
        let troubles: &[Trouble] = if fault == Fault::GapSwallowed { &[Trouble::SlotDropped] } else { &[] };
        let calm = Duration::from_secs(1);
        let plan = Plan { seed, rounds: FOUND_WITHIN, only: None, troubles, calm, progress: false };
        let world = start(&server, &name, fault);
        let played = world.play(&mut server, plan);
        world.stop();
        match played.broken {
            Some(Broken { violation, .. }) => {
                println!("{fault:?}: found after {} interleavings: {}", played.interleavings, violation.rule);
            }
            None => missed.push(fault),
        }
    }
    assert!(missed.is_empty(), "not found within {FOUND_WITHIN} interleavings: {missed:?}");
}
