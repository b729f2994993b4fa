//! What the store gave is judged by what was known when it was read: until its answer is there, more may be learned.

use super::shared::{BOUND, is_in_doubt, read, tagged, value};
use crate::world::{World, bytes, peer};
use clearwell_cluster::request::Strategy;
use clearwell_cluster::*;
use clearwell_words::Scope;

/// The tag's owner answers at last that what lies here in doubt is old, so it is gone.
fn is_found_old(world: &mut World, key: &str) {
    assert_eq!(world.lies(1, key).as_deref(), Some("1"));
    world.deaf.clear();
    world.let_go();
    world.until("the owner has answered", |world| world.lies(1, key).is_none());
}

/// The tag's owner has answered, and that is on its way.
fn is_answered(world: &mut World) {
    world.late.insert((NodeId(2), NodeId(1), "enlist"));
    world.until("it is answered", |world| world.kept() > 0);
}

#[test]
fn what_was_read_in_doubt_is_not_shown_when_it_was_found_to_be_old() {
    for was_answered in [true, false] {
        let (mut world, key) = is_in_doubt();
        if was_answered {
            is_answered(&mut world);
        }
        world.asks_late = |ask| matches!(ask, Ask::Load { .. });
        let ticket = world.send(1, read(&key, BOUND, Token::default()));
        assert_eq!(world.under_way(), 1);
        is_found_old(&mut world, &key);
        world.asks_late = |_| false;
        world.finish();
        world.run(100);
        assert_eq!(value(world.answers.get(&ticket)), Some(bytes("2")), "{was_answered}");
    }
}

#[test]
fn what_was_read_in_doubt_is_no_copy_for_others_when_it_was_found_to_be_old() {
    let (mut world, key) = is_in_doubt();
    world.asks_late = |ask| matches!(ask, Ask::Load { .. });
    world.send(3, read(&key, Level::Eventual, Token::default()));
    world.run(10);
    assert_eq!(world.under_way(), 1);
    is_found_old(&mut world, &key);
    world.asks_late = |_| false;
    world.finish();
    world.run(1_000);
    assert_eq!(world.read(3, &key, BOUND).as_deref(), Some("2"));
}

#[test]
fn what_was_read_in_doubt_is_not_handed_over_when_it_was_found_to_be_old() {
    let (mut world, key) = is_in_doubt();
    let before = world.holders(3, &key);
    world.asks_late = |ask| matches!(ask, Ask::Export { .. });
    world.step(peer(3), Input::Operate(Operation::Replicas(2)));
    world.until("the slots are read", |world| world.under_way_of(1) > 0);
    is_found_old(&mut world, &key);
    world.asks_late = |_| false;
    world.finish();
    world.until("there are three", |world| world.holders(3, &key).len() == 3);
    world.run(500);
    for node in world.holders(3, &key).into_iter().filter(|node| !before.contains(node)) {
        assert!(!world.holds(node, &key, BOUND), "{node}");
    }
}

/// Another value under the same tag is kept meanwhile, so the tag is told of once more.
#[test]
fn what_was_made_old_while_it_was_read_is_no_copy_for_others() {
    let (mut world, key, tag) = tagged(World::config);
    world.asks_late = |ask| matches!(ask, Ask::Load { .. });
    world.send(3, read(&key, BOUND, Token::default()));
    world.run(10);
    assert_eq!(world.under_way(), 1);
    world.asks_late = |_| false;
    world.set_source(&key, "2", &[&tag], &[]);
    world.invalidate(2, Scope::Tag((*bytes(&tag)).into()), false);
    let other = world.name_at(1, "other");
    world.set_source(&other, "1", &[&tag], &[]);
    for _ in 0..2 {
        world.read(1, &other, BOUND);
        world.run(1_000);
    }
    assert!(world.holds(1, &other, BOUND));
    world.finish();
    world.run(1_000);
    assert_eq!(world.read(3, &key, BOUND).as_deref(), Some("2"));
}

/// A value that no source has was dropped by its owner in doubt of one of its tags, and its replica has no doubt.
#[test]
fn what_was_found_gone_does_not_come_back_from_a_replica() {
    let mut world = World::new(5, 1);
    let key = world.name_at(1, "k");
    world.write(1, &key, "1", Strategy::CacheOnly);
    world.run(1_000);
    let replica = world.holders(3, &key)[1];
    let reader = (2..=5).find(|node| *node != replica).unwrap();
    assert_eq!(world.lies(replica, &key).as_deref(), Some("1"));
    world.nodes.get_mut(&peer(1)).unwrap().store.remove(&bytes(&key));
    assert_eq!(world.read(reader, &key, Level::Strong), None);
    world.nodes.remove(&peer(1));
    world.until("another node owns it", |world| world.owner(&key) == replica && world.owns(replica, &key));
    assert_eq!(world.read(reader, &key, Level::Strong), None);
}

#[test]
fn what_is_put_while_a_read_finds_nothing_stays() {
    let mut world = World::new(5, 1);
    let key = world.name_at(1, "k");
    world.write(1, &key, "1", Strategy::CacheOnly);
    world.nodes.get_mut(&peer(1)).unwrap().store.remove(&bytes(&key));
    world.asks_late = |ask| matches!(ask, Ask::Load { .. });
    world.send(1, read(&key, Level::Strong, Token::default()));
    assert_eq!(world.under_way(), 1);
    world.write(1, &key, "2", Strategy::CacheOnly);
    world.asks_late = |_| false;
    world.finish();
    world.run(100);
    assert_eq!(world.read(1, &key, Level::Strong).as_deref(), Some("2"));
}
