//! Each bad input gets its exact error, and the connection or at least the server goes on.

mod bad_input_rest;
mod bad_input_table;
mod support;

use bad_input_table::{Row, Then, rows};
use std::time::Duration;
use support::{Kind, Options, Raw, Server, encode, wait_for};

const MIB: u64 = 1024 * 1024;

/// The rows that `kind` is expected to answer as the table says.
fn table(kind: Kind) -> Vec<Row> {
    let all = rows(include_str!("bad_input/resp.txt"));
    assert!(all.len() >= 40, "the table lost rows: {}", all.len());
    all.into_iter().filter(|row| kind == Kind::Clearwell || !row.ours).collect()
}

/// A server for the table. Its rows use the same keys again and again, with misses that nobody fills, so the
/// node must not take a later row's SET for the late fill of an earlier row's miss.
fn server_for_rows(kind: Kind) -> Server {
    match kind {
        Kind::Redis => Server::redis(),
        Kind::Clearwell => {
            let config = Some("late_fill_window = \"0s\"\n".to_owned());
            Server::clearwell(Options { config, ..Options::default() })
        }
    }
}

fn every_row(kind: Kind) {
    let server = server_for_rows(kind);
    let mut other = server.connect();
    let rows = table(kind);
    assert_all(rows.iter().map(|row| row.play(&server, &mut other, None)));
}

/// Rows cut at every byte, alone and two in a row: the bytes that come back are the same.
fn every_cut(kind: Kind) {
    let server = server_for_rows(kind);
    let mut other = server.connect();
    let short: Vec<Row> = table(kind).into_iter().filter(|row| row.send.len() < 300).collect();
    for row in &short {
        assert_all((1..row.send.len()).map(|cut| row.play(&server, &mut other, Some(cut))));
    }
    let flush = Row {
        name: "flush".into(),
        ours: false,
        send: encode(&["FLUSHALL"]),
        want: b"+OK\r\n".to_vec(),
        then: Then::Open,
    };
    let open = |row: &&Row| row.then == Then::Open;
    // What is cut off without a word may lose the replies before it.
    let answered = short.iter().filter(|row| !row.want.is_empty());
    for (first, second) in short.iter().filter(open).zip(answered.skip(1).step_by(3)) {
        let pair = joined(&[first, &flush, second]);
        assert_all((1..pair.send.len()).map(|cut| pair.play(&server, &mut other, Some(cut))));
    }
}

/// Panics with everything that is wrong.
fn assert_all(outcomes: impl Iterator<Item = Result<(), String>>) {
    let wrong: Vec<String> = outcomes.filter_map(Result::err).collect();
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn joined(rows: &[&Row]) -> Row {
    Row {
        name: rows.iter().map(|row| row.name.as_str()).collect::<Vec<_>>().join(", then "),
        ours: false,
        send: rows.iter().flat_map(|row| row.send.clone()).collect(),
        want: rows.iter().flat_map(|row| row.want.clone()).collect(),
        then: rows.last().expect("rows were given").then,
    }
}

#[test]
fn table_on_redis_server() {
    every_row(Kind::Redis);
}

#[test]
fn table_on_clearwell() {
    every_row(Kind::Clearwell);
}

#[test]
fn cuts_on_redis_server() {
    every_cut(Kind::Redis);
}

#[test]
fn cuts_on_clearwell() {
    every_cut(Kind::Clearwell);
}

#[test]
fn rest_table_on_clearwell() {
    let server = Server::start(Kind::Clearwell);
    let rows = bad_input_rest::rows(include_str!("bad_input/rest.txt"));
    assert!(rows.len() >= 20, "the table lost rows: {}", rows.len());
    for row in rows {
        row.play(&server);
        server.assert_alive();
    }
}

/// A chain of dependencies longer than the limit is refused where it gets too long, and an invalidation of
/// its root still reaches all that was stored.
#[test]
fn a_chain_of_10_000_dependencies() {
    let server = Server::start(Kind::Clearwell);
    let mut refused = 0;
    for i in 1..=10_000 {
        let body = serde_json::json!({"value": i, "dependencies": [format!("chain:{}", i - 1)]});
        let answer = bad_input_rest::post(&server, &format!("/api/cache/chain:{i}"), &body);
        match answer.status {
            201 => {}
            409 => {
                assert!(answer.body.contains("\"code\":\"too-deep\""), "{answer:?}");
                refused += 1;
            }
            _ => panic!("chain:{i}: {answer:?}"),
        }
    }
    assert!(refused > 0, "a chain of 10,000 was taken whole");
    let mut node = server.connect();
    assert_eq!(node.call(&["EXISTS", "chain:1", "chain:2"]), b":2\r\n");
    assert!(node.call(&["CW.INVALIDATE", "KEYS", "1", "chain:0"]).first() != Some(&b'-'));
    assert_eq!(node.call(&["EXISTS", "chain:1", "chain:2"]), b":0\r\n");
}

/// Announced lengths are not memory: it is taken as bytes arrive.
#[test]
fn a_thousand_connections_that_announce_much() {
    let server = Server::start(Kind::Clearwell);
    server.assert_alive();
    let before = server.process.rss();
    let mut liars: Vec<Raw> = (0..1000).map(|_| server.connect()).collect();
    for liar in &mut liars {
        assert!(liar.send(b"*1000000\r\n$536870912\r\n"), "a length that is allowed was refused");
    }
    // The server answers a later connection only after it has seen the others' bytes or their wake-ups.
    for _ in 0..100 {
        server.assert_alive();
    }
    let grown = server.process.rss().saturating_sub(before);
    assert!(grown < 128 * MIB, "1,000 announcements took {} MiB", grown / MIB);
    drop(liars);
    server.assert_alive();
}

/// A client that asks and never reads is held back; it costs its connection's buffers, not the heap.
#[test]
fn a_client_that_never_reads() {
    let server = Server::start(Kind::Clearwell);
    let mut other = server.connect();
    let value = vec![b'v'; MIB as usize];
    assert_eq!(other.call(&[&b"SET"[..], b"big", &value]), b"+OK\r\n");
    let before = server.process.rss();
    let mut deaf = server.connect();
    let asked = encode(&["GET", "big"]).repeat(100_000);
    deaf.send_until_blocked(&asked, Duration::from_millis(500));
    let mut most = 0;
    for _ in 0..2_000 {
        assert_eq!(other.call(&["PING"]), b"+PONG\r\n");
        most = most.max(server.process.rss().saturating_sub(before));
    }
    assert!(most < 128 * MIB, "a client that never reads took {} MiB", most / MIB);
    assert_eq!(other.call(&["STRLEN", "big"]), format!(":{MIB}\r\n").as_bytes());
    drop(deaf);
    wait_for("the memory of the gone client", || {
        (server.process.rss().saturating_sub(before) < 128 * MIB).then_some(())
    });
    server.assert_alive();
}
