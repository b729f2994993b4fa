//! A slot of many entries on its way: what its parts cost its owner and its follower, and what other steps take meanwhile.

use clearwell_cluster::message::{Differ, Difference, State, StateTaken, Taking};
use clearwell_cluster::slot::{SLOTS, slot_of};
use clearwell_cluster::{
    Ask, Bytes, Entry, Epoch, Input, Message, Meta, Outcome, Part, Position, Slot, Ticket, To,
};
use clearwell_engine::Version;

use super::rig::{OTHER, Rig};
use super::{Steps, Watch};

/// How many entries of a hundred bytes fit into a part of 64 KiB.
pub const A_PART: usize = 350;

/// Moves a slot of so many entries, once as its owner and once as its follower.
pub fn transfers(entries: usize) -> Vec<Steps> {
    let mut steps = gives(entries / A_PART);
    steps.extend(takes(entries / A_PART));
    steps
}

/// A tag in braces whose slot is this member's, or the other's.
fn tag(rig: &mut Rig, mine: bool) -> (Bytes, Slot) {
    let tag = rig.key(mine);
    let slot = slot_of(&tag, SLOTS);
    (tag, slot)
}

fn contents(tag: &Bytes, part: usize) -> Vec<Entry> {
    let entry = |number: usize| {
        let mut key = b"{".to_vec();
        key.extend_from_slice(tag);
        key.extend_from_slice(format!("}}:{:010}", part * A_PART + number).as_bytes());
        Entry {
            key: key.as_slice().into(),
            value: Some([7u8; 100].as_slice().into()),
            version: Version(1),
            tags: [].into(),
            dependencies: [].into(),
            events: [].into(),
            expiry: None,
            meta: Meta::default(),
        }
    };
    (0..A_PART).map(entry).collect()
}

fn gives(parts: usize) -> Vec<Steps> {
    let mut rig = Rig::new();
    let (tag, slot) = tag(&mut rig, true);
    let differ = Differ { subscription: rig.replica(), what: Difference::Lacks(vec![slot]) };
    rig.step(Input::Message(OTHER, Message::Differ(differ)));
    rig.now.0 += 100;
    rig.step(Input::Tick);
    let [mut reads, mut words, mut others] = std::array::from_fn(|_| Watch::default());
    for number in 0..parts {
        let asked = rig.out.ask.iter().find(|(_, ask)| matches!(ask, Ask::Export { .. }));
        let Some(&(job, _)) = asked else { panic!("part {number} is asked for: {:?}", rig.out.ask) };
        let entries = contents(&tag, number);
        let last = entries.last().map(|entry| (slot, entry.key.clone()));
        let outcome = Outcome::Exported { entries, end: last.filter(|_| number + 1 < parts) };
        rig.clear();
        reads.time(|| rig.member.step(rig.now, Input::Done(job, outcome), &mut rig.out));
        let sent = rig.out.send.iter().find_map(|(to, message)| match (to, message) {
            (To::Peer(OTHER), Message::State(state)) => Some((state.subscription, state.ticket)),
            _ => None,
        });
        let Some((subscription, ticket)) = sent else { panic!("part {number} is sent") };
        let beat = rig.heartbeat();
        rig.clear();
        others.time(|| rig.member.step(rig.now, beat, &mut rig.out));
        let taken = Message::StateTaken(StateTaken { subscription, ticket, taking: Taking::Stored });
        rig.clear();
        words.time(|| rig.member.step(rig.now, Input::Message(OTHER, taken), &mut rig.out));
    }
    vec![
        reads.steps(format!("a slot of {} entries: its owner sends a part", parts * A_PART)),
        words.steps("its owner hears that a part is stored"),
        others.steps("a heartbeat meanwhile"),
    ]
}

fn takes(parts: usize) -> Vec<Steps> {
    let mut rig = Rig::new();
    let (tag, slot) = begin(&mut rig);
    let [mut takes, mut others] = std::array::from_fn(|_| Watch::default());
    let mut after: Option<Bytes> = None;
    for number in 0..parts {
        let entries = contents(&tag, number);
        let last = entries.last().map(|entry| entry.key.clone());
        let end = last.filter(|_| number + 1 < parts);
        let part = Part { slots: vec![slot], after: after.take(), end: end.clone() };
        after = end;
        let state = state(part, entries, 1 + number as u64);
        rig.clear();
        takes.time(|| rig.member.step(rig.now, Input::Message(OTHER, state), &mut rig.out));
        while rig.member.has_more() {
            rig.clear();
            takes.time(|| rig.member.step(rig.now, Input::More, &mut rig.out));
        }
        let stored = |message: &Message| matches!(message, Message::StateTaken(taken) if taken.taking == Taking::Stored);
        assert!(rig.out.send.iter().any(|(_, message)| stored(message)), "part {number} is taken");
        let beat = rig.heartbeat();
        rig.clear();
        others.time(|| rig.member.step(rig.now, beat, &mut rig.out));
    }
    vec![
        takes.steps("its follower takes some entries of a part"),
        others.steps("a heartbeat at the follower meanwhile"),
    ]
}

/// The other member's log is known, and one of its slots.
fn begin(rig: &mut Rig) -> (Bytes, Slot) {
    let beat = Message::Beat(rig.stream());
    rig.step(Input::Message(OTHER, beat));
    tag(rig, false)
}

/// A part that is the whole of a slot.
#[cfg(test)]
pub fn arrives(rig: &mut Rig) -> Message {
    let (tag, slot) = begin(rig);
    let part = Part { slots: vec![slot], after: None, end: None };
    state(part, contents(&tag, 0), 1)
}

fn state(part: Part, entries: Vec<Entry>, ticket: u64) -> Message {
    let base = Position(1);
    let state = State {
        subscription: 1,
        part,
        base,
        entries,
        as_of: vec![(OTHER, base)],
        intents: Vec::new(),
        journal: Vec::new(),
        holds: Vec::new(),
        ticket: Ticket(ticket),
        epoch: Epoch(1),
    };
    Message::State(Box::new(state))
}
