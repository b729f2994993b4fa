//! The late-fill race through a real redis-py connection pool: a value that was read from the database
//! before an invalidation, and SET after it, must never be served.
//!
//! The same harness finds stale values on a redis-server, which shows that it can.

mod support;

use serde_json::Value;
use support::{Kind, Server, output_of, python};

/// Runs the script with `arguments` and returns the figures on its last line.
fn figures(server: &Server, arguments: &[&str]) -> Value {
    let output = output_of(python("late_fill.py", server).args(arguments), server);
    let last = output.lines().last().expect("the script prints figures");
    serde_json::from_str(last).unwrap_or_else(|error| panic!("no figures in {last:?}: {error}"))
}

fn race(server: &Server, rounds: u32, seed: u32, more: &[&str]) -> Value {
    let (rounds, seed) = (rounds.to_string(), seed.to_string());
    figures(server, &[&["race", "--rounds", &rounds, "--seed", &seed], more].concat())
}

/// No stale value, and yet the cache was a cache: fills were kept and read.
fn assert_fresh(figures: &Value) {
    assert_eq!(figures["stale"], 0, "{figures}");
    let count = |name: &str| figures[name].as_u64().expect("a count");
    assert!(count("invalidations") > count("rounds") / 2, "too few invalidations to race with: {figures}");
    let (reads, hits) = (count("reads_without_leaks"), count("hits_without_leaks"));
    assert!(hits > reads / 2, "freshness was bought with misses: {figures}");
}

#[test]
fn redis_server_serves_late_fills() {
    let server = Server::start(Kind::Redis);
    for mode in ["turns", "free", "shared"] {
        // Whether fills come late without turns is up to the machine: one run may see none.
        let is_stale = |seed: u32| race(&server, 3_000, seed, &["--mode", mode])["stale"].as_u64() > Some(0);
        assert!((1..=20).any(is_stale), "the harness cannot fail, mode {mode}");
    }
}

/// The promise: 100,000 rounds, no stale value. Two halves side by side, each with its own node.
#[test]
fn pooled_client_100_000_rounds() {
    std::thread::scope(|scope| {
        for seed in [1, 2] {
            scope.spawn(move || {
                let server = Server::start(Kind::Clearwell);
                let figures = race(&server, 50_000, seed, &[]);
                assert_fresh(&figures);
                // Most fills came on another connection than their miss did.
                let count = |name: &str| figures[name].as_u64().expect("a count");
                assert!(count("other_connection") > count("fills") / 4, "{figures}");
            });
        }
    });
}

#[test]
fn pooled_client_without_turns() {
    let server = Server::start(Kind::Clearwell);
    assert_fresh(&race(&server, 10_000, 3, &["--mode", "free"]));
}

#[test]
fn one_connection_shared_by_many_tasks() {
    let server = Server::start(Kind::Clearwell);
    assert_fresh(&race(&server, 10_000, 4, &["--mode", "shared"]));
}

#[test]
fn invalidation_by_own_command() {
    let server = Server::start(Kind::Clearwell);
    assert_fresh(&race(&server, 10_000, 5, &["--invalidate", "cw"]));
}

#[test]
fn misses_of_mget() {
    let server = Server::start(Kind::Clearwell);
    assert_fresh(&race(&server, 10_000, 6, &["--read", "mget"]));
}

/// Protection is not bought with misses: a pool's hit ratio on hot keys stays near a single connection's.
#[test]
fn hot_keys_keep_their_hits() {
    let server = Server::start(Kind::Clearwell);
    for pace in ["0", "400"] {
        let ratios = figures(&server, &["hits", "--seconds", "10", "--pace", pace]);
        let ratio = |name: &str| ratios[name].as_f64().expect("a ratio");
        assert!(ratio("single") > 0.5, "the work itself hardly hits: {ratios}");
        assert!(ratio("pooled") >= 0.9 * ratio("single"), "at {pace} reads a second: {ratios}");
    }
}
