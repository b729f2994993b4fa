//! Measurements in calm worlds: messages for each invalidation, idle traffic, and what a near cache transfers after a cut.

use clearwell_cluster::Level;

use crate::history::{Covered, Deed};
use crate::names::KeyId;
use crate::network::Set;
use crate::options::{Options, SECOND};
use crate::traffic::NAMES;
use crate::world::{Mask, World};

/// Messages of one invalidation.
#[derive(Debug, Clone)]
pub struct Thrift {
    /// Nodes.
    pub nodes: u16,
    /// Hosts that held a copy, the owner and its replicas included.
    pub holders: usize,
    /// Messages between hosts from the request to the answer and the last confirmation.
    pub messages: u64,
    /// Of them, those that carry the invalidation.
    pub records: u64,
}

fn calm(nodes: u16, near: u16, keys: u32) -> Options {
    let drawn = Options::draw(1, nodes, 3600, None).calm();
    let slots = if nodes > 100 { 1024 } else { 64 };
    let (hints_most, tail_most) = (100_000, 100_000);
    Options {
        near,
        keys,
        slots,
        hints_most,
        tail_most,
        clients: 0,
        tags: 8,
        replicas: 1,
        gossip_start: false,
        digest_ms: 0,
        only_source: true,
        ..drawn
    }
}

/// What is sent for one invalidation: everything but gossip, leases and heartbeats.
const OF_INVALIDATIONS: [&str; 6] = ["request", "reply", "records", "applied", "enlist", "enlisted"];

/// Invalidates a key (`by_tag`: a tag of several keys) of which so many hosts beside the owner and the replica took a copy.
pub fn thrift(nodes: u16, readers: usize, by_tag: bool) -> Thrift {
    let mut world = World::new(calm(nodes, 0, 16), Mask::default());
    world.run_until(5 * SECOND);
    let tag = world.history.source.tag_of(1);
    let keys: Vec<KeyId> = match by_tag {
        false => vec![0],
        true => (0..16).filter(|&key| world.history.source.tag_of(key + 1) == tag).collect(),
    };
    for (n, &key) in (0..readers).flat_map(|n| keys.iter().map(move |key| (n, key))) {
        let host = n * usize::from(nodes) / readers.max(1);
        world.ask_host(0, host, key, Deed::Read(Level::Eventual));
        let next = world.now + SECOND / 100;
        world.run_until(next);
    }
    world.run_until(world.now + 3 * SECOND);
    let holds = |host: &crate::host::Host| keys.iter().any(|&key| host.store.live(key).is_some());
    let holders = world.hosts.iter().filter(|host| holds(host)).count();
    let before = world.traffic.clone();
    let covered = if by_tag { Covered::Tag(tag) } else { Covered::Key(0) };
    world.ask_host(0, usize::from(nodes) / 2, 0, Deed::Invalidate(covered, false));
    world.run_until(world.now + SECOND);
    let messages = world.traffic.of(&OF_INVALIDATIONS) - before.of(&OF_INVALIDATIONS);
    let records = world.traffic.of(&["records"]) - before.of(&["records"]);
    Thrift { nodes, holders, messages, records }
}

/// Traffic of a cluster in which nobody asks.
#[derive(Debug, Clone)]
pub struct Idle {
    /// Nodes.
    pub nodes: u16,
    /// Messages that a node sends in a second.
    pub messages: f64,
    /// Bytes that it sends in a second.
    pub bytes: f64,
    /// The same by kind, largest first.
    pub kinds: Vec<(&'static str, f64)>,
}

/// Measures ten seconds of a cluster whose nodes hold copies of eight keys each.
pub fn idle(nodes: u16) -> Idle {
    let mut world = World::new(calm(nodes, 0, 64), Mask::default());
    world.run_until(3 * SECOND);
    for host in 0..usize::from(nodes) {
        for n in 0..8 {
            let key = (host as u32 * 8 + n) % 64;
            world.ask_host(0, host, key, Deed::Read(Level::Eventual));
        }
    }
    world.run_until(10 * SECOND);
    let before = world.traffic.clone();
    world.traffic.weigh = true;
    world.run_until(20 * SECOND);
    let per_node = |count: u64| count as f64 / 10.0 / f64::from(nodes);
    let counts =
        world.traffic.messages.iter().zip(&before.messages).map(|(now, before)| per_node(now - before));
    let mut kinds: Vec<(&str, f64)> =
        NAMES.into_iter().zip(counts).filter(|(_, count)| *count > 0.0).collect();
    kinds.sort_by(|one, other| other.1.total_cmp(&one.1));
    let messages = per_node(world.traffic.total() - before.total());
    Idle { nodes, messages, bytes: per_node(world.traffic.total_bytes()), kinds }
}

/// A near cache after a cut.
#[derive(Debug, Clone)]
pub struct AfterCut {
    /// Entries that it held.
    pub entries: usize,
    /// Their bytes.
    pub entry_bytes: u64,
    /// Entries that changed meanwhile.
    pub changed: usize,
    /// Bytes that all links carried from the end of the cut until it was current again.
    pub bytes: u64,
    /// Entries that it serves without asking afterwards.
    pub kept: usize,
}

/// Cuts a near cache of so many entries off for a minute, in which one of a hundred changes.
pub fn after_cut(entries: u32) -> AfterCut {
    const VALUE_BYTES: usize = 100;
    let options = Options { value_bytes: VALUE_BYTES, tags: 1000, ..calm(3, 1, entries) };
    let mut world = World::new(options, Mask::default());
    let near = 3;
    world.run_until(3 * SECOND);
    for key in 0..entries {
        world.ask_host(0, near, key, Deed::Read(Level::Eventual));
        if key % 64 == 0 {
            world.run_until(world.now + SECOND / 100);
        }
    }
    world.run_until(world.now + 5 * SECOND);
    let held = world.hosts[near].store.all().count();
    let (mut one, mut others) = (Set::default(), Set::default());
    one.insert(near);
    (0..near).for_each(|host| others.insert(host));
    world.cut_between(one, others);
    world.run_until(world.now + 20 * SECOND);
    let mut changed = 0;
    for key in (0..entries).step_by(100) {
        let write = world.history.source.intend(key, false);
        let strategy = clearwell_cluster::request::Strategy::Invalidate;
        world.ask_host(0, (key % 3) as usize, key, Deed::Write(strategy, write));
        world.run_until(world.now + SECOND / 100);
        changed += 1;
    }
    world.run_until(world.now + 30 * SECOND);
    world.traffic.weigh_only = Some(near);
    world.mend_all();
    world.run_until(world.now + 8 * SECOND);
    let bytes = world.traffic.total_bytes();
    let kept = world.served_without_asking(near);
    let per_entry = VALUE_BYTES as u64 + 8 + 16;
    AfterCut { entries: held, entry_bytes: held as u64 * per_entry, changed, bytes, kept }
}
