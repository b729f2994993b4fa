//! What all figures are read from, at one moment.

use std::sync::Arc;

use clearwell_engine::{Account, Eviction, Millis};

use crate::keyspace::ValueFigures;
use crate::metrics::{
    BadInput, Counts, Figures, KeyspaceFigures, Metrics, OperationKind, StageFigures, Surface, Timed,
};
use crate::node::{ClusterFigures, FeedReport, Node};
use crate::warm::WarmTotals;
use crate::writeback::Status;

/// A node's state as far as figures tell it.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The engine's account.
    pub account: Account,
    /// Of write-back.
    pub write_back: Status,
    /// Of the sources.
    pub feeds: Vec<FeedReport>,
    /// Of the node's part in its cluster; zeros of a node alone.
    pub cluster: ClusterFigures,
    /// Of the keyspaces, and of the keys that none of them matches.
    pub keyspaces: Vec<KeyspaceRow>,
    /// How long commits of each source took to their effect.
    pub stages: Vec<(Arc<str>, StageFigures)>,
    /// How long invalidations took that clients asked for.
    pub asked: Timed,
    /// Scopes held for a time or an event.
    pub held: u64,
    /// Of the jobs that load keys ahead.
    pub warming: WarmTotals,
    /// Keys that nearly matched a keyspace: writes refused, writes and reads warned of.
    pub near_misses: (u64, u64),
    /// The stream's last position.
    pub position: u64,
    /// What memory may reach.
    pub max_memory: u64,
    /// How many entries there may be.
    pub max_entries: Option<u64>,
    /// Who leaves first.
    pub eviction: Eviction,
    /// Since the node began.
    pub uptime_ms: u64,
    /// The last minute.
    pub window: Figures,
    /// Operations since the start, by kind.
    pub kinds: Vec<(OperationKind, Counts)>,
    /// Inputs refused, by what was wrong with them.
    pub refused: Vec<(BadInput, u64)>,
    /// Connections open and accepted.
    pub resp: (u64, u64),
    /// The same of HTTP.
    pub http: (u64, u64),
}

/// One keyspace's figures.
#[derive(Debug, Clone, Default)]
pub struct KeyspaceRow {
    /// Its pattern.
    pub name: Arc<str>,
    /// Of its values.
    pub values: ValueFigures,
    /// Of its reads, writes and loads.
    pub figures: KeyspaceFigures,
}

impl Snapshot {
    /// The state of now.
    pub fn take(node: &Node, metrics: &Metrics) -> Snapshot {
        let now = node.clock().tick();
        metrics.tick(now);
        node.tick_tallies();
        // Before the keyspaces: a commit that counts at its source counts at them.
        let stages = node.stage_figures(now);
        Snapshot {
            account: node.account(),
            write_back: node.write_back_status(),
            feeds: node.feeds(),
            cluster: node.cluster_figures(now),
            keyspaces: keyspaces(node, now),
            stages,
            asked: node.asked_figures(now),
            held: node.held() as u64,
            warming: node.warming_totals(),
            near_misses: (node.near_misses().refused(), node.near_misses().warned()),
            position: node.position().0,
            max_memory: node.config().max_memory,
            max_entries: node.config().max_entries,
            eviction: node.eviction(),
            uptime_ms: now.since(Millis(0)),
            ..Snapshot::of(metrics)
        }
    }

    /// What is known without a node.
    pub fn of(metrics: &Metrics) -> Snapshot {
        let connections = |surface| (metrics.open(surface), metrics.accepted(surface));
        Snapshot {
            account: Account::default(),
            write_back: Status::default(),
            feeds: Vec::new(),
            cluster: ClusterFigures::default(),
            keyspaces: Vec::new(),
            stages: Vec::new(),
            asked: Timed::default(),
            held: 0,
            warming: WarmTotals::default(),
            near_misses: (0, 0),
            position: 0,
            max_memory: 0,
            max_entries: None,
            eviction: Eviction::default(),
            uptime_ms: 0,
            window: metrics.figures(),
            kinds: OperationKind::ALL.map(|kind| (kind, metrics.of(kind))).into(),
            refused: BadInput::ALL.map(|(why, _)| (why, metrics.refused(why))).into(),
            resp: connections(Surface::Resp),
            http: connections(Surface::Rest),
        }
    }

    /// Operations since the start.
    pub(super) fn operations(&self) -> u64 {
        self.kinds.iter().map(|(_, counts)| counts.count).fold(0, u64::saturating_add)
    }

    /// What part of all reads this is.
    pub(super) fn of_reads(&self, part: u64) -> f64 {
        share(part, self.account.hits.saturating_add(self.account.misses))
    }
}

fn keyspaces(node: &Node, now: Millis) -> Vec<KeyspaceRow> {
    let rows = node.keyspace_figures(now).into_iter();
    rows.map(|(name, values, figures)| KeyspaceRow { name, values, figures }).collect()
}

/// A part of a whole, 0 of nothing.
pub(super) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
