//! Telling holders of records, some in each step, and asking for their word.

use clearwell_words::Millis;

use super::Subscribers;
use super::holders::Number;
use super::unheard::{Lagging, Unheard};
use super::untold::Telling;
use crate::name::Name;
use crate::{Config, Planted, Position};

impl Subscribers {
    /// Tells a holder of a record, unless it was told before; and asks for its word, if somebody waits for that.
    pub(super) fn tell(&mut self, now: Millis, config: &Config, number: Number, word: &Telling) {
        let Some(holder) = self.holders.at_mut(number) else { return };
        let is_outgoing = holder.outgoing.is_some();
        if let Some(record) = word.record.as_ref().filter(|_| holder.last < word.position) {
            holder.push(now, config, record);
        }
        if word.reply && holder.acked < word.position {
            holder.ask_reply(now, config);
        }
        if !is_outgoing && holder.outgoing.is_some() {
            self.outgoing.push(number);
        }
    }

    /// Tells a holder of all that is for it, before anything else is said to it or of it: whatever that is, it stands behind these
    /// records in the log.
    pub(super) fn tell_all(&mut self, now: Millis, config: &Config, number: Number) {
        if self.untold.is_empty() || config.has(Planted::WordBeforeRecords) {
            return;
        }
        let words: Vec<Telling> = self.untold.of(number).cloned().collect();
        for word in &words {
            self.tell(now, config, number, word);
        }
    }

    /// Tells some of those who are still to be told: as many as one step may, or more where others come faster than that.
    pub(super) fn tell_some(&mut self, now: Millis, config: &Config) {
        const STEPS_MOST: usize = 64;
        let most = config.told_most.max(self.untold.left() / STEPS_MOST);
        for _ in 0..most {
            let Some((number, word)) = self.untold.next() else { return };
            self.tell(now, config, number, &word);
        }
    }

    /// Whether holders are to be told of something in the steps that follow.
    pub fn has_more(&self) -> bool {
        !self.untold.is_empty() || !self.freeing.is_empty()
    }

    /// Asks all who may still have a copy under the name (`None`: under any) to say at once that they have not, and returns
    /// them. A record up to `position` has made it old.
    pub fn hurry(
        &mut self,
        now: Millis,
        config: &Config,
        name: Option<&Name>,
        position: Position,
    ) -> Lagging {
        let awaited = self.awaited(now, config, name, position);
        if name.is_some() {
            for (position, holders) in awaited.shares() {
                self.untold.ask_reply(position, holders);
            }
        }
        awaited
    }

    fn awaited(&self, now: Millis, config: &Config, name: Option<&Name>, position: Position) -> Lagging {
        let mut awaited = Lagging::default();
        let lease = || (position, now.plus(config.long(config.read_lease_ms)));
        let everywhere = if name.is_none() { Some(lease()) } else { self.told.forgotten(now) };
        if let Some((position, until)) = everywhere {
            awaited.add(position, until, self.holders.numbers().collect());
        }
        let told = name.into_iter().flat_map(|name| self.told.told_of(name));
        for record in told.filter(|record| now < record.until) {
            awaited.add(record.position, record.until, record.holders());
        }
        awaited
    }

    /// One of those whose word is still missing; the others are not looked at again. No more than `looks` are looked at, and taken off it:
    /// at its end nothing is known yet.
    pub fn unheard(&self, now: Millis, awaited: &mut Lagging, looks: &mut usize) -> Option<Unheard> {
        awaited.first(looks, |number, position, until| {
            let holder = self.holders.at(number)?;
            let until = holder.lease_until.min(until);
            let is_heard = now >= until || holder.acked >= position;
            (!is_heard).then_some(Unheard { holder: self.holders.peer(number)?, position, until })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::message::Records;
    use crate::record::{Change, Record};
    use crate::subscribers::Place;
    use crate::{Epoch, NodeId, Peer, Slot, Ticket};

    const NOW: Millis = Millis(1_000);

    fn near(number: u64) -> Peer {
        Peer { node: NodeId(number), incarnation: 1 }
    }

    fn key(text: &str) -> Name {
        Name::Key(text.as_bytes().into())
    }

    fn place(head: u64) -> Place {
        Place { head: Position(head), sent: NOW, lease_ms: 1_000, epoch: Epoch(1) }
    }

    /// So many near caches with copies of `a` and `b`, of whom one step tells two.
    fn crowd(holders: u64) -> (Subscribers, Config) {
        let config = Config { told_most: 2, ..Config::new(Peer::default()) };
        let mut all = Subscribers::default();
        for holder in (1..=holders).map(near) {
            all.stream(NOW, &config, holder, place(5));
            ["a", "b"].iter().for_each(|name| all.note(&key(name), holder, Ticket(1)));
        }
        (all, config)
    }

    fn write(all: &mut Subscribers, config: &Config, name: &str, position: u64) {
        let change = Change::Intent { key: name.as_bytes().into() };
        let (slot, version, cause) = (Some(Slot(3)), None, clearwell_words::Cause::Write);
        let record = Record { position: Position(position), slot, change, version, cause, depth: 0 };
        let old = record.old_names();
        all.address(NOW, config, (&Arc::new(record), &old), false);
    }

    fn sent(all: &mut Subscribers, config: &Config) -> Vec<(Peer, Records)> {
        let mut sent = Vec::new();
        all.drain(NOW, config, Epoch(1), |peer, records| sent.push((peer, records)));
        sent
    }

    /// Whom a step tells of which places.
    fn step(all: &mut Subscribers, config: &Config) -> Vec<(u64, u64, Vec<u64>)> {
        let places = |records: &Records| records.records.iter().map(|record| record.position.0).collect();
        let told = sent(all, config);
        told.iter().map(|(peer, records)| (peer.node.0, records.prev.0, places(records))).collect()
    }

    #[test]
    fn some_are_told_in_each_step_until_all_are() {
        let (mut all, config) = crowd(5);
        write(&mut all, &config, "a", 6);
        write(&mut all, &config, "b", 7);
        assert_eq!(step(&mut all, &config), [(1, 5, vec![6]), (2, 5, vec![6])]);
        assert_eq!(step(&mut all, &config), [(3, 5, vec![6]), (4, 5, vec![6])]);
        assert_eq!(step(&mut all, &config), [(1, 6, vec![7]), (5, 5, vec![6])]);
        assert!(all.has_more());
        assert_eq!(step(&mut all, &config), [(2, 6, vec![7]), (3, 6, vec![7])]);
        assert_eq!(step(&mut all, &config), [(4, 6, vec![7]), (5, 6, vec![7])]);
        assert!(!all.has_more() && step(&mut all, &config).is_empty());
    }

    #[test]
    fn who_is_given_the_owners_word_is_told_first_of_all_before_it() {
        let (mut all, config) = crowd(5);
        write(&mut all, &config, "a", 6);
        write(&mut all, &config, "b", 7);
        let stream = all.stream(NOW, &config, near(5), place(7));
        assert_eq!((stream.last, stream.head), (Position(7), Position(7)));
        // A record that a follower is told of at once goes behind what it was to be told later.
        all.follow(NOW, near(4), Slot(3), Position(7));
        write(&mut all, &config, "c", 8);
        let told = step(&mut all, &config);
        let of = |told: &[(u64, u64, Vec<u64>)], node| {
            told.iter().filter(|one| one.0 == node).cloned().collect::<Vec<_>>()
        };
        assert_eq!((of(&told, 5), of(&told, 4)), (vec![(5, 5, vec![6, 7])], vec![(4, 5, vec![6, 7, 8])]));
        let mut later = Vec::new();
        while all.has_more() {
            later.extend(step(&mut all, &config));
        }
        assert!(of(&later, 5).is_empty() && of(&later, 4).is_empty(), "nobody is told twice: {later:?}");
        assert_eq!(of(&later, 3), [(3, 5, vec![6]), (3, 6, vec![7])]);
    }

    #[test]
    fn a_writer_waits_for_those_who_are_told_later_too() {
        let (mut all, config) = crowd(3);
        write(&mut all, &config, "a", 6);
        let mut awaited = all.hurry(NOW, &config, Some(&key("a")), Position(6));
        let mut replies = 0;
        for holder in 1..=3 {
            let unheard = all.unheard(NOW, &mut awaited, &mut 9).expect("nobody has confirmed");
            assert_eq!((unheard.holder, unheard.position), (near(4 - holder), Position(6)));
            replies += sent(&mut all, &config).iter().filter(|(_, records)| records.reply).count();
            let subscription = all.get(unheard.holder).expect("it is known").id;
            let confirms = all.get_mut(NOW, &config, (unheard.holder, subscription));
            confirms.expect("it is known").applied(NOW, Position(6));
        }
        assert!(all.unheard(NOW, &mut awaited, &mut 9).is_none());
        assert_eq!(replies, 3, "each is asked for its word");
    }

    #[test]
    fn what_is_left_stays_bounded_however_fast_it_comes() {
        let (mut all, config) = crowd(100);
        for position in 6..600 {
            for holder in (1..=100).map(near) {
                all.note(&key("a"), holder, Ticket(position));
            }
            write(&mut all, &config, "a", position);
            step(&mut all, &config);
        }
        assert!(all.untold.left() <= 64 * 101, "{}", all.untold.left());
    }
}
