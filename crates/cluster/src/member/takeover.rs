//! Views as this member follows them: what it owns, since when, and from whom it has it.

use std::collections::BTreeSet;
use std::sync::Arc;

use clearwell_words::{Cause, Millis};

use super::Member;
use crate::holder::Followed;
use crate::message::Stopping;
use crate::outbox::{Apply, Event, Outbox, Persist};
use crate::record::Change;
use crate::view::View;
use crate::{Epoch, Peer, Planted, Slot};

impl Member {
    /// A view arrived.
    pub(super) fn install(&mut self, view: Arc<View>, stopping: &[Stopping], out: &mut Outbox) {
        if self.tenure.view().is_none_or(|now| now.epoch < view.epoch) {
            self.adopt(view, stopping, false, out);
        }
    }

    /// Follows a view. `begins` says that nobody owned anything before it, `stopping` what its sender knows of those who
    /// did.
    pub(super) fn adopt(&mut self, view: Arc<View>, stopping: &[Stopping], begins: bool, out: &mut Outbox) {
        let before = self.tenure.follow(Arc::clone(&view));
        out.persist.push(Persist::View(Arc::clone(&view)));
        out.tell.push(Event::View(view.epoch));
        self.voter.learn(self.now, &self.config, &view, stopping);
        self.leave_slots(&view, before, out);
        let ended = self.holder.follow_view(&view, before, self.me, self.log.head(), out);
        self.gain_slots(&view, begins, out);
        self.trim_anew();
        if !ended.is_empty() {
            out.apply.push(Apply::Clear(ended));
        }
        self.keep_what_counts(&view, before, out);
        self.follow_up(&view);
        self.renew_transfers();
        self.wake_all();
        self.begin_slots(begins, out);
        self.proposing.settle(&view);
        self.ask_lease(out);
    }

    fn leave_slots(&mut self, view: &View, before: Epoch, out: &mut Outbox) {
        let counts = |slot: &Slot| view.emptied(*slot) <= before;
        let kept = |slot: &Slot| before.next() == view.epoch && view.owner(*slot) == self.me && counts(slot);
        let left: Vec<Slot> = self.owned.from(Slot(0)).filter(|slot| !kept(slot)).collect();
        if left.is_empty() {
            return;
        }
        let mut had_begun = BTreeSet::new();
        for slot in &left {
            if self.owned.lose(*slot) {
                had_begun.insert(*slot);
            }
        }
        self.subscribers.leave(&left, self.config.slots);
        let slots: Arc<[Slot]> = left.as_slice().into();
        self.append(None, Change::Leave { slots }, None, Cause::Command, 0, out);
        let (kept, gone): (Vec<Slot>, Vec<Slot>) =
            left.into_iter().partition(|slot| view.concerns(*slot, self.me) && counts(slot));
        // Where it had not begun, it follows whom it followed before, or nobody: there is nothing of its own to go on with.
        for slot in kept.into_iter().filter(|slot| had_begun.contains(slot)) {
            let floor = self.log.floor();
            self.holder.follows.insert(slot, Followed { floor, ..Followed::begun(self.me, self.log.head()) });
        }
        out.apply.push(Apply::Clear(gone));
    }

    fn gain_slots(&mut self, view: &View, begins: bool, _: &mut Outbox) {
        for slot in view.owned_by(self.me) {
            if self.owned.has(slot) {
                continue;
            }
            // Whoever this member followed when the view took the owner away is whose work it continues.
            let inherited = self.holder.follows.get(slot).map(|f| (f.owner, f.floor));
            self.owned.gain(slot, view.epoch, inherited, begins);
        }
    }

    /// Begins with the slots whose former owners have stopped.
    pub(super) fn begin_slots(&mut self, begins: bool, out: &mut Outbox) {
        if self.owned.all_began() {
            return;
        }
        let settled = if begins { Epoch(u64::MAX) } else { self.tenure.settled() };
        let ready = self.owned.ready(settled);
        if ready.is_empty() {
            return;
        }
        let unflushed = self.journal.entries().map(|(key, _)| key).chain(self.recovered.keys());
        let written = self.intents.keys().filter(|key| self.config.needs_fence(key));
        let open: BTreeSet<Slot> = written.chain(unflushed).map(|key| self.slot(key)).collect();
        let view = self.tenure.view().cloned();
        let (mut anew, mut lost) = (Vec::new(), Vec::new());
        if !begins {
            // A place of its own: what was read here before, at the same head, knows nothing of the former owner's records.
            self.log.skip();
        }
        let quiet = self.now.plus(self.config.long(self.config.read_lease_ms)).min(self.voter.quiet());
        for slot in &ready {
            self.holder.follows.remove(*slot);
            let is_anew = self.owned.inherited(*slot).is_none() && !begins;
            if is_anew {
                anew.push(*slot);
                let emptied = view.as_ref().map(|view| view.emptied(*slot));
                if emptied == self.owned.gained(*slot) {
                    lost.push(*slot);
                }
            }
            let is_planted = self.config.has(Planted::IntentForgotten) || self.config.has(Planted::Unfenced);
            let fenced = (!is_anew && !open.contains(slot)) || is_planted;
            let quiet_until = if begins { Millis(0) } else { quiet };
            self.owned.begin(*slot, self.log.head(), quiet_until, fenced);
        }
        self.wake_all();
        if self.config.has(Planted::IntentForgotten) {
            self.intents
                .retain(|key| ready.binary_search(&crate::slot::slot_of(key, self.config.slots)).is_err());
        }
        if !anew.is_empty() {
            out.apply.push(Apply::Clear(anew));
        }
        if !lost.is_empty() {
            out.tell.push(Event::Lost(lost));
        }
        self.settle_told(&ready, out);
        let epoch = self.tenure.epoch();
        out.tell.push(Event::Owns(epoch, ready));
        if let Some(view) = self.tenure.view().cloned() {
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
        let began = |name: &crate::Name| owned.has_begun(name.slot(slots));
        for (name, (peer, position)) in self.holder.own_questions(self.me, began) {
            let clean = self.are_copies_clean(&name, peer, position);
            self.holder.answer_own(&name, clean, self.log.head(), out);
        }
    }

    /// Sees to it that all who are to follow this member's slots are told of them.
    fn follow_up(&mut self, view: &View) {
        for slot in self.owned.from(Slot(0)) {
            let began = self.owned.has_begun(slot);
            let now: Vec<Peer> = self.subscribers.followers(slot).collect();
            let wanted: Vec<Peer> = view.followers(slot).collect();
            for peer in now.iter().filter(|peer| !wanted.contains(peer)) {
                self.subscribers.unfollow(*peer, slot, view.epoch);
            }
            for peer in wanted.iter().filter(|peer| began && !now.contains(peer)) {
                self.subscribers.follow(self.now, *peer, slot, self.log.head());
            }
        }
    }
}
