//! Invalidations that are held until a time or an event comes, by an owner that may be gone by then.

mod world;

use std::sync::Arc;

use clearwell_cluster::request::{Cancel, Strategy};
use clearwell_cluster::*;
use clearwell_words::{Cause, Effect, EventPattern, Glob, Scope};
use world::{World, peer};

fn key(text: &str) -> Arc<Scope> {
    Arc::new(Scope::Key(text.as_bytes().into()))
}

fn hold(world: &mut World, node: u64, id: u64, scope: Arc<Scope>, until: Awaited) -> Answer {
    let (effect, cascade, cause) = (Effect::Gone, true, Cause::Command);
    world.ask_at(node, Request::Hold(Hold { id, scope, effect, cascade, cause, until }))
}

fn moved(pattern: &str) -> Awaited {
    Awaited::Event(EventPattern::parse(pattern).expect("well formed"))
}

fn event(shop: &str) -> Scope {
    let attributes = vec![("shop".into(), shop.into())];
    Scope::Event(clearwell_words::Event::new("moved", attributes).expect("well formed"))
}

fn is_held(answer: &Answer) -> bool {
    matches!(answer, Answer::Invalidated(done) if done.survives)
}

/// Who let holds take effect, and which.
fn effects(world: &World) -> Vec<(u64, u64)> {
    let told = world.nodes.iter().flat_map(|(peer, node)| {
        node.events.iter().filter_map(|event| match event {
            Event::TookEffect(id) => Some((peer.node.0, *id)),
            _ => None,
        })
    });
    told.collect()
}

fn put(world: &mut World, key: &str) {
    assert!(matches!(world.write(1, key, "value", Strategy::CacheOnly), Answer::Written(_)));
}

fn is_there(world: &mut World, key: &str) -> bool {
    world.read(1, key, Level::Strong).is_some()
}

#[test]
fn a_delay_runs_at_the_owner_and_ends_once() {
    let mut world = World::new(3, 1);
    let name = world.name_at(1, "k");
    put(&mut world, &name);
    assert!(is_held(&hold(&mut world, 2, 7, key(&name), Awaited::After(1000))));
    world.run(900);
    assert!(effects(&world).is_empty() && is_there(&mut world, &name));
    world.run(200);
    assert!(!is_there(&mut world, &name));
    world.run(5000);
    assert_eq!(effects(&world), [(1, 7)]);
}

#[test]
fn a_hold_outlives_its_owner_and_does_not_begin_anew() {
    let mut world = World::new(3, 1);
    let name = world.name_at(1, "k");
    put(&mut world, &name);
    assert!(is_held(&hold(&mut world, 2, 7, key(&name), Awaited::After(20_000))));
    assert!(is_held(&hold(&mut world, 2, 8, key(&name), Awaited::After(500))));
    world.nodes.remove(&peer(1));
    world.run(15_000);
    let next = world.owner(&name);
    assert_eq!(effects(&world), [(next, 8)], "it was due while there was no owner");
    world.run(4_500);
    assert_eq!(effects(&world), [(next, 8)], "the other one is not due yet");
    world.run(1_000);
    assert_eq!(effects(&world), [(next, 8), (next, 7)]);
}

#[test]
fn whoever_follows_a_slot_later_is_given_what_is_held_in_it() {
    let mut world = World::new(3, 0);
    let name = world.name_at(1, "k");
    hold(&mut world, 2, 7, key(&name), Awaited::After(30_000));
    hold(&mut world, 2, 8, key(&name), moved("moved"));
    world.step(peer(1), Input::Operate(Operation::Replicas(1)));
    world.run(5_000);
    world.nodes.remove(&peer(1));
    world.run(15_000);
    assert!(matches!(world.invalidate(2, event("1"), false), Answer::Invalidated(_)));
    world.run(500);
    let next = world.owner(&name);
    assert_eq!(effects(&world), [(next, 8)]);
    world.run(10_000);
    assert_eq!(effects(&world), [(next, 8), (next, 7)]);
}

#[test]
fn an_event_lets_go_what_waits_for_it_on_all_owners() {
    let mut world = World::new(3, 1);
    let names: Vec<String> = (1..=3).map(|node| world.name_at(node, "k")).collect();
    names.iter().for_each(|name| put(&mut world, name));
    let pattern = Arc::new(Scope::Pattern(Glob::new(b"k*").expect("well formed")));
    assert!(is_held(&hold(&mut world, 1, 1, key(&names[0]), moved("moved{shop=1}"))));
    assert!(is_held(&hold(&mut world, 1, 2, pattern, moved("moved{shop=2}"))));
    world.invalidate(3, event("3"), false);
    world.run(1000);
    assert!(effects(&world).is_empty());
    world.invalidate(3, event("1"), false);
    assert!(!is_there(&mut world, &names[0]), "with the acknowledgement");
    assert!(is_there(&mut world, &names[1]));
    world.invalidate(3, event("2"), false);
    world.run(500);
    assert!(!is_there(&mut world, &names[1]) && !is_there(&mut world, &names[2]));
    let mut told: Vec<u64> = effects(&world).iter().map(|(_, id)| *id).collect();
    told.sort_unstable();
    assert_eq!(told, [1, 2]);
}

#[test]
fn what_is_cancelled_in_time_takes_no_effect() {
    let mut world = World::new(3, 1);
    let name = world.name_at(1, "k");
    assert!(is_held(&hold(&mut world, 2, 7, key(&name), Awaited::After(1000))));
    let cancel = Request::Cancel(Cancel { id: 7, scope: key(&name) });
    assert!(is_held(&world.ask_at(3, cancel.clone())));
    assert_eq!(world.ask_at(3, cancel), Answer::Refused(Refusal::Late), "there is none any more");
    world.nodes.remove(&peer(1));
    world.run(15_000);
    assert!(effects(&world).is_empty(), "its replica knows");
}

#[test]
fn asked_for_once_more_it_counts_from_then() {
    let mut world = World::new(3, 1);
    let name = world.name_at(1, "k");
    hold(&mut world, 2, 7, key(&name), Awaited::After(1000));
    world.run(800);
    hold(&mut world, 2, 7, key(&name), Awaited::After(1000));
    world.run(800);
    assert!(effects(&world).is_empty());
    world.run(300);
    assert_eq!(effects(&world), [(1, 7)]);
}

#[test]
fn the_disk_gives_back_what_was_held_and_not_what_is_over() {
    let mut world = World::new(1, 0);
    for (id, until) in [(1, Awaited::After(100)), (2, Awaited::After(3000)), (3, moved("moved"))] {
        hold(&mut world, 1, id, key("k"), until);
    }
    world.run(1000);
    assert_eq!(effects(&world), [(1, 1)]);
    let persisted = world.nodes[&peer(1)].disk.clone();
    world.start(1, Start { view: None, persisted }, 1);
    world.run(8_000);
    assert_eq!(effects(&world), [(1, 2)], "its time was counted anew");
    world.invalidate(1, event("1"), false);
    assert_eq!(effects(&world), [(1, 2), (1, 3)]);
}

#[test]
fn one_slot_holds_no_more_than_can_be_handed_over() {
    let mut world = World::new(1, 0);
    let long = "e".repeat(1000);
    let full = (0..1000).find(|id| {
        let answer = hold(&mut world, 1, *id, key("k"), moved(&long));
        answer == Answer::Refused(Refusal::Busy)
    });
    assert!(full.is_some_and(|held| (200..300).contains(&held)), "{full:?}");
    assert!(matches!(hold(&mut world, 1, 5000, key(&other_slot("k")), moved(&long)), Answer::Invalidated(_)));
}

fn other_slot(name: &str) -> String {
    let of = |text: &str| slot::slot_of(text.as_bytes(), world::SLOTS);
    (0..).map(|n| format!("{name}{n}")).find(|other| of(other) != of(name)).expect("there are several slots")
}
