//! Who serves a key.

use std::sync::Arc;

use clearwell_cluster::slot::slot_of;
use clearwell_cluster::{Peer, Slot, View as ClusterView};
use clearwell_engine::View;
use clearwell_words::{Addresses, Level, Token};

use crate::node::Node;
use crate::planted::{self, PlantedHere};

/// Who serves a key now, as far as this node knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// This node.
    Here,
    /// Another one, which says that it can be reached there.
    At(Peer, Addresses),
    /// Nobody: its owner is being replaced, or this side has no majority.
    Nobody,
}

/// The slots that a node owns in the view that it follows; a node alone owns all.
pub struct OwnSlots {
    /// Who, and in which view; `None`: alone.
    of: Option<(Peer, Option<Arc<ClusterView>>)>,
}

impl OwnSlots {
    /// Whether a key is in one of them. Other keys may lie here as copies, for their owners.
    pub fn has(&self, key: &[u8]) -> bool {
        match &self.of {
            None => true,
            Some((_, None)) => false,
            Some((me, Some(view))) => view.owner(slot_of(key, view.slots)) == *me,
        }
    }
}

impl Node {
    /// The slots that this node owns now, lease or not.
    pub fn own_slots(&self) -> OwnSlots {
        OwnSlots { of: self.cluster.as_ref().map(|cluster| (cluster.identity.peer(), self.view())) }
    }

    /// This node's process in its cluster.
    pub fn peer(&self) -> Option<Peer> {
        self.cluster.as_ref().map(|cluster| cluster.identity.peer())
    }

    /// The view that this node follows; `None`: none yet, or it is alone.
    pub fn view(&self) -> Option<Arc<ClusterView>> {
        self.host.actor().view().cloned()
    }

    /// Where a process of another node says that it can be reached.
    pub fn addresses_of(&self, peer: Peer) -> Option<Addresses> {
        let known = self.cluster.as_ref()?.known.lock();
        known.iter().find(|(other, _)| other.node == peer.node).map(|(_, addresses)| addresses.clone())
    }

    /// Whether the node is one of a cluster.
    #[inline]
    pub fn is_in_cluster(&self) -> bool {
        self.cluster.is_some()
    }

    /// The slot of a key.
    pub fn slot_of(&self, key: &[u8]) -> Slot {
        slot_of(key, self.cluster.as_ref().map_or(clearwell_cluster::slot::SLOTS, |cluster| cluster.slots))
    }

    /// Who serves a key. A node alone serves all.
    pub fn place_of(&self, key: &[u8]) -> Place {
        match self.cluster {
            None => Place::Here,
            Some(_) => self.place_of_slot(self.slot_of(key)),
        }
    }

    /// Whether an entry of a key that this node serves may be served. In a cluster, the owners of its tags and dependencies are other nodes: it
    /// may only while they tell this node of what they order, and that is certain.
    #[inline]
    pub(in crate::node) fn may_serve(&self, view: &View<'_>, level: Level) -> bool {
        self.cluster.is_none() || !has_names(view) || {
            let level = match level {
                Level::Weak | Level::Bounded(_) => level,
                // The key itself is ordered here. An eventual read may be given what nothing proves only where the reply says so, and none does.
                _ => Level::Bounded(u64::MAX),
            };
            self.host.may_serve_view(self.clock.tick(), view, level, &Token::default())
        }
    }

    /// Whether this node serves a slot, as of the time at which the work began that asks ([`Node::wake`]).
    #[inline]
    pub fn serves_slot(&self, slot: Slot) -> bool {
        self.cluster.is_none() || self.host.serves(self.clock.now(), slot)
    }

    /// Who serves a slot.
    pub fn place_of_slot(&self, slot: Slot) -> Place {
        let Some(cluster) = &self.cluster else { return Place::Here };
        let owner = {
            let actor = self.host.actor();
            if actor.owns(self.clock.tick_awake(), slot) {
                return Place::Here;
            }
            let is_mine = || actor.view().is_some_and(|view| view.owner(slot) == cluster.identity.peer());
            if planted::has(PlantedHere::LeaseUnchecked) && is_mine() {
                return Place::Here;
            }
            actor.view().map(|view| view.owner(slot))
        };
        let Some(owner) =
            owner.filter(|owner| *owner != cluster.identity.peer() && *owner != Peer::default())
        else {
            return Place::Nobody;
        };
        self.addresses_of(owner).map_or(Place::Nobody, |addresses| Place::At(owner, addresses))
    }
}

fn has_names(view: &View<'_>) -> bool {
    view.tags().next().is_some() || view.dependencies().next().is_some()
}
