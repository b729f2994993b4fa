//! An owner that is killed.

use super::nodes::{Cluster, keys};

#[test]
fn plain_connections_see_a_failover_as_a_pause() {
    let mut cluster = Cluster::start("ack = \"replicas\"");
    let mut connection = cluster.plain(0);
    for key in keys() {
        assert_eq!(connection.call(&["SET", &key, "before"]), b"+OK\r\n");
    }
    cluster.nodes[1].process.kill9();
    for key in keys() {
        let reply = connection.call(&["GET", &key]);
        assert_eq!(reply, b"$6\r\nbefore\r\n", "{key}");
        assert_eq!(connection.call(&["SET", &key, "after"]), b"+OK\r\n", "{key}");
    }
    let mut other = cluster.plain(2);
    for key in keys() {
        assert_eq!(other.call(&["GET", &key]), b"$5\r\nafter\r\n", "{key}");
    }
}
