//! What operators see: `CW.WRITEBACK` and `clearwell writeback`, over a real PostgreSQL; and what clients are told.

use std::process::Command;

use crate::support::{Options, Server};
use crate::world::{Database, Kind, NEVER};

/// Runs `clearwell writeback`; what it printed.
fn writeback(server: &Server, words: &[&str]) -> String {
    let (done, printed, wrong) = try_writeback(server, words);
    assert!(done, "{words:?}: {wrong}");
    printed
}

/// The same: whether it succeeded, what it printed, and what it complained about.
fn try_writeback(server: &Server, words: &[&str]) -> (bool, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clearwell"));
    let output = command.arg("writeback").args(words).args(["--addr", &server.resp.to_string()]).output();
    let output = output.expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.success(), text(output.stdout), text(output.stderr))
}

fn json(line: &str) -> serde_json::Value {
    serde_json::from_str(line).expect("each line is JSON")
}

#[test]
fn refused_writes_are_listed_retried_and_dropped() {
    let database = Database::new(Kind::Postgres);
    let server = Server::clearwell(Options { config: Some(database.config(NEVER)), ..Options::default() });
    let mut client = server.connect();
    for (id, value) in [(1, "good"), (2, "bad"), (3, "bad\"too"), (4, "bad")] {
        assert_eq!(client.call(&["SET", &format!("post:{id}"), value]), b"+OK\r\n");
    }
    assert_eq!(client.call(&["MSET", "post:5", "five", "post:6", "six"]), b"+OK\r\n");
    assert_eq!(client.call(&["GET", "post:2"]), b"$3\r\nbad\r\n");
    assert_eq!(json(&writeback(&server, &["status", "--json"]))["dirty"], 6);
    let (done, printed, wrong) = try_writeback(&server, &["flush", "--json"]);
    assert_eq!(json(&printed), serde_json::json!({"flushed": 3, "refused": 3, "parked": 3}));
    assert!(!done && wrong.contains("3 writes are parked") && wrong.contains("writeback list"), "{wrong}");
    // Refused by an earlier flush: the source still does not have them.
    let again: &[u8] = b"*6\r\n$7\r\nflushed\r\n:0\r\n$7\r\nrefused\r\n:0\r\n$6\r\nparked\r\n:3\r\n";
    assert_eq!(client.call(&["CW.WRITEBACK", "FLUSH"]), again);
    assert_eq!(client.call(&["GET", "post:2"]), b"$-1\r\n");
    assert_eq!([1, 5, 6].map(|id| database.row(id).expect("a row")), ["good", "five", "six"]);

    let listed: Vec<_> = writeback(&server, &["list", "--json"]).lines().map(json).collect();
    let keys: Vec<_> = listed.iter().map(|row| row["key"].as_str().expect("a key")).collect();
    assert_eq!(keys, ["post:2", "post:3", "post:4"]);
    assert_eq!((&listed[1]["value"], &listed[1]["write"]), (&"bad\"too".into(), &"set".into()));
    assert!(listed[0]["message"].as_str().is_some_and(|why| why.contains("is_good")), "{listed:?}");
    let first = writeback(&server, &["list", "--count", "1"]);
    assert!(first.contains("key \"post:2\", ") && first.contains("value \"bad\", write \"set\""), "{first}");
    assert_eq!(first.lines().count(), 1, "{first}");
    assert_eq!(writeback(&server, &["drop", "post:3", "post:77"]), "dropped 1\n");
    database.sql("ALTER TABLE posts DROP CONSTRAINT is_good");
    assert_eq!(writeback(&server, &["retry", "post:2"]), "retried 1\n");
    assert_eq!(json(&writeback(&server, &["retry", "--all", "--json"])), serde_json::json!({"retried": 1}));
    assert_eq!(writeback(&server, &["flush"]), "flushed 2, parked 0, refused 0\n");
    assert_eq!([2, 3, 4].map(|id| database.row(id)), [Some("bad".into()), None, Some("bad".into())]);
    assert_eq!(writeback(&server, &["list"]), "");
    let status = json(&writeback(&server, &["status", "--json"]));
    assert_eq!((&status["parked"], &status["refused"], &status["dirty"]), (&0.into(), &3.into(), &0.into()));

    // What looks at the value in memory first is for values whose truth is memory.
    for words in [
        &["INCR", "post:1"][..],
        &["APPEND", "post:1", "x"],
        &["SETNX", "post:1", "x"],
        &["GETDEL", "post:1"],
    ] {
        let reply = client.call(words);
        assert!(
            reply.starts_with(b"-ERR") && reply.windows(6).any(|w| w == b"source"),
            "{}",
            reply.escape_ascii()
        );
    }
    // In a transaction as outside of one; the last of two writes of a key counts.
    assert_eq!(client.call(&["MULTI"]), b"+OK\r\n");
    for value in ["a", "b"] {
        assert_eq!(client.call(&["SET", "post:1", value]), b"+QUEUED\r\n");
    }
    assert_eq!(client.call(&["GET", "post:1"]), b"+QUEUED\r\n");
    assert_eq!(client.call(&["EXEC"]), b"*3\r\n+OK\r\n+OK\r\n$1\r\nb\r\n");
    assert_eq!(client.call(&["MSET", "post:1", "c", "post:1", "d"]), b"+OK\r\n");
    assert_eq!(client.call(&["GET", "post:1"]), b"$1\r\nd\r\n");
    assert_eq!(client.call(&["CW.SET", "post:1", "through", "WRITE", "write-through"]), b"+OK\r\n");
    assert_eq!(
        (database.row(1).as_deref(), client.call(&["GET", "post:1"])),
        (Some("through"), b"$7\r\nthrough\r\n".to_vec())
    );
    let url = format!("{}/api/cache/post:1", server.url());
    let put = ureq::put(&url).send_json(serde_json::json!({"value": "rest", "write": "write-back"}));
    assert!(put.is_ok(), "{put:?}");
    assert_eq!(
        (database.row(1).as_deref(), client.call(&["GET", "post:1"])),
        (Some("through"), b"$4\r\nrest\r\n".to_vec())
    );
    writeback(&server, &["flush"]);
    assert_eq!(database.row(1).as_deref(), Some("rest"));
}

/// A folder holds one node's journal, parked writes and files of SQLite: a second node over it would write to them too.
#[test]
fn a_second_node_on_a_data_folder_does_not_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let serve = |config: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_clearwell"));
        command.args(["serve", "--resp", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data", "data"]);
        if let Some(config) = config {
            std::fs::write(folder.path().join("other.toml"), config).expect("the folder is ours");
            command.args(["--config", "other.toml"]);
        }
        command.current_dir(folder.path());
        command
    };
    let mut first = crate::support::Process::start(&mut serve(None));
    crate::support::wait_for("the first node", || {
        first.find_line(|line| line.starts_with("http").then_some(()))
    });
    // The sample, a configuration without a source, and one whose source lies elsewhere: the folder is one node's.
    let elsewhere = "[source.main]\nurl = \"sqlite:///tmp/never-made.db\"";
    for config in [None, Some("max_memory = '8MB'"), Some(elsewhere)] {
        let output = serve(config).output().expect("it runs");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{config:?} started: {told}");
        let process = format!("another node (process {}) uses the data folder data", first.id());
        assert!(told.contains(&process) && told.contains("--data"), "{config:?}: {told}");
    }
    first.kill9();
    let mut again = crate::support::Process::start(&mut serve(None));
    crate::support::wait_for("the next node", || {
        assert!(again.ended().is_none(), "{}", again.output());
        again.find_line(|line| line.starts_with("http").then_some(()))
    });
}
