//! Which process of which node is at the other end.

use clearwell_cluster::decree::{Ballot, Decree};
use clearwell_cluster::{Epoch, Message, NodeId, Peer, To};
use clearwell_links::{HelloRefusal, Lane, Notice, RefusedBy, Settings, Unreached};
use clearwell_wire::Kind;

use crate::node::{Node, control, settings};

fn later(node: u64, incarnation: u32) -> Settings {
    let mut settings = settings(node);
    settings.me.incarnation = incarnation;
    settings
}

#[test]
fn a_node_that_is_back_somewhere_else_is_found_by_its_own_call() {
    let (a, b) = (Node::start(settings(1)), Node::start(settings(2)));
    a.meets(&b);
    a.send(&b, &control(1));
    assert_eq!(b.next(), (a.peer, control(1)));
    drop(b);
    let b = Node::start(later(2, 2));
    b.links.learn(a.peer.node, &[a.address()]).unwrap();
    a.noticed(|notice| (*notice == Notice::Opened(b.peer, Lane::Control)).then_some(()));
    // What is for the process before it is for nobody.
    a.links.send(To::Peer(Peer { incarnation: 1, ..b.peer }), &control(2));
    a.links.send(To::Peer(b.peer), &control(3));
    assert_eq!(b.next(), (a.peer, control(3)));
    assert_eq!(a.figures_of(&b).lanes[Lane::Control.index()].dropped.of(Kind::Applied), 1);
}

#[test]
fn nothing_is_sent_to_a_process_that_is_over() {
    let (a, old, new) = (Node::start(settings(1)), Node::start(later(2, 1)), Node::start(later(2, 2)));
    a.links.learn(old.peer.node, &[old.address()]).unwrap();
    a.opened(&old, Lane::Control);
    // The old one stands still, and nobody told this node of the new one.
    new.links.learn(a.peer.node, &[a.address()]).unwrap();
    let why = a.noticed(|notice| match notice {
        Notice::Closed(peer, Lane::Control, why) if *peer == old.peer => Some(why.clone()),
        _ => None,
    });
    assert!(why.contains("a later process"), "{why}");
    a.opened(&new, Lane::Control);
    a.send(&new, &control(1));
    assert_eq!(new.next(), (a.peer, control(1)));
}

#[test]
fn a_process_that_is_over_is_refused() {
    let (a, b, old) = (Node::start(settings(1)), Node::start(later(2, 5)), Node::start(later(2, 4)));
    b.links.learn(a.peer.node, &[a.address()]).unwrap();
    b.opened(&a, Lane::Control);
    old.links.learn(a.peer.node, &[a.address()]).unwrap();
    let why = HelloRefusal::TooOldIncarnation { node: NodeId(2), known: 5, refused: 4 };
    for (told, by) in [(old.refused(), RefusedBy::There), (a.refused(), RefusedBy::Here)] {
        assert_eq!((told.why, told.by), (why.clone(), by));
    }
}

#[test]
fn two_processes_of_one_number_are_told_apart() {
    let [a, b, copy] = [1, 2, 2].map(|node| Node::start(settings(node)));
    b.links.learn(a.peer.node, &[a.address()]).unwrap();
    b.opened(&a, Lane::Control);
    copy.links.learn(a.peer.node, &[a.address()]).unwrap();
    let why = HelloRefusal::NodeIdInUse { node: NodeId(2), incarnation: 1 };
    for (told, by) in [(copy.refused(), RefusedBy::There), (a.refused(), RefusedBy::Here)] {
        assert_eq!((told.why, told.by), (why.clone(), by));
    }
}

#[test]
fn a_node_that_finds_its_own_number_elsewhere_is_told() {
    let [a, twin] = [1, 1].map(|node| Node::start(settings(node)));
    a.links.seek(&twin.address());
    let why = HelloRefusal::NodeIdInUse { node: NodeId(1), incarnation: 1 };
    assert_eq!((a.refused().why, twin.refused().why), (why.clone(), why.clone()));
    a.stands(|figures| {
        figures
            .seeking
            .iter()
            .any(|(_, last)| matches!(last, Some(Unreached::Refused(told)) if told.why == why))
    });
}

#[test]
fn another_node_at_an_address_is_not_the_one_that_was_meant() {
    let (a, b) = (Node::start(settings(1)), Node::start(settings(2)));
    a.links.learn(NodeId(3), &[b.address()]).unwrap();
    let why = HelloRefusal::OtherNode { wanted: NodeId(3), found: NodeId(2) };
    assert_eq!((a.refused().why, b.refused().why), (why.clone(), why));
}

#[test]
fn a_message_with_another_sender_ends_its_connection() {
    let (a, b) = (Node::start(settings(1)), Node::start(settings(2)));
    a.meets(&b);
    a.opened(&b, Lane::Control);
    let vote = |node| Message::Decree(Decree::Prepare(Epoch(2), Ballot { round: 1, node: NodeId(node) }));
    a.send(&b, &vote(3));
    assert_eq!((b.refused().why, b.has_nothing()), (HelloRefusal::Forged, true));
    assert_eq!(a.refused().why, HelloRefusal::Forged);
    a.opened(&b, Lane::Control);
    a.send(&b, &vote(1));
    assert_eq!(b.next(), (a.peer, vote(1)));
}

#[test]
fn a_node_that_is_forgotten_gets_nothing() {
    let mut mine = settings(1);
    // The other one does not find its way back.
    mine.announced.link = "127.0.0.1:1".into();
    let (a, b) = (Node::start(mine), Node::start(settings(2)));
    a.links.learn(b.peer.node, &[b.address()]).unwrap();
    b.stands(|figures| figures.peers.iter().any(|peer| peer.lanes[0].is_accepted));
    a.links.forget(b.peer.node);
    b.stands(|figures| figures.peers.iter().all(|peer| peer.lanes.iter().all(|lane| !lane.is_accepted)));
    a.send(&b, &control(1));
    let figures = a.links.figures();
    assert_eq!((figures.unknown.of(Kind::Applied), figures.peers.len()), (1, 0));
}
