//! Keys with a source: replies that have to be waited for, in their order.

use clearwell_source::SourceError;

use crate::source::{CONFIG, Scripted};
use crate::started::{Started, ask, batch};

#[test]
fn a_pipeline_waits_for_loads_and_keeps_its_order() {
    let (node, source) = Scripted::node();
    source.commit(1, "one", 1);
    source.commit(2, "two", 1);
    let started = Started::over(node);
    let mut raw = started.connect();
    let requests = [
        "SET a 1",
        "GET post:1",
        "GET a",
        "GET post:9",
        "STRLEN post:2",
        "MGET a post:1 post:9 post:2",
        "EXISTS post:1 post:9 a",
    ];
    assert!(raw.send(&batch(&requests)));
    let replies: Vec<String> = (0..requests.len())
        .filter_map(|_| raw.reply())
        .map(|reply| String::from_utf8_lossy(&reply).into_owned())
        .collect();
    let expected = [
        "+OK\r\n",
        "$3\r\none\r\n",
        "$1\r\n1\r\n",
        "$-1\r\n",
        ":3\r\n",
        "*4\r\n$1\r\n1\r\n$3\r\none\r\n$-1\r\n$3\r\ntwo\r\n",
        ":2\r\n",
    ];
    assert_eq!(replies, expected);
}

#[test]
fn a_write_goes_to_the_source_and_a_failure_is_told() {
    let (node, source) = Scripted::node();
    let started = Started::over(node);
    let mut raw = started.connect();
    assert_eq!(ask(&mut raw, "SET post:1 written"), "+OK\r\n");
    assert_eq!(ask(&mut raw, "GET post:1"), "$7\r\nwritten\r\n");
    assert_eq!(ask(&mut raw, "MSET post:2 a plain b"), "+OK\r\n");
    ask(&mut raw, "CW.SET depends x DEPENDS 1 plain");
    assert_eq!(ask(&mut raw, "DEL post:1 post:2 plain post:7 plain"), ":3\r\n", "dependents do not count");
    assert_eq!(ask(&mut raw, "EXISTS depends"), ":0\r\n");
    assert_eq!(ask(&mut raw, "GET post:1"), "$7\r\nwritten\r\n", "DEL invalidates, the row stays");
    assert_eq!(ask(&mut raw, "CW.DEL post:1 post:2 plain post:7"), ":2\r\n");
    assert_eq!(ask(&mut raw, "GET post:1"), "$-1\r\n");
    source.fail(Some(clearwell_source::SourceError::Unreachable("it is down".into())));
    assert_eq!(ask(&mut raw, "GET post:3"), "-SOURCE the source is unreachable: it is down\r\n");
    assert_eq!(ask(&mut raw, "MGET post:3 post:4"), "-SOURCE the source is unreachable: it is down\r\n");
    assert!(ask(&mut raw, "SET post:3 x").starts_with("-SOURCE "));
    source.fail(None);
    assert_eq!(ask(&mut raw, "GET post:3"), "$-1\r\n");
}

#[test]
fn values_of_a_source_are_not_changed_in_memory() {
    let (node, source) = Scripted::node();
    source.commit(1, "5", 1);
    let started = Started::over(node);
    let mut raw = started.connect();
    let refused = [
        "INCR post:1",
        "APPEND post:1 x",
        "SETRANGE post:1 0 x",
        "SETNX post:1 x",
        "SET post:1 x NX",
        "GETSET post:1 x",
        "GETDEL post:1",
        "RENAME post:1 k",
        "COPY post:1 k",
        "INCRBYFLOAT post:1 1",
        "MSETNX post:1 x",
    ];
    for request in refused {
        let reply = ask(&mut raw, request);
        assert!(reply.contains("cannot be used on a key of keyspace post:{id:int}"), "{request}: {reply}");
    }
    assert_eq!(ask(&mut raw, "GET post:1"), "$1\r\n5\r\n");
    assert_eq!(ask(&mut raw, "EXPIRE post:1 100"), ":1\r\n", "the time to live is the entry's");
    assert_eq!(ask(&mut raw, "GETEX post:1 PERSIST"), "$1\r\n5\r\n");
    assert_eq!(ask(&mut raw, "TTL post:1"), ":-1\r\n");
}

#[test]
fn a_transaction_with_keys_of_a_source_answers_in_the_queue_s_order() {
    let (node, source) = Scripted::node();
    source.commit(1, "one", 1);
    let started = Started::over(node);
    let mut raw = started.connect();
    let requests =
        ["MULTI", "GET post:1", "INCR n", "SET post:2 two", "GET post:2", "INCR n", "EXEC", "PING"];
    assert!(raw.send(&batch(&requests)));
    let replies: Vec<_> = (0..requests.len()).filter_map(|_| raw.reply()).collect();
    let exec = String::from_utf8_lossy(&replies[6]).into_owned();
    assert_eq!(exec, "*5\r\n$3\r\none\r\n:1\r\n+OK\r\n$3\r\ntwo\r\n:2\r\n");
    assert_eq!(replies[7], b"+PONG\r\n");
}

#[test]
fn a_slow_load_holds_up_its_own_connection_only() {
    let (node, source) = Scripted::node();
    source.commit(1, "one", 1);
    source.hold();
    let started = Started::over(node);
    let mut slow = started.connect();
    assert!(slow.send(&batch(&["GET post:1", "PING"])));
    // Four more connections are two on each worker.
    for _ in 0..4 {
        assert_eq!(ask(&mut started.connect(), "PING"), "+PONG\r\n");
    }
    source.release(1);
    assert_eq!(slow.reply().as_deref(), Some(&b"$3\r\none\r\n"[..]));
    assert_eq!(slow.reply().as_deref(), Some(&b"+PONG\r\n"[..]));
}

#[test]
fn a_row_known_to_be_absent_is_no_key() {
    let (node, _source) = Scripted::node();
    let started = Started::over(node);
    let mut raw = started.connect();
    assert_eq!(ask(&mut raw, "GET post:404"), "$-1\r\n");
    for (request, expected) in [
        ("DBSIZE", ":0\r\n"),
        ("KEYS *", "*0\r\n"),
        ("TYPE post:404", "+none\r\n"),
        ("TTL post:404", ":-2\r\n"),
        ("RANDOMKEY", "$-1\r\n"),
        ("SCAN 0 COUNT 1000", "*2\r\n$1\r\n0\r\n*0\r\n"),
        ("OBJECT ENCODING post:404", "$-1\r\n"),
    ] {
        assert_eq!(ask(&mut raw, request), expected, "{request}");
    }
    ask(&mut raw, "HELLO 3");
    assert!(ask(&mut raw, "CW.ENTRY post:404").contains("$6\r\nabsent\r\n#t\r\n"));
}

#[test]
fn no_touch_keeps_reads_from_counting_and_no_level_from_being_met() {
    let (node, source) = Scripted::node_with(&CONFIG.replace("ttl =", "read = \"strong\"\nttl ="));
    source.commit(1, "old", 1);
    let started = Started::over(node);
    let mut raw = started.connect();
    ask(&mut raw, "SET plain v");
    assert_eq!(ask(&mut raw, "CLIENT NO-TOUCH on"), "+OK\r\n");
    assert_eq!(ask(&mut raw, "GET plain"), "$1\r\nv\r\n");
    assert!(ask(&mut raw, "CW.ENTRY plain").contains("access_count\r\n:0\r\n"));
    assert_eq!(ask(&mut raw, "GET post:1"), "$3\r\nold\r\n");
    source.commit_untold(1, "new", 1);
    assert_eq!(ask(&mut raw, "GET post:1"), "$3\r\nnew\r\n");
}

/// Story: a page that needs twelve rows asked for them by one MGET; one table was locked, and the page had none of them.
#[test]
fn mget_answers_the_keys_that_it_can() {
    let (node, source) = Scripted::node();
    source.commit(1, "one", 1);
    source.commit(2, "two", 1);
    let started = Started::over(node);
    let mut raw = started.connect();
    assert_eq!(ask(&mut raw, "SET plain x"), "+OK\r\n");
    assert_eq!(ask(&mut raw, "GET post:1"), "$3\r\none\r\n");
    let why = "no free connection to the source within 2000 ms: keyspace post:{id:int} holds 3 of 4";
    let busy = SourceError::Busy { within_ms: 2000, why: "keyspace post:{id:int} holds 3 of 4".into() };
    source.fail(Some(busy));
    let error = format!("-SOURCE {why}\r\n");
    let expected = format!("*5\r\n$1\r\nx\r\n{error}$3\r\none\r\n$-1\r\n{error}");
    assert_eq!(ask(&mut raw, "MGET plain post:2 post:1 nothing post:2"), expected);
    assert_eq!(ask(&mut raw, "MGET post:2 post:3"), error, "nothing is left to answer");
    assert_eq!(ask(&mut raw, "MGET post:2 post:2"), error);
    // The connection is as before, and so is a transaction.
    assert!(raw.send(&batch(&["MULTI", "MGET post:2 plain", "EXEC"])));
    let replies: Vec<_> = (0..3).filter_map(|_| raw.reply()).collect();
    assert_eq!(String::from_utf8_lossy(&replies[2]), format!("*1\r\n*2\r\n{error}$1\r\nx\r\n"));
    source.fail(None);
    assert_eq!(ask(&mut raw, "MGET post:2 post:1"), "*2\r\n$3\r\ntwo\r\n$3\r\none\r\n");
}
