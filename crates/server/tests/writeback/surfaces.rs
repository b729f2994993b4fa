//! What operators see: `CW.WRITEBACK` and `clearwell writeback`, over a real PostgreSQL; and what clients are told.

use std::process::Command;

use crate::support::{Options, Server};
use crate::world::{Database, Kind, NEVER};

/// Runs `clearwell writeback`; what it printed.
fn writeback(server: &Server, words: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clearwell"));
    let output = command.arg("writeback").args(words).args(["--addr", &server.resp.to_string()]).output();
    let output = output.expect("it runs");
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
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
    assert_eq!(json(&writeback(&server, &["flush", "--json"])), serde_json::json!({"flushed": "OK"}));
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
    writeback(&server, &["flush"]);
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
