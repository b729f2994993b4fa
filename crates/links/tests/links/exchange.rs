//! Messages between nodes, and what a peer that does not take them costs.

use clearwell_links::Lane;

use crate::node::{Node, bulk, control, settings, stream};

#[test]
fn two_nodes_exchange_messages_on_all_lanes() {
    let (a, b) = (Node::start(settings(1)), Node::start(settings(2)));
    a.meets(&b);
    let all = [control(1), stream(2), bulk(3, 100)];
    for (from, to) in [(&a, &b), (&b, &a)] {
        for message in &all {
            from.send(to, message);
            assert_eq!(to.next(), (from.peer, message.clone()));
        }
    }
    a.stands(|figures| figures.peers[0].lanes.iter().all(|lane| lane.is_open && lane.is_accepted));
    let figures = a.figures_of(&b);
    assert!(figures.heard_ms_ago.is_some() && figures.refused.is_none() && figures.unreached.is_none());
    assert_eq!(figures.incarnation, Some(1));
    for lane in figures.lanes {
        assert_eq!((lane.received_frames, lane.dropped.total(), lane.queued_bytes), (1, 0, 0));
    }
}

#[test]
fn three_nodes_find_one_another_by_the_address_of_one() {
    let nodes = [1, 2, 3].map(|node| Node::start(settings(node)));
    let [a, b, c] = &nodes;
    // An own address among the seeds is no harm.
    for node in &nodes {
        node.links.seek(&a.address());
    }
    for other in [b, c] {
        other.opened(a, Lane::Control);
    }
    a.opened(b, Lane::Stream);
    // Gossip would say it.
    b.meets(c);
    for (number, from) in (1..).zip(&nodes) {
        for to in nodes.iter().filter(|to| to.peer != from.peer) {
            for message in [control(number), stream(number), bulk(number, 70_000)] {
                from.send(to, &message);
                assert_eq!(to.next(), (from.peer, message));
            }
        }
    }
    assert!(a.links.figures().seeking.is_empty());
}

#[test]
fn messages_of_a_lane_keep_their_order() {
    let (a, b) = (Node::start(settings(1)), Node::start(settings(2)));
    a.meets(&b);
    for number in 0..2000 {
        a.send(&b, &stream(number));
    }
    for number in 0..2000 {
        assert_eq!(b.next().1, stream(number));
    }
}
