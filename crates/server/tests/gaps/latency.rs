//! How long commits take to their effect here, stage by stage: of whole nodes, over both databases.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::sqlite::sqlite3;
use crate::support::{Options, Server, wait_for};
use crate::surfaces::{get, json};
use crate::world::{PATIENT, World, config};

/// Longer than a commit takes on a busy machine when nothing holds it up, and no more than that.
const HELD_UP: Duration = Duration::from_millis(1_500);
const STAGES: [&str; 3] = ["commitToReceived", "receivedToApplied", "commitToApplied"];

fn figures(node: SocketAddr) -> (Value, Value) {
    let metrics = json(node, "/api/cache/metrics");
    (metrics["sources"]["main"].clone(), metrics["keyspaces"]["item:{id:int}"].clone())
}

fn number(figures: &Value, name: &str) -> f64 {
    figures[name].as_f64().unwrap_or_else(|| panic!("no {name} in {figures}"))
}

/// Waits until so many commits were applied.
fn applied(node: SocketAddr, commits: u64) -> (Value, Value) {
    wait_for(&format!("{commits} commits"), || {
        Some(figures(node)).filter(|(source, _)| source["commits"].as_u64() == Some(commits))
    })
}

/// One commit after the other, then one that the node cannot take in at once.
fn check(node: SocketAddr, process: u32, before: u64, commit: &dyn Fn(u64)) {
    for n in 1..=5 {
        commit(n);
        applied(node, before + n);
    }
    let (source, keyspace) = applied(node, before + 5);
    assert_eq!(
        (&source["recentCommits"], &keyspace["commits"]),
        (&(before + 5).into(), &(before + 5).into())
    );
    for stage in STAGES {
        let [p50, p99, max] =
            ["P50", "P99", "Max"].map(|which| number(&source, &format!("{stage}{which}Ms")));
        assert!(p50 <= p99 && p99 <= max && max < 60_000.0, "{stage} in {source}");
    }
    assert!(
        number(&source, "receivedToAppliedMaxMs") > 0.0 && number(&source, "commitToAppliedMaxMs") > 0.0,
        "{source}"
    );
    assert_eq!(keyspace["commitToAppliedMaxMs"], source["commitToAppliedMaxMs"]);

    // While the node stands still, what was committed cannot come.
    signal(process, "STOP");
    let began = Instant::now();
    commit(6);
    wait_for("time to pass", || (began.elapsed() > HELD_UP).then_some(()));
    signal(process, "CONT");
    let (source, keyspace) = applied(node, before + 6);
    let held_up = HELD_UP.as_millis() as f64;
    let max = |stage: &str| number(&source, &format!("{stage}MaxMs"));
    // The commit itself takes a while, of which its clock may see nothing.
    assert!(max("commitToReceived") >= held_up / 2.0, "{source}");
    assert!(max("receivedToApplied") < max("commitToReceived"), "{source}");
    assert!(max("commitToApplied") >= max("commitToReceived"), "{source}");
    assert!(max("commitToApplied") <= max("commitToReceived") + max("receivedToApplied") + 0.001, "{source}");
    assert_eq!(keyspace["commitToAppliedMaxMs"], source["commitToAppliedMaxMs"]);
    assert_eq!(source["clockAhead"], 0, "both are on this machine");
    check_histograms(node, before + 6, &source);
}

/// Prometheus is told each stage; what they sum up to is what the whole took.
fn check_histograms(node: SocketAddr, commits: u64, source: &Value) {
    let (_, text) = get(node, "/metrics");
    let sample = |name: &str, labels: &str| -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name}{{{labels}}} ")));
        line.and_then(|it| it.parse().ok()).unwrap_or_else(|| panic!("no {name}{{{labels}}} in {text}"))
    };
    let stage = |what: &str, stage: &str| {
        sample(
            &format!("clearwell_invalidation_seconds_{what}"),
            &format!("source=\"main\",stage=\"{stage}\""),
        )
    };
    let names = ["commit_to_received", "received_to_applied", "commit_to_applied"];
    assert_eq!(names.map(|name| stage("count", name)), [commits as f64; 3], "{source}");
    let [first, second, whole] = names.map(|name| stage("sum", name));
    assert!((first + second - whole).abs() < 1e-6, "{first} + {second} = {whole}");
    let keyspace = "keyspace=\"item:{id:int}\"";
    let of_keyspace = ["count", "sum"]
        .map(|what| sample(&format!("clearwell_keyspace_commit_to_applied_seconds_{what}"), keyspace));
    assert_eq!(of_keyspace, [commits as f64, whole]);
}

fn signal(process: u32, signal: &str) {
    let sent = Command::new("kill").arg(format!("-{signal}")).arg(process.to_string()).status();
    assert!(sent.expect("kill is there").success());
}

#[test]
fn a_commit_in_postgresql_is_told_stage_by_stage() {
    let world = World::new("bypass");
    world.until(true);
    let commit = |n: u64| {
        world.database.psql(&format!("UPDATE items SET version = version + 1 WHERE id = {n}"));
    };
    check(world.http(), world.node.process.id(), 0, &commit);
    // All rows at once are a commit too, and what changes nothing that is followed is none.
    world.database.psql("CREATE TABLE other (x int); INSERT INTO other VALUES (1)");
    world.database.psql("TRUNCATE items");
    let (_, keyspace) = applied(world.http(), 7);
    assert_eq!(keyspace["commits"], 7);
}

fn sqlite(seed: &str) -> (Server, std::path::PathBuf) {
    let source = format!("url = \"sqlite://items.db\"\nseed = \"{seed}\"");
    let config = config(&source, "bypass", PATIENT);
    let node = Server::clearwell(Options { config: Some(config), ..Options::default() });
    let file = node.data().join("items.db");
    (node, file)
}

const ITEMS: &str = "CREATE TABLE items (id INTEGER PRIMARY KEY, version INTEGER NOT NULL); \
                     INSERT INTO items VALUES (1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (6, 1)";

fn bump(file: &Path, n: u64) {
    sqlite3(file, &format!("UPDATE items SET version = version + 1 WHERE id = {n}"));
}

#[test]
fn a_commit_in_sqlite_is_told_stage_by_stage() {
    let (node, file) = sqlite(ITEMS);
    check(node.http.expect("a node has one"), node.process.id(), 0, &|n| bump(&file, n));
}

/// A transaction that is open for long is late when its commit is: not since its first row.
#[test]
fn a_long_transaction_of_sqlite_counts_from_its_commit() {
    let (node, file) = sqlite(ITEMS);
    let http = node.http.expect("a node has one");
    let slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000000) SELECT max(i) FROM n";
    let began = Instant::now();
    sqlite3(&file, &format!("BEGIN; UPDATE items SET version = 2 WHERE id = 1; {slow}; {slow}; COMMIT"));
    let took_ms = began.elapsed().as_secs_f64() * 1e3;
    let (source, _) = applied(http, 1);
    assert!(number(&source, "commitToReceivedMaxMs") < took_ms / 2.0, "{source} in {took_ms} ms");
}

/// A log from before rows had times keeps its rows and its ids, and has times from then on.
#[test]
fn an_old_log_of_sqlite_is_given_times_without_loss() {
    let old = "CREATE TABLE clearwell_changes (id INTEGER PRIMARY KEY AUTOINCREMENT, tbl TEXT, op TEXT NOT NULL, columns TEXT, o0, n0); \
               CREATE TABLE clearwell_feeds (tbl TEXT PRIMARY KEY, columns TEXT NOT NULL); \
               INSERT INTO clearwell_changes (tbl, op, columns, o0, n0) VALUES ('items', 'U', '[]', 1, x'00ff'), ('items', 'D', '[]', 'a', NULL), ('items', 'I', '[]', NULL, 1.5); \
               DELETE FROM clearwell_changes WHERE id = 3";
    let (node, file) = sqlite(&format!("{ITEMS}; {old}"));
    let rows = "SELECT id, op, quote(o0), quote(n0), at IS NULL FROM clearwell_changes ORDER BY id";
    assert_eq!(sqlite3(&file, rows), "1|U|1|X'00FF'|1\n2|D|'a'|NULL|1");
    let http = node.http.expect("a node has one");
    bump(&file, 1);
    let (source, _) = applied(http, 1);
    assert_eq!(source["clockAhead"], 0);
    let told = sqlite3(&file, "SELECT id, at > 2460000 FROM clearwell_changes WHERE id > 2");
    assert_eq!(told, "4|1", "the ids go on where they were");
    assert_eq!(
        sqlite3(&file, "SELECT count(*) FROM sqlite_schema WHERE name GLOB 'clearwell_changes_*'"),
        "0"
    );
}
