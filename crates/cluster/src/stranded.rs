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
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stranded {
    /// All who may have everything of it that was acknowledged, in the order in which they own it.
    pub row: Vec<Peer>,
    /// Those of them without whom it goes on, each with the first view without it. They count again when all others are gone and no
    /// owner has acted since.
    pub gone: BTreeMap<Peer, Epoch>,
    /// The view in which it began empty; 0 for never. What is older than that counts for nothing.
    pub emptied: Epoch,
}

impl Stranded {
    /// Who goes on with it, or has to be back for that; the first is its owner.
    pub fn holders(&self) -> impl Iterator<Item = Peer> + '_ {
        self.row.iter().copied().filter(|peer| !self.gone.contains_key(peer))
    }

    /// Those of the row without whom it goes on, this `row` and nobody else being what is left of it.
    fn of(row: Vec<Peer>, gone: &BTreeMap<Peer, Epoch>, emptied: Epoch) -> Stranded {
        let gone =
            gone.iter().filter(|(peer, _)| row.contains(peer)).map(|(&peer, &at)| (peer, at)).collect();
        Stranded { row, gone, emptied }
    }
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

    /// Whether a node will be there again if it is not: it did not leave, and was not forgotten.
    pub fn is_expected(&self, node: NodeId) -> bool {
        !self.is_forgotten(node) && self.known.get(&node).is_none_or(|known| !known.leaving)
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
    let may_matter = |peer: &Peer| {
        view.is_removed(*peer) || view.stranded.values().any(|stranded| stranded.gone.contains_key(peer))
    };
    let former = view.idle.iter().filter(|(peer, _)| may_matter(peer) && !owners.contains(peer));
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
    if to_come.removed.is_empty() && view.stranded.is_empty() && !adopts && !nobody {
        return stranded;
    }
    for slot in (0..view.slots).map(Slot) {
        let stays =
            |old: &&Stranded| !adopts || old.holders().next().is_none_or(|peer| outlook.is_dead(peer));
        let old = view.stranded.get(&slot).filter(stays);
        let reserve = if adopts && old.is_none() { reserve(slot, view, to_come) } else { Vec::new() };
        let goes_on = to_come.base.row(slot).any(|peer| !to_come.is_removed(peer));
        if old.is_none() && reserve.is_empty() && goes_on {
            continue;
        }
        let mut last = match old {
            Some(old) => old.clone(),
            None => Stranded::of(to_come.base.row(slot).collect(), &to_come.removed, view.emptied(slot)),
        };
        last.gone.extend(reserve.iter().map(|peer| (*peer, to_come.epoch)));
        last.row.extend(reserve);
        for peer in last.row.iter().filter(|peer| outlook.is_dead(**peer)) {
            last.gone.entry(*peer).or_insert(to_come.epoch);
        }
        let row = keepers(last.row.iter().copied(), &last.gone, &to_come.idle, to_come.epoch);
        let last = Stranded::of(row, &last.gone, last.emptied);
        stranded.insert(slot, go_on(slot, last, to_come.epoch, &to_come.next, outlook));
    }
    stranded
}

/// Who has a slot up to the view that adopts the next placement, and not in it. The new owner may be gone with its disk before this view is
/// chosen, although it said that it is ready: until it has acted, they count. Whoever proposes the view after it adopts the same placement once
/// more when all owners were heard, and that view names them no more.
fn reserve(slot: Slot, view: &View, to_come: &View) -> Vec<Peer> {
    let stays = |peer: &Peer| to_come.base.row(slot).any(|other| other == *peer);
    view.holders(slot).filter(|peer| *peer != Peer::default() && !stays(peer)).collect()
}

/// Those who answer go on: first who never went, then who is back with its memory, then who is back with its disk. All others stay in the
/// row: those who go on may be gone again before they have acted.
fn go_on(slot: Slot, last: Stranded, now: Epoch, next: &Placement, outlook: &Outlook<'_>) -> Stranded {
    let Stranded { mut row, mut gone, emptied } = last;
    row.retain(|peer| !outlook.is_forgotten(peer.node));
    if row.is_empty() {
        let row: Vec<Peer> = next.row(slot).take(1).collect();
        let emptied = if row.is_empty() { emptied } else { now };
        return Stranded { row, gone: BTreeMap::new(), emptied };
    }
    let is_back = |peer: &Peer| !outlook.is_dead(*peer);
    if row.iter().all(|peer| gone.contains_key(peer)) {
        if row.iter().any(is_back) {
            gone.retain(|peer, _| outlook.is_dead(*peer));
        } else {
            for peer in &mut row {
                *peer = outlook.process(peer.node).unwrap_or(*peer);
            }
            match row.iter().any(is_back) {
                true => gone.retain(|peer, _| outlook.is_dead(*peer)),
                // Each of them is waited for.
                false => gone.clear(),
            }
        }
    }
    Stranded::of(row, &gone, emptied)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(node: u64) -> Peer {
        Peer { node: NodeId(node), incarnation: 1 }
    }

    fn kept(removed: &[(u64, u64)], idle: &[(u64, u64)]) -> Vec<u64> {
        let map =
            |list: &[(u64, u64)]| list.iter().map(|&(node, epoch)| (peer(node), Epoch(epoch))).collect();
        let row = [1, 2, 3].map(peer).into_iter();
        keepers(row, &map(removed), &map(idle), Epoch(9)).iter().map(|peer| peer.node.0).collect()
    }

    #[test]
    fn who_was_removed_counts_until_somebody_after_it_has_acted() {
        assert_eq!(kept(&[], &[]), [1, 2, 3]);
        assert_eq!(kept(&[(1, 5)], &[]), [2, 3]);
        assert_eq!(kept(&[(1, 5)], &[(2, 5)]), [1, 2, 3]);
        assert_eq!(kept(&[(1, 9)], &[]), [1, 2, 3], "nobody knows yet what 2 does in view 9");
        assert_eq!(kept(&[(1, 9), (3, 8)], &[]), [1, 2]);
        assert_eq!(kept(&[(1, 5), (2, 6), (3, 7)], &[]), [3]);
        assert_eq!(kept(&[(1, 5), (2, 6), (3, 7)], &[(3, 6)]), [2, 3]);
        assert_eq!(kept(&[(1, 5), (2, 6), (3, 7)], &[(3, 6), (2, 5)]), [1, 2, 3]);
        assert_eq!(kept(&[(1, 5), (2, 6), (3, 7)], &[(3, 7), (2, 5)]), [3], "the last has acted in view 6");
        assert_eq!(kept(&[(3, 5), (2, 6), (1, 6)], &[(1, 5)]), [1, 2, 3]);
    }

    /// A view in which slot 0 is stranded like this, and `idle` since these views.
    fn view(epoch: u64, stranded: Stranded, idle: &[(u64, u64)]) -> View {
        let seats = vec![crate::view::Seat { peer: peer(9), weight: 100 }];
        let base = std::sync::Arc::new(Placement::new(seats, 1, 1));
        let next = std::sync::Arc::clone(&base);
        let idle = idle.iter().map(|&(node, since)| (peer(node), Epoch(since))).collect();
        let view = View::new(Epoch(epoch), 1, base, BTreeMap::new(), next, vec![NodeId(9)]);
        view.with_idle(idle).with_stranded(BTreeMap::from([(Slot(0), stranded)]))
    }

    /// What becomes of slot 0 after `view`, when these nodes answer, with these idle owners, and these nodes forgotten.
    fn next(
        view: &View,
        alive: &[u64],
        idle: &[(u64, u64)],
        forgotten: &[u64],
    ) -> (Vec<u64>, Vec<u64>, Epoch) {
        let known = [1, 2, 3, 9].map(|node| {
            let alive = alive.contains(&node);
            (NodeId(node), Known { peer: peer(node), weight: 100, leaving: false, alive })
        });
        let known = BTreeMap::from(known);
        let forgotten = forgotten.iter().map(|&node| NodeId(node)).collect();
        let outlook = Outlook { known: &known, forgotten: &forgotten };
        let to_come = self::view(view.epoch.0 + 1, Stranded::default(), idle);
        let after = after(view, &to_come, false, &outlook);
        let stranded = &after[&Slot(0)];
        let nodes = |peers: &mut dyn Iterator<Item = Peer>| peers.map(|peer| peer.node.0).collect();
        (nodes(&mut stranded.holders()), nodes(&mut stranded.row.iter().copied()), stranded.emptied)
    }

    #[test]
    fn who_was_left_out_counts_again_when_who_was_back_is_gone_before_it_acted() {
        let row = |gone: &[(u64, u64)]| Stranded {
            row: [1, 2].map(peer).to_vec(),
            gone: gone.iter().map(|&(node, at)| (peer(node), Epoch(at))).collect(),
            emptied: Epoch(0),
        };
        let never = Epoch(0);
        assert_eq!(next(&view(9, row(&[]), &[]), &[1], &[], &[]), (vec![1], vec![1, 2], never));
        assert_eq!(next(&view(9, row(&[]), &[]), &[], &[], &[]), (vec![1, 2], vec![1, 2], never));
        let one = view(10, row(&[(2, 10)]), &[(1, 9)]);
        assert_eq!(next(&one, &[1], &[(1, 9)], &[]), (vec![1], vec![1, 2], never), "1 is there, and idle");
        assert_eq!(next(&one, &[1], &[], &[]), (vec![1], vec![1], never), "1 has acted, so 2 is behind");
        assert_eq!(next(&one, &[2], &[(1, 9)], &[]), (vec![2], vec![1, 2], never));
        assert_eq!(next(&one, &[2], &[], &[]), (vec![1], vec![1], never), "only 1 has what it did");
        assert_eq!(next(&one, &[], &[(1, 9)], &[1]), (vec![2], vec![2], never), "2 is still to come");
        assert_eq!(next(&one, &[], &[], &[1]), (vec![9], vec![9], Epoch(11)), "nobody else has it");
    }
}
