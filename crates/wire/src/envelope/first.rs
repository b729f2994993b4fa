//! What version 1 of the envelope says. A field more is a version more.

use std::sync::Arc;

use clearwell_cluster::decree::{Ballot, Decree as OfProtocol};
use clearwell_cluster::message::Stopping;
use clearwell_cluster::stranded::Stranded;
use clearwell_cluster::view::{Placement as Placed, PlacementParts, Seat, ViewParts};
use clearwell_cluster::{Epoch, NodeId, Operation as Operated, Peer, Slot, View as Viewed};
use serde::{Deserialize, Serialize};

use crate::error::Result;

/// Node and incarnation.
type Process = (u64, u32);
/// Round and node.
type Attempt = (u64, u64);

/// A view. `next` is `None` when it is the base.
#[derive(Serialize, Deserialize)]
pub struct View {
    epoch: u64,
    slots: u16,
    base: Placement,
    removed: Vec<(Process, u64)>,
    idle: Vec<(Process, u64)>,
    losers: Vec<(u64, Process)>,
    next: Option<Placement>,
    stranded: Vec<Row>,
    voters: Vec<u64>,
}

/// A stranded slot: who may have it, those of them who are gone, and the view in which it began empty.
#[derive(Serialize, Deserialize)]
struct Row {
    slot: u16,
    row: Vec<Process>,
    gone: Vec<(Process, u64)>,
    emptied: u64,
}

#[derive(Serialize, Deserialize)]
struct Placement {
    /// Peer and weight.
    seats: Vec<(Process, u32)>,
    replicas: u8,
    rows: Vec<u16>,
}

/// A decree. Views are bytes, so that one that was read before need not be read again.
#[derive(Serialize, Deserialize)]
pub enum Decree<'a> {
    Prepare(u64, Attempt),
    Promise(u64, Attempt, #[serde(borrow)] Option<(Attempt, &'a [u8])>, Option<Vec<Process>>),
    Accept(Attempt, &'a [u8]),
    /// With losers: who, the view, how long.
    Accepted(u64, Attempt, Vec<(Process, u64, u64)>),
    Refused(u64, Attempt),
}

#[derive(Serialize, Deserialize)]
pub enum Operation {
    Replicas(u8),
    Weight(u32),
    Leave,
    Forget(u64),
}

fn process(peer: Peer) -> Process {
    let Peer { node: NodeId(node), incarnation } = peer;
    (node, incarnation)
}

fn peer((node, incarnation): Process) -> Peer {
    Peer { node: NodeId(node), incarnation }
}

fn attempt(ballot: Ballot) -> Attempt {
    let Ballot { round, node: NodeId(node) } = ballot;
    (round, node)
}

fn ballot((round, node): Attempt) -> Ballot {
    Ballot { round, node: NodeId(node) }
}

impl View {
    pub fn of(view: &Viewed) -> View {
        let ViewParts { epoch, slots, base, removed, idle, losers, next, stranded, voters } = view.parts();
        let epochs = |all: std::collections::BTreeMap<Peer, Epoch>| {
            all.into_iter().map(|(peer, Epoch(epoch))| (process(peer), epoch)).collect()
        };
        let stranded =
            stranded.into_iter().map(|(Slot(slot), Stranded { row, gone, emptied: Epoch(emptied) })| Row {
                slot,
                row: row.into_iter().map(process).collect(),
                gone: epochs(gone),
                emptied,
            });
        let is_same = Arc::ptr_eq(&base, &next) || base == next;
        View {
            epoch: epoch.0,
            slots,
            base: Placement::of(&base),
            removed: epochs(removed),
            idle: epochs(idle),
            losers: losers.into_iter().map(|(Epoch(lost), who)| (lost, process(who))).collect(),
            next: (!is_same).then(|| Placement::of(&next)),
            stranded: stranded.collect(),
            voters: voters.into_iter().map(|NodeId(node)| node).collect(),
        }
    }

    pub fn read(self) -> std::result::Result<Viewed, &'static str> {
        let View { epoch, slots, base, removed, idle, losers, next, stranded, voters } = self;
        let epochs = |all: Vec<(Process, u64)>| {
            all.into_iter().map(|(who, epoch)| (peer(who), Epoch(epoch))).collect()
        };
        let stranded = stranded.into_iter().map(|Row { slot, row, gone, emptied }| {
            let row = row.into_iter().map(peer).collect();
            (Slot(slot), Stranded { row, gone: epochs(gone), emptied: Epoch(emptied) })
        });
        let base = Arc::new(base.read(slots)?);
        let next = match next {
            Some(next) => Arc::new(next.read(slots)?),
            None => Arc::clone(&base),
        };
        Viewed::from_parts(ViewParts {
            epoch: Epoch(epoch),
            slots,
            base,
            removed: epochs(removed),
            idle: epochs(idle),
            losers: losers.into_iter().map(|(lost, who)| (Epoch(lost), peer(who))).collect(),
            next,
            stranded: stranded.collect(),
            voters: voters.into_iter().map(NodeId).collect(),
        })
    }
}

impl Placement {
    fn of(placement: &Placed) -> Placement {
        let PlacementParts { seats, replicas, rows } = placement.parts();
        let seats = seats.into_iter().map(|Seat { peer, weight }| (process(peer), weight)).collect();
        Placement { seats, replicas, rows }
    }

    fn read(self, slots: u16) -> std::result::Result<Placed, &'static str> {
        let Placement { seats, replicas, rows } = self;
        let seats = seats.into_iter().map(|(who, weight)| Seat { peer: peer(who), weight }).collect();
        Placed::from_parts(PlacementParts { seats, replicas, rows }, slots)
    }
}

/// The view that a decree brings along.
pub fn brought(decree: &OfProtocol) -> Option<&Arc<Viewed>> {
    match decree {
        OfProtocol::Promise(_, _, accepted, _) => accepted.as_ref().map(|(_, view)| view),
        OfProtocol::Accept(_, view) => Some(view),
        OfProtocol::Prepare(..) | OfProtocol::Accepted(..) | OfProtocol::Refused(..) => None,
    }
}

impl<'a> Decree<'a> {
    /// `view` is that of the view that the decree [brings along](brought).
    pub fn of(decree: &OfProtocol, view: &'a [u8]) -> Decree<'a> {
        match decree {
            OfProtocol::Prepare(epoch, of) => Decree::Prepare(epoch.0, attempt(*of)),
            OfProtocol::Promise(epoch, of, accepted, granted) => {
                let accepted = accepted.as_ref().map(|(of, _)| (attempt(*of), view));
                let granted = granted.as_ref().map(|all| all.iter().copied().map(process).collect());
                Decree::Promise(epoch.0, attempt(*of), accepted, granted)
            }
            OfProtocol::Accept(of, _) => Decree::Accept(attempt(*of), view),
            OfProtocol::Accepted(epoch, of, stopping) => {
                let stopping = stopping.iter().map(|one| (process(one.peer), one.lost.0, one.left_ms));
                Decree::Accepted(epoch.0, attempt(*of), stopping.collect())
            }
            OfProtocol::Refused(epoch, of) => Decree::Refused(epoch.0, attempt(*of)),
        }
    }

    /// The decree, its view read by `view`.
    pub fn read(self, mut view: impl FnMut(&'a [u8]) -> Result<Arc<Viewed>>) -> Result<OfProtocol> {
        Ok(match self {
            Decree::Prepare(epoch, of) => OfProtocol::Prepare(Epoch(epoch), ballot(of)),
            Decree::Promise(epoch, of, accepted, granted) => {
                let accepted = accepted.map(|(of, bytes)| view(bytes).map(|view| (ballot(of), view)));
                let granted = granted.map(|all| all.into_iter().map(peer).collect());
                OfProtocol::Promise(Epoch(epoch), ballot(of), accepted.transpose()?, granted)
            }
            Decree::Accept(of, bytes) => OfProtocol::Accept(ballot(of), view(bytes)?),
            Decree::Accepted(epoch, of, stopping) => {
                let stopping = stopping.into_iter().map(|(who, lost, left_ms)| Stopping {
                    peer: peer(who),
                    lost: Epoch(lost),
                    left_ms,
                });
                OfProtocol::Accepted(Epoch(epoch), ballot(of), stopping.collect())
            }
            Decree::Refused(epoch, of) => OfProtocol::Refused(Epoch(epoch), ballot(of)),
        })
    }
}

impl Operation {
    pub fn of(operation: Operated) -> Operation {
        match operation {
            Operated::Replicas(replicas) => Operation::Replicas(replicas),
            Operated::Weight(weight) => Operation::Weight(weight),
            Operated::Leave => Operation::Leave,
            Operated::Forget(NodeId(node)) => Operation::Forget(node),
        }
    }

    pub fn read(self) -> Operated {
        match self {
            Operation::Replicas(replicas) => Operated::Replicas(replicas),
            Operation::Weight(weight) => Operated::Weight(weight),
            Operation::Leave => Operated::Leave,
            Operation::Forget(node) => Operated::Forget(NodeId(node)),
        }
    }
}
