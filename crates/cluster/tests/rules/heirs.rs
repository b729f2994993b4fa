//! Slots change hands when those who gain them have all that was acknowledged: a node joins three others, and something does not reach it.

use crate::world::{self, World, bytes, peer};
use clearwell_cluster::request::Strategy;
use clearwell_cluster::*;

const BOUND: Level = Level::Bounded(2000);
const JOINS: NodeId = NodeId(4);

fn few_hints(node: u64, members: u64) -> Config {
    Config { hints_most: 2, ..World::config(node, members) }
}

/// Three nodes with values, and a fourth that joins. What comes to it from one of them in parts of slots is late. Returns a key of node 1 that
/// will be the fourth's.
fn joined(config: fn(u64, u64) -> Config, late: u64) -> (World, String) {
    let mut world = World::of(3, 1, config);
    for n in 0..40 {
        world.write(1, &format!("k{n}"), "1", Strategy::CacheOnly);
    }
    world.late.insert((NodeId(late), JOINS, "state"));
    world.start(4, Start::default(), 3);
    world.until("the first part is on its way", |world| world.kept() > 0);
    let gains = |key: &String| {
        let slot = slot::slot_of(key.as_bytes(), world::SLOTS);
        let view = world.member(1).view().unwrap();
        view.owner(slot) == peer(1) && view.next.row(slot).next() == Some(peer(4))
    };
    let key = (0..40).map(|n| format!("k{n}")).find(gains).unwrap();
    (world, key)
}

/// Whether the joined node is a holder of anything.
fn has_joined(world: &World) -> bool {
    world.member(1).view().unwrap().base.has(peer(4))
}

/// Lets time pass up to just behind a tick.
fn to_a_tick(world: &mut World) {
    while !world.now.is_multiple_of(50) {
        world.run(5);
    }
}

#[test]
fn nobody_owns_what_it_has_not_been_given() {
    let (mut world, key) = joined(World::config, 1);
    world.run(5_000);
    assert!(!has_joined(&world));
    world.let_go();
    world.run(20_000);
    assert!(has_joined(&world));
    assert_eq!(world.read(2, &key, Level::Strong).as_deref(), Some("1"));
}

#[test]
fn an_acknowledgement_waits_for_heirs_that_have_the_slot() {
    let (mut world, key) = joined(World::config, 1);
    to_a_tick(&mut world);
    world.deaf.insert((JOINS, "records"));
    world.let_go();
    world.run(5);
    let ticket = world.send_write(1, &key, "2", Strategy::CacheOnly);
    world.run(100);
    assert_eq!(world.answers.get(&ticket), None);
}

#[test]
fn what_was_acknowledged_without_heirs_must_come_to_them_first() {
    let (mut world, key) = joined(World::config, 1);
    world.deaf.insert((JOINS, "records"));
    let answer = world.write(1, &key, "2", Strategy::CacheOnly);
    assert!(matches!(answer, Answer::Written(_)), "nobody waits for an heir that has nothing yet");
    world.let_go();
    world.run(5_000);
    assert!(!has_joined(&world));
    world.deaf.clear();
    world.run(20_000);
    assert!(has_joined(&world));
    assert_eq!(world.read(2, &key, Level::Strong).as_deref(), Some("2"));
}

/// Voters may decide at any time on what they were told of heirs.
#[test]
fn heirs_that_voters_were_told_of_are_waited_for_even_when_they_lose_what_they_had() {
    // The second owner is not ready, so that nothing is decided yet.
    let (mut world, key) = joined(few_hints, 2);
    world.run(3_000);
    assert!(world.kept() > 0 && !has_joined(&world));
    world.deaf.extend([(JOINS, "records"), (JOINS, "state")]);
    for value in ["2", "3", "4", "5"] {
        world.send_write(1, &key, value, Strategy::CacheOnly);
    }
    world.run(2_500);
    assert!(
        !world.answers.values().any(|answer| matches!(answer, Answer::Written(_))),
        "{:?}",
        world.answers
    );
}

/// Records that make parts obsolete are lost while these are on their way, and no other parts come.
fn loses_records(world: &mut World, key: &str) {
    world.late.clear();
    world.deaf.extend([(JOINS, "records"), (JOINS, "state")]);
    for value in ["2", "3", "4", "5"] {
        world.write(1, key, value, Strategy::CacheOnly);
    }
    world.run(2_500);
}

#[test]
fn a_part_from_before_lost_records_is_not_taken() {
    let (mut world, key) = joined(few_hints, 1);
    // It has a copy of the same owner, and so it hears that records are lost.
    let other = (0..40).map(|n| format!("k{n}")).find(|other| *other != key && world.owner(other) == 1);
    world.read(4, &other.unwrap(), BOUND);
    loses_records(&mut world, &key);
    world.deaf.remove(&(JOINS, "state"));
    world.let_go();
    assert!(!world.holds(4, &key, BOUND), "{:?}", world.lies(4, &key));
    assert_eq!(world.lies(4, &key), None);
}

#[test]
fn a_part_that_was_taken_before_records_were_lost_counts_for_nothing() {
    let (mut world, key) = joined(few_hints, 1);
    // It is taken, and the word of that is late.
    world.let_go();
    world.late.insert((JOINS, NodeId(1), "state"));
    world.until("it is taken", |world| world.kept() == 1);
    assert!(world.lies(4, &key).is_some());
    loses_records(&mut world, &key);
    world.let_go();
    world.run(5_000);
    assert!(!has_joined(&world));
}

#[test]
fn records_from_after_a_part_was_read_are_applied_to_it() {
    let (mut world, key) = joined(World::config, 1);
    world.write(1, &key, "2", Strategy::CacheOnly);
    world.run(600);
    assert_eq!(world.kept(), 1, "it was read before the record");
    world.let_go();
    world.run(5);
    assert_eq!(world.lies(4, &key).as_deref(), Some("2"));
}

#[test]
fn a_part_waits_for_the_records_from_before_it_was_read() {
    let (mut world, key) = joined(World::config, 1);
    world.deaf.insert((JOINS, "state"));
    world.let_go();
    world.late.insert((NodeId(1), JOINS, "records"));
    world.write(1, &key, "2", Strategy::CacheOnly);
    world.deaf.clear();
    // It is sent once more, and was read after the record.
    let sent = world.sent["state"];
    world.until("it is sent again", |world| world.sent["state"] > sent + 2);
    world.run(100);
    assert_eq!(world.lies(4, &key), None);
    world.let_go();
    world.run(1_500);
    assert_eq!(world.lies(4, &key).as_deref(), Some("2"));
}

#[test]
fn what_the_source_does_not_have_lies_on_the_disk_of_whoever_is_given_its_slot() {
    let mut world = World::new(3, 1);
    world.refuses = |_| Some(Outcome::Failed);
    let keys: Vec<String> = (0..40).map(|n| format!("k{n}")).collect();
    for key in &keys {
        world.write(1, key, "1", Strategy::Back);
    }
    let on_disk = |world: &World, node: u64| -> Vec<Bytes> {
        let kept = |persist: &Persist| match persist {
            Persist::Journal(entry) => vec![entry.key.clone()],
            Persist::Slots { journal, .. } => journal.iter().map(|entry| entry.key.clone()).collect(),
            _ => Vec::new(),
        };
        world.nodes[&peer(node)].disk.iter().flat_map(kept).collect()
    };
    let has = |world: &World| {
        keys.iter().all(|key| {
            let holders = world.holders(1, key);
            holders.len() == 2 && holders.iter().all(|node| on_disk(world, *node).contains(&bytes(key)))
        })
    };
    assert!(has(&world), "owner and replica wrote it down before it was acknowledged");
    world.start(4, Start::default(), 3);
    world.run(20_000);
    assert!(has_joined(&world) && has(&world));
}

/// A write waits for a replica that hears nothing, before the source is asked.
#[test]
fn whoever_is_given_a_slot_knows_the_writes_under_way() {
    fn patient(node: u64, members: u64) -> Config {
        Config { request_ms: 60_000, ..World::config(node, members) }
    }
    let (mut world, key) = joined(patient, 1);
    let replica = world.holders(1, &key)[1];
    world.deaf.extend([(JOINS, "state"), (NodeId(replica), "records")]);
    world.let_go();
    world.set_source(&key, "1", &[], &[]);
    world.send_write(1, &key, "2", Strategy::Through);
    world.deaf.remove(&(JOINS, "state"));
    let slot = slot::slot_of(key.as_bytes(), world::SLOTS);
    assert_eq!(world.fences.get(&slot), None);
    world.until("it owns the slot", |world| world.owns(4, &key));
    world.run(100);
    assert!(world.fences.contains_key(&slot), "the source refuses what the former owner may have sent");
}

/// A key of node 3, which has one replica until an operator takes it away.
fn loses_its_replica() -> (World, String) {
    let mut world = World::new(5, 1);
    let key = world.name_at(3, "k");
    assert!(matches!(world.write(1, &key, "1", Strategy::CacheOnly), Answer::Written(_)));
    world.step(peer(1), Input::Operate(Operation::Replicas(0)));
    world.until("it knows what is to come", |world| world.member(3).view().unwrap().next.replicas == 0);
    (world, key)
}

fn knows_of_a_view_without_replicas(world: &World, node: u64) -> bool {
    world.member(node).view().unwrap().base.copies() == 1
}

/// The word that an owner is ready counts for voters, whatever becomes of the owner before they have used it.
#[test]
fn a_replica_that_is_taken_away_goes_on_when_the_owner_has_not_seen_that_view() {
    for ms in (0..).step_by(5) {
        let (mut world, key) = loses_its_replica();
        world.run(ms);
        if knows_of_a_view_without_replicas(&world, 3) {
            assert!(ms > 0);
            break;
        }
        world.nodes.remove(&peer(3));
        world.run(20_000);
        assert_eq!(world.read(1, &key, Level::Strong).as_deref(), Some("1"), "{ms} ms");
        assert!(knows_of_a_view_without_replicas(&world, 1), "{ms} ms");
    }
}

#[test]
fn a_replica_that_was_taken_away_keeps_nothing_once_the_owner_acts_without_it() {
    let (mut world, key) = loses_its_replica();
    let had: Vec<u64> =
        (1..=5).filter(|node| world.nodes[&peer(*node)].store.contains_key(&bytes(&key))).collect();
    assert!(had.len() == 2, "{had:?}");
    world.run(5_000);
    assert!(world.member(1).view().unwrap().is_settled());
    for node in had.into_iter().filter(|node| *node != 3) {
        assert!(!world.nodes[&peer(node)].store.contains_key(&bytes(&key)), "{node}");
    }
}
