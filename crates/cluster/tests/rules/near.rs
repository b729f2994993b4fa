//! A near cache learns of views late: nobody tells it of one while it asks for nothing.

use super::shared::{BOUND, read};
use crate::world::{World, peer};
use clearwell_cluster::*;

const NEAR: NodeId = NodeId(100);

/// A key of the source whose owner is node 1, which a near cache knows that knew nodes 1 and 2 at first.
fn knows() -> (World, String) {
    let mut world = World::new(5, 1);
    world.near(100, 2);
    let key = world.name_at(1, "k");
    world.set_source(&key, "1", &[], &[]);
    (world, key)
}

/// The owner is gone, and so are all whom the near cache knew at first. Returns the key's new owner.
fn are_gone(world: &mut World, key: &str) -> u64 {
    world.step(peer(2), Input::Operate(Operation::Weight(0)));
    world.run(5_000);
    for node in [1, 2] {
        world.nodes.remove(&peer(node));
    }
    world.until("another owner begins", |world| {
        let owner = world.owner(key);
        owner > 2 && world.owns(owner, key)
    });
    world.owner(key)
}

#[test]
fn it_asks_the_members_that_it_has_come_to_know() {
    let (mut world, key) = knows();
    are_gone(&mut world, &key);
    world.until("it follows the view of those who are left", |world| world.epoch(100) == world.epoch(3));
}

#[test]
fn a_read_whose_owner_is_gone_finds_the_next_one() {
    let (mut world, key) = knows();
    world.deaf.insert((NEAR, "view"));
    are_gone(&mut world, &key);
    world.deaf.clear();
    assert_eq!(world.read(100, &key, Level::Strong).as_deref(), Some("1"));
}

#[test]
fn a_read_that_its_former_owner_refuses_finds_the_next_one() {
    let (mut world, key) = knows();
    world.deaf.insert((NEAR, "view"));
    world.step(peer(1), Input::Operate(Operation::Weight(0)));
    world.until("another owner begins", |world| {
        let owner = world.owner(&key);
        owner != 1 && world.owns(owner, &key)
    });
    world.deaf.clear();
    assert_eq!(world.read(100, &key, Level::Strong).as_deref(), Some("1"));
    world.run(100);
    assert!(world.holds(100, &key, BOUND), "what the former owner was asked for is forgotten");
}

/// Its patience is that of one question, however often it asks.
#[test]
fn a_read_that_nobody_answers_is_given_up() {
    let (mut world, key) = knows();
    let began = world.now;
    for node in 1..=5 {
        world.nodes.remove(&peer(node));
    }
    assert_eq!(
        world.ask_at(100, read(&key, Level::Strong, Token::default())),
        Answer::Refused(Refusal::NoOwner)
    );
    assert!((3_000..3_200).contains(&(world.now - began)), "{}", world.now - began);
}
