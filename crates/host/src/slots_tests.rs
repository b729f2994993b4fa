//! Slots handed over: the store's half, with outputs as a member gives them.

use std::sync::Arc;

use clearwell_cluster::{
    Apply, Ask, Bytes, Config, Entry, Job, Meta, NearCache, NodeId, Outbox, Outcome, Part, Peer, Slot,
    digest, slot,
};
use clearwell_engine::{EventPattern, Millis, Version};

use super::Settings;
use crate::batch::Batch;
use crate::turns::Changes;
use crate::{Actor, Host, Next};

const SLOTS: u16 = 8;
const NOW: Millis = Millis(1_000);

fn host() -> Host {
    let config = Config { slots: SLOTS, ..Config::new(Peer { node: NodeId(9), incarnation: 1 }) };
    let settings = Settings::new(&config, 7);
    Host::new(Actor::Near(Box::new(NearCache::new(config, NOW))), settings)
}

fn entry(n: usize) -> Entry {
    let name = |text: &str| Arc::from([Bytes::from(text.as_bytes())]);
    let pattern = EventPattern::parse("moved{shop=1}").expect("it is well formed");
    Entry {
        key: key(n),
        value: n.is_multiple_of(5).then(|| Bytes::from(format!("value {n}").as_bytes())),
        version: Version(n as u64 + 1),
        tags: name("tag"),
        dependencies: name("made from this"),
        events: [pattern].into(),
        expiry: None,
        meta: Meta::default(),
    }
}

fn key(n: usize) -> Bytes {
    format!("key:{n:05}").as_bytes().into()
}

/// Carries one batch out, the work that is left over too; what the store answered.
fn carry_out(host: &Host, out: Outbox) -> Vec<Outcome> {
    let turn = host.deciding.turns.give(Changes::of(&out), 0);
    let mut batch = Batch::new(turn, out);
    let mut done = Vec::new();
    while let Some(next) = host.next(NOW, &mut batch, &|_| false) {
        match next {
            Next::Done(_, outcome) => done.push(outcome),
            Next::Did { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    while host.has_work() {
        done.extend(host.work(NOW).into_iter().map(|(_, outcome)| outcome));
    }
    done
}

fn apply(host: &Host, apply: Vec<Apply>) {
    assert!(carry_out(host, Outbox { apply, ..Outbox::default() }).is_empty());
}

fn ask(host: &Host, ask: Ask) -> Outcome {
    let mut done = carry_out(host, Outbox { ask: vec![(Job(1), ask)], ..Outbox::default() });
    assert_eq!(done.len(), 1);
    done.remove(0)
}

fn put(host: &Host, numbers: impl IntoIterator<Item = usize>) {
    apply(host, numbers.into_iter().map(|n| Apply::Put(entry(n))).collect());
}

fn all_slots() -> Vec<Slot> {
    (0..SLOTS).map(Slot).collect()
}

/// All parts of some slots, one after another; `between` happens after each.
fn export(host: &Host, slots: &[Slot], mut between: impl FnMut(&Host)) -> Vec<Entry> {
    let (mut slots, mut after, mut all) = (slots.to_vec(), None, Vec::new());
    loop {
        let question = Ask::Export { slots: slots.clone(), after: after.clone(), bytes: 2_000 };
        let Outcome::Exported { entries, end } = ask(host, question) else { panic!("an export") };
        all.extend(entries);
        let Some((slot, key)) = end else { return all };
        slots.retain(|other| *other >= slot);
        after = Some(key);
        between(host);
    }
}

fn places(entries: &[Entry]) -> Vec<(Slot, Bytes)> {
    entries.iter().map(|entry| (slot::slot_of(&entry.key, SLOTS), entry.key.clone())).collect()
}

#[test]
fn parts_hold_all_entries_of_their_slots_as_they_were_stored_in_their_order() {
    let host = host();
    put(&host, 0..3_000);
    let entries = export(&host, &all_slots(), |_| ());
    assert_eq!(entries.len(), 3_000);
    let places = places(&entries);
    assert!(places.windows(2).all(|pair| pair[0] < pair[1]));
    let mut sorted = entries.clone();
    sorted.sort_by(|one, other| one.key.cmp(&other.key));
    assert_eq!(sorted, (0..3_000).map(entry).collect::<Vec<Entry>>());
    let few = export(&host, &[Slot(2), Slot(5)], |_| ());
    assert_eq!(
        few,
        entries.into_iter().filter(|e| [2, 5].contains(&slot::slot_of(&e.key, SLOTS).0)).collect::<Vec<_>>()
    );
}

/// What stays is in a part, what came before its slot's first part too; a dropped copy is in none that comes later.
#[test]
fn what_changes_between_parts_is_in_those_that_come_later() {
    let host = host();
    put(&host, 0..2_000);
    let mut n = 2_000;
    let entries = export(&host, &all_slots(), |host| {
        put(host, [n]);
        apply(host, vec![Apply::Drop(vec![key(4_000 - n)])]);
        n += 1;
    });
    let keys: Vec<Bytes> = entries.iter().map(|entry| entry.key.clone()).collect();
    let dropped: Vec<usize> = (2_000..n).map(|n| 4_000 - n).collect();
    assert!((0..2_000).filter(|n| !dropped.contains(n)).all(|n| keys.contains(&key(n))));
    let last = Slot(SLOTS - 1);
    let late = (2_000..n - 1).filter(|&n| slot::slot_of(&key(n), SLOTS) == last);
    let begun = places(&entries).iter().position(|(slot, _)| *slot == last).expect("it has entries");
    assert!(late.clone().count() > 0 && begun > 0);
    let missing = late.filter(|&n| !keys.contains(&key(n))).count();
    // Those that came behind the cursor follow as records.
    assert!(missing < (n - 2_000) / usize::from(SLOTS), "{missing}");
}

#[test]
fn a_part_that_is_replaced_and_slots_that_are_cleared_take_nothing_else() {
    let host = host();
    put(&host, 0..5_000);
    let before = export(&host, &all_slots(), |_| ());
    let part = Part { slots: vec![Slot(1), Slot(3)], after: Some(key(1_000)), end: Some(key(4_000)) };
    apply(&host, vec![Apply::Replace(part.clone())]);
    let left = export(&host, &all_slots(), |_| ());
    assert_eq!(left, before.iter().filter(|entry| !part.has(&entry.key, SLOTS)).cloned().collect::<Vec<_>>());
    apply(&host, vec![Apply::Clear(vec![Slot(3), Slot(0)])]);
    let kept = |entry: &&Entry| ![Slot(0), Slot(3)].contains(&slot::slot_of(&entry.key, SLOTS));
    let rest = export(&host, &all_slots(), |_| ());
    assert_eq!(rest, left.iter().filter(kept).cloned().collect::<Vec<_>>());
    host.check().expect("the books are right");
}

#[test]
fn digests_are_those_of_what_lies_there_and_is_not_stale() {
    let host = host();
    put(&host, 0..3_000);
    let digest_of = |e: Entry| (e.key.clone(), digest::digest(&e.key, e.version, e.value.as_deref()));
    let (mut part, mut all) = (Part { slots: all_slots(), after: None, end: None }, Vec::new());
    loop {
        let question = Ask::Digest { part: part.clone(), most: 700 };
        let Outcome::Digested { digests, end } = ask(&host, question) else { panic!("digests") };
        assert!(digests.len() <= 700);
        all.extend(digests);
        let Some((slot, key)) = end else { break };
        part = Part {
            slots: all_slots().into_iter().filter(|other| *other >= slot).collect(),
            after: Some(key),
            ..part
        };
    }
    all.sort();
    assert_eq!(all, (0..3_000).map(entry).map(digest_of).collect::<Vec<_>>());
    host.evict(NOW, &key(7));
    let of = Ask::DigestOf { keys: vec![key(7), key(8), key(9_999)] };
    assert_eq!(ask(&host, of), Outcome::Digested { digests: vec![digest_of(entry(8))], end: None });
    apply(&host, vec![Apply::Clear(all_slots())]);
    let empty = ask(&host, Ask::Digest { part, most: 700 });
    assert_eq!(empty, Outcome::Digested { digests: Vec::new(), end: None });
}

/// An acknowledged value that does not fit leaves nothing older behind.
#[test]
fn what_does_not_fit_takes_the_older_value_with_it() {
    let host = host();
    put(&host, [5]);
    let large = vec![0; 100 << 20];
    apply(&host, vec![Apply::Put(Entry { value: Some(large.into()), ..entry(5) })]);
    assert_eq!(host.live(NOW, &key(5)), None);
    assert_eq!(host.departed.take(), [key(5)]);
}
