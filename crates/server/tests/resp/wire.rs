//! Replies byte for byte, as recorded in `resp2.txt` and `resp3.txt`. Where Redis 7.0.15 has the command they are what
//! Redis answers too.

use std::collections::BTreeSet;

use clearwell_protocol::table;

use crate::started::{Started, words};
use crate::support::{Raw, encode};

const RESP2: &str = include_str!("resp2.txt");
const RESP3: &str = include_str!("resp3.txt");
/// Commands whose replies are not the same twice, and which other tests look at.
const ELSEWHERE: &[&str] = &[
    "client|help",
    "cluster|help",
    "cw.cluster|help",
    "pubsub|help",
    "command",
    "command|count",
    "role",
    "client|id",
    "client|info",
    "client|list",
    "command|docs",
    "command|help",
    "config|help",
    "cw.del",
    "cw.dependencies",
    "cw.entry",
    "cw.held|cancel",
    "cw.held|help",
    "cw.held|list",
    "cw.why",
    "cw.writeback|status",
    "cw.writeback|list",
    "cw.writeback|retry",
    "cw.writeback|drop",
    "cw.writeback|flush",
    "cw.writeback|help",
    "cw.event",
    "cw.get",
    "cw.invalidate",
    "cw.refused|get",
    "cw.refused|help",
    "cw.refused|len",
    "cw.refused|reset",
    "cw.set",
    "cw.stats",
    "cw.warm|cancel",
    "cw.warm|help",
    "cw.warm|keys",
    "cw.warm|list",
    "cw.warm|pattern",
    "cw.warm|status",
    "cw.warm|tags",
    "info",
    "latency|help",
    "latency|histogram",
    "memory|help",
    "monitor",
    "object|help",
    "slowlog|help",
    "time",
];

/// `> request` and its reply's lines after `< `; what follows a blank line or `#` until the next request is not read.
fn exchanges(text: &str) -> Vec<(&str, Vec<u8>)> {
    let mut exchanges: Vec<(&str, Vec<u8>)> = Vec::new();
    for line in text.lines() {
        if let Some(request) = line.strip_prefix("> ") {
            exchanges.push((request, Vec::new()));
        } else if let (Some(reply), Some((_, expected))) = (line.strip_prefix('<'), exchanges.last_mut()) {
            expected.extend_from_slice(reply.strip_prefix(' ').unwrap_or(reply).as_bytes());
            expected.extend_from_slice(b"\r\n");
        }
    }
    exchanges
}

/// A connection to a server that takes no request for slow: on a busy machine any may be, and `SLOWLOG GET` would tell it.
fn connect(started: &Started) -> Raw {
    let mut raw = started.connect();
    assert!(raw.send(&encode(&["CONFIG", "SET", "slowlog-log-slower-than", "-1"])));
    assert_eq!(raw.reply().as_deref(), Some(&b"+OK\r\n"[..]));
    raw
}

fn replay(text: &str, mut send: impl FnMut(&mut Raw, &str)) {
    let started = Started::new();
    let mut raw = connect(&started);
    for (request, expected) in exchanges(text) {
        send(&mut raw, request);
        let reply = raw.reply().unwrap_or_default();
        assert_eq!(
            String::from_utf8_lossy(&reply),
            String::from_utf8_lossy(&expected),
            "the reply to {request}"
        );
    }
}

fn as_array(raw: &mut Raw, request: &str) {
    assert!(raw.send(&encode(&words(request))), "the server closed before {request}");
}

fn as_line(raw: &mut Raw, request: &str) {
    assert!(raw.send(format!("{request}\r\n").as_bytes()), "the server closed before {request}");
}

#[test]
fn replies_in_resp2() {
    replay(RESP2, as_array);
}

#[test]
fn replies_in_resp3() {
    replay(RESP3, as_array);
}

#[test]
fn replies_to_inline_requests() {
    replay(RESP2, as_line);
}

#[test]
fn a_pipeline_in_one_write_is_answered_in_its_order() {
    let started = Started::new();
    let mut raw = connect(&started);
    // QUIT ends the record, and the connection.
    let exchanges = exchanges(RESP2);
    let requests: Vec<u8> = exchanges.iter().flat_map(|(request, _)| encode(&words(request))).collect();
    assert!(raw.send(&requests));
    for (request, expected) in exchanges {
        let reply = raw.reply().unwrap_or_default();
        assert_eq!(
            String::from_utf8_lossy(&reply),
            String::from_utf8_lossy(&expected),
            "the reply to {request}"
        );
    }
}

#[test]
fn a_request_may_arrive_byte_by_byte() {
    let started = Started::new();
    let mut raw = started.connect();
    for byte in encode(&["SET", "key", "value\r\n"]).iter().chain(&encode(&["GET", "key"])) {
        assert!(raw.send(&[*byte]));
    }
    assert_eq!(raw.reply().as_deref(), Some(&b"+OK\r\n"[..]));
    assert_eq!(raw.reply().as_deref(), Some(&b"$7\r\nvalue\r\n\r\n"[..]));
}

#[test]
fn every_command_of_the_table_is_tried() {
    let tried: BTreeSet<&str> = exchanges(RESP2)
        .iter()
        .chain(&exchanges(RESP3))
        .filter_map(|(request, _)| {
            let words = words(request);
            let found = clearwell_protocol::lookup(&words[0])?;
            let sub = words.get(1).and_then(|name| found.subcommand(name));
            Some(sub.unwrap_or(found).name)
        })
        .collect();
    let missing: Vec<&str> = table::all_with_subcommands()
        .filter(|command| command.subcommands.is_empty() || command.arity == -1)
        .map(|command| command.name)
        .filter(|name| !tried.contains(name) && !ELSEWHERE.contains(name))
        .collect();
    assert!(missing.is_empty(), "no recorded reply to {missing:?}");
}
