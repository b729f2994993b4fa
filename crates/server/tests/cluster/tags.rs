//! Entries with tags whose owners are other nodes.

use std::process::Command;

use super::nodes::Cluster;
use super::support::{Process, wait_for};

fn signal(process: &Process, signal: &str) {
    let status = Command::new("kill").args([signal, &process.id().to_string()]).status();
    assert!(status.expect("kill is there").success());
}

#[test]
fn what_nobody_tells_of_any_more_is_a_miss_at_every_level_but_weak() {
    let cluster = Cluster::start("");
    let (key, tag) = (cluster.key_of(0, "entry"), cluster.key_of(1, "tag"));
    let mut connection = cluster.plain(0);
    assert_eq!(connection.call(&["CW.SET", &key, "1", "TAGS", "1", &tag]), b"+OK\r\n");
    wait_for("the tag's owner to tell", || (connection.call(&["GET", &key]) == b"$1\r\n1\r\n").then_some(()));
    signal(&cluster.nodes[1].process, "-STOP");
    wait_for("its word to be too old", || (connection.call(&["GET", &key]) == b"$-1\r\n").then_some(()));
    let read = |connection: &mut super::support::Raw, level: &str| {
        connection.call(&["CW.GET", &key, "LEVEL", level])
    };
    assert_eq!(read(&mut connection, "eventual"), b"$-1\r\n", "no reply says that nothing proves it");
    signal(&cluster.nodes[1].process, "-CONT");
}
