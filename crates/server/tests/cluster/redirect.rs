//! Connections that know clusters.

use super::nodes::{Cluster, keys, served};

#[test]
fn whoever_knows_clusters_is_told_where_a_key_is() {
    let cluster = Cluster::start("");
    let mut all: Vec<_> = (0..3).map(|node| cluster.redirect(node)).collect();
    for key in keys() {
        let owner = cluster.owner(&key);
        for (node, connection) in all.iter_mut().enumerate() {
            let reply = served(connection, &["SET", &key, "1"]);
            match node == owner {
                true => assert_eq!(reply, b"+OK\r\n"),
                false => {
                    let told = format!(" {}\r\n", cluster.nodes[owner].redirect);
                    let reply = String::from_utf8(reply).expect("text");
                    assert!(reply.starts_with("-MOVED ") && reply.ends_with(&told), "{reply}");
                }
            }
        }
    }
    let (first, second) = (cluster.key_of(0, "a"), cluster.key_of(0, "b"));
    let crossed = b"-CROSSSLOT Keys in request don't hash to the same slot\r\n";
    assert_eq!(all[0].call(&["MGET", &first, &second]), crossed);
    let elsewhere = cluster.key_of(1, "c");
    assert_eq!(all[0].call(&["MULTI"]), b"+OK\r\n");
    assert!(served(&mut all[0], &["GET", &elsewhere]).starts_with(b"-MOVED "));
    assert!(all[0].call(&["EXEC"]).starts_with(b"-EXECABORT "));
    assert_eq!(all[0].call(&["MULTI"]), b"+OK\r\n");
    assert_eq!(all[0].call(&["GET", &first]), b"+QUEUED\r\n");
    assert_eq!(all[0].call(&["GET", &second]), b"+QUEUED\r\n");
    assert_eq!(all[0].call(&["EXEC"]), crossed);
    assert_eq!(all[0].call(&["EXEC"]), b"-ERR EXEC without MULTI\r\n", "it is over");
    assert!(served(&mut all[0], &["WATCH", &elsewhere]).starts_with(b"-MOVED "));
    for command in ["ASKING", "READONLY", "READWRITE"] {
        assert_eq!(all[0].call(&[command]), b"+OK\r\n");
    }
}

#[test]
fn whoever_knows_clusters_is_told_of_the_cluster() {
    let cluster = Cluster::start("");
    let mut asking = cluster.redirect(0);
    let text = |reply: Vec<u8>| String::from_utf8(reply).expect("text");
    let slots = text(asking.call(&["CLUSTER", "SLOTS"]));
    let ranges = slots.trim_start_matches('*').split("\r\n").next().and_then(|count| count.parse().ok());
    assert!(ranges.is_some_and(|ranges: usize| (1000..1700).contains(&ranges)), "{}", &slots[..40]);
    assert_eq!(slots.matches("*3\r\n:").count(), ranges.expect("a count"), "each with its owner alone");
    assert!(text(asking.call(&["CLUSTER", "SHARDS"])).starts_with("*3\r\n*4\r\n$5\r\nslots\r\n"));
    assert_eq!(asking.call(&["CLUSTER", "MYSHARDID"]), asking.call(&["CLUSTER", "MYID"]));
    assert_eq!(asking.call(&["CLUSTER", "LINKS"]), b"*0\r\n");
    let unknown = asking.call(&["CLUSTER", "COUNT-FAILURE-REPORTS", "abc"]);
    assert_eq!(unknown, b"-ERR Unknown node abc\r\n");
    let me = text(asking.call(&["CLUSTER", "MYID"]));
    let me = me.split("\r\n").nth(1).expect("a name");
    assert_eq!(asking.call(&["CLUSTER", "COUNT-FAILURE-REPORTS", me]), b":0\r\n");
    let key = cluster.key_of(0, "a");
    assert_eq!(asking.call(&["SET", &key, "1"]), b"+OK\r\n");
    let slot = text(asking.call(&["CLUSTER", "KEYSLOT", &key]));
    let slot = slot.trim_start_matches(':').trim_end();
    let found = format!("*1\r\n${}\r\n{key}\r\n", key.len());
    assert_eq!(text(asking.call(&["CLUSTER", "GETKEYSINSLOT", slot, "10"])), found);
    assert_eq!(asking.call(&["CLUSTER", "GETKEYSINSLOT", slot, "0"]), b"*0\r\n");
    assert_eq!(asking.call(&["SELECT", "1"]), b"-ERR SELECT is not allowed in cluster mode\r\n");
    assert_eq!(asking.call(&["SELECT", "0"]), b"+OK\r\n");
    assert!(text(asking.call(&["INFO", "cluster"])).contains("cluster_enabled:1"));
    assert!(text(asking.call(&["INFO", "server"])).contains("redis_mode:cluster"));
    assert!(text(asking.call(&["HELLO", "3"])).contains("$4\r\nmode\r\n$7\r\ncluster\r\n"));
    let mut plain = cluster.plain(0);
    assert!(text(plain.call(&["INFO", "server"])).contains("redis_mode:standalone"));
    assert!(text(plain.call(&["HELLO", "3"])).contains("$4\r\nmode\r\n$10\r\nstandalone\r\n"));
}
