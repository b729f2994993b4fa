//! The bytes of each kind of what a member keeps, as they were written down: a disk that an older version wrote must be read.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use clearwell_cluster::decree::{Ballot, Word};
use clearwell_cluster::{Awaited, Epoch, Hold, NodeId, Persist, Slot};
use clearwell_words::{Cause, Effect, EventPattern, Scope, Version};

use crate::golden_tests::{entry, expiring, hex, name, nothing, peer, unhex, unsettled, view};
use crate::persist::PersistKind;
use crate::tags::ByteTag;
use crate::{Error, Wrong, decode_persist, encode_persist, tags};

const COMMAND: &str = "CLEARWELL_GOLDEN=write cargo test -p clearwell-wire --lib persist";

const ABOUT: &str = "\
# What a member keeps on its disk: its name, and its bytes in hex. Written by
# CLEARWELL_GOLDEN=write cargo test -p clearwell-wire --lib persist
# A line that changes is a disk that another version does not write, and may not read.
";

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/persist.txt")
}

fn bytes(what: &Persist) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_persist(what, &mut bytes);
    bytes
}

fn hold(until: Awaited) -> Hold {
    let scope = Arc::new(Scope::Tag((*b"author:1").into()));
    Hold { id: 300, scope, effect: Effect::Stale, cascade: true, cause: Cause::Command, until }
}

fn samples() -> Vec<(&'static str, Persist)> {
    let ballot = |round, node| Ballot { round, node: NodeId(node) };
    let word = Word { epoch: Epoch(8), promised: ballot(3, 1), accepted: None };
    let accepted = Some((ballot(2, 3), unsettled()));
    let awaited = EventPattern::parse("paid{shop=7}").expect("well formed");
    let (timed, awaiting) = (hold(Awaited::After(2000)), hold(Awaited::Event(awaited)));
    vec![
        ("ballot", Persist::Ballot(word.clone())),
        ("ballot with a view", Persist::Ballot(Word { accepted, ..word })),
        ("view", Persist::View(view())),
        ("view, unsettled", Persist::View(unsettled())),
        ("granted", Persist::Granted(Epoch(7), peer(3))),
        ("journal", Persist::Journal(entry())),
        ("journal, removal", Persist::Journal(nothing())),
        ("journal, expiring", Persist::Journal(expiring())),
        ("flushed", Persist::Flushed(name("post:1"), Version(7 << 40 | 300))),
        ("hold", Persist::Hold(timed.clone())),
        ("hold for an event", Persist::Hold(awaiting.clone())),
        ("released", Persist::Released(Slot(300), 300)),
        (
            "slots, of which nothing is left",
            Persist::Slots { slots: vec![Slot(3)], journal: Vec::new(), holds: Vec::new() },
        ),
        (
            "slots",
            Persist::Slots {
                slots: vec![Slot(3), Slot(16383)],
                journal: vec![entry(), nothing()],
                holds: vec![timed, awaiting],
            },
        ),
    ]
}

/// `CLEARWELL_GOLDEN=write` writes the file anew.
#[test]
fn what_is_kept_has_the_bytes_that_were_written_down() {
    let written: String =
        samples().iter().map(|(name, what)| format!("{name}: {}\n", hex(&bytes(what)))).collect();
    let text = format!("{ABOUT}{written}");
    if std::env::var_os("CLEARWELL_GOLDEN").is_some_and(|what| what == "write") {
        std::fs::write(path(), &text).expect("the folder is there");
    }
    let kept = std::fs::read_to_string(path()).expect("the file is there");
    let line = kept.lines().zip(text.lines()).find(|(kept, now)| kept != now);
    assert_eq!(line, None, "the bytes are others now; if that is right: {COMMAND}");
    assert_eq!(kept.lines().count(), text.lines().count(), "{COMMAND}");
    let lines = kept.lines().filter(|line| !line.starts_with('#'));
    for (line, (name, what)) in lines.zip(samples()) {
        let (_, hex) = line.split_once(": ").expect("a name, a colon, hex");
        assert_eq!(decode_persist(&unhex(hex)), Ok(what), "{name}");
    }
}

#[test]
fn nothing_that_is_kept_is_without_bytes() {
    tags::seen::take();
    for (name, what) in samples() {
        decode_persist(&bytes(&what)).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let seen: BTreeSet<u8> = tags::seen::take()
        .into_iter()
        .filter(|(what, _)| *what == PersistKind::WHAT)
        .map(|(_, tag)| tag)
        .collect();
    assert_eq!(seen, PersistKind::ALL.iter().map(|(byte, _)| *byte).collect());
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_a_newer_tail_is_skipped() {
    let released = Persist::Released(Slot(300), 7);
    assert_eq!(bytes(&released), [7, 0xac, 2, 7]);
    let refused = |bytes: &[u8], at, wrong| assert_eq!(decode_persist(bytes), Err(Error { at, wrong }));
    refused(&[], 0, Wrong::Truncated { wanted: 1, left: 0 });
    refused(&[0; 9], 0, Wrong::Unknown { what: PersistKind::WHAT, tag: 0 });
    refused(&[9, 1], 0, Wrong::Unknown { what: PersistKind::WHAT, tag: 9 });
    refused(&[7, 0xac, 2], 3, Wrong::Truncated { wanted: 1, left: 0 });
    refused(&[7, 0xac, 2, 7, 1], 5, Wrong::Truncated { wanted: 1, left: 0 });
    refused(&[8, 3, 1, 2], 1, Wrong::Count { claimed: 3, left: 2 });
    assert_eq!(decode_persist(&[7, 0xac, 2, 7, 1, 2, 0, 0, 5, 0]), Ok(released));
}

/// No frame's limit applies.
#[test]
fn what_is_longer_than_any_frame_is_kept() {
    let mut entry = entry();
    entry.value = Some(vec![7; 3 * crate::LONGEST].into());
    let slots = Persist::Slots { slots: vec![Slot(3)], journal: vec![entry], holds: Vec::new() };
    assert_eq!(decode_persist(&bytes(&slots)), Ok(slots));
}
