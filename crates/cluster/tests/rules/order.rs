//! What a load tells of the order of what it read, and what it does not tell.

use crate::world::*;
use clearwell_cluster::Level;
use clearwell_words::Version;

const BOUND: Level = Level::Bounded(2000);

/// A key of the source whose owner is node 1, with a copy at a near cache; loads tell of every row what they tell of this one.
fn copied(tells: fn(Version) -> Version) -> (World, String) {
    let mut world = World::new(3, 0);
    world.near(100, 3);
    world.tells = tells;
    let key = world.name_at(1, "k");
    world.set_source(&key, "1", &[], &[]);
    assert_eq!(world.read(100, &key, BOUND).as_deref(), Some("1"));
    (world, key)
}

#[test]
fn another_value_takes_copies_away_though_nothing_is_told_of_its_order() {
    let (mut world, key) = copied(|_| Version(0));
    world.set_source(&key, "2", &[], &[]);
    assert_eq!(world.read(1, &key, Level::Strong).as_deref(), Some("2"));
    world.run(10);
    assert!(!world.holds(100, &key, BOUND));
}

/// Both were sent when the source had as many commits, and one of them was read later.
#[test]
fn of_two_values_of_one_place_in_the_order_none_is_spared() {
    let (mut world, key) = copied(|_| Version(7));
    world.set_source(&key, "2", &[], &[]);
    assert_eq!(world.read(1, &key, Level::Strong).as_deref(), Some("2"));
    world.run(10);
    assert!(!world.holds(100, &key, BOUND));
}

#[test]
fn other_names_take_copies_away() {
    let (mut world, key) = copied(|_| Version(0));
    world.set_source(&key, "1", &["t"], &[]);
    assert_eq!(world.read(1, &key, Level::Strong).as_deref(), Some("1"));
    world.run(10);
    assert!(!world.holds(100, &key, BOUND));
}

#[test]
fn the_same_value_leaves_copies_whatever_is_told_of_its_order() {
    let (mut world, key) = copied(|row| row);
    world.set_source(&key, "1", &[], &[]);
    assert_eq!(world.read(1, &key, Level::Strong).as_deref(), Some("1"));
    world.run(10);
    assert!(world.holds(100, &key, BOUND));
}
