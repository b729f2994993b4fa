//! What is wrong with bytes is told with its place, and what a newer version adds is skipped.

use clearwell_cluster::message::{Applied, Stream};
use clearwell_cluster::{Epoch, Message, Operation, Position};
use clearwell_words::Millis;

use crate::tags::{ByteTag, tables};
use crate::{Error, HEAD, Kind, LONGEST, Wrong, decode, encode, frame_size};

fn frame(kind: Kind, body: &[u8]) -> Vec<u8> {
    let length = body.len() as u32 + 1;
    [&length.to_le_bytes()[..], &[kind.byte()], body].concat()
}

fn encoded(message: &Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(message, &mut bytes).expect("short");
    bytes
}

#[track_caller]
fn refused(frame: &[u8], at: usize, wrong: Wrong) {
    assert_eq!(decode(frame), Err(Error { at, wrong }));
}

fn applied() -> Message {
    Message::Applied(Applied { subscription: 5, watermark: Position(300) })
}

#[test]
fn a_frame_says_its_length_before_anything_is_kept_of_it() {
    assert_eq!(frame_size(&[1, 2, 3]), Ok(None));
    assert_eq!(frame_size(&[7, 0, 0, 0]), Ok(Some(11)));
    assert_eq!(frame_size(&(LONGEST as u32).to_le_bytes()), Ok(Some(HEAD + LONGEST)));
    let claimed = LONGEST + 1;
    let error = Error { at: 0, wrong: Wrong::TooLong(claimed) };
    assert_eq!(frame_size(&(claimed as u32).to_le_bytes()), Err(error));
    assert_eq!(error.to_string(), "at byte 0: a frame of 1048577 bytes is longer than the 1048576 allowed");
    assert_eq!(frame_size(&[0; 4]), Err(Error { at: 0, wrong: Wrong::Empty }));
}

#[test]
fn a_message_that_is_too_long_is_not_written() {
    let mut out = vec![9];
    let longest = Message::Gossip(vec![0; LONGEST - 4].into());
    assert_eq!(encode(&longest, &mut out), Ok(HEAD + LONGEST), "a kind, three bytes of length, the rest");
    assert_eq!(decode(&out[1..]), Ok(longest));
    out.truncate(1);
    let longer = Message::Gossip(vec![0; LONGEST - 3].into());
    assert_eq!(encode(&longer, &mut out), Err(Error { at: 0, wrong: Wrong::TooLong(LONGEST + 1) }));
    assert_eq!(out, [9]);
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let whole = encoded(&applied());
    assert_eq!(whole, [4, 0, 0, 0, 12, 5, 0xac, 2]);
    refused(&whole[..2], 2, Wrong::Truncated { wanted: 2, left: 0 });
    refused(&whole[..6], 6, Wrong::Truncated { wanted: 2, left: 0 });
    refused(&[&whole[..], &[1, 2]].concat(), 8, Wrong::Trailing(2));
    refused(&[1, 0, 0, 0, 0], 4, Wrong::UnknownKind(0));
    refused(&frame(Kind::Applied, &[5]), 6, Wrong::Truncated { wanted: 1, left: 0 });
    refused(&frame(Kind::Applied, &[0x80, 0, 1]), 5, Wrong::BadVarint);
    refused(&frame(Kind::LeaseAsk, &[1, 1, 2]), 7, Wrong::OutOfRange { number: 2, most: 1 });
    refused(&frame(Kind::Gossip, &[3, 1, 2]), 5, Wrong::Count { claimed: 3, left: 2 });
    refused(&frame(Kind::Differ, &[5, 2, 1, 0xff, 0xff, 3]), 8, Wrong::Count { claimed: 65535, left: 0 });
    refused(&frame(Kind::Request, &[9, 7]), 6, Wrong::Unknown { what: "request", tag: 7 });
    refused(&frame(Kind::View, &[2, 0]), 5, Wrong::EnvelopeVersion(2));
}

#[test]
fn an_envelope_is_read_to_its_end_and_no_further() {
    let whole = encoded(&Message::Operate(Operation::Replicas(2)));
    assert_eq!(whole[HEAD..], [19, 1, 2, 0, 2]);
    refused(&frame(Kind::Operate, &[1, 3, 0, 2, 9]), 9, Wrong::Trailing(1));
    refused(&frame(Kind::Operate, &[1, 1, 9]), 8, Wrong::Envelope);
}

#[test]
fn a_newer_version_s_tail_is_skipped() {
    // Read as a tag, what is in it would be out of order.
    let tail = [3, 2, 1, 1, 40, 0];
    assert_eq!(decode(&frame(Kind::Applied, &[&[5, 0xac, 2], &tail[..]].concat())), Ok(applied()));
    // Inside a block too.
    let Ok(Message::Beat(known)) = decode(&frame(Kind::Beat, &[7, 5, 1, 2, 3, 4, 6, 7])) else {
        panic!("seven numbers are a stream")
    };
    let newer = frame(Kind::Beat, &[&[13, 5, 1, 2, 3, 4, 6, 7], &tail[..]].concat());
    assert_eq!(decode(&newer), Ok(Message::Beat(known)));
}

#[test]
fn what_is_missing_from_a_tail_is_what_it_usually_is() {
    let stream = |lost| {
        let (first, last, head, sent) = (Position(1), Position(2), Position(3), Millis(4));
        let (lease_ms, epoch) = (6, Epoch(7));
        Message::Beat(Stream { subscription: 5, first, last, head, sent, lease_ms, epoch, lost, at: None })
    };
    let (without, with) = (encoded(&stream(None)), encoded(&stream(Some(Position(9)))));
    assert_eq!(without[HEAD + 1..], [7, 5, 1, 2, 3, 4, 6, 7], "nothing is written for it");
    assert_eq!(with[HEAD + 1..], [10, 5, 1, 2, 3, 4, 6, 7, 1, 1, 9]);
    assert_eq!(decode(&without), Ok(stream(None)));
    assert_eq!(decode(&with), Ok(stream(Some(Position(9)))));
}

#[test]
fn tails_are_in_order_and_what_is_known_is_read_to_its_end() {
    let body = |tail: &[u8]| frame(Kind::Applied, &[&[5, 1], tail].concat());
    refused(&body(&[3, 0, 3, 0]), 9, Wrong::TagOrder(3));
    refused(&body(&[3, 0, 2, 0]), 9, Wrong::TagOrder(2));
    refused(&body(&[3]), 8, Wrong::Truncated { wanted: 1, left: 0 });
    refused(&body(&[3, 2, 0]), 8, Wrong::Count { claimed: 2, left: 1 });
    refused(&frame(Kind::Beat, &[11, 5, 1, 2, 3, 4, 6, 7, 1, 2, 9, 9]), 16, Wrong::Trailing(1));
}

#[test]
fn no_variant_but_those_in_the_tables_is_read() {
    assert_eq!(Kind::WHAT, "message");
    for (what, table) in tables() {
        let bytes: Vec<u8> = table.iter().map(|(byte, _)| *byte).collect();
        assert!(bytes.is_sorted_by(|one, next| one < next), "{what}");
        assert_eq!(
            bytes.len(),
            bytes.last().map_or(0, |last| usize::from(*last) + 1),
            "{what} leaves one out"
        );
    }
}
