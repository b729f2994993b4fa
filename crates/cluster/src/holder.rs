//! A copy holder: a member for what others own, a replica, a client's near cache. One kind.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clearwell_engine::{Cause, Effect, Invalidation, Millis};

use crate::admission::{Admission, Wish};
use crate::entry::AsOf;
use crate::map::Map;
use crate::message::{Applied, Enlist, Enlisted, Heartbeat, Message, Records, Stream};
use crate::name::{Bytes, Name};
use crate::outbox::{Apply, Event, Outbox, To};
use crate::record::{Change, Record};
use crate::stream::{Continuity, Held, News};
use crate::view::View;
use crate::{Config, Epoch, Peer, Planted, Position, Slot, Ticket};

/// What is known of one name that copies stand under.
#[derive(Debug, Clone)]
pub struct Interest {
    /// Who tells of it.
    pub owner: Peer,
    /// The number under which the owner noted it.
    pub ticket: Ticket,
    /// From here on everything is told; `None` while the owner's answer is awaited.
    pub since: Option<Position>,
    /// The last record that came for it while waiting.
    pub last: Position,
    /// Whose order, which place: copies under the name were current then. What is asked of the owner while waiting.
    pub as_of: (Peer, Position),
    /// When it was asked.
    pub asked: Millis,
    /// Copies lie here under it already, which are in doubt until the answer.
    pub doubted: bool,
}

/// A slot that this holder follows.
#[derive(Debug, Clone)]
pub struct Followed {
    /// Whom it follows.
    pub owner: Peer,
    /// The place of the owner's log as of which the slot was handed over.
    pub base: Position,
    /// The owner did not remember marks up to here.
    pub floor: Position,
}

/// All that one process holds of others.
#[derive(Debug, Default)]
pub struct Holder {
    pub(crate) streams: BTreeMap<Peer, Held>,
    pub(crate) names: Map<Name, Interest>,
    pub(crate) follows: BTreeMap<Slot, Followed>,
    pub(crate) marks: BTreeMap<Peer, crate::marks::Marks>,
    pub(crate) early: BTreeMap<Peer, Vec<Arc<Record>>>,
    pub(crate) early_lost: BTreeMap<Peer, Position>,
    pub(crate) admissions: Vec<Admission>,
    enlisting: BTreeMap<Ticket, (Peer, Vec<Name>)>,
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

    /// Notes that the owner is being asked for a key's value; what comes for the key meanwhile will be remembered. A copy
    /// that is covered stays so.
    pub fn expect(&mut self, now: Millis, owner: Peer, key: &Bytes) -> Ticket {
        let ticket = self.ticket();
        self.streams.entry(owner).or_default().used = now;
        let new = Interest {
            owner,
            ticket,
            since: None,
            last: Position(0),
            as_of: (owner, Position(0)),
            asked: now,
            doubted: false,
        };
        let interest = self.names.entry(Name::Key(key.clone())).or_insert(new);
        interest.ticket = ticket;
        interest.asked = now;
        ticket
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
                self.doubt(from, as_of, |_| true, out);
                self.follows.retain(|_, followed| followed.owner != from);
                true
            }
        }
    }

    /// Asks again about all copies that stand under an owner's names: nobody told of them for a while.
    pub fn doubt(&mut self, from: Peer, as_of: Position, which: impl Fn(&Name) -> bool, out: &mut Outbox) {
        let mut doubted = 0;
        for (name, interest) in &mut self.names {
            if interest.owner != from || !which(name) {
                continue;
            }
            if interest.since.take().is_some() {
                interest.as_of = (from, as_of);
                interest.doubted = true;
                doubted += 1;
            }
            self.wanted.entry(from).or_default().insert(name.clone());
        }
        if doubted > 0 {
            out.tell.push(Event::Doubted(from, doubted));
        }
    }

    /// Follows a new view: names and slots whose owner has changed are asked about anew. `head` is the place of this
    /// process's own log. Returns the slots that it follows no more.
    pub fn follow_view(&mut self, view: &View, me: Peer, head: Position, out: &mut Outbox) -> Vec<Slot> {
        let follows = |slot: Slot, owner: Peer| {
            view.owner(slot) == owner && view.followers(slot).any(|follower| follower == me)
        };
        let ended: Vec<Slot> = self
            .follows
            .iter()
            .filter(|(slot, f)| !follows(**slot, f.owner))
            .map(|(&slot, _)| slot)
            .collect();
        let mut moved: BTreeMap<Peer, usize> = BTreeMap::new();
        for (name, interest) in &mut self.names {
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
            self.wanted.entry(owner).or_default().insert(name.clone());
        }
        out.tell.extend(moved.into_iter().map(|(peer, names)| Event::Doubted(peer, names)));
        let members = view.members();
        let gone: Vec<Peer> =
            self.streams.keys().copied().filter(|peer| members.binary_search(peer).is_err()).collect();
        for peer in gone {
            self.streams.remove(&peer);
            self.early.remove(&peer);
        }
        ended
    }

    /// A record of this process's own log ends its interest in its own names.
    pub fn own_record(&mut self, me: Peer, record: &Record) {
        for name in record.old_names() {
            if self.names.get(&name).is_some_and(|interest| interest.owner == me) {
                self.names.remove(&name);
            }
        }
    }

    /// Whether copies under a name are at least being asked about.
    pub fn is_known(&self, view: &View, name: &Name) -> bool {
        let slot = name.slot(view.slots);
        self.names.contains_key(name) || self.follows.get(&slot).is_some_and(|f| f.owner == view.owner(slot))
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
            if record.position > before || continuity == Continuity::Gap {
                self.make_old(config, from, record, out);
            }
        }
        if continuity == Continuity::Gap {
            self.beat(now, from, epoch, out);
            return Vec::new();
        }
        let last = records.records.last().map_or(records.prev, |record| record.position);
        let held = self.streams.entry(from).or_default();
        held.applied(config, last);
        if records.reply {
            let applied = Applied { subscription: held.subscription, watermark: held.watermark };
            out.send.push((To::Peer(from), Message::Applied(applied)));
        }
        records.records.iter().filter(|record| record.position > before).cloned().collect()
    }

    /// Takes from the store what a record makes old. Doing it too early or twice costs a hit and nothing else.
    pub(crate) fn make_old(&mut self, config: &Config, from: Peer, record: &Record, out: &mut Outbox) {
        for name in record.old_names() {
            match self.names.get_mut(&name) {
                // Only the owner's own stream ends an interest; a former owner's late words only take values away.
                Some(interest) if interest.owner != from => {}
                Some(interest) if interest.since.is_none() => {
                    interest.last = interest.last.max(record.position);
                    interest.doubted = false;
                }
                Some(_) => {
                    self.names.remove(&name);
                }
                None => {}
            }
        }
        if record.is_wide() {
            let held = self.streams.entry(from).or_default();
            held.wide = held.wide.max(record.position);
        }
        if let Change::Leave { slots } = &record.change {
            self.follows
                .retain(|slot, followed| followed.owner != from || slots.binary_search(slot).is_err());
            let reached = self.streams.get(&from).map_or(Position(0), |held| held.watermark);
            let left = |name: &Name| slots.binary_search(&name.slot(config.slots)).is_ok();
            self.doubt(from, reached, left, out);
        }
        out.apply.extend(invalidation(record).map(Apply::Invalidate));
    }

    /// Sends a heartbeat now.
    pub fn beat(&mut self, now: Millis, owner: Peer, epoch: Epoch, out: &mut Outbox) {
        let held = self.streams.entry(owner).or_insert_with(|| Held::begun(now));
        // A lost release costs the owner one needless record.
        let released = std::mem::take(&mut held.released);
        held.beaten = Some(now);
        let beat = Heartbeat {
            sent: now,
            subscription: held.subscription,
            watermark: held.watermark,
            released,
            epoch,
        };
        out.send.push((To::Peer(owner), Message::Heartbeat(beat)));
    }

    /// Heartbeats that are due, questions that are due again, and streams that nobody needs.
    pub fn tick(&mut self, now: Millis, config: &Config, view: &View, out: &mut Outbox) {
        const UNUSED_MS: u64 = 20_000;
        const ASK_AGAIN_MS: u64 = 500;
        let mut needed: BTreeSet<Peer> = self.follows.values().map(|followed| followed.owner).collect();
        for (name, interest) in &mut self.names {
            needed.insert(interest.owner);
            if interest.since.is_none() && now.since(interest.asked) >= ASK_AGAIN_MS {
                self.wanted.entry(interest.owner).or_default().insert(name.clone());
            }
        }
        let peers: Vec<Peer> = self.streams.keys().copied().collect();
        for peer in peers {
            let held = &self.streams[&peer];
            let is_needed = needed.contains(&peer);
            if !is_needed && now.since(held.used) > UNUSED_MS {
                self.streams.remove(&peer);
            } else if held.beaten.is_none_or(|at| now.since(at) >= config.heartbeat_ms) && peer != config.me {
                self.beat(now, peer, view.epoch, out);
            }
        }
        self.give_up_old(now, config.request_ms);
        self.enlist(now, config, view, out);
    }

    /// A copy is to be asked about with its name's owner.
    pub fn want(&mut self, now: Millis, owner: Peer, name: Name, as_of: (Peer, Position)) {
        let ticket = self.ticket();
        let interest = self.names.entry(name.clone()).or_insert(Interest {
            owner,
            ticket,
            since: None,
            last: Position(0),
            as_of,
            asked: now,
            doubted: false,
        });
        interest.since = None;
        interest.as_of = as_of;
        self.wanted.entry(owner).or_default().insert(name);
    }

    /// Sends the questions that have gathered.
    pub fn enlist(&mut self, now: Millis, config: &Config, view: &View, out: &mut Outbox) {
        const MOST: usize = 512;
        for (owner, names) in std::mem::take(&mut self.wanted) {
            let names: Vec<Name> = names.into_iter().collect();
            if owner == config.me || owner == Peer::default() {
                continue;
            }
            for names in names.chunks(MOST) {
                let ticket = self.ticket();
                let mut asked = Vec::with_capacity(names.len());
                for name in names {
                    if let Some(interest) = self.names.get_mut(name)
                        && interest.owner == owner
                    {
                        interest.ticket = ticket;
                        interest.asked = now;
                        asked.push((name.clone(), interest.as_of.0, interest.as_of.1));
                    }
                }
                if asked.is_empty() {
                    continue;
                }
                self.streams.entry(owner).or_default().used = now;
                let listed = asked.iter().map(|(name, ..)| name.clone()).collect();
                self.enlisting.insert(ticket, (owner, listed));
                let enlist = Enlist { ticket, sent: now, names: asked, epoch: view.epoch };
                out.send.push((To::Peer(owner), Message::Enlist(enlist)));
            }
        }
        while self.enlisting.len() > 256 {
            self.enlisting.pop_first();
        }
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
        let Some((owner, names)) = self.enlisting.remove(&enlisted.ticket) else { return };
        if owner != from || !self.news(now, config, from, &enlisted.stream, out) {
            return;
        }
        for (name, clean) in names.into_iter().zip(&enlisted.clean) {
            let Some(clean) = clean else { continue };
            let Some(interest) = self.names.get_mut(&name) else { continue };
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
        }
    }

    /// A copy was given up.
    pub fn evicted(&mut self, key: &Bytes) {
        let name = Name::Key(key.clone());
        if let Some(interest) = self.names.remove(&name) {
            self.streams.entry(interest.owner).or_default().released.push((name, interest.ticket));
        }
    }

    /// How well copies under a name are covered, now that `view` says who owns it.
    pub fn covered(&self, config: &Config, view: &View, name: &Name) -> Option<Cover> {
        let slot = name.slot(view.slots);
        let owner = view.owner(slot);
        let interested = self.names.get(name).is_some_and(|i| i.owner == owner && i.since.is_some());
        let follows = self.follows.get(&slot).is_some_and(|followed| followed.owner == owner);
        let trusted = config.has(Planted::ReplicaTrusted);
        if !interested && !follows {
            return None;
        }
        let held = self.streams.get(&owner)?;
        let (proven, until) = held.proof().or(trusted.then_some((Millis(0), Millis(u64::MAX))))?;
        let (proven, until) = if trusted { (Millis(u64::MAX), Millis(u64::MAX)) } else { (proven, until) };
        Some(Cover { owner, proven, until, watermark: held.watermark })
    }

    fn give_up_old(&mut self, now: Millis, after_ms: u64) {
        self.admissions.retain(|admission| now.since(admission.born) <= after_ms);
        let wishes: BTreeSet<&Name> = self.admissions.iter().flat_map(|a| &a.waits_for).collect();
        let stale = |interest: &Interest, name: &Name| {
            interest.since.is_none()
                && !interest.doubted
                && now.since(interest.asked) > after_ms.saturating_mul(2)
                && !wishes.contains(name)
        };
        self.names.retain(|name, interest| !stale(interest, name));
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
        let Some(interest) = self.names.get_mut(&name).filter(|i| i.owner == from) else { return false };
        if interest.since.is_some() {
            return true;
        }
        let Some((_, head)) = as_of.iter().find(|(peer, _)| *peer == from) else { return false };
        if interest.ticket != ticket || interest.last > *head {
            return false;
        }
        interest.since = Some(*head);
        interest.doubted = false;
        out.apply.push(Apply::Drop(vec![key.clone()]));
        true
    }

    /// A read brought nothing that may be kept: the interest that only it began ends, and a copy in doubt goes with it.
    pub fn unexpect(&mut self, key: &Bytes, ticket: Ticket, out: &mut Outbox) {
        let name = Name::Key(key.clone());
        let ended = |i: &Interest| i.since.is_none() && i.ticket == ticket && !i.doubted;
        if self.names.get(&name).is_some_and(ended) {
            self.names.remove(&name);
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
        let follows = self.follows.get(&name.slot(view.slots)).is_some_and(|f| f.owner == owner);
        if owner == config.me || follows {
            let ticket = self.ticket();
            let (since, last) = (Some(place), Position(0));
            self.names.entry(name).or_insert(Interest {
                owner,
                ticket,
                since,
                last,
                as_of,
                asked: now,
                doubted: false,
            });
        } else if self.names.get(&name).is_none_or(|interest| interest.since.is_none()) {
            self.want(now, owner, name.clone(), as_of);
            if let Some(interest) = self.names.get_mut(&name) {
                interest.doubted = true;
            }
        }
    }

    /// Names that this process has come to order itself while it asked about them.
    pub fn own_questions(&mut self, me: Peer, ours: impl Fn(&Name) -> bool) -> Vec<(Name, (Peer, Position))> {
        let mine = self.names.iter().filter(|(name, i)| i.owner == me && i.since.is_none() && ours(name));
        mine.map(|(name, i)| (name.clone(), i.as_of)).collect()
    }

    /// The answer to one of them.
    pub fn answer_own(&mut self, name: &Name, clean: bool, head: Position, out: &mut Outbox) {
        if let Some(interest) = self.names.get_mut(name) {
            interest.since = Some(head);
            interest.last = Position(0);
            if !clean {
                forget(name, out);
            }
            interest.doubted = false;
        }
    }

    /// Queues an entry that is to be kept as soon as it may be.
    pub fn admit(&mut self, now: Millis, entry: crate::Entry, as_of: AsOf, wish: Wish) {
        self.admissions.push(Admission { entry, as_of, wish, born: now, waits_for: Vec::new(), tries: 0 });
    }
}

/// Takes away what stands under a name here, without anybody's record.
fn forget(name: &Name, out: &mut Outbox) {
    match name {
        Name::Key(key) => out.apply.push(Apply::Drop(vec![key.clone()])),
        name => out.apply.push(Apply::Invalidate(Invalidation {
            scope: name.scope(),
            effect: Effect::Gone,
            cascade: true,
            version: None,
            cause: Cause::Command,
        })),
    }
}

/// The engine's statement for a record.
pub fn invalidation(record: &Record) -> Option<Invalidation> {
    let (scope, effect, cascade) = match &record.change {
        Change::Invalidate { scope, effect, cascade } => ((**scope).clone(), *effect, *cascade),
        _ => (record.makes_old()?.scope(), Effect::Gone, true),
    };
    Some(Invalidation { scope, effect, cascade, version: record.version, cause: record.cause })
}
