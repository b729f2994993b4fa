//! Handing slots over, the owner's half: contents go in parts, one after another, while what happens meanwhile follows in the
//! stream. A slot is handed over as soon as its last part is confirmed; what is not confirmed is sent again after a time
//! that grows with how long parts take, up to a limit: a follower may be deaf for a while (flow control by credit: so many parts are on
//! their way to a follower at once).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use clearwell_words::Millis;

use super::Member;
use super::route::Work;
use crate::entry::AsOf;
use crate::hold::Hold;
use crate::message::{Message, State, StateTaken, Taking};
use crate::outbox::{Ask, Outbox, To};
use crate::part::Part;
use crate::subscribers::Subscriber;
use crate::waiting::Lack;
use crate::{Bytes, Entry, Peer, Planted, Position, Slot, Ticket};

/// How many parts may be on their way to one follower, when parts arrive quickly: a slow link is given one at a time.
const CREDIT: usize = 4;
const QUICK_MS: u64 = 250;

/// How many slots one after another are asked for at once.
const SLOTS_MOST: usize = 256;

/// How long a part is waited for at first.
const PATIENCE_MS: u64 = 1000;

/// How long a part is waited for at most, where parts take no longer: a cut must not outlive its end by as long as it took, nor by what one part took in it.
const PATIENCE_MOST_MS: u64 = 8 * PATIENCE_MS;

/// After which time the planted bug gives a part up.
const GIVEN_UP_MS: u64 = 1500;

/// Slots on their way to one follower, one after another; one part of them at a time.
#[derive(Debug)]
struct Lane {
    to: Peer,
    slots: VecDeque<Slot>,
    /// Of the first slot, what has arrived.
    after: Option<Bytes>,
    /// The place of the log as of which the first slot's first part was read.
    began: Position,
    /// What was sent of it since, and may still be confirmed.
    sent: Vec<Sent>,
    /// When a part was asked for or sent last, and how long its word is waited for.
    moved: Millis,
    patience_ms: u64,
}

/// A part on its way.
#[derive(Debug)]
struct Sent {
    ticket: Ticket,
    part: Part,
    base: Position,
    at: Millis,
}

/// All transfers of one owner.
#[derive(Debug, Default)]
pub(super) struct Transfers {
    lanes: BTreeMap<u64, Lane>,
    made: u64,
    under_way: BTreeSet<(Peer, Slot)>,
    /// How long the last part to each follower took.
    took_ms: BTreeMap<Peer, u64>,
    /// Slots whose contents differed at a follower that has all records.
    repairs: BTreeSet<(Peer, Slot)>,
}

impl Transfers {
    /// A follower is to be given a slot once more.
    pub fn repair(&mut self, to: Peer, slot: Slot) {
        self.repairs.insert((to, slot));
    }

    /// Whether a follower is still to be given a slot.
    fn wants(&self, to: Peer, slot: Slot, holder: Option<&Subscriber>) -> bool {
        holder.is_some_and(|holder| {
            holder.follows.is_missing(slot)
                || (holder.follows.is_synced(slot) && self.repairs.contains(&(to, slot)))
        })
    }

    /// How many parts more may be on their way to each follower that is given some.
    fn credit(&self) -> impl Fn(Peer) -> usize + use<> {
        let most = |peer: &Peer| match self.took_ms.get(peer) {
            Some(&took) if took <= QUICK_MS => CREDIT,
            _ => 1,
        };
        let mut left: BTreeMap<Peer, usize> = self.took_ms.keys().map(|peer| (*peer, most(peer))).collect();
        for lane in self.lanes.values() {
            let left = left.entry(lane.to).or_insert(1);
            *left = left.saturating_sub(1);
        }
        move |peer| left.get(&peer).copied().unwrap_or(1)
    }

    fn open(&mut self, to: Peer, slots: Vec<Slot>, now: Millis) -> u64 {
        self.made += 1;
        self.under_way.extend(slots.iter().map(|slot| (to, *slot)));
        let (slots, sent) = (slots.into(), Vec::new());
        let (after, began) = (None, Position(0));
        let patience_ms = patience_ms(self.took_ms.get(&to).copied().unwrap_or(0));
        self.lanes.insert(self.made, Lane { to, slots, after, began, sent, moved: now, patience_ms });
        self.made
    }

    fn close(&mut self, id: u64) {
        if let Some(lane) = self.lanes.remove(&id) {
            for slot in lane.slots {
                self.under_way.remove(&(lane.to, slot));
            }
        }
    }

    /// Takes the slots off that are not wanted any more. False when none is left.
    fn prune(&mut self, id: u64, wanted: impl Fn(&Transfers, Peer, Slot) -> bool) -> bool {
        let Some(mut lane) = self.lanes.remove(&id) else { return false };
        let first = lane.slots.front().copied();
        let (stay, gone): (Vec<Slot>, Vec<Slot>) =
            lane.slots.iter().partition(|slot| wanted(self, lane.to, **slot));
        gone.into_iter().for_each(|slot| {
            self.under_way.remove(&(lane.to, slot));
        });
        lane.slots = stay.into();
        if lane.slots.front().copied() != first {
            lane.after = None;
            lane.sent.clear();
        }
        let goes_on = !lane.slots.is_empty();
        if goes_on {
            self.lanes.insert(id, lane);
        }
        goes_on
    }

    /// Which lane a word is about.
    fn find(&self, to: Peer, ticket: Ticket) -> Option<u64> {
        let is_of = |lane: &Lane| lane.to == to && lane.sent.iter().any(|sent| sent.ticket == ticket);
        self.lanes.iter().find(|(_, lane)| is_of(lane)).map(|(&id, _)| id)
    }
}

/// How long the next part is waited for.
fn patience_ms(took_ms: u64) -> u64 {
    PATIENCE_MS.max(2 * took_ms)
}

impl Lane {
    /// A part has arrived. Returns how long it took, and the slots of which that was the last, each with the place of its first part.
    fn advance(&mut self, ticket: Ticket, now: Millis) -> (u64, Vec<(Slot, Position)>) {
        let Some(at) = self.sent.iter().position(|sent| sent.ticket == ticket) else {
            return (0, Vec::new());
        };
        let Sent { part, base, at, .. } = self.sent.swap_remove(at);
        self.sent.clear();
        let took_ms = now.since(at);
        self.patience_ms = patience_ms(took_ms);
        let mut done = Vec::new();
        for &slot in &part.slots {
            if part.begins(slot) {
                self.began = base;
            }
            if part.ends(slot) {
                done.push((slot, self.began));
                self.slots.pop_front();
            }
        }
        self.after = part.end;
        (took_ms, done)
    }
}

impl Member {
    /// Sends on what waited too long for its word, and begins with what followers do not have.
    pub(super) fn export(&mut self, out: &mut Outbox) {
        if !self.tenure.is_leased(self.now) {
            return;
        }
        let ids: Vec<u64> = self.transfers.lanes.keys().copied().collect();
        for id in ids {
            self.hurry_lane(id, out);
        }
        let mut wanted: Vec<(Peer, Vec<Slot>)> = Vec::new();
        let (transfers, credit) = (&self.transfers, self.transfers.credit());
        for (to, holder) in self.subscribers.iter() {
            let again = transfers.repairs.range((to, Slot(0))..=(to, Slot(u16::MAX))).map(|(_, slot)| *slot);
            let missing =
                holder.follows.missing().chain(again.filter(|slot| holder.follows.is_synced(*slot)));
            let room = credit(to) * SLOTS_MOST;
            let begun = |slot: &Slot| self.owned.has_begun(*slot);
            let free = missing.filter(|slot| begun(slot) && !transfers.under_way.contains(&(to, *slot)));
            let mut slots: Vec<Slot> = free.take(room).collect();
            if !slots.is_empty() {
                slots.sort_unstable();
                wanted.push((to, slots));
            }
        }
        for (to, slots) in wanted {
            for slots in slots.chunks(SLOTS_MOST) {
                let id = self.transfers.open(to, slots.to_vec(), self.now);
                self.export_part(id, out);
            }
        }
    }

    /// Sends a part again whose word has not come in time; seldom to somebody who is not heard: a follower that nothing has reached yet
    /// does not know whom to follow, and says nothing.
    fn hurry_lane(&mut self, id: u64, out: &mut Outbox) {
        let (owned, subscribers) = (&self.owned, &self.subscribers);
        let wanted = |transfers: &Transfers, to: Peer, slot: Slot| {
            owned.has_begun(slot) && transfers.wants(to, slot, subscribers.get(to))
        };
        if !self.transfers.prune(id, wanted) {
            return;
        }
        let (now, heartbeat_ms) = (self.now, self.config.heartbeat_ms);
        let Some(lane) = self.transfers.lanes.get_mut(&id) else { return };
        let gives_up = self.config.has(Planted::TransferTimeout);
        if now.since(lane.moved) < if gives_up { GIVEN_UP_MS } else { lane.patience_ms } {
            return;
        }
        if gives_up {
            return self.transfers.close(id);
        }
        let is_heard =
            subscribers.get(lane.to).is_some_and(|holder| holder.silent_ms(now) <= 2 * heartbeat_ms);
        lane.moved = now;
        let took_ms = self.transfers.took_ms.get(&lane.to).copied().unwrap_or(0);
        let longest = PATIENCE_MOST_MS.max(patience_ms(took_ms));
        lane.patience_ms = if is_heard { (lane.patience_ms * 2).min(longest) } else { longest };
        self.export_part(id, out);
    }

    /// Asks the store for the next part of a lane.
    fn export_part(&mut self, id: u64, out: &mut Outbox) {
        let Some(lane) = self.transfers.lanes.get_mut(&id) else { return };
        lane.moved = self.now;
        let slots: Vec<Slot> = lane.slots.iter().copied().collect();
        let after = lane.after.clone();
        let (base, known) = (self.log.head(), self.holder.last_ticket());
        let streams = self.holder.streams.iter();
        let as_of: AsOf =
            streams.map(|(&peer, held)| (peer, held.watermark)).chain([(self.me, base)]).collect();
        let part = Part { slots: slots.clone(), after: after.clone(), end: None };
        let job = self.jobs.begin(Work::Export { lane: id, part, base, known, as_of });
        out.ask.push((job, Ask::Export { slots, after, bytes: self.config.part_bytes }));
    }

    /// A part is here: send it, if it is still the next one.
    pub(super) fn exported(
        &mut self,
        id: u64,
        (mut part, base, as_of): (Part, Position, AsOf),
        (mut entries, end): (Vec<Entry>, Option<(Slot, Bytes)>),
        out: &mut Outbox,
    ) {
        part = part.until(end);
        let holds = self.holds_of(&mut part);
        let journal = self.journal_of(&mut part);
        entries.retain(|entry| part.has(&entry.key, self.config.slots));
        let Some(epoch) = self.tenure.view().map(|view| view.epoch) else { return };
        let Some(lane) = self.transfers.lanes.get_mut(&id) else { return };
        let Some(subscription) = self.subscribers.get(lane.to).map(|holder| holder.id) else { return };
        if lane.after != part.after || lane.slots.front() != part.slots.first() {
            return;
        }
        let (to, ticket) = (lane.to, self.holder.ticket());
        lane.moved = self.now;
        lane.sent.push(Sent { ticket, part: part.clone(), base, at: self.now });
        let intents = self.intents.of(|key| part.has(key, self.config.slots));
        let state =
            State { subscription, part, base, entries, as_of, intents, journal, holds, ticket, epoch };
        out.send.push((To::Peer(to), Message::State(Box::new(state))));
    }

    /// What is held in the slots that begin in a part, which ends earlier when that is much.
    fn holds_of(&self, part: &mut Part) -> Vec<Hold> {
        let (mut bytes, mut most) = (0, part.slots.len());
        for (at, &slot) in part.slots.iter().enumerate() {
            bytes += self.holds.bytes_of(slot);
            if at > 0 && bytes > self.config.part_bytes {
                most = at;
                break;
            }
        }
        if most < part.slots.len() {
            part.slots.truncate(most);
            part.end = None;
        }
        let begun = part.slots.iter().filter(|slot| part.begins(**slot));
        begun.flat_map(|slot| self.holds.of(self.now, *slot)).collect()
    }

    /// What the source does not have yet of a part, which ends earlier when that is much.
    fn journal_of(&self, part: &mut Part) -> Vec<Entry> {
        let mut journal: Vec<(Slot, &Entry)> = Vec::new();
        for (key, entry) in self.journal.entries() {
            let slot = self.slot(key);
            if part.has_in(slot, key) {
                journal.push((slot, entry));
            }
        }
        journal.sort_by_key(|(slot, _)| *slot);
        let mut bytes = 0;
        let most = self.config.part_bytes;
        let fits = journal.iter().take_while(|(_, entry)| {
            let fits = bytes == 0 || bytes + entry.bytes() <= most;
            bytes += entry.bytes();
            fits
        });
        let fits = fits.count();
        if fits < journal.len() {
            let (slot, last) = journal[fits - 1];
            part.slots.retain(|other| *other <= slot);
            part.end = Some(last.key.clone());
        }
        journal.into_iter().take(fits).map(|(_, entry)| entry.clone()).collect()
    }

    /// A follower's word on a part.
    pub(super) fn state_taken(&mut self, from: Peer, taken: &StateTaken, out: &mut Outbox) {
        let Some(id) = self.transfers.find(from, taken.ticket) else { return };
        let subscription = (from, taken.subscription);
        let Some(holder) = self.subscribers.get_mut(self.now, &self.config, subscription) else { return };
        let Some(lane) = self.transfers.lanes.get_mut(&id) else { return };
        let mut done = Vec::new();
        match taken.taking {
            Taking::Stored => {
                let (took_ms, slots) = lane.advance(taken.ticket, self.now);
                self.transfers.took_ms.insert(from, took_ms);
                done = slots;
            }
            Taking::Again => lane.sent.clear(),
            Taking::Anew => {
                lane.sent.clear();
                lane.after = None;
            }
        }
        if lane.after.is_some() && lane.began < holder.lost_at {
            lane.after = None;
        }
        for (slot, began) in done {
            self.transfers.under_way.remove(&(from, slot));
            self.transfers.repairs.remove(&(from, slot));
            // What was given before records were lost is not whole: it is wanted once more.
            if began >= holder.lost_at && holder.follows.sync(slot) {
                holder.given_at = holder.last;
                self.waiting.wake(Lack::Slot(slot));
                self.tenure.hurry();
            }
        }
        let empty = self.transfers.lanes.get(&id).is_none_or(|lane| lane.slots.is_empty());
        if empty {
            self.transfers.close(id);
            self.export(out);
        } else {
            self.export_part(id, out);
        }
    }

    /// What is on its way bears a view that is over: it is sent again under the present one.
    pub(super) fn renew_transfers(&mut self) {
        for lane in self.transfers.lanes.values_mut() {
            lane.sent.clear();
            lane.moved = Millis(0);
        }
        self.transfers.repairs.retain(|(peer, _)| self.subscribers.get(*peer).is_some());
        self.transfers.took_ms.retain(|peer, _| self.subscribers.get(*peer).is_some());
    }
}
