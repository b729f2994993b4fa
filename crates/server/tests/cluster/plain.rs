//! Connections that know nothing of clusters.

use super::nodes::{Cluster, keys};

#[test]
fn every_node_answers_for_every_key() {
    let cluster = Cluster::start("");
    let mut all: Vec<_> = (0..3).map(|node| cluster.plain(node)).collect();
    for (number, key) in keys().iter().enumerate() {
        let value = number.to_string();
        assert_eq!(all[number % 3].call(&["SET", key, &value]), b"+OK\r\n", "{key}");
        let bulk = format!("${}\r\n{value}\r\n", value.len()).into_bytes();
        (0..3).for_each(|node| assert_eq!(all[node].call(&["GET", key]), bulk, "{key} through {node}"));
    }
    for connection in &mut all {
        assert_eq!(connection.call(&["INCR", "counted"])[0], b':');
    }
    assert_eq!(all[0].call(&["GET", "counted"]), b"$1\r\n3\r\n");
    assert_eq!(all[1].call(&["EXPIRE", "counted", "100"]), b":1\r\n");
    assert_eq!(all[2].call(&["TTL", "counted"]), b":100\r\n");
    assert_eq!(all[0].call(&["GETDEL", "counted"]), b"$1\r\n3\r\n");
    assert_eq!(all[1].call(&["EXISTS", "counted"]), b":0\r\n");
    assert_eq!(all[1].call(&["SET", "counted", "1"]), b"+OK\r\n");
    assert_eq!(all[2].call(&["EXPIRE", "counted", "-1"]), b":1\r\n");
    assert_eq!(all[0].call(&["GET", "counted"]), b"$-1\r\n");
    all.iter_mut().for_each(several_keys);
    all.iter_mut().for_each(what_is_apart_is_refused);
    assert_eq!(all[0].call(&["HELLO", "3"])[0], b'%');
    for key in keys() {
        assert_eq!(all[0].call(&["GET", &format!("{key}:none")]), b"_\r\n", "the protocol travels along");
    }
    a_pipeline_keeps_its_order(&cluster);
}

/// Commands on keys of all nodes.
fn several_keys(connection: &mut super::support::Raw) {
    let keys = keys();
    let with = |name: &str| std::iter::once(name.to_owned()).chain(keys.iter().cloned()).collect::<Vec<_>>();
    let pairs = keys.iter().enumerate().flat_map(|(number, key)| [key.clone(), number.to_string()]);
    let mset: Vec<String> = std::iter::once("MSET".to_owned()).chain(pairs).collect();
    assert_eq!(connection.call(&mset), b"+OK\r\n");
    let values = (0..keys.len()).map(|number| format!("${}\r\n{number}\r\n", number.to_string().len()));
    let all = format!("*{}\r\n{}", keys.len(), values.collect::<String>());
    assert_eq!(String::from_utf8_lossy(&connection.call(&with("MGET"))), all);
    let count = format!(":{}\r\n", keys.len()).into_bytes();
    for command in ["EXISTS", "TOUCH", "DEL"] {
        assert_eq!(connection.call(&with(command)), count, "{command}");
    }
    assert_eq!(connection.call(&with("UNLINK")), b":0\r\n");
}

/// What changes several keys in one step.
fn what_is_apart_is_refused(connection: &mut super::support::Raw) {
    for command in [["RENAME", "key:1", "key:2"], ["COPY", "key:1", "key:2"], ["RENAMENX", "key:1", "key:2"]]
    {
        assert!(connection.call(&command).starts_with(b"-CROSSSLOT "), "{command:?}");
    }
    assert!(connection.call(&["MSETNX", "key:1", "a", "key:2", "b"]).starts_with(b"-CROSSSLOT "));
    assert_eq!(connection.call(&["SET", "{tag}:1", "a"]), b"+OK\r\n");
    assert_eq!(connection.call(&["RENAME", "{tag}:1", "{tag}:2"]), b"+OK\r\n");
    assert_eq!(connection.call(&["MGET", "{tag}:1", "{tag}:2"]), b"*2\r\n$-1\r\n$1\r\na\r\n");
}

fn a_pipeline_keeps_its_order(cluster: &Cluster) {
    let mut connection = cluster.plain(1);
    let (mut bytes, mut expected) = (Vec::new(), Vec::new());
    for (number, key) in keys().iter().enumerate() {
        bytes.extend(super::support::encode(&["SET", key, &number.to_string()]));
        bytes.extend(super::support::encode(&["INCRBY", key, "1000"]));
        expected.extend_from_slice(format!("+OK\r\n:{}\r\n", number + 1000).as_bytes());
    }
    assert!(connection.send(&bytes));
    assert_eq!(connection.read_at_least(expected.len()), expected);
}

#[test]
fn with_replicas_acknowledged_every_node_answers_as_well() {
    let cluster = Cluster::start("ack = \"replicas\"");
    let mut all: Vec<_> = (0..3).map(|node| cluster.plain(node)).collect();
    for (number, key) in keys().iter().enumerate() {
        assert_eq!(all[number % 3].call(&["SET", key, "1"]), b"+OK\r\n", "{key}");
        assert_eq!(all[(number + 1) % 3].call(&["INCR", key]), b":2\r\n", "{key}");
        assert_eq!(all[number % 3].call(&["SETNX", key, "1"]), b":0\r\n", "{key}");
    }
    all.iter_mut().for_each(several_keys);
}

#[test]
fn reads_that_shall_not_count_do_not_count_elsewhere() {
    let cluster = Cluster::start("");
    let mut connection = cluster.plain(0);
    let key = cluster.key_of(1, "key");
    assert_eq!(connection.call(&["SET", &key, "1"]), b"+OK\r\n");
    let before = connection.call(&["OBJECT", "FREQ", &key]);
    assert_eq!(connection.call(&["CLIENT", "NO-TOUCH", "ON"]), b"+OK\r\n");
    (0..20).for_each(|_| assert_eq!(connection.call(&["GET", &key]), b"$1\r\n1\r\n"));
    assert_eq!(connection.call(&["OBJECT", "FREQ", &key]), before);
    assert_eq!(connection.call(&["CLIENT", "NO-TOUCH", "OFF"]), b"+OK\r\n");
    (0..20).for_each(|_| assert_eq!(connection.call(&["GET", &key]), b"$1\r\n1\r\n"));
    assert_ne!(connection.call(&["OBJECT", "FREQ", &key]), before);
}
