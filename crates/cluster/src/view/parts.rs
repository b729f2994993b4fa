//! A view taken apart and put together again, for whoever carries or keeps it: with its rows, so that nobody has to place
//! slots a second time, and a later version that would place them otherwise does not change a view that was decided.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Placement, Seat, View};
use crate::slot::SLOTS;
use crate::stranded::Stranded;
use crate::{Epoch, NodeId, Peer, Slot};

/// All of a view that does not follow from the rest of it; the fields are those of [`View`].
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct ViewParts {
    pub epoch: Epoch,
    pub slots: u16,
    pub base: Arc<Placement>,
    pub removed: BTreeMap<Peer, Epoch>,
    pub idle: BTreeMap<Peer, Epoch>,
    pub losers: BTreeSet<(Epoch, Peer)>,
    pub next: Arc<Placement>,
    pub stranded: BTreeMap<Slot, Stranded>,
    pub voters: Vec<NodeId>,
}

/// All of a placement that does not follow from the rest of it.
#[derive(Debug, Clone, PartialEq)]
pub struct PlacementParts {
    /// Who, sorted.
    pub seats: Vec<Seat>,
    /// Replicas beside the owner.
    pub replicas: u8,
    /// For each slot, who has it, as indexes into the seats: as many for each slot.
    pub rows: Vec<u16>,
}

impl View {
    /// Takes it apart.
    pub fn parts(&self) -> ViewParts {
        let View { epoch, slots, base, removed, idle, losers, next, stranded, voters, .. } = self.clone();
        ViewParts { epoch, slots, base, removed, idle, losers, next, stranded, voters }
    }

    /// Puts it together.
    ///
    /// # Errors
    /// Parts of which no view can be made; the error says what is wrong with them.
    pub fn from_parts(parts: ViewParts) -> Result<View, &'static str> {
        let ViewParts { epoch, slots, base, removed, idle, losers, next, stranded, voters } = parts;
        if slots == 0 || slots > SLOTS {
            return Err("a view of no slots, or of too many");
        }
        if [&base, &next].iter().any(|placement| placement.slots() != usize::from(slots)) {
            return Err("a placement of other slots than its view's");
        }
        if stranded.keys().any(|slot| slot.0 >= slots) {
            return Err("a stranded slot that the view does not have");
        }
        let view = View::new(epoch, slots, base, removed, next, voters).with_idle(idle).with_losers(losers);
        Ok(if stranded.is_empty() { view } else { view.with_stranded(stranded) })
    }
}

impl Placement {
    /// Takes it apart.
    pub fn parts(&self) -> PlacementParts {
        let Placement { seats, replicas, width: _, slots: _, rows } = self.clone();
        PlacementParts { seats, replicas, rows }
    }

    /// Puts it together, for as many slots.
    ///
    /// # Errors
    /// Parts of which no placement can be made; the error says what is wrong with them.
    pub fn from_parts(parts: PlacementParts, slots: u16) -> Result<Placement, &'static str> {
        let PlacementParts { seats, replicas, rows } = parts;
        if !seats.is_sorted_by(|one, next| one.peer < next.peer) {
            return Err("seats that are not in order");
        }
        let width = rows.len() / usize::from(slots.max(1));
        if rows.len() != width * usize::from(slots) || width > 1 + usize::from(replicas) {
            return Err("rows that do not fit the slots");
        }
        if rows.iter().any(|&index| usize::from(index) >= seats.len()) {
            return Err("a row with a seat that there is not");
        }
        Ok(Placement { seats, replicas, width, slots, rows })
    }

    /// How many slots it places.
    fn slots(&self) -> usize {
        usize::from(self.slots)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> View {
        let seat = |node| Seat { peer: Peer { node: NodeId(node), incarnation: 1 }, weight: 100 };
        let first = View::first(vec![seat(1), seat(2), seat(3)], 1, 16);
        let row = vec![seat(2).peer, seat(3).peer];
        let gone = BTreeMap::from([(seat(3).peer, Epoch(1))]);
        let next = first.again(BTreeMap::from([(seat(3).peer, Epoch(1))]));
        next.with_stranded(BTreeMap::from([(Slot(3), Stranded { row, gone, emptied: Epoch(2) })]))
    }

    #[test]
    fn a_view_is_the_same_after_it_was_taken_apart() {
        let view = view();
        let mut parts = view.parts();
        let placement =
            |old: &Placement| Arc::new(Placement::from_parts(old.parts(), 16).expect("it was one"));
        (parts.base, parts.next) = (placement(&parts.base), placement(&parts.next));
        assert_eq!(View::from_parts(parts), Ok(view));
    }

    #[test]
    fn what_no_view_can_be_made_of_is_refused() {
        let broken = |change: fn(&mut ViewParts)| {
            let mut parts = view().parts();
            change(&mut parts);
            View::from_parts(parts).expect_err("it was broken")
        };
        assert_eq!(broken(|parts| parts.slots = 0), "a view of no slots, or of too many");
        assert_eq!(broken(|parts| parts.slots = 17), "a placement of other slots than its view's");
        let beyond = |parts: &mut ViewParts| {
            let moved = parts.stranded.remove(&Slot(3)).expect("it was put there");
            parts.stranded.insert(Slot(16), moved);
        };
        assert_eq!(broken(beyond), "a stranded slot that the view does not have");
        let rows = |change: fn(&mut PlacementParts)| {
            let mut parts = view().base.parts();
            change(&mut parts);
            Placement::from_parts(parts, 16).expect_err("it was broken")
        };
        assert_eq!(rows(|parts| parts.seats.swap(0, 1)), "seats that are not in order");
        assert_eq!(rows(|parts| parts.rows.truncate(31)), "rows that do not fit the slots");
        assert_eq!(rows(|parts| parts.replicas = 0), "rows that do not fit the slots");
        assert_eq!(rows(|parts| parts.rows[7] = 3), "a row with a seat that there is not");
    }
}
