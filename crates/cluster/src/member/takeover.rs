//! Views and leases as this member follows them: what it owns, since when, and from whom it has it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clearwell_engine::{Cause, Millis};

use super::Member;
use crate::holder::Followed;
use crate::message::{LeaseAsk, LeaseGrant, Message};
use crate::outbox::{Apply, Ask, Event, Outbox, Persist, To};
use crate::record::Change;
use crate::view::View;
use crate::{Epoch, Peer, Planted, Position, Slot};

use super::route::Work;

/// A slot that the view gives to this member.
#[derive(Debug, Clone)]
pub(super) struct Owned {
    /// The view in which it got it.
    pub gained: Epoch,
    /// Former owners have stopped, and this one has begun.
    pub began: bool,
    /// The head of its log then.
    pub began_at: Position,
    /// Whom it followed before, and up to where it does not know that owner's marks.
    pub inherited: Option<(Peer, Position)>,
    /// The source refuses what former owners may still send.
    pub fenced: bool,
    /// A fence was asked for.
    pub fencing: bool,
    /// How often a statement's outcome was unclear: a fence of a higher number than it bore makes it clear.
    pub unclear: u64,
    /// Read leases that a former owner gave have ended then.
    pub quiet_until: Millis,
}

impl Member {
    /// A view arrived.
    pub(super) fn install(&mut self, view: Arc<View>, out: &mut Outbox) {
        if self.view.as_ref().is_none_or(|now| now.epoch < view.epoch) {
            self.adopt(view, false, out);
        }
    }

    /// Follows a view. `begins` says that nobody owned anything before it.
    pub(super) fn adopt(&mut self, view: Arc<View>, begins: bool, out: &mut Outbox) {
        let before = self.view.replace(Arc::clone(&view));
        out.persist.push(Persist::View(Arc::clone(&view)));
        out.tell.push(Event::View(view.epoch));
        match begins {
            true => self.voter.begin(&view),
            false => self.voter.learn(self.now, &self.config, before.as_deref(), &view),
        }
        self.lease.hurry();
        let consecutive = before.as_ref().is_some_and(|before| before.epoch.next() == view.epoch);
        self.leave_slots(&view, consecutive, out);
        let ended = self.holder.follow_view(&view, self.me, self.head, out);
        self.gain_slots(&view, begins, out);
        if !ended.is_empty() {
            out.apply.push(Apply::Clear(ended));
        }
        self.keep_only_followed(&view);
        self.follow_up(&view);
        self.begin_slots(begins, out);
        self.proposing.settle(&view);
    }

    fn leave_slots(&mut self, view: &View, consecutive: bool, out: &mut Outbox) {
        let kept = |slot: &Slot| consecutive && view.owner(*slot) == self.me;
        let left: Vec<Slot> = self.owned.keys().copied().filter(|slot| !kept(slot)).collect();
        if left.is_empty() {
            return;
        }
        for slot in &left {
            self.owned.remove(slot);
            let followers: Vec<Peer> = self.subscribers.followers(*slot).collect();
            followers.into_iter().for_each(|peer| self.subscribers.unfollow(peer, *slot));
        }
        self.subscribers.leave(&left, self.config.slots);
        let slots: Arc<[Slot]> = left.as_slice().into();
        self.append(None, Change::Leave { slots }, None, Cause::Command, 0, out);
        let (kept, gone): (Vec<Slot>, Vec<Slot>) = left.into_iter().partition(|slot| {
            view.owner(*slot) == self.me || view.followers(*slot).any(|peer| peer == self.me)
        });
        for slot in kept {
            let (owner, base, floor) = (self.me, self.head, self.marks.floor());
            self.holder.follows.insert(slot, Followed { owner, base, floor, whole: false });
        }
        out.apply.push(Apply::Clear(gone));
    }

    fn gain_slots(&mut self, view: &View, begins: bool, _: &mut Outbox) {
        for slot in view.owned_by(self.me) {
            if self.owned.contains_key(&slot) {
                continue;
            }
            // Whoever this member followed when the view took the owner away is whose work it continues.
            let inherited = self.holder.follows.get(&slot).map(|f| (f.owner, f.floor));
            let inherited = inherited.filter(|_| !view.is_lost(slot));
            self.owned.insert(
                slot,
                Owned {
                    gained: view.epoch,
                    began: false,
                    began_at: Position(0),
                    inherited,
                    fenced: begins,
                    fencing: false,
                    unclear: 0,
                    quiet_until: Millis(0),
                },
            );
        }
    }

    /// Begins with the slots whose former owners have stopped.
    pub(super) fn begin_slots(&mut self, begins: bool, out: &mut Outbox) {
        let settled = if begins { Epoch(u64::MAX) } else { self.lease.settled() };
        let ready = self.owned.iter().filter(|(_, owned)| !owned.began && owned.gained <= settled);
        let ready: Vec<Slot> = ready.map(|(&slot, _)| slot).collect();
        if ready.is_empty() {
            return;
        }
        let open: BTreeSet<Slot> =
            self.intents.keys().chain(self.journal.keys()).map(|key| self.slot(key)).collect();
        let mut lost = Vec::new();
        let quiet = self.now.plus(self.config.long(self.config.read_lease_ms));
        for slot in &ready {
            self.holder.follows.remove(slot);
            let owned = self.owned.get_mut(slot).expect("listed from it above");
            owned.began = true;
            owned.began_at = self.head;
            if owned.inherited.is_none() && !begins {
                lost.push(*slot);
            } else if !open.contains(slot) {
                owned.fenced = true;
            }
            if self.config.has(Planted::IntentForgotten) {
                owned.fenced = true;
            }
            owned.quiet_until = if begins { Millis(0) } else { quiet };
        }
        if self.config.has(Planted::IntentForgotten) {
            self.intents
                .retain(|key, _| ready.binary_search(&crate::slot::slot_of(key, self.config.slots)).is_err());
        }
        if !lost.is_empty() {
            out.apply.push(Apply::Clear(lost.clone()));
            out.tell.push(Event::Lost(lost));
        }
        let epoch = self.view.as_ref().map_or(Epoch(0), |view| view.epoch);
        out.tell.push(Event::Owns(epoch, ready));
        if let Some(view) = self.view.clone() {
            self.follow_up(&view);
        }
        self.answer_own_questions(out);
        self.recover();
        self.fence(out);
        self.export(out);
    }

    /// What this member asked former owners about is its own to answer now.
    fn answer_own_questions(&mut self, out: &mut Outbox) {
        let owned = &self.owned;
        let slots = self.config.slots;
        let began = |name: &crate::Name| owned.get(&name.slot(slots)).is_some_and(|owned| owned.began);
        for (name, (peer, position)) in self.holder.own_questions(self.me, began) {
            let clean = self.is_clean(&name, peer, position);
            self.holder.answer_own(&name, clean, self.head, out);
        }
    }

    /// Sees to it that all who are to follow this member's slots are told of them.
    fn follow_up(&mut self, view: &View) {
        for (&slot, owned) in &self.owned {
            let now: Vec<Peer> = self.subscribers.followers(slot).collect();
            let wanted: Vec<Peer> = view.followers(slot).collect();
            for peer in now.iter().filter(|peer| !wanted.contains(peer)) {
                self.subscribers.unfollow(*peer, slot);
            }
            for peer in wanted.iter().filter(|peer| owned.began && !now.contains(peer)) {
                self.subscribers.follow(self.now, *peer, slot, self.head);
            }
        }
    }

    /// Journal and intents of slots that this member neither owns nor follows are others' business now.
    fn keep_only_followed(&mut self, view: &View) {
        let me = self.me;
        let concerns = |key: &crate::Bytes| {
            let slot = crate::slot::slot_of(key, view.slots);
            view.owner(slot) == me || view.followers(slot).any(|peer| peer == me)
        };
        self.journal.retain(|key, _| concerns(key));
        self.intents.retain(|key, _| concerns(key));
        self.shown.retain(|key, _| concerns(key));
    }

    /// Asks the sources to refuse former owners' statements where some may be under way.
    pub(super) fn fence(&mut self, out: &mut Outbox) {
        let open = |owned: &Owned| owned.began && !owned.fenced && !owned.fencing;
        let slots: Vec<Slot> = self.owned.iter().filter(|(_, o)| open(o)).map(|(&slot, _)| slot).collect();
        if slots.is_empty() || self.now >= self.lease.until() {
            return;
        }
        let mut groups: BTreeMap<Epoch, Vec<Slot>> = BTreeMap::new();
        for slot in slots {
            let number = self.fence_number(slot);
            self.owned.get_mut(&slot).expect("listed from it above").fencing = true;
            groups.entry(number).or_default().push(slot);
        }
        for (epoch, slots) in groups {
            let job = self.job(Work::Fence(slots.clone(), epoch));
            out.ask.push((job, Ask::Fence { slots, epoch }));
        }
    }

    /// What statements for a slot's keys bear, and what its fences refuse below: the view in which this member got the slot,
    /// and how often a statement's fate was unclear since.
    pub(super) fn fence_number(&self, slot: Slot) -> Epoch {
        const UNCLEAR_BITS: u32 = 24;
        let owned = self.owned.get(&slot);
        owned.map_or(Epoch(0), |owned| Epoch((owned.gained.0 << UNCLEAR_BITS) + owned.unclear))
    }

    /// Nobody knows what became of a statement for this slot: until it is fenced nothing more is known of its key.
    pub(super) fn unclear(&mut self, slot: Slot) {
        if let Some(owned) = self.owned.get_mut(&slot) {
            owned.unclear += 1;
            owned.fenced = false;
        }
    }

    pub(super) fn fenced(&mut self, slots: Vec<Slot>, number: Epoch, done: bool, out: &mut Outbox) {
        let mut sure = Vec::new();
        for slot in slots {
            let current = self.fence_number(slot) == number;
            if let Some(owned) = self.owned.get_mut(&slot) {
                owned.fencing = false;
                owned.fenced |= done && current;
                if done && current {
                    sure.push(slot);
                }
            }
        }
        let slots = sure;
        for (key, unflushed) in &mut self.journal {
            if unflushed.unclear && slots.contains(&crate::slot::slot_of(key, self.config.slots)) {
                (unflushed.flushing, unflushed.unclear) = (false, false);
            }
        }
        let settled: Vec<(crate::Bytes, Slot, Position)> = self
            .intents
            .iter()
            .map(|(key, open)| (key, self.slot(key), open))
            .filter(|(_, slot, _)| slots.contains(slot))
            .flat_map(|(key, slot, open)| {
                let known = open
                    .iter()
                    .filter(|(peer, position)| *peer != self.me || self.unclear_intents.contains(position));
                known.map(move |(_, position)| (key.clone(), slot, *position))
            })
            .collect();
        for (key, slot, intent) in settled {
            if let Some(open) = self.intents.get_mut(&key) {
                open.retain(|(_, position)| *position != intent);
            }
            self.intents.retain(|_, open| !open.is_empty());
            self.unclear_intents.remove(&intent);
            self.append(Some(slot), Change::Settle { key, intent }, None, Cause::Write, 0, out);
        }
    }

    pub(super) fn ask_lease(&mut self, out: &mut Outbox) {
        let Some(view) = self.view.clone() else { return };
        if !self.lease.is_due(self.now, &self.config) {
            return;
        }
        let ask = LeaseAsk { epoch: view.epoch, sent: self.now, ready: self.is_ready(&view) };
        for voter in &view.voters {
            match *voter == self.me.node {
                true => self.lease_asked(self.me, &ask, out),
                false => out.send.push((To::Node(*voter), Message::LeaseAsk(ask.clone()))),
            }
        }
    }

    pub(super) fn lease_asked(&mut self, from: Peer, ask: &LeaseAsk, out: &mut Outbox) {
        let Some(view) = self.view.clone() else { return };
        self.notice(from, ask.epoch, out);
        if ask.epoch < view.epoch && from != self.me && !self.config.has(Planted::EpochIgnored) {
            self.tell_view(from, ask.epoch, out);
        }
        let accepted = self.chooser.accepted_epoch();
        let grant = self.voter.ask(self.now, &self.config, &view, accepted, from, ask);
        match from == self.me {
            true => self.lease_granted(from, grant, out),
            false => out.send.push((To::Peer(from), Message::LeaseGrant(grant))),
        }
    }

    pub(super) fn lease_granted(&mut self, from: Peer, grant: LeaseGrant, out: &mut Outbox) {
        let Some(view) = self.view.clone() else { return };
        self.notice(from, grant.epoch, out);
        self.lease.granted(&self.config, &view, from.node, grant);
        self.begin_slots(false, out);
    }

    /// Somebody spoke of a later view: ask for it.
    pub(super) fn notice(&mut self, from: Peer, epoch: Epoch, out: &mut Outbox) {
        let mine = self.view.as_ref().map_or(Epoch(0), |view| view.epoch);
        let lately = self.view_asked.is_some_and(|at| self.now.since(at) < 100);
        if epoch > mine && from != self.me && !lately {
            self.view_asked = Some(self.now);
            out.send.push((To::Peer(from), Message::ViewAsk(mine)));
        }
    }

    pub(super) fn tell_view(&mut self, to: Peer, known: Epoch, out: &mut Outbox) {
        if let Some(view) = self.view.as_ref().filter(|view| view.epoch > known) {
            out.send.push((To::Peer(to), Message::View(Arc::clone(view))));
        }
    }

    /// Whether all who gain slots in the next placement have what this member has for them.
    fn is_ready(&self, view: &View) -> bool {
        self.owned.iter().all(|(&slot, owned)| {
            owned.began
                && view.next.row(slot).filter(|peer| *peer != self.me).all(|peer| self.is_synced(peer, slot))
        })
    }
}
