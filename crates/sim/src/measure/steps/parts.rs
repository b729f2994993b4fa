//! A step does a part of what there is to do, however much that is, and the steps that follow do the rest.

use clearwell_cluster::message::{Applied, StateTaken, Taking};
use clearwell_cluster::request::Strategy;
use clearwell_cluster::{Apply, Ask, Bytes, Config, Input, Message, Peer, To};

use super::rig::{ME, OTHER, Rig, near};
use super::transfer::{A_PART, arrives};

fn most() -> Config {
    Config::new(ME)
}

#[test]
fn a_part_is_stored_some_entries_a_step_and_its_owner_hears_when_all_are() {
    let mut rig = Rig::new();
    let state = arrives(&mut rig);
    rig.step(Input::Message(OTHER, state));
    let (mut stored, mut steps) = (0, 0);
    loop {
        let puts = rig.out.apply.iter().filter(|apply| matches!(apply, Apply::Put(_))).count();
        assert!(puts <= most().taken_most, "{puts} in one step");
        (stored, steps) = (stored + puts, steps + 1);
        let is_word = |message: &Message| {
            matches!(message, Message::StateTaken(StateTaken { taking: Taking::Stored, .. }))
        };
        let is_told = rig.out.send.iter().any(|(_, message)| is_word(message));
        assert_eq!(is_told, stored == A_PART, "after {stored}");
        if !rig.member.has_more() {
            break;
        }
        rig.step(Input::More);
    }
    assert_eq!((stored, steps), (A_PART, A_PART.div_ceil(most().taken_most)));
}

#[test]
fn writes_that_one_word_confirms_are_answered_some_a_step_in_their_order() {
    const WRITES: usize = 500;
    let mut rig = Rig::new();
    for _ in 0..WRITES {
        let key = rig.key(true);
        let write = rig.write(key, Strategy::CacheOnly);
        rig.step(write);
        rig.note_sent();
    }
    let applied = rig.applied(rig.sent);
    rig.step(applied);
    let mut answered = Vec::new();
    loop {
        assert!(rig.out.answer.len() <= most().taken_most, "{} in one step", rig.out.answer.len());
        answered.extend(rig.out.answer.iter().map(|(ticket, _)| *ticket));
        if !rig.member.has_more() {
            break;
        }
        rig.step(Input::More);
    }
    assert!(answered.len() == WRITES && answered.is_sorted(), "{}", answered.len());
}

#[test]
fn the_source_is_asked_when_all_of_many_holders_were_looked_at() {
    const HOLDERS: u64 = 1_000;
    let mut rig = Rig::new();
    let key: Bytes = rig.key(true);
    for holder in (0..HOLDERS).map(near) {
        let enlist = rig.enlist(holder, std::slice::from_ref(&key));
        rig.step(enlist);
    }
    let write = rig.write(key, Strategy::Through);
    rig.step(write);
    let mut words: Vec<(Peer, Message)> = Vec::new();
    loop {
        for (to, message) in &rig.out.send {
            if let (To::Peer(peer), Message::Records(records)) = (to, message) {
                let (subscription, last) = (records.subscription, records.records.last());
                let watermark = last.expect("there is one").position;
                words.push((*peer, Message::Applied(Applied { subscription, watermark })));
            }
        }
        if !rig.member.has_more() {
            break;
        }
        rig.step(Input::More);
    }
    let is_asked = |rig: &Rig| rig.out.ask.iter().any(|(_, ask)| matches!(ask, Ask::Commit { .. }));
    // The holder that was told last is the first whom the write waits for.
    words.reverse();
    let first = words.remove(0);
    words.push(first);
    for (peer, applied) in words {
        assert!(!rig.member.has_more() && !is_asked(&rig));
        rig.step(Input::Message(peer, applied));
    }
    let mut steps = 1;
    while !is_asked(&rig) {
        assert!(rig.member.has_more(), "it goes on by itself");
        rig.step(Input::More);
        steps += 1;
    }
    assert_eq!(steps, HOLDERS as usize / most().told_most + 1);
}
