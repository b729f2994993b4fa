//! This member's lease as an owner, the leases that it grants as a voter, and how it comes to know the latest view.

use std::sync::Arc;

use super::Member;
use crate::message::{LeaseAsk, LeaseGrant, Message};
use crate::outbox::{Outbox, Persist, To};
use crate::subscribers::Subscriber;
use crate::view::View;
use crate::waiting::Lack;
use crate::{Epoch, NodeId, Peer, Planted, Position, Slot};

impl Member {
    pub(super) fn ask_lease(&mut self, out: &mut Outbox) {
        let Some(view) = self.tenure.view().cloned() else { return };
        if !self.tenure.asks_lease(self.now, &self.config, !self.owned.all_began()) {
            return;
        }
        let ready = self.is_ready(&view) && self.have_heirs_all(&view);
        if ready {
            self.tenure.readies();
        }
        let ask = LeaseAsk { epoch: view.epoch, sent: self.now, ready };
        for voter in &view.voters {
            match *voter == self.me.node {
                true => self.lease_asked(self.me, &ask, out),
                false => out.send.push((To::Node(*voter), Message::LeaseAsk(ask.clone()))),
            }
        }
    }

    /// Who is the only voter has its word at hand: a lease that ran out while the process stood still is renewed before
    /// anything in this step needs it. Nobody else can have decided anything meanwhile.
    pub(super) fn renew_alone(&mut self, out: &mut Outbox) {
        let alone = self.tenure.view().is_some_and(|view| view.voters == [self.me.node]);
        if alone && !self.tenure.is_leased(self.now) {
            self.tenure.hurry();
            self.ask_lease(out);
        }
    }

    pub(super) fn lease_asked(&mut self, from: Peer, ask: &LeaseAsk, out: &mut Outbox) {
        self.voter.hear(from, ask);
        let Some(view) = self.tenure.view().cloned() else { return };
        self.notice(from, ask.epoch, out);
        if ask.epoch < view.epoch && from != self.me && !self.config.has(Planted::EpochIgnored) {
            self.tell_view(from, ask.epoch, out);
        }
        let chosen = (self.chooser.accepted_epoch(), self.chooser.has_promised_after(&view));
        let (grant, is_first) = self.voter.ask(self.now, &self.config, &view, chosen, from, ask);
        if is_first {
            out.persist.push(Persist::Granted(view.epoch, from));
        }
        self.proposing.stuck |= !grant.granted && chosen.1 && ask.epoch == view.epoch;
        match from == self.me {
            true => self.lease_granted(from, grant, out),
            false => out.send.push((To::Peer(from), Message::LeaseGrant(grant))),
        }
    }

    pub(super) fn lease_granted(&mut self, from: Peer, grant: LeaseGrant, out: &mut Outbox) {
        if self.tenure.view().is_none() {
            return;
        }
        self.notice(from, grant.epoch, out);
        self.tenure.granted(&self.config, from.node, grant);
        self.waiting.wake(Lack::Lease);
        self.parked.wake(Lack::Lease);
        self.begin_slots(false, out);
    }

    /// Whom no majority knows in its view asks around for a later one: those who should have told it may be gone.
    pub(super) fn seek_view(&mut self, out: &mut Outbox) {
        const OFTEN_MS: u64 = 1000;
        if self.tenure.has_asked(self.now, OFTEN_MS) || self.tenure.is_leased(self.now) {
            return;
        }
        let me = self.me.node;
        let alive = self.gossip.known().values().filter(|known| known.alive).map(|known| known.peer.node);
        let others: Vec<NodeId> = alive.filter(|node| *node != me).collect();
        if let Some(&node) = others.get((self.now.0 / OFTEN_MS) as usize % others.len().max(1)) {
            let mine = self.tenure.ask(self.now);
            out.send.push((To::Node(node), Message::ViewAsk(mine)));
        }
    }

    /// Somebody spoke of a later view: ask for it.
    pub(super) fn notice(&mut self, from: Peer, epoch: Epoch, out: &mut Outbox) {
        let is_later = epoch > self.tenure.epoch();
        if is_later && from != self.me && !self.tenure.has_asked(self.now, 100) {
            let mine = self.tenure.ask(self.now);
            out.send.push((To::Peer(from), Message::ViewAsk(mine)));
        }
    }

    pub(super) fn tell_view(&mut self, to: Peer, known: Epoch, out: &mut Outbox) {
        if let Some(view) = self.tenure.view().filter(|view| view.epoch > known) {
            out.send.push((To::Peer(to), Message::View(Arc::clone(view), self.voter.stopping(self.now))));
        }
    }

    /// Whether all who have a slot in the next placement have what was acknowledged before its replicas had it.
    fn have_heirs_all(&mut self, view: &View) -> bool {
        let (me, subscribers) = (self.me, &self.subscribers);
        let has = |peer: Peer, slot: Slot, position: Position| {
            let holder = subscribers.get(peer);
            holder.is_some_and(|holder| holder.follows.is_synced(slot) && holder.acked >= position)
        };
        let have = |slot: Slot, position: Position| {
            view.next.row(slot).all(|peer| peer == me || has(peer, slot, position))
        };
        self.owned.confirm_alone(have)
    }

    /// Whether all who gain slots in the next placement have what this member has for them, and what was acknowledged without
    /// them before they had.
    fn is_ready(&self, view: &View) -> bool {
        let gains = |slot: Slot, peer: Peer| view.next.row(slot).any(|other| other == peer);
        let has_all = |(peer, holder): (Peer, &Subscriber)| {
            let lacks = holder.follows.missing().any(|slot| gains(slot, peer));
            let is_behind = holder.acked < holder.given_at && view.next.has(peer);
            !lacks && (holder.follows.is_empty() || !is_behind)
        };
        self.owned.all_began() && self.subscribers.iter().all(has_all)
    }
}
