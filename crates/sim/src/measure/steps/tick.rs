//! Ticks of a member that holds copies of many names.

use clearwell_cluster::message::Reply;
use clearwell_cluster::request::Read;
use clearwell_cluster::{Answer, Entry, Input, Level, Message, Meta, Request, Token};
use clearwell_cluster::{Bytes, Epoch, Position, To};
use clearwell_engine::{Millis, Version};

use super::rig::{OTHER, Rig};
use super::{Steps, Watch};

/// Ticks of a member that holds copies of so many keys of another owner.
pub fn ticks(names: usize) -> Vec<Steps> {
    const TIMES: usize = 10_000;
    let mut rig = Rig::new();
    hold(&mut rig, names);
    let mut watch = Watch::default();
    for _ in 0..TIMES {
        rig.now = Millis(rig.now.0 + 100);
        rig.clear();
        watch.time(|| rig.member.step(rig.now, Input::Tick, &mut rig.out));
        let beaten = rig.out.send.iter().any(|(_, message)| matches!(message, Message::Heartbeat(_)));
        if beaten {
            let beat = Message::Beat(rig.stream());
            rig.step(Input::Message(OTHER, beat));
        }
    }
    vec![watch.steps(format!("a tick of a holder of {names} names"))]
}

/// Reads so many keys of the other owner, so that copies lie here.
pub fn hold(rig: &mut Rig, names: usize) {
    for _ in 0..names {
        let key = rig.key(false);
        let read = Read { key: key.clone(), level: Level::Eventual, token: Token::default(), hold: true };
        let read = Input::Request(rig.ticket(), Request::Read(read));
        rig.step(read);
        let asked = rig.out.send.iter().find_map(|(to, message)| match (to, message) {
            (To::Peer(OTHER), Message::Request(ticket, _)) => Some(*ticket),
            _ => None,
        });
        let Some(ticket) = asked else { panic!("a read of another's key goes to its owner") };
        let entry = Entry {
            key: Bytes::from(&*key),
            value: None,
            version: Version(1),
            tags: [].into(),
            dependencies: [].into(),
            events: [].into(),
            expiry: None,
            meta: Meta::default(),
        };
        let reply = Reply {
            answer: Answer::Value { entry: Some(entry), token: Token::default(), lease: None },
            as_of: vec![(OTHER, Position(1))],
            stream: Some(rig.stream()),
            epoch: Epoch(1),
            at: None,
        };
        rig.step(Input::Message(OTHER, Message::Reply(ticket, Box::new(reply))));
    }
}
