//! Frames by chance: what is written is read back, and what nobody wrote neither panics nor makes anybody allocate.
//!
//! `CLEARWELL_SEED` is the first seed, `CLEARWELL_ROUNDS` how many. A million mutated frames:
//! `CLEARWELL_ROUNDS=1000000 cargo test --release -p clearwell-wire --test frames`.

#![allow(unsafe_code)] // An allocator is unsafe to write: `counted.rs`.

mod any;
mod counted;
mod kept;

use any::Any;
use clearwell_cluster::Message;
use clearwell_wire::{Decoder, Error, HEAD, Kind, LONGEST, Wrong, decode, encode};
use counted::{Counted, most_while};

#[global_allocator]
static ALLOCATOR: Counted = Counted;

#[expect(clippy::disallowed_methods, reason = "how long to run, and from which seed, is the caller's to say")]
fn seeds() -> std::ops::Range<u64> {
    let number = |name, usual| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual);
    let first = number("CLEARWELL_SEED", 0);
    first..first + number("CLEARWELL_ROUNDS", 5_000)
}

fn drawn(seed: u64) -> (Any, Message) {
    let mut any = Any(fastrand::Rng::with_seed(seed));
    let kinds: Vec<Kind> = Kind::all().collect();
    let kind = kinds[(seed % kinds.len() as u64) as usize];
    let message = any.message(kind);
    assert_eq!(Kind::of(&message), kind);
    (any, message)
}

fn encoded(message: &Message) -> Vec<u8> {
    let mut frame = Vec::new();
    assert_eq!(encode(message, &mut frame).expect("short"), frame.len());
    frame
}

/// Says again how long a frame is.
fn measure(frame: &mut [u8]) {
    let length = (frame.len() - HEAD) as u32;
    frame[..HEAD].copy_from_slice(&length.to_le_bytes());
}

#[test]
fn what_is_written_is_read_back() {
    let mut decoder = Decoder::for_many();
    for seed in seeds() {
        let (mut any, message) = drawn(seed);
        let mut frame = encoded(&message);
        let read = decoder.decode(&frame).unwrap_or_else(|error| panic!("seed {seed}, {error}: {message:?}"));
        assert_eq!(read, message, "seed {seed}");
        assert_eq!(encoded(&read), frame, "seed {seed}");
        let cut = any.0.usize(..frame.len());
        assert!(decode(&frame[..cut]).is_err(), "seed {seed}, cut at {cut}");
        // What a newer version might add.
        frame.extend([99, 3, 1, 2, 3]);
        measure(&mut frame);
        assert_eq!(decode(&frame), Ok(message), "seed {seed}, with a tail");
    }
}

/// Each frame that was written, with what damage and malice can do to it. What still is a message is one for good.
#[test]
fn whatever_comes_neither_panics_nor_allocates() {
    let (mut read, mut refused) = (0u64, [0u64; 12]);
    for seed in seeds() {
        let (mut any, message) = drawn(seed);
        let mut frame = encoded(&message);
        for _ in 0..any.0.usize(1..4) {
            mutate(&mut any, &mut frame);
        }
        if any.0.u8(..16) > 0 && frame.len() > HEAD {
            measure(&mut frame);
        }
        let (result, most) = most_while(|| decode(&frame));
        assert!(most <= allowed(&frame), "seed {seed}: {most} bytes for {} bytes: {frame:02x?}", frame.len());
        match result {
            Ok(message) => {
                read += 1;
                assert_eq!(decode(&encoded(&message)).as_ref(), Ok(&message), "seed {seed}");
            }
            Err(error) => {
                assert!(error.at <= frame.len(), "seed {seed}: {error}");
                refused[place(&error)] += 1;
            }
        }
    }
    println!("{read} were messages still; refused: {refused:?}");
    let rounds = seeds().count() as u64;
    assert!(read * 50 > rounds, "of {rounds} only {read} were messages still");
    assert!(refused.iter().all(|&count| count > 0), "some error never came: {refused:?}");
}

/// What decoding a frame may allocate. The parts of a message take up to some fifty times their bytes: an empty name is two
/// bytes there and an allocation here. In envelopes serde makes room for up to a MiB before it looks.
fn allowed(frame: &[u8]) -> usize {
    let is_enveloped = matches!(clearwell_wire::kind(frame), Ok(Kind::View | Kind::Decree | Kind::Operate));
    let ahead = if is_enveloped { 3 << 20 } else { 1024 };
    ahead + 64 * frame.len()
}

fn place(error: &Error) -> usize {
    match error.wrong {
        Wrong::Truncated { .. } => 0,
        Wrong::TooLong(_) => 1,
        Wrong::UnknownKind(_) => 2,
        Wrong::Unknown { .. } => 3,
        Wrong::BadVarint => 4,
        Wrong::OutOfRange { .. } => 5,
        Wrong::Count { .. } => 6,
        Wrong::TagOrder(_) => 7,
        Wrong::Trailing(_) => 8,
        Wrong::EnvelopeVersion(_) => 9,
        Wrong::Envelope => 10,
        // A frame of no bytes counts here too: it is made by hand elsewhere.
        Wrong::Malformed(_) | Wrong::Empty => 11,
    }
}

fn mutate(any: &mut Any, frame: &mut Vec<u8>) {
    if frame.is_empty() {
        return;
    }
    let at = any.0.usize(..frame.len());
    match any.0.u8(..9) {
        0 => frame[at] ^= 1 << any.0.u8(..8),
        1 => frame[at] = any.0.u8(..),
        2 => frame.truncate(at),
        3 => drop(frame.remove(at)),
        4 => frame.insert(at, any.0.u8(..)),
        // Numbers that claim much.
        5 => drop(frame.splice(at..at, [0xff, 0xff, 0xff, 0x7f])),
        6 => drop(frame.splice(at..at, [0xff; 11])),
        // The end of one frame behind the front of another, or behind itself.
        7 => {
            let other = encoded(&drawn(any.0.u64(..)).1);
            let from = any.0.usize(..other.len());
            frame.truncate(at);
            frame.extend(&other[from..]);
        }
        _ => {
            let again = frame[at..].to_vec();
            frame.extend(again);
        }
    }
}

#[test]
fn bytes_that_mean_nothing_are_refused_or_read() {
    for seed in seeds() {
        let mut any = Any(fastrand::Rng::with_seed(seed));
        let mut frame: Vec<u8> = (0..any.0.usize(..200)).map(|_| any.0.u8(..)).collect();
        if any.0.bool() && frame.len() > HEAD {
            measure(&mut frame);
            frame[HEAD] = any.0.u8(..=Kind::COUNT as u8);
        }
        let (_, most) = most_while(|| decode(&frame));
        assert!(most <= allowed(&frame), "seed {seed}: {most} bytes for {} bytes: {frame:02x?}", frame.len());
    }
}

/// As many entries as there are bytes left, of which the first is none.
#[test]
fn what_is_claimed_is_not_made_room_for() {
    let mut frame = vec![0; HEAD];
    frame.extend([Kind::State.byte(), 1, 0, 0, 0, 1, 0x80, 0x80, 0x3c]);
    frame.resize(LONGEST, 0xff);
    measure(&mut frame);
    let (result, most) = most_while(|| decode(&frame));
    assert!(result.is_err());
    assert!(most <= 2 * frame.len(), "{most} bytes for what is none");
}

/// The largest frames that there can be, full of what takes most memory for its bytes.
#[test]
fn the_fullest_frames_take_no_more_than_a_constant_times_their_bytes() {
    let room = LONGEST - 64;
    for (kind, before, element, after) in [
        // Names without bytes.
        (Kind::Heartbeat, &[1, 1, 1][..], &[0, 0, 1][..], &[1][..]),
        (Kind::Enlist, &[1, 1], &[2, 0, 1, 1, 1], &[1]),
        // Records of events without attributes, and of a put of nothing.
        (Kind::Records, &[1, 1], &[9, 1, 0, 0, 6, 0, 0, 0, 0, 0], &[0, 1]),
        (Kind::Records, &[1, 1], &[14, 1, 0, 3, 6, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0], &[0, 1]),
        (Kind::State, &[1, 0, 0, 0, 1], &[6, 0, 0, 1, 0, 0, 0], &[0, 0, 0, 1, 1]),
        (Kind::Digests, &[1, 1, 1], &[0, 1, 2, 3, 4, 5, 6, 7, 8], &[]),
        (Kind::Differ, &[1, 2, 1], &[0], &[]),
    ] {
        let count = room / element.len();
        let mut frame = vec![0; HEAD];
        frame.push(kind.byte());
        frame.extend(before);
        let mut number = count;
        while number >= 0x80 {
            frame.push(number as u8 | 0x80);
            number >>= 7;
        }
        frame.push(number as u8);
        (0..count).for_each(|_| frame.extend(element));
        frame.extend(after);
        measure(&mut frame);
        let (result, most) = most_while(|| decode(&frame));
        assert_eq!(result.map(|message| Kind::of(&message)), Ok(kind), "{element:?}");
        println!("{}: {} times its bytes", kind.name(), most / frame.len());
        assert!(most <= allowed(&frame), "{}: {most} bytes for {}", kind.name(), frame.len());
    }
}
