//! A view: who owns what in one epoch.
//!
//! A change of membership has two halves. What dies is only taken away: the owner of a slot is then the next of those
//! who already follow it. What is to be instead stands beside it as the next placement, and becomes the base of a later
//! view when every owner has told that those who gain slots have what belongs to them. So whoever becomes an owner or counts
//! for an acknowledgement has the slot already.

mod parts;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::placement::place;
use crate::stranded::{Stranded, keepers};
use crate::{Epoch, NodeId, Peer, Slot};

pub use parts::{PlacementParts, ViewParts};

/// A member's place in a placement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    /// Who.
    pub peer: Peer,
    /// Its share.
    pub weight: u32,
}

/// Members and how many copies of each slot lie on them.
#[derive(Debug, Clone, PartialEq)]
pub struct Placement {
    /// Who, sorted.
    pub seats: Vec<Seat>,
    /// Replicas beside the owner.
    pub replicas: u8,
    width: usize,
    slots: u16,
    rows: Vec<u16>,
}

impl Placement {
    /// Places `slots` slots.
    pub fn new(mut seats: Vec<Seat>, replicas: u8, slots: u16) -> Placement {
        seats.sort_by_key(|seat| seat.peer);
        let (width, rows) = place(&seats, 1 + usize::from(replicas), slots);
        Placement { seats, replicas, width, slots, rows }
    }

    /// Owner first, then replicas.
    pub fn row(&self, slot: Slot) -> impl Iterator<Item = Peer> + '_ {
        let from = usize::from(slot.0) * self.width;
        self.rows[from..from + self.width].iter().map(|&index| self.seats[usize::from(index)].peer)
    }

    /// On how many members each slot lies.
    pub fn copies(&self) -> usize {
        self.width
    }

    /// Whether it has a seat.
    pub fn has(&self, peer: Peer) -> bool {
        self.seats.binary_search_by_key(&peer, |seat| seat.peer).is_ok()
    }
}

/// Who owns what in one epoch. Decided once, never changed.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// Its number.
    pub epoch: Epoch,
    /// How many slots there are.
    pub slots: u16,
    /// The placement in which everybody has what belongs to it.
    pub base: Arc<Placement>,
    /// Members of the base that are gone since, each with the first view without it.
    pub removed: BTreeMap<Peer, Epoch>,
    /// Owners of former views that did nothing from these views on, as long as that may matter.
    pub idle: BTreeMap<Peer, Epoch>,
    /// Who lost slots in this view or before, each with the view in which it did, as long as it may still act as their owner.
    pub losers: BTreeSet<(Epoch, Peer)>,
    /// The placement to come.
    pub next: Arc<Placement>,
    /// Slots that only those can go on with who had them last.
    pub stranded: BTreeMap<Slot, Stranded>,
    /// The nodes whose majority decides the next view and grants leases in this one.
    pub voters: Vec<NodeId>,
    owners: Vec<Peer>,
    all_owners: BTreeSet<Peer>,
}

impl View {
    /// A view of these parts.
    pub fn new(
        epoch: Epoch,
        slots: u16,
        base: Arc<Placement>,
        removed: BTreeMap<Peer, Epoch>,
        next: Arc<Placement>,
        voters: Vec<NodeId>,
    ) -> View {
        let (idle, losers, stranded) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        let (owners, all_owners) = (Vec::new(), BTreeSet::new());
        let mut view =
            View { epoch, slots, base, removed, idle, losers, next, stranded, voters, owners, all_owners };
        view.find_owners();
        view
    }

    /// The same with these idle owners.
    #[must_use]
    pub fn with_idle(self, idle: BTreeMap<Peer, Epoch>) -> View {
        View { idle, ..self }
    }

    /// The same with these losers.
    #[must_use]
    pub fn with_losers(self, losers: BTreeSet<(Epoch, Peer)>) -> View {
        View { losers, ..self }
    }

    /// The same with these stranded slots.
    #[must_use]
    pub fn with_stranded(mut self, stranded: BTreeMap<Slot, Stranded>) -> View {
        self.stranded = stranded;
        self.find_owners();
        self
    }

    /// The first view of a cluster that these begin together.
    pub fn first(seats: Vec<Seat>, replicas: u8, slots: u16) -> View {
        let voters = View::voters_among(seats.iter().map(|seat| seat.peer.node), &[]);
        let base = Arc::new(Placement::new(seats, replicas, slots));
        View::new(Epoch(1), slots, Arc::clone(&base), BTreeMap::new(), base, voters)
    }

    /// The same again, under the next number.
    pub fn again(&self, idle: BTreeMap<Peer, Epoch>) -> View {
        View { epoch: self.epoch.next(), idle, ..self.clone() }
    }

    /// An odd number of voters, at most [`View::VOTERS_MOST`]: those who are voters already and still there, then the
    /// lowest of the others. Two members have one voter: the cluster lives as long as that one does, which is said in the manual.
    pub fn voters_among(nodes: impl Iterator<Item = NodeId>, now: &[NodeId]) -> Vec<NodeId> {
        let mut nodes: Vec<NodeId> = nodes.collect();
        nodes.sort_unstable_by_key(|node| (!now.contains(node), *node));
        nodes.dedup();
        let most = nodes.len().min(View::VOTERS_MOST);
        nodes.truncate(if most.is_multiple_of(2) { most.saturating_sub(1) } else { most });
        nodes.sort_unstable();
        nodes
    }

    /// Who votes in the next view, when these nodes are `there`; others are expected back who did not leave and were not forgotten. While
    /// three nodes are there or expected, three voters remain: too few may be there because one proposer is mistaken for a moment, and a
    /// cluster with one voter lives and dies with it. So the voters stay, of whom a majority has just answered; when one of them has gone
    /// for good, two that are there and a third that is expected take over.
    pub fn voters_after(
        &self,
        there: &BTreeSet<NodeId>,
        is_expected: impl Fn(NodeId) -> bool,
    ) -> Vec<NodeId> {
        let base = self.base.seats.iter().map(|seat| seat.peer.node);
        let away = self.voters.iter().copied().chain(base);
        let away: Vec<NodeId> = away.filter(|node| !there.contains(node) && is_expected(*node)).collect();
        let known = there.len() + away.iter().collect::<BTreeSet<_>>().len();
        let few = View::VOTERS_LEAST;
        let keeps_three = there.len() < few && known >= few && self.voters.len() >= few;
        let stay = self.voters.iter().all(|voter| is_expected(*voter)) || there.len() + 1 < few;
        if there.is_empty() || (keeps_three && stay) {
            return self.voters.clone();
        }
        let third = away.first().filter(|_| keeps_three);
        View::voters_among(there.iter().chain(third).copied(), &self.voters)
    }

    /// The most voters.
    pub const VOTERS_MOST: usize = 5;

    /// So many survive the loss of one of them.
    const VOTERS_LEAST: usize = 3;

    /// How many voters are a majority.
    pub fn majority(&self) -> usize {
        self.voters.len() / 2 + 1
    }

    /// The owner; nobody (the default peer) when no member has a share.
    pub fn owner(&self, slot: Slot) -> Peer {
        self.owners[usize::from(slot.0)]
    }

    /// Each slot with its owner.
    pub fn slots_owned(&self) -> impl Iterator<Item = (Slot, Peer)> + '_ {
        (0..self.slots).map(Slot).zip(self.owners.iter().copied())
    }

    /// The view in which a slot began empty, because none of those who had it will come back; 0 for never.
    pub fn emptied(&self, slot: Slot) -> Epoch {
        self.stranded.get(&slot).map_or(Epoch(0), |stranded| stranded.emptied)
    }

    /// Who has all of a slot that was acknowledged: its owner first, then its replicas.
    pub fn holders(&self, slot: Slot) -> impl Iterator<Item = Peer> + '_ {
        let stranded = self.stranded.get(&slot);
        let base = stranded.is_none().then(|| self.base.row(slot).filter(|&peer| !self.is_removed(peer)));
        let last = stranded.into_iter().flat_map(Stranded::holders);
        last.chain(base.into_iter().flatten())
    }

    /// Whether a node's process may have to go on with a slot: it may have all that was acknowledged.
    pub fn may_go_on(&self, slot: Slot, mut is_it: impl FnMut(Peer) -> bool) -> bool {
        match self.stranded.get(&slot) {
            Some(stranded) => stranded.row.iter().copied().any(is_it),
            None if self.removed.is_empty() => self.holders(slot).any(is_it),
            None => keepers(self.base.row(slot), &self.removed, &self.idle, self.epoch)
                .into_iter()
                .any(&mut is_it),
        }
    }

    /// Whether a process is to keep what it has of a slot.
    pub fn concerns(&self, slot: Slot, peer: Peer) -> bool {
        self.owner(slot) == peer
            || self.followers(slot).any(|follower| follower == peer)
            || ((self.is_removed(peer) || self.stranded.contains_key(&slot))
                && self.may_go_on(slot, |other| other == peer))
    }

    /// All owners, each once.
    pub fn all_owners(&self) -> &BTreeSet<Peer> {
        &self.all_owners
    }

    /// Who counts for an acknowledgement beside the owner: replicas that have all of the slot.
    pub fn replicas(&self, slot: Slot) -> impl Iterator<Item = Peer> + '_ {
        let owner = self.owner(slot);
        self.holders(slot).filter(move |&peer| peer != owner)
    }

    /// Who follows a slot beside its owner: its replicas, and those who will have it next.
    pub fn followers(&self, slot: Slot) -> impl Iterator<Item = Peer> + '_ {
        let owner = self.owner(slot);
        let next = self.next.row(slot).filter(move |&peer| peer != owner);
        self.replicas(slot)
            .chain(next.filter(move |&peer| !self.replicas(slot).any(|replica| replica == peer)))
    }

    /// Whether it owns nothing here any more.
    pub fn is_removed(&self, peer: Peer) -> bool {
        self.removed.contains_key(&peer)
    }

    /// Whether a process of this node is in the base and was not taken away.
    pub fn counts_on(&self, node: NodeId) -> bool {
        self.base.seats.iter().any(|seat| seat.peer.node == node && !self.is_removed(seat.peer))
    }

    /// Whether it belongs to this view, in the base or the next placement or with a stranded slot.
    pub fn has(&self, peer: Peer) -> bool {
        (self.base.has(peer) && !self.is_removed(peer))
            || self.next.has(peer)
            || self.stranded.values().any(|stranded| stranded.row.contains(&peer))
    }

    /// Whether a member that leaves must wait: it belongs to this view or is one of its voters.
    pub fn needs(&self, peer: Peer) -> bool {
        self.has(peer) || self.voters.contains(&peer.node)
    }

    /// All members, each once, sorted.
    pub fn members(&self) -> Vec<Peer> {
        let base = self.base.seats.iter().map(|seat| seat.peer).filter(|&peer| !self.is_removed(peer));
        let stranded = self.stranded.values().flat_map(|stranded| stranded.row.iter().copied());
        let mut members: Vec<Peer> =
            base.chain(self.next.seats.iter().map(|seat| seat.peer)).chain(stranded).collect();
        members.sort_unstable();
        members.dedup();
        members
    }

    /// The slots that a member owns.
    pub fn owned_by(&self, peer: Peer) -> impl Iterator<Item = Slot> + '_ {
        (0..self.slots).map(Slot).filter(move |&slot| self.owner(slot) == peer)
    }

    /// Whether base and next are the same: nothing is on its way.
    pub fn is_settled(&self) -> bool {
        self.removed.is_empty()
            && self.stranded.is_empty()
            && (Arc::ptr_eq(&self.base, &self.next) || self.base == self.next)
    }

    /// Whether nothing is on its way, and each slot lies with its owner alone.
    pub fn has_no_replicas(&self) -> bool {
        self.is_settled() && self.base.copies() == 1
    }

    /// Who owned a slot in `before` and not any more.
    pub fn lost_since<'a>(&'a self, before: &'a View) -> impl Iterator<Item = Peer> + 'a {
        let changed = self.owners.iter().zip(&before.owners).filter(|(now, was)| now != was);
        changed.map(|(_, was)| *was).filter(|was| *was != Peer::default())
    }

    fn find_owners(&mut self) {
        self.owners =
            (0..self.slots).map(|slot| self.holders(Slot(slot)).next().unwrap_or_default()).collect();
        self.all_owners = self.owners.iter().copied().collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seats(nodes: &[u64]) -> Vec<Seat> {
        let seat = |&node: &u64| Seat { peer: Peer { node: NodeId(node), incarnation: 1 }, weight: 100 };
        nodes.iter().map(seat).collect()
    }

    #[test]
    fn a_death_promotes_who_has_the_slot_and_the_next_placement_waits() {
        let first = View::first(seats(&[1, 2, 3, 4]), 1, 64);
        let dead = seats(&[2])[0].peer;
        let next = Arc::new(Placement::new(seats(&[1, 3, 4]), 1, 64));
        let view = {
            let removed = BTreeMap::from([(dead, Epoch(2))]);
            View::new(Epoch(2), 64, Arc::clone(&first.base), removed, next, first.voters.clone())
        };
        for slot in (0..64).map(Slot) {
            let before: Vec<Peer> = first.base.row(slot).collect();
            match first.owner(slot) == dead {
                true => assert_eq!(view.owner(slot), before[1]),
                false => assert_eq!(view.owner(slot), before[0]),
            }
            assert!(view.followers(slot).all(|peer| peer != dead && peer != view.owner(slot)));
            assert_eq!(view.followers(slot).count(), 1, "a replica to be, while the old one may be gone");
            let had = before.contains(&dead);
            assert_eq!(view.concerns(slot, dead), had, "nobody knows yet whether another has acted since");
        }
        assert_eq!(view.lost_since(&first).collect::<BTreeSet<Peer>>(), BTreeSet::from([dead]));
        assert!(first.is_settled() && !view.is_settled());
    }

    #[test]
    fn three_voters_remain_while_three_nodes_are_there_or_expected() {
        let all: Vec<u64> = (1..=7).collect();
        let after = |voters: &[u64], there: &[u64], gone: &[u64]| {
            let set = |list: &[u64]| list.iter().map(|&node| NodeId(node)).collect::<BTreeSet<_>>();
            let (mut view, gone) = (View::first(seats(&all), 1, 8), set(gone));
            view.voters = set(voters).into_iter().collect();
            let voters = view.voters_after(&set(there), |node| !gone.contains(&node));
            voters.into_iter().map(|node| node.0).collect::<Vec<u64>>()
        };
        let five = [1, 2, 3, 4, 5];
        assert_eq!(after(&five, &[1, 2, 3, 6, 7], &[]), [1, 2, 3, 6, 7], "the dead are replaced");
        assert_eq!(after(&five, &[1, 3, 5], &[]), [1, 3, 5]);
        assert_eq!(after(&five, &[1, 3], &[]), five);
        assert_eq!(after(&five, &[1, 3], &[5]), [1, 2, 3], "two of them are there");
        assert_eq!(after(&five, &[1], &[5]), five, "a majority of them has just answered");
        assert_eq!(after(&five, &[], &five), five);
        assert_eq!(after(&[1, 2, 3], &[1, 6], &[3, 4, 5, 7]), [1, 2, 6]);
        assert_eq!(after(&[1, 2, 3], &[1, 2], &[3, 5, 6, 7]), [1, 2, 4], "no voter, and expected");
        assert_eq!(after(&[1, 2, 3], &[2, 3], &[1, 4, 5, 6, 7]), [2], "two nodes have one voter");
        assert_eq!(after(&[1], &[1, 2], &[]), [1], "there were no three voters");
    }

    #[test]
    fn voters_stay_and_are_odd() {
        let nodes = |list: &[u64]| list.iter().map(|&node| NodeId(node)).collect::<Vec<_>>();
        let among = |list: &[u64], now: &[u64]| View::voters_among(nodes(list).into_iter(), &nodes(now));
        assert_eq!(among(&[1], &[]), nodes(&[1]));
        assert_eq!(among(&[1, 2], &[2]), nodes(&[2]));
        assert_eq!(among(&[1, 2, 3, 4], &[4]), nodes(&[1, 2, 4]));
        assert_eq!(among(&[1, 2, 3, 4, 5, 6, 7], &[3, 5, 7]), nodes(&[1, 2, 3, 5, 7]));
    }
}
