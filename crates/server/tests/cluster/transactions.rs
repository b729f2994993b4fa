//! Transactions whose keys are elsewhere.

use super::nodes::Cluster;
use super::support::Raw;

#[test]
fn a_transaction_runs_where_its_keys_are() {
    let cluster = Cluster::start("");
    for owner in 0..3 {
        let (one, other) = (cluster.key_of(owner, "one"), cluster.key_of(owner, "other"));
        for node in 0..3 {
            let mut connection = cluster.plain(node);
            assert_eq!(connection.call(&["MULTI"]), b"+OK\r\n");
            let requests: [&[&str]; 5] = [
                &["SET", &one, "1"],
                &["INCR", &one],
                &["MSET", &one, "5", &other, "6"],
                &["DEL", &other],
                &["PING"],
            ];
            requests.iter().for_each(|request| assert_eq!(connection.call(request), b"+QUEUED\r\n"));
            let reply = connection.call(&["EXEC"]);
            assert_eq!(
                String::from_utf8_lossy(&reply),
                "*5\r\n+OK\r\n:2\r\n+OK\r\n:1\r\n+PONG\r\n",
                "{owner} {node}"
            );
            assert_eq!(connection.call(&["MGET", &one, &other]), b"*2\r\n$1\r\n5\r\n$-1\r\n");
        }
    }
    let (here, there) = (cluster.key_of(0, "here"), cluster.key_of(1, "there"));
    let mut connection = cluster.plain(0);
    assert_eq!(connection.call(&["MULTI"]), b"+OK\r\n");
    assert_eq!(connection.call(&["SET", &here, "1"]), b"+QUEUED\r\n");
    assert_eq!(connection.call(&["SET", &there, "1"]), b"+QUEUED\r\n");
    assert!(connection.call(&["EXEC"]).starts_with(b"-CROSSSLOT "));
    assert_eq!(connection.call(&["EXISTS", &here, &there]), b":0\r\n", "nothing was done");
    assert_eq!(connection.call(&["WATCH", &here]), b"+OK\r\n");
    assert_eq!(cluster.plain(2).call(&["SET", &here, "changed"]), b"+OK\r\n");
    assert_eq!(connection.call(&["MULTI"]), b"+OK\r\n");
    assert_eq!(connection.call(&["SET", &here, "mine"]), b"+QUEUED\r\n");
    assert_eq!(connection.call(&["EXEC"]), b"*-1\r\n");
}

#[test]
fn keys_are_watched_where_they_are() {
    let cluster = Cluster::start("");
    let (one, other) = (cluster.key_of(1, "one"), cluster.key_of(1, "other"));
    let here = cluster.key_of(0, "here");
    let mut connection = cluster.plain(0);
    let exec = |connection: &mut Raw, key: &str| {
        assert_eq!(connection.call(&["MULTI"]), b"+OK\r\n");
        assert_eq!(connection.call(&["WATCH", key]), b"-ERR WATCH inside MULTI is not allowed\r\n");
        assert_eq!(connection.call(&["INCR", key]), b"+QUEUED\r\n");
        connection.call(&["EXEC"])
    };
    for (key, changed, reply) in [
        (&one, &other, &b"*1\r\n:1\r\n"[..]),
        (&one, &one, b"*-1\r\n"),
        (&other, &one, b"*-1\r\n"),
        (&here, &one, b"-CROSSSLOT "),
    ] {
        assert_eq!(connection.call(&["WATCH", &one]), b"+OK\r\n");
        assert_eq!(cluster.plain(2).call(&["SET", changed, "0"]), b"+OK\r\n");
        let done = exec(&mut connection, key);
        assert!(done.starts_with(reply), "{key} {changed}: {}", String::from_utf8_lossy(&done));
        // It is over, whatever became of it.
        assert_eq!(cluster.plain(2).call(&["SET", &one, "0"]), b"+OK\r\n");
        assert_eq!(exec(&mut connection, &one), b"*1\r\n:1\r\n");
    }
    for forget in [&["UNWATCH"][..], &["RESET"]] {
        assert_eq!(connection.call(&["WATCH", &one, &other]), b"+OK\r\n");
        assert_eq!(cluster.plain(2).call(&["SET", &other, "5"]), b"+OK\r\n");
        connection.call(forget);
        assert_eq!(exec(&mut connection, &other), b"*1\r\n:6\r\n");
    }
    assert_eq!(connection.call(&["WATCH", &one]), b"+OK\r\n");
    assert!(connection.call(&["WATCH", &here]).starts_with(b"-CROSSSLOT "));
    assert_eq!(connection.call(&["UNWATCH"]), b"+OK\r\n");
    assert!(connection.call(&["WATCH", &one, &here]).starts_with(b"-CROSSSLOT "));
    assert_eq!(connection.call(&["WATCH", &here]), b"+OK\r\n");
    assert!(connection.call(&["WATCH", &one]).starts_with(b"-CROSSSLOT "));
}

/// What was watched there is not any more when the owner is gone: nothing is done.
#[test]
fn a_watch_ends_with_the_owner() {
    let mut cluster = Cluster::start("ack = \"replicas\"");
    let key = cluster.key_of(1, "key");
    let mut connection = cluster.plain(0);
    assert_eq!(connection.call(&["WATCH", &key]), b"+OK\r\n");
    cluster.nodes[1].process.kill9();
    assert_eq!(connection.call(&["MULTI"]), b"+OK\r\n");
    assert_eq!(connection.call(&["INCR", &key]), b"+QUEUED\r\n");
    assert_eq!(connection.call(&["EXEC"]), b"*-1\r\n");
    assert_eq!(connection.call(&["GET", &key]), b"$-1\r\n", "the new owner has none");
}
