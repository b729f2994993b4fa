//! The CW commands, on keys without a source.

use crate::started::{Started, ask};

#[test]
fn cw_get_tells_what_is_known() {
    let started = Started::new();
    let mut raw = started.connect();
    assert_eq!(ask(&mut raw, "CW.GET k"), "$-1\r\n");
    assert_eq!(ask(&mut raw, "CW.SET k v PX 100000 TAGS 1 t PRIORITY 7 TYPE text/plain"), "+OK\r\n");
    assert_eq!(ask(&mut raw, "CW.GET k LEVEL strong"), "$1\r\nv\r\n");
    ask(&mut raw, "HELLO 3");
    let meta = ask(&mut raw, "CW.GET k META");
    let expected = "%12\r\n$5\r\nvalue\r\n$1\r\nv\r\n$5\r\nstale\r\n#f\r\n$3\r\nhit\r\n#t\r\n$5\r\nlevel\r\n$6\r\nstrong\r\n";
    assert!(meta.starts_with(expected), "{meta}");
    assert!(
        meta.ends_with(
            "$7\r\nversion\r\n_\r\n$10\r\nunverified\r\n_\r\n$8\r\nfollowed\r\n_\r\n$4\r\nnear\r\n_\r\n$5\r\nlease\r\n_\r\n"
        ),
        "{meta}"
    );
    let entry = ask(&mut raw, "CW.ENTRY k");
    assert!(entry.starts_with("%19\r\n$3\r\nkey\r\n$1\r\nk\r\n"), "{entry}");
    for part in [
        "$8\r\npriority\r\n:7\r\n",
        "$10\r\ntext/plain\r\n",
        "$4\r\ntags\r\n*1\r\n$1\r\nt\r\n",
        "$4\r\nsize\r\n:1\r\n",
    ] {
        assert!(entry.contains(part), "{part:?} in {entry}");
    }
    assert_eq!(ask(&mut raw, "CW.ENTRY nothing"), "_\r\n");
}

/// The lease in a reply of CW.GET with LEASE.
fn lease_of(reply: &str) -> String {
    let (_, after) = reply.split_once("lease\r\n$").expect("a lease");
    after.split("\r\n").nth(1).expect("its text").to_owned()
}

#[test]
fn a_lease_fills_once_it_is_valid_and_is_refused_after_an_invalidation() {
    let started = Started::new();
    let (mut reader, mut writer) = (started.connect(), started.connect());
    let lease = lease_of(&ask(&mut reader, "CW.GET k LEASE"));
    assert_eq!(ask(&mut reader, &format!("CW.SET k v LEASE {lease}")), ":1\r\n");
    assert_eq!(ask(&mut writer, "GET k"), "$1\r\nv\r\n");
    ask(&mut writer, "DEL k");
    assert_eq!(ask(&mut reader, &format!("CW.SET k old LEASE {lease}")), ":0\r\n");
    let lease = lease_of(&ask(&mut reader, "CW.GET k LEASE"));
    ask(&mut writer, "CW.INVALIDATE TAGS 1 t");
    assert_eq!(ask(&mut reader, &format!("CW.SET k old TAGS 1 t LEASE {lease}")), ":0\r\n");
    let unknown = "-ERR the lease is not one of this node's: read the key again for a new one\r\n";
    for lease in ["nonsense", "0-0", "\"\""] {
        assert_eq!(ask(&mut reader, &format!("CW.SET k v LEASE {lease}")), unknown);
    }
}

/// Found by `clearwell replay`: misses with a lease were counted as those of plain clients, which nothing resolves; within
/// seconds they filled the memory for those, plain SETs of other keys were in doubt, and 15 points of hit ratio were gone.
#[test]
fn a_miss_with_a_lease_puts_no_plain_set_in_doubt() {
    let started = Started::new();
    let mut raw = started.connect();
    let outstanding = |stats: &str| stats.contains("$18\r\noutstanding_misses\r\n:1\r\n");
    ask(&mut raw, "CW.GET k LEASE");
    assert!(!outstanding(&ask(&mut raw, "CW.STATS")));
    ask(&mut raw, "CW.GET k");
    assert!(outstanding(&ask(&mut raw, "CW.STATS")));
}

#[test]
fn every_scope_of_cw_invalidate_reaches_what_it_covers() {
    let cases = [
        ("KEYS 1 user:1", 2),
        ("KEYS 1 user:1 CASCADE no", 1),
        ("TAGS 1 red", 1),
        ("DEPENDENCIES 1 user:1", 1),
        ("PATTERN user:?", 3),
        ("PREFIX user:", 3),
        ("EVENT user_updated ATTRIBUTES 1 user_id 1", 1),
        ("EVERYTHING", 4),
        ("TAGS 1 nosuch", 0),
    ];
    for (scope, reached) in cases {
        let started = Started::new();
        let mut raw = started.connect();
        ask(&mut raw, "CW.SET user:1 a");
        ask(&mut raw, "CW.SET user:2 b TAGS 1 red");
        ask(&mut raw, "CW.SET page c DEPENDS 1 user:1");
        ask(&mut raw, "CW.SET other d EVENTS 1 user_updated{user_id=1}");
        let expected =
            format!("*6\r\n$7\r\nreached\r\n:{reached}\r\n$4\r\nheld\r\n:0\r\n$8\r\nposition\r\n:");
        let dry = ask(&mut raw, &format!("CW.INVALIDATE {scope} DRYRUN"));
        assert!(dry.starts_with(&expected), "{scope}: {dry}");
        assert_eq!(ask(&mut raw, "DBSIZE"), ":4\r\n", "a dry run changes nothing");
        let done = ask(&mut raw, &format!("CW.INVALIDATE {scope}"));
        assert!(done.starts_with(&expected), "{scope}: {done}");
        let left = ask(&mut raw, "EXISTS user:1 user:2 page other");
        assert_eq!(left, format!(":{}\r\n", 4 - reached), "{scope}");
    }
}

#[test]
fn modes_hold_or_mark() {
    let started = Started::new();
    let mut raw = started.connect();
    ask(&mut raw, "SET k v");
    assert!(ask(&mut raw, "CW.INVALIDATE KEYS 1 k MODE on-event go").contains("held\r\n:1\r\n"));
    assert_eq!(ask(&mut raw, "GET k"), "$1\r\nv\r\n");
    assert!(ask(&mut raw, "CW.EVENT go").contains("reached\r\n:1\r\n"));
    assert_eq!(ask(&mut raw, "GET k"), "$-1\r\n");
    let mut other = started.connect();
    ask(&mut other, "SET j v");
    assert!(ask(&mut other, "CW.INVALIDATE KEYS 1 j MODE lazy").contains("reached\r\n:1\r\n"));
    assert_eq!(ask(&mut other, "CW.GET j STALE"), "$1\r\nv\r\n");
    assert_eq!(ask(&mut other, "GET j"), "$-1\r\n");
    ask(&mut other, "SET i v");
    assert!(ask(&mut other, "CW.INVALIDATE KEYS 1 i MODE delayed 1").contains("held\r\n:1\r\n"));
    crate::support::wait_for("the delayed invalidation", || {
        (ask(&mut other, "EXISTS i") == ":0\r\n").then_some(())
    });
}

#[test]
fn wrong_words_are_named() {
    let started = Started::new();
    let mut raw = started.connect();
    let cases = [
        (
            "CW.SET k v WRITE write-through",
            "-ERR strategy write-through cannot be used: no keyspace with a source",
        ),
        ("CW.SET k v WRITE sideways", "-ERR unknown strategy 'sideways'; expected one of write-through,"),
        ("CW.SET k v PRIORITY 300", "-ERR PRIORITY is 0 to 255, not 300"),
        ("CW.SET k v EVENTS 1 {", "-ERR malformed event '{'"),
        ("CW.SET k v DEPENDS 1 k", "-ERR the entry would depend on itself: k"),
        ("CW.SET k v EX 0", "-ERR invalid expire time in 'cw.set' command"),
        ("CW.GET k LEVEL super", "-ERR unknown level 'super'; expected one of strong,"),
        ("CW.INVALIDATE", "-ERR wrong number of arguments for 'cw.invalidate' command"),
        ("CW.INVALIDATE PATTERN [a", "-ERR malformed PATTERN: "),
        ("CW.INVALIDATE CASCADE yes", "-ERR nothing to invalidate; give KEYS, TAGS"),
        (
            "CW.INVALIDATE EVENT e ATTRIBUTES 2 a 1 a 2",
            "-ERR malformed event 'e': attribute \"a\" is given twice",
        ),
        ("CW.EVENT e a", "-ERR attribute 'a' has no value"),
        ("CW.EVENT \"\"", "-ERR malformed event '': event name is empty"),
        ("CW.WARM KEYS 2 a", "-ERR KEYS announces 2 words and 1 follow"),
        ("CW.WARM KEYS 0 REFRESH", "-ERR nothing to load; give KEYS, PATTERN or TAGS"),
        ("CW.WARM PATTERN [a", "-ERR malformed PATTERN: "),
        ("CW.WARM TAGS 1 t", "-ERR tag \"t\" is made by the tags of no keyspace with a source"),
        ("CW.WARM KEYS 1 a FAST", "-ERR unknown option 'FAST'; expected one of KEYS, PATTERN, TAGS, RATE"),
        ("CW.WARM STATUS first", "-ERR a job has a number, as CW.WARM LIST tells it"),
    ];
    for (request, expected) in cases {
        let reply = ask(&mut raw, request);
        assert!(reply.starts_with(expected), "{request}: {reply}");
    }
}

#[test]
fn dependencies_and_stats_are_told() {
    let started = Started::new();
    let mut raw = started.connect();
    ask(&mut raw, "SET user:1 a");
    ask(&mut raw, "CW.SET page b DEPENDS 1 user:1 TAGS 1 t EVENTS 1 sale");
    assert_eq!(
        ask(&mut raw, "CW.DEPENDENCIES page"),
        "*8\r\n$10\r\ndepends_on\r\n*1\r\n$6\r\nuser:1\r\n$4\r\ntags\r\n*1\r\n$1\r\nt\r\n\
         $6\r\nevents\r\n*1\r\n$4\r\nsale\r\n$10\r\ndependents\r\n*0\r\n"
    );
    assert!(ask(&mut raw, "CW.DEPENDENCIES user:1").ends_with("dependents\r\n*1\r\n$4\r\npage\r\n"));
    assert!(ask(&mut raw, "CW.STATS").contains("$7\r\nentries\r\n:2\r\n"));
    assert_eq!(ask(&mut raw, "CW.WARM KEYS 2 page nothing"), ":1\r\n", "the job's number");
    let told = ask(&mut raw, "CW.WARM KEYS 2 page nothing RATE 7 WAIT");
    for part in ["$5\r\nstate\r\n$4\r\ndone\r\n", "$4\r\nrate\r\n:7\r\n", "$14\r\nwithout_source\r\n:2\r\n"] {
        assert!(told.contains(part), "{part:?} in {told}");
    }
    assert_eq!(ask(&mut raw, "CW.WARM CANCEL 2"), ":0\r\n", "it has ended");
    assert_eq!(ask(&mut raw, "CW.WARM STATUS 9"), "$-1\r\n");
    assert!(ask(&mut raw, "CW.WARM LIST").starts_with("*2\r\n"));
}
