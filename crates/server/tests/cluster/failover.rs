//! An owner that is killed.

use super::nodes::{Cluster, keys};
use super::support::{Raw, wait_for};

/// Sets a key. Where a replica goes while it is waited for, the node says that it does not know: then it is sent again.
fn set(connection: &mut Raw, key: &str, value: &str) {
    wait_for("a write to be acknowledged", || {
        let reply = connection.call(&["SET", key, value]);
        assert!(
            reply == b"+OK\r\n" || reply.starts_with(b"-UNKNOWN "),
            "{key}: {}",
            String::from_utf8_lossy(&reply)
        );
        (reply == b"+OK\r\n").then_some(())
    });
}

#[test]
fn plain_connections_see_a_failover_as_a_pause() {
    let mut cluster = Cluster::start("ack = \"replicas\"");
    let mut connection = cluster.plain(0);
    for key in keys() {
        set(&mut connection, &key, "before");
    }
    cluster.nodes[1].process.kill9();
    for key in keys() {
        let reply = connection.call(&["GET", &key]);
        assert_eq!(reply, b"$6\r\nbefore\r\n", "{key}");
        set(&mut connection, &key, "after");
    }
    let mut other = cluster.plain(2);
    for key in keys() {
        assert_eq!(other.call(&["GET", &key]), b"$5\r\nafter\r\n", "{key}");
    }
}
