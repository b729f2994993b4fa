//! Who can go on with a slot.
//!
//! What was acknowledged lies with a slot's holders, in memory or on their disks, and with those who were removed since,
//! as long as no owner after them has acted: voters tell whom they granted nothing. When all of them went, nobody else
//! may begin the slot. It goes on when one of them is back, or begins empty when an operator has said of each that it will
//! not come.

use std::collections::{BTreeMap, BTreeSet};

use crate::membership::Known;
use crate::view::{Placement, View};
use crate::{Epoch, NodeId, Peer, Slot};

/// A slot that is not owned as the placement says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stranded {
    /// The last who had it, or those of them who are back; the first is its owner.
    pub holders: Vec<Peer>,
    /// The view in which it began empty; 0 for never. What is older than that counts for nothing.
    pub emptied: Epoch,
}

/// What is known when the next view is made.
pub struct Outlook<'a> {
    /// By gossip.
    pub known: &'a BTreeMap<NodeId, Known>,
    /// Nodes that an operator said will not come back.
    pub forgotten: &'a BTreeSet<NodeId>,
}

impl Outlook<'_> {
    /// Whether an operator said that a node will not come back.
    pub fn is_forgotten(&self, node: NodeId) -> bool {
        self.forgotten.contains(&node)
    }

    /// The present process of a node, if it answers.
    fn process(&self, node: NodeId) -> Option<Peer> {
        let known = self.known.get(&node).filter(|known| known.alive && !self.is_forgotten(node));
        known.map(|known| known.peer)
    }

    /// Whether a process is gone.
    pub fn is_dead(&self, peer: Peer) -> bool {
        self.known.get(&peer.node).is_some_and(|known| {
            !known.alive || known.peer.incarnation > peer.incarnation || self.is_forgotten(peer.node)
        })
    }
}

/// The members of a row that may have everything of its slot that was acknowledged, as far as is known in the view `now`. Members that
/// are not removed may have it. A member that was removed may have it too, as long as the owner after it has acknowledged nothing: so the
/// removed ones are gone through backwards, group by group. `idle` says since which view an owner has acted in none before this one. What
/// an owner does in this very view is not known yet, so a member that this view removed counts.
pub fn keepers(
    row: impl Iterator<Item = Peer>,
    removed: &BTreeMap<Peer, Epoch>,
    idle: &BTreeMap<Peer, Epoch>,
    now: Epoch,
) -> Vec<Peer> {
    let row: Vec<(Epoch, Peer)> =
        row.map(|peer| (removed.get(&peer).copied().unwrap_or(Epoch(u64::MAX)), peer)).collect();
    let mut oldest = row.iter().map(|(at, _)| *at).max().unwrap_or_default();
    while let Some(group) = row.iter().map(|(at, _)| *at).filter(|at| *at < oldest).max() {
        let owner = row.iter().find(|(at, _)| *at >= oldest).map(|(_, peer)| peer);
        let was_idle = owner.and_then(|owner| idle.get(owner)).is_some_and(|since| *since <= group);
        if !was_idle && group < now {
            break;
        }
        oldest = group;
    }
    row.into_iter().filter(|(at, _)| *at >= oldest).map(|(_, peer)| peer).collect()
}

/// Who did nothing in `view` and maybe before it, when only `acted` can have (`None`: anybody).
pub fn idle_after(view: &View, acted: Option<&BTreeSet<Peer>>) -> BTreeMap<Peer, Epoch> {
    let mut owners: BTreeSet<Peer> = BTreeSet::new();
    (0..view.slots).map(Slot).for_each(|slot| {
        owners.insert(view.owner(slot));
    });
    let former = view.idle.iter().filter(|(peer, _)| view.is_removed(**peer) && !owners.contains(peer));
    let mut idle: BTreeMap<Peer, Epoch> = former.map(|(&peer, &since)| (peer, since)).collect();
    if let Some(acted) = acted {
        let still = owners.iter().filter(|owner| !acted.contains(owner));
        idle.extend(still.map(|&owner| (owner, view.idle.get(&owner).copied().unwrap_or(view.epoch))));
    }
    idle
}

/// The stranded slots of the view that comes after `view`; `to_come` is that view without them. `adopts` says that its base
/// is new: who owns a slot has handed it over, unless it is dead.
pub fn after(view: &View, to_come: &View, adopts: bool, outlook: &Outlook<'_>) -> BTreeMap<Slot, Stranded> {
    let mut stranded = BTreeMap::new();
    let nobody = view.slots > 0 && to_come.base.row(Slot(0)).next().is_none();
    if to_come.removed.is_empty() && view.stranded.is_empty() && !nobody {
        return stranded;
    }
    for slot in (0..view.slots).map(Slot) {
        let stays =
            |old: &&Stranded| !adopts || old.holders.first().is_none_or(|&peer| outlook.is_dead(peer));
        let old = view.stranded.get(&slot).filter(stays);
        if old.is_none() && to_come.base.row(slot).any(|peer| !to_come.is_removed(peer)) {
            continue;
        }
        let last = match old {
            Some(old) => old.holders.clone(),
            None => keepers(to_come.base.row(slot), &to_come.removed, &to_come.idle, to_come.epoch),
        };
        let emptied = old.map_or(Epoch(0), |old| old.emptied);
        stranded.insert(slot, go_on(slot, last, emptied, to_come.epoch, &to_come.next, outlook));
    }
    stranded
}

fn go_on(
    slot: Slot,
    last: Vec<Peer>,
    emptied: Epoch,
    now: Epoch,
    next: &Placement,
    outlook: &Outlook<'_>,
) -> Stranded {
    let alive: Vec<Peer> = last.iter().copied().filter(|&peer| !outlook.is_dead(peer)).collect();
    if !alive.is_empty() {
        return Stranded { holders: alive, emptied };
    }
    let kept: Vec<Peer> = last.into_iter().filter(|peer| !outlook.is_forgotten(peer.node)).collect();
    let back: Vec<Peer> = kept.iter().filter_map(|peer| outlook.process(peer.node)).collect();
    match (back.is_empty(), kept.is_empty()) {
        (false, _) => Stranded { holders: back, emptied },
        (true, false) => Stranded { holders: kept, emptied },
        (true, true) => {
            let holders: Vec<Peer> = next.row(slot).take(1).collect();
            let emptied = if holders.is_empty() { emptied } else { now };
            Stranded { holders, emptied }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(node: u64) -> Peer {
        Peer { node: NodeId(node), incarnation: 1 }
    }

    fn of(removed: &[(u64, u64)], idle: &[(u64, u64)]) -> Vec<u64> {
        let map =
            |list: &[(u64, u64)]| list.iter().map(|&(node, epoch)| (peer(node), Epoch(epoch))).collect();
        let row = [1, 2, 3].map(peer).into_iter();
        keepers(row, &map(removed), &map(idle), Epoch(9)).iter().map(|peer| peer.node.0).collect()
    }

    #[test]
    fn who_was_removed_counts_until_somebody_after_it_has_acted() {
        assert_eq!(of(&[], &[]), [1, 2, 3]);
        assert_eq!(of(&[(1, 5)], &[]), [2, 3]);
        assert_eq!(of(&[(1, 5)], &[(2, 5)]), [1, 2, 3]);
        assert_eq!(of(&[(1, 9)], &[]), [1, 2, 3], "nobody knows yet what 2 does in view 9");
        assert_eq!(of(&[(1, 9), (3, 8)], &[]), [1, 2]);
        assert_eq!(of(&[(1, 5), (2, 6), (3, 7)], &[]), [3]);
        assert_eq!(of(&[(1, 5), (2, 6), (3, 7)], &[(3, 6)]), [2, 3]);
        assert_eq!(of(&[(1, 5), (2, 6), (3, 7)], &[(3, 6), (2, 5)]), [1, 2, 3]);
        assert_eq!(of(&[(1, 5), (2, 6), (3, 7)], &[(3, 7), (2, 5)]), [3], "the last has acted in view 6");
        assert_eq!(of(&[(3, 5), (2, 6), (1, 6)], &[(1, 5)]), [1, 2, 3]);
    }
}
