//! A copy holder: a member for what others own, a replica, a client's near cache. One kind.

mod early;
mod follows;
mod interests;
mod names;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clearwell_words::{Cause, Effect, Invalidation, Millis};

use crate::admission::{Admission, Wish};
use crate::clock::RemoteClock;
use crate::digest::digest;
use crate::entry::AsOf;
use crate::message::{Applied, Heartbeat, Message, Records, Stream};
use crate::name::Name;
use crate::outbox::{Apply, Event, Outbox, To};
use crate::pieces::{PIECE_BYTES, name_bytes, pieces};
use crate::record::{Change, Record};
use crate::slot::slot_of;
use crate::stream::{Continuity, Held, News};
use crate::view::View;
use crate::waiting::{Lack, Waiting};
use crate::{Bytes, Config, Entry, Epoch, Expiry, Peer, Planted, Position, Slot, Ticket};
pub use early::Early;
pub use follows::{Followed, Follows};
pub use interests::{Interest, Interests};

/// All that one process holds of others.
#[derive(Debug, Default)]
pub struct Holder {
    pub(crate) streams: BTreeMap<Peer, Held>,
    pub(crate) names: Interests,
    pub(crate) follows: Follows,
    pub(crate) marks: BTreeMap<Peer, crate::marks::Marks>,
    pub(crate) early: BTreeMap<Peer, Early>,
    pub(crate) missed: BTreeMap<Peer, Position>,
    pub(crate) admissions: Waiting<Admission>,
    /// Questions about names on their way: when each was sent, and about which.
    enlisting: BTreeMap<(Peer, Ticket), (Millis, Vec<Name>)>,
    tickets: u64,
    wanted: BTreeMap<Peer, BTreeSet<Name>>,
}

/// How well a name's copies are covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cover {
    /// Whose stream.
    pub owner: Peer,
    /// Nothing was missing then.
    pub proven: Millis,
    /// Leased levels may be served until then.
    pub until: Millis,
    /// Applied up to here.
    pub watermark: Position,
}

impl Holder {
    /// A new number.
    pub fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    /// The newest number.
    pub fn last_ticket(&self) -> Ticket {
        Ticket(self.tickets)
    }

    /// Takes an owner's word on where its log stands.
    pub fn news(
        &mut self,
        now: Millis,
        config: &Config,
        from: Peer,
        stream: &Stream,
        out: &mut Outbox,
    ) -> bool {
        let held = self.streams.entry(from).or_default();
        match held.news(now, config, stream) {
            News::Old => false,
            News::Good => true,
            News::Doubt(as_of) => {
                // What was handed over as of before cannot be brought up to date any more.
                let reached = held.watermark;
                self.misses(from, reached);
                self.doubt(from, as_of, |_| true, out);
                self.unfollow(from, |_| true);
                true
            }
        }
    }

    /// Asks again about all copies that stand under an owner's names: nobody told of them for a while.
    pub fn doubt(&mut self, from: Peer, as_of: Position, which: impl Fn(&Name) -> bool, out: &mut Outbox) {
        let mut doubted = 0;
        let theirs = |name: &Name| self.names.get(name).is_some_and(|i| i.owner == from) && which(name);
        let names: Vec<Name> = self.names.all().filter(theirs).collect();
        for name in names {
            if let Some(mut interest) = self.names.get(&name).filter(|interest| interest.since.is_some()) {
                (interest.since, interest.as_of, interest.doubted) = (None, (from, as_of), true);
                self.names.put(name.clone(), interest);
                doubted += 1;
            }
            self.wanted.entry(from).or_default().insert(name);
        }
        if doubted > 0 {
            out.tell.push(Event::Doubted(from, doubted));
        }
    }

    /// Follows a new view: names and slots whose owner has changed are asked about anew. `head` is the place of this
    /// process's own log, `before` the view that it followed until now. Returns the slots that it follows no more.
    pub fn follow_view(
        &mut self,
        view: &View,
        before: Epoch,
        me: Peer,
        head: Position,
        out: &mut Outbox,
    ) -> Vec<Slot> {
        self.admissions.wake_all();
        let stays = |slot: Slot| view.emptied(slot) <= before && view.concerns(slot, me);
        // Whom a view does not tell of a slot, one not seen here included, misses what comes for it.
        let told = |slot: Slot| before.next() == view.epoch && view.followers(slot).any(|peer| peer == me);
        let goes_on = |slot: Slot, f: &Followed| view.owner(slot) == f.owner && stays(slot) && told(slot);
        // What a former owner handed over stays until the present one has: nothing is acknowledged before that, and
        // this process may be the next owner.
        let ended = self.follows.interrupt(|slot, followed| !goes_on(slot, followed));
        let gone: Vec<Slot> = ended.iter().copied().filter(|slot| !stays(*slot)).collect();
        gone.iter().for_each(|slot| self.follows.remove(*slot));
        let mut moved: BTreeMap<Peer, usize> = BTreeMap::new();
        let names: Vec<Name> = self.names.all().collect();
        for name in names {
            let Some(mut interest) = self.names.get(&name) else { continue };
            let slot = name.slot(view.slots);
            let owner = view.owner(slot);
            if owner == interest.owner && ended.binary_search(&slot).is_err() {
                continue;
            }
            if interest.since.take().is_some() {
                let reached = match interest.owner == me {
                    true => Some(head),
                    false => self.streams.get(&interest.owner).map(|held| held.watermark),
                };
                interest.as_of = (interest.owner, reached.unwrap_or_default());
                interest.doubted = true;
                *moved.entry(interest.owner).or_default() += 1;
            }
            interest.owner = owner;
            interest.last = Position(0);
            self.names.put(name.clone(), interest);
            self.wanted.entry(owner).or_default().insert(name);
        }
        out.tell.extend(moved.into_iter().map(|(peer, names)| Event::Doubted(peer, names)));
        let needed = |peer: &Peer| view.has(*peer) || self.follows.is_needed(*peer);
        self.streams.retain(|peer, _| needed(peer));
        self.early.retain(|peer, _| needed(peer));
        self.missed.retain(|peer, _| needed(peer));
        self.enlisting.retain(|(peer, _), _| needed(peer));
        gone
    }

    /// A slot that is followed, if this process has all of it from its present owner.
    pub fn follows_whole(&self, slot: Slot, owner: Peer) -> Option<&Followed> {
        self.follows.get(slot).filter(|followed| followed.whole && followed.owner == owner)
    }

    /// A slot of whose contents a part may be missing, but no record of its present owner since.
    pub fn follows_records(&self, slot: Slot, owner: Peer) -> Option<&Followed> {
        self.follows.get(slot).filter(|followed| followed.counts() && followed.owner == owner)
    }

    /// Not all of an owner's records up to a place are kept here, or came at all.
    pub(crate) fn misses(&mut self, owner: Peer, up_to: Position) {
        let missed = self.missed.entry(owner).or_default();
        *missed = (*missed).max(up_to);
    }

    fn unfollow(&mut self, owner: Peer, which: impl Fn(Slot) -> bool) {
        self.follows.interrupt(|slot, followed| followed.owner == owner && which(slot));
    }

    /// A record of this process's own log ends its interest in its own names.
    pub fn own_record(&mut self, me: Peer, old: &[Name]) {
        if self.names.is_empty() {
            return;
        }
        for name in old {
            if self.names.get(name).is_some_and(|interest| interest.owner == me) {
                self.names.remove(name);
            }
        }
    }

    /// Applies records of an owner. Returns those that go to this holder's slots as a replica, in order.
    pub fn records(
        &mut self,
        now: Millis,
        config: &Config,
        from: Peer,
        epoch: Epoch,
        records: &Records,
        out: &mut Outbox,
    ) -> Vec<Arc<Record>> {
        let held = self.streams.entry(from).or_default();
        held.used = now;
        let continuity = held.judge(config, records);
        if continuity == Continuity::Old {
            self.beat(now, from, epoch, out);
            return Vec::new();
        }
        let before = held.watermark;
        for record in &records.records {
            let is_taken = continuity != Continuity::Gap;
            if is_taken && record.position > before || !is_taken && !self.is_replica_of(config, record) {
                self.make_old(config, from, record, out);
            }
        }
        if continuity == Continuity::Gap {
            self.beat(now, from, epoch, out);
            return Vec::new();
        }
        let last = records.records.last().map_or(records.prev, |record| record.position);
        let held = self.streams.entry(from).or_default();
        held.applied(now, config, last);
        if records.reply {
            let applied = Applied { subscription: held.subscription, watermark: held.watermark };
            out.send.push((To::Peer(from), Message::Applied(applied)));
        }
        records.records.iter().filter(|record| record.position > before).cloned().collect()
    }

    /// Whether it puts a value where this process may have to go on with the slot: what that replaces is all there is until it is taken.
    fn is_replica_of(&self, config: &Config, record: &Record) -> bool {
        match &record.change {
            Change::Put { entry, .. } | Change::Journal { entry, .. } => {
                self.follows.contains(slot_of(&entry.key, config.slots))
            }
            _ => false,
        }
    }

    /// Takes from the store what a record makes old. Doing it too early or twice costs a hit and nothing else.
    pub(crate) fn make_old(&mut self, config: &Config, from: Peer, record: &Record, out: &mut Outbox) {
        let mut untold = None;
        for name in record.old_names() {
            match self.names.get(&name) {
                // Only the owner's own stream ends an interest; a former owner's late words only take values away.
                Some(interest) if interest.owner != from => continue,
                Some(mut interest) if interest.since.is_none() => {
                    interest.last = interest.last.max(record.position);
                    interest.doubted = false;
                    self.names.put(name.clone(), interest);
                }
                Some(_) => {
                    self.names.remove(&name);
                }
                None => continue,
            }
            // A newer value than the change behind the record stays where it lies, or the same, and nobody tells of it any more.
            if let Name::Key(key) = &name
                && (record.version.is_some() || record.keeps_value())
                && !self.follows.contains(name.slot(config.slots))
            {
                untold = Some(Apply::Drop(vec![key.clone()]));
            }
        }
        if record.is_wide() {
            let held = self.streams.entry(from).or_default();
            held.wide = held.wide.max(record.position);
        }
        if let Change::Leave { slots } = &record.change {
            self.unfollow(from, |slot| slots.binary_search(&slot).is_ok());
            let reached = self.streams.get(&from).map_or(Position(0), |held| held.watermark);
            let left = |name: &Name| slots.binary_search(&name.slot(config.slots)).is_ok();
            self.doubt(from, reached, left, out);
        }
        out.apply.extend(invalidation(record).map(Apply::Invalidate));
        out.apply.extend(untold);
    }

    /// Sends a heartbeat now.
    pub fn beat(&mut self, now: Millis, owner: Peer, epoch: Epoch, out: &mut Outbox) {
        let held = self.streams.entry(owner).or_insert_with(|| Held::begun(now));
        // A lost release costs the owner one needless record.
        let released = std::mem::take(&mut held.released);
        held.beaten = Some(now);
        let (subscription, watermark) = (held.subscription, held.watermark);
        for released in pieces(released, PIECE_BYTES, |(name, _)| name_bytes(name)) {
            let beat = Heartbeat { sent: now, subscription, watermark, released, epoch };
            out.send.push((To::Peer(owner), Message::Heartbeat(beat)));
        }
    }

    /// An entry that a replica was sent by its owner.
    pub fn received(&self, now: Millis, config: &Config, owner: Peer, entry: &Entry) -> Entry {
        let mut entry = entry.clone();
        entry.arrive(now, config, self.clock_of(owner));
        if config.has(Planted::TtlLost) {
            entry.expiry = None;
        }
        entry
    }

    /// What is known of an owner's clock.
    pub fn clock_of(&self, owner: Peer) -> Option<RemoteClock> {
        self.streams.get(&owner).and_then(|held| held.clock)
    }

    /// Its owner touched an entry that may wait here to be kept: the same is current as of the touch, and has its expiry.
    pub fn touch_waiting(&mut self, at: (Peer, Position), key: &Bytes, of: u64, expiry: Option<Expiry>) {
        let (owner, position) = at;
        self.admissions.change(Lack::name(key), |admission| {
            let Admission { entry, as_of, wish, .. } = admission;
            let place = as_of.iter_mut().find(|(peer, _)| *peer == owner);
            let is_it = |entry: &Entry| digest(&entry.key, entry.version, entry.value.as_deref()) == of;
            if let Some((_, place)) = place.filter(|_| *wish == Wish::Replica && is_it(entry)) {
                entry.expiry = expiry;
                *place = position.max(*place);
            }
        });
    }

    /// Whether the last heartbeat to an owner was sent longer ago than a pause.
    pub fn is_beat_due(&self, now: Millis, owner: Peer, pause_ms: u64) -> bool {
        self.streams.get(&owner).and_then(|held| held.beaten).is_none_or(|at| now.since(at) >= pause_ms)
    }

    /// Heartbeats that are due, questions that are due again, and streams that nobody needs.
    pub fn tick(&mut self, now: Millis, config: &Config, view: &View, out: &mut Outbox) {
        const UNUSED_MS: u64 = 20_000;
        const BEHIND_MS: u64 = 200;
        for (name, interest) in self.names.asked_until(Millis(now.0.saturating_sub(names::ASK_AGAIN_MS))) {
            self.wanted.entry(interest.owner).or_default().insert(name.clone());
        }
        let peers: Vec<Peer> = self.streams.keys().copied().collect();
        for peer in peers {
            let held = &self.streams[&peer];
            let is_needed = self.follows.is_needed(peer) || self.names.is_needed(peer);
            // What was told of and has not come by then was lost on the way.
            let often =
                if held.is_behind() { BEHIND_MS.min(config.heartbeat_ms) } else { config.heartbeat_ms };
            if !is_needed && now.since(held.used) > UNUSED_MS {
                self.streams.remove(&peer);
            } else if held.beaten.is_none_or(|at| now.since(at) >= often) && peer != config.me {
                self.beat(now, peer, view.epoch, out);
            }
        }
        self.give_up_old(now, config.request_ms);
        self.enlist(now, config, view, out);
    }

    /// Queues an entry that is to be kept as soon as it may be.
    pub fn admit(&mut self, now: Millis, entry: Entry, as_of: AsOf, wish: Wish) {
        let key = Lack::name(&entry.key);
        self.admissions.push_about(Admission { entry, as_of, wish, born: now, tries: 0 }, key);
    }
}

/// Takes away what stands under a name here, without anybody's record.
pub(crate) fn forget(name: &Name, out: &mut Outbox) {
    match name {
        Name::Key(key) => out.apply.push(Apply::Drop(vec![key.clone()])),
        name => out.apply.push(Apply::Invalidate(Invalidation {
            scope: name.scope().into(),
            effect: Effect::Gone,
            cascade: true,
            version: None,
            cause: Cause::Command,
        })),
    }
}

/// What a record takes away from a store.
pub fn invalidation(record: &Record) -> Option<Invalidation> {
    let (scope, effect, cascade) = match &record.change {
        Change::Invalidate { scope, effect, cascade } => (scope.clone(), *effect, *cascade),
        Change::Touch { .. } => return None,
        _ => (record.makes_old()?.scope().into(), Effect::Gone, true),
    };
    Some(Invalidation { scope, effect, cascade, version: record.version, cause: record.cause })
}
