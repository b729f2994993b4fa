//! What everyone must know of the protocol, each as one short story over whole members.

mod world;

use clearwell_cluster::request::Strategy;
use clearwell_cluster::*;
use clearwell_words::Scope;
use world::{World, bytes, peer};

const BOUND: Level = Level::Bounded(2000);

fn is_written(answer: &Answer) -> bool {
    matches!(answer, Answer::Written(done) if done.survives)
}

#[test]
fn a_write_through_reaches_every_copy_before_it_is_acknowledged() {
    let mut world = World::new(5, 1);
    world.near(100, 5);
    world.set_source("k", "1", &[], &[]);
    for node in [1, 2, 3, 100] {
        assert_eq!(world.read(node, "k", BOUND).as_deref(), Some("1"));
    }
    assert!(world.holds(100, "k", BOUND));
    let answer = world.write(4, "k", "2", Strategy::Through);
    assert!(is_written(&answer), "{answer:?}");
    for node in [1, 2, 3, 4, 5, 100] {
        assert_eq!(world.read(node, "k", Level::Eventual).as_deref(), Some("2"), "{node}");
    }
}

#[test]
fn a_lost_invalidation_is_noticed_at_the_next_heartbeat() {
    let mut world = World::new(3, 1);
    world.near(100, 3);
    world.set_source("k", "1", &[], &[]);
    world.read(100, "k", BOUND);
    world.drop = Some(|message| matches!(message, Message::Records(_)));
    world.step(
        peer(world.owner("k")),
        Input::Request(
            Ticket(9999),
            Request::Invalidate(request::Invalidate {
                invalidation: clearwell_words::Invalidation {
                    scope: Scope::Key((*bytes("k")).into()).into(),
                    effect: clearwell_words::Effect::Gone,
                    cascade: true,
                    version: None,
                    cause: clearwell_words::Cause::Command,
                },
                wait: false,
                depth: 0,
            }),
        ),
    );
    world.run(50);
    assert!(world.nodes[&peer(100)].store.contains_key(&bytes("k")));
    world.drop = None;
    world.run(1300);
    assert!(!world.nodes[&peer(100)].store.contains_key(&bytes("k")));
}

#[test]
fn a_holder_that_is_cut_off_stops_by_itself() {
    let mut world = World::new(3, 1);
    world.near(100, 3);
    world.set_source("k", "1", &[], &[]);
    world.read(100, "k", BOUND);
    assert!(world.holds(100, "k", BOUND));
    world.part(&[100], &[1, 2, 3]);
    world.run(2300);
    assert!(!world.holds(100, "k", BOUND) && world.holds(100, "k", Level::Eventual));
    world.cut.clear();
    world.run(1500);
    assert!(world.holds(100, "k", BOUND), "the copy is current still and is kept");
}

#[test]
fn a_tag_reaches_entries_of_other_owners_and_their_copies() {
    let mut world = World::new(5, 1);
    world.near(100, 5);
    let key = world.name_at(1, "k");
    let tag = world.name_at(2, "t");
    world.set_source(&key, "1", &[&tag], &[]);
    // The first load teaches the owner whom to ask about the tag, the second one can be kept.
    for _ in 0..3 {
        world.read(100, &key, BOUND);
        world.run(100);
    }
    assert!(world.holds(100, &key, BOUND) && world.holds(1, &key, BOUND));
    world.set_source(&key, "2", &[&tag], &[]);
    let answer = world.invalidate(3, Scope::Tag((*bytes(&tag)).into()), true);
    assert!(matches!(answer, Answer::Invalidated(_)), "{answer:?}");
    for node in [1, 100] {
        assert!(!world.nodes[&peer(node)].store.contains_key(&bytes(&key)), "{node}");
    }
    assert_eq!(world.read(100, &key, BOUND).as_deref(), Some("2"));
}

#[test]
fn a_cascade_crosses_nodes() {
    let mut world = World::new(5, 1);
    let (a, b, c) = (world.name_at(1, "a"), world.name_at(2, "b"), world.name_at(3, "c"));
    world.set_source(&a, "1", &[], &[]);
    world.set_source(&b, "1", &[], &[&a]);
    world.set_source(&c, "1", &[], &[&b]);
    for _ in 0..3 {
        for (node, key) in [(1, &a), (2, &b), (4, &c), (5, &b)] {
            world.read(node, key, BOUND);
            world.run(100);
        }
    }
    assert!(world.holds(4, &c, BOUND) && world.holds(5, &b, BOUND));
    world.invalidate(5, Scope::Key((*bytes(&a)).into()), false);
    world.run(200);
    assert!(!world.holds(5, &b, Level::Weak) && !world.holds(4, &c, Level::Weak));
}

/// Who holds only the last of a chain does not know that the pattern covers its beginning.
#[test]
fn a_pattern_cascades_across_nodes() {
    let mut world = World::new(5, 1);
    let (a, b, c) = (world.name_at(1, "a"), world.name_at(2, "b"), world.name_at(3, "c"));
    world.set_source(&a, "1", &[], &[]);
    world.set_source(&b, "1", &[], &[&a]);
    world.set_source(&c, "1", &[], &[&b]);
    for _ in 0..3 {
        for (node, key) in [(2, &b), (4, &c)] {
            world.read(node, key, BOUND);
            world.run(100);
        }
    }
    assert!(world.holds(4, &c, BOUND) && !world.holds(4, &b, Level::Weak));
    world.invalidate(5, Scope::Prefix((*bytes(&a)).into()), false);
    world.run(200);
    assert!(!world.holds(2, &b, Level::Weak) && !world.holds(4, &c, Level::Weak));
}

#[test]
fn a_failover_goes_on_warm_and_loses_nothing_acknowledged() {
    let mut world = World::new(5, 1);
    world.near(100, 5);
    let key = world.name_at(2, "k");
    assert!(is_written(&world.write(1, &key, "v", Strategy::CacheOnly)));
    let sourced = world.name_at(2, "s");
    world.set_source(&sourced, "1", &[], &[]);
    world.read(100, &sourced, BOUND);
    world.run(500);
    world.nodes.remove(&peer(2));
    world.run(15_000);
    assert_ne!(world.owner(&key), 2);
    let loads = world.loads;
    assert_eq!(world.read(1, &key, Level::Strong).as_deref(), Some("v"));
    assert_eq!(world.read(1, &sourced, BOUND).as_deref(), Some("1"));
    assert_eq!(world.loads, loads, "the new owner had it");
    assert!(world.holds(100, &sourced, BOUND), "the near cache kept its copy");
    assert!(is_written(&world.write(1, &key, "w", Strategy::CacheOnly)), "a new replica has taken over");
}

#[test]
fn the_minority_side_answers_only_what_it_may() {
    let mut world = World::new(5, 1);
    let key = world.name_at(4, "k");
    world.write(1, &key, "v", Strategy::CacheOnly);
    world.part(&[4, 5], &[1, 2, 3]);
    world.run(15_000);
    assert_eq!(world.read(4, &key, Level::Eventual).as_deref(), Some("v"));
    assert!(!world.holds(4, &key, BOUND));
    assert!(matches!(world.write(4, &key, "x", Strategy::CacheOnly), Answer::Refused(_)));
    world.cut.clear();
    world.run(30_000);
    let epochs: Vec<Epoch> = (1..=5).map(|n| world.member(n).view().unwrap().epoch).collect();
    assert!(epochs.iter().all(|epoch| *epoch == epochs[0]), "{epochs:?}");
    let view = world.member(1).view().unwrap();
    assert!(
        view.is_settled(),
        "{:?} {:?} {:?} {:?} {:?}",
        view.epoch,
        view.base.seats,
        view.removed,
        view.next.seats,
        view.voters
    );
    assert_eq!(world.member(1).view().unwrap().members().len(), 5);
    assert!(is_written(&world.write(4, &key, "x", Strategy::CacheOnly)));
}

#[test]
fn a_node_joins_and_takes_its_slots_over_warm() {
    let mut world = World::new(3, 1);
    for n in 0..40 {
        assert!(is_written(&world.write(1, &format!("k{n}"), "v", Strategy::CacheOnly)));
    }
    world.start(4, Start::default(), 3);
    world.run(20_000);
    let view = world.member(4).view().unwrap().clone();
    assert!(view.is_settled() && view.owned_by(peer(4)).count() > 4, "{:?}", view.epoch);
    for n in 0..40 {
        assert_eq!(world.read(2, &format!("k{n}"), Level::Strong).as_deref(), Some("v"), "k{n}");
    }
}

#[test]
fn the_factor_changes_while_running() {
    let mut world = World::new(4, 0);
    let key = world.name_at(1, "k");
    let alone = world.write(2, &key, "v", Strategy::CacheOnly);
    assert!(matches!(alone, Answer::Written(done) if !done.survives), "one copy cannot survive");
    world.step(peer(3), Input::Operate(Operation::Replicas(2)));
    world.run(10_000);
    let view = world.member(1).view().unwrap();
    assert_eq!((view.base.replicas, view.is_settled()), (2, true));
    assert!(is_written(&world.write(2, &key, "w", Strategy::CacheOnly)));
}

#[test]
fn a_write_back_survives_its_owner() {
    let mut world = World::new(3, 1);
    let key = world.name_at(3, "k");
    assert!(is_written(&world.write(1, &key, "v", Strategy::Back)));
    world.run(500);
    assert_eq!(&*world.source[&bytes(&key)].0, b"v");
}

#[test]
fn a_commit_behind_the_clusters_back_takes_a_written_back_value_away() {
    let mut world = World::new(3, 1);
    let owner = world.owner("k");
    assert!(is_written(&world.write(1, "k", "1", Strategy::Back)));
    world.run(500);
    assert_eq!(world.source[&bytes("k")].0, bytes("1"), "it is flushed");
    assert_eq!(world.read(owner, "k", BOUND).as_deref(), Some("1"));
    world.set_source("k", "2", &[], &[]);
    world.feed(2, "k");
    for node in 1..=3 {
        assert_eq!(world.read(node, "k", BOUND).as_deref(), Some("2"), "{node}");
    }
}

#[test]
fn what_is_written_back_and_flushed_lies_alike_at_its_replica() {
    let mut world = World::new(2, 1);
    let owner = world.owner("k");
    world.write(owner, "k", "1", Strategy::Back);
    world.run(500);
    assert_eq!(world.read(owner, "k", Level::Strong).as_deref(), Some("1"));
    world.run(500);
    let versions = [1, 2].map(|node| world.nodes[&peer(node)].store[&bytes("k")].version);
    assert_eq!(versions, [world.source[&bytes("k")].1; 2]);
    world.run(20_000);
    assert!(
        world
            .nodes
            .values()
            .all(|node| !node.events.iter().any(|e| matches!(e, Event::Differed(_) | Event::Lacked(_))))
    );
}

#[test]
fn everything_is_ordered_by_all_owners() {
    let mut world = World::new(4, 1);
    for n in 0..10 {
        world.set_source(&format!("k{n}"), "1", &[], &[]);
        world.read(n % 4 + 1, &format!("k{n}"), BOUND);
    }
    world.run(300);
    let answer = world.invalidate(2, Scope::Everything, true);
    assert!(matches!(&answer, Answer::Invalidated(done) if done.ordered.len() == 4), "{answer:?}");
    assert!(world.nodes.values().all(|node| node.store.is_empty()));
}

#[test]
fn a_node_leaves_and_its_slots_go_on() {
    let mut world = World::new(4, 1);
    let key = world.name_at(2, "k");
    world.write(1, &key, "v", Strategy::CacheOnly);
    world.step(peer(2), Input::Operate(Operation::Leave));
    world.run(10_000);
    assert!(!world.member(1).view().unwrap().has(peer(2)));
    world.nodes.remove(&peer(2));
    assert_eq!(world.read(3, &key, Level::Strong).as_deref(), Some("v"));
}

#[test]
fn one_node_alone_works_and_says_what_it_cannot() {
    let mut world = World::new(1, 1);
    let answer = world.write(1, "k", "v", Strategy::CacheOnly);
    assert!(matches!(answer, Answer::Written(done) if !done.survives));
    assert_eq!(world.read(1, "k", Level::Strong).as_deref(), Some("v"));
}
