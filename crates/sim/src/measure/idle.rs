//! Traffic of a cluster in which nobody asks.

use clearwell_cluster::Level;
use clearwell_cluster::slot::SLOTS;

use super::calm;
use crate::history::Deed;
use crate::options::SECOND;
use crate::world::{Mask, World};

/// Traffic of a cluster in which nobody asks.
#[derive(Debug, Clone)]
pub struct Idle {
    /// Nodes.
    pub nodes: u16,
    /// Messages that a node sends in a second.
    pub messages: f64,
    /// Bytes that it sends in a second.
    pub bytes: f64,
    /// Messages that the busiest node sends in a second: one of the voters.
    pub busiest: f64,
    /// Messages by kind, largest first.
    pub kinds: Vec<(&'static str, f64)>,
}

/// Measures ten seconds of a cluster with as many slots as a real one, half a minute after its nodes took copies of eight keys
/// each.
pub fn idle(nodes: u16) -> Idle {
    const SECONDS: u64 = 10;
    let mut world = World::new(calm(nodes, 0, 64, SLOTS), Mask::default());
    world.run_until(3 * SECOND);
    for host in 0..usize::from(nodes) {
        for n in 0..8 {
            let key = (host as u32 * 8 + n) % 64;
            world.ask_host(0, host, key, Deed::Read(Level::Eventual));
        }
    }
    world.run_until(33 * SECOND);
    let before = world.traffic.clone();
    world.traffic.by_host = vec![0; usize::from(nodes)];
    world.run_until((33 + SECONDS) * SECOND);
    let a_second = |count: u64| count as f64 / SECONDS as f64;
    let per_node = |count: u64| a_second(count) / f64::from(nodes);
    let counts = world.traffic.kinds().zip(before.kinds());
    let mut kinds: Vec<(&str, f64)> = counts
        .map(|((name, now), (_, before))| (name, per_node(now - before)))
        .filter(|(_, count)| *count > 0.0)
        .collect();
    kinds.sort_by(|one, other| other.1.total_cmp(&one.1));
    let messages = per_node(world.traffic.total() - before.total());
    let busiest = a_second(world.traffic.by_host.iter().copied().max().unwrap_or(0));
    let bytes = per_node(world.traffic.total_bytes() - before.total_bytes());
    Idle { nodes, messages, bytes, busiest, kinds }
}
