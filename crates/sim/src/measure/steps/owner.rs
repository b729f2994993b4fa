//! An owner whose requests wait for others.

use std::collections::VecDeque;

use clearwell_cluster::message::Applied;
use clearwell_cluster::request::{Read, Strategy};
use clearwell_cluster::{Ask, Bytes, Input, Level, Message, Peer, Position, Request, To, Token};

use super::rig::{OTHER, Rig, near};
use super::{Steps, Watch, cpu_time};

/// Steps of an owner while so many writes wait for its replica.
pub fn in_flight(requests: u64) -> Vec<Steps> {
    const TIMES: usize = 1_000;
    let mut rig = Rig::new();
    let mut sent = VecDeque::new();
    for _ in 0..requests {
        let key = rig.key(true);
        let write = rig.write(key, Strategy::CacheOnly);
        rig.step(write);
        rig.note_sent();
        sent.push_back(rig.sent);
    }
    let [mut beats, mut reads, mut sets, mut confirmations] = std::array::from_fn(|_| Watch::default());
    for _ in 0..TIMES {
        let Some(place) = sent.pop_front() else { break };
        let beat = rig.heartbeat();
        rig.clear();
        beats.time(|| rig.member.step(rig.now, beat, &mut rig.out));
        let key = rig.key(true);
        let read = Read { key: key.clone(), level: Level::Eventual, token: Token::default(), hold: false };
        let read = Input::Request(rig.ticket(), Request::Read(read));
        rig.clear();
        reads.time(|| rig.member.step(rig.now, read, &mut rig.out));
        // Each confirmation lets one go, so that as many wait as before.
        let applied = rig.applied(place);
        rig.clear();
        confirmations.time(|| rig.member.step(rig.now, applied, &mut rig.out));
        let write = rig.write(key, Strategy::CacheOnly);
        rig.clear();
        sets.time(|| rig.member.step(rig.now, write, &mut rig.out));
        rig.note_sent();
        sent.push_back(rig.sent);
    }
    let named = |watch: Watch, what: &str| watch.steps(format!("{requests} in flight: {what}"));
    vec![
        named(beats, "a heartbeat"),
        named(reads, "a read begins"),
        named(sets, "a SET begins"),
        named(confirmations, "a confirmation that ends one"),
    ]
}

/// A SET with one replica, all its steps together: so many of them begin, then the replica confirms each.
pub fn replicated(batch: u32) -> Steps {
    const TIMES: u32 = 20_000;
    const BATCHES_LEAST: u32 = 1_000;
    let mut rig = Rig::new();
    let mut watch = Watch::default();
    let keys: Vec<Bytes> = (0..TIMES).map(|_| rig.key(true)).collect();
    let mut keys = keys.iter().cycle();
    for _ in 0..(TIMES / batch).max(BATCHES_LEAST) {
        let keys: Vec<Bytes> = keys.by_ref().take(batch as usize).cloned().collect();
        let writes: Vec<Input> = keys.into_iter().map(|key| rig.write(key, Strategy::CacheOnly)).collect();
        let mut places = Vec::with_capacity(writes.len());
        rig.clear();
        let began = cpu_time();
        for write in writes {
            rig.step(write);
            rig.note_sent();
            places.push(rig.sent);
        }
        for place in places {
            let applied = rig.applied(place);
            rig.step(applied);
            rig.go_on();
        }
        watch.share(began, batch);
    }
    watch.steps(format!("a SET with one replica, {batch} at a time"))
}

/// Write-through of keys of which so many near caches hold a copy, each of which has so many records unconfirmed.
pub fn copies(holders: u64, hints: usize) -> Vec<Steps> {
    const TIMES: usize = 1_000;
    let mut rig = Rig::new();
    let old: Vec<Bytes> = (0..hints).map(|_| rig.key(true)).collect();
    let hot: Vec<Bytes> = (0..TIMES).map(|_| rig.key(true)).collect();
    for holder in (0..holders).map(near) {
        for keys in old.chunks(500).chain(hot.chunks(500)) {
            let enlist = rig.enlist(holder, keys);
            rig.step(enlist);
        }
    }
    for key in &old {
        let invalidate = rig.invalidate(key);
        rig.step(invalidate);
        rig.note_sent();
        let applied = rig.applied(rig.sent);
        rig.step(applied);
        rig.go_on();
    }
    let [mut begins, mut parts, mut others, mut confirmations] = std::array::from_fn(|_| Watch::default());
    let mut words = Vec::new();
    for key in hot {
        let write = rig.write(key, Strategy::Through);
        rig.clear();
        begins.time(|| rig.member.step(rig.now, write, &mut rig.out));
        let (replica, nears): (Vec<_>, Vec<_>) = told(&rig).partition(|(peer, _)| *peer == OTHER);
        words.extend(nears);
        for (peer, applied) in replica {
            rig.step(Input::Message(peer, applied));
            words.extend(told(&rig));
        }
        while rig.member.has_more() {
            rig.clear();
            parts.time(|| rig.member.step(rig.now, Input::More, &mut rig.out));
            words.extend(told(&rig));
        }
        let beat = rig.heartbeat();
        rig.clear();
        others.time(|| rig.member.step(rig.now, beat, &mut rig.out));
    }
    assert_eq!(words.len(), holders as usize * TIMES, "each is told once of each");
    let [mut lasts, mut mores] = std::array::from_fn(|_| Watch::default());
    let mut inputs: VecDeque<Input> =
        words.into_iter().map(|(peer, applied)| Input::Message(peer, applied)).collect();
    while let Some(input) = inputs.pop_front() {
        let goes_on = input == Input::More;
        rig.clear();
        let began = cpu_time();
        rig.member.step(rig.now, input, &mut rig.out);
        let is_last = matches!(rig.out.ask.as_slice(), [(_, Ask::Commit { .. })]);
        let watch = match goes_on {
            _ if is_last => &mut lasts,
            true => &mut mores,
            false => &mut confirmations,
        };
        watch.share(began, 1);
        if rig.member.has_more() {
            inputs.push_front(Input::More);
        }
    }
    assert_eq!(lasts.took.len(), TIMES, "all have confirmed, so the source is asked");
    let what = |what: &str| format!("{holders} holders, {hints} records unconfirmed at each: {what}");
    vec![
        begins.steps(what("a write-through begins")),
        parts.steps(what("some of them are told")),
        others.steps(what("a heartbeat meanwhile")),
        confirmations.steps(what("a holder confirms")),
        mores.steps(what("the owner goes on with what they confirmed")),
        lasts.steps(what("all of them have confirmed, and the source is asked")),
    ]
}

/// What each holder that was told of something in this step will answer.
fn told(rig: &Rig) -> impl Iterator<Item = (Peer, Message)> {
    rig.out.send.iter().filter_map(|(to, message)| match (to, message) {
        (To::Peer(peer), Message::Records(records)) => {
            let watermark = records.records.last().map_or(Position(0), |record| record.position);
            let subscription = records.subscription;
            Some((*peer, Message::Applied(Applied { subscription, watermark })))
        }
        _ => None,
    })
}
