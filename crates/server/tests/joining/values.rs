//! Values of keys without a source, in a cluster.

use crate::nodes::{Node, Nodes};
use crate::support::wait_for;

const KEYS: usize = 60;

fn key(n: usize) -> String {
    format!("key:{n}")
}

#[test]
fn an_owner_that_is_killed_leaves_its_values_to_its_replicas() {
    let mut nodes = Nodes::start(3);
    for n in 0..KEYS {
        assert_eq!(nodes.call(&["SET", &key(n), &format!("value {n}")]), "+OK\r\n");
        assert_eq!(nodes.call(&["INCR", &format!("count:{n}")]), ":1\r\n");
        assert_eq!(nodes.call(&["EXPIRE", &format!("count:{n}"), "1000"]), ":1\r\n");
    }
    // What a reader was told is gone stays gone.
    for n in 0..KEYS / 2 {
        assert_eq!(nodes.call(&["DEL", &key(n)]), ":1\r\n");
    }
    // Plain values are acknowledged by their owners: a record is on its way for a moment.
    let kept = |nodes: &Nodes| -> u64 { nodes.nodes.iter().map(entries).sum() };
    wait_for("the replicas", || (kept(&nodes) == 2 * (KEYS / 2 + KEYS) as u64).then_some(()));
    nodes.nodes[0].process.kill9();
    nodes.nodes.remove(0);
    for n in 0..KEYS {
        let read = nodes.call(&["GET", &key(n)]);
        let value = format!("value {n}");
        match n < KEYS / 2 {
            true => assert_eq!(read, "$-1\r\n", "{n}"),
            false => assert_eq!(read, format!("${}\r\n{value}\r\n", value.len()), "{n}"),
        }
        let ttl = number(&nodes.call(&["TTL", &format!("count:{n}")]));
        assert!((900..=1000).contains(&ttl), "{n}: {ttl}");
        assert_eq!(nodes.call(&["INCR", &format!("count:{n}")]), ":2\r\n", "{n}");
    }
}

#[test]
fn a_tag_is_invalidated_wherever_its_entries_are() {
    let nodes = Nodes::start(3);
    for n in 0..KEYS {
        let tag = format!("author:{}", n % 4);
        assert_eq!(nodes.call(&["CW.SET", &key(n), "text", "TAGS", "2", &tag, "posts"]), "+OK\r\n");
    }
    let there = |nodes: &Nodes| {
        (0..KEYS).filter(|n| nodes.call(&["GET", &key(*n)]).starts_with("$4")).collect::<Vec<_>>()
    };
    assert_eq!(there(&nodes).len(), KEYS);
    for (author, node) in nodes.nodes.iter().enumerate() {
        let answer = node.call(&["CW.INVALIDATE", "TAGS", "1", &format!("author:{author}")]);
        assert!(answer.starts_with('*') || answer.starts_with('%'), "{answer}");
        let left = there(&nodes);
        assert!(
            left.iter().all(|n| n % 4 > author) && left.len() == KEYS / 4 * (3 - author),
            "{author}: {left:?}"
        );
    }
    nodes.nodes[1].call(&["CW.INVALIDATE", "PATTERN", "key:*"]);
    assert!(there(&nodes).is_empty());
}

/// How many entries lie at a node, as their owner's or as copies.
fn entries(node: &Node) -> u64 {
    let said = node.call(&["INFO", "keyspace"]);
    let count = said.split("keys=").nth(1).and_then(|rest| rest.split(',').next());
    count.map_or(0, |count| count.parse().expect("a count of keys"))
}

fn number(reply: &str) -> u64 {
    reply.trim_start_matches(':').trim().parse().unwrap_or_else(|_| panic!("{reply:?} is no number"))
}
