//! Values on their way to the source: what comes meanwhile, and who goes on with them.

use crate::world::{World, bytes, peer};
use clearwell_cluster::request::Strategy;
use clearwell_cluster::*;

const BOUND: Level = Level::Bounded(2000);

/// A value of node 1 that is on its way to the source.
fn flushing(replicas: u8) -> (World, String) {
    let mut world = World::new(5, replicas);
    world.asks_late = |ask| matches!(ask, Ask::Flush { .. });
    let key = world.name_at(1, "k");
    assert!(matches!(world.write(1, &key, "1", Strategy::Back), Answer::Written(done) if done.survives));
    world.until("it is on its way", |world| world.under_way() == 1);
    (world, key)
}

fn at_source(world: &World, key: &str) -> Option<Bytes> {
    world.source.get(&bytes(key)).map(|row| row.0.clone())
}

#[test]
fn a_flush_leaves_newer_values_in_the_journal_of_a_replica() {
    let (mut world, key) = flushing(1);
    world.write(1, &key, "2", Strategy::Back);
    world.finish();
    world.run(10);
    assert_eq!(at_source(&world, &key), Some(bytes("1")));
    world.nodes.remove(&peer(1));
    world.finish();
    world.asks_late = |_| false;
    world.source.insert(bytes(&key), (bytes("1"), clearwell_words::Version(9), Vec::new(), Vec::new()));
    world.run(15_000);
    assert_eq!(at_source(&world, &key), Some(bytes("2")));
}

/// It may have been committed before that.
#[test]
fn a_commit_that_is_told_of_while_a_value_is_on_its_way_may_be_newer() {
    let (mut world, key) = flushing(1);
    world.set_source(&key, "2", &[], &[]);
    world.feed(1, &key);
    let read = request::Read { key: bytes(&key), level: BOUND, token: Token::default(), hold: true };
    let ticket = world.send(1, Request::Read(read));
    world.run(200);
    assert_eq!(world.answers.get(&ticket), None);
    // Who takes what there is, has a copy of it.
    assert_eq!(world.read(2, &key, Level::Eventual).as_deref(), Some("1"));
    world.finish();
    world.run(200);
    assert!(!world.holds(2, &key, Level::Eventual), "it is taken away as if the commit were told of now");
    assert!(world.answers.contains_key(&ticket));
}

/// Of three holders one is away when a value comes to the source, and the owner is gone when it is back.
#[test]
fn what_the_new_owner_has_not_in_its_journal_nobody_keeps() {
    let (mut world, key) = flushing(2);
    let [next, away] = world.holders(1, &key)[1..] else { panic!("three holders") };
    world.deaf.insert((NodeId(away), "records"));
    world.asks_late = |_| false;
    world.finish();
    world.run(100);
    assert_eq!(at_source(&world, &key), Some(bytes("1")));
    world.nodes.remove(&peer(1));
    world.until("the next one owns it", |world| world.owns(next, &key));
    world.deaf.clear();
    world.run(15_000);
    world.set_source(&key, "2", &[], &[]);
    world.feed(next, &key);
    world.nodes.remove(&peer(next));
    world.until("the last one owns it", |world| {
        world.owner(&key) != next && world.owns(world.owner(&key), &key)
    });
    world.run(2_000);
    assert_eq!(world.read(world.owner(&key), &key, Level::Strong).as_deref(), Some("2"));
    assert_eq!(at_source(&world, &key), Some(bytes("2")));
}

/// A replica must know of a value's tag before it keeps it, and gets the same value again from the source, without that tag, meanwhile.
#[test]
fn a_value_does_not_take_the_place_of_the_same_one_that_the_source_has_given_a_version() {
    let mut world = World::new(5, 1);
    let key = world.name_at(1, "k");
    let replica = world.holders(1, &key)[1];
    let tag = (0..).map(|n| format!("t{n}")).find(|tag| {
        let holders = world.holders(1, tag);
        !holders.contains(&1) && !holders.contains(&replica)
    });
    let tag = tag.unwrap();
    world.deaf.insert((NodeId(replica), "enlist"));
    let write = request::Write {
        key: bytes(&key),
        value: Some(bytes("1")),
        tags: [bytes(&tag)].into(),
        dependencies: [].into(),
        events: [].into(),
        ttl_ms: None,
        meta: Meta::default(),
        strategy: Strategy::Back,
        ack: request::Ack::Owner,
        id: 1,
    };
    assert!(matches!(world.ask_at(1, Request::Write(write)), Answer::Written(_)));
    assert_eq!(world.lies(replica, &key), None);
    world.until("it is flushed", |world| world.source.contains_key(&bytes(&key)));
    world.run(50);
    // The row has no tag: that is told to all first, and then the value is kept.
    for _ in 0..2 {
        assert_eq!(world.read(1, &key, Level::Strong).as_deref(), Some("1"));
        world.run(50);
    }
    let version = world.source[&bytes(&key)].1;
    assert_eq!(world.nodes[&peer(replica)].store[&bytes(&key)].version, version);
    world.deaf.clear();
    world.run(2_500);
    assert_eq!(world.nodes[&peer(replica)].store[&bytes(&key)].version, version);
}

/// The slot is another's for a while, and the answer to what was sent before comes when the same value is on its way again.
#[test]
fn an_answer_from_before_a_slot_came_back_says_nothing_of_what_is_on_its_way_now() {
    let (mut world, key) = flushing(1);
    world.step(peer(1), Input::Operate(Operation::Weight(0)));
    world.until("another begins", |world| world.owner(&key) != 1 && world.owns(world.owner(&key), &key));
    world.step(peer(1), Input::Operate(Operation::Weight(100)));
    world.until("it is back", |world| world.owner(&key) == 1 && world.owns(1, &key));
    world.until("it is on its way again", |world| world.under_way_of(1) == 2);
    world.write(1, &key, "2", Strategy::Back);
    world.finish_first();
    world.run(1_000);
    assert_eq!(
        world.under_way_of(1),
        1,
        "the newer value waits until it is known what became of the older one"
    );
    world.asks_late = |_| false;
    world.finish();
    world.run(1_000);
    assert_eq!(at_source(&world, &key), Some(bytes("2")));
}

/// The former owner's last value came to one of two replicas alone. If the source had it already, the other one could follow with the value before.
#[test]
fn a_new_owner_flushes_nothing_that_its_replicas_have_not() {
    let (mut world, key) = flushing(2);
    let [next, other] = world.holders(1, &key)[1..] else { panic!("three holders") };
    world.deaf.insert((NodeId(other), "records"));
    world.send_write(1, &key, "2", Strategy::Back);
    world.run(10);
    assert_eq!([next, other].map(|node| world.lies(node, &key)), [Some("2".into()), Some("1".into())]);
    world.nodes.remove(&peer(1));
    world.deaf.insert((NodeId(other), "state"));
    world.asks_late = |_| false;
    world.until("the next one owns it", |world| world.owns(next, &key));
    world.run(2_000);
    assert_eq!(at_source(&world, &key), None);
    world.deaf.clear();
    world.until("it is flushed", |world| at_source(world, &key) == Some(bytes("2")));
}
