//! DEL invalidates a key that has a source; a row is removed by name. (Every cache-aside client sends DEL after its commit, and
//! DEL used to erase the row that it had just committed.)

use std::sync::Arc;

use crate::source::{CONFIG, Scripted};
use crate::started::{Started, ask, batch};

fn world(config: &str) -> (Started, Arc<Scripted>) {
    let (node, source) = Scripted::node_with(config);
    source.commit(1, "one", 7);
    (Started::over(node), source)
}

/// Each strategy that a keyspace with a `delete` may have.
fn strategies() -> impl Iterator<Item = String> {
    let of = |write| CONFIG.replace("write = \"write-through\"", &format!("write = \"{write}\""));
    ["write-through", "write-invalidate", "cache-only"].into_iter().map(of)
}

#[test]
fn del_and_unlink_leave_the_row_and_make_what_was_read_old() {
    for config in strategies() {
        let (started, source) = world(&config);
        let mut raw = started.connect();
        for command in ["DEL", "UNLINK"] {
            assert_eq!(ask(&mut raw, "GET post:1"), "$3\r\none\r\n");
            ask(&mut raw, "CW.SET page x DEPENDS 1 post:1");
            source.commit_untold(1, "two", 7);
            assert_eq!(ask(&mut raw, &format!("{command} post:1 post:2")), ":1\r\n", "what was in memory");
            assert_eq!(ask(&mut raw, &format!("{command} post:1")), ":0\r\n");
            assert_eq!(ask(&mut raw, "EXISTS page"), ":0\r\n", "what depends on it goes with it");
            assert_eq!(source.row(1).as_deref(), Some("two"), "{command} by {config}");
            assert_eq!(ask(&mut raw, "GET post:1"), "$3\r\ntwo\r\n");
            source.commit(1, "one", 7);
        }
    }
}

#[test]
fn cw_del_removes_rows_by_name() {
    for config in strategies() {
        let (started, source) = world(&config);
        let mut raw = started.connect();
        ask(&mut raw, "SET plain x");
        ask(&mut raw, "GET post:1");
        assert_eq!(ask(&mut raw, "CW.DEL post:1 post:404 plain"), ":2\r\n", "rows and plain keys");
        assert_eq!(source.row(1), None);
        assert_eq!(ask(&mut raw, "GET post:1"), "$-1\r\n");
        assert_eq!(ask(&mut raw, "GET plain"), "$-1\r\n");
    }
    let (started, source) = world(&CONFIG.replace("delete = ", "# delete = "));
    let mut raw = started.connect();
    ask(&mut raw, "SET plain x");
    let refused = ask(&mut raw, "CW.DEL plain post:1");
    assert!(refused.contains("keyspace post:{id:int} declares no `delete`"), "{refused}");
    assert_eq!(source.row(1).as_deref(), Some("one"));
    assert_eq!(ask(&mut raw, "GET plain"), "$1\r\nx\r\n", "all or nothing");
    assert!(ask(&mut raw, "CW.DEL").starts_with("-ERR wrong number of arguments"));
}

#[test]
fn a_keyspace_may_declare_that_del_removes_the_row() {
    let (started, source) = world(&CONFIG.replace("ttl = \"10s\"", "ttl = \"10s\"\ndel = \"row\""));
    let mut raw = started.connect();
    assert_eq!(ask(&mut raw, "DEL post:1 post:2"), ":1\r\n");
    assert_eq!(source.row(1), None);
    source.commit(1, "one", 7);
    assert_eq!(ask(&mut raw, "UNLINK post:1"), ":1\r\n");
    assert_eq!(source.row(1), None);
}

/// Everything else that deletes, and that empties the cache.
#[test]
fn nothing_else_removes_a_row() {
    for config in [CONFIG.to_owned(), CONFIG.replace("ttl = \"10s\"", "ttl = \"10s\"\ndel = \"row\"")] {
        let (started, source) = world(&config);
        let mut raw = started.connect();
        let commands = [
            "EXPIRE post:1 -1",
            "PEXPIREAT post:1 1",
            "GETEX post:1 PXAT 1",
            "GETDEL post:1",
            "RENAME post:1 plain",
            "FLUSHALL",
            "FLUSHDB ASYNC",
            "CW.INVALIDATE KEYS 1 post:1",
            "CW.INVALIDATE EVERYTHING",
        ];
        for command in commands {
            assert_eq!(ask(&mut raw, "GET post:1"), "$3\r\none\r\n", "before {command}");
            ask(&mut raw, command);
            assert_eq!(source.row(1).as_deref(), Some("one"), "{command}");
        }
        assert_eq!(ask(&mut raw, "GET post:1"), "$3\r\none\r\n");
    }
}

#[test]
fn a_transaction_follows_the_same_meaning() {
    let (started, source) = world(CONFIG);
    let mut raw = started.connect();
    ask(&mut raw, "GET post:1");
    let requests = ["MULTI", "DEL post:1", "SET n 1", "GET post:1", "CW.DEL post:1", "GET post:1", "EXEC"];
    assert!(raw.send(&batch(&requests)));
    let replies: Vec<_> = (0..requests.len()).filter_map(|_| raw.reply()).collect();
    let exec = String::from_utf8_lossy(&replies[6]).into_owned();
    assert_eq!(exec, "*5\r\n:1\r\n+OK\r\n$3\r\none\r\n:1\r\n$-1\r\n");
    assert_eq!(source.row(1), None);
}
