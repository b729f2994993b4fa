//! How the cluster stands, as this node sees it.

use clearwell_cluster::{Epoch, Input, NodeId, Operation, Peer, Slot};
use clearwell_words::Addresses;

use crate::node::Node;

/// The cluster as one node sees it.
#[derive(Debug, Clone)]
pub struct ClusterReport {
    /// Its name.
    pub name: String,
    /// This node.
    pub me: Peer,
    /// Where its links are listened for.
    pub link: String,
    /// The view that it follows; 0: none yet.
    pub epoch: Epoch,
    /// Who has a voice in the choice of views.
    pub voters: Vec<NodeId>,
    /// How many slots there are.
    pub slots: u16,
    /// Replicas of each slot.
    pub replicas: u8,
    /// Whether nothing is on its way from one node to another: all have what the view gives them.
    pub settled: bool,
    /// The slots that this node may serve now.
    pub serves: usize,
    /// All nodes that are known.
    pub nodes: Vec<NodeReport>,
}

/// One node of it.
#[derive(Debug, Clone)]
pub struct NodeReport {
    /// Its latest process.
    pub peer: Peer,
    /// Where it can be reached.
    pub addresses: Addresses,
    /// Whether it answers, as far as gossip knows.
    pub alive: bool,
    /// Whether it wants to go.
    pub leaving: bool,
    /// Its share.
    pub weight: u32,
    /// The slots that it owns in the view, as ranges with both ends.
    pub owns: Vec<(Slot, Slot)>,
    /// How many slots it is a replica of.
    pub follows: usize,
}

impl Node {
    /// What an operator wants of the cluster; `false`: the node is alone.
    pub fn operate(&self, operation: Operation) -> bool {
        if self.cluster.is_some() {
            self.step(self.clock.tick(), Input::Operate(operation));
        }
        self.cluster.is_some()
    }

    /// How the cluster stands; `None`: the node is alone.
    pub fn cluster_report(&self) -> Option<ClusterReport> {
        let cluster = self.cluster.as_ref()?;
        let (view, known, serves) = self.host.member_state(self.clock.tick())?;
        let addresses = cluster.known.lock().clone();
        let of = |node: NodeId| {
            let found = addresses.iter().find(|(peer, _)| peer.node == node);
            found.map(|(_, addresses)| addresses.clone()).unwrap_or_default()
        };
        let slots = || (0..cluster.slots).map(Slot);
        let nodes = known.into_iter().map(|known| {
            let owns = |slot: &Slot| view.as_ref().is_some_and(|view| view.owner(*slot) == known.peer);
            let follows = |slot: &Slot| {
                view.as_ref().is_some_and(|view| view.replicas(*slot).any(|peer| peer == known.peer))
            };
            NodeReport {
                peer: known.peer,
                addresses: of(known.peer.node),
                alive: known.alive,
                leaving: known.leaving,
                weight: known.weight,
                owns: ranges(slots().filter(owns)),
                follows: slots().filter(follows).count(),
            }
        });
        Some(ClusterReport {
            name: cluster.identity.name().to_owned(),
            me: cluster.identity.peer(),
            link: cluster.links.get().map(|links| links.listening().to_string()).unwrap_or_default(),
            slots: cluster.slots,
            nodes: nodes.collect(),
            serves,
            epoch: view.as_ref().map_or(Epoch(0), |view| view.epoch),
            voters: view.as_ref().map(|view| view.voters.clone()).unwrap_or_default(),
            replicas: view.as_ref().map_or(0, |view| view.base.replicas),
            settled: view.as_ref().is_some_and(|view| view.is_settled()),
        })
    }
}

/// Neighbours together.
fn ranges(slots: impl Iterator<Item = Slot>) -> Vec<(Slot, Slot)> {
    let mut ranges: Vec<(Slot, Slot)> = Vec::new();
    for slot in slots {
        match ranges.last_mut() {
            Some((_, end)) if end.0 + 1 == slot.0 => *end = slot,
            _ => ranges.push((slot, slot)),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_make_a_range() {
        let slots = [0, 1, 2, 7, 9, 10].map(Slot);
        let all = [(0, 2), (7, 7), (9, 10)].map(|(from, to)| (Slot(from), Slot(to)));
        assert_eq!(ranges(slots.into_iter()), all);
        assert!(ranges(std::iter::empty()).is_empty());
    }
}
