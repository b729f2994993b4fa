//! A database that is stopped, hangs, or is not there: what is cached goes on, marked, up to the stated age.

use crate::program::{Folder, Node};
use crate::support::{Postgres, wait_for};

const TABLE: &str = "CREATE TABLE posts (id INTEGER PRIMARY KEY, content TEXT); INSERT INTO posts VALUES (1, 'old'), (2, 'two');";

/// As the README writes one: nothing is said of outages.
fn config(url: &str, more: &str) -> String {
    format!(
        r#"
[source.main]
url = "{url}"
timeout = "1s"
behind_most = "2s"

[[keyspace]]
pattern = "post:{{id:int}}"
source = "main"
load = "SELECT content FROM posts WHERE id = :id"
ttl = "1h"
{more}

[[keyspace.feed]]
table = "posts"
keys = ["post:{{id}}"]
"#
    )
}

fn postgres(more: &str) -> (Postgres, Folder, Node) {
    let database = Postgres::start();
    database.psql(TABLE);
    let folder = Folder::new(&config(&database.url(), more));
    assert!(folder.clearwell(&["feed", "init", "--run"]).success);
    let node = folder.node();
    (database, folder, node)
}

fn unverified(node: &Node) {
    wait_for("the node to notice", || {
        (node.json("/api/cache/health")["sources"][0]["verified"] == false).then_some(())
    });
}

/// Reads of a cached key and of another one while the source does not answer.
fn cached_keys_go_on(node: &Node) {
    assert_eq!(node.ask(&["GET", "post:1"]), "$3\r\nold\r\n");
    let meta = node.ask(&["CW.GET", "post:1", "META"]);
    assert!(
        meta.contains("$5\r\nstale\r\n:1\r\n") && meta.contains("$5\r\nlevel\r\n$8\r\neventual\r\n"),
        "{meta}"
    );
    assert!(!meta.contains("unverified\r\n$-1"), "{meta}");
    let entry = ureq::get(&format!("http://{}/api/cache/post:1", node.http)).call().expect("an answer");
    assert_eq!(entry.headers().get("x-clearwell-stale").map(|is| is.as_bytes()), Some(&b"true"[..]));
    assert!(entry.headers().get("x-clearwell-unverified").is_some());
    // What can be met is met; the rest is an error that says so.
    assert!(node.ask(&["CW.GET", "post:1", "LEVEL", "bounded(1h)"]).contains("old"));
    for level in ["strong", "session", "causal", "bounded(1ms)"] {
        let refused = node.ask(&["CW.GET", "post:1", "LEVEL", level]);
        assert!(refused.starts_with('-') && refused.contains("cannot be met"), "{level}: {refused}");
    }
    assert!(node.ask(&["GET", "post:2"]).starts_with('-'), "it was never read");
}

#[test]
fn a_stopped_postgresql_leaves_what_is_cached() {
    let (mut database, folder, node) = postgres("");
    assert_eq!(node.ask(&["GET", "post:1"]), "$3\r\nold\r\n");
    database.kill9();
    // At once and later: no read of a cached key fails.
    wait_for("the node to notice", || {
        assert_eq!(node.ask(&["GET", "post:1"]), "$3\r\nold\r\n");
        (node.json("/api/cache/health")["sources"][0]["verified"] == false).then_some(())
    });
    cached_keys_go_on(&node);
    let began = folder.serve_to_the_end();
    assert!(
        began.contains("source main: the source is unreachable"),
        "a start has nothing to serve: {began}"
    );
    database.start_again();
    database.psql("UPDATE posts SET content = 'new' WHERE id = 1");
    wait_for("the new row", || (node.ask(&["GET", "post:1"]) == "$3\r\nnew\r\n").then_some(()));
    wait_for("the feed", || (node.json("/api/cache/health")["status"] == "ok").then_some(()));
    assert!(node.ask(&["CW.GET", "post:1", "LEVEL", "strong", "META"]).contains("$5\r\nstale\r\n:0\r\n"));
}

#[test]
fn a_postgresql_that_hangs_holds_up_no_cached_key_for_long() {
    let (database, _folder, node) = postgres("");
    assert_eq!(node.ask(&["GET", "post:1"]), "$3\r\nold\r\n");
    database.freeze();
    unverified(&node);
    assert_eq!(node.ask(&["GET", "post:1"]), "$3\r\nold\r\n", "the first waits for the timeout");
    let began = std::time::Instant::now();
    for _ in 0..50 {
        assert_eq!(node.ask(&["GET", "post:1"]), "$3\r\nold\r\n");
    }
    assert!(began.elapsed() < std::time::Duration::from_secs(10), "{:?} for 50 reads", began.elapsed());
    cached_keys_go_on(&node);
    database.thaw();
    wait_for("the feed", || (node.json("/api/cache/health")["status"] == "ok").then_some(()));
}

#[test]
fn the_age_is_the_keyspaces_to_state() {
    for (more, serves) in
        [("outage = \"0s\"", false), ("outage = \"10m\"", true), ("unverified = \"refuse\"", false)]
    {
        let (mut database, _folder, node) = postgres(more);
        assert_eq!(node.ask(&["GET", "post:1"]), "$3\r\nold\r\n");
        database.kill9();
        unverified(&node);
        assert_eq!(node.ask(&["GET", "post:1"]).starts_with('$'), serves, "{more}");
        assert!(node.ask(&["CW.GET", "post:1", "LEVEL", "weak"]).contains("old"), "{more}");
    }
}

#[test]
fn an_sqlite_file_that_is_gone_leaves_what_is_cached() {
    let folder = Folder::new(&config("sqlite://posts.db", ""));
    folder.sqlite3("posts.db", TABLE);
    let node = folder.node();
    assert_eq!(node.ask(&["GET", "post:1"]), "$3\r\nold\r\n");
    let (file, away) = (folder.path().join("posts.db"), folder.path().join("away.db"));
    std::fs::rename(&file, &away).expect("it is ours");
    unverified(&node);
    cached_keys_go_on(&node);
    std::fs::rename(&away, &file).expect("it is ours");
    wait_for("the file", || (node.json("/api/cache/health")["status"] == "ok").then_some(()));
    folder.sqlite3("posts.db", "UPDATE posts SET content = 'new' WHERE id = 1;");
    wait_for("the new row", || (node.ask(&["GET", "post:1"]) == "$3\r\nnew\r\n").then_some(()));
}
