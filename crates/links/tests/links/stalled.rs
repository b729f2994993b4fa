//! A peer that takes nothing: it costs nobody else anything.

use clearwell_links::Lane;
use clearwell_wire::Kind;

use crate::node::{Node, bulk, control, settings, stream, wide_stream};

const WIDE: usize = 50_000;

#[test]
fn a_peer_that_reads_nothing_costs_others_nothing_and_a_bounded_queue() {
    let [a, b, c] = [1, 2, 3].map(|node| Node::start(settings(node)));
    a.meets(&b);
    a.meets(&c);
    b.hold(Lane::Stream);
    let queue = |a: &Node| a.figures_of(&b).lanes[Lane::Stream.index()].clone();
    let mut sent = 0;
    while queue(&a).dropped.total() == 0 {
        a.send(&b, &wide_stream(sent, WIDE));
        sent += 1;
        assert!(sent < 10_000, "nothing bounds the queue");
        // The other one gets all of its own, and this one's leases go on.
        a.send(&c, &stream(sent));
        assert_eq!(c.next().1, stream(sent));
        a.send(&b, &control(sent));
        assert_eq!(b.next().1, control(sent));
    }
    let figures = queue(&a);
    assert!(figures.queued_bytes <= settings(1).queue_bytes[Lane::Stream.index()] as u64);
    assert_eq!(figures.dropped.of(Kind::Enlist), figures.dropped.total());
    assert_eq!(a.figures_of(&c).lanes[Lane::Stream.index()].dropped.total(), 0);
}

#[test]
fn contents_of_slots_that_are_not_taken_delay_no_lease() {
    let (a, b) = (Node::start(settings(1)), Node::start(settings(2)));
    a.meets(&b);
    b.hold(Lane::Bulk);
    for number in 0..40 {
        a.send(&b, &bulk(number, WIDE));
    }
    a.opened(&b, Lane::Bulk);
    for number in 0..40 {
        a.send(&b, &control(number));
        a.send(&b, &stream(number));
        let mut arrived = [b.next().1, b.next().1];
        arrived.sort_by_key(|message| Kind::of(message) == Kind::Enlist);
        assert_eq!(arrived, [control(number), stream(number)]);
    }
    b.free();
    for number in 0..40 {
        assert_eq!(b.next().1, bulk(number, WIDE));
    }
}
