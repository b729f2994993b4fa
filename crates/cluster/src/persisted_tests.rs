//! What a log leaves, and that a log may be written anew at any moment.

use std::sync::Arc;

use clearwell_words::{Cause, Effect, Scope, Version};
use proptest::prelude::*;

use crate::decree::{Ballot, Word};
use crate::slot::slot_of;
use crate::view::Seat;
use crate::{Awaited, Bytes, Entry, Epoch, Hold, Meta, NodeId, Peer, Persist, Persisted, Slot, View};

const SLOTS: u16 = 4;

fn peer(node: u64) -> Peer {
    Peer { node: NodeId(node), incarnation: 1 }
}

fn key(n: u8) -> Bytes {
    vec![n].into()
}

fn entry(n: u8, version: u64) -> Entry {
    Entry {
        key: key(n),
        value: Some(version.to_le_bytes()[..].into()),
        version: Version(version),
        tags: Arc::default(),
        dependencies: Arc::default(),
        events: Arc::default(),
        expiry: None,
        meta: Meta::default(),
    }
}

fn hold(n: u8, id: u64, ms: u64) -> Hold {
    let scope = Arc::new(Scope::Tag([n][..].into()));
    let (effect, cause, until) = (Effect::Gone, Cause::Command, Awaited::After(ms));
    Hold { id, scope, effect, cascade: false, cause, until }
}

fn view(epoch: u64) -> Persist {
    let mut parts = View::first(vec![Seat { peer: peer(1), weight: 1 }], 1, SLOTS).parts();
    parts.epoch = Epoch(epoch);
    Persist::View(Arc::new(View::from_parts(parts).expect("it is one")))
}

fn slots(of: &[u8], journal: Vec<Entry>, holds: Vec<Hold>) -> Persist {
    let mut slots: Vec<Slot> = of.iter().map(|n| slot_of(&key(*n), SLOTS)).collect();
    slots.sort_unstable();
    slots.dedup();
    Persist::Slots { slots, journal, holds }
}

/// Something of few keys, tags, epochs and nodes, so that one meets another.
fn any() -> impl Strategy<Value = Persist> {
    let few = 0..6u8;
    let version = 1..9u64;
    let some = (few.clone(), version.clone());
    prop_oneof![
        version.clone().prop_map(|round| {
            let promised = Ballot { round, node: NodeId(1) };
            Persist::Ballot(Word { epoch: Epoch(2), promised, accepted: None })
        }),
        (1..5u64).prop_map(view),
        (1..5u64, 1..4u64).prop_map(|(epoch, node)| Persist::Granted(Epoch(epoch), peer(node))),
        some.clone().prop_map(|(n, version)| Persist::Journal(entry(n, version))),
        some.clone().prop_map(|(n, version)| Persist::Flushed(key(n), Version(version))),
        (few.clone(), 0..3u64, version).prop_map(|(n, id, ms)| Persist::Hold(hold(n, id, ms))),
        (few, 0..3u64).prop_map(|(n, id)| Persist::Released(hold(n, id, 0).slot(SLOTS), id)),
        (proptest::collection::vec(0..6u8, 1..3), some).prop_map(|(of, (n, version))| {
            slots(&of, vec![entry(of[0], version)], vec![hold(n, version % 3, version)])
        }),
    ]
}

/// A log in which the epochs of views rise, as they do.
fn log(most: usize) -> impl Strategy<Value = Vec<Persist>> {
    proptest::collection::vec(any(), 0..most).prop_map(|mut log| {
        let mut last = 0;
        for what in &mut log {
            if let Persist::View(one) = what {
                last += one.epoch.0 / 3;
                *what = view(last);
            }
        }
        log
    })
}

fn persisted(log: &[Persist]) -> Persisted {
    let mut persisted = Persisted::new(SLOTS);
    log.iter().cloned().for_each(|what| persisted.keep(what));
    persisted
}

proptest! {
    #[test]
    fn a_log_may_be_written_anew_at_any_moment(
        log in log(60),
        at in 0..60usize,
        copied in 0..60usize,
        gone in 0..60usize,
    ) {
        let (before, after) = log.split_at(at.min(log.len()));
        let there = persisted(before);
        let anew: Vec<Persist> = there.read().collect();
        prop_assert_eq!(&persisted(&anew), &there, "in the place of the old one");
        let copied = copied.min(anew.len());
        let both = [before, &anew[..copied]].concat();
        prop_assert_eq!(&persisted(&both), &there, "a beginning of it behind the old one");
        let both = [&before[gone.min(before.len())..], &anew[..]].concat();
        prop_assert_eq!(&persisted(&both), &there, "all of it behind an end of the old one");
        let (old, new) = ([before, after].concat(), [&anew[..], after].concat());
        prop_assert_eq!(persisted(&new), persisted(&old), "and what comes then");
    }
}

fn left(log: &[Persist]) -> Vec<Persist> {
    persisted(log).read().collect()
}

#[test]
fn the_last_word_and_the_last_view_count_and_the_grants_from_it_on() {
    let granted = |epoch, node| Persist::Granted(Epoch(epoch), peer(node));
    let log = [view(1), granted(1, 1), granted(1, 2), granted(2, 3), view(2), granted(2, 3), granted(2, 1)];
    assert_eq!(left(&log), [view(2), granted(2, 1), granted(2, 3)]);
}

#[test]
fn the_last_write_of_a_key_counts_until_the_source_has_it() {
    let flushed = |up_to| Persist::Flushed(key(1), Version(up_to));
    let written = |version| Persist::Journal(entry(1, version));
    assert_eq!(left(&[written(3), written(4), flushed(3)]), [written(4)]);
    assert_eq!(left(&[written(3), written(4), flushed(4)]), []);
    assert_eq!(
        left(&[written(5), written(3), flushed(4)]),
        [],
        "what it took the place of does not come back"
    );
}

#[test]
fn what_slots_hold_takes_the_place_of_what_was_there_and_of_nothing_else() {
    let other = (2..).find(|n| slot_of(&key(*n), SLOTS) != slot_of(&key(1), SLOTS)).expect("there is one");
    let written = |n| Persist::Journal(entry(n, 3));
    let held = Persist::Hold(hold(1, 1, 5));
    assert_eq!(left(&[written(1), written(other), slots(&[1], vec![], vec![])]), [written(other)]);
    let with = slots(&[1], vec![entry(1, 2)], vec![hold(1, 1, 5)]);
    assert_eq!(left(&[written(1), with.clone()]), [Persist::Journal(entry(1, 2)), held]);
    let released = Persist::Released(hold(1, 1, 5).slot(SLOTS), 1);
    assert_eq!(left(&[with, released]), [Persist::Journal(entry(1, 2))]);
}
