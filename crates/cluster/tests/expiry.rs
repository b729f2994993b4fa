//! Values that end: wherever they lie, and whoever owns them by then.

mod world;

use std::num::NonZeroU64;

use clearwell_cluster::request::{Strategy, Touch};
use clearwell_cluster::*;
use world::{World, bytes, peer};

const BOUND: Level = Level::Bounded(2000);

/// How far a copy's end may lie before its owner's: a heartbeat's round trip, and the drift since the last one.
const EARLY_MS: u64 = 150;

fn lives(ms: u64) -> Option<NonZeroU64> {
    NonZeroU64::new(ms)
}

fn is_written(answer: &Answer) -> bool {
    matches!(answer, Answer::Written(done) if done.survives)
}

/// Looks at what a value is, shortly before its end and at its end.
fn ends_at(world: &mut World, node: u64, key: &str, end: u64) {
    world.run(end - EARLY_MS - world.now);
    assert_eq!(world.read(node, key, Level::Strong).as_deref(), Some("v"));
    world.run(end - world.now);
    assert_eq!(world.read(node, key, Level::Strong), None);
}

#[test]
fn a_value_ends_at_its_next_owner_when_it_would_have_at_the_first() {
    let mut world = World::new(5, 1);
    let key = world.name_at(2, "k");
    let end = world.now + 30_000 + 10;
    assert!(is_written(&world.write_for(1, &key, "v", Strategy::CacheOnly, lives(30_000))));
    world.run(500);
    world.nodes.remove(&peer(2));
    world.run(15_000);
    assert_ne!(world.owner(&key), 2);
    ends_at(&mut world, 1, &key, end);
}

#[test]
fn so_it_does_when_its_slot_is_handed_over_and_nothing_of_it_is_lost() {
    let mut world = World::new(4, 1);
    let key = world.name_at(2, "k");
    let end = world.now + 25_000 + 10;
    world.write_for(1, &key, "v", Strategy::CacheOnly, lives(25_000));
    world.step(peer(2), Input::Operate(Operation::Leave));
    world.run(10_000);
    world.nodes.remove(&peer(2));
    let owner = world.owner(&key);
    let entry = &world.nodes[&peer(owner)].store[&bytes(&key)];
    let meta = Meta { priority: 3, content_type: Some("text/plain".into()), ..Meta::default() };
    assert_eq!((entry.meta.clone(), entry.expiry.map(|expiry| expiry.ttl_ms)), (meta, lives(25_000)));
    ends_at(&mut world, 3, &key, end);
}

#[test]
fn a_near_copy_ends_by_itself() {
    let mut world = World::new(3, 1);
    world.near(100, 3);
    let key = world.name_at(2, "k");
    let end = world.now + 5_000 + 10;
    world.write_for(1, &key, "v", Strategy::CacheOnly, lives(5_000));
    assert_eq!(world.read(100, &key, BOUND).as_deref(), Some("v"));
    assert!(world.holds(100, &key, BOUND));
    world.part(&[100], &[1, 2, 3]);
    world.run(end - EARLY_MS - world.now);
    assert!(world.holds(100, &key, Level::Eventual));
    world.run(EARLY_MS);
    assert!(!world.holds(100, &key, Level::Weak));
}

/// Changes when a value ends; whether there was one.
fn touch(world: &mut World, node: u64, key: &str, ttl_ms: Option<NonZeroU64>) -> bool {
    let touch = Touch { key: bytes(key), ttl_ms };
    match world.ask_at(node, Request::Touch(touch)) {
        Answer::Written(done) => done.version.is_some(),
        other => panic!("a touch is acknowledged, not {other:?}"),
    }
}

#[test]
fn a_touch_changes_the_end_wherever_the_value_lies() {
    let mut world = World::new(5, 1);
    world.near(100, 5);
    let [short, long, gone] = ["a", "b", "c"].map(|prefix| world.name_at(2, prefix));
    assert!(!touch(&mut world, 1, &gone, lives(9_000)), "there is nothing");
    world.write(1, &short, "v", Strategy::CacheOnly);
    world.write_for(1, &long, "v", Strategy::CacheOnly, lives(3_000));
    assert_eq!(world.read(100, &short, BOUND).as_deref(), Some("v"));
    let end = world.now + 30_000 + 10;
    assert!(touch(&mut world, 1, &short, lives(30_000)) && touch(&mut world, 3, &long, None));
    world.run(100);
    assert!(!world.holds(100, &short, Level::Weak), "that copy would have lived for ever");
    world.nodes.remove(&peer(2));
    world.run(15_000);
    assert_ne!(world.owner(&short), 2);
    ends_at(&mut world, 1, &short, end);
    assert_eq!(world.read(4, &long, Level::Strong).as_deref(), Some("v"), "it lives for ever");
    assert!(!touch(&mut world, 1, &short, None), "what has ended is not there");
}

/// The records of a value and of its touch reach the replica together, and the value's tag is not known there yet.
#[test]
fn a_value_that_waits_at_its_replica_is_touched_there_too() {
    let mut world = World::new(3, 1);
    let (key, tag) = (world.name_at(1, "k"), world.name_at(3, "t"));
    let write = request::Write {
        key: bytes(&key),
        value: Some(bytes("v")),
        tags: [bytes(&tag)].into(),
        dependencies: [].into(),
        events: [].into(),
        ttl_ms: None,
        meta: Meta::default(),
        strategy: Strategy::CacheOnly,
        ack: request::Ack::Replicas,
        id: 1,
    };
    let touch = Touch { key: bytes(&key), ttl_ms: lives(10_000) };
    world.step(peer(1), Input::Request(Ticket(9001), Request::Write(write)));
    world.step(peer(1), Input::Request(Ticket(9002), Request::Touch(touch)));
    let end = world.now + 10_000;
    world.run(500);
    let followers = [2, 3].into_iter().filter(|node| *node != world.owner(&key));
    let kept: Vec<Expiry> = followers
        .filter_map(|node| world.nodes[&peer(node)].store.get(&bytes(&key)).and_then(|entry| entry.expiry))
        .collect();
    let [expiry] = kept[..] else { panic!("one replica has it: {kept:?}") };
    assert!((end - EARLY_MS..=end).contains(&expiry.at.0), "{expiry:?}");
}
