//! What a node of a cluster counts, and its figures.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use clearwell_engine::Millis;
use clearwell_wire::Kind;

use super::Cluster;
use crate::clock::nanos;
use crate::metrics::{RequestEnded, Timed, Timings};
use crate::node::Node;

/// Counts since the start.
#[derive(Default)]
pub(super) struct ClusterCounts {
    sent: [AtomicU64; Kind::COUNT],
    forwarded: AtomicU64,
    applied: Timings,
    replicas: Timings,
    copies: Timings,
}

/// A stage of an invalidation, from when it is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// No read at its owner sees what it covers.
    Applied,
    /// The replicas of its slot have it: no failover undoes it.
    Replicas,
    /// All owners have ordered it, and the last node that has a copy has applied it or may not serve it any more.
    Copies,
}

/// A node's part in its cluster, in numbers.
#[derive(Debug, Clone, Default)]
pub struct ClusterFigures {
    /// The view that it follows.
    pub epoch: u64,
    /// Nodes that have a place or a voice in it.
    pub members: u64,
    /// Nodes with a voice that answer.
    pub voters_answering: u64,
    /// How many of them have to.
    pub voters_needed: u64,
    /// Slots that this node owns, and is a replica of.
    pub owned: u64,
    /// Slots that it is a replica of.
    pub followed: u64,
    /// Slots that it serves now.
    pub served: u64,
    /// Slots of which nobody that answers has anything.
    pub stranded: u64,
    /// For how long it may act as an owner.
    pub lease_left_ms: u64,
    /// Slots that it has still to give to others.
    pub to_give: u64,
    /// Records that it sent and no word confirms.
    pub unconfirmed: u64,
    /// For how long somebody that answers has confirmed none of these.
    pub unconfirmed_ms: u64,
    /// Commands whose keys another node serves.
    pub forwarded: u64,
    /// Messages that were handed to the links and that these dropped, by kind.
    pub messages: Vec<(&'static str, u64, u64)>,
    /// How long invalidations took, by stage.
    pub stages: Vec<(&'static str, Timed)>,
}

impl ClusterCounts {
    /// A message is handed to the links.
    pub fn sent(&self, kind: Kind) {
        self.sent[kind.index()].fetch_add(1, Relaxed);
    }

    /// An invalidation that was ordered then has come so far.
    pub fn reached(&self, now: Millis, stage: Stage, ordered: Instant) {
        let timings = match stage {
            Stage::Applied => &self.applied,
            Stage::Replicas => &self.replicas,
            Stage::Copies => &self.copies,
        };
        timings.record(now, nanos(ordered.elapsed()), RequestEnded::Well);
    }
}

impl Cluster {
    fn messages(&self) -> Vec<(&'static str, u64, u64)> {
        let figures = self.links.get().map(clearwell_links::Links::figures);
        let dropped = |kind: Kind| -> u64 {
            let Some(figures) = &figures else { return 0 };
            let lanes = figures.peers.iter().flat_map(|peer| &peer.lanes).map(|lane| lane.dropped.of(kind));
            lanes.sum::<u64>() + figures.unknown.of(kind) + figures.too_long.of(kind)
        };
        let sent = |kind: Kind| self.counts.sent[kind.index()].load(Relaxed);
        Kind::all().map(|kind| (kind.name(), sent(kind), dropped(kind))).collect()
    }
}

impl Node {
    /// A command's keys are served by another node.
    #[inline]
    pub fn note_forwarded(&self) {
        if let Some(cluster) = &self.cluster {
            cluster.counts.forwarded.fetch_add(1, Relaxed);
        }
    }

    /// Its part in the cluster in numbers; zeros of a node alone.
    pub fn cluster_figures(&self, now: Millis) -> ClusterFigures {
        let Some((cluster, report)) = self.cluster.as_ref().zip(self.cluster_report()) else {
            return ClusterFigures::default();
        };
        let (answering, needed) = report.voices_heard();
        let mine = report.nodes.iter().find(|node| node.peer == report.me);
        let counts = &cluster.counts;
        ClusterFigures {
            epoch: report.epoch.0,
            members: report.nodes.iter().filter(|node| node.member).count() as u64,
            voters_answering: answering as u64,
            voters_needed: needed as u64,
            owned: mine.map_or(0, |mine| mine.owns as u64),
            followed: mine.map_or(0, |mine| mine.follows as u64),
            served: report.serves as u64,
            stranded: report.lost().values().sum::<usize>() as u64,
            lease_left_ms: report.lease_left_ms,
            to_give: report.to_give() as u64,
            unconfirmed: report.unconfirmed() as u64,
            unconfirmed_ms: report.unconfirmed_ms(),
            forwarded: counts.forwarded.load(Relaxed),
            messages: cluster.messages(),
            stages: vec![
                ("ordered_to_applied", counts.applied.figures(now)),
                ("ordered_to_replicas", counts.replicas.figures(now)),
                ("ordered_to_copies", counts.copies.figures(now)),
            ],
        }
    }
}
