//! Messages of one invalidation.

use clearwell_cluster::{Bytes, Level};

use super::calm;
use crate::history::{Covered, Deed};
use crate::host::Machine;
use crate::names::KeyId;
use crate::options::SECOND;
use crate::world::{Mask, World};

/// Messages of one invalidation.
#[derive(Debug, Clone)]
pub struct Thrift {
    /// Nodes.
    pub nodes: u16,
    /// Hosts that held a copy, the owner and its replica included.
    pub holders: usize,
    /// Messages that carry it.
    pub records: u64,
    /// Confirmations: those that somebody waits for.
    pub confirmations: u64,
    /// The way of the request from the node that was asked to the owner, and of the answer back.
    pub forwarding: u64,
    /// Anything else but gossip, leases and heartbeats, which go on whatever happens.
    pub others: u64,
}

impl Thrift {
    /// What it causes, besides its own request and answer.
    pub fn caused(&self) -> u64 {
        self.records + self.confirmations + self.others
    }

    /// The same for each host that held a copy.
    pub fn ratio(&self) -> f64 {
        self.caused() as f64 / self.holders.max(1) as f64
    }
}

const ROUTINE: [&str; 5] = ["gossip", "lease ask", "lease grant", "heartbeat", "beat"];

/// Invalidates a key (`by_tag`: a tag of several keys) of which so many hosts beside the owner and its replica took a copy.
pub fn thrift(nodes: u16, readers: usize, by_tag: bool) -> Thrift {
    let slots = if nodes > 100 { 1024 } else { 64 };
    let mut world = World::new(calm(nodes, 0, 16, slots), Mask::default());
    world.run_until(5 * SECOND);
    let tag = world.history.source.tag_of(1);
    let keys: Vec<KeyId> = match by_tag {
        false => vec![0],
        true => (0..16).filter(|&key| world.history.source.tag_of(key + 1) == tag).collect(),
    };
    // The first reads of a tag that the owner has not heard of yet ask about it; nothing is kept before it has answered.
    for _ in 0..4 {
        for (n, &key) in (0..readers).flat_map(|n| keys.iter().map(move |key| (n, key))) {
            let host = n * usize::from(nodes) / readers.max(1);
            world.ask_host(0, host, key, Deed::Read(Level::Eventual));
            world.run_until(world.now + SECOND / 100);
        }
    }
    world.run_until(world.now + 3 * SECOND);
    let bytes: Vec<&Bytes> = keys.iter().map(|&key| world.history.names.key(key)).collect();
    let holds = |host: &&Machine| bytes.iter().any(|key| host.live(world.now, key).is_some());
    let holders = world.hosts.iter().filter(holds).count();
    let before = world.traffic.clone();
    let covered = if by_tag { Covered::Tag(tag) } else { Covered::Key(0) };
    world.ask_host(0, usize::from(nodes) / 2, 0, Deed::Invalidate(covered, false));
    world.run_until(world.now + SECOND);
    let of = |kinds: &[&str]| world.traffic.of(kinds) - before.of(kinds);
    let (records, confirmations) = (of(&["records"]), of(&["applied"]));
    let forwarding = of(&["request", "reply"]);
    let all = world.traffic.total() - before.total();
    let others = all - records - confirmations - forwarding - of(&ROUTINE);
    Thrift { nodes, holders, records, confirmations, forwarding, others }
}
