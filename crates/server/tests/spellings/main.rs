//! Rows that are reached under several spellings: tables, keyspaces, spellings, changes and writes drawn from a seed, and a look at
//! what is true after each step; and faults planted to show that they are found.
//!
//! `CLEARWELL_ROUNDS` rounds are played on each database (20000 for the full count) from `CLEARWELL_SEED`.

mod database;
mod kinds;
mod planted;
mod play;
mod stories;
#[path = "../support/mod.rs"]
mod support;
mod tables;
mod world;

use std::sync::atomic::{AtomicU64, Ordering};

use fastrand::Rng;
use planted::Fault;
use play::{Counts, Round};
use support::Postgres;
use world::World;

/// Rounds when nothing else is asked for.
const ROUNDS: u64 = 300;
/// Rounds over the same tables.
const ROUNDS_A_WORLD: u64 = 300;
/// Rounds within which a planted fault must be found.
const FOUND_WITHIN: u64 = 3_000;

/// Worlds that were drawn: each has a database of its own.
static WORLDS: AtomicU64 = AtomicU64::new(0);

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text}")))
}

fn seed() -> u64 {
    let seed = number("CLEARWELL_SEED").unwrap_or_else(|| fastrand::u64(..1 << 32));
    println!("CLEARWELL_SEED={seed}");
    seed
}

/// A server whose disk does not set the pace.
fn server() -> Postgres {
    Postgres::start_with(&["wal_level=logical", "fsync=off"])
}

/// Plays rounds until one finds something.
fn play(server: Option<&Postgres>, fault: Fault, seed: u64, rounds: u64) -> Result<Counts, String> {
    let mut rng = Rng::with_seed(seed);
    let mut sum = Counts::default();
    let mut played = 0;
    while played < rounds {
        let name = format!("w{}", WORLDS.fetch_add(1, Ordering::Relaxed));
        let world = World::draw(server.map(|server| (server, &*name)), fault, &mut rng);
        for _ in 0..ROUNDS_A_WORLD.min(rounds - played) {
            played += 1;
            let counts = Round::new(&world, rng.u64(..)).play();
            let counts = counts.map_err(|wrong| format!("round {played}: {wrong}"))?;
            sum += counts;
        }
        drop(world);
        if let Some(server) = server {
            server.drop_database(&name);
        }
        if rounds > 1_000 && played % 1_500 == 0 {
            println!("{played} rounds: {sum:?}");
        }
    }
    Ok(sum)
}

fn fresh(server: Option<&Postgres>) {
    let rounds = number("CLEARWELL_ROUNDS").unwrap_or(ROUNDS);
    let counts = play(server, Fault::None, seed(), rounds).unwrap_or_else(|wrong| panic!("{wrong}"));
    println!("{rounds} rounds, nothing stale: {counts:?}");
    assert!(counts.hits * 5 > counts.reads, "what is never kept cannot be stale: {counts:?}");
}

#[test]
fn no_spelling_is_stale_over_postgres() {
    fresh(Some(&server()));
}

#[test]
fn no_spelling_is_stale_over_sqlite() {
    fresh(None);
}

fn found(server: Option<&Postgres>, faults: &[Fault]) {
    let seed = seed();
    for fault in faults {
        let found = play(server, *fault, seed, FOUND_WITHIN);
        let wrong = found.expect_err(&format!("{fault:?} is found"));
        println!("{fault:?}: {}", wrong.lines().next().unwrap_or_default());
    }
}

#[test]
fn planted_faults_are_found_over_postgres() {
    found(
        Some(&server()),
        &[
            Fault::CaptureTrusted,
            Fault::AliasForgotten,
            Fault::NegativesKept,
            Fault::UniqueClaimed,
            Fault::CollationIgnored,
            Fault::PaddingCut,
        ],
    );
}

#[test]
fn planted_faults_are_found_over_sqlite() {
    let faults = [
        Fault::CaptureTrusted,
        Fault::AliasForgotten,
        Fault::NegativesKept,
        Fault::UniqueClaimed,
        Fault::CollationIgnored,
        Fault::PaddingCut,
    ];
    found(None, &faults);
}
