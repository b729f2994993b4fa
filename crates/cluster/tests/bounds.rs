//! What a member remembers stays small, whatever has gone through it.

mod world;

use clearwell_cluster::request::Strategy;
use clearwell_cluster::*;
use world::{World, bytes, peer};

const KEYS: u32 = 3_000;

fn small_tail(node: u64, members: u64) -> Config {
    Config { tail_most: 50, digest_ms: 0, ..World::config(node, members) }
}

/// Keys of a source that are read, evicted and never seen again.
#[test]
fn what_was_evicted_is_forgotten() {
    let mut world = World::of(2, 1, small_tail);
    for n in 0..KEYS {
        let key = format!("k{n}");
        world.set_source(&key, "1", &[], &["user"]);
        let owner = world.owner(&key);
        world.read(owner, &key, Level::Strong);
        for node in [1, 2] {
            if world.nodes.get_mut(&peer(node)).unwrap().store.remove(&bytes(&key)).is_some() {
                world.step(peer(node), Input::Evicted(bytes(&key)));
            }
        }
    }
    world.run(5_000);
    for node in [1, 2] {
        let Footprint { names, interests, shown, edges, hint_bytes, .. } = world.member(node).footprint();
        // Each owner remembers fifty of its own, and as many as the other does as its follower.
        assert!(shown <= 110 && edges <= 110, "{node}: {shown} shown, {edges} edges");
        assert!(
            names <= 110 && interests <= 110 && hint_bytes < 1_000,
            "{node}: {names}, {interests}, {hint_bytes}"
        );
    }
}

/// Near caches come, ask and go; nodes die and are replaced.
#[test]
fn peers_that_are_gone_leave_nothing() {
    let mut world = World::new(4, 1);
    world.set_source("k", "1", &[], &[]);
    for near in 100..120 {
        world.near(near, 4);
        world.read(near, "k", Level::Eventual);
        world.nodes.remove(&peer(near));
    }
    let owner = world.owner("k");
    assert!(world.member(owner).footprint().seen >= 20);
    let dead = if owner == 4 { 3 } else { 4 };
    world.nodes.remove(&peer(dead));
    world.run(150_000);
    let Footprint { seen, marks, missed, interests, .. } = world.member(owner).footprint();
    assert!(seen <= 3 && marks <= 3 && missed <= 3 && interests <= 1, "{seen} {marks} {missed} {interests}");
}

/// A source that refuses one row for good, and is not there for all others at first.
#[test]
fn a_row_that_the_source_refuses_is_parked_and_blocks_no_other() {
    let mut world = World::new(2, 1);
    world.refuses = |key| if key.starts_with(b"bad") { Some(Outcome::Parked) } else { None };
    let bad: Vec<String> = (0..80).map(|n| world.name_at(1, &format!("bad{n}:"))).collect();
    for key in &bad {
        world.write(1, key, "1", Strategy::Back);
    }
    world.write(1, "good", "1", Strategy::Back);
    world.run(1_000);
    assert_eq!(world.source.get(&bytes("good")).map(|row| row.0.clone()), Some(bytes("1")));
    let parked = world.nodes[&peer(1)].events.iter().filter(|event| matches!(event, Event::Parked(_)));
    assert_eq!(parked.count(), bad.len(), "each once");
    assert_eq!(world.read(1, &bad[0], Level::Strong), None, "the source has nothing of it");
    world.write(1, "again", "1", Strategy::Back);
    world.run(1_000);
    assert!(world.source.contains_key(&bytes("again")));
}

#[test]
fn a_row_that_fails_is_tried_again_ever_more_seldom() {
    let mut world = World::new(2, 1);
    world.refuses = |key| if key.starts_with(b"later") { Some(Outcome::Failed) } else { None };
    let key = world.name_at(1, "later");
    world.write(1, &key, "1", Strategy::Back);
    world.run(10_000);
    assert!((5..12).contains(&world.refused), "{} times in ten seconds", world.refused);
    world.refuses = |_| None;
    world.run(7_000);
    assert_eq!(world.source[&bytes(&key)].0, bytes("1"));
}
