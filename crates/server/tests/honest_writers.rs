//! Clients that write keys without a source, through real redis-py pools of 1 to 16 connections, while others poll them and
//! keys are deleted in between: what was acknowledged is there. (199 SETs in a row were acknowledged and dropped.)
//!
//! `late_fill.rs` has the other side: what must be dropped is. A redis-server shows that the harness itself drops nothing, and a
//! node that doubts every SET whose key others have missed would show that it counts.

mod support;

use serde_json::Value;
use support::{Kind, Server, output_of, python};

/// One write in so many may be dropped, once its key is known.
const WRITES_A_DROP: u64 = 1_000;
/// Of the first 60 writes of each of six keys so many may be dropped together, until it shows that the keys are written.
const FIRST_DROPPED_MOST: u64 = 60;
const MISSING_MOST_MS: f64 = 100.0;

fn figures(server: &Server, pool: u32, more: &[&str]) -> Value {
    let pool = pool.to_string();
    let arguments = [&["--seconds", "16", "--seed", "1", "--pool", &pool], more].concat();
    let output = output_of(python("honest_writers.py", server).args(&arguments), server);
    let last = output.lines().last().expect("the script prints figures");
    println!("pool {pool} {more:?}: {last}");
    serde_json::from_str(last).unwrap_or_else(|error| panic!("no figures in {last:?}: {error}"))
}

fn assert_kept(figures: &Value) {
    let count = |name: &str| figures[name].as_u64().expect("a count");
    assert!(count("deletes") > count("writes") / 10, "too few deletes between: {figures}");
    assert!(count("first_dropped") <= FIRST_DROPPED_MOST, "first writes vanish: {figures}");
    assert!(count("poll_misses") > 20, "too few misses to doubt for: {figures}");
    assert!(count("dropped") * WRITES_A_DROP <= count("writes"), "writes vanish: {figures}");
    let missing = figures["longest_missing_ms"].as_f64().expect("a time");
    assert!(missing <= MISSING_MOST_MS, "a value was missing: {figures}");
}

fn pools(more: &[&str]) {
    for pool in [1, 2, 4, 16] {
        let server = Server::start(Kind::Clearwell);
        assert_kept(&figures(&server, pool, more));
    }
}

#[test]
fn redis_server_drops_nothing() {
    let server = Server::start(Kind::Redis);
    let figures = figures(&server, 4, &[]);
    assert_eq!(figures["dropped"], 0, "{figures}");
}

#[test]
fn writers_and_readers_of_one_pool() {
    pools(&[]);
}

#[test]
fn readers_with_a_pool_of_their_own() {
    pools(&["--split"]);
}

#[test]
fn another_thread_deletes_as_well() {
    pools(&["--deleter"]);
}
