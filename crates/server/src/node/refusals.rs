//! Fills that were dropped because they may have been old: each is seen, in a list and on the stream of events.

use std::collections::VecDeque;
use std::sync::Arc;

use clearwell_engine::Millis;
use parking_lot::Mutex;

use super::Node;

/// So many are kept.
const KEPT: usize = 128;
/// Bytes kept of a key, and of a connection's name.
const MOST_BYTES: usize = 128;
/// So many a second are told on the stream; the list and the counts have the others. More would push out what covers keys.
const TOLD_A_SECOND: u32 = 100;

/// Why a fill was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Its connection had missed the key.
    OwnMiss,
    /// Others had.
    OtherMiss,
    /// It named its miss.
    Lease,
}

impl Why {
    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Why::OwnMiss => {
                "this connection had missed the key, which was invalidated or written since, or others' misses from before that are open"
            }
            Why::OtherMiss => {
                "misses of the key from before its last invalidation are open, and this may be the fill of one"
            }
            Why::Lease => {
                "the key, or what the value was made from, was invalidated after the miss that gave the lease"
            }
        }
    }
}

/// A fill that was dropped.
#[derive(Debug, Clone)]
pub struct DroppedFill {
    /// Its number, counted since the start.
    pub id: u64,
    /// When, in milliseconds since 1970.
    pub at_unix_ms: i64,
    /// The key, shortened.
    pub key: Arc<[u8]>,
    /// Why.
    pub why: Why,
    /// Whose: `ip:port`, or `http`.
    pub client: Box<str>,
    /// The connection's name.
    pub name: Box<str>,
}

/// The last of them.
#[derive(Default)]
pub struct Refusals(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    next: u64,
    refusals: VecDeque<DroppedFill>,
    second: u64,
    told: u32,
}

impl Refusals {
    /// The newest `most`, newest first.
    pub fn latest(&self, most: usize) -> Vec<DroppedFill> {
        self.0.lock().refusals.iter().take(most).cloned().collect()
    }

    /// How many are kept.
    pub fn kept(&self) -> usize {
        self.0.lock().refusals.len()
    }

    /// Forgets them.
    pub fn reset(&self) {
        self.0.lock().refusals.clear();
    }

    /// Keeps one; whether it is to be told.
    pub(super) fn keep(&self, refusal: DroppedFill, now: Millis) -> bool {
        let mut kept = self.0.lock();
        let id = kept.next;
        kept.next += 1;
        kept.refusals.push_front(DroppedFill { id, ..refusal });
        kept.refusals.truncate(KEPT);
        if kept.second != now.0 / 1000 {
            (kept.second, kept.told) = (now.0 / 1000, 0);
        }
        kept.told += 1;
        kept.told <= TOLD_A_SECOND
    }
}

impl Node {
    /// A fill of `key` by `client`, called `name`, was dropped.
    pub fn note_refused(&self, key: &[u8], why: Why, client: &str, name: &str) {
        let short: Arc<[u8]> = key[..key.len().min(MOST_BYTES)].into();
        let refusal = DroppedFill {
            id: 0,
            at_unix_ms: self.clock.unix_ms(),
            key: short,
            why,
            client: client.into(),
            name: name.chars().take(MOST_BYTES).collect(),
        };
        self.reports.refuse(refusal, self.clock.now());
    }
}
