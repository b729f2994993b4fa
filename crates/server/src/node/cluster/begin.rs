//! How a node becomes one of a cluster: it begins one, joins one, or is back.

use std::collections::HashMap;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use clearwell_cluster::config::Fences;
use clearwell_cluster::{Member, NodeId, Peer, Persist, Start};
use clearwell_engine::{Departures, Millis};
use clearwell_host::{Host, Settings};
use clearwell_links::{ClusterIdent, Links, SharedSecret};
use clearwell_words::Addresses;
use parking_lot::Mutex;

use super::counts::ClusterCounts;
use super::departure::Departure;
use super::seek::{is_refused, who_is_there};
use super::{Cluster, drive};
use crate::config::{ClusterConfig, Config};
use crate::membership::{AddressBook, ClusterId, Identity, MemberDisk};
use crate::node::{Node, StartError};

/// How a node comes into its cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entrance {
    /// It begins one.
    Bootstrap,
    /// It joins that of the nodes at these addresses, or is back in it.
    Join(Vec<String>),
    /// It is back.
    Again,
}

/// What a node of a cluster is started with, beside its configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterStart {
    /// How it comes in.
    pub entrance: Entrance,
    /// Where its Redis protocol is, for clients that know clusters.
    pub resp: SocketAddr,
    /// Where its HTTP is.
    pub http: SocketAddr,
}

/// A node's part of the cluster that has begun, without its links.
pub(in crate::node) struct NewMember {
    pub cluster: Cluster,
    pub host: Host,
    /// What its links are to be started with, and whom they know.
    pub links: clearwell_links::Settings,
    pub seeds: Seeds,
    pub tick: Duration,
}

/// Where others may be.
#[derive(Debug, Default)]
pub(in crate::node) struct Seeds {
    /// Nodes by their numbers.
    pub nodes: Vec<(NodeId, String)>,
    /// Addresses at which somebody may be.
    pub addresses: Vec<String>,
}

/// Makes a member: its identity and its disk, and the nodes that it was told of.
pub(in crate::node) fn begin(
    config: &Config,
    of: &ClusterConfig,
    start: &ClusterStart,
    data: &Path,
    (engine, departures): (clearwell_engine::Config, Arc<dyn Departures>),
    now: Millis,
) -> Result<NewMember, StartError> {
    let listen = resolve(&of.listen).map_err(StartError)?;
    let addresses = announced(of, listen, start).map_err(StartError)?;
    let links = |me: Peer, id: Option<u64>| -> Result<clearwell_links::Settings, StartError> {
        let ident = ClusterIdent { name: of.name.clone(), id };
        let secret = of.secret.as_deref().map(|secret| SharedSecret::new(secret.as_bytes())).transpose();
        Ok(clearwell_links::Settings {
            keyspaces: meaning(config),
            announced: addresses.clone(),
            secret: secret.map_err(StartError)?,
            ..clearwell_links::Settings::new(me, ident, listen, of.profile)
        })
    };
    let (identity, seeds) = identity(of, start, data, &links)?;
    let (disk, persisted) = MemberDisk::open(data, clearwell_cluster::slot::SLOTS).map_err(StartError)?;
    let me = identity.peer();
    let member = clearwell_cluster::Config {
        weight: of.weight,
        replicas: of.replicas,
        seeds: announce_to(&seeds, &persisted, me.node),
        seed: fastrand::u64(..),
        addresses: addresses.clone(),
        fences: Fences::but_for(|_| true),
        planted: crate::planted::decided(),
        ..clearwell_cluster::Config::of(me, of.profile)
    };
    let settings = Settings { engine, ..Settings::new(&member, fastrand::u64(..)) };
    let (slots, departure) = (member.slots, Departure::new(member.owner_lease_ms));
    let host = Host::shared(Member::new(member, Start { view: None, persisted }, now), settings, departures);
    let cluster = Cluster {
        slots,
        ack: of.ack,
        loads: Default::default(),
        disk,
        book: AddressBook::of(data),
        links: OnceLock::new(),
        asked: Mutex::new(HashMap::new()),
        unsynced: Mutex::default(),
        syncs: AtomicU64::new(0),
        known: Mutex::default(),
        thread: OnceLock::new(),
        seen: Mutex::default(),
        old: AtomicU64::new(0),
        departure,
        counts: ClusterCounts::default(),
        data: data.to_owned(),
        identity,
        node: OnceLock::new(),
    };
    let links = links(me, Some(cluster.identity.cluster().0))?;
    let tick = Duration::from_millis(of.profile.tick_ms());
    Ok(NewMember { cluster, host, links, seeds, tick })
}

impl Node {
    /// Begins to speak to others, and gives the member its time.
    pub(in crate::node) fn enter(
        self: &Arc<Self>,
        settings: clearwell_links::Settings,
        seeds: &Seeds,
        tick: Duration,
    ) -> Result<(), StartError> {
        let Some(cluster) = &self.cluster else { return Ok(()) };
        let node = Arc::downgrade(self);
        let (told, _first) = (node.clone(), cluster.node.set(node.clone()));
        cluster.disk.on_lasts(move |count| {
            if let Some(node) = told.upgrade() {
                node.lasts(count);
            }
        });
        let links = Links::start(settings, Arc::new(drive::LinkEnd(node.clone()))).map_err(StartError)?;
        for (node, address) in &seeds.nodes {
            links.learn(*node, std::slice::from_ref(address)).map_err(StartError)?;
        }
        seeds.addresses.iter().for_each(|address| links.seek(address));
        let _first = cluster.links.set(links);
        let run = move || drive::run(&node, tick);
        let thread = std::thread::Builder::new().name("member".into()).spawn(run);
        let thread =
            thread.map_err(|error| StartError(format!("cannot start the member's thread: {error}")))?;
        let _first = cluster.thread.set(thread.thread().clone());
        Ok(())
    }
}

/// Who this node is, and where others may be.
fn identity(
    of: &ClusterConfig,
    start: &ClusterStart,
    data: &Path,
    links: &dyn Fn(Peer, Option<u64>) -> Result<clearwell_links::Settings, StartError>,
) -> Result<(Identity, Seeds), StartError> {
    if start.entrance == Entrance::Bootstrap {
        return Ok((Identity::found(data, &of.name).map_err(StartError)?, Seeds::default()));
    }
    let seeds = match &start.entrance {
        Entrance::Join(seeds) => {
            Identity::make_room(data).map_err(StartError)?;
            seeds
        }
        Entrance::Bootstrap | Entrance::Again => &of.join,
    };
    // A name that nobody hears of again.
    let stranger = || Peer { node: NodeId(fastrand::u64(1..)), incarnation: 1 };
    if let Some(identity) = Identity::again(data, &of.name).map_err(StartError)? {
        if let Entrance::Join(seeds) = &start.entrance {
            is_refused(links(stranger(), Some(identity.cluster().0))?, seeds)?;
        }
        let nodes = AddressBook::of(data).read();
        return Ok((identity, Seeds { nodes, addresses: seeds.clone() }));
    }
    if seeds.is_empty() {
        return Err(StartError(
            "this node is not one of a cluster yet: begin one with --bootstrap (once, on one node), or name a node of it with --join HOST:PORT, the \
             address of its links"
                .into(),
        ));
    }
    // The node has no name before its identity lies on the disk.
    let asker = links(stranger(), None)?;
    let there = who_is_there(asker, seeds)?;
    let known = there.iter().find_map(|hello| hello.cluster.id);
    let cluster =
        known.ok_or_else(|| StartError(format!("nobody at {} is in a cluster yet", seeds.join(", "))))?;
    let identity = Identity::join(data, &of.name, ClusterId(cluster)).map_err(StartError)?;
    let nodes = there.into_iter().map(|hello| (hello.peer.node, hello.addresses.link)).collect();
    Ok((identity, Seeds { nodes, addresses: seeds.clone() }))
}

/// Whom the member tells that it is there: those who answered, and those of its last view.
fn announce_to(seeds: &Seeds, persisted: &[Persist], me: NodeId) -> Vec<NodeId> {
    let view = persisted.iter().rev().find_map(|what| match what {
        Persist::View(view) => Some(view),
        _ => None,
    });
    let seats = view.into_iter().flat_map(|view| view.base.seats.iter().chain(&view.next.seats));
    let nodes = seats.map(|seat| seat.peer.node).chain(seeds.nodes.iter().map(|(node, _)| *node));
    let mut all: Vec<NodeId> = nodes.filter(|node| *node != me).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// What declares which keys are stale when: nodes that differ in it refuse one another.
fn meaning(config: &Config) -> u64 {
    let text = format!("{:?}", config.keyspaces);
    rapidhash::v3::rapidhash_v3(text.as_bytes())
}

/// The address of links. Others are told of its port before it is opened, so that a free one is chosen here.
fn resolve(address: &str) -> Result<SocketAddr, String> {
    let wrong = |why: String| {
        format!("listen in [cluster]: {address}: {why}; give an address and a port, such as 127.0.0.1:7381")
    };
    let mut all = address.to_socket_addrs().map_err(|error| wrong(error.to_string()))?;
    let first = all.next().ok_or_else(|| wrong("it is no address".into()))?;
    match first.port() {
        0 => std::net::TcpListener::bind(first)
            .and_then(|listener| listener.local_addr())
            .map_err(|error| wrong(error.to_string())),
        _ => Ok(first),
    }
}

/// Where others reach this node.
fn announced(of: &ClusterConfig, listen: SocketAddr, start: &ClusterStart) -> Result<Addresses, String> {
    let host = |ip: std::net::IpAddr| {
        of.announce.clone().unwrap_or_else(|| match ip {
            std::net::IpAddr::V6(ip) => format!("[{ip}]"),
            ip => ip.to_string(),
        })
    };
    let at = |address: SocketAddr| format!("{}:{}", host(address.ip()), address.port());
    if of.announce.is_none()
        && [listen, start.resp, start.http].iter().any(|address| address.ip().is_unspecified())
    {
        return Err("a node that listens on all addresses needs one that others can dial: announce = \"HOST\" in [cluster]".into());
    }
    Ok(Addresses { link: at(listen), resp: at(start.resp), http: at(start.http) })
}
