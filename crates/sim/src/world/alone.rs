//! What was acknowledged while its owner alone had it: it may be lost with that owner, and with nothing else.
//!
//! A write may be lost when its owner's process has ended before it had its replicas' word, or when a view took that process for gone. Who
//! hands a slot over in order loses nothing. The loss counts from when somebody else could act as the slot's owner.

use clearwell_cluster::entry::{rank_epoch, rank_position};
use clearwell_cluster::request::{Ack, Done};
use clearwell_cluster::{Peer, Slot, View, slot};
use clearwell_engine::Version;
use clearwell_host::Actor;

use super::World;
use super::feed::TICKETS;
use crate::counts::Count;
use crate::history::Deed;
use crate::host::{State, index_of};
use crate::names::{Class, KeyId};

/// A write that its owner alone had when it was acknowledged.
#[derive(Debug, Clone, Copy)]
pub struct Alone {
    key: KeyId,
    slot: Slot,
    owner: Peer,
    version: Version,
}

impl World {
    /// A write was acknowledged.
    pub(super) fn note_alone(&mut self, ticket: u64, done: &Done) {
        let Some(op) = self.history.ops.get(ticket as usize).filter(|_| ticket < TICKETS) else { return };
        let (Some(version), Some(&(owner, _))) = (done.version, done.ordered.first()) else { return };
        let may_be_alone = matches!(op.deed, Deed::Write(..))
            && self.history.names.class(op.key) == Class::Cache
            && self.options.acks.of(op.key) == Ack::Owner;
        if !may_be_alone || done.survives {
            return;
        }
        let (key, slot) = (op.key, slot::slot_of(self.history.names.key(op.key), self.options.slots));
        self.counts.add(Count::AckedAlone, 1);
        self.alone.push(Alone { key, slot, owner, version });
        // Its owner may be gone by now, and another one may have begun.
        (0..self.hosts.len()).for_each(|host| self.settle_alone(host));
    }

    /// A host has made a step: what it has the replicas' word for is safe, and what it owns without its former owner may be lost.
    pub(super) fn settle_alone(&mut self, host: usize) {
        if self.alone.is_empty() || self.hosts[host].state != State::Up {
            return;
        }
        let mut left = Vec::new();
        for alone in std::mem::take(&mut self.alone) {
            let is_own = alone.owner == self.hosts[host].peer;
            let now = self.hosts[host].clock.read(self.now);
            let is_settled = match is_own {
                true => self.has_replicas_word(host, &alone),
                false => self.hosts[host].owns(now, alone.slot),
            };
            if !is_settled {
                left.push(alone);
            } else if !is_own && self.may_be_lost(host, &alone) {
                self.counts.add(Count::LostAlone, 1);
                self.history.lost.insert((alone.key, alone.version.0), self.now);
            }
        }
        self.alone = left;
    }

    fn has_replicas_word(&self, host: usize, alone: &Alone) -> bool {
        let actor = self.hosts[host].actor();
        actor.is_some_and(|actor| match &*actor {
            Actor::Member(member) => member.is_committed(alone.slot, rank_position(alone.version)),
            Actor::Near(_) => false,
        })
    }

    /// Whether a write's owner was gone when `host` got its slot.
    fn may_be_lost(&self, host: usize, alone: &Alone) -> bool {
        let owner = &self.hosts[index_of(alone.owner.node)];
        if owner.state != State::Up || owner.peer != alone.owner {
            return true;
        }
        let takes = |view: &&View| view.owner(alone.slot) != alone.owner;
        let is_gone = |view: &View| {
            let stranded = view.stranded.get(&alone.slot);
            view.is_removed(alone.owner) || stranded.is_some_and(|one| one.gone.contains_key(&alone.owner))
        };
        let since = rank_epoch(alone.version).next();
        if let Some(first) = self.views.since(since).find(takes) {
            return is_gone(first);
        }
        self.hosts[host].view().as_deref().filter(takes).is_some_and(is_gone)
    }
}
