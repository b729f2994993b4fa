//! What a member remembers stays small, whatever has gone through it.

mod world;

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
