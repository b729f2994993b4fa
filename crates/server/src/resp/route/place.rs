//! Who serves several slots, and who has any.

use clearwell_cluster::{Epoch, NodeId, Peer, Slot};

use crate::node::{Node, Place};

/// Which nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nodes {
    /// Those that own slots.
    Owners,
    /// Those without slots too.
    All,
}

/// Who serves all of some slots.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Placement {
    /// This node.
    Here,
    /// Another one, there.
    At(Peer, String),
    /// Different ones.
    Apart,
    /// Nobody, of one of them at least.
    Nobody,
}

impl Placement {
    /// As far as this node knows now. No slot is everybody's: this node serves it.
    pub fn of(node: &Node, slots: &[Slot]) -> Placement {
        let mut places = slots.iter().map(|slot| Placement::of_slot(node, *slot));
        let Some(first) = places.next() else { return Placement::Here };
        let mut all = first;
        for place in places {
            match place {
                _ if all == Placement::Nobody => return all,
                Placement::Nobody => return Placement::Nobody,
                place if place != all => all = Placement::Apart,
                _ => {}
            }
        }
        all
    }

    /// Who owns slots, or is a member at all, in the view that this node follows, by their numbers; and that view's number.
    pub fn of_nodes(node: &Node, which: Nodes) -> (Epoch, Vec<(NodeId, Placement)>) {
        let Some(view) = node.view() else { return (Epoch(0), Vec::new()) };
        let peers = match which {
            Nodes::Owners => view.all_owners().iter().copied().collect(),
            Nodes::All => view.members(),
        };
        let place = |peer: Peer| match node.addresses_of(peer) {
            _ if node.peer() == Some(peer) => Placement::Here,
            Some(addresses) if !addresses.resp.is_empty() => Placement::At(peer, addresses.resp),
            _ => Placement::Nobody,
        };
        (view.epoch, peers.into_iter().map(|peer| (peer.node, place(peer))).collect())
    }

    fn of_slot(node: &Node, slot: Slot) -> Placement {
        match node.place_of_slot(slot) {
            Place::Here => Placement::Here,
            Place::At(peer, addresses) if !addresses.resp.is_empty() => Placement::At(peer, addresses.resp),
            Place::At(..) | Place::Nobody => Placement::Nobody,
        }
    }
}
