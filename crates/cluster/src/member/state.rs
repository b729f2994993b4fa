//! Handing slots over: their contents, while what happens meanwhile follows in the stream.

use std::collections::{BTreeMap, BTreeSet};

use clearwell_engine::Millis;

use super::Member;
use super::route::Work;
use crate::admission::Wish;
use crate::entry::AsOf;
use crate::holder::Followed;
use crate::message::{Message, State, StateTaken};
use crate::outbox::{Apply, Ask, Outbox, To};
use crate::waiting::Lack;
use crate::{Entry, Peer, Planted, Position, Slot};

/// Contents on their way to a follower.
#[derive(Debug)]
pub(super) struct Transfer {
    to: Peer,
    slots: Vec<Slot>,
    base: Position,
    begun: Millis,
}

impl Member {
    /// Begins to hand over what followers do not have and are not being given.
    pub(super) fn export(&mut self, out: &mut Outbox) {
        const AGAIN_MS: u64 = 1500;
        if self.now >= self.lease.until() {
            return;
        }
        let now = self.now;
        self.transfers.retain(|_, transfer| now.since(transfer.begun) < AGAIN_MS);
        let mut missing: BTreeMap<Peer, Vec<Slot>> = BTreeMap::new();
        let repairs = std::mem::take(&mut self.repairs);
        for (peer, holder) in self.subscribers.iter() {
            let first = (peer, Slot(0));
            let again = repairs.range(first..=(peer, Slot(u16::MAX))).map(|(_, slot)| *slot);
            let again = again.filter(|slot| holder.follows.is_synced(*slot));
            let wanted: BTreeSet<Slot> = holder.follows.missing().chain(again).collect();
            for slot in wanted {
                let under_way = self
                    .transfers
                    .values()
                    .any(|transfer| transfer.to == peer && transfer.slots.binary_search(&slot).is_ok());
                if !under_way && self.owned.get(&slot).is_some_and(|owned| owned.began) {
                    missing.entry(peer).or_default().push(slot);
                }
            }
        }
        for (to, slots) in missing {
            let ticket = self.holder.ticket();
            let base = self.head;
            let begun = self.now;
            self.transfers.insert(ticket, Transfer { to, slots: slots.clone(), base, begun });
            let streams = self.holder.streams.iter();
            let as_of: AsOf =
                streams.map(|(&peer, held)| (peer, held.watermark)).chain([(self.me, base)]).collect();
            let job = self.job(Work::Export { to, slots: slots.clone(), base, as_of });
            out.ask.push((job, Ask::Export { slots }));
        }
    }

    /// The contents are here: send them.
    pub(super) fn exported(
        &mut self,
        to: Peer,
        slots: Vec<Slot>,
        base: Position,
        as_of: AsOf,
        entries: Vec<Entry>,
        out: &mut Outbox,
    ) {
        let found = self.transfers.iter().find(|(_, t)| t.to == to && t.base == base && t.slots == slots);
        let Some((&ticket, _)) = found else { return };
        let Some(epoch) = self.view.as_ref().map(|view| view.epoch) else { return };
        let Some(subscription) = self.subscribers.get(to).map(|holder| holder.id) else { return };
        let within = |slot: Slot| slots.binary_search(&slot).is_ok();
        let covered = |entry: &Entry| self.is_covered(entry, base);
        let state = State {
            subscription,
            base,
            entries: entries.into_iter().filter(covered).collect(),
            as_of,
            marks: self
                .marks
                .iter()
                .filter(|(name, _)| within(name.slot(self.config.slots)))
                .map(|(name, position)| (name.clone(), position))
                .collect(),
            floor: self.marks.floor(),
            intents: self
                .intents
                .iter()
                .filter(|(key, _)| within(self.slot(key)))
                .flat_map(|(key, open)| open.iter().map(|intent| (key.clone(), *intent)))
                .collect(),
            journal: self
                .journal
                .iter()
                .filter(|(key, _)| within(self.slot(key)))
                .map(|(_, unflushed)| unflushed.entry.clone())
                .collect(),
            slots,
            ticket,
            epoch,
        };
        out.send.push((To::Peer(to), Message::State(Box::new(state))));
    }

    /// Contents of slots that this member is to follow.
    pub(super) fn take_state(&mut self, from: Peer, state: State, out: &mut Outbox) {
        self.notice(from, state.epoch, out);
        let Some(view) = self.view.clone().filter(|view| view.epoch == state.epoch) else { return };
        let follows = |slot: &Slot| view.owner(*slot) == from && view.followers(*slot).any(|f| f == self.me);
        let misses = self.holder.missed.get(&from).is_some_and(|missed| *missed > state.base);
        if !self.has_come_to(from, &state) {
            // Records before the base are still on their way: what they make old is not known yet.
            self.holder.beat(self.now, from, view.epoch, out);
            self.early_states.retain(|(peer, early)| *peer != from || early.slots != state.slots);
            return self.early_states.push((from, state));
        }
        if misses || !state.slots.iter().all(follows) {
            return;
        }
        let over = self.config.has(Planted::StateOverRecords);
        out.apply.push(Apply::Clear(state.slots.clone()));
        let within =
            |key: &crate::Bytes| state.slots.binary_search(&crate::slot::slot_of(key, view.slots)).is_ok();
        self.intents.retain(|key, _| !within(key));
        for (key, intent) in &state.intents {
            self.intents.entry(key.clone()).or_default().insert(*intent);
        }
        self.take_journal((from, state.base), &state.slots, state.journal);
        let marks = self.holder.marks.entry(from).or_default();
        for (name, position) in state.marks {
            marks.raise(name, position);
        }
        for slot in &state.slots {
            let followed = Followed { owner: from, base: state.base, floor: state.floor, whole: true };
            self.holder.follows.insert(*slot, followed);
        }
        self.holder.admissions.wake_all();
        for entry in state.entries {
            self.edges.note(&entry);
            self.shown.put(entry.key.clone(), entry.version);
            match over {
                true => out.apply.push(Apply::Put(entry)),
                false => self.holder.admit(self.now, entry, state.as_of.clone(), Wish::Replica),
            }
        }
        self.catch_up(from, &state.slots, state.base, out);
        self.persist_journal(state.slots, out);
        let taken = StateTaken { subscription: state.subscription, ticket: state.ticket };
        out.send.push((To::Peer(from), Message::StateTaken(taken)));
    }

    /// Takes contents that came before records which belong before them.
    pub(super) fn take_early_states(&mut self, out: &mut Outbox) {
        let Some(epoch) = self.view.as_ref().map(|view| view.epoch) else { return };
        for (from, state) in std::mem::take(&mut self.early_states) {
            if self.has_come_to(from, &state) {
                self.take_state(from, state, out);
            } else if state.epoch == epoch {
                self.early_states.push((from, state));
            }
        }
    }

    fn has_come_to(&self, from: Peer, state: &State) -> bool {
        self.holder
            .streams
            .get(&from)
            .is_some_and(|held| held.subscription == state.subscription && held.watermark >= state.base)
    }

    pub(super) fn state_taken(&mut self, from: Peer, taken: &StateTaken) {
        let Some(transfer) = self.transfers.remove(&taken.ticket) else { return };
        let Some(holder) = self.subscribers.get_mut(from, taken.subscription) else { return };
        if transfer.to != from || transfer.base < holder.lost_at {
            return;
        }
        holder.given_at = holder.last;
        for slot in &transfer.slots {
            if holder.follows.sync(*slot) {
                self.waiting.wake(Lack::Slot(*slot));
            }
        }
        self.lease.hurry();
    }
}
