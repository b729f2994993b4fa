//! Late fills by plain clients: a SET that follows a miss is a fill, and is dropped when the key was invalidated between.

use crate::started::{Started, ask, batch};

#[test]
fn a_late_fill_on_one_connection_is_dropped_and_answered_ok() {
    let started = Started::new();
    let (mut reader, mut writer) = (started.connect(), started.connect());
    let invalidations =
        ["DEL k", "CW.INVALIDATE KEYS 1 k", "FLUSHALL", "CW.INVALIDATE PREFIX k", "CW.INVALIDATE PATTERN k*"];
    for invalidation in invalidations {
        ask(&mut writer, "DEL k");
        assert_eq!(ask(&mut reader, "GET k"), "$-1\r\n");
        ask(&mut writer, invalidation);
        assert_eq!(ask(&mut reader, "SET k old"), "+OK\r\n");
        assert_eq!(ask(&mut writer, "EXISTS k"), ":0\r\n", "after {invalidation}");
    }
    let refused = started.node.account().offers_refused;
    assert_eq!(refused, invalidations.len() as u64);
}

#[test]
fn a_set_that_names_its_strategy_is_a_write() {
    let started = Started::new();
    let mut one = started.connect();
    assert_eq!(ask(&mut one, "GET k"), "$-1\r\n");
    assert_eq!(ask(&mut one, "DEL k"), ":0\r\n");
    assert_eq!(ask(&mut one, "CW.SET k written WRITE cache-only"), "+OK\r\n");
    assert_eq!(ask(&mut one, "GET k"), "$7\r\nwritten\r\n");
}

#[test]
fn a_fill_without_an_invalidation_is_kept() {
    let started = Started::new();
    let mut raw = started.connect();
    assert_eq!(ask(&mut raw, "MGET a b"), "*2\r\n$-1\r\n$-1\r\n");
    assert_eq!(ask(&mut raw, "MSET a 1 b 2"), "+OK\r\n");
    assert_eq!(ask(&mut raw, "MGET a b"), "*2\r\n$1\r\n1\r\n$1\r\n2\r\n");
}

#[test]
fn a_miss_counts_for_one_fill() {
    let started = Started::new();
    let (mut reader, mut writer) = (started.connect(), started.connect());
    ask(&mut reader, "GET k");
    ask(&mut writer, "DEL k");
    ask(&mut reader, "SET k old");
    assert_eq!(ask(&mut reader, "GET k"), "$-1\r\n");
    assert_eq!(ask(&mut reader, "SETEX k 100 new"), "+OK\r\n", "the second miss began after the DEL");
    assert_eq!(ask(&mut writer, "GET k"), "$3\r\nnew\r\n");
}

#[test]
fn a_late_setex_and_mset_are_dropped_too() {
    let started = Started::new();
    let (mut reader, mut writer) = (started.connect(), started.connect());
    for fill in ["SETEX k 100 old", "PSETEX k 100000 old", "MSET k old", "SET k old EX 100", "CW.SET k old"] {
        ask(&mut reader, "MGET k");
        ask(&mut writer, "DEL k");
        assert_eq!(ask(&mut reader, fill), "+OK\r\n", "{fill}");
        assert_eq!(ask(&mut writer, "EXISTS k"), ":0\r\n", "{fill}");
    }
}

#[test]
fn a_set_that_looks_at_the_old_value_is_a_write() {
    let started = Started::new();
    let mut raw = started.connect();
    assert!(raw.send(&batch(&["GET k", "DEL k", "SET k new NX", "GET k"])));
    let replies: Vec<_> = (0..4).filter_map(|_| raw.reply()).collect();
    assert_eq!(replies, [&b"$-1\r\n"[..], b":0\r\n", b"+OK\r\n", b"$3\r\nnew\r\n"]);
}

#[test]
fn commands_that_only_look_leave_no_miss() {
    let started = Started::new();
    let (mut reader, mut writer) = (started.connect(), started.connect());
    for look in ["EXISTS k", "STRLEN k", "TTL k", "TYPE k", "GETRANGE k 0 1", "OBJECT ENCODING k"] {
        ask(&mut reader, look);
        ask(&mut writer, "CW.INVALIDATE KEYS 1 k");
        ask(&mut reader, "SET k v");
        assert_eq!(ask(&mut writer, "GET k"), "$1\r\nv\r\n", "{look}");
        ask(&mut writer, "DEL k");
    }
}

/// A client that empties the cache begins anew: neither its own misses before that nor another connection's make a SET
/// that follows vanish. Test suites do this between any two tests.
#[test]
fn after_flushall_a_set_is_a_write() {
    let started = Started::new();
    let (mut one, mut other) = (started.connect(), started.connect());
    for client in [&mut one, &mut other] {
        assert_eq!(ask(client, "GET k"), "$-1\r\n");
    }
    assert_eq!(ask(&mut one, "FLUSHALL"), "+OK\r\n");
    assert_eq!(ask(&mut one, "SET k 1"), "+OK\r\n");
    assert_eq!(ask(&mut one, "GET k"), "$1\r\n1\r\n");
    // The other connection read before the flush, and what it read may be old.
    assert_eq!(ask(&mut one, "FLUSHALL"), "+OK\r\n");
    assert_eq!(ask(&mut other, "SET k 2"), "+OK\r\n");
    assert_eq!(ask(&mut one, "GET k"), "$-1\r\n");
    assert_eq!(ask(&mut started.connect(), "SET k 3"), "+OK\r\n");
}

/// Three clients: a reader misses, a writer invalidates and SETs the new value without having read, somebody looks; then
/// the reader's fill arrives.
#[test]
fn a_late_fill_after_a_write_and_a_look_is_dropped() {
    let started = Started::new();
    let (mut reader, mut writer) = (started.connect(), started.connect());
    assert_eq!(ask(&mut reader, "GET k"), "$-1\r\n");
    assert_eq!(ask(&mut writer, "DEL k"), ":0\r\n");
    assert_eq!(ask(&mut writer, "SET k new"), "+OK\r\n");
    let seen = ask(&mut started.connect(), "GET k");
    assert!(seen == "$3\r\nnew\r\n" || seen == "$-1\r\n", "{seen}");
    assert_eq!(ask(&mut reader, "SET k old"), "+OK\r\n");
    let seen = ask(&mut writer, "GET k");
    assert!(seen == "$3\r\nnew\r\n" || seen == "$-1\r\n", "{seen}");
}
