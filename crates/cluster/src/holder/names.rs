//! Names that copies stand under: asking their owners, and what is covered.

use std::collections::BTreeSet;

use clearwell_words::Millis;

use super::{Cover, Holder, Interest, forget};
use crate::entry::AsOf;
use crate::message::{Enlist, Enlisted, Message};
use crate::name::{Bytes, Name};
use crate::outbox::{Apply, Outbox, To};
use crate::pieces::{PIECE_BYTES, name_bytes};
use crate::view::View;
use crate::waiting::Lack;
use crate::{Config, Peer, Planted, Position, Ticket};

/// After which time without an answer an owner is asked about a name again.
pub(super) const ASK_AGAIN_MS: u64 = 500;

impl Holder {
    /// Whether the owner has noted this process's interest in a name, and no record has ended it.
    pub fn is_enlisted(&self, name: &Name) -> bool {
        self.names.get(name).is_some_and(|interest| interest.since.is_some())
    }

    /// Whether a name was made old, or found to be, after this was the newest number ([`Holder::last_ticket`]), and is told of once more.
    pub fn is_enlisted_anew(&self, name: &Name, since: Ticket) -> bool {
        self.names.get(name).is_some_and(|interest| interest.since.is_some() && interest.ticket > since)
    }

    /// Notes that the owner is being asked for a key's value; what comes for the key meanwhile will be remembered. A copy
    /// that is covered stays so.
    pub fn expect(&mut self, now: Millis, owner: Peer, key: &Bytes) -> Ticket {
        let ticket = self.ticket();
        self.streams.entry(owner).or_default().used = now;
        let name = Name::Key(key.clone());
        let known = self.names.get(&name).unwrap_or_else(|| asked_about(owner, (owner, Position(0))));
        self.names.put(name, Interest { ticket, asked: now, ..known });
        ticket
    }

    /// Whether copies under a name are at least being asked about.
    pub fn is_known(&self, view: &View, name: &Name) -> bool {
        let slot = name.slot(view.slots);
        self.names.contains(name) || self.follows_whole(slot, view.owner(slot)).is_some()
    }

    /// A copy is to be asked about with its name's owner.
    pub fn want(&mut self, now: Millis, owner: Peer, name: Name, as_of: (Peer, Position)) {
        let ticket = self.ticket();
        let new = || Interest { ticket, asked: now, ..asked_about(owner, as_of) };
        let mut interest = self.names.get(&name).unwrap_or_else(new);
        interest.since = None;
        // What lies here in doubt is older than what comes now, and has to be asked about as of then.
        if !interest.doubted {
            interest.as_of = as_of;
        }
        self.names.put(name.clone(), interest);
        self.wanted.entry(owner).or_default().insert(name);
    }

    /// Sends the questions that have gathered, as many as each owner may be asked at once.
    pub fn enlist(&mut self, now: Millis, config: &Config, view: &View, out: &mut Outbox) {
        if self.wanted.is_empty() {
            return;
        }
        for (owner, mut names) in std::mem::take(&mut self.wanted) {
            if owner == config.me || owner == Peer::default() {
                continue;
            }
            let mut room = self.room_for_questions(now, owner);
            while room > 0 && !names.is_empty() {
                room -= usize::from(self.ask_about(now, view, owner, &mut names, out));
            }
            if !names.is_empty() {
                self.wanted.insert(owner, names);
            }
        }
    }

    /// How many questions more may be on their way to an owner (flow control: names can be a million, and messages are short).
    fn room_for_questions(&mut self, now: Millis, owner: Peer) -> usize {
        const MOST: usize = 32;
        let all = (owner, Ticket(0))..=(owner, Ticket(u64::MAX));
        let unanswered =
            |(_, (sent, _)): &(&(Peer, Ticket), &(Millis, Vec<Name>))| now.since(*sent) >= ASK_AGAIN_MS;
        let lost: Vec<(Peer, Ticket)> =
            self.enlisting.range(all.clone()).take_while(unanswered).map(|(&question, _)| question).collect();
        lost.iter().for_each(|question| {
            self.enlisting.remove(question);
        });
        MOST.saturating_sub(self.enlisting.range(all).count())
    }

    /// Asks an owner about the first of these names, as many as fit into a message. False when it is not asked about any of them.
    fn ask_about(
        &mut self,
        now: Millis,
        view: &View,
        owner: Peer,
        names: &mut BTreeSet<Name>,
        out: &mut Outbox,
    ) -> bool {
        const MOST: usize = 512;
        let (ticket, mut asked, mut bytes) = (self.ticket(), Vec::new(), 0);
        while let Some(name) = names.pop_first() {
            bytes += name_bytes(&name);
            if !asked.is_empty() && (bytes > PIECE_BYTES || asked.len() == MOST) {
                names.insert(name);
                break;
            }
            if let Some(interest) = self.names.get(&name).filter(|interest| interest.owner == owner) {
                let (peer, place) = interest.as_of;
                self.names.put(name.clone(), Interest { ticket, asked: now, ..interest });
                asked.push((name, peer, place));
            }
        }
        if asked.is_empty() {
            return false;
        }
        self.streams.entry(owner).or_default().used = now;
        let listed = asked.iter().map(|(name, ..)| name.clone()).collect();
        self.enlisting.insert((owner, ticket), (now, listed));
        let enlist = Enlist { ticket, sent: now, names: asked, epoch: view.epoch };
        out.send.push((To::Peer(owner), Message::Enlist(enlist)));
        true
    }

    /// The owner's answer to a question about names.
    pub fn enlisted(
        &mut self,
        now: Millis,
        config: &Config,
        from: Peer,
        enlisted: &Enlisted,
        out: &mut Outbox,
    ) {
        let Some((_, names)) = self.enlisting.remove(&(from, enlisted.ticket)) else { return };
        if !self.news(now, config, from, &enlisted.stream, out) {
            return;
        }
        for (name, clean) in names.into_iter().zip(&enlisted.clean) {
            self.admissions.wake(Lack::name(name.bytes()));
            let Some(clean) = clean else { continue };
            let Some(mut interest) = self.names.get(&name) else { continue };
            if interest.owner != from || interest.since.is_some() || interest.ticket != enlisted.ticket {
                continue;
            }
            let head = enlisted.stream.head;
            if *clean && interest.last <= head {
                let same = interest.as_of.0 == from;
                interest.since = Some(if same { interest.as_of.1 } else { head });
            } else {
                if interest.doubted || !*clean {
                    forget(&name, out);
                    interest.ticket = self.ticket();
                }
                // A record after the answer was given has ended what the answer began.
                match interest.last > head {
                    true => {
                        self.names.remove(&name);
                        continue;
                    }
                    false => interest.since = Some(head),
                }
            }
            interest.doubted = false;
            self.names.put(name, interest);
        }
    }

    /// A copy was given up.
    pub fn evicted(&mut self, key: &Bytes) {
        let name = Name::Key(key.clone());
        if let Some(interest) = self.names.remove(&name) {
            self.admissions.wake(Lack::name(key));
            if let Some(held) = self.streams.get_mut(&interest.owner) {
                held.released.push((name, interest.ticket));
            }
        }
    }

    /// How well copies under a name are covered, now that `view` says who owns it.
    pub fn covered(&self, config: &Config, view: &View, name: &Name) -> Option<Cover> {
        let slot = name.slot(view.slots);
        let owner = view.owner(slot);
        let interest = self.names.get(name);
        let interested = interest.is_some_and(|i| i.owner == owner && i.since.is_some());
        // A copy from before the slot was followed stays in doubt until the owner has answered for its name.
        let follows = self.follows_whole(slot, owner).is_some() && !interest.is_some_and(|i| i.doubted);
        let trusted = config.has(Planted::ReplicaTrusted);
        if !interested && !follows {
            return None;
        }
        let held = self.streams.get(&owner)?;
        let (proven, until) = held.proof().or(trusted.then_some((Millis(0), Millis(u64::MAX))))?;
        let (proven, until) = if trusted { (Millis(u64::MAX), Millis(u64::MAX)) } else { (proven, until) };
        Some(Cover { owner, proven, until, watermark: held.watermark })
    }

    pub(super) fn give_up_old(&mut self, now: Millis, after_ms: u64) {
        let long_ago = Millis(now.0.saturating_sub(after_ms.saturating_mul(2) + 1));
        let is_stale = |(name, interest): &(&Name, &Interest)| {
            !interest.doubted && !self.admissions.is_lacked(Lack::name(name.bytes()))
        };
        let asked = self.names.asked_until(long_ago).filter(is_stale);
        let stale: Vec<Name> = asked.map(|(name, _)| name.clone()).collect();
        stale.iter().for_each(|name| {
            self.names.remove(name);
        });
    }

    /// The owner's answer to a read brought a value. Whether it may be considered: the interest that was noted for this
    /// very read still stands. Whatever copy lay here goes, because the interest now speaks for the new one.
    pub fn arrived(
        &mut self,
        from: Peer,
        ticket: Ticket,
        key: &Bytes,
        as_of: &AsOf,
        out: &mut Outbox,
    ) -> bool {
        let name = Name::Key(key.clone());
        let Some(interest) = self.names.get(&name).filter(|i| i.owner == from) else { return false };
        if interest.since.is_some() {
            return true;
        }
        let Some((_, head)) = as_of.iter().find(|(peer, _)| *peer == from) else { return false };
        // What ended the interest since may be among what was lost.
        let lost = self.streams.get(&from).is_some_and(|held| *head < held.from);
        if interest.ticket != ticket || interest.last > *head || lost {
            return false;
        }
        self.names.put(name, Interest { since: Some(*head), doubted: false, ..interest });
        out.apply.push(Apply::Drop(vec![key.clone()]));
        true
    }

    /// A read brought nothing that may be kept: the interest that only it began ends, and a copy in doubt goes with it.
    pub fn unexpect(&mut self, key: &Bytes, ticket: Ticket, out: &mut Outbox) {
        let name = Name::Key(key.clone());
        let ended = |i: Interest| i.since.is_none() && i.ticket == ticket && !i.doubted;
        if self.names.get(&name).is_some_and(ended) {
            self.names.remove(&name);
            self.admissions.wake(Lack::name(key));
            out.apply.push(Apply::Drop(vec![key.clone()]));
        }
    }

    /// A copy that was asked for may not be kept.
    pub fn refused(&mut self, key: &Bytes, out: &mut Outbox) {
        self.evicted(key);
        out.apply.push(Apply::Drop(vec![key.clone()]));
    }

    /// Values under a name lie here from now on; they are new as of a place.
    pub fn cover(&mut self, now: Millis, config: &Config, view: &View, name: Name, as_of: (Peer, Position)) {
        let (owner, place) = as_of;
        let follows = self.follows_records(name.slot(view.slots), owner).is_some();
        if owner == config.me || follows {
            let ticket = self.ticket();
            if !self.names.contains(&name) {
                let known = Interest { ticket, since: Some(place), ..asked_about(owner, as_of) };
                self.names.put(name, known);
            }
        } else if self.names.get(&name).is_none_or(|interest| interest.since.is_none()) {
            self.want(now, owner, name.clone(), as_of);
            if let Some(interest) = self.names.get(&name) {
                self.names.put(name, Interest { doubted: true, ..interest });
            }
        }
    }

    /// Names that this process has come to order itself while it asked about them.
    pub fn own_questions(&mut self, me: Peer, ours: impl Fn(&Name) -> bool) -> Vec<(Name, (Peer, Position))> {
        let mine = self.names.all_asked().filter(|(name, i)| i.owner == me && ours(name));
        mine.map(|(name, i)| (name.clone(), i.as_of)).collect()
    }

    /// The answer to one of them.
    pub fn answer_own(&mut self, name: &Name, clean: bool, head: Position, out: &mut Outbox) {
        if let Some(interest) = self.names.get(name) {
            let (since, last) = (Some(head), Position(0));
            let ticket = if clean { interest.ticket } else { self.ticket() };
            self.names.put(name.clone(), Interest { ticket, since, last, doubted: false, ..interest });
            if !clean {
                forget(name, out);
            }
        }
    }
}

/// A name that its owner is asked about for the first time.
fn asked_about(owner: Peer, as_of: (Peer, Position)) -> Interest {
    let (ticket, last, asked) = (Ticket(0), Position(0), Millis(0));
    Interest { owner, ticket, since: None, last, as_of, asked, doubted: false }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::NodeId;
    use crate::view::Seat;

    #[test]
    fn a_value_from_before_lost_records_is_not_kept() {
        let [me, owner] = [1, 2].map(|node| Peer { node: NodeId(node), incarnation: 1 });
        let (config, now) = (Config::new(me), Millis(1));
        let (key, mut holder) = (Bytes::from(b"k".as_slice()), Holder::default());
        let mut stream = crate::message::Stream {
            subscription: 1,
            first: Position(0),
            last: Position(10),
            head: Position(10),
            sent: now,
            lease_ms: 1000,
            epoch: crate::Epoch(1),
            lost: None,
            at: None,
        };
        let mut out = Outbox::default();
        holder.news(now, &config, owner, &stream, &mut out);
        let ticket = holder.expect(now, owner, &key);
        // The record that ended the interest is among what is lost, and the answer is older than that.
        (stream.head, stream.last, stream.lost) = (Position(60), Position(50), Some(Position(50)));
        holder.news(now, &config, owner, &stream, &mut out);
        assert!(!holder.arrived(owner, ticket, &key, &vec![(owner, Position(20))], &mut out));
        assert!(holder.arrived(owner, ticket, &key, &vec![(owner, Position(55))], &mut out));
    }

    #[test]
    fn questions_are_short_and_few_at_once_and_lost_ones_make_room() {
        let [me, owner] = [1, 2].map(|node| Peer { node: NodeId(node), incarnation: 1 });
        let view = View::first(vec![Seat { peer: owner, weight: 100 }], 0, 1);
        let (config, mut holder) = (Config::new(me), Holder::default());
        for n in 0..5_000u32 {
            let mut name = vec![7u8; 1_000];
            name.extend(n.to_be_bytes());
            holder.want(Millis(1), owner, Name::Tag(name.into()), (owner, Position(7)));
        }
        for (now, messages) in [(1, 32), (2, 0), (1 + ASK_AGAIN_MS, 32)] {
            let mut out = Outbox::default();
            holder.enlist(Millis(now), &config, &view, &mut out);
            assert_eq!(out.send.len(), messages, "at {now}");
            for (_, message) in out.send {
                let Message::Enlist(enlist) = message else { panic!("{message:?}") };
                let bytes: usize = enlist.names.iter().map(|(name, ..)| name_bytes(name)).sum();
                assert!(bytes <= PIECE_BYTES && enlist.names.len() > 50, "{bytes}");
            }
        }
    }

    #[test]
    fn what_lies_in_doubt_is_asked_about_as_of_its_own_place() {
        let [me, owner] = [1, 2].map(|node| Peer { node: NodeId(node), incarnation: 1 });
        let view = View::first(vec![Seat { peer: owner, weight: 100 }], 0, 1);
        let (config, now) = (Config::new(me), Millis(1));
        let tag = Name::Tag(b"t".as_slice().into());
        let mut holder = Holder::default();
        holder.cover(now, &config, &view, tag.clone(), (owner, Position(7)));
        // A newer value under the same name comes to be kept before the owner has answered.
        holder.want(now, owner, tag.clone(), (owner, Position(9)));
        let mut out = Outbox::default();
        holder.enlist(now, &config, &view, &mut out);
        let asked: BTreeMap<To, &Message> = out.send.iter().map(|(to, message)| (*to, message)).collect();
        let Some(Message::Enlist(enlist)) = asked.get(&To::Peer(owner)) else { panic!("{:?}", out.send) };
        assert_eq!(enlist.names, [(tag, owner, Position(7))]);
    }

    const NOW: Millis = Millis(1);

    /// A holder of what one owner has, its view, and that owner.
    fn holding() -> (Config, View, Peer, Holder) {
        let [me, owner] = [1, 2].map(|node| Peer { node: NodeId(node), incarnation: 1 });
        let view = View::first(vec![Seat { peer: owner, weight: 100 }], 0, 1);
        (Config::new(me), view, owner, Holder::default())
    }

    fn word(head: u64) -> crate::message::Stream {
        crate::message::Stream {
            subscription: 1,
            first: Position(0),
            last: Position(0),
            head: Position(head),
            sent: NOW,
            lease_ms: 1000,
            epoch: crate::Epoch(1),
            lost: None,
            at: None,
        }
    }

    fn record(position: u64, key: &Bytes) -> crate::Record {
        let change = crate::record::Change::Intent { key: key.clone() };
        let (slot, version, cause) = (None, None, clearwell_words::Cause::Write);
        crate::Record { position: Position(position), slot, change, version, cause, depth: 0 }
    }

    /// The questions that go out now: their numbers and what they say.
    fn questions(holder: &mut Holder, now: Millis, config: &Config, view: &View) -> Vec<Enlist> {
        let mut out = Outbox::default();
        holder.enlist(now, config, view, &mut out);
        let enlist = |(_, message)| if let Message::Enlist(enlist) = message { Some(enlist) } else { None };
        out.send.into_iter().filter_map(enlist).collect()
    }

    fn answer(ticket: Ticket, clean: bool, head: u64) -> Enlisted {
        Enlisted { ticket, clean: vec![Some(clean)], stream: word(head) }
    }

    #[test]
    fn an_answer_counts_for_its_own_question_and_up_to_the_next_record() {
        let (config, view, owner, mut holder) = holding();
        let (key, mut out) = (Bytes::from(b"k".as_slice()), Outbox::default());
        let name = Name::Key(key.clone());
        let since = |holder: &Holder| holder.names.get(&name).map(|interest| interest.since);
        holder.want(NOW, owner, name.clone(), (owner, Position(9)));
        let first = questions(&mut holder, NOW, &config, &view)[0].ticket;
        holder.want(NOW, owner, name.clone(), (owner, Position(3)));
        let second = questions(&mut holder, Millis(2), &config, &view)[0].ticket;
        holder.enlisted(NOW, &config, owner, &answer(first, true, 10), &mut out);
        assert_eq!(since(&holder), Some(None), "nothing came since 9, and what did since 3 is not known");
        // A record overtakes the answer: told of is nothing any more.
        holder.make_old(&config, owner, &record(12, &key), &mut out);
        holder.enlisted(NOW, &config, owner, &answer(second, true, 11), &mut out);
        assert_eq!(since(&holder), None);
        holder.want(NOW, owner, name.clone(), (owner, Position(13)));
        let third = questions(&mut holder, Millis(3), &config, &view)[0].ticket;
        holder.enlisted(NOW, &config, owner, &answer(third, true, 14), &mut out);
        assert_eq!(since(&holder), Some(Some(Position(13))));
    }

    #[test]
    fn a_value_counts_for_its_own_question_and_up_to_the_next_record() {
        let (config, _, owner, mut holder) = holding();
        let (key, mut out) = (Bytes::from(b"k".as_slice()), Outbox::default());
        let first = holder.expect(NOW, owner, &key);
        let second = holder.expect(NOW, owner, &key);
        let arrived = |holder: &mut Holder, ticket, head| {
            holder.arrived(owner, ticket, &key, &vec![(owner, Position(head))], &mut Outbox::default())
        };
        assert!(!arrived(&mut holder, first, 10), "the interest that was noted for it may have ended");
        holder.make_old(&config, owner, &record(12, &key), &mut out);
        assert!(!arrived(&mut holder, second, 11));
        assert!(arrived(&mut holder, second, 12));
    }

    #[test]
    fn what_was_in_doubt_when_its_slot_was_followed_stays_so_until_the_owner_has_answered() {
        let (config, view, owner, mut holder) = holding();
        let tag = Name::Tag(b"t".as_slice().into());
        holder.cover(NOW, &config, &view, tag.clone(), (owner, Position(7)));
        let question = questions(&mut holder, NOW, &config, &view)[0].ticket;
        let part = crate::Part { slots: vec![crate::Slot(0)], after: None, end: None };
        holder.follows.take(owner, &part, Position(8), Ticket(1), false);
        let mut out = Outbox::default();
        holder.news(NOW, &config, owner, &word(10), &mut out);
        assert!(holder.follows_whole(crate::Slot(0), owner).is_some());
        assert_eq!(holder.covered(&config, &view, &tag), None);
        holder.enlisted(NOW, &config, owner, &answer(question, true, 10), &mut out);
        assert!(holder.covered(&config, &view, &tag).is_some());
    }

    #[test]
    fn copies_whose_owner_has_changed_are_asked_about_as_of_the_former_ones_place() {
        let (config, view, owner, mut holder) = holding();
        let (tag, mut out) = (Name::Tag(b"t".as_slice().into()), Outbox::default());
        holder.want(NOW, owner, tag.clone(), (owner, Position(7)));
        let question = questions(&mut holder, NOW, &config, &view)[0].ticket;
        holder.enlisted(NOW, &config, owner, &answer(question, true, 10), &mut out);
        let heir = Peer { node: NodeId(3), incarnation: 1 };
        let next = View::first(vec![Seat { peer: heir, weight: 100 }], 0, 1).again(BTreeMap::new());
        holder.follow_view(&next, view.epoch, config.me, Position(0), &mut out);
        // A newer value under the same name comes to be kept before the new owner has answered.
        holder.want(NOW, heir, tag.clone(), (heir, Position(99)));
        let asked = questions(&mut holder, Millis(2), &config, &next);
        assert_eq!(asked[0].names, [(tag.clone(), owner, Position(10))]);
        holder.enlisted(NOW, &config, heir, &answer(asked[0].ticket, false, 100), &mut out);
        assert!(out.apply.iter().any(|apply| matches!(apply, Apply::Invalidate(_))), "the older ones go");
    }

    #[test]
    fn what_is_found_old_under_a_name_of_ones_own_goes() {
        let (config, _, owner, mut holder) = holding();
        for (clean, gone) in [(true, 0), (false, 1)] {
            let tag = Name::Tag(b"t".as_slice().into());
            holder.names.put(tag.clone(), asked_about(config.me, (owner, Position(7))));
            let (mut out, known) = (Outbox::default(), holder.last_ticket());
            holder.answer_own(&tag, clean, Position(9), &mut out);
            assert_eq!(out.apply.len(), gone);
            assert_eq!(holder.is_enlisted_anew(&tag, known), !clean, "what was read before has gone");
        }
    }

    /// It may stand in the log of an owner before this one.
    #[test]
    fn what_came_before_a_slot_was_handed_over_is_not_known() {
        let (config, view, owner, mut holder) = holding();
        let tag = Name::Tag(b"t".as_slice().into());
        let part = crate::Part { slots: vec![crate::Slot(0)], after: None, end: None };
        holder.marks.entry(owner).or_default();
        holder.follows.take(owner, &part, Position(50), Ticket(1), false);
        let mut is_unchanged =
            |place| holder.is_unchanged(NOW, &config, &view, &tag, &vec![(owner, Position(place))]);
        assert!(!is_unchanged(49) && is_unchanged(50));
    }
}
