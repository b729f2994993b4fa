//! Whom an owner tells what: copy holders of every kind.

mod following;
mod holders;
mod interested;
mod subscriber;
mod tell;
mod told;
mod unheard;
mod untold;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clearwell_words::Millis;

use crate::message::{Heartbeat, Records, Stream};
use crate::name::Name;
use crate::record::Record;
use crate::slot::slot_of;
use crate::{Config, Epoch, Peer, Planted, Position, Slot, Ticket};
use holders::{Holders, Number};
use interested::Interested;
use subscriber::LEAST_MS;
pub use subscriber::Subscriber;
use told::Told;
pub use unheard::Lagging;
use untold::{Telling, Untold};

/// What an owner says of its own log.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Its last record.
    pub head: Position,
    /// The time in the message that is answered.
    pub sent: Millis,
    /// How long the holder may serve.
    pub lease_ms: u64,
    /// The owner's view.
    pub epoch: Epoch,
}

/// All copy holders of one owner, and what each is interested in.
#[derive(Debug, Default)]
pub struct Subscribers {
    holders: Holders,
    interest: Interested,
    following: BTreeMap<Slot, BTreeSet<Peer>>,
    /// Slots that a holder followed until the view of this epoch, in which it was not heard yet: it may believe that it is told of them.
    unaware: BTreeMap<Peer, BTreeMap<Slot, Epoch>>,
    told: Told,
    untold: Untold,
    /// To whom something is to be sent at the end of this step.
    outgoing: Vec<Number>,
    /// Whose hints are confirmed and not freed.
    freeing: Vec<Number>,
    made: u64,
    /// When it was last looked for holders to forget.
    looked: Millis,
}

impl Subscribers {
    /// The holder is known from now on.
    pub fn subscribe(&mut self, now: Millis, peer: Peer, head: Position) {
        self.subscribed(now, peer, head);
    }

    fn subscribed(&mut self, now: Millis, peer: Peer, head: Position) -> Number {
        let made = &mut self.made;
        let number = self.holders.number_or_else(peer, || {
            *made += 1;
            Subscriber::new(*made, now, head)
        });
        if let Some(holder) = self.holders.at_mut(number) {
            holder.heard = now;
        }
        number
    }

    /// The holder, if it is known. What it is to be told of in later steps is not in it yet.
    pub fn get(&self, peer: Peer) -> Option<&Subscriber> {
        self.holders.at(self.holders.number(peer)?)
    }

    /// The holder, if it is known by this subscription, told of all that is for it.
    pub fn get_mut(&mut self, now: Millis, config: &Config, from: (Peer, u64)) -> Option<&mut Subscriber> {
        let (peer, id) = from;
        let number = self.holders.number(peer)?;
        self.tell_all(now, config, number);
        self.holders.at_mut(number).filter(|holder| holder.id == id)
    }

    /// All of them. What they are to be told of in later steps is not in them yet.
    pub fn iter(&self) -> impl Iterator<Item = (Peer, &Subscriber)> {
        self.holders.iter().map(|(peer, _, holder)| (peer, holder))
    }

    /// Notes that a holder, which is known, will have a copy under this name.
    pub fn note(&mut self, name: &Name, peer: Peer, ticket: Ticket) {
        if let Some(number) = self.holders.number(peer) {
            self.interest.note(name, number, ticket);
        }
    }

    /// Whether any holder may have a copy under this name.
    pub fn is_interested(&self, name: &Name) -> bool {
        self.interest.has(name)
    }

    /// Under how many names holders have copies.
    pub fn interests(&self) -> usize {
        self.interest.len()
    }

    /// A holder has given up its copies under this name; an interest that was noted later stays.
    pub fn release(&mut self, name: &Name, peer: Peer, ticket: Ticket, config: &Config) {
        let Some(number) = self.holders.number(peer) else { return };
        let always = config.has(Planted::ReleaseWithoutTicket);
        self.interest.release(name, |other, noted| other != number || (noted > ticket && !always));
    }

    /// A holder is to follow a slot from now on, or has to be given it anew.
    pub fn follow(&mut self, now: Millis, peer: Peer, slot: Slot, head: Position) {
        if let Some(slots) = self.unaware.get_mut(&peer) {
            slots.remove(&slot);
        }
        self.following.entry(slot).or_default().insert(peer);
        let number = self.subscribed(now, peer, head);
        if let Some(holder) = self.holders.at_mut(number) {
            holder.follows.add(slot);
        }
    }

    /// A holder follows a slot no more, by the view of this epoch. Its copies may stand under names of the slot because it follows it, so it is
    /// told of them until it is heard in that view or a later one: whoever knows the view asks about such names anew.
    pub fn unfollow(&mut self, peer: Peer, slot: Slot, epoch: Epoch) {
        if self.following.get_mut(&slot).is_some_and(|peers| peers.remove(&peer)) {
            self.unaware.entry(peer).or_default().insert(slot, epoch);
        }
        if let Some(holder) = self.known_mut(peer) {
            holder.follows.remove(slot);
        }
    }

    fn known_mut(&mut self, peer: Peer) -> Option<&mut Subscriber> {
        self.holders.at_mut(self.holders.number(peer)?)
    }

    /// A holder follows the view of this epoch.
    fn is_in_view(&mut self, peer: Peer, epoch: Epoch) {
        if let Some(slots) = self.unaware.get_mut(&peer) {
            slots.retain(|_, since| *since > epoch);
            if slots.is_empty() {
                self.unaware.remove(&peer);
            }
        }
    }

    /// Who follows a slot.
    pub fn followers(&self, slot: Slot) -> impl Iterator<Item = Peer> + '_ {
        self.following.get(&slot).into_iter().flatten().copied()
    }

    /// Addresses a record, which makes the names `old`, to all whom it concerns. The interests that it serves end with it. Those who
    /// follow its slot are told in this step, and asked for their word if it is `waited` for; the others are told in parts
    /// ([`Subscribers::drain`]).
    pub fn address(
        &mut self,
        now: Millis,
        config: &Config,
        (record, old): (&Arc<Record>, &[Name]),
        waited: bool,
    ) {
        if self.holders.is_empty() {
            return;
        }
        let mut holders: Vec<Number> = Vec::new();
        if record.is_for_all() {
            holders.extend(self.holders.numbers());
        }
        for name in old {
            self.interest.take(name, &mut holders);
        }
        let others = holders.len();
        match record.slot {
            Some(slot) => {
                holders.extend(self.followers(slot).filter_map(|peer| self.holders.number(peer)));
                let unaware = self.unaware.iter().filter(|(_, slots)| slots.contains_key(&slot));
                holders.extend(unaware.filter_map(|(peer, _)| self.holders.number(*peer)));
            }
            None => holders.extend(self.holders.followers()),
        }
        let word = Telling { reply: waited, ..Telling::of(record) };
        for &number in &holders[others..] {
            self.tell_all(now, config, number);
            self.tell(now, config, number, &word);
        }
        holders.sort_unstable();
        holders.dedup();
        let holders: Arc<[Number]> = holders.into();
        self.note_told(now, config, record, &holders);
        if others > 0 {
            self.untold.add(record, holders);
        }
    }

    fn note_told(&mut self, now: Millis, config: &Config, record: &Record, holders: &Arc<[Number]>) {
        let name = record.makes_old();
        if !holders.is_empty() && (name.is_some() || record.is_wide()) {
            // No read lease that was given until now lasts longer.
            let until = now.plus(config.long(config.read_lease_ms));
            self.told.note(record.position, until, name, Arc::clone(holders));
        }
        self.told.trim(now, |holder, position| self.holders.has_applied(holder, position));
    }

    /// A new owner tells of these slots from now on; all holders are told so.
    pub fn leave(&mut self, slots: &[Slot], count: u16) {
        for slot in slots {
            for peer in self.following.remove(slot).unwrap_or_default() {
                if let Some(holder) = self.known_mut(peer) {
                    holder.follows.remove(*slot);
                }
            }
            for unaware in self.unaware.values_mut() {
                unaware.remove(slot);
            }
        }
        self.interest.retain(|name| slots.binary_search(&slot_of(name, count)).is_err(), |_| true);
    }

    /// A holder, by this subscription, has applied all up to a place.
    pub fn applied(&mut self, now: Millis, config: &Config, from: (Peer, u64), watermark: Position) {
        let Some(number) = self.holders.number(from.0) else { return };
        if let Some(holder) = self.get_mut(now, config, from) {
            holder.applied(now, watermark);
            self.freeing.push(number);
        }
    }

    /// Frees some of what is confirmed; the steps that follow free the rest.
    fn free_some(&mut self) {
        const MOST: usize = 256;
        let mut most = MOST;
        while let Some(number) = self.freeing.last().copied().filter(|_| most > 0) {
            let Some(holder) = self.holders.at_mut(number) else {
                self.freeing.pop();
                continue;
            };
            let before = holder.hints.len();
            if !holder.free(most) {
                self.freeing.pop();
            }
            most -= (before - holder.hints.len()).clamp(1, most);
        }
    }

    /// Gives what is to be sent in this step to `send`, in the order of the holders' names.
    pub fn drain(&mut self, now: Millis, config: &Config, epoch: Epoch, mut send: impl FnMut(Peer, Records)) {
        if self.outgoing.is_empty() && !self.has_more() {
            return;
        }
        self.tell_some(now, config);
        self.free_some();
        self.outgoing.sort_unstable_by_key(|number| self.holders.peer(*number));
        for number in self.outgoing.drain(..) {
            let outgoing = self.holders.at_mut(number).and_then(|holder| holder.outgoing.take());
            if let (Some(peer), Some(records)) = (self.holders.peer(number), outgoing) {
                send(peer, Records { epoch, ..records });
            }
        }
    }

    /// A heartbeat; `None` when the holder is not known by that subscription.
    pub fn heartbeat(
        &mut self,
        now: Millis,
        config: &Config,
        from: Peer,
        beat: &Heartbeat,
    ) -> Option<Records> {
        for (name, ticket) in &beat.released {
            self.release(name, from, *ticket, config);
        }
        if let Some(number) = self.holders.number(from) {
            self.tell_all(now, config, number);
        }
        self.renew_forgotten(now, from, beat);
        self.is_in_view(from, beat.epoch);
        let number = self.holders.number(from)?;
        let holder = self.holders.at_mut(number).filter(|holder| holder.id == beat.subscription)?;
        self.freeing.push(number);
        holder.heard = now;
        holder.applied(now, beat.watermark);
        if holder.is_lost(now) {
            holder.begin_anew(now);
        }
        holder.replay(now, config, beat.watermark)
    }

    /// A holder that was told and has applied more than it knows of has forgotten the subscription (it had not needed it for
    /// a while): what it applied then is trimmed here, so it begins anew.
    fn renew_forgotten(&mut self, now: Millis, from: Peer, beat: &Heartbeat) {
        let made = self.made + 1;
        let Some(holder) = self.known_mut(from) else { return };
        let begins = beat.subscription == 0 || beat.subscription == holder.id;
        let forgot = begins && holder.acked > holder.first && beat.watermark <= holder.first;
        if forgot {
            let mut follows = std::mem::take(&mut holder.follows);
            follows.lose_all();
            let last = holder.last;
            let lease_until = holder.lease_until;
            *holder = Subscriber::new(made, now, last);
            holder.follows = follows;
            holder.lease_until = lease_until;
            holder.lost_at = last;
            self.made = made;
        }
    }

    /// Where the log stands for a holder, which may serve for `lease_ms` from when it asked.
    pub fn stream(&mut self, now: Millis, config: &Config, peer: Peer, place: Place) -> Stream {
        let Place { head, sent, lease_ms, epoch } = place;
        let number = self.subscribed(now, peer, head);
        self.tell_all(now, config, number);
        let holder = self.holders.at_mut(number).expect("it is subscribed");
        let lease_ms = if holder.is_stuck(now, config) { lease_ms.min(LEAST_MS) } else { lease_ms };
        holder.lease_until = holder.lease_until.max(now.plus(config.long(lease_ms)));
        let &mut Subscriber { id: subscription, first, last, lost, .. } = holder;
        // Replicas are sent values.
        let at = (!holder.follows.is_empty()).then_some(now);
        Stream { subscription, first, last, head, sent, lease_ms, epoch, lost, at }
    }

    /// Forgets holders that were not heard of for long and follow nothing.
    pub fn forget(&mut self, now: Millis, after_ms: u64) {
        const OFTEN_MS: u64 = 1000;
        if now.since(self.looked) < OFTEN_MS {
            return;
        }
        self.looked = now;
        let gone =
            self.holders.forget(|holder| !holder.follows.is_empty() || now.since(holder.heard) <= after_ms);
        if !gone.is_empty() {
            self.interest.retain(|_| true, |number| gone.iter().all(|(other, _)| *other != number));
            self.unaware.retain(|peer, _| gone.iter().all(|(_, other)| other != peer));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NodeId;
    use crate::record::Change;

    const HOLDER: Peer = Peer { node: NodeId(7), incarnation: 1 };

    fn name() -> Name {
        Name::Key(b"k".as_slice().into())
    }

    /// A holder with a copy and a read lease from `now` on.
    fn known(config: &Config, now: Millis) -> Subscribers {
        let mut all = Subscribers::default();
        let place = Place { head: Position(5), sent: now, lease_ms: config.read_lease_ms, epoch: Epoch(1) };
        all.stream(now, config, HOLDER, place);
        all.note(&name(), HOLDER, Ticket(1));
        all
    }

    fn address(all: &mut Subscribers, config: &Config, now: Millis, position: Position) {
        let change = Change::Intent { key: b"k".as_slice().into() };
        let (slot, version, cause) = (Some(Slot(3)), None, clearwell_words::Cause::Write);
        let record = Record { position, slot, change, version, cause, depth: 0 };
        let old = record.old_names();
        all.address(now, config, (&Arc::new(record), &old), true);
    }

    #[test]
    fn a_later_writer_waits_for_whom_an_earlier_record_has_not_reached() {
        let config = Config::new(Peer::default());
        let mut all = known(&config, Millis(1_000));
        address(&mut all, &config, Millis(1_010), Position(6));
        // The interest ended with that record, and the copy lies there still.
        let later = Millis(1_000 + config.read_lease_ms - 10);
        address(&mut all, &config, later, Position(7));
        let mut awaited = all.hurry(later, &config, Some(&name()), Position(7));
        let unheard = all.unheard(later, &mut awaited, &mut 9);
        assert_eq!(unheard.map(|one| (one.holder, one.position)), Some((HOLDER, Position(6))));
        let over = Millis(1_010 + config.long(config.read_lease_ms));
        assert!(all.unheard(over, &mut awaited, &mut 9).is_none());
        let mut awaited = all.hurry(over, &config, Some(&name()), Position(7));
        assert!(all.unheard(over, &mut awaited, &mut 9).is_none());
    }

    #[test]
    fn who_has_forgotten_its_subscription_begins_another_and_has_nothing_whole() {
        let config = Config::new(Peer::default());
        let mut all = known(&config, Millis(1_000));
        all.follow(Millis(1_000), HOLDER, Slot(3), Position(5));
        let first = all.get(HOLDER).expect("it is known").id;
        address(&mut all, &config, Millis(1_010), Position(6));
        let holder = all.get_mut(Millis(1_020), &config, (HOLDER, first)).expect("it is known");
        holder.follows.sync(Slot(3));
        holder.applied(Millis(1_020), Position(6));
        let beat = |subscription: u64, watermark: u64| Heartbeat {
            sent: Millis(7),
            subscription,
            watermark: Position(watermark),
            released: Vec::new(),
            epoch: Epoch(1),
        };
        all.heartbeat(Millis(2_000), &config, HOLDER, &beat(first, 6));
        assert_eq!(all.get(HOLDER).map(|holder| holder.id), Some(first), "it knows all that it was told");
        all.heartbeat(Millis(3_000), &config, HOLDER, &beat(0, 0));
        let holder = all.get(HOLDER).expect("it is known");
        assert!(
            holder.id > first && !holder.follows.is_synced(Slot(3)) && holder.follows.is_missing(Slot(3))
        );
    }
}
