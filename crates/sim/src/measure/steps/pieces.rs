//! Messages stay short however many names there are to say.

use clearwell_cluster::message::{Enlist, Enlisted, Stream};
use clearwell_cluster::{Bytes, Input, Message, To};
use clearwell_wire::{WANTED, encode};

use super::rig::{OTHER, Rig};
use super::tick::hold;

const NAMES: usize = 100_000;

/// What the member says to the other one in its last step, and that each message is short enough.
fn said(rig: &mut Rig) -> Vec<Message> {
    let said = std::mem::take(&mut rig.out.send).into_iter().filter(|(to, _)| *to == To::Peer(OTHER));
    let said: Vec<Message> = said.map(|(_, message)| message).collect();
    for message in &said {
        let mut frame = Vec::new();
        let bytes = encode(message, &mut frame).expect("it is short");
        assert!(bytes <= WANTED, "{bytes} bytes");
    }
    said
}

fn asked(rig: &mut Rig) -> Vec<Enlist> {
    let said = said(rig).into_iter();
    said.filter_map(|message| if let Message::Enlist(enlist) = message { Some(enlist) } else { None })
        .collect()
}

#[test]
fn an_owner_that_forgot_all_is_asked_about_all_in_short_messages() {
    const AT_ONCE: usize = 32;
    let mut rig = Rig::new();
    hold(&mut rig, NAMES);
    let stream = Stream { subscription: 2, ..rig.stream() };
    rig.step(Input::Message(OTHER, Message::Beat(stream.clone())));
    let mut questions = asked(&mut rig);
    let mut names = 0;
    assert_eq!(questions.len(), AT_ONCE);
    while let Some(question) = questions.pop() {
        names += question.names.len();
        let clean = vec![Some(true); question.names.len()];
        let answer = Enlisted { ticket: question.ticket, clean, stream: stream.clone() };
        rig.step(Input::Message(OTHER, Message::Enlisted(answer)));
        questions.extend(asked(&mut rig));
        assert!(questions.len() <= AT_ONCE, "{} at once", questions.len());
    }
    assert_eq!(names, NAMES, "each once");
}

#[test]
fn copies_that_were_given_up_are_told_in_short_heartbeats() {
    let mut rig = Rig::new();
    hold(&mut rig, NAMES);
    for number in 1..=rig.keys_made() {
        let key: Bytes = format!("key:{number:012}").as_bytes().into();
        rig.step(Input::Evicted(key));
    }
    rig.now.0 += 1_000;
    rig.step(Input::Tick);
    let released = said(&mut rig).into_iter().map(|message| match message {
        Message::Heartbeat(beat) => beat.released.len(),
        _ => 0,
    });
    assert_eq!(released.sum::<usize>(), NAMES);
    assert_eq!(rig.member.footprint().names, 0);
}
