//! This member's log: appending, and what followers must have before anything is said.

use std::sync::Arc;

use clearwell_words::{Cause, Effect, Invalidation, Scope, Version};

use super::Member;
use super::route::Origin;
use super::wait::Slots;
use crate::holder::invalidation;
use crate::name::Name;
use crate::outbox::{Apply, Outbox};
use crate::record::{Change, Record};
use crate::request::Refusal;
use crate::view::View;
use crate::waiting::Lack;
use crate::{Bytes, Peer, Planted, Position, Slot, Ticket};

impl Member {
    /// Appends a record: it is applied here and addressed to all whom it concerns.
    pub(super) fn append(
        &mut self,
        slot: Option<Slot>,
        change: Change,
        version: Option<Version>,
        cause: Cause,
        depth: u8,
        out: &mut Outbox,
    ) -> Arc<Record> {
        let (record, old) = self.log.append(&self.config, slot, change, version, (cause, depth));
        self.holder.own_record(self.me, &old);
        self.hide_commit(&record);
        match &record.change {
            Change::Put { entry, .. } | Change::Journal { entry, .. } => {
                out.apply.push(Apply::Invalidate(Invalidation {
                    scope: Scope::Dependents((*entry.key).into()).into(),
                    effect: Effect::Gone,
                    cascade: true,
                    version: None,
                    cause,
                }));
                out.apply.push(Apply::Put(entry.clone()));
            }
            Change::Touch { key, expiry, .. } => {
                out.apply.push(Apply::Touch { key: key.clone(), expiry: *expiry });
            }
            _ => out.apply.extend(invalidation(&record).map(Apply::Invalidate)),
        }
        let waited =
            !matches!(record.change, Change::Fill { .. } | Change::Flushed { .. } | Change::Leave { .. });
        self.subscribers.address(self.now, &self.config, (&record, &old), waited);
        if record.cascades()
            && let Some(name) = old.first()
        {
            self.edges.forget(name);
            // What is put is shown in its place.
            if !matches!(record.change, Change::Put { .. } | Change::Journal { .. }) {
                self.forget_shown(name, &record);
            }
            self.cascade(name.bytes(), depth, out);
        }
        if record.is_wide() {
            self.cascade_wide(&record, out);
        }
        record
    }

    /// Which values of a key a commit of the source takes away: those before its version, or all.
    pub(super) fn older_than(&self, key: &Bytes, commit: Option<Version>) -> Option<Version> {
        match self.config.has(Planted::RankCompared) {
            true => commit,
            false => self.shown.older_than(key, commit),
        }
    }

    /// What a record takes away is not shown any more.
    pub(super) fn forget_shown(&mut self, name: &Name, record: &Record) {
        if let Name::Key(key) = name {
            self.shown.forget(key, record);
        }
    }

    /// Whether a follower has all that a slot contains, and what was added since on its way.
    pub(super) fn is_synced(&self, peer: Peer, slot: Slot) -> bool {
        self.subscribers.get(peer).is_some_and(|holder| holder.follows.is_synced(slot))
    }

    /// Who must have a record of a slot before it is acknowledged: its replicas, and whoever was reported to be ready to
    /// become one.
    fn required(&self, slot: Slot) -> impl Iterator<Item = Peer> + '_ {
        self.tenure.view().into_iter().flat_map(move |view| {
            // What was told of heirs cannot be taken back: the next view may be decided on it at any time.
            let told = self.tenure.has_readied();
            let is_replica = move |peer: Peer| view.replicas(slot).any(|replica| replica == peer);
            let is_heir = move |&peer: &Peer| {
                peer != self.me && !is_replica(peer) && (told || self.is_synced(peer, slot))
            };
            view.replicas(slot).chain(view.next.row(slot).filter(is_heir))
        })
    }

    /// Whether a record of a slot survives the loss of this member, or cannot by the number of replicas there are. Public for checkers.
    pub fn is_committed(&self, slot: Slot, position: Position) -> bool {
        self.lacks_to_commit(slot, position).is_none()
    }

    /// Answers when what was ordered of a key until now is committed.
    pub(super) fn settle_key(&mut self, ticket: Ticket, key: Bytes, out: &mut Outbox) {
        let (origin, slot) = (Origin::Local(ticket), self.slot(&key));
        if !self.owns(self.now, slot) {
            // What was ordered here may be lost with the tenure.
            return self.refuse(&origin, Refusal::Unknown, out);
        }
        let position = self.log.last(&Name::Key(key));
        self.acknowledge(origin, true, position, Slots::One(slot), None, None);
    }

    /// What is missing before that is so.
    pub(super) fn lacks_to_commit(&self, slot: Slot, position: Position) -> Option<Lack> {
        if self.config.has(Planted::AckBeforeReplication) {
            return None;
        }
        // Whoever acts in a view is known to a majority of its voters: else those who were removed by it still count.
        if !self.tenure.is_granted() {
            return Some(Lack::Lease);
        }
        if self.needs_nobody() {
            return None;
        }
        self.required(slot).find_map(|peer| {
            let holder = self.subscribers.get(peer);
            match holder.filter(|holder| holder.follows.is_synced(slot)) {
                None => Some(Lack::Slot(slot)),
                Some(holder) => (holder.acked < position).then_some(Lack::Word(peer, position)),
            }
        })
    }

    /// Whether nobody but this member has to have a record, whatever its slot.
    pub(super) fn needs_nobody(&self) -> bool {
        self.tenure.is_granted() && self.tenure.view().is_some_and(|view| view.has_no_replicas())
    }

    /// Whether a committed record of the slot lies with another node too that would go on with it.
    pub(super) fn survives(&self, slot: Slot) -> bool {
        let has_replica = |view: &Arc<View>| !view.has_no_replicas() && view.replicas(slot).next().is_some();
        self.tenure.view().is_some_and(has_replica)
    }
}
