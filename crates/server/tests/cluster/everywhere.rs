//! Commands that concern the keys or the listeners of all nodes.

use std::collections::BTreeSet;

use super::nodes::{Cluster, keys};
use super::support::{Raw, encode, wait_for};

/// The bulk strings of a reply.
fn names(reply: &[u8]) -> Vec<String> {
    let text = String::from_utf8(reply.to_vec()).expect("text");
    let mut lines = text.split("\r\n");
    let mut names = Vec::new();
    while let Some(line) = lines.next() {
        if line.starts_with('$') && line != "$-1" {
            names.extend(lines.next().map(str::to_owned));
        }
    }
    names
}

fn number(reply: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(reply).into_owned();
    text.strip_prefix(':').and_then(|text| text.trim_end().parse().ok()).unwrap_or_else(|| panic!("{text}"))
}

/// All that SCAN tells, a page at each connection in turn.
fn scanned(connections: &mut [Raw]) -> Vec<String> {
    let (mut all, mut cursor, mut turn) = (Vec::new(), "0".to_owned(), 0);
    loop {
        let count = connections.len();
        let mut page =
            names(&connections[turn % count].call(&["SCAN", &cursor, "COUNT", "7", "MATCH", "key:*"]));
        cursor = page.remove(0);
        all.extend(page);
        turn += 1;
        if cursor == "0" {
            return all;
        }
    }
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort_unstable();
    names
}

#[test]
fn keys_of_all_nodes_are_counted_and_listed_once() {
    let cluster = Cluster::start("ack = \"replicas\"");
    let mut plain: Vec<Raw> = (0..3).map(|node| cluster.plain(node)).collect();
    let mut redirect: Vec<Raw> = (0..3).map(|node| cluster.redirect(node)).collect();
    let all = sorted(keys());
    for key in &all {
        assert_eq!(plain[0].call(&["SET", key, "1"]), b"+OK\r\n");
    }
    for connection in &mut plain {
        assert_eq!(number(&connection.call(&["DBSIZE"])), 60);
        assert_eq!(sorted(names(&connection.call(&["KEYS", "*"]))), all);
        assert_eq!(sorted(names(&connection.call(&["KEYS", "key:1?"]))).len(), 10);
        assert!(all.contains(&names(&connection.call(&["RANDOMKEY"]))[0]));
        assert!(connection.call(&["SCAN", "x"]).starts_with(b"-ERR invalid cursor"));
        assert_eq!(connection.call(&["SCAN", &i64::MAX.to_string()]), b"*2\r\n$1\r\n0\r\n*0\r\n");
    }
    assert_eq!(sorted(scanned(&mut plain)), all, "each once, whichever node is asked for a page");
    // Who knows clusters asks each node for its own.
    let own: Vec<Vec<String>> = redirect.iter_mut().map(|one| names(&one.call(&["KEYS", "*"]))).collect();
    assert_eq!(sorted(own.concat()), all);
    for (node, connection) in redirect.iter_mut().enumerate() {
        assert!(!own[node].is_empty() && own[node].iter().all(|key| cluster.owner(key) == node));
        assert_eq!(number(&connection.call(&["DBSIZE"])), own[node].len() as u64);
        assert_eq!(sorted(scanned(std::slice::from_mut(connection))), sorted(own[node].clone()));
        assert!(own[node].contains(&names(&connection.call(&["RANDOMKEY"]))[0]));
    }
    in_a_transaction(&cluster, &mut plain[0]);
    assert_eq!(plain[1].call(&["FLUSHALL"]), b"+OK\r\n");
    for connection in &mut plain {
        assert_eq!(connection.call(&["DBSIZE"]), b":0\r\n");
        assert_eq!(connection.call(&["RANDOMKEY"]), b"$-1\r\n");
        assert!(scanned(std::slice::from_mut(connection)).is_empty());
    }
}

/// They are asked of all nodes there too, wherever it runs.
fn in_a_transaction(cluster: &Cluster, connection: &mut Raw) {
    for owner in 0..3 {
        let key = cluster.key_of(owner, "key");
        assert_eq!(connection.call(&["MULTI"]), b"+OK\r\n");
        for request in [&["EXISTS", &key][..], &["DBSIZE"], &["PUBLISH", "nobody", "x"]] {
            assert_eq!(connection.call(request), b"+QUEUED\r\n");
        }
        let reply = connection.call(&["EXEC"]);
        assert!(reply.ends_with(b":60\r\n:0\r\n"), "{}", String::from_utf8_lossy(&reply));
    }
}

#[test]
fn keys_are_listed_while_a_node_is_replaced() {
    let mut cluster = Cluster::start("ack = \"replicas\"");
    let mut connection = cluster.plain(0);
    for key in keys() {
        assert_eq!(connection.call(&["SET", &key, "1"]), b"+OK\r\n");
    }
    // A page of each node is there to go on from.
    let mut begun = BTreeSet::from(["0".to_owned()]);
    let mut cursor = "0".to_owned();
    loop {
        cursor = names(&connection.call(&["SCAN", &cursor, "COUNT", "20"])).remove(0);
        if !begun.insert(cursor.clone()) {
            break;
        }
    }
    cluster.nodes[1].process.kill9();
    assert_eq!(number(&connection.call(&["DBSIZE"])), 60, "it waits for the failover, as other commands do");
    assert_eq!(sorted(names(&connection.call(&["KEYS", "*"]))), sorted(keys()));
    let whole = scanned(std::slice::from_mut(&mut connection));
    assert_eq!(sorted(whole), sorted(keys()));
    for cursor in begun {
        let page = connection.call(&["SCAN", &cursor]);
        assert!(page.starts_with(b"*2\r\n"), "a cursor of a node that is gone goes on with the next one");
    }
}

#[test]
fn a_message_reaches_who_listens_at_any_node() {
    let mut cluster = Cluster::start("");
    let mut listeners = [cluster.plain(0), cluster.redirect(1), cluster.plain(2)];
    for (node, listener) in listeners.iter_mut().enumerate() {
        match node {
            2 => assert!(listener.call(&["PSUBSCRIBE", "new*"]).starts_with(b"*3\r\n$10\r\npsubscribe")),
            _ => assert!(listener.call(&["SUBSCRIBE", "news"]).starts_with(b"*3\r\n$9\r\nsubscribe")),
        }
    }
    let mut expected = vec![Vec::new(); 3];
    let mut send = |connection: &mut Raw, text: String, reached: &[u8]| {
        assert_eq!(connection.call(&["PUBLISH", "news", &text]), reached);
        for (node, expected) in expected.iter_mut().enumerate() {
            match node {
                2 => expected.extend(encode(&["pmessage", "new*", "news", &text])),
                _ => expected.extend(encode(&["message", "news", &text])),
            }
        }
    };
    for node in 0..3 {
        for number in 0..20 {
            send(&mut cluster.plain(node), format!("plain {node} {number}"), b":3\r\n");
        }
        send(&mut cluster.redirect(node), format!("redirect {node}"), b":3\r\n");
        let mut asking = cluster.plain(node);
        assert_eq!(
            asking.call(&["PUBSUB", "NUMSUB", "news", "none"]),
            b"*4\r\n$4\r\nnews\r\n:2\r\n$4\r\nnone\r\n:0\r\n"
        );
        assert_eq!(asking.call(&["PUBSUB", "NUMPAT"]), b":1\r\n");
        assert_eq!(asking.call(&["PUBSUB", "CHANNELS", "n*"]), b"*1\r\n$4\r\nnews\r\n");
    }
    // As Redis Cluster does: a node tells of those who listen there.
    assert_eq!(cluster.redirect(2).call(&["PUBSUB", "NUMSUB", "news"]), b"*2\r\n$4\r\nnews\r\n:0\r\n");
    for (listener, expected) in listeners.iter_mut().zip(&expected) {
        let heard = listener.read_at_least(expected.len());
        assert_eq!(String::from_utf8_lossy(&heard), String::from_utf8_lossy(expected), "each once, in order");
    }
    cluster.nodes[0].process.kill9();
    let mut sender = cluster.plain(1);
    wait_for("the others to be told", || {
        (sender.call(&["PUBLISH", "news", "last"]) == b":2\r\n").then_some(())
    });
}
