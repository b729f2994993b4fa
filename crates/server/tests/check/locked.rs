//! An SQLite file that another program has locked: what is cached goes on, what is not says why, and all heals.

use rusqlite::{Connection, TransactionBehavior};

use crate::program::{Folder, Node};
use crate::support::wait_for;

fn config(url: &str, more: &str) -> String {
    format!(
        r#"
[source.main]
url = "{url}"
timeout = "300ms"
behind_most = "1s"

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

const TABLE: &str = "CREATE TABLE posts (id INTEGER PRIMARY KEY, content TEXT); INSERT INTO posts VALUES (1, 'old'), (2, 'two');";
const STORE: &str = "store = \"INSERT INTO posts (id, content) VALUES (:id, :value) ON CONFLICT (id) DO UPDATE SET content = excluded.content\"";

fn status(node: &Node) -> String {
    node.json("/api/cache/health")["status"].as_str().expect("a status").to_owned()
}

fn is_shown(node: &Node, value: &str) {
    let reply = format!("${}\r\n{value}\r\n", value.len());
    wait_for("the row", || (node.ask(&["GET", "post:1"]) == reply).then_some(()));
    wait_for("the feed", || (status(node) == "ok").then_some(()));
    let strong = node.ask(&["CW.GET", "post:1", "LEVEL", "strong", "META"]);
    assert!(strong.contains(value) && strong.contains("$5\r\nstale\r\n:0\r\n"), "{strong}");
}

/// In WAL mode, which the node sets, a lock keeps out who writes and nobody who reads.
#[test]
fn a_file_locked_for_writing_is_read_and_followed() {
    let folder = Folder::new(&config("sqlite://posts.db", STORE));
    folder.sqlite3("posts.db", TABLE);
    let node = folder.node();
    assert_eq!(node.ask(&["GET", "post:1"]), "$3\r\nold\r\n");
    let mut other = Connection::open(folder.path().join("posts.db")).expect("it opens");
    let lock = other.transaction_with_behavior(TransactionBehavior::Exclusive).expect("it is locked");
    lock.execute("UPDATE posts SET content = 'new' WHERE id = 1", []).expect("it is changed");
    // What is written must wait, and says for what; a read at any level does not.
    let refused = node.ask(&["SET", "post:1", "mine"]);
    assert!(refused.starts_with('-') && refused.contains("another process holds its lock"), "{refused}");
    for level in ["strong", "session", "causal", "bounded(1s)", "eventual", "weak"] {
        for (key, value) in [("post:1", "old"), ("post:2", "two")] {
            let reply = node.ask(&["CW.GET", key, "LEVEL", level, "META"]);
            assert!(
                reply.contains(value) && reply.contains("$5\r\nstale\r\n:0\r\n"),
                "{key} {level}: {reply}"
            );
        }
    }
    assert_eq!(status(&node), "ok");
    lock.commit().expect("it is committed");
    is_shown(&node, "new");
    assert_eq!(node.ask(&["SET", "post:1", "mine"]), "+OK\r\n");
    is_shown(&node, "mine");
}

/// With a rollback journal, which a node that only reads finds and leaves, a lock keeps out everybody.
#[test]
fn a_file_locked_for_all_leaves_what_is_cached() {
    let folder = Folder::new(&config("sqlite://posts.db?mode=ro", ""));
    folder.sqlite3("posts.db", TABLE);
    folder.sqlite3("posts.db", &folder.clearwell(&["feed", "init"]).printed);
    let node = folder.node();
    assert_eq!(node.ask(&["GET", "post:1"]), "$3\r\nold\r\n");
    let mut other = Connection::open(folder.path().join("posts.db")).expect("it opens");
    let mode: String = other.query_row("PRAGMA journal_mode", [], |row| row.get(0)).expect("a mode");
    assert_eq!(mode, "delete");
    other.busy_timeout(crate::support::DEADLINE).expect("it is set");
    let lock = other.transaction_with_behavior(TransactionBehavior::Exclusive).expect("it is locked");
    lock.execute("UPDATE posts SET content = 'new' WHERE id = 1", []).expect("it is changed");
    // No read of a cached key fails, neither before the node notices nor after it.
    wait_for("the node to notice", || {
        assert_eq!(node.ask(&["GET", "post:1"]), "$3\r\nold\r\n");
        (status(&node) != "ok").then_some(())
    });
    assert_eq!(node.ask(&["GET", "post:1"]), "$3\r\nold\r\n");
    let meta = node.ask(&["CW.GET", "post:1", "META"]);
    assert!(meta.contains("$5\r\nstale\r\n:1\r\n") && !meta.contains("unverified\r\n$-1"), "{meta}");
    assert!(node.ask(&["CW.GET", "post:1", "LEVEL", "bounded(1h)"]).contains("old"));
    for level in ["strong", "session", "causal", "bounded(1ms)"] {
        let refused = node.ask(&["CW.GET", "post:1", "LEVEL", level]);
        assert!(refused.starts_with('-') && refused.contains("cannot be met"), "{level}: {refused}");
    }
    let refused = node.ask(&["GET", "post:2"]);
    assert!(
        refused.starts_with('-') && refused.contains("another process holds its lock"),
        "it says what is wrong: {refused}"
    );
    lock.commit().expect("it is committed");
    is_shown(&node, "new");
    assert_eq!(node.ask(&["GET", "post:2"]), "$3\r\ntwo\r\n");
}

/// A start says what is wrong, and that it is the lock of another program.
#[test]
fn a_node_does_not_start_over_a_locked_file() {
    let folder = Folder::new(&config("sqlite://posts.db", STORE));
    let file = format!("sqlite://{}", folder.path().join("posts.db").display());
    folder.write(&config(&file, STORE));
    folder.sqlite3("posts.db", TABLE);
    let mut other = Connection::open(folder.path().join("posts.db")).expect("it opens");
    let lock = other.transaction_with_behavior(TransactionBehavior::Exclusive).expect("it is locked");
    let told = folder.serve_to_the_end();
    assert!(told.contains("source main") && told.contains("locked") && told.contains("posts.db"), "{told}");
    drop(lock);
    let node = folder.node();
    is_shown(&node, "old");
}
