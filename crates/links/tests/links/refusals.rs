//! Who is refused, and what both sides are told.

use std::sync::Arc;

use clearwell_links::{ClusterIdent, HelloRefusal, Notice, RefusedBy, RefusedLink, Settings, SharedSecret};

use crate::node::{Node, control, settings};

/// Starts two nodes of which the first one dials the second one, and returns what each noticed of that.
fn refused(dialer: Settings, listener: Settings) -> (Node, Node, RefusedLink, RefusedLink) {
    let (a, b) = (Node::start(dialer), Node::start(listener));
    a.links.learn(b.peer.node, &[b.address()]).unwrap();
    a.send(&b, &control(1));
    let (at_a, at_b) = (a.refused(), b.refused());
    assert!(b.has_nothing());
    let shown = a.figures_of(&b).refused.expect("it is shown");
    assert_eq!(std::mem::discriminant(&shown.why), std::mem::discriminant(&at_a.why));
    assert!(!b.links.figures().refused.is_empty());
    (a, b, at_a, at_b)
}

#[test]
fn another_secret_is_refused_and_nothing_more_is_told() {
    let mut other = settings(2);
    other.secret = Some(SharedSecret::new(b"what others take for the secret").unwrap());
    let (_a, _b, at_a, at_b) = refused(settings(1), other);
    assert_eq!((at_a.why.clone(), at_a.by), (HelloRefusal::WrongSecret, RefusedBy::Here));
    assert_eq!((at_b.why, at_b.by, at_b.node), (HelloRefusal::WrongSecret, RefusedBy::Here, None));
    assert!(at_a.why.to_string().contains("the same one"));
}

#[test]
fn no_secret_is_another_secret() {
    let mut other = settings(2);
    other.secret = None;
    let (_a, _b, at_a, at_b) = refused(settings(1), other);
    assert_eq!((at_a.why, at_b.why), (HelloRefusal::WrongSecret, HelloRefusal::WrongSecret));
}

#[test]
fn another_cluster_is_refused() {
    for (name, id) in [("other", 7), ("test", 8)] {
        let mut other = settings(2);
        (other.cluster.name, other.cluster.id) = (name.into(), Some(id));
        let (here, there) = (settings(1).cluster, other.cluster.clone());
        let (_a, _b, at_a, at_b) = refused(settings(1), other);
        let at_b_is = HelloRefusal::OtherCluster { here: there.clone(), there: here.clone() };
        assert_eq!(at_a.why, HelloRefusal::OtherCluster { here, there });
        assert_eq!((at_b.why, at_b.by), (at_b_is, RefusedBy::There));
        assert_eq!(at_b.node.map(|node| node.0), Some(1));
    }
}

#[test]
fn other_keyspaces_are_refused() {
    let (mut mine, mut other) = (settings(1), settings(2));
    (mine.keyspaces, other.keyspaces) = (1, 2);
    let (_a, _b, at_a, at_b) = refused(mine, other);
    assert_eq!(at_a.why, HelloRefusal::OtherKeyspaces { here: 1, there: 2 });
    assert_eq!(at_b.why, HelloRefusal::OtherKeyspaces { here: 2, there: 1 });
}

#[test]
fn a_clock_that_is_off_is_refused_with_both_times() {
    let (mut mine, mut other) = (settings(1), settings(2));
    mine.wall_clock = Arc::new(|| 1_000_000_000);
    other.wall_clock = Arc::new(|| 1_000_300_001);
    let (_a, _b, at_a, at_b) = refused(mine, other);
    let (here_ms, there_ms, most_ms) = (1_000_000_000, 1_000_300_001, 300_000);
    assert_eq!(at_a.why, HelloRefusal::ClockOff { here_ms, there_ms, most_ms });
    assert_eq!(at_b.why, HelloRefusal::ClockOff { here_ms: there_ms, there_ms: here_ms, most_ms });
    let said = at_a.why.to_string();
    assert!(said.contains("1970-01-12 13:46:40 UTC") && said.contains("1970-01-12 13:51:40 UTC"), "{said}");
}

#[test]
fn who_refuses_is_not_dialed_again_soon() {
    let (mut mine, mut other) = (settings(1), settings(2));
    mine.redial_ms = (1, 3_600_000);
    other.keyspaces = 1;
    let (a, b, c) = (Node::start(mine), Node::start(other), Node::start(settings(3)));
    a.links.learn(b.peer.node, &[b.address()]).unwrap();
    a.meets(&c);
    // Two lanes were refused, and nothing else however much happens meanwhile.
    b.stands(|figures| figures.refused.len() == 2);
    for number in 0..1000 {
        a.send(&c, &control(number));
        assert_eq!(c.next().1, control(number));
    }
    assert_eq!(b.links.figures().refused.len(), 2);
}

#[test]
fn a_node_that_knows_no_number_of_its_cluster_yet_is_let_in() {
    let mut joiner = settings(1);
    joiner.cluster.id = None;
    let (a, b) = (Node::start(joiner), Node::start(settings(2)));
    a.links.seek(&b.address());
    let id = a.noticed(|notice| match notice {
        Notice::Met(hello) => Some(hello.cluster.id),
        _ => None,
    });
    assert_eq!(id, Some(7));
    // It joined another one of the same name: from now on it is refused.
    a.links.joined(8);
    let c = Node::start(settings(3));
    a.links.seek(&c.address());
    let (here, there) = (ClusterIdent { name: "test".into(), id: Some(8) }, settings(3).cluster);
    assert_eq!(a.refused().why, HelloRefusal::OtherCluster { here, there });
}
