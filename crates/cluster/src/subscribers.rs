//! Whom an owner tells what: copy holders of every kind.

mod following;
mod interested;
mod subscriber;
mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clearwell_words::Millis;

use crate::message::{Heartbeat, Records, Stream};
use crate::name::Name;
use crate::record::Record;
use crate::slot::slot_of;
use crate::{Config, Epoch, Peer, Planted, Position, Slot, Ticket};
use interested::Interested;
use subscriber::LEAST_MS;
pub use subscriber::Subscriber;
use told::Told;

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

/// A holder whose word somebody waits for.
#[derive(Debug, Clone, Copy)]
pub struct Unheard {
    /// The holder.
    pub holder: Peer,
    /// What it has to apply.
    pub position: Position,
    /// When its read lease ends.
    pub until: Millis,
}

/// All copy holders of one owner, and what each is interested in.
#[derive(Debug, Default)]
pub struct Subscribers {
    holders: BTreeMap<Peer, Subscriber>,
    interest: Interested,
    following: BTreeMap<Slot, BTreeSet<Peer>>,
    /// Slots that a holder followed until the view of this epoch, in which it was not heard yet: it may believe that it is told of them.
    unaware: BTreeMap<Peer, BTreeMap<Slot, Epoch>>,
    told: Told,
    /// Something is to be sent.
    outgoing: bool,
    made: u64,
    /// When it was last looked for holders to forget.
    looked: Millis,
}

impl Subscribers {
    /// The holder, known from now on.
    pub fn subscribe(&mut self, now: Millis, peer: Peer, head: Position) -> &mut Subscriber {
        let made = &mut self.made;
        let holder = self.holders.entry(peer).or_insert_with(|| {
            *made += 1;
            Subscriber::new(*made, now, head)
        });
        holder.heard = now;
        holder
    }

    /// The holder, if it is known.
    pub fn get(&self, peer: Peer) -> Option<&Subscriber> {
        self.holders.get(&peer)
    }

    /// The holder, if it is known by this subscription.
    pub fn get_mut(&mut self, peer: Peer, id: u64) -> Option<&mut Subscriber> {
        self.holders.get_mut(&peer).filter(|holder| holder.id == id)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (Peer, &Subscriber)> {
        self.holders.iter().map(|(&peer, holder)| (peer, holder))
    }

    /// Notes that a holder will have a copy under this name.
    pub fn note(&mut self, name: &Name, peer: Peer, ticket: Ticket) {
        self.interest.note(name, peer, ticket);
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
        let always = config.has(Planted::ReleaseWithoutTicket);
        self.interest.release(name, |other, noted| other != peer || (noted > ticket && !always));
    }

    /// A holder is to follow a slot from now on, or has to be given it anew.
    pub fn follow(&mut self, now: Millis, peer: Peer, slot: Slot, head: Position) {
        if let Some(slots) = self.unaware.get_mut(&peer) {
            slots.remove(&slot);
        }
        self.following.entry(slot).or_default().insert(peer);
        self.subscribe(now, peer, head).follows.add(slot);
    }

    /// A holder follows a slot no more, by the view of this epoch. Its copies may stand under names of the slot because it follows it, so it is
    /// told of them until it is heard in that view or a later one: whoever knows the view asks about such names anew.
    pub fn unfollow(&mut self, peer: Peer, slot: Slot, epoch: Epoch) {
        if self.following.get_mut(&slot).is_some_and(|peers| peers.remove(&peer)) {
            self.unaware.entry(peer).or_default().insert(slot, epoch);
        }
        if let Some(holder) = self.holders.get_mut(&peer) {
            holder.follows.remove(slot);
        }
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

    /// Who follows any slot.
    pub fn all_followers(&self) -> BTreeSet<Peer> {
        self.following.values().flatten().copied().collect()
    }

    /// Addresses a record, which makes the names `old`, to all whom it concerns and returns them. The interests that it
    /// serves end with it.
    pub fn address(
        &mut self,
        now: Millis,
        config: &Config,
        record: &Arc<Record>,
        old: &[Name],
    ) -> BTreeSet<Peer> {
        let mut peers = BTreeSet::new();
        if self.holders.is_empty() {
            return peers;
        }
        if record.is_for_all() {
            peers.extend(self.holders.keys().copied());
        }
        for name in old {
            peers.extend(self.interest.take(name));
        }
        if let Some(slot) = record.slot {
            peers.extend(self.followers(slot));
            let unaware = self.unaware.iter().filter(|(_, slots)| slots.contains_key(&slot));
            peers.extend(unaware.map(|(peer, _)| peer));
        }
        self.outgoing |= !peers.is_empty();
        self.note_told(now, config, record, &peers);
        for peer in &peers {
            if let Some(holder) = self.holders.get_mut(peer) {
                holder.push(now, config, record);
            }
        }
        peers
    }

    fn note_told(&mut self, now: Millis, config: &Config, record: &Record, peers: &BTreeSet<Peer>) {
        let name = record.makes_old();
        let mut told = std::mem::take(&mut self.told);
        if !peers.is_empty() && (name.is_some() || record.is_wide()) {
            // No read lease that was given until now lasts longer.
            let until = now.plus(config.long(config.read_lease_ms));
            told.note(record.position, until, name, peers.iter().copied().collect());
        }
        told.trim(now, |peer, position| self.has_applied(peer, position));
        self.told = told;
    }

    /// Asks all who may still have a copy under the name (`None`: under any) to say at once that they have not, and returns
    /// them. A record up to `position` has made it old.
    pub fn hurry(
        &mut self,
        now: Millis,
        config: &Config,
        name: Option<&Name>,
        position: Position,
    ) -> Vec<Unheard> {
        let unheard = self.unheard(now, name, position);
        for Unheard { holder, .. } in unheard.iter().filter(|_| name.is_some()) {
            let Some(holder) = self.holders.get_mut(holder) else { continue };
            if holder.outgoing.is_none() {
                let acked = holder.acked;
                holder.outgoing = holder.replay(now, config, acked);
            }
            if let Some(outgoing) = &mut holder.outgoing {
                outgoing.reply = true;
                self.outgoing = true;
            }
        }
        unheard
    }

    fn unheard(&self, now: Millis, name: Option<&Name>, position: Position) -> Vec<Unheard> {
        let mut places: BTreeMap<Peer, Position> = BTreeMap::new();
        let everywhere = if name.is_none() { Some(position) } else { self.told.forgotten(now) };
        if let Some(place) = everywhere {
            places.extend(self.holders.keys().map(|&holder| (holder, place)));
        }
        for (holder, place) in name.into_iter().flat_map(|name| self.told.told_of(name)) {
            let last = places.entry(holder).or_default();
            *last = place.max(*last);
        }
        let unheard = places.into_iter().filter_map(|(peer, position)| {
            let until = self.holders.get(&peer)?.lease_until;
            Some(Unheard { holder: peer, position, until })
        });
        unheard.filter(|one| !self.is_heard(now, one)).collect()
    }

    /// Whether nobody has to wait for a holder's word any more.
    pub fn is_heard(&self, now: Millis, one: &Unheard) -> bool {
        now >= one.until || self.has_applied(one.holder, one.position)
    }

    fn has_applied(&self, peer: Peer, position: Position) -> bool {
        self.holders.get(&peer).is_none_or(|holder| holder.acked >= position)
    }

    /// A new owner tells of these slots from now on; all holders are told so.
    pub fn leave(&mut self, slots: &[Slot], count: u16) {
        for slot in slots {
            for peer in self.following.remove(slot).unwrap_or_default() {
                if let Some(holder) = self.holders.get_mut(&peer) {
                    holder.follows.remove(*slot);
                }
            }
            for unaware in self.unaware.values_mut() {
                unaware.remove(slot);
            }
        }
        self.interest.retain(|name| slots.binary_search(&slot_of(name, count)).is_err(), |_| true);
    }

    /// Asks all to whom something goes out in this step to confirm it at once.
    pub fn ask_reply(&mut self, peers: &[Peer]) {
        for peer in peers {
            let outgoing = self.holders.get_mut(peer).and_then(|holder| holder.outgoing.as_mut());
            if let Some(outgoing) = outgoing {
                outgoing.reply = true;
            }
        }
    }

    /// Takes what is to be sent.
    pub fn drain(&mut self, epoch: Epoch) -> Vec<(Peer, Records)> {
        if !std::mem::take(&mut self.outgoing) {
            return Vec::new();
        }
        let outgoing = self.holders.iter_mut().filter_map(|(&peer, holder)| {
            let mut records = holder.outgoing.take()?;
            records.epoch = epoch;
            Some((peer, records))
        });
        outgoing.collect()
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
        self.renew_forgotten(now, from, beat);
        self.is_in_view(from, beat.epoch);
        let holder = self.get_mut(from, beat.subscription)?;
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
        let Some(holder) = self.holders.get_mut(&from) else { return };
        let begins = beat.subscription == 0 || beat.subscription == holder.id;
        let forgot = begins && holder.acked > holder.first && beat.watermark <= holder.first;
        if forgot {
            self.made += 1;
            let mut follows = std::mem::take(&mut holder.follows);
            follows.lose_all();
            let last = holder.last;
            let lease_until = holder.lease_until;
            *holder = Subscriber::new(self.made, now, last);
            holder.follows = follows;
            holder.lease_until = lease_until;
            holder.lost_at = last;
        }
    }

    /// Where the log stands for a holder, which may serve for `lease_ms` from when it asked.
    pub fn stream(&mut self, now: Millis, config: &Config, peer: Peer, place: Place) -> Stream {
        let Place { head, sent, lease_ms, epoch } = place;
        let holder = self.subscribe(now, peer, head);
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
        let gone: Vec<Peer> = self
            .holders
            .iter()
            .filter(|(_, holder)| holder.follows.is_empty() && now.since(holder.heard) > after_ms)
            .map(|(&peer, _)| peer)
            .collect();
        for peer in &gone {
            self.holders.remove(peer);
        }
        if !gone.is_empty() {
            self.interest.retain(|_| true, |peer| !gone.contains(&peer));
            self.unaware.retain(|peer, _| !gone.contains(peer));
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
        let old: Vec<Name> = record.old_names().collect();
        all.address(now, config, &Arc::new(record), &old);
    }

    #[test]
    fn a_later_writer_waits_for_whom_an_earlier_record_has_not_reached() {
        let config = Config::new(Peer::default());
        let mut all = known(&config, Millis(1_000));
        address(&mut all, &config, Millis(1_010), Position(6));
        // The interest ended with that record, and the copy lies there still.
        let later = Millis(1_000 + config.read_lease_ms - 10);
        address(&mut all, &config, later, Position(7));
        let unheard = all.hurry(later, &config, Some(&name()), Position(7));
        assert_eq!(
            unheard.iter().map(|one| (one.holder, one.position)).collect::<Vec<_>>(),
            [(HOLDER, Position(6))]
        );
        let over = Millis(1_010 + config.long(config.read_lease_ms));
        assert!(all.hurry(over, &config, Some(&name()), Position(7)).is_empty());
    }

    #[test]
    fn who_has_forgotten_its_subscription_begins_another_and_has_nothing_whole() {
        let config = Config::new(Peer::default());
        let mut all = known(&config, Millis(1_000));
        all.follow(Millis(1_000), HOLDER, Slot(3), Position(5));
        let first = all.get(HOLDER).expect("it is known").id;
        address(&mut all, &config, Millis(1_010), Position(6));
        let holder = all.get_mut(HOLDER, first).expect("it is known");
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
