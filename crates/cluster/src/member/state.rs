//! Handing slots over, the follower's half: parts take the place of what lay here, one after another.

use super::Member;
use crate::admission::Wish;
use crate::message::{Message, State, StateTaken, Taking};
use crate::outbox::{Apply, Outbox, To};
use crate::part::Part;
use crate::record::{Change, Record};
use crate::view::View;
use crate::{Bytes, Entry, Peer, Planted, Position};

impl Member {
    /// A part of slots that this member is to follow. It is taken at the end of steps ([`Member::take_states`]).
    pub(super) fn state(&mut self, from: Peer, state: State, out: &mut Outbox) {
        self.notice(from, state.epoch, out);
        let Some(view) = self.tenure.view().cloned().filter(|view| view.epoch == state.epoch) else { return };
        if !self.has_come_to(from, &state) {
            // Records before the base are still on their way: what they make old is not known yet. Or nothing is known of the
            // owner's clock.
            self.holder.beat(self.now, from, view.epoch, out);
        }
        // What is left of one that ends where this one does is in this one, too.
        let ends = |part: &Part| (part.slots.last().copied(), part.end.clone());
        self.states.retain(|(peer, other)| *peer != from || ends(&other.part) != ends(&state.part));
        self.states.push((from, state));
    }

    /// Takes contents that came, some entries in each step, unless records which belong before them are still on their way.
    pub(super) fn take_states(&mut self, out: &mut Outbox) {
        if self.states.is_empty() {
            return;
        }
        let Some(view) = self.tenure.view().cloned() else { return };
        self.states.retain(|(_, state)| state.epoch == view.epoch);
        let Some(at) = self.states.iter().position(|(from, state)| self.has_come_to(*from, state)) else {
            return;
        };
        let (from, state) = &mut self.states[at];
        let from = *from;
        match state.take_first(self.config.taken_most, view.slots) {
            Some(first) => {
                if !self.take_state(from, first, true, &view, out) {
                    self.states.remove(at);
                }
            }
            None => {
                let (_, state) = self.states.remove(at);
                self.take_state(from, state, false, &view, out);
            }
        }
    }

    /// Whether the steps that follow take more of what came.
    pub fn has_contents(&self) -> bool {
        self.states.iter().any(|(from, state)| self.has_come_to(*from, state))
    }

    /// Takes some contents, after which more of the same message may follow (`goes_on`), or gives its owner the word on them. Whether they
    /// are taken, so that what follows may be.
    fn take_state(&mut self, from: Peer, state: State, goes_on: bool, view: &View, out: &mut Outbox) -> bool {
        let follows = |slot: &crate::Slot| {
            view.owner(*slot) == from && view.followers(*slot).any(|follower| follower == self.me)
        };
        if !state.part.slots.iter().all(follows) {
            return false;
        }
        let misses = self.holder.missed.get(&from).is_some_and(|missed| *missed > state.base);
        let has_taken = self.holder.follows.has_taken(from, &state.part, state.ticket);
        let taking = match self.holder.follows.goes_on(from, &state.part) {
            _ if has_taken => Taking::Stored,
            false => Taking::Anew,
            true if misses => Taking::Again,
            true => Taking::Stored,
        };
        let is_taken = taking == Taking::Stored;
        let taken = StateTaken { subscription: state.subscription, ticket: state.ticket, taking };
        if is_taken && !has_taken {
            self.take_part(from, state, goes_on, view, out);
        }
        if !goes_on || !is_taken {
            out.send.push((To::Peer(from), Message::StateTaken(taken)));
        }
        is_taken
    }

    /// Keeps a part in the place of what lay here. What it replaces is kept until then, and what comes after it longer: this
    /// process may be the slots' next owner, and its present one has all that was acknowledged before.
    fn take_part(&mut self, from: Peer, state: State, goes_on: bool, view: &View, out: &mut Outbox) {
        let State { part, base, .. } = state;
        let over = self.config.has(Planted::StateOverRecords);
        out.apply.push(match (&part.after, &part.end) {
            (None, None) => Apply::Clear(part.slots.clone()),
            _ => Apply::Replace(part.clone()),
        });
        self.intents.retain(|key| !part.has(key, view.slots));
        for (key, intent) in state.intents {
            self.intents.open(key, intent);
        }
        self.take_journal((from, base), &part, state.journal);
        self.take_holds(&part, state.holds);
        self.shown.replace(&part);
        self.holder.marks.entry(from).or_default();
        self.holder.follows.take(from, &part, base, state.ticket, goes_on);
        if part.slots.iter().any(|slot| part.begins(*slot)) {
            // Names of these slots are known from here on.
            self.holder.admissions.wake_all();
        }
        for entry in state.entries {
            let entry = self.received(from, &entry);
            self.edges.note(&entry);
            self.shown.put(&entry);
            match over {
                true => out.apply.push(Apply::Put(entry)),
                false => self.holder.admit(self.now, entry, state.as_of.clone(), Wish::Replica),
            }
        }
        self.catch_up(from, &part, base, out);
        self.persist_slots(part.slots, out);
    }

    /// Applies what came for the slots after a part of what they contain was read.
    fn catch_up(&mut self, from: Peer, part: &Part, base: Position, out: &mut Outbox) {
        let kept = self.holder.early.remove(&from).unwrap_or_default();
        for record in kept.after(base) {
            let Some(slot) = record.slot.filter(|slot| part.slots.binary_search(slot).is_ok()) else {
                continue;
            };
            // Since a slot's first part its records are followed as they come: only this part's keys were set back.
            let concerns = part.begins(slot) || key_of(record).is_some_and(|key| part.has_in(slot, &key));
            if concerns {
                self.follow(from, slot, record, out);
            }
        }
        self.holder.early.insert(from, kept);
    }

    fn has_come_to(&self, from: Peer, state: &State) -> bool {
        let expires = |entry: &Entry| entry.expiry.is_some();
        self.holder.streams.get(&from).is_some_and(|held| {
            held.subscription == state.subscription
                && held.watermark >= state.base
                && (held.clock.is_some() || !state.entries.iter().any(expires))
        })
    }
}

/// The key that a record is about.
fn key_of(record: &Record) -> Option<Bytes> {
    match &record.change {
        Change::Fill { entry, .. } => Some(entry.key.clone()),
        Change::Flushed { key, .. } | Change::Settle { key, .. } => Some(key.clone()),
        _ => record.makes_old().map(|name| name.bytes().clone()),
    }
}
