//! Values that end: wherever they lie, and whoever owns them by then.

mod world;

use std::num::NonZeroU64;

use clearwell_cluster::request::Strategy;
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
