//! MULTI, EXEC, WATCH among connections.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::started::{Started, ask, batch};

#[test]
fn exec_is_refused_when_a_watched_key_was_changed_by_another() {
    let started = Started::new();
    let (mut one, mut other) = (started.connect(), started.connect());
    let changes = [
        "SET k 2",
        "DEL k",
        "EXPIRE k 100",
        "APPEND k x",
        "FLUSHALL",
        "RENAME k j",
        "CW.INVALIDATE KEYS 1 k",
    ];
    for change in changes {
        assert_eq!(ask(&mut one, "MSET k 1 j 1"), "+OK\r\n");
        assert_eq!(ask(&mut one, "WATCH k"), "+OK\r\n");
        ask(&mut other, change);
        ask(&mut one, "MULTI");
        ask(&mut one, "INCR n");
        assert_eq!(ask(&mut one, "EXEC"), "*-1\r\n", "after {change}");
    }
    assert_eq!(ask(&mut one, "GET n"), "$-1\r\n", "no refused EXEC ran");
}

#[test]
fn exec_runs_when_watched_keys_were_only_read_or_unwatched() {
    let started = Started::new();
    let (mut one, mut other) = (started.connect(), started.connect());
    ask(&mut one, "SET k 1");
    ask(&mut one, "WATCH k nothing");
    assert_eq!(ask(&mut other, "GET k"), "$1\r\n1\r\n");
    ask(&mut one, "MULTI");
    ask(&mut one, "INCR n");
    assert_eq!(ask(&mut one, "EXEC"), "*1\r\n:1\r\n");
    ask(&mut one, "WATCH k");
    ask(&mut other, "SET k 2");
    ask(&mut one, "UNWATCH");
    ask(&mut one, "MULTI");
    ask(&mut one, "INCR n");
    assert_eq!(ask(&mut one, "EXEC"), "*1\r\n:2\r\n");
}

/// Found by random commands beside redis-server (seed 14).
#[test]
fn exec_runs_when_what_was_asked_for_changed_nothing() {
    let started = Started::new();
    let (mut one, mut other) = (started.connect(), started.connect());
    ask(&mut one, "SET k 1");
    for nothing in [
        "GETEX k PERSIST",
        "GETEX k",
        "PERSIST k",
        "EXPIRE k 100 XX",
        "SET k 2 NX",
        "COPY j k",
        "RENAMENX k k",
    ] {
        assert_eq!(ask(&mut one, "WATCH k"), "+OK\r\n");
        ask(&mut other, nothing);
        ask(&mut one, "MULTI");
        ask(&mut one, "PING");
        assert_eq!(ask(&mut one, "EXEC"), "*1\r\n+PONG\r\n", "after {nothing}");
    }
}

#[test]
fn a_watched_key_that_comes_into_being_refuses_exec() {
    let started = Started::new();
    let (mut one, mut other) = (started.connect(), started.connect());
    ask(&mut one, "WATCH new");
    ask(&mut other, "SET new 1");
    ask(&mut one, "MULTI");
    ask(&mut one, "SET new 2");
    assert_eq!(ask(&mut one, "EXEC"), "*-1\r\n");
    assert_eq!(ask(&mut one, "GET new"), "$1\r\n1\r\n");
}

#[test]
fn nobody_sees_a_transaction_half_done() {
    let started = Started::new();
    let done = AtomicBool::new(false);
    ask(&mut started.connect(), "MSET a 0 b 0");
    std::thread::scope(|scope| {
        // Round robin puts every second connection on the other worker.
        let writers: Vec<_> = (0..2)
            .map(|_| {
                let mut raw = started.connect();
                scope.spawn(move || {
                    for _ in 0..500 {
                        assert!(raw.send(&batch(&["MULTI", "INCR a", "INCR b", "EXEC"])));
                        (0..4).for_each(|_| assert!(raw.reply().is_some()));
                    }
                })
            })
            .collect();
        for _ in 0..2 {
            let mut raw = started.connect();
            let done = &done;
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    let reply = ask(&mut raw, "MGET a b");
                    let lines: Vec<&str> = reply.split("\r\n").collect();
                    assert_eq!(lines[2], lines[4], "{reply}");
                }
            });
        }
        let failed = writers.into_iter().filter_map(|writer| writer.join().err()).count();
        done.store(true, Ordering::Relaxed);
        assert_eq!(failed, 0);
    });
    assert_eq!(ask(&mut started.connect(), "MGET a b"), "*2\r\n$4\r\n1000\r\n$4\r\n1000\r\n");
}

#[test]
fn a_transaction_of_a_closed_connection_is_forgotten() {
    let started = Started::new();
    let mut one = started.connect();
    ask(&mut one, "MULTI");
    ask(&mut one, "SET k 1");
    drop(one);
    assert_eq!(ask(&mut started.connect(), "EXISTS k"), ":0\r\n");
}
