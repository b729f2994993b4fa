//! Invalidations that all owners order: each owner orders its part once, however often it is asked.

use crate::world::{World, bytes, peer};
use clearwell_cluster::request::Invalidate;
use clearwell_cluster::*;
use clearwell_words::{Cause, Effect, Glob, Invalidation, Scope};

fn pattern(text: &str) -> std::sync::Arc<Scope> {
    Scope::Pattern(Glob::new(text.as_bytes()).expect("well formed")).into()
}

fn wide() -> Request {
    let (scope, effect, cause) = (pattern("k*"), Effect::Gone, Cause::Command);
    let invalidation = Invalidation { scope, effect, cascade: true, version: None, cause };
    Request::Invalidate(Invalidate { invalidation, wait: false, depth: 0 })
}

/// Where a node's log stands: at the place of one more record.
fn place(world: &mut World, node: u64) -> u64 {
    let name = world.name_at(node, "probe");
    let answer = world.invalidate(node, Scope::Key((*bytes(&name)).into()), false);
    let Answer::Invalidated(done) = answer else { panic!("{answer:?}") };
    done.ordered[0].1.0
}

/// Nobody hears that a replica has what it was told.
fn are_deaf(world: &mut World) {
    for node in 1..=3 {
        world.deaf.extend(["applied", "heartbeat"].map(|kind| (NodeId(node), kind)));
    }
}

#[test]
fn an_owner_whose_replica_is_slow_orders_it_once() {
    let mut world = World::new(3, 1);
    let before = place(&mut world, 1);
    are_deaf(&mut world);
    let ticket = world.send(3, wide());
    world.run(2_000);
    assert!(!world.answers.contains_key(&ticket));
    world.deaf.clear();
    world.until("it is answered", |world| world.answers.contains_key(&ticket));
    assert!(matches!(world.answers[&ticket], Answer::Invalidated(_)));
    assert_eq!(place(&mut world, 1), before + 2);
}

#[test]
fn an_owner_whose_answer_is_lost_says_it_again() {
    let mut world = World::new(3, 1);
    let before = place(&mut world, 1);
    world.deaf.insert((NodeId(3), "request"));
    let ticket = world.send(3, wide());
    world.run(1_000);
    world.deaf.clear();
    world.run(500);
    assert!(matches!(world.answers.get(&ticket), Some(Answer::Invalidated(_))), "{:?}", world.answers);
    assert_eq!(place(&mut world, 1), before + 2);
}

#[test]
fn an_owner_that_refused_is_asked_again() {
    let mut world = World::new(3, 1);
    let key = world.name_at(1, "k");
    world.part(&[1], &[2, 3]);
    world.until("its lease has ended", |world| !world.owns(1, &key));
    world.deaf.insert((NodeId(1), "lease"));
    world.cut.clear();
    let ticket = world.send(2, wide());
    world.run(100);
    assert!(!world.answers.contains_key(&ticket) && !world.owns(1, &key));
    world.deaf.clear();
    world.until("it is answered", |world| world.answers.contains_key(&ticket));
    assert!(matches!(world.answers[&ticket], Answer::Invalidated(_)), "{:?}", world.answers);
}

/// Many become due at once, and replicas are slow: each owner has a few of them to order, and then the others.
#[test]
fn few_of_those_that_are_held_are_asked_for_at_once() {
    let mut world = World::new(3, 1);
    let (mut name, before) = (String::new(), place(&mut world, 2));
    for id in 0..40 {
        name = world.name_at(1, &format!("{name}p"));
        let (effect, cascade, cause, until) = (Effect::Gone, true, Cause::Command, Awaited::After(2_000));
        let hold = Hold { id, scope: pattern(&name), effect, cascade, cause, until };
        let answer = world.ask_at(1, Request::Hold(hold));
        assert!(matches!(answer, Answer::Invalidated(_)), "{answer:?}");
    }
    are_deaf(&mut world);
    world.run(9_000);
    world.deaf.clear();
    world.run(100);
    let ordered = place(&mut world, 2) - before;
    assert!((8..=30).contains(&ordered), "{ordered}");
    world.run(8_000);
    let effects = world.nodes[&peer(1)].events.iter().filter(|event| matches!(event, Event::TookEffect(_)));
    assert_eq!(effects.count(), 40);
}
