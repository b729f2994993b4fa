//! Values under names that several owners order: what each of them must be known to have said.

use std::sync::Arc;

use crate::world::{World, bytes, peer};
use clearwell_cluster::request::{Invalidate, Strategy};
use clearwell_cluster::*;
use clearwell_words::{Cause, Effect, Invalidation, Scope};

pub(super) const BOUND: Level = Level::Bounded(2000);

/// A key of node 1 with a tag of node 2, loaded by its owner.
pub(super) fn tagged(config: fn(u64, u64) -> Config) -> (World, String, String) {
    tagged_at(1, config)
}

fn tagged_at(node: u64, config: fn(u64, u64) -> Config) -> (World, String, String) {
    let mut world = World::of(5, 1, config);
    let (key, tag) = (world.name_at(node, "k"), world.name_at(2, "t"));
    world.set_source(&key, "1", &[&tag], &[]);
    for _ in 0..2 {
        // The first time nothing is known of the tag.
        assert_eq!(world.read(node, &key, BOUND).as_deref(), Some("1"));
        world.run(1_000);
    }
    assert!(world.holds(node, &key, BOUND));
    (world, key, tag)
}

pub(super) fn read(key: &str, level: Level, token: Token) -> Request {
    Request::Read(request::Read { key: bytes(key), level, token, hold: true })
}

pub(super) fn value(answer: Option<&Answer>) -> Option<Bytes> {
    match answer {
        Some(Answer::Value { entry, .. }) => entry.as_ref().and_then(|entry| entry.value.clone()),
        _ => None,
    }
}

/// The tag is invalidated, and the key's owner does not hear of it. Returns what the source has now, and what was seen of it.
fn is_made_old(world: &mut World, key: &str, tag: &str) -> Token {
    world.part(&[1], &[2]);
    world.set_source(key, "2", &[tag], &[]);
    match world.invalidate(2, Scope::Tag((*bytes(tag)).into()), false) {
        Answer::Invalidated(done) => done.token,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_owner_gives_a_bounded_reader_nothing_whose_tags_were_not_heard_of_for_longer() {
    let (mut world, key, tag) = tagged(World::config);
    is_made_old(&mut world, &key, &tag);
    world.run(800);
    let ticket = world.send(1, read(&key, Level::Bounded(500), Token::default()));
    world.run(200);
    assert_ne!(value(world.answers.get(&ticket)), Some(bytes("1")));
}

#[test]
fn an_owner_gives_a_session_nothing_older_than_what_it_has_seen_of_the_tags() {
    let (mut world, key, tag) = tagged(World::config);
    let token = is_made_old(&mut world, &key, &tag);
    assert!(world.lies(1, &key).is_some());
    let ticket = world.send(1, read(&key, Level::Session, token));
    world.run(200);
    assert_ne!(value(world.answers.get(&ticket)), Some(bytes("1")));
}

#[test]
fn a_load_is_not_kept_when_its_key_was_marked_since() {
    let mut world = World::new(5, 1);
    let key = world.name_at(1, "k");
    world.set_source(&key, "1", &[], &[]);
    world.asks_late = |ask| matches!(ask, Ask::Load { .. });
    world.send(1, read(&key, BOUND, Token::default()));
    assert_eq!(world.under_way(), 1);
    world.set_source(&key, "2", &[], &[]);
    world.invalidate(1, Scope::Key((*bytes(&key)).into()), false);
    world.asks_late = |_| false;
    world.finish();
    world.run(50);
    assert_eq!(world.read(1, &key, BOUND).as_deref(), Some("2"));
}

#[test]
fn a_load_is_as_new_as_what_was_heard_when_it_began() {
    let (mut world, key, tag) = tagged(World::config);
    world.nodes.get_mut(&peer(1)).unwrap().store.clear();
    world.step(peer(1), Input::Evicted(bytes(&key)));
    world.asks_late = |ask| matches!(ask, Ask::Load { .. });
    world.send(1, read(&key, BOUND, Token::default()));
    assert_eq!(world.under_way(), 1);
    world.set_source(&key, "2", &[&tag], &[]);
    world.invalidate(2, Scope::Tag((*bytes(&tag)).into()), false);
    world.run(1_500);
    world.asks_late = |_| false;
    world.finish();
    world.run(1_500);
    assert_eq!(world.read(1, &key, BOUND).as_deref(), Some("2"));
}

/// Records for the key's owner are lost, the tag's among them, and its question about what lies there gets no answer: what it knows of the
/// log is newer than the value.
pub(super) fn is_in_doubt() -> (World, String) {
    let few_hints = |node, members| Config { hints_most: 2, ..World::config(node, members) };
    let (mut world, key, tag) = tagged(few_hints);
    world.deaf.extend([(NodeId(1), "records"), (NodeId(1), "enlist")]);
    world.set_source(&key, "2", &[&tag], &[]);
    world.invalidate(2, Scope::Tag((*bytes(&tag)).into()), false);
    let other = (0..).map(|n| format!("x{n}")).find(|key| world.holders(2, key) == [2, 1]).unwrap();
    for value in ["1", "2", "3", "4"] {
        world.send_write(2, &other, value, Strategy::CacheOnly);
    }
    world.run(2_500);
    (world, key)
}

#[test]
fn what_names_owners_do_not_tell_of_is_no_copy_for_others() {
    let (mut world, key) = is_in_doubt();
    let ticket = world.send(3, read(&key, Level::Eventual, Token::default()));
    world.run(100);
    assert_eq!(value(world.answers.get(&ticket)), Some(bytes("1")), "it takes what there is");
    world.run(500);
    assert!(!world.holds(3, &key, BOUND));
}

#[test]
fn what_names_owners_do_not_tell_of_is_not_handed_over() {
    let (mut world, key) = is_in_doubt();
    let before = world.holders(3, &key);
    world.step(peer(3), Input::Operate(Operation::Replicas(2)));
    world.until("there are three", |world| world.holders(3, &key).len() == 3);
    world.run(500);
    for node in world.holders(3, &key).into_iter().filter(|node| !before.contains(node)) {
        assert!(!world.holds(node, &key, BOUND), "{node}");
    }
}

/// The tag's slot has gone to another owner, of which the key's owner knows nothing.
#[test]
fn who_does_not_follow_a_view_answers_no_session_that_has_seen_it() {
    let long_leases = |node, members| Config {
        owner_lease_ms: 20_000,
        read_lease_ms: 15_000,
        ..World::config(node, members)
    };
    let (mut world, key, tag) = tagged_at(4, long_leases);
    world.step(peer(2), Input::Operate(Operation::Weight(0)));
    world.until("it knows what is to come", |world| !world.member(4).view().unwrap().is_settled());
    world.deaf.insert((NodeId(4), "view"));
    world.late.insert((NodeId(2), NodeId(4), "records"));
    world.until("another owner begins", |world| {
        let owner = world.owner(&tag);
        owner != 2 && world.owns(owner, &tag)
    });
    let owner = world.owner(&tag);
    assert_ne!(owner, 4);
    world.set_source(&key, "2", &[&tag], &[]);
    // Whoever has seen what the new owner did has a token of this view.
    let token = Token::at(world.member(owner).view().unwrap().epoch, peer(owner), Position(1));
    let ticket = world.send(4, read(&key, Level::Session, token));
    world.run(200);
    assert_ne!(value(world.answers.get(&ticket)), Some(bytes("1")));
}

/// The source may have it long before it says so.
#[test]
fn nothing_is_kept_that_was_made_from_a_key_whose_write_is_under_way() {
    let mut world = World::new(5, 1);
    let key = world.name_at(1, "k");
    let made = world.name_at(1, "m");
    world.set_source(&key, "1", &[], &[]);
    world.set_source(&made, "of 1", &[], &[&key]);
    world.asks_late = |ask| matches!(ask, Ask::Commit { .. });
    world.send_write(1, &key, "2", Strategy::Through);
    world.until("the source is asked", |world| world.under_way() == 1);
    assert_eq!(world.read(1, &made, BOUND).as_deref(), Some("of 1"));
    assert!(!world.holds(1, &made, BOUND));
    world.finish();
    world.run(100);
    assert_eq!(world.read(1, &made, BOUND).as_deref(), Some("of 1"));
    assert!(world.holds(1, &made, BOUND));
}

/// Its owner was handed the key over, so nobody told it that the source has the value. While it loads anew, an invalidation comes that may
/// cover everything, and does not cover the key.
#[test]
fn a_load_of_another_value_is_noticed_whatever_came_meanwhile() {
    let (mut world, key, tag) = tagged(World::config);
    world.step(peer(1), Input::Operate(Operation::Replicas(0)));
    world.run(5_000);
    world.step(peer(1), Input::Operate(Operation::Weight(0)));
    world.until("another owner begins", |world| {
        let owner = world.owner(&key);
        owner != 1 && world.owns(owner, &key) && world.member(owner).view().unwrap().is_settled()
    });
    let owner = world.owner(&key);
    assert!(owner != 2 && world.lies(owner, &key).is_some());
    world.deaf.insert((NodeId(owner), "records"));
    world.set_source(&key, "2", &[&tag], &[]);
    let Answer::Invalidated(done) = world.invalidate(2, Scope::Tag((*bytes(&tag)).into()), false) else {
        panic!()
    };
    world.asks_late = |ask| matches!(ask, Ask::Load { validate: true, .. });
    let ticket = world.send(owner, read(&key, Level::Session, done.token));
    assert_eq!(world.under_way(), 1);
    let (scope, effect) = (Arc::new(Scope::Prefix((*bytes("other")).into())), Effect::Gone);
    let invalidation = Invalidation { scope, effect, cascade: false, version: None, cause: Cause::Command };
    world.send(4, Request::Invalidate(Invalidate { invalidation, wait: false, depth: 0 }));
    world.run(50);
    world.asks_late = |_| false;
    world.finish();
    world.run(50);
    assert_eq!(value(world.answers.get(&ticket)), Some(bytes("2")));
    let ticket = world.send(owner, read(&key, Level::Eventual, Token::default()));
    world.run(50);
    assert_eq!(
        value(world.answers.get(&ticket)),
        Some(bytes("2")),
        "who has seen it sees the old one no more"
    );
}

/// A key is made from one that is made from another, each of another owner: the owner in the middle hears of the first, and the last
/// hears of the middle alone.
#[test]
fn the_owner_of_what_was_made_from_a_key_passes_on_that_it_is_old() {
    let mut world = World::new(5, 1);
    let (first, middle, last) = (world.name_at(1, "a"), world.name_at(2, "b"), world.name_at(3, "c"));
    let give = |world: &mut World, value: &str| {
        world.set_source(&first, value, &[], &[]);
        world.set_source(&middle, value, &[], &[&first]);
        world.set_source(&last, value, &[], &[&middle]);
    };
    give(&mut world, "1");
    for _ in 0..2 {
        for (node, key) in [(2, &middle), (3, &last)] {
            assert_eq!(world.read(node, key, BOUND).as_deref(), Some("1"));
        }
        world.run(1_000);
    }
    assert!(world.holds(3, &last, BOUND));
    give(&mut world, "2");
    world.invalidate(1, Scope::Key((*bytes(&first)).into()), false);
    world.run(100);
    assert!(!world.holds(3, &last, BOUND));
    assert_eq!(world.read(3, &last, BOUND).as_deref(), Some("2"));
}
