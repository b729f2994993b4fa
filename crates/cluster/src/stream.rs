//! One owner's stream as a holder sees it: how far it came without a gap, and what that proves.

use std::collections::VecDeque;

use clearwell_words::Millis;

use crate::clock::RemoteClock;
use crate::message::{Records, Stream};
use crate::name::Name;
use crate::{Config, Planted, Position, Ticket};

/// A holder's side of one subscription.
#[derive(Debug, Default)]
pub struct Held {
    /// The owner's number for it; 0 for none yet.
    pub subscription: u64,
    /// Everything up to here that was addressed to this holder is applied.
    pub watermark: Position,
    /// Records up to here may never come: they were addressed to an earlier subscription, or are lost.
    pub from: Position,
    /// The last wide record.
    pub wide: Position,
    /// Copies given up since the last heartbeat.
    pub released: Vec<(Name, Ticket)>,
    /// When the last heartbeat was sent.
    pub beaten: Option<Millis>,
    /// When it was last needed.
    pub used: Millis,
    /// What is known of the owner's clock.
    pub clock: Option<RemoteClock>,
    proven: Option<Millis>,
    lease_until: Millis,
    pending: Option<Pending>,
    samples: VecDeque<(Millis, Position)>,
}

#[derive(Debug, Clone, Copy)]
struct Pending {
    sent: Millis,
    last: Position,
    head: Position,
    lease_ms: u64,
}

/// What became of a stream's news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// It belongs to an earlier subscription.
    Old,
    /// All is well.
    Good,
    /// The owner has forgotten what this holder is interested in, or could not keep what it missed. Copies were
    /// current as of this place.
    Doubt(Position),
}

/// What became of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Continuity {
    /// They belong to another subscription: nothing may be done with them.
    Old,
    /// They follow what was applied.
    Whole,
    /// Something before them is missing.
    Gap,
}

impl Held {
    /// A stream that is needed from now on and of which nothing is known.
    pub fn begun(now: Millis) -> Held {
        Held { used: now, ..Held::default() }
    }

    /// Takes the owner's word on where its log stands. `now` is when it arrived.
    pub fn news(&mut self, now: Millis, config: &Config, stream: &Stream) -> News {
        if stream.subscription < self.subscription {
            return News::Old;
        }
        if let Some(word) = stream.at.map(|at| RemoteClock::new(stream.sent, at)) {
            self.clock = Some(self.clock.map_or(word, |known| known.closer(word, now, config)));
        }
        let as_of = self.watermark;
        let mut news = News::Good;
        if stream.subscription > self.subscription {
            if self.subscription != 0 {
                news = News::Doubt(as_of);
            }
            self.begin(stream.subscription, stream.first);
        }
        if let Some(lost) = stream.lost.filter(|lost| *lost > self.watermark) {
            news = News::Doubt(as_of);
            (self.watermark, self.from) = (lost, lost);
        }
        self.reaches(now, stream.head);
        let sent = if config.has(Planted::LeaseFromArrival) { now } else { stream.sent };
        if stream.lease_ms > 0 {
            self.pending =
                Some(Pending { sent, last: stream.last, head: stream.head, lease_ms: stream.lease_ms });
            self.prove(config);
        }
        news
    }

    /// Judges records before they are applied; the caller applies them and then calls [`Held::applied`].
    pub fn judge(&mut self, config: &Config, records: &Records) -> Continuity {
        // A new subscription is learned from the owner's word, which says where it begins and what is in doubt. The first records that
        // arrive need not be the first that were sent.
        if records.subscription != self.subscription {
            return Continuity::Old;
        }
        if records.prev <= self.watermark || config.has(Planted::NoGapDetection) {
            Continuity::Whole
        } else {
            Continuity::Gap
        }
    }

    /// Everything up to here is applied.
    pub fn applied(&mut self, now: Millis, config: &Config, watermark: Position) {
        self.watermark = self.watermark.max(watermark);
        self.reaches(now, watermark);
        self.prove(config);
    }

    /// When, at the latest, it was certain that nothing was missing; and until when leased levels may be served.
    pub fn proof(&self) -> Option<(Millis, Millis)> {
        self.proven.map(|proven| (proven, self.lease_until))
    }

    /// Whether the owner told of records that have not come.
    pub fn is_behind(&self) -> bool {
        self.pending.is_some()
    }

    /// A place that the log had surely reached at `began`. What was heard within that very millisecond may have been heard
    /// after it.
    pub fn reached(&self, began: Millis, config: &Config) -> Option<Position> {
        if config.has(Planted::LoadStampedAtEnd) {
            return self.samples.back().map(|(_, head)| (*head).max(self.watermark));
        }
        let before = self.samples.partition_point(|(at, _)| *at < began);
        self.samples.get(before.checked_sub(1)?).map(|(_, head)| *head)
    }

    /// The latest place that the log is known to have reached.
    pub fn heard(&self) -> Option<Position> {
        self.samples.back().map(|(_, head)| *head)
    }

    /// The log has come to `head`. Of moments that lie close together the last is remembered: all of them go back for
    /// longer than a load may take, however often the owner is heard.
    fn reaches(&mut self, now: Millis, head: Position) {
        const APART_MS: u64 = 16;
        const MOST: usize = 256;
        if self.samples.back().is_some_and(|(_, last)| *last >= head) {
            return;
        }
        let before_last = self.samples.iter().rev().nth(1).map(|(at, _)| *at);
        match (before_last, self.samples.back_mut()) {
            (Some(before), Some(last)) if last.0 == now || last.0.since(before) < APART_MS => {
                *last = (now, head)
            }
            (None, Some(last)) if last.0 == now => last.1 = head,
            _ => self.samples.push_back((now, head)),
        }
        if self.samples.len() > MOST {
            self.samples.pop_front();
        }
    }

    fn begin(&mut self, subscription: u64, first: Position) {
        self.subscription = subscription;
        (self.watermark, self.from) = (first, first);
        self.proven = None;
        self.pending = None;
        self.lease_until = Millis(0);
    }

    fn prove(&mut self, config: &Config) {
        let Some(pending) = self.pending else { return };
        if self.watermark < pending.last && !config.has(Planted::NoGapDetection) {
            return;
        }
        self.pending = None;
        self.watermark = self.watermark.max(pending.head);
        self.proven = self.proven.max(Some(pending.sent));
        self.lease_until = self.lease_until.max(pending.sent.plus(config.short(pending.lease_ms)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Epoch, Peer};

    fn word(last: u64, head: u64, sent: u64) -> Stream {
        Stream {
            subscription: 1,
            first: Position(10),
            last: Position(last),
            head: Position(head),
            sent: Millis(sent),
            lease_ms: 1000,
            epoch: Epoch(1),
            lost: None,
            at: None,
        }
    }

    fn records(prev: u64) -> Records {
        Records { subscription: 1, prev: Position(prev), records: Vec::new(), reply: false, epoch: Epoch(1) }
    }

    #[test]
    fn a_proof_waits_for_what_is_missing_and_counts_from_the_sending() {
        let config = Config::new(Peer::default());
        let mut held = Held::default();
        assert_eq!(held.news(Millis(150), &config, &word(10, 20, 100)), News::Good);
        assert_eq!(held.proof(), Some((Millis(100), Millis(100 + config.short(1000)))));
        assert_eq!(held.watermark, Position(20));
        // A record of place 25 is on its way.
        held.news(Millis(1150), &config, &word(25, 30, 1100));
        assert_eq!(held.proof().unwrap().0, Millis(100));
        assert_eq!(held.judge(&config, &records(10)), Continuity::Whole);
        held.applied(Millis(1160), &config, Position(25));
        assert_eq!(held.proof().unwrap().0, Millis(1100));
        assert_eq!(held.judge(&config, &records(31)), Continuity::Gap);
    }

    /// The second was taken for the first, and what the first told was never heard (worlds that lean to the choice, seed 43).
    #[test]
    fn records_do_not_begin_a_subscription() {
        let config = Config::new(Peer::default());
        let mut held = Held::default();
        assert_eq!(held.judge(&config, &records(11)), Continuity::Old);
        held.news(Millis(150), &config, &Stream { head: Position(10), ..word(10, 10, 100) });
        assert_eq!(held.judge(&config, &records(11)), Continuity::Gap);
        assert_eq!(held.judge(&config, &records(10)), Continuity::Whole);
    }

    #[test]
    fn what_was_heard_within_a_millisecond_may_have_been_heard_after_it() {
        let config = Config::new(Peer::default());
        let mut held = Held::default();
        held.news(Millis(150), &config, &word(10, 20, 100));
        held.news(Millis(250), &config, &word(20, 30, 200));
        assert_eq!(held.reached(Millis(250), &config), Some(Position(20)));
        assert_eq!(held.reached(Millis(251), &config), Some(Position(30)));
        assert_eq!(held.reached(Millis(150), &config), None);
    }

    #[test]
    fn a_new_subscription_and_dropped_hints_leave_doubt_as_of_the_watermark() {
        let config = Config::new(Peer::default());
        let mut held = Held::default();
        held.news(Millis(150), &config, &word(10, 20, 100));
        let lost = Stream { lost: Some(Position(50)), ..word(60, 60, 200) };
        assert_eq!(held.news(Millis(250), &config, &lost), News::Doubt(Position(20)));
        assert_eq!(held.watermark, Position(50));
        assert_eq!(held.proof().unwrap().0, Millis(100), "the records after 50 are still missing");
        let anew = Stream { subscription: 2, first: Position(70), ..word(70, 70, 300) };
        assert_eq!(held.news(Millis(350), &config, &anew), News::Doubt(Position(50)));
        assert_eq!(held.news(Millis(350), &config, &word(80, 80, 300)), News::Old);
    }
}
