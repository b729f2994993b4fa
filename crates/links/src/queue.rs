//! What waits to be sent to one peer on one lane: bounded in bytes, in the order in which it came.

use std::collections::VecDeque;

use clearwell_wire::{HEAD, Kind, LONGEST};
use clearwell_words::Millis;

use crate::lane::Worth;

/// What a frame costs besides its bytes: many small ones must not take more memory than few large ones.
const OVERHEAD: usize = 64;

/// A bounded queue of frames. When it is full, the oldest of the lowest worth makes room; a frame that is worth less than all
/// that waits is dropped itself.
#[derive(Debug)]
pub struct SendQueue {
    waiting: [VecDeque<QueuedFrame>; Worth::COUNT],
    cost: usize,
    cost_most: usize,
    keep_ms: u64,
    serial: u64,
    dropped: Dropped,
}

/// A frame that waits.
#[derive(Debug)]
struct QueuedFrame {
    serial: u64,
    kind: Kind,
    /// The process that it is for; whatever process the node is, without.
    incarnation: Option<u32>,
    since: Millis,
    frame: Vec<u8>,
}

impl QueuedFrame {
    fn cost(&self) -> usize {
        self.frame.len() + OVERHEAD
    }
}

/// How many frames were dropped, by kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped([u64; Kind::COUNT]);

impl Default for Dropped {
    fn default() -> Dropped {
        Dropped([0; Kind::COUNT])
    }
}

impl Dropped {
    pub(crate) fn count(&mut self, kind: Kind) {
        self.0[kind.index()] += 1;
    }

    /// How many of a kind.
    pub fn of(&self, kind: Kind) -> u64 {
        self.0[kind.index()]
    }

    /// Those kinds of which any were dropped, with how many.
    pub fn by_kind(&self) -> impl Iterator<Item = (Kind, u64)> {
        Kind::all().map(|kind| (kind, self.of(kind))).filter(|(_, count)| *count > 0)
    }

    /// All together.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

impl SendQueue {
    /// An empty one that takes so many bytes, or the longest frame if that is more. What has waited for `keep_ms` is not sent
    /// any more: whoever asked has given up.
    pub fn new(bytes_most: usize, keep_ms: u64) -> SendQueue {
        SendQueue::bounded(bytes_most.max(HEAD + LONGEST + OVERHEAD), keep_ms)
    }

    /// One that takes so many bytes, whatever a frame may have.
    pub(crate) fn bounded(cost_most: usize, keep_ms: u64) -> SendQueue {
        let (waiting, dropped) = (Default::default(), Dropped::default());
        SendQueue { waiting, cost: 0, cost_most, keep_ms, serial: 0, dropped }
    }

    /// Adds a frame, which is of at most [`LONGEST`] bytes, and drops what must make room for it.
    pub fn push(&mut self, frame: Vec<u8>, kind: Kind, incarnation: Option<u32>, now: Millis) {
        let waiting = QueuedFrame { serial: self.serial, kind, incarnation, since: now, frame };
        self.serial += 1;
        let worth = Worth::of(kind);
        while self.cost + waiting.cost() > self.cost_most {
            let lowest = self.waiting[..=worth as usize].iter_mut().find_map(VecDeque::pop_front);
            let Some(oldest) = lowest else { return self.dropped.count(kind) };
            self.cost -= oldest.cost();
            self.dropped.count(oldest.kind);
        }
        self.cost += waiting.cost();
        self.waiting[worth as usize].push_back(waiting);
    }

    /// Moves frames to the end of `out`, in the order in which they came, until it has `bytes` or the queue is empty. What is
    /// for another process than this one, or has waited too long, is dropped. Returns the kinds of those that were moved.
    pub fn take(&mut self, bytes: usize, incarnation: u32, now: Millis, out: &mut Vec<u8>) -> Vec<Kind> {
        let mut kinds = Vec::new();
        while out.len() < bytes
            && let Some(oldest) = self.pop()
        {
            let is_for_it = oldest.incarnation.is_none_or(|wanted| wanted == incarnation);
            if !is_for_it || now.since(oldest.since) > self.keep_ms {
                self.dropped.count(oldest.kind);
                continue;
            }
            out.extend_from_slice(&oldest.frame);
            kinds.push(oldest.kind);
        }
        kinds
    }

    fn pop(&mut self) -> Option<QueuedFrame> {
        let first = |all: &VecDeque<QueuedFrame>| all.front().map_or(u64::MAX, |waiting| waiting.serial);
        let oldest = self.waiting.iter_mut().min_by_key(|all| first(all))?.pop_front()?;
        self.cost -= oldest.cost();
        Some(oldest)
    }

    /// Counts frames that were taken and did not arrive, as far as is known.
    pub fn lost(&mut self, kinds: &[Kind]) {
        kinds.iter().for_each(|kind| self.dropped.count(*kind));
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.iter().all(VecDeque::is_empty)
    }

    /// How many frames wait.
    pub fn frames(&self) -> usize {
        self.waiting.iter().map(VecDeque::len).sum()
    }

    /// What they cost, in bytes.
    pub fn bytes(&self) -> usize {
        self.cost
    }

    /// What was dropped since the beginning.
    pub fn dropped(&self) -> &Dropped {
        &self.dropped
    }
}
