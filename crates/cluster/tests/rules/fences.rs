//! Statements of former owners that come late: the source refuses them, or its feed tells of them.

use crate::world::{World, bytes, peer};
use clearwell_cluster::config::Fences;
use clearwell_cluster::request::Strategy;
use clearwell_cluster::*;

const BOUND: Level = Level::Bounded(2000);

/// Of keys that begin with a k the feed tells whoever commits to them.
fn told(node: u64, members: u64) -> Config {
    Config { fences: Fences::but_for(|key| key.starts_with(b"k")), ..World::config(node, members) }
}

/// A key of node 1, whose write has not come to the source when node 1 is cut off, and who owns the key then.
fn taken_over(prefix: &str) -> (World, String, u64) {
    let mut world = World::of(5, 1, told);
    let key = world.name_at(1, prefix);
    world.set_source(&key, "1", &[], &[]);
    world.asks_late = |ask| matches!(ask, Ask::Commit { .. } | Ask::Fence { .. });
    world.send_write(1, &key, "2", Strategy::Through);
    world.until("the source is asked", |world| world.under_way() == 1);
    world.part(&[1], &[2, 3, 4, 5]);
    world.until("another owner begins", |world| {
        let owner = world.owner(&key);
        owner != 1 && world.owns(owner, &key)
    });
    let owner = world.owner(&key);
    (world, key, owner)
}

#[test]
fn a_new_owner_keeps_at_once_what_a_feed_tells_of() {
    let (mut world, key, owner) = taken_over("k");
    assert_eq!(world.under_way_of(owner), 0, "it asks for no fence");
    assert_eq!(world.read(owner, &key, BOUND).as_deref(), Some("1"));
    assert!(world.holds(owner, &key, BOUND));
    world.finish();
    assert_eq!(world.source[&bytes(&key)].0, bytes("2"), "the former owner's write has come");
    world.feed(owner, &key);
    assert_eq!(world.read(owner, &key, BOUND).as_deref(), Some("2"));
}

#[test]
fn what_no_feed_tells_of_is_kept_when_the_source_refuses_earlier_statements() {
    let (mut world, key, owner) = taken_over("u");
    assert_eq!(world.under_way_of(owner), 1, "a fence");
    assert_eq!(world.read(owner, &key, BOUND).as_deref(), Some("1"));
    assert!(!world.holds(owner, &key, BOUND));
    let made = world.name_at(owner, "k");
    world.set_source(&made, "of 1", &[], &[&key]);
    assert_eq!(world.read(owner, &made, BOUND).as_deref(), Some("of 1"));
    assert!(!world.holds(owner, &made, BOUND), "it is made from what may be written still");
    world.finish();
    world.run(100);
    assert_eq!(
        world.read(owner, &key, BOUND).as_deref(),
        Some("2"),
        "another value: whoever has the former one is told"
    );
    assert_eq!(world.read(owner, &key, BOUND).as_deref(), Some("2"));
    assert!(world.holds(owner, &key, BOUND));
}

/// Nobody waits for a statement whose fate its own owner does not know, either.
#[test]
fn an_unclear_write_of_what_a_feed_tells_of_keeps_nobody_waiting() {
    let mut world = World::of(3, 1, told);
    let key = world.name_at(1, "k");
    world.set_source(&key, "1", &[], &[]);
    world.asks_late = |ask| matches!(ask, Ask::Commit { .. } | Ask::Fence { .. });
    let ticket = world.send_write(1, &key, "2", Strategy::Through);
    world.until("the source is asked", |world| world.under_way() == 1);
    let (at, job) = world.forget_first();
    assert_eq!(at, peer(1));
    world.step(at, Input::Done(job, Outcome::Unclear));
    world.run(100);
    assert_eq!(world.answers.get(&ticket), Some(&Answer::Refused(Refusal::Unknown)));
    assert_eq!(world.read(1, &key, BOUND).as_deref(), Some("1"));
    assert!(world.holds(1, &key, BOUND));
}
