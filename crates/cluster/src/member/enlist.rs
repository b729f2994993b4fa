//! This member as the owner of names: interests, heartbeats; and its own copies' records.

use super::Member;
use crate::holder::Cover;
use crate::message::{Enlist, Enlisted, Heartbeat, Message, Records};
use crate::name::Name;
use crate::outbox::{Outbox, To};
use crate::subscribers::Place;
use crate::{Peer, Position};

impl Member {
    /// Notes interests, each before the question whether anything came since is answered.
    pub(super) fn enlist(&mut self, from: Peer, enlist: &Enlist, out: &mut Outbox) {
        self.notice(from, enlist.epoch, out);
        let Some(view) = self.tenure.view().cloned() else { return };
        let mut clean = Vec::with_capacity(enlist.names.len());
        for (name, peer, position) in &enlist.names {
            let slot = name.slot(view.slots);
            // What is made from a key whose write is under way is old as soon as the source has it, which may be told much later.
            let is_made_of_open = matches!(name, Name::Dependents(_)) && self.intents.is_open(name);
            if is_made_of_open || !self.owns(self.now, slot) {
                clean.push(None);
                continue;
            }
            self.subscribers.subscribe(self.now, from, self.log.head());
            self.subscribers.note(name, from, enlist.ticket);
            clean.push(Some(self.are_copies_clean(name, *peer, *position)));
        }
        let lease_ms = self.read_lease_ms();
        let place = Place { head: self.log.head(), sent: enlist.sent, lease_ms, epoch: view.epoch };
        let stream = self.subscribers.stream(self.now, &self.config, from, place);
        let enlisted = Enlisted { ticket: enlist.ticket, clean, stream };
        out.send.push((To::Peer(from), Message::Enlisted(enlisted)));
    }

    /// Whether nothing made the name old since a place in an owner's order: its own, or that of the owner it followed before.
    pub(super) fn is_clean(&self, name: &Name, peer: Peer, position: Position) -> bool {
        let slot = name.slot(self.config.slots);
        let Some(began_at) = self.owned.began_at(slot) else { return false };
        let last = self.log.last(name);
        if peer == self.me {
            return began_at <= position && last <= position;
        }
        match self.owned.inherited(slot) {
            Some((owner, floor)) if owner == peer && last <= began_at => {
                let marks = self.holder.marks.get(&peer);
                marks.is_some_and(|marks| marks.last(name).max(floor) <= position)
            }
            _ => false,
        }
    }

    /// Whether copies under the name are as new as they were at such a place. Those of a former owner are of one value of their key: this owner
    /// must know of which, or it could not tell that it shows another.
    pub(super) fn are_copies_clean(&self, name: &Name, peer: Peer, position: Position) -> bool {
        let is_known = match name {
            Name::Key(key) => peer == self.me || self.shown.is_inherited(key),
            _ => true,
        };
        is_known && self.is_clean(name, peer, position)
    }

    pub(super) fn heartbeat(&mut self, from: Peer, beat: &Heartbeat, out: &mut Outbox) {
        self.notice(from, beat.epoch, out);
        let Some(view) = self.tenure.view().cloned() else { return };
        if let Some(mut records) = self.subscribers.heartbeat(self.now, &self.config, from, beat) {
            records.epoch = view.epoch;
            let pieces = records.in_pieces();
            out.send.extend(pieces.map(|records| (To::Peer(from), Message::Records(records))));
        }
        self.hears(from);
        let lease_ms = self.read_lease_ms();
        let place = Place { head: self.log.head(), sent: beat.sent, lease_ms, epoch: view.epoch };
        let stream = self.subscribers.stream(self.now, &self.config, from, place);
        out.send.push((To::Peer(from), Message::Beat(stream)));
    }

    /// A holder has given its word on what it has applied.
    pub(super) fn hears(&mut self, from: Peer) {
        if let Some(holder) = self.subscribers.get(from) {
            self.waiting.wake_told(from, holder.acked);
        }
    }

    pub(super) fn records(&mut self, from: Peer, records: &Records, out: &mut Outbox) {
        self.notice(from, records.epoch, out);
        let epoch = self.tenure.epoch();
        let followed = self.holder.records(self.now, &self.config, from, epoch, records, out);
        self.has_news(from);
        for record in &records.records {
            if record.cascades()
                && let Some(name) = record.makes_old()
            {
                self.cascade(name.bytes(), record.depth, out);
            }
        }
        for record in followed {
            self.follow_record(from, record, out);
        }
    }

    /// How well copies under a name are covered, whoever owns it.
    pub(super) fn cover(&self, name: &Name) -> Option<Cover> {
        let view = self.tenure.view()?;
        let slot = name.slot(view.slots);
        if view.owner(slot) != self.me {
            return self.holder.covered(&self.config, view, name);
        }
        let until = self.tenure.until();
        let began = self.owned.has_begun(slot);
        began.then_some(Cover {
            owner: self.me,
            proven: self.now.min(until),
            until,
            watermark: self.log.head(),
        })
    }

    /// How long ago, in milliseconds, it was certain that nothing was missing; `None` when leased levels may not be served.
    pub(super) fn proof_age(&self, name: &Name) -> Option<u64> {
        let cover = self.cover(name)?;
        (self.now < cover.until).then(|| self.config.long(self.now.since(cover.proven)))
    }
}
