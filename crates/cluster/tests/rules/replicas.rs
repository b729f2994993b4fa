//! What an acknowledgement rests on: a lease that lasts, in the view that is followed, and replicas that have all of the slot.

use crate::world::{self, World, bytes, peer};
use clearwell_cluster::request::Strategy;
use clearwell_cluster::*;

const BOUND: Level = Level::Bounded(2000);

fn is_written(answer: Option<&Answer>) -> bool {
    matches!(answer, Some(Answer::Written(_)))
}

fn lan(node: u64, members: u64) -> Config {
    let Config { me, seeds, slots, .. } = World::config(node, members);
    Config { seeds, slots, ..Config::new(me) }
}

fn few_hints(node: u64, members: u64) -> Config {
    Config { hints_most: 2, ..World::config(node, members) }
}

/// A key of node 1 with a value, and the other holders of its slot.
fn kept(world: &mut World) -> (String, Vec<u64>) {
    let key = world.name_at(1, "k");
    world.write(1, &key, "1", Strategy::CacheOnly);
    let replicas = world.holders(1, &key).split_off(1);
    (key, replicas)
}

#[test]
fn nothing_is_acknowledged_or_shown_before_its_replica_has_it() {
    let mut world = World::new(3, 1);
    let (key, replicas) = kept(&mut world);
    assert!(world.holds(1, &key, Level::Session));
    world.deaf.insert((NodeId(replicas[0]), "records"));
    let ticket = world.send_write(1, &key, "2", Strategy::CacheOnly);
    world.run(100);
    assert_eq!(world.answers.get(&ticket), None);
    assert!(!world.holds(1, &key, Level::Session), "it could still be lost");
    world.deaf.clear();
    world.run(1500);
    assert!(is_written(world.answers.get(&ticket)));
    assert!(world.holds(1, &key, Level::Session));
    assert!(!world.holds(replicas[0], &key, Level::Session), "a replica does not know what is acknowledged");
}

#[test]
fn a_replica_that_lost_records_counts_for_nothing_until_it_has_the_slot_again() {
    let mut world = World::of(3, 1, few_hints);
    let (key, replicas) = kept(&mut world);
    let replica = NodeId(replicas[0]);
    world.deaf.extend([(replica, "records"), (replica, "state")]);
    for value in ["2", "3", "4", "5"] {
        world.send_write(1, &key, value, Strategy::CacheOnly);
    }
    world.run(2_500);
    assert!(!world.answers.values().any(|answer| is_written(Some(answer))), "{:?}", world.answers);
    assert!(!world.holds(replicas[0], &key, BOUND), "what it missed is not known");
    world.deaf.clear();
    world.run(10_000);
    assert_eq!(world.lies(replicas[0], &key).as_deref(), Some("5"));
    assert!(matches!(world.write(1, &key, "6", Strategy::CacheOnly), Answer::Written(done) if done.survives));
}

#[test]
fn who_was_replaced_acknowledges_nothing_more() {
    let mut world = World::of(5, 1, lan);
    let (key, replicas) = kept(&mut world);
    let heir = replicas[0];
    world.part(&[1], &[2, 3, 4, 5]);
    world.run(1_000);
    assert!(world.owns(1, &key), "its lease lasts");
    let ticket = world.send_write(1, &key, "2", Strategy::CacheOnly);
    world.until("the heir begins", |world| world.owns(heir, &key));
    // The heir confirms what comes late, and has no use for it. The old owner is not told of the view yet.
    world.deaf.insert((NodeId(1), "view"));
    world.cut.clear();
    world.run(700);
    assert!(!is_written(world.answers.get(&ticket)), "{:?}", world.answers);
    assert_eq!(world.read(heir, &key, Level::Strong).as_deref(), Some("1"));
}

/// Its replica, which is the owner now, would confirm what it is sent.
#[test]
fn who_was_replaced_takes_nothing_more() {
    let mut world = World::of(5, 1, lan);
    let (key, replicas) = kept(&mut world);
    let heir = replicas[0];
    world.part(&[1], &[2, 3, 4, 5]);
    world.until("the heir begins", |world| world.owns(heir, &key));
    let ticket = world.send_write(1, &key, "2", Strategy::CacheOnly);
    world.deaf.insert((NodeId(1), "view"));
    world.cut.clear();
    world.run(1_000);
    assert!(!is_written(world.answers.get(&ticket)), "{:?}", world.answers);
    assert_eq!(world.read(heir, &key, Level::Strong).as_deref(), Some("1"));
}

#[test]
fn who_is_not_known_in_a_view_acknowledges_nothing_in_it() {
    // Six stay, so there are five voters.
    let mut world = World::of(7, 2, lan);
    let (key, replicas) = kept(&mut world);
    let [stays, goes] = replicas[..] else { panic!("{replicas:?}") };
    let others = |of: &[u64]| -> Vec<u64> { (1..=7).filter(|node| !of.contains(node)).collect() };
    world.part(&[goes], &others(&[goes]));
    world.until("a view without it", |world| world.holders(1, &key) == [1, stays]);
    // The next view may be made without anybody who knows that this one acted in it: then the one that is gone goes on.
    world.part(&[1, stays], &others(&[1, stays]));
    let ticket = world.send_write(1, &key, "2", Strategy::CacheOnly);
    world.run(300);
    assert_eq!(world.answers.get(&ticket), None);
    assert_eq!(world.lies(stays, &key).as_deref(), Some("2"), "its replica has it all the same");
}

#[test]
fn a_slot_whose_holders_are_away_waits_for_them() {
    let mut world = World::new(5, 1);
    let (key, replicas) = kept(&mut world);
    let away = [1, replicas[0]];
    let others: Vec<u64> = (2..=5).filter(|node| !away.contains(node)).collect();
    world.part(&away, &others);
    world.run(15_000);
    assert!(matches!(world.write(others[0], &key, "2", Strategy::CacheOnly), Answer::Refused(_)));
    world.cut.clear();
    world.run(20_000);
    assert_eq!(world.read(others[0], &key, Level::Strong).as_deref(), Some("1"));
}

#[test]
fn a_slot_that_begins_empty_has_nothing_and_says_so() {
    let mut world = World::new(5, 1);
    let (key, replicas) = kept(&mut world);
    let gone = [1, replicas[0]];
    let others: Vec<u64> = (2..=5).filter(|node| !gone.contains(node)).collect();
    for &node in &others {
        assert_eq!(world.read(node, &key, BOUND).as_deref(), Some("1"));
        assert_eq!(world.lies(node, &key).as_deref(), Some("1"), "each has a copy");
    }
    gone.iter().for_each(|node| drop(world.nodes.remove(&peer(*node))));
    world.run(15_000);
    for node in gone {
        world.step(peer(others[0]), Input::Operate(Operation::Forget(NodeId(node))));
    }
    world.run(15_000);
    assert_eq!(
        world.read(others[1], &key, Level::Strong),
        None,
        "nobody knows whether it was the last value"
    );
    let slot = slot::slot_of(key.as_bytes(), world::SLOTS);
    let is_told = |event: &Event| matches!(event, Event::Lost(slots) if slots.contains(&slot));
    assert!(world.nodes.values().any(|node| node.events.iter().any(is_told)));
}

/// The next owner was granted nothing before it was gone as well: who had the slot before it has all that was acknowledged.
#[test]
fn a_slot_goes_on_with_whom_it_was_taken_from_when_nobody_has_acted_since() {
    let mut world = World::new(5, 1);
    let (key, replicas) = kept(&mut world);
    let heir = replicas[0];
    let rest: Vec<u64> = (2..=5).filter(|node| *node != heir).collect();
    let watcher = rest[0];
    world.part(&[1], &[2, 3, 4, 5]);
    world.until("a view without 1", |world| world.holders(watcher, &key) == [heir]);
    world.part(&[heir], &rest);
    world.run(12_000);
    // It comes back alone.
    world.cut.retain(|(from, to)| *from != NodeId(1) && *to != NodeId(1));
    world.part(&[1], &[heir]);
    world.run(15_000);
    assert_eq!(world.read(watcher, &key, Level::Strong).as_deref(), Some("1"));
    assert_eq!(world.nodes[&peer(1)].store[&bytes(&key)].key, bytes(&key));
}

/// Of three holders one hears nothing, so the source is not asked yet when the owner is gone.
#[test]
fn a_replica_knows_the_writes_under_way() {
    let mut world =
        World::of(5, 2, |node, members| Config { request_ms: 60_000, ..World::config(node, members) });
    let (key, replicas) = kept(&mut world);
    world.set_source(&key, "1", &[], &[]);
    world.deaf.insert((NodeId(replicas[1]), "records"));
    world.send_write(1, &key, "2", Strategy::Through);
    world.run(100);
    world.nodes.remove(&peer(1));
    world.until("the next one owns it", |world| world.owns(replicas[0], &key));
    world.run(100);
    let slot = slot::slot_of(key.as_bytes(), world::SLOTS);
    assert!(world.fences.contains_key(&slot), "the source refuses what the former owner may have sent");
}

/// Its owner follows the view that takes the replicas away, and one of them has not heard of that view.
#[test]
fn a_replica_that_does_not_know_that_it_is_none_any_more_is_told_of_what_is_written() {
    let mut world = World::new(5, 1);
    let key = world.name_at(1, "k");
    world.write(1, &key, "1", Strategy::CacheOnly);
    let replica = world.holders(1, &key)[1];
    world.run(1_000);
    assert!(world.holds(replica, &key, Level::Bounded(2000)));
    world.step(peer(1), Input::Operate(Operation::Replicas(0)));
    world.until("it knows what is to come", |world| !world.member(replica).view().unwrap().is_settled());
    world.deaf.insert((NodeId(replica), "view"));
    world.until("its owner is alone", |world| world.holders(1, &key) == [1] && world.owns(1, &key));
    world.write(1, &key, "2", Strategy::CacheOnly);
    world.run(20);
    assert_ne!(world.holders(replica, &key), [1], "it does not know");
    assert_ne!(world.lies(replica, &key).as_deref(), Some("1"));
}
