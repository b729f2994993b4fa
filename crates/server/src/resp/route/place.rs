//! Who serves several slots.

use clearwell_cluster::{Peer, Slot};

use crate::node::{Node, Place};

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

    fn of_slot(node: &Node, slot: Slot) -> Placement {
        match node.place_of_slot(slot) {
            Place::Here => Placement::Here,
            Place::At(peer, addresses) if !addresses.resp.is_empty() => Placement::At(peer, addresses.resp),
            Place::At(..) | Place::Nobody => Placement::Nobody,
        }
    }
}
