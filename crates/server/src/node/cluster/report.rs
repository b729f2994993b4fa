//! How the cluster stands, as this node sees it.

use std::collections::HashMap;

use clearwell_cluster::{
    Epoch, FollowerStanding, Input, Known, NodeId, Operation, OwnerStanding, Peer, Position, Slot, Standing,
    View,
};
use clearwell_words::Addresses;

use super::Cluster;
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
    /// Replicas that each slot is to have.
    pub replicas: u8,
    /// Whether nothing is on its way from one node to another: all have what the view gives them.
    pub settled: bool,
    /// The slots that this node may serve now.
    pub serves: usize,
    /// How many of its slots wait until their former owners have stopped.
    pub to_begin: usize,
    /// For how long this node may still act as an owner, in milliseconds; 0: it may not.
    pub lease_left_ms: u64,
    /// The last record of this node's log.
    pub head: Position,
    /// The cluster's own number, which outlasts its name.
    pub cluster: u64,
    /// Frames that this node sent to others, and received.
    pub messages: (u64, u64),
    /// All nodes that are known.
    pub nodes: Vec<NodeReport>,
    /// Who has which slot in the view, by slot.
    pub rows: Vec<SlotRow>,
}

/// Who has a slot.
#[derive(Debug, Clone)]
pub struct SlotRow {
    /// The slot.
    pub slot: Slot,
    /// Its owner.
    pub owner: Peer,
    /// Its replicas.
    pub replicas: Vec<Peer>,
    /// All who may have what was acknowledged in it, when it is not owned as the placement says: it waits for one of them.
    pub stranded: Option<Vec<Peer>>,
}

impl SlotRow {
    /// All who may have what was acknowledged in it.
    pub fn keepers(&self) -> impl Iterator<Item = Peer> + '_ {
        let placed =
            self.stranded.is_none().then(|| std::iter::once(self.owner).chain(self.replicas.iter().copied()));
        let placed = placed.into_iter().flatten().filter(|peer| *peer != Peer::default());
        self.stranded.iter().flatten().copied().chain(placed)
    }
}

/// How a node is, as far as another one knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeState {
    /// It answers.
    Up,
    /// It hands over what it has.
    Leaving,
    /// It has handed over all that it had.
    Left,
    /// It does not answer.
    Down,
    /// It does not answer, and an operator said that it will not come back.
    Forgotten,
}

impl NodeState {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            NodeState::Up => "up",
            NodeState::Leaving => "leaving",
            NodeState::Left => "left",
            NodeState::Down => "down",
            NodeState::Forgotten => "forgotten",
        }
    }
}

/// One node of it.
#[derive(Debug, Clone)]
pub struct NodeReport {
    /// Its latest process.
    pub peer: Peer,
    /// Where it can be reached.
    pub addresses: Addresses,
    /// How it is.
    pub state: NodeState,
    /// Whether it answers, as far as gossip knows.
    pub alive: bool,
    /// Whether it has a place or a voice in the view.
    pub member: bool,
    /// Its share.
    pub weight: u32,
    /// How many ms ago something of it arrived; `None`: never, or it is this one.
    pub heard_ms_ago: Option<u64>,
    /// How many slots it owns in the view.
    pub owns: usize,
    /// How many slots it is a replica of.
    pub follows: usize,
    /// How many slots the next placement gives it that it does not count for yet.
    pub gains: usize,
    /// What this node tells it as an owner; `None`: nothing.
    pub told: Option<FollowerStanding>,
    /// What this node has of its log; `None`: nothing.
    pub tells: Option<OwnerStanding>,
}

impl Node {
    /// What an operator wants of the cluster; `false`: the node is alone.
    pub fn operate(&self, operation: Operation) -> bool {
        let Some(cluster) = &self.cluster else { return false };
        self.step(self.clock.tick(), Input::Operate(operation));
        if operation == Operation::Leave {
            cluster.departure.ask();
        }
        true
    }

    /// How the cluster stands; `None`: the node is alone.
    pub fn cluster_report(&self) -> Option<ClusterReport> {
        let cluster = self.cluster.as_ref()?;
        let now = self.clock.tick();
        let (view, known, serves) = self.host.member_state(now)?;
        let standing = self.host.member_standing(now)?;
        let view = view.as_deref();
        let rows: Vec<SlotRow> =
            view.iter().flat_map(|view| (0..cluster.slots).map(|slot| row(view, Slot(slot)))).collect();
        let nodes = nodes(cluster, view, known, &rows, &standing);
        let figures = cluster.links.get().map(clearwell_links::Links::figures);
        let lanes = figures.iter().flat_map(|figures| &figures.peers).flat_map(|peer| &peer.lanes);
        let messages = lanes.fold((0, 0), |(sent, received), lane| {
            (sent + lane.sent_frames, received + lane.received_frames)
        });
        Some(ClusterReport {
            name: cluster.identity.name().to_owned(),
            me: cluster.identity.peer(),
            link: cluster.links.get().map(|links| links.listening().to_string()).unwrap_or_default(),
            cluster: cluster.identity.cluster().0,
            slots: cluster.slots,
            nodes,
            messages,
            serves,
            to_begin: standing.to_begin,
            lease_left_ms: standing.lease_left_ms,
            head: standing.head,
            epoch: view.map_or(Epoch(0), |view| view.epoch),
            voters: view.map(|view| view.voters.clone()).unwrap_or_default(),
            replicas: view.map_or(0, |view| view.next.replicas),
            settled: view.is_some_and(View::is_settled),
            rows,
        })
    }

    /// How many keys of a slot lie here. Visits every entry.
    pub fn count_keys_in_slot(&self, slot: Slot) -> u64 {
        let mut count = 0;
        self.each_in_slot(slot, |_| count += 1);
        count
    }

    /// As many keys of a slot that lie here. Visits every entry.
    pub fn keys_in_slot(&self, slot: Slot, most: usize) -> Vec<Box<[u8]>> {
        let mut keys = Vec::new();
        self.each_in_slot(slot, |key| {
            if keys.len() < most {
                keys.push(key.into());
            }
        });
        keys
    }

    fn each_in_slot(&self, slot: Slot, mut visit: impl FnMut(&[u8])) {
        self.host.each(self.clock.tick(), |view| {
            if view.value().is_some() && self.slot_of(view.key()) == slot {
                visit(view.key());
            }
        });
    }
}

fn row(view: &View, slot: Slot) -> SlotRow {
    let stranded = view.stranded.get(&slot).map(|stranded| stranded.row.clone());
    SlotRow { slot, owner: view.owner(slot), replicas: view.replicas(slot).collect(), stranded }
}

/// How many slots each process has, or is to have.
#[derive(Default)]
struct Share {
    owns: usize,
    follows: usize,
    gains: usize,
}

fn shares(view: Option<&View>, rows: &[SlotRow]) -> HashMap<Peer, Share> {
    let mut shares: HashMap<Peer, Share> = HashMap::new();
    for row in rows {
        shares.entry(row.owner).or_default().owns += 1;
        for replica in &row.replicas {
            shares.entry(*replica).or_default().follows += 1;
        }
        for next in view.into_iter().flat_map(|view| view.next.row(row.slot)) {
            if next != row.owner && !row.replicas.contains(&next) {
                shares.entry(next).or_default().gains += 1;
            }
        }
    }
    shares
}

fn nodes(
    cluster: &Cluster,
    view: Option<&View>,
    known: Vec<Known>,
    rows: &[SlotRow],
    standing: &Standing,
) -> Vec<NodeReport> {
    let shares = shares(view, rows);
    let places = cluster.known.lock().clone();
    let links = cluster.links.get().map(clearwell_links::Links::figures);
    let heard = |node: NodeId| {
        links.as_ref()?.peers.iter().find(|peer| peer.node == node).and_then(|peer| peer.heard_ms_ago)
    };
    let report = |known: Known| {
        let peer = known.peer;
        let member = view.is_some_and(|view| view.needs(peer));
        let state = match (known.alive, known.leaving) {
            (_, true) if !member => NodeState::Left,
            (true, true) => NodeState::Leaving,
            (true, false) => NodeState::Up,
            (false, _) if standing.forgotten.contains(&peer.node) => NodeState::Forgotten,
            (false, _) => NodeState::Down,
        };
        let place = places.iter().find(|(other, _)| other.node == peer.node);
        let share = shares.get(&peer);
        NodeReport {
            peer,
            addresses: place.map(|(_, addresses)| addresses.clone()).unwrap_or_default(),
            state,
            alive: known.alive,
            member,
            weight: known.weight,
            heard_ms_ago: heard(peer.node),
            owns: share.map_or(0, |share| share.owns),
            follows: share.map_or(0, |share| share.follows),
            gains: share.map_or(0, |share| share.gains),
            told: standing.followers.iter().find(|told| told.peer == peer).cloned(),
            tells: standing.owners.iter().find(|owner| owner.peer == peer).cloned(),
        }
    };
    known.into_iter().map(report).collect()
}
