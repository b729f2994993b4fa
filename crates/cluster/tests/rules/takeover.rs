//! A slot's new owner, and those who heard the former one last.

use crate::world::{World, bytes, peer};
use clearwell_cluster::request::{Ack, Fill, Strategy};
use clearwell_cluster::*;
use clearwell_words::{Cause, Effect, Invalidation, Scope};

const BOUND: Level = Level::Bounded(2000);
const NEAR: NodeId = NodeId(100);

/// A key of the source whose owner is node 1, with a copy at a near cache.
fn copied(replicas: u8) -> (World, String) {
    let mut world = World::new(5, replicas);
    world.near(100, 5);
    let key = world.name_at(1, "k");
    world.set_source(&key, "1", &[], &[]);
    assert_eq!(world.read(100, &key, BOUND).as_deref(), Some("1"));
    assert!(world.holds(100, &key, BOUND));
    (world, key)
}

/// The slots of node 1 go to others, and both live. Returns the key's new owner, which has begun.
fn moves(world: &mut World, key: &str) -> u64 {
    world.step(peer(1), Input::Operate(Operation::Weight(0)));
    world.until("another owner begins", |world| {
        let owner = world.owner(key);
        owner != 1 && world.owns(owner, key)
    });
    world.owner(key)
}

#[test]
fn a_new_owner_waits_for_read_leases_of_the_former_one() {
    let (mut world, key) = copied(1);
    world.part(&[100], &[1, 2, 3, 4, 5]);
    let owner = moves(&mut world, &key);
    assert!(world.holds(100, &key, BOUND), "it has a lease still, and hears nothing");
    let answer = world.write(owner, &key, "2", Strategy::Through);
    assert!(matches!(answer, Answer::Written(_)), "{answer:?}");
    assert!(!world.holds(100, &key, BOUND));
}

#[test]
fn no_read_lease_outlives_the_lease_of_its_owner() {
    let (mut world, key) = copied(1);
    world.part(&[1, 100], &[2, 3, 4, 5]);
    world.until("another owner begins", |world| {
        let owner = world.owner(&key);
        owner != 1 && world.owns(owner, &key)
    });
    let owner = world.owner(&key);
    let answer = world.write(owner, &key, "2", Strategy::Through);
    assert!(matches!(answer, Answer::Written(_)), "{answer:?}");
    assert!(!world.holds(100, &key, BOUND));
}

/// The former owner lives, and tells of other slots as before.
#[test]
fn who_has_left_a_slot_says_so_in_its_log() {
    let (mut world, key) = copied(1);
    // It has another copy of the same owner, so it goes on hearing it; of the view it is not told.
    world.deaf.insert((NEAR, "view"));
    let owner = moves(&mut world, &key);
    let answer = world.write(owner, &key, "2", Strategy::Through);
    assert!(matches!(answer, Answer::Written(_)), "{answer:?}");
    assert!(!world.holds(100, &key, BOUND));
}

#[test]
fn a_right_to_fill_ends_when_another_has_owned_the_slot_meanwhile() {
    let mut world = World::new(3, 1);
    let key = world.name_at(1, "k");
    let read = request::Read { key: bytes(&key), level: Level::Strong, token: Token::default(), hold: true };
    let Answer::Value { lease: Some(lease), .. } = world.ask_at(1, Request::Read(read)) else {
        panic!("a miss brings a lease")
    };
    let owner = moves(&mut world, &key);
    world.invalidate(owner, Scope::Key((*bytes(&key)).into()), true);
    world.step(peer(1), Input::Operate(Operation::Weight(100)));
    world.until("it is back", |world| world.owner(&key) == 1 && world.owns(1, &key));
    let fill = Fill {
        key: bytes(&key),
        value: bytes("filled"),
        tags: [].into(),
        dependencies: [].into(),
        events: [].into(),
        ttl_ms: None,
        meta: Meta::default(),
        ack: Ack::Owner,
        lease,
    };
    assert_eq!(world.ask_at(1, Request::Fill(fill)), Answer::Refused(Refusal::Late));
}

fn everything() -> Request {
    let invalidation = Invalidation {
        scope: Scope::Everything.into(),
        effect: Effect::Gone,
        cascade: true,
        version: None,
        cause: Cause::Command,
    };
    Request::Invalidate(request::Invalidate { invalidation, wait: false, depth: 0 })
}

#[test]
fn what_concerns_all_is_ordered_by_those_who_have_begun() {
    let mut world = World::new(5, 1);
    let key = world.name_at(1, "k");
    world.write(1, &key, "1", Strategy::CacheOnly);
    let heir = world.holders(1, &key)[1];
    // It is taken for dead, and renews its lease until then.
    world.deaf.extend([(NodeId(1), "gossip"), (NodeId(1), "view")]);
    world.until("a view without 1", |world| world.holders(heir, &key) == [heir]);
    world.run(500);
    assert!(!world.owns(heir, &key), "the former owner may still act");
    let ticket = world.send(heir, everything());
    world.until("it is answered", |world| world.answers.contains_key(&ticket));
    assert!(world.owns(heir, &key), "{:?}", world.answers.get(&ticket));
}

/// In the next view it may own what nobody has ordered it for.
#[test]
fn an_owners_part_counts_in_the_view_in_which_it_was_done() {
    let mut world =
        World::of(5, 1, |node, members| Config { request_ms: 60_000, ..World::config(node, members) });
    world.late.insert((NodeId(1), NodeId(3), "request"));
    world.deaf.insert((NodeId(2), "request"));
    let before = world.member(3).view().unwrap().epoch;
    let ticket = world.send(3, everything());
    world.run(20);
    assert_eq!(world.kept(), 1, "1 has done its part, and 2 has not heard of it");
    world.step(peer(2), Input::Operate(Operation::Weight(0)));
    let owns_nothing = |world: &World| world.member(3).view().unwrap().owned_by(peer(2)).count() == 0;
    world.until("2 owns nothing", owns_nothing);
    assert!(world.member(3).view().unwrap().epoch > before);
    world.deaf.insert((NodeId(1), "request"));
    world.run(1_500);
    world.let_go();
    world.run(100);
    assert_eq!(world.answers.get(&ticket), None);
    world.deaf.clear();
    world.run(1_000);
    assert!(matches!(world.answers.get(&ticket), Some(Answer::Invalidated(_))));
}

/// A value of the heir under a tag of the former owner is read, and its copy is still on its way when the tag's slot has changed hands.
#[test]
fn what_was_read_before_an_owner_began_proves_nothing_of_what_it_owns_now() {
    let mut world = World::new(5, 1);
    let tag = world.name_at(1, "t");
    let heir = world.holders(1, &tag)[1];
    let key = world.name_at(heir, "k");
    let reader = (2..=5).find(|node| *node != heir && !world.holders(1, &key).contains(node)).unwrap();
    world.set_source(&key, "1", &[&tag], &[]);
    for _ in 0..2 {
        world.read(heir, &key, BOUND);
        world.run(1_000);
    }
    let read = request::Read { key: bytes(&key), level: BOUND, token: Token::default(), hold: true };
    world.late.insert((NodeId(heir), NodeId(reader), "request"));
    world.send(reader, Request::Read(read));
    world.until("it is answered", |world| world.kept() == 1);
    world.set_source(&key, "2", &[&tag], &[]);
    world.invalidate(1, Scope::Tag((*bytes(&tag)).into()), false);
    world.step(peer(1), Input::Operate(Operation::Weight(0)));
    world.until("the heir begins", |world| world.owns(heir, &tag));
    world.let_go();
    world.run(500);
    assert_eq!(world.lies(reader, &key), None);
}

/// The former owner had no room for a value that a near cache has a copy of, and the source has another one meanwhile, which nobody was told of.
/// Returns the new owner.
fn moves_without_the_value(world: &mut World, key: &str) -> u64 {
    world.nodes.get_mut(&peer(1)).unwrap().store.remove(&bytes(key));
    world.step(peer(1), Input::Evicted(bytes(key)));
    world.set_source(key, "2", &[], &[]);
    moves(world, key)
}

#[test]
fn a_copy_of_a_value_that_the_new_owner_does_not_know_is_not_kept() {
    let (mut world, key) = copied(0);
    let owner = moves_without_the_value(&mut world, &key);
    world.run(1_000);
    assert_eq!(world.read(owner, &key, Level::Strong).as_deref(), Some("2"));
    assert!(!world.holds(100, &key, BOUND));
}

#[test]
fn a_copy_of_a_value_that_the_new_owner_does_not_know_is_not_taken_for_the_one_it_loaded() {
    let (mut world, key) = copied(0);
    world.deaf.insert((NEAR, "enlist"));
    let owner = moves_without_the_value(&mut world, &key);
    assert_eq!(world.read(owner, &key, Level::Strong).as_deref(), Some("2"));
    world.deaf.clear();
    world.run(1_000);
    assert!(!world.holds(100, &key, BOUND));
}

/// What the new owner knows, others keep.
#[test]
fn a_copy_of_a_value_that_the_new_owner_was_given_stays() {
    let (mut world, key) = copied(0);
    let owner = moves(&mut world, &key);
    world.run(1_000);
    assert!(world.holds(100, &key, BOUND));
    world.set_source(&key, "2", &[], &[]);
    assert_eq!(world.read(owner, &key, Level::Strong).as_deref(), Some("2"));
    world.run(10);
    assert!(!world.holds(100, &key, BOUND));
}
