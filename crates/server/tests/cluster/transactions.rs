//! Transactions whose keys are elsewhere.

use super::nodes::Cluster;

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
    assert!(connection.call(&["WATCH", &there]).starts_with(b"-ERR another node serves the key"));
    assert_eq!(connection.call(&["WATCH", &here]), b"+OK\r\n");
    assert_eq!(cluster.plain(2).call(&["SET", &here, "changed"]), b"+OK\r\n");
    assert_eq!(connection.call(&["MULTI"]), b"+OK\r\n");
    assert_eq!(connection.call(&["SET", &here, "mine"]), b"+QUEUED\r\n");
    assert_eq!(connection.call(&["EXEC"]), b"*-1\r\n");
}
