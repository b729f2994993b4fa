//! `GET /api/cache/cluster`: the cluster as this node sees it, and who has a key.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::http::StatusCode;
use clearwell_cluster::Peer;
use serde::Serialize;
use utoipa::ToSchema;

use super::Site;
use super::entry::json;
use super::problem::Reply;
use super::query::Asked;
use crate::node::{ClusterReport, NodeReport};

/// The cluster, if the node is one of one.
#[derive(Serialize, ToSchema)]
pub struct ClusterAnswer {
    /// How it stands; null: the node is alone.
    cluster: Option<ClusterView>,
    /// Who has the key that was asked for; null: none was, or the node is alone.
    place: Option<KeyPlace>,
}

/// A cluster as one node sees it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Cluster)]
pub struct ClusterView {
    /// Its name.
    name: String,
    /// This node.
    node: u64,
    /// ok, at-risk (something more may not happen, or is not as asked for), or stopped (something is not served).
    health: &'static str,
    /// What it promises and what not, the worst first.
    says: Vec<SentenceView>,
    /// The view that this node follows.
    epoch: u64,
    /// Nodes with a voice.
    voters: Vec<u64>,
    /// How many of them answer.
    voters_answering: usize,
    /// How many of them have to.
    voters_needed: usize,
    /// How many slots there are.
    slots: u16,
    /// Replicas that each is to have.
    replicas: u8,
    /// Whether nothing is on its way.
    settled: bool,
    /// Slots that this node serves now.
    serves: usize,
    /// For how many milliseconds this node may act as an owner.
    lease_left_ms: u64,
    /// The last record of this node's log.
    position: u64,
    /// Slots that nobody has who answers.
    stranded: Vec<StrandedView>,
    /// All nodes that are known.
    nodes: Vec<NodeView>,
}

/// A sentence, and how good that is.
#[derive(Serialize, ToSchema)]
#[schema(as = ClusterSentence)]
pub struct SentenceView {
    /// ok, at-risk or stopped.
    grade: &'static str,
    /// The sentence.
    text: String,
}

/// Slots that wait for one of these nodes.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = StrandedSlots)]
pub struct StrandedView {
    /// How many.
    slots: usize,
    /// For whom.
    wait_for: Vec<u64>,
}

/// One node, as another one sees it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ClusterNode)]
pub struct NodeView {
    /// Its number.
    node: u64,
    /// Whether it is this one.
    me: bool,
    /// Whether it answers.
    alive: bool,
    /// How often it was started.
    incarnation: u32,
    /// up, leaving, left, down or forgotten.
    state: &'static str,
    /// Whether it has a voice.
    voter: bool,
    /// Its share of slots; 0 is a witness.
    weight: u32,
    /// Slots that it owns.
    owns: usize,
    /// Slots that it is a replica of.
    follows: usize,
    /// Slots that are on their way to it.
    gains: usize,
    /// How many of these this node has still to give it.
    to_give: usize,
    /// How many milliseconds ago it was heard; null: never, or it is this one.
    heard_ms_ago: Option<u64>,
    /// It has confirmed this node's log up to here; null: it is told nothing.
    acked: Option<u64>,
    /// How many records it was sent and has not confirmed.
    unconfirmed: usize,
    /// For how many milliseconds it has confirmed none of these.
    unconfirmed_ms: u64,
    /// This node has applied its log up to here; null: it follows nothing of it.
    watermark: Option<u64>,
    /// For how many milliseconds it lets this node serve copies; null: this node follows nothing of it.
    read_lease_ms: Option<u64>,
    /// Where its links are.
    link: String,
    /// Where its Redis protocol is.
    resp: String,
    /// Where its HTTP is.
    http: String,
}

/// Who has a key.
#[derive(Serialize, ToSchema)]
pub struct KeyPlace {
    /// Its slot.
    slot: u16,
    /// Whether this node owns it and serves it now.
    here: bool,
    /// Its owner; null: nobody.
    owner: Option<NodeView>,
    /// Its replicas.
    replicas: Vec<NodeView>,
}

/// The cluster, as this node sees it
///
/// With a key, also which nodes have it.
#[utoipa::path(
    get, path = "/api/cache/cluster", tag = "figures", operation_id = "cluster",
    params(("key" = Option<String>, Query, description = "A key")),
    responses((status = 200, description = "How it stands", body = ClusterAnswer))
)]
pub async fn cluster(State(site): State<Arc<Site>>, Extension(query): Asked) -> Reply {
    let key = query.one("key")?;
    let report = site.node.cluster_report();
    let place = report.as_ref().zip(key).map(|(report, key)| site.place(report, key));
    Ok(json(StatusCode::OK, &ClusterAnswer { cluster: report.map(|report| ClusterView::of(&report)), place }))
}

impl Site {
    fn place(&self, report: &ClusterReport, key: &[u8]) -> KeyPlace {
        let slot = self.node.slot_of(key);
        let row = report.rows.get(usize::from(slot.0));
        let view = |peer: &Peer| {
            let node = report.nodes.iter().find(|node| node.peer.node == peer.node)?;
            Some(NodeView::of(node, report))
        };
        KeyPlace {
            slot: slot.0,
            here: self.node.place_of(key) == crate::node::Place::Here,
            owner: row.and_then(|row| view(&row.owner)),
            replicas: row.into_iter().flat_map(|row| &row.replicas).filter_map(view).collect(),
        }
    }
}

impl ClusterView {
    fn of(report: &ClusterReport) -> ClusterView {
        let says = report.says();
        let (voters_answering, voters_needed) = report.voices_heard();
        let stranded = report.lost().into_iter().map(|(keepers, slots)| StrandedView {
            slots,
            wait_for: keepers.into_iter().map(|node| node.0).collect(),
        });
        ClusterView {
            name: report.name.clone(),
            node: report.me.node.0,
            health: ClusterReport::grade(&says).name(),
            says: says
                .into_iter()
                .map(|sentence| SentenceView { grade: sentence.grade.name(), text: sentence.text })
                .collect(),
            epoch: report.epoch.0,
            voters: report.voters.iter().map(|voter| voter.0).collect(),
            voters_answering,
            voters_needed,
            slots: report.slots,
            replicas: report.replicas,
            settled: report.settled,
            serves: report.serves,
            lease_left_ms: report.lease_left_ms,
            position: report.head.0,
            stranded: stranded.collect(),
            nodes: report.nodes.iter().map(|node| NodeView::of(node, report)).collect(),
        }
    }
}

impl NodeView {
    fn of(node: &NodeReport, report: &ClusterReport) -> NodeView {
        let (told, tells) = (node.told.as_ref(), node.tells.as_ref());
        NodeView {
            node: node.peer.node.0,
            me: node.peer == report.me,
            alive: node.alive,
            incarnation: node.peer.incarnation,
            state: node.state.name(),
            voter: report.voters.contains(&node.peer.node),
            weight: node.weight,
            owns: node.owns,
            follows: node.follows,
            gains: node.gains,
            to_give: told.map_or(0, |told| told.missing),
            heard_ms_ago: node.heard_ms_ago,
            acked: told.map(|told| told.acked.0),
            unconfirmed: told.map_or(0, |told| told.unconfirmed),
            unconfirmed_ms: told.map_or(0, |told| told.unconfirmed_ms),
            watermark: tells.map(|owner| owner.watermark.0),
            read_lease_ms: tells.map(|owner| owner.lease_left_ms),
            link: node.addresses.link.clone(),
            resp: node.addresses.resp.clone(),
            http: node.addresses.http.clone(),
        }
    }
}
