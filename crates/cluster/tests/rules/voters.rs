//! How many voters there are, and who: one proposer that takes others for dead for a moment must not leave the choice to few.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use clearwell_cluster::view::{Placement, Seat};
use clearwell_cluster::{Epoch, Event, Input, NodeId, Operation, Start, View};

use crate::world::{SLOTS, World, peer};

fn voters(world: &World, node: u64) -> Vec<u64> {
    world.member(node).view().unwrap().voters.iter().map(|voter| voter.0).collect()
}

/// The fewest voters of any view that a node of these follows meanwhile.
fn fewest(world: &mut World, nodes: &[u64], ms: u64) -> usize {
    let mut fewest = usize::MAX;
    for _ in 0..ms / 5 {
        world.run(5);
        fewest = nodes.iter().map(|&node| voters(world, node).len()).min().unwrap().min(fewest);
    }
    fewest
}

/// Five nodes that take one another for dead: what they gossip gets lost, all else does not.
fn mistaken() -> World {
    let mut world = World::new(5, 1);
    world.deaf.extend((1..=5).map(|node| (NodeId(node), "gossip")));
    assert_eq!(fewest(&mut world, &[1, 2, 3, 4, 5], 20_000), 3);
    assert!(
        (1..=5).any(|node| world.member(node).view().unwrap().base.seats.len() < 3),
        "nobody was mistaken"
    );
    world
}

#[test]
fn voters_that_are_not_heard_for_a_moment_leave_no_fewer_than_three() {
    let mut world = mistaken();
    world.deaf.clear();
    assert_eq!(fewest(&mut world, &[1, 2, 3, 4, 5], 20_000), 3, "when they are heard again, too");
    assert_eq!(voters(&world, 1), [1, 2, 3, 4, 5]);
}

#[test]
fn whoever_was_mistaken_may_die_for_good() {
    let mut world = mistaken();
    let alone = (1..=5).find(|&node| world.member(node).view().unwrap().base.has(peer(node))).unwrap();
    world.nodes.remove(&peer(alone));
    world.deaf.clear();
    world.run(30_000);
    let other = alone % 5 + 1;
    let view = world.member(other).view().unwrap();
    assert!(!view.base.has(peer(alone)) && view.base.seats.len() == 4, "{view:?}");
}

#[test]
fn two_of_three_voters_wait_for_the_third_until_it_is_forgotten() {
    let mut world = World::new(3, 1);
    world.nodes.remove(&peer(2));
    world.run(20_000);
    assert_eq!(voters(&world, 3), [1, 2, 3]);
    assert!(!world.member(3).view().unwrap().base.has(peer(2)), "its slots have gone on");
    world.step(peer(3), Input::Operate(Operation::Forget(NodeId(2))));
    world.run(5_000);
    assert_eq!(voters(&world, 3), [1]);
}

#[test]
fn a_dead_voter_is_replaced_by_a_node_that_is_there() {
    let mut world = World::new(4, 1);
    world.nodes.remove(&peer(2));
    world.run(20_000);
    assert_eq!(voters(&world, 3), [1, 3, 4]);
}

#[test]
fn a_voter_that_leaves_while_another_node_is_away_leaves_three() {
    let mut world = World::new(4, 1);
    world.step(peer(3), Input::Operate(Operation::Leave));
    world.nodes.remove(&peer(2));
    assert_eq!(fewest(&mut world, &[1, 4], 20_000), 3);
    assert_eq!(voters(&world, 1), [1, 2, 4]);
}

/// It takes those for dead who did not hear it, and is a voter still.
#[test]
fn a_voter_that_was_taken_away_proposes_last_when_it_is_back() {
    let mut world = World::new(3, 1);
    world.part(&[3], &[1, 2]);
    world.until("a view without 3", |world| !world.member(1).view().unwrap().counts_on(NodeId(3)));
    world.run(12_000);
    let epoch = world.member(1).view().unwrap().epoch;
    world.deaf.insert((NodeId(3), "gossip"));
    world.cut.clear();
    world.until("3 follows it", |world| world.member(3).view().unwrap().epoch == epoch);
    world.run(1_500);
    assert_eq!(world.member(1).view().unwrap().epoch, epoch, "it would take away 1 and 2");
    world.deaf.clear();
    world.run(5_000);
    assert!((1..=3).all(|node| world.member(1).view().unwrap().counts_on(NodeId(node))));
}

/// Nobody else can propose, and they take nobody away.
#[test]
fn voters_that_were_all_taken_away_adopt_what_is_ready_without_waiting() {
    let seats = |nodes: RangeInclusive<u64>| -> Vec<Seat> {
        nodes.map(|node| Seat { peer: peer(node), weight: 100 }).collect()
    };
    let placement = |seats| Arc::new(Placement::new(seats, 1, SLOTS));
    let (base, next) = (placement(seats(4..=5)), placement(seats(1..=5)));
    let voters = (1..=3).map(NodeId).collect();
    let view = Arc::new(View::new(Epoch(1), SLOTS, base, BTreeMap::new(), Arc::clone(&next), voters));
    let mut world = World::default();
    world.now = 1_000;
    for node in 1..=5 {
        world.start(node, Start { view: Some(Arc::clone(&view)), persisted: Vec::new() }, 5);
    }
    world.run(1_500);
    let view = world.member(1).view().unwrap();
    assert!(view.epoch > Epoch(1) && view.base == next, "view {:?}", view.epoch);
}

/// Gossip takes only what is sent to a member's present card.
#[test]
fn members_that_changed_while_none_was_heard_hear_of_one_another_again() {
    let mut world = World::new(3, 1);
    let all = || (1..=3).map(|node| (NodeId(node), "gossip"));
    world.deaf.extend(all());
    for node in 1..=3 {
        world.step(peer(node), Input::Operate(Operation::Weight(200 + node as u32)));
    }
    world.run(100);
    world.deaf.clear();
    world.run(8_000);
    let view = world.member(1).view().unwrap();
    let weights: Vec<u32> = view.base.seats.iter().map(|seat| seat.weight).collect();
    assert_eq!(weights, [201, 202, 203], "view {:?}", view.epoch);
    assert!(view.is_settled());
    let died =
        world.nodes.values().flat_map(|node| &node.events).any(|event| matches!(event, Event::Dead(_)));
    assert!(!died, "they were heard before anybody took them for dead");
}

/// Gossip rests with a new card until it hears something.
#[test]
fn a_death_is_noticed_by_a_member_that_has_just_changed() {
    let mut world = World::new(2, 1);
    assert_eq!(voters(&world, 1), [1]);
    world.nodes.remove(&peer(2));
    world.step(peer(1), Input::Operate(Operation::Weight(200)));
    world.run(12_000);
    assert!(!world.member(1).view().unwrap().counts_on(NodeId(2)));
}
