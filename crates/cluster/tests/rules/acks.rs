//! Writes of plain keys that are left to their owner: what they wait for, what they say, and what is lost with that owner alone.

use crate::world::{World, bytes, peer};
use clearwell_cluster::request::{Ack, Done, Strategy, Write};
use clearwell_cluster::*;

fn write(key: &str, value: &str, ack: Ack) -> Request {
    Request::Write(Write {
        key: bytes(key),
        value: Some(bytes(value)),
        tags: [].into(),
        dependencies: [].into(),
        events: [].into(),
        ttl_ms: None,
        meta: Meta::default(),
        strategy: Strategy::CacheOnly,
        ack,
        id: 1,
    })
}

/// A key of node 1 with a value that its replicas have, and those replicas, to which nothing that is recorded comes from now on.
fn deaf_replicas(nodes: u64, replicas: u8) -> (World, String, Vec<u64>) {
    let mut world = World::new(nodes, replicas);
    let key = world.name_at(1, "k");
    let answer = world.ask_at(1, write(&key, "1", Ack::Replicas));
    assert!(matches!(answer, Answer::Written(Done { survives: true, .. })), "{answer:?}");
    let replicas = world.holders(1, &key).split_off(1);
    world.deaf.extend(replicas.iter().map(|node| (NodeId(*node), "records")));
    (world, key, replicas)
}

/// What is answered at once.
fn at_once(world: &mut World, request: Request) -> Option<Answer> {
    let ticket = world.send(1, request);
    world.run(100);
    world.answers.remove(&ticket)
}

#[test]
fn a_write_that_is_left_to_its_owner_waits_for_nobody_and_says_so() {
    let (mut world, key, _) = deaf_replicas(4, 1);
    let answer = at_once(&mut world, write(&key, "2", Ack::Owner));
    assert!(matches!(answer, Some(Answer::Written(Done { survives: false, .. }))), "{answer:?}");
    assert_eq!(at_once(&mut world, write(&key, "3", Ack::Replicas)), None);
    world.deaf.clear();
    assert_eq!(world.read(2, &key, Level::Strong).as_deref(), Some("3"));
}

/// Who reads is not asked what the writer took upon itself.
#[test]
fn nobody_is_shown_what_could_be_lost_with_its_owner() {
    let (mut world, key, _) = deaf_replicas(4, 1);
    at_once(&mut world, write(&key, "2", Ack::Owner));
    let read = request::Read { key: bytes(&key), level: Level::Strong, token: Token::default(), hold: false };
    assert_eq!(at_once(&mut world, Request::Read(read)), None);
    assert!(!world.holds(1, &key, Level::Session));
    world.deaf.clear();
    assert_eq!(world.read(1, &key, Level::Strong).as_deref(), Some("2"));
}

#[test]
fn it_is_lost_with_its_owner_and_does_not_come_back() {
    let (mut world, key, replicas) = deaf_replicas(4, 1);
    at_once(&mut world, write(&key, "2", Ack::Owner));
    world.nodes.remove(&peer(1));
    world.deaf.clear();
    world.run(15_000);
    assert_eq!(world.owner(&key), replicas[0]);
    assert_eq!(world.read(replicas[0], &key, Level::Strong).as_deref(), Some("1"));
}

/// Each node has each slot, so nothing has to be given to the next owner; but there is something that it did not hear of.
#[test]
fn a_slot_is_not_handed_over_before_its_next_owner_has_what_was_acknowledged_alone() {
    let (mut world, key, replicas) = deaf_replicas(3, 2);
    at_once(&mut world, write(&key, "2", Ack::Owner));
    world.step(peer(1), Input::Operate(Operation::Weight(0)));
    world.run(6_000);
    assert_eq!(world.owner(&key), 1, "its replica is deaf still");
    let waits = world.send(1, write(&key, "3", Ack::Owner));
    world.run(100);
    assert_eq!(world.answers.get(&waits), None, "slots are on their way: nothing more is acknowledged alone");
    world.deaf.clear();
    world.until("another owner begins", |world| {
        let owner = world.owner(&key);
        owner != 1 && world.owns(owner, &key)
    });
    assert!(replicas.contains(&world.owner(&key)));
    assert!(matches!(world.read(3, &key, Level::Strong).as_deref(), Some("2" | "3")));
}

/// The view that gives the slot to others reaches them first. Its former owner still acts, and acknowledges what they confirm.
#[test]
fn what_heirs_confirm_in_the_view_that_takes_its_owner_away_is_kept() {
    // Node 7 has no vote, and so hears of a view by being told.
    let mut world = World::new(7, 1);
    let key = world.name_at(7, "k");
    world.step(peer(7), Input::Operate(Operation::Weight(0)));
    let is_settled = |world: &World| world.member(7).view().expect("it has one").is_settled();
    world.until("its slots are on their way", |world| !is_settled(world));
    world.deaf.insert((NodeId(7), "view"));
    world.until("all but the owner follow a view that gives the slot to another", |world| {
        (1..=6).all(|node| world.holders(node, &key)[0] != 7)
    });
    let owner = world.owner(&key);
    assert_eq!((world.owns(7, &key), world.owns(owner, &key)), (true, false));
    let ticket = world.send(7, write(&key, "2", Ack::Replicas));
    world.run(20);
    let answer = world.answers.remove(&ticket);
    assert!(matches!(answer, Some(Answer::Written(Done { survives: true, .. }))), "{answer:?}");
    world.deaf.clear();
    world.until("another owner begins", |world| world.owns(owner, &key));
    assert_eq!(world.read(owner, &key, Level::Strong).as_deref(), Some("2"));
}

/// A write that overtook another record is not taken yet, and takes nothing away: its owner may die before it is sent again.
#[test]
fn what_was_acknowledged_stays_where_a_later_write_is_not_taken() {
    let mut world = World::new(4, 1);
    let key = world.name_at(1, "k");
    let answer = world.ask_at(1, write(&key, "1", Ack::Replicas));
    assert!(matches!(answer, Answer::Written(Done { survives: true, .. })), "{answer:?}");
    let replica = world.holders(1, &key)[1];
    world.late.insert((NodeId(1), NodeId(replica), "records"));
    world.send(1, write(&key, "2", Ack::Owner));
    world.run(10);
    assert_eq!(world.kept(), 1);
    world.late.clear();
    world.send(1, write(&key, "3", Ack::Owner));
    world.run(10);
    world.nodes.remove(&peer(1));
    world.run(15_000);
    assert_eq!(world.owner(&key), replica);
    assert_eq!(world.read(replica, &key, Level::Strong).as_deref(), Some("1"));
}
