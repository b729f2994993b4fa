//! Connections that know clusters.

use super::nodes::{Cluster, keys};

#[test]
fn whoever_knows_clusters_is_told_where_a_key_is() {
    let cluster = Cluster::start("");
    let mut all: Vec<_> = (0..3).map(|node| cluster.redirect(node)).collect();
    for key in keys() {
        let owner = cluster.owner(&key);
        for (node, connection) in all.iter_mut().enumerate() {
            let reply = connection.call(&["SET", &key, "1"]);
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
    assert!(all[0].call(&["GET", &elsewhere]).starts_with(b"-MOVED "));
    assert!(all[0].call(&["EXEC"]).starts_with(b"-EXECABORT "));
    assert_eq!(all[0].call(&["MULTI"]), b"+OK\r\n");
    assert_eq!(all[0].call(&["GET", &first]), b"+QUEUED\r\n");
    assert_eq!(all[0].call(&["GET", &second]), b"+QUEUED\r\n");
    assert_eq!(all[0].call(&["EXEC"]), crossed);
    assert_eq!(all[0].call(&["EXEC"]), b"-ERR EXEC without MULTI\r\n", "it is over");
    assert!(all[0].call(&["WATCH", &elsewhere]).starts_with(b"-MOVED "));
    for command in ["ASKING", "READONLY", "READWRITE"] {
        assert_eq!(all[0].call(&[command]), b"+OK\r\n");
    }
}
