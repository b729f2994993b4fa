//! What a full queue drops, and what it never does.

use clearwell_wire::{HEAD, Kind, LONGEST};
use clearwell_words::Millis;
use proptest::prelude::*;

use crate::lane::Worth;
use crate::queue::SendQueue;

const KEEP_MS: u64 = 1000;
const EVER: usize = usize::MAX;

/// A frame that can be told from all others by its first bytes.
fn frame(number: usize, bytes: usize) -> Vec<u8> {
    let mut frame = (number as u32).to_le_bytes().to_vec();
    frame.resize(bytes.max(4), 0);
    frame
}

/// The numbers of frames of this length, as they went out.
fn numbers(out: &[u8], bytes: usize) -> Vec<usize> {
    let number = |frame: &[u8]| frame.first_chunk().map_or(0, |first| u32::from_le_bytes(*first) as usize);
    out.chunks(bytes).map(number).collect()
}

#[test]
fn a_full_queue_drops_the_oldest_of_what_comes_again() {
    // Four frames fit.
    let bytes = (HEAD + LONGEST) / 4;
    let mut queue = SendQueue::new(0, KEEP_MS);
    let kinds =
        [Kind::Reply, Kind::Records, Kind::Request, Kind::Records, Kind::Reply, Kind::Reply, Kind::Reply];
    for (number, kind) in kinds.into_iter().enumerate() {
        queue.push(frame(number, bytes - 64), kind, None, Millis(0));
    }
    let mut out = Vec::new();
    let taken = queue.take(EVER, 1, Millis(0), &mut out);
    assert_eq!(taken, [Kind::Reply; 4]);
    assert_eq!(numbers(&out, bytes - 64), [0, 4, 5, 6]);
    assert_eq!((queue.dropped().of(Kind::Records), queue.dropped().of(Kind::Request)), (2, 1));
    // Nothing but answers: a record finds no place, and an answer takes the oldest one's.
    for (number, kind) in [Kind::Reply; 4].into_iter().chain([Kind::Records, Kind::Reply]).enumerate() {
        queue.push(frame(number, bytes - 64), kind, None, Millis(0));
    }
    out.clear();
    queue.take(EVER, 1, Millis(0), &mut out);
    assert_eq!(numbers(&out, bytes - 64), [1, 2, 3, 5]);
}

#[test]
fn what_is_late_or_for_another_process_is_not_sent() {
    let mut queue = SendQueue::new(0, KEEP_MS);
    queue.push(frame(0, 8), Kind::Beat, None, Millis(1));
    queue.push(frame(1, 8), Kind::Request, Some(1), Millis(2));
    queue.push(frame(2, 8), Kind::Reply, Some(2), Millis(2));
    queue.push(frame(3, 8), Kind::Applied, None, Millis(2));
    let mut out = Vec::new();
    assert_eq!(queue.take(EVER, 2, Millis(2 + KEEP_MS), &mut out), [Kind::Reply, Kind::Applied]);
    assert_eq!((queue.dropped().of(Kind::Beat), queue.dropped().of(Kind::Request)), (1, 1));
    assert_eq!((queue.is_empty(), queue.bytes(), queue.frames()), (true, 0, 0));
}

#[test]
fn small_frames_take_no_more_memory_than_large_ones() {
    let mut queue = SendQueue::new(0, KEEP_MS);
    for number in 0..100_000 {
        queue.push(frame(number, 5), Kind::Reply, None, Millis(0));
    }
    assert!(queue.frames() < (HEAD + LONGEST) / 64 + 2);
}

#[test]
fn the_longest_frame_fits_into_the_smallest_queue() {
    let mut queue = SendQueue::new(0, KEEP_MS);
    queue.push(frame(1, HEAD + LONGEST), Kind::View, None, Millis(0));
    assert_eq!((queue.frames(), queue.dropped().total()), (1, 0));
}

/// What a caller does to a queue.
#[derive(Debug, Clone)]
enum Step {
    Push { kind: usize, bytes: usize },
    Take { bytes: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let push = (0..Kind::COUNT, 5usize..400).prop_map(|(kind, bytes)| Step::Push { kind, bytes });
    let take = (1usize..600).prop_map(|bytes| Step::Take { bytes });
    prop::collection::vec(prop_oneof![5 => push, 1 => take], 1..120)
}

/// A queue as somebody would write it who does not care for speed.
#[derive(Default)]
struct Naive {
    waiting: Vec<(usize, Kind, usize)>,
    dropped: Vec<Kind>,
}

impl Naive {
    fn bytes(&self) -> usize {
        self.waiting.iter().map(|(_, _, bytes)| bytes + 64).sum()
    }

    fn push(&mut self, number: usize, kind: Kind, bytes: usize, most: usize) {
        while self.bytes() + bytes + 64 > most {
            let least = self.waiting.iter().map(|(_, kind, _)| Worth::of(*kind)).min();
            match least {
                Some(least) if least <= Worth::of(kind) => {
                    let at = self.waiting.iter().position(|(_, kind, _)| Worth::of(*kind) == least);
                    self.dropped.extend(at.map(|at| self.waiting.remove(at).1));
                }
                _ => return self.dropped.push(kind),
            }
        }
        self.waiting.push((number, kind, bytes));
    }
}

proptest! {
    /// Bytes are bounded, order is kept, nothing is dropped while something of less worth waits, and all that is not sent is counted.
    #[test]
    fn a_queue_does_as_a_naive_one(steps in steps()) {
        let most = 1000;
        let kinds: Vec<Kind> = Kind::all().collect();
        let (mut queue, mut naive) = (SendQueue::bounded(most, KEEP_MS), Naive::default());
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Push { kind, bytes } => {
                    let kind = kinds[kind];
                    queue.push(frame(number, bytes), kind, None, Millis(0));
                    naive.push(number, kind, bytes, most);
                }
                Step::Take { bytes } => {
                    let (mut out, mut wanted) = (Vec::new(), Vec::new());
                    let taken = queue.take(bytes, 1, Millis(0), &mut out);
                    let mut wanted_kinds = Vec::new();
                    while wanted.len() < bytes && !naive.waiting.is_empty() {
                        let (number, kind, bytes) = naive.waiting.remove(0);
                        wanted.extend(frame(number, bytes));
                        wanted_kinds.push(kind);
                    }
                    prop_assert!(out == wanted, "other bytes");
                    prop_assert_eq!(taken, wanted_kinds);
                }
            }
            prop_assert!(queue.bytes() <= most);
            prop_assert_eq!((queue.bytes(), queue.frames()), (naive.bytes(), naive.waiting.len()));
            prop_assert_eq!(queue.is_empty(), naive.waiting.is_empty());
        }
        for kind in kinds {
            let dropped = naive.dropped.iter().filter(|dropped| **dropped == kind).count() as u64;
            prop_assert_eq!(queue.dropped().of(kind), dropped);
        }
    }
}
