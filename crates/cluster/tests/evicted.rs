//! Memories that evict as they like, and copies that are compared with their owner's.

mod world;

use clearwell_cluster::request::Strategy;
use clearwell_cluster::*;
use world::{World, bytes, peer};

/// A key of which node 1 is the owner and node 2 the replica.
fn key(world: &World) -> String {
    world.name_at(1, "k")
}

fn evict(world: &mut World, node: u64, key: &str) {
    world.nodes.get_mut(&peer(node)).unwrap().store.remove(&bytes(key)).expect("it lies there");
    world.step(peer(node), Input::Evicted(bytes(key)));
    world.run(50);
}

fn differed(world: &World, node: u64) -> Vec<Bytes> {
    let told = world.nodes[&peer(node)].events.iter().filter_map(|event| match event {
        Event::Differed(key) => Some(key.clone()),
        _ => None,
    });
    told.collect()
}

fn is_never_given_again(world: &World) -> bool {
    let mut events = world.nodes.values().flat_map(|node| &node.events);
    !events.any(|event| matches!(event, Event::Differed(_) | Event::Lacked(_)))
}

#[test]
fn what_only_the_cache_had_and_its_owner_evicted_is_gone_everywhere() {
    let mut world = World::new(2, 1);
    world.near(100, 2);
    let key = key(&world);
    world.write(1, &key, "v", Strategy::CacheOnly);
    assert_eq!(world.read(100, &key, Level::Eventual).as_deref(), Some("v"));
    evict(&mut world, 1, &key);
    for node in [1, 2, 100] {
        assert!(!world.nodes[&peer(node)].store.contains_key(&bytes(&key)), "{node}");
        assert_eq!(world.read(node, &key, Level::Eventual), None);
    }
}

#[test]
fn what_its_source_has_may_be_evicted_by_either_and_is_no_difference() {
    let mut world = World::new(2, 1);
    let key = key(&world);
    world.set_source(&key, "1", &[], &[]);
    for evicts in [1, 2] {
        assert_eq!(world.read(1, &key, Level::Strong).as_deref(), Some("1"));
        world.run(50);
        evict(&mut world, evicts, &key);
        assert!(world.nodes[&peer(3 - evicts)].store.contains_key(&bytes(&key)), "the other keeps it");
        world.run(25_000);
        let lies_at = [1, 2].map(|node| world.nodes[&peer(node)].store.contains_key(&bytes(&key)));
        assert_eq!(lies_at, [evicts == 2, evicts == 1]);
    }
    assert!(is_never_given_again(&world));
    assert!(world.sent["digests"] > 4, "they were compared");
}

#[test]
fn an_entry_that_differs_is_given_again_and_nothing_else_is() {
    let mut world = World::new(2, 1);
    let keys: Vec<String> = (0..3).map(|n| world.name_at(1, &format!("k{n}:"))).collect();
    for key in &keys {
        world.write(1, key, "right", Strategy::CacheOnly);
    }
    world.run(100);
    evict(&mut world, 2, &keys[2]);
    let store = &mut world.nodes.get_mut(&peer(2)).unwrap().store;
    store.get_mut(&bytes(&keys[0])).unwrap().value = Some(bytes("wrong"));
    let states = world.sent["state"];
    world.run(25_000);
    assert_eq!(differed(&world, 1), [bytes(&keys[0])]);
    let at_replica = |key: &String| world.nodes[&peer(2)].store.get(&bytes(key)).cloned();
    assert_eq!(at_replica(&keys[0]), world.nodes[&peer(1)].store.get(&bytes(&keys[0])).cloned());
    assert_eq!(at_replica(&keys[2]), None, "it stays evicted");
    assert_eq!(world.sent["state"], states, "no slot is handed over");
}

/// The replica has five thousand entries of a slot of which its owner has ten: more than it looks at in one step.
#[test]
fn a_replica_that_has_much_more_is_compared_with_what_its_owner_has() {
    let mut world = World::new(2, 1);
    let tag = key(&world);
    let key = |n: u32| format!("{{{tag}}}:{n:05}");
    for n in [4_000, 4_990] {
        world.write(1, &key(n), "right", Strategy::CacheOnly);
    }
    world.run(100);
    let replica = &mut world.nodes.get_mut(&peer(2)).unwrap().store;
    let there = replica[&bytes(&key(4_000))].clone();
    for n in 0..5_000 {
        let more = Entry { key: bytes(&key(n)), ..there.clone() };
        replica.entry(more.key.clone()).or_insert(more);
    }
    replica.get_mut(&bytes(&key(4_990))).unwrap().value = Some(bytes("wrong"));
    world.run(25_000);
    assert_eq!(differed(&world, 1), [bytes(&key(4_990))]);
    let replica = &world.nodes[&peer(2)].store;
    assert_eq!((replica.len(), &replica[&bytes(&key(4_990))].value), (5_000, &Some(bytes("right"))));
}

/// An owner of more entries than it compares at once comes to the last one, in parts of its walk.
#[test]
fn a_walk_goes_on_behind_what_it_has_compared() {
    let mut world = World::new(2, 1);
    let tag = key(&world);
    let key = |n: u32| format!("{{{tag}}}:{n:05}");
    for n in 0..2_500 {
        world.write(1, &key(n), "right", Strategy::CacheOnly);
    }
    world.run(100);
    let replica = &mut world.nodes.get_mut(&peer(2)).unwrap().store;
    replica.get_mut(&bytes(&key(2_499))).unwrap().value = Some(bytes("wrong"));
    world.run(25_000);
    assert_eq!(differed(&world, 1), [bytes(&key(2_499))]);
}
