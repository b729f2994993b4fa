//! Connections that are cut.

use clearwell_cluster::NodeId;
use clearwell_links::{Lane, Notice, Settings};

use crate::node::{Node, control, settings, stream, wide_stream};
use crate::proxy::Proxy;

/// Two nodes, and what the first one's connections to the second one go through.
fn behind_a_proxy() -> (Node, Node, Proxy) {
    let proxy = Proxy::start();
    let mut far = settings(2);
    far.announced.link = proxy.address.to_string();
    let (a, b) = (Node::start(settings(1)), Node::start(far));
    proxy.leads(Some(b.links.listening()));
    a.links.learn(b.peer.node, &[proxy.address.to_string()]).unwrap();
    b.links.learn(a.peer.node, &[a.address()]).unwrap();
    (a, b, proxy)
}

#[test]
fn a_connection_that_is_cut_is_opened_again() {
    let (a, b, proxy) = behind_a_proxy();
    a.opened(&b, Lane::Stream);
    a.send(&b, &stream(1));
    assert_eq!(b.next().1, stream(1));
    for round in 1..=3 {
        proxy.cut();
        a.noticed(|notice| matches!(notice, Notice::Closed(_, Lane::Stream, _)).then_some(()));
        a.opened(&b, Lane::Stream);
        a.send(&b, &stream(round));
        assert_eq!(b.next().1, stream(round));
    }
    assert!(a.figures_of(&b).lanes[Lane::Stream.index()].reopened >= 3);
}

#[test]
fn a_cut_in_one_direction_is_a_cut_in_one() {
    let (a, b, proxy) = behind_a_proxy();
    for node in [&a, &b] {
        node.stands(|figures| {
            let lanes = figures.peers.iter().flat_map(|peer| &peer.lanes[..Lane::Bulk.index()]);
            lanes.filter(|lane| lane.is_open && lane.is_accepted).count() == Lane::Bulk.index()
        });
    }
    proxy.leads(None);
    proxy.cut();
    a.noticed(|notice| matches!(notice, Notice::Closed(_, Lane::Control, _)).then_some(()));
    a.send(&b, &control(1));
    b.send(&a, &control(2));
    assert_eq!(a.next().1, control(2));
    assert!(b.has_nothing());
    // What waited meanwhile goes out when the way is open again.
    proxy.leads(Some(b.links.listening()));
    assert_eq!(b.next().1, control(1));
}

/// Settings of a node that dials anew after an hour at the earliest.
fn patient() -> Settings {
    Settings { redial_ms: (3_600_000, 3_600_000), ..settings(1) }
}

#[test]
fn a_peer_that_is_heard_from_somewhere_else_is_dialed_there_at_once() {
    let a = Node::start(patient());
    a.links.learn(NodeId(2), &["127.0.0.1:1".into()]).unwrap();
    a.stands(|figures| figures.peers.iter().any(|peer| peer.unreached.is_some()));
    let b = Node::start(settings(2));
    b.links.learn(a.peer.node, &[a.address()]).unwrap();
    a.opened(&b, Lane::Control);
}

#[test]
fn a_peer_that_is_heard_again_is_dialed_at_once() {
    let (a, proxy) = (Node::start(patient()), Proxy::start());
    let address = proxy.address.to_string();
    a.links.learn(NodeId(2), std::slice::from_ref(&address)).unwrap();
    a.stands(|figures| figures.peers.iter().any(|peer| peer.unreached.is_some()));
    let mut same_place = settings(2);
    same_place.announced.link = address;
    let b = Node::start(same_place);
    proxy.leads(Some(b.links.listening()));
    b.links.learn(a.peer.node, &[a.address()]).unwrap();
    a.opened(&b, Lane::Control);
}

#[test]
fn a_message_is_sent_or_waits_or_is_counted() {
    let (a, b, proxy) = behind_a_proxy();
    b.hold(Lane::Stream);
    a.opened(&b, Lane::Stream);
    // More than the system takes: the connection breaks in the midst of a write.
    const COUNT: u64 = 600;
    for number in 0..COUNT {
        a.send(&b, &wide_stream(number, 50_000));
    }
    proxy.leads(None);
    proxy.cut();
    a.stands(|figures| {
        let lane = &figures.peers[0].lanes[Lane::Stream.index()];
        !lane.is_open && lane.sent_frames + lane.queued_frames + lane.dropped.total() == COUNT
    });
}
