//! Times to live, as they were said and as they are left.

use crate::started::{Started, ask};
use crate::support::wait_for;

/// `ttl_ms` and `original_ttl_ms` of a reply that is a map.
fn times(reply: &str) -> (i64, i64) {
    let of = |name: &str| {
        let (_, after) =
            reply.split_once(&format!("\r\n{name}\r\n")).unwrap_or_else(|| panic!("{name} in {reply}"));
        let number = after.lines().next().unwrap_or_default();
        number.strip_prefix(':').map_or(-1, |number| number.parse().expect("a number"))
    };
    (of("ttl_ms"), of("original_ttl_ms"))
}

#[test]
fn an_entry_tells_how_long_it_was_to_live_whatever_said_that_last() {
    let started = Started::new();
    let mut raw = started.connect();
    let mut original = |commands: &[&str], expected: i64| {
        for command in commands {
            let reply = ask(&mut raw, command);
            assert!(!reply.starts_with('-'), "{command}: {reply}");
        }
        for command in ["CW.ENTRY k", "CW.GET k META"] {
            let (left, original) = times(&ask(&mut raw, command));
            assert_eq!(original, expected, "{command} after {commands:?}");
            assert!(left <= original && (left > 0) == (original > 0), "{command}: {left} of {original}");
        }
    };
    original(&["SET k 1"], -1);
    original(&["SET k 1 PX 50000"], 50_000);
    original(&["INCR k"], 50_000);
    wait_until_aged(&started, 50_000);
    original(&["INCR k"], 50_000);
    original(&["SET k 2 KEEPTTL"], 50_000);
    original(&["GETEX k PX 40000"], 40_000);
    original(&["PEXPIRE k 30000"], 30_000);
    wait_until_aged(&started, 30_000);
    original(&["APPEND k 0"], 30_000);
    original(&["PERSIST k"], -1);
    original(&["EXPIRE k 20"], 20_000);
    original(&["SET k 3"], -1);
    original(&["CW.SET k 4 PX 10000"], 10_000);
}

fn wait_until_aged(started: &Started, original: i64) {
    let mut raw = started.connect();
    wait_for("some of its time to pass", || {
        (times(&ask(&mut raw, "CW.ENTRY k")).0 < original - 3).then_some(())
    });
}

#[test]
fn an_empty_pattern_or_prefix_is_refused() {
    let started = Started::new();
    let mut raw = started.connect();
    assert!(raw.send(b"*3\r\n$13\r\nCW.INVALIDATE\r\n$7\r\nPATTERN\r\n$0\r\n\r\n"));
    let reply = raw.reply().expect("a reply");
    assert!(reply.starts_with(b"-ERR an empty PATTERN"), "{}", reply.escape_ascii());
    assert!(raw.send(b"*3\r\n$13\r\nCW.INVALIDATE\r\n$6\r\nPREFIX\r\n$0\r\n\r\n"));
    let reply = raw.reply().expect("a reply");
    assert!(reply.starts_with(b"-ERR an empty PATTERN"), "{}", reply.escape_ascii());
}
