//! Acknowledged writes stay: a client that writes keys without a source gets what Redis would answer. (`GET zz`, `DEL zz`,
//! `SET zz 1`, `GET zz` on one connection used to answer nil: the SET was taken for the late fill of the client's own miss.)

use crate::started::{Started, ask, batch};
use crate::support::{Raw, wait_for};

fn replies(raw: &mut Raw, requests: &[&str]) -> Vec<String> {
    assert!(raw.send(&batch(requests)));
    let replies = (0..requests.len()).filter_map(|_| raw.reply());
    replies.map(|reply| String::from_utf8_lossy(&reply).into_owned()).collect()
}

/// What this connection may do between its miss and its SET, and what reads then.
#[test]
fn a_connection_that_deleted_or_wrote_the_key_since_its_miss_writes() {
    let between: [&[&str]; 14] = [
        &["DEL zz"],
        &["UNLINK zz"],
        &["DEL zz", "DEL zz"],
        &["CW.DEL zz"],
        &["CW.INVALIDATE KEYS 1 zz"],
        &["SET zz 0", "DEL zz"],
        &["INCR zz"],
        &["APPEND zz x"],
        &["SETNX zz x"],
        &["SET zz x NX", "GETDEL zz"],
        &["SET a x", "RENAME a zz"],
        &["SET a x", "COPY a zz REPLACE"],
        &["SET zz x", "EXPIRE zz -1"],
        &["FLUSHALL"],
    ];
    let sets = [
        "SET zz 1",
        "SETEX zz 100 1",
        "PSETEX zz 100000 1",
        "MSET zz 1",
        "SET zz 1 EX 100",
        "GETSET zz 1",
        "CW.SET zz 1",
    ];
    let started = Started::new();
    let mut raw = started.connect();
    for commands in between {
        for set in sets {
            for miss in ["GET zz", "MGET zz", "GETEX zz PERSIST"] {
                replies(&mut raw, &["DEL zz a", miss]);
                replies(&mut raw, commands);
                ask(&mut raw, set);
                assert_eq!(ask(&mut raw, "GET zz"), "$1\r\n1\r\n", "{miss}, {commands:?}, {set}");
            }
        }
    }
    assert_eq!(started.node.account().offers_refused, 0);
}

#[test]
fn a_transaction_and_a_pipeline_order_themselves() {
    let started = Started::new();
    let mut raw = started.connect();
    for requests in [
        &["GET zz", "DEL zz", "SET zz 1", "GET zz"][..],
        &["MULTI", "GET zz", "DEL zz", "SET zz 1", "EXEC", "GET zz"],
        &["GET zz", "MULTI", "DEL zz", "SET zz 1", "EXEC", "GET zz"],
    ] {
        ask(&mut raw, "DEL zz");
        let last = replies(&mut raw, requests).pop();
        assert_eq!(last.as_deref(), Some("$1\r\n1\r\n"), "{requests:?}");
    }
}

/// The largest that was seen: all of them were acknowledged, none was kept.
#[test]
fn a_writer_loses_nothing_while_others_poll() {
    for misses_by_the_writer in [false, true] {
        let started = Started::new();
        let (mut writer, mut reader) = (started.connect(), started.connect());
        for _ in 0..20 {
            ask(if misses_by_the_writer { &mut writer } else { &mut reader }, "GET k");
        }
        ask(&mut writer, "DEL k");
        for n in 0..199 {
            ask(&mut writer, &format!("SET k {n}"));
            let read = ask(&mut reader, "GET k");
            assert!(read.ends_with(&format!("\r\n{n}\r\n")), "{n}: {read}");
        }
        assert_eq!(started.node.account().offers_refused, 0);
    }
}

/// Deletes come from another client than writes do.
#[test]
fn a_key_that_is_written_stays_a_written_one() {
    let started = Started::new();
    let (mut writer, mut cleaner, mut reader) = (started.connect(), started.connect(), started.connect());
    ask(&mut writer, "SET k 0");
    ask(&mut writer, "SET k 1");
    for n in 0..50 {
        ask(&mut cleaner, "DEL k");
        ask(&mut reader, "GET k");
        ask(&mut cleaner, "DEL k");
        ask(&mut writer, &format!("SET k {n}"));
        let read = ask(&mut reader, "GET k");
        assert!(read.ends_with(&format!("\r\n{n}\r\n")), "{n}: {read}");
    }
}

/// Its misses can never be filled.
#[test]
fn a_connection_that_is_gone_leaves_no_doubt() {
    let started = Started::new();
    let mut writer = started.connect();
    for n in 0..20 {
        ask(&mut started.connect(), "GET k");
        ask(&mut writer, "DEL k");
        let misses = || started.node.account().outstanding_misses;
        wait_for("the miss is withdrawn", || (misses() == 0).then_some(()));
        ask(&mut writer, &format!("SET k {n}"));
        let read = ask(&mut writer, "GET k");
        assert!(read.ends_with(&format!("\r\n{n}\r\n")), "{n}: {read}");
        ask(&mut writer, "DEL k");
    }
}

/// Each SET that is dropped is seen: counts, a list, the stream.
#[test]
fn a_refusal_is_seen() {
    let started = Started::new();
    let (mut reader, mut writer) = (started.connect(), started.connect());
    ask(&mut reader, "CLIENT SETNAME filler");
    assert_eq!(ask(&mut reader, "GET cart:7"), "$-1\r\n");
    ask(&mut writer, "DEL cart:7");
    assert_eq!(ask(&mut reader, "SET cart:7 old"), "+OK\r\n");
    assert!(ask(&mut writer, "INFO stats").contains("clearwell_late_sets_refused:1\r\n"));
    assert_eq!(ask(&mut writer, "CW.REFUSED LEN"), ":1\r\n");
    let told = ask(&mut writer, "CW.REFUSED GET");
    for part in ["cart:7", "filler", "this connection had missed the key", "127.0.0.1:"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let news = started.node.latest_news(10);
    let told = news.iter().any(|item| {
        matches!(&item.happened, clearwell::node::Happened::Refused { key, .. } if **key == *b"cart:7")
    });
    assert!(told, "{news:?}");
    assert_eq!(ask(&mut writer, "CW.REFUSED RESET"), "+OK\r\n");
    assert_eq!(ask(&mut writer, "CW.REFUSED GET -1"), "*0\r\n");
    assert!(ask(&mut writer, "CW.REFUSED GET -2").starts_with("-ERR count should be"));
    // A lease's, and the list's bound.
    let lease = |raw: &mut Raw| {
        let map = ask(raw, "CW.GET cart:8 LEASE");
        map.trim_end().rsplit("\r\n").next().expect("a lease").to_owned()
    };
    for _ in 0..140 {
        let lease = lease(&mut reader);
        ask(&mut writer, "DEL cart:8");
        assert_eq!(ask(&mut reader, &format!("CW.SET cart:8 old LEASE {lease}")), ":0\r\n");
    }
    assert_eq!(ask(&mut writer, "CW.REFUSED LEN"), ":128\r\n");
}
