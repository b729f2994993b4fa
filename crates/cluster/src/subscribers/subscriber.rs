//! One copy holder as its owner sees it: what it was told, what it has applied, and what is kept to be told again.

use std::collections::VecDeque;
use std::sync::Arc;

use clearwell_words::Millis;

use super::following::Following;
use crate::message::Records;
use crate::name::Name;
use crate::pieces::PIECE_BYTES;
use crate::record::Record;
use crate::{Config, Epoch, Planted, Position};

/// One copy holder as its owner sees it.
#[derive(Debug)]
pub struct Subscriber {
    /// Which subscription.
    pub id: u64,
    /// The head of the log when it began.
    pub first: Position,
    /// The last record that was addressed to it.
    pub last: Position,
    /// It has applied all up to here.
    pub acked: Position,
    /// Until when it may serve leased levels, on this owner's clock.
    pub lease_until: Millis,
    /// Slots that it follows, and whether it has what they contained.
    pub follows: Following,
    /// What was addressed to it before it was given slots; acknowledgements did not wait for it then.
    pub given_at: Position,
    /// What was sent and is not confirmed, with when it was sent last; before that, what is confirmed and not freed yet.
    pub(super) hints: VecDeque<(Millis, Arc<Record>)>,
    /// How many of them are confirmed: freeing thousands takes longer than a step may.
    confirmed: usize,
    /// How many bytes these take.
    hint_bytes: usize,
    /// The last record that was dropped from the hints; the holder may have it nevertheless.
    pub(super) dropped: Option<Position>,
    /// What the holder missed up to here cannot be told again.
    pub(super) lost: Option<Position>,
    /// The last of these: what was handed over before it is not whole.
    pub lost_at: Position,
    /// When it was heard of last.
    pub(super) heard: Millis,
    /// When it last applied something, or was told of something after it had applied all.
    pub(super) moved: Millis,
    /// What is to be sent at the end of this step.
    pub(super) outgoing: Option<Records>,
}

/// A lease by which nothing can be served; the word that bears it counts all the same.
pub(super) const LEAST_MS: u64 = 1;

/// What is not confirmed after this time is taken for lost on its way.
const IN_FLIGHT_MS: u64 = 150;

impl Subscriber {
    /// Whether it is heard but does not hear: it can make nothing of a longer lease, for which writers would wait.
    pub(super) fn is_stuck(&self, now: Millis, config: &Config) -> bool {
        (self.has_dropped() || self.has_unconfirmed()) && now.since(self.moved) > config.read_lease_ms / 8
    }

    /// One that is told all from the place `head` on.
    pub(super) fn new(id: u64, now: Millis, head: Position) -> Subscriber {
        Subscriber {
            id,
            first: head,
            last: head,
            acked: head,
            lease_until: Millis(0),
            follows: Following::default(),
            given_at: Position(0),
            hints: VecDeque::new(),
            confirmed: 0,
            hint_bytes: 0,
            dropped: None,
            lost: None,
            lost_at: Position(0),
            heard: now,
            moved: now,
            outgoing: None,
        }
    }

    /// Whether something that was sent to it is not confirmed.
    fn has_unconfirmed(&self) -> bool {
        self.hints.len() > self.confirmed
    }

    /// How many records were sent to it and are not confirmed.
    pub fn count_unconfirmed(&self) -> usize {
        self.hints.len().saturating_sub(self.confirmed)
    }

    /// For how long it has confirmed none of these; 0 when there are none.
    pub fn unconfirmed_ms(&self, now: Millis) -> u64 {
        if self.has_unconfirmed() { now.since(self.moved) } else { 0 }
    }

    /// How long nothing was heard of it.
    pub fn silent_ms(&self, now: Millis) -> u64 {
        now.since(self.heard)
    }

    /// How many bytes of records are kept for it.
    pub fn hint_bytes(&self) -> usize {
        self.hint_bytes
    }

    /// Addresses a record to it.
    pub(super) fn push(&mut self, now: Millis, config: &Config, record: &Arc<Record>) {
        let prev = self.last;
        self.last = record.position;
        let bytes = record.bytes();
        let is_full = |hints: usize, taken: usize| {
            hints >= config.hints_most || (hints > 0 && taken + bytes > config.hint_bytes_most)
        };
        while is_full(self.hints.len(), self.hint_bytes) {
            let is_confirmed = self.confirmed > 0;
            let Some(dropped) = self.pop_hint() else { break };
            if !is_confirmed && !config.has(Planted::HintDropped) {
                self.dropped = Some(dropped.position);
            }
        }
        if !self.has_unconfirmed() {
            self.moved = now;
        }
        self.hint_bytes += bytes;
        self.hints.push_back((now, Arc::clone(record)));
        match &mut self.outgoing {
            Some(outgoing) => outgoing.records.push(Arc::clone(record)),
            none => {
                *none = Some(Records {
                    subscription: self.id,
                    prev,
                    records: vec![Arc::clone(record)],
                    reply: false,
                    epoch: Epoch(0),
                });
            }
        }
    }

    /// Somebody waits for its word on what goes out to it in this step, or went out a while ago.
    pub(super) fn ask_reply(&mut self, now: Millis, config: &Config) {
        if self.outgoing.is_none() {
            self.outgoing = self.replay(now, config, self.acked);
        }
        if let Some(outgoing) = &mut self.outgoing {
            outgoing.reply = true;
        }
    }

    fn pop_hint(&mut self) -> Option<Arc<Record>> {
        let (_, record) = self.hints.pop_front()?;
        self.hint_bytes -= record.bytes();
        self.confirmed = self.confirmed.saturating_sub(1);
        Some(record)
    }

    /// Frees so many of the records that are confirmed, at most. Whether there are more.
    pub(super) fn free(&mut self, most: usize) -> bool {
        for _ in 0..self.confirmed.min(most) {
            self.pop_hint();
        }
        self.confirmed > 0
    }

    /// The holder has applied all up to here.
    pub fn applied(&mut self, now: Millis, watermark: Position) {
        if watermark > self.acked {
            (self.acked, self.moved) = (watermark, now);
        }
        self.confirmed =
            self.confirmed.max(self.hints.partition_point(|(_, record)| record.position <= watermark));
        self.dropped = self.dropped.filter(|dropped| *dropped > watermark);
        self.lost = self.lost.filter(|lost| *lost > watermark);
    }

    /// Whether it may have missed what is not kept for it.
    pub(super) fn has_dropped(&self) -> bool {
        self.dropped.is_some() || self.lost.is_some()
    }

    /// Whether it has missed that. Dropping alone loses nothing: what is dropped was sent, and more than the hints hold may
    /// be on its way.
    pub(super) fn is_lost(&self, now: Millis) -> bool {
        self.dropped.is_some() && now.since(self.moved) >= IN_FLIGHT_MS
    }

    /// All that it has not applied is lost to it. What is still kept is given up with the rest: told again, that would be
    /// dropped meanwhile where so much is written, and so on without an end.
    pub(super) fn begin_anew(&mut self, now: Millis) {
        (self.lost, self.lost_at, self.moved) = (Some(self.last), self.last, now);
        self.dropped = None;
        self.confirmed = self.hints.len();
        self.follows.lose_all();
    }

    /// What was sent a while ago and is still not applied, once more.
    pub fn replay(&mut self, now: Millis, config: &Config, watermark: Position) -> Option<Records> {
        const MOST: usize = 1000;
        const BYTES_MOST: usize = 16 * PIECE_BYTES;
        let first = self.hints.get(self.confirmed);
        let overdue = first.is_some_and(|(sent, _)| now.since(*sent) >= IN_FLIGHT_MS);
        if !overdue {
            return None;
        }
        let (mut records, mut bytes) = (Vec::new(), 0);
        for (sent, record) in self.hints.iter_mut().skip(self.confirmed).take(MOST) {
            bytes += record.bytes();
            if bytes > BYTES_MOST && !records.is_empty() {
                break;
            }
            *sent = now;
            let left_out =
                config.has(Planted::TagNotReplayed) && matches!(record.makes_old(), Some(Name::Tag(_)));
            if !left_out {
                records.push(Arc::clone(record));
            }
        }
        let prev = watermark.max(self.dropped.max(self.lost).unwrap_or_default());
        Some(Records { subscription: self.id, prev, records, reply: true, epoch: Epoch(0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Change;
    use crate::{Bytes, Peer, Slot};

    fn told(config: &Config, records: u64) -> Subscriber {
        let mut holder = Subscriber::new(1, Millis(0), Position(0));
        holder.follows.add(Slot(3));
        holder.follows.sync(Slot(3));
        for position in (1..=records).map(Position) {
            let change = Change::Intent { key: Bytes::from(b"k".as_slice()) };
            let (slot, version, cause) = (Some(Slot(3)), None, clearwell_words::Cause::Write);
            let record = Record { position, slot, change, version, cause, depth: 0 };
            holder.push(Millis(0), config, &Arc::new(record));
        }
        holder
    }

    #[test]
    fn what_is_dropped_while_it_is_on_its_way_is_not_lost() {
        let config = Config { hints_most: 2, ..Config::new(Peer::default()) };
        let mut holder = told(&config, 9);
        holder.applied(Millis(1000), Position(4));
        assert!(!holder.is_lost(Millis(1000)), "it has just applied something");
        assert!(holder.has_dropped(), "and may miss records 5 to 7");
        let replayed = holder.replay(Millis(1000), &config, Position(4)).expect("it waits for 8 and 9");
        assert_eq!((replayed.prev, replayed.records.len()), (Position(7), 2), "5 to 7 are not among them");
        holder.applied(Millis(1001), Position(7));
        assert!(!holder.has_dropped() && !holder.is_lost(Millis(9000)));
        assert!(holder.follows.is_synced(Slot(3)));
    }

    #[test]
    fn what_is_confirmed_is_freed_some_at_a_time_and_counts_for_nothing() {
        let config = Config { hints_most: 9, ..Config::new(Peer::default()) };
        let mut holder = told(&config, 9);
        holder.applied(Millis(1), Position(7));
        assert_eq!(holder.hints.len(), 9, "confirming frees nothing");
        assert!(holder.free(3) && holder.hints.len() == 6);
        let replayed = holder.replay(Millis(1_000), &config, Position(7)).expect("it waits for 8 and 9");
        let places: Vec<u64> = replayed.records.iter().map(|record| record.position.0).collect();
        assert_eq!((replayed.prev, places), (Position(7), vec![8, 9]));
        let mut more = told(&config, 9);
        more.applied(Millis(1), Position(7));
        let record = Arc::clone(&more.hints[8].1);
        more.push(Millis(2), &config, &Arc::new(Record { position: Position(10), ..(*record).clone() }));
        assert!(!more.has_dropped(), "a confirmed one made room");
        assert!(!holder.free(9) && holder.hints.len() == 2);
    }

    #[test]
    fn hints_are_few_by_their_bytes_too() {
        let config = Config { hint_bytes_most: 300, ..Config::new(Peer::default()) };
        let mut holder = told(&config, 9);
        let kept: Vec<u64> = holder.hints.iter().map(|(_, record)| record.position.0).collect();
        assert_eq!(holder.hint_bytes, kept.len() * holder.hints[0].1.bytes());
        holder.free(usize::MAX);
        assert_eq!(holder.hints.len(), kept.len(), "none of them is confirmed");
        assert!(holder.hint_bytes <= 300 && kept.len() > 2 && kept.last() == Some(&9), "{kept:?}");
        assert!(holder.has_dropped());
        holder.applied(Millis(1), Position(9));
        holder.free(usize::MAX);
        assert_eq!(holder.hint_bytes, 0);
    }

    #[test]
    fn who_gets_no_further_begins_anew_behind_all_that_is_kept() {
        let config = Config { hints_most: 2, ..Config::new(Peer::default()) };
        let mut holder = told(&config, 9);
        assert!(!holder.is_lost(Millis(IN_FLIGHT_MS - 1)) && holder.is_lost(Millis(IN_FLIGHT_MS)));
        holder.begin_anew(Millis(IN_FLIGHT_MS));
        assert_eq!((holder.lost, holder.lost_at), (Some(Position(9)), Position(9)));
        assert_eq!((holder.follows.is_synced(Slot(3)), holder.has_unconfirmed()), (false, false));
        holder.applied(Millis(IN_FLIGHT_MS + 5), Position(9));
        assert!(!holder.has_dropped());
    }
}
