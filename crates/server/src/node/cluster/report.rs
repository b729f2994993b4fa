//! How the cluster stands, as this node sees it.

use clearwell_cluster::{Epoch, Input, NodeId, Operation, Peer, Slot, View};
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
    /// How many ms ago something of it arrived; `None`: never, or it is this one.
    pub heard_ms_ago: Option<u64>,
    /// How many slots it owns in the view.
    pub owns: usize,
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
        let figures = cluster.links.get().map(clearwell_links::Links::figures);
        let heard = |node: NodeId| {
            figures.as_ref()?.peers.iter().find(|peer| peer.node == node).and_then(|peer| peer.heard_ms_ago)
        };
        let row = |view: &View, slot: Slot| SlotRow {
            slot,
            owner: view.owner(slot),
            replicas: view.replicas(slot).collect(),
        };
        let rows: Vec<SlotRow> =
            view.iter().flat_map(|view| (0..cluster.slots).map(|slot| row(view, Slot(slot)))).collect();
        let nodes = known.into_iter().map(|known| NodeReport {
            peer: known.peer,
            addresses: of(known.peer.node),
            alive: known.alive,
            leaving: known.leaving,
            weight: known.weight,
            heard_ms_ago: heard(known.peer.node),
            owns: rows.iter().filter(|row| row.owner == known.peer).count(),
            follows: rows.iter().filter(|row| row.replicas.contains(&known.peer)).count(),
        });
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
            nodes: nodes.collect(),
            messages,
            serves,
            epoch: view.as_ref().map_or(Epoch(0), |view| view.epoch),
            voters: view.as_ref().map(|view| view.voters.clone()).unwrap_or_default(),
            replicas: view.as_ref().map_or(0, |view| view.base.replicas),
            settled: view.as_ref().is_some_and(|view| view.is_settled()),
            rows,
        })
    }

    /// How many keys of a slot lie here. Visits every entry.
    pub fn keys_in_slot(&self, slot: Slot) -> u64 {
        let mut count = 0;
        self.host.each(self.clock.tick(), |view| {
            count += u64::from(view.value().is_some() && self.slot_of(view.key()) == slot);
        });
        count
    }
}
