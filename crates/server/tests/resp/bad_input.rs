//! What was refused is counted, by what was wrong with it.

use clearwell::figures::{Snapshot, exposition};
use clearwell::metrics::Metrics;

use crate::started::{Started, ask};
use crate::support::wait_for;

/// The count of one reason as a scrape shows it.
fn shown(metrics: &Metrics, why: &str) -> u64 {
    let text = exposition(Snapshot::of(metrics));
    let line = format!("clearwell_bad_inputs_total{{why=\"{why}\"}} ");
    let count = text.lines().find_map(|it| it.strip_prefix(&line)).expect("every reason is shown");
    count.parse().expect("a number")
}

const REASONS: [&str; 6] = ["framing", "too-large", "unknown", "arguments", "unauthenticated", "slow"];

#[test]
fn each_refusal_counts_once_under_its_reason() {
    let metrics = Metrics::new();
    let started = Started::counted("password = \"secret\"\n", &metrics);
    let mut raw = started.connect();
    let cases = [
        ("GET k", "unauthenticated"),
        ("AUTH wrong", "unauthenticated"),
        ("AUTH secret", ""),
        ("NOSUCH a", "unknown"),
        ("CLIENT NOSUCH", "unknown"),
        ("HELLO 4", "unknown"),
        ("CW.GET k LEVEL super", "unknown"),
        ("GET", "arguments"),
        ("CLIENT SETNAME", "arguments"),
        ("SET k v EX x", "arguments"),
        ("EXPIRE k ten", "arguments"),
        ("RENAME nothing k", ""),
        ("GET nothing", ""),
        ("SET k v", ""),
    ];
    for (request, why) in cases {
        let before = REASONS.map(|reason| shown(&metrics, reason));
        ask(&mut raw, request);
        let after = REASONS.map(|reason| shown(&metrics, reason));
        for (place, reason) in REASONS.into_iter().enumerate() {
            let expected = before[place] + u64::from(reason == why);
            assert_eq!(after[place], expected, "{reason} after {request}");
        }
    }
}

#[test]
fn bytes_that_are_no_request_are_counted() {
    let metrics = Metrics::new();
    let started = Started::counted("", &metrics);
    for input in [&b"*1\r\n+PING\r\n"[..], b"PING \"unbalanced\r\n", b"POST / HTTP/1.1\r\n", &[b'x'; 70_000]]
    {
        let mut raw = started.connect();
        raw.send(input);
        raw.read_to_end();
    }
    assert_eq!((shown(&metrics, "framing"), shown(&metrics, "too-large")), (3, 1));
    let too_large = vec![b'x'; 200 << 20];
    started.connect().call(&[&b"SET"[..], b"huge", &too_large]);
    assert_eq!(shown(&metrics, "too-large"), 2);
}

#[test]
fn who_stops_in_the_middle_of_a_request_is_slow() {
    let metrics = Metrics::new();
    let started = Started::counted("", &metrics);
    let (mut amid, mut idle) = (started.connect(), started.connect());
    ask(&mut idle, "PING");
    assert!(amid.send(b"*2\r\n$3\r\nGET\r\n$5\r\nab"));
    wait_for("the half request to have come", || {
        ask(&mut idle, "CLIENT LIST").contains(" qbuf=19 ").then_some(())
    });
    ask(&mut idle, "CONFIG SET timeout 1");
    assert_eq!((amid.read_to_end(), idle.read_to_end()), (Vec::new(), Vec::new()));
    assert_eq!(shown(&metrics, "slow"), 1, "idle between requests is no bad input");
}
