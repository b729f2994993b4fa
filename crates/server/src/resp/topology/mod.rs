//! The cluster as Redis's clients want to know it: who has which slots, and where to reach them.
//!
//! Slots are Redis Cluster's (16384, CRC16, hash tags): clients compute the slot of a key themselves. What is not Redis's: a node that owns slots
//! also follows slots of others, which is not told: each node is a master without replicas.

mod replies;
#[cfg(test)]
mod tests;

use clearwell_words::{NodeId, Slot};

pub use replies::{count_keys_in_slot, key_slot, keys_in_slot};

/// What one node says of the cluster: of one view, with what it hears of the others now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    /// The view's epoch.
    pub epoch: u64,
    /// The place of the node that answers among the nodes.
    pub me: usize,
    /// Whether it may serve: it is not cut off from the others.
    pub serves: bool,
    /// All nodes.
    pub nodes: Vec<Announced>,
    /// The slots that have an owner, rising.
    pub ranges: Vec<SlotRange>,
    /// Messages between nodes that this one has sent and received.
    pub messages: (u64, u64),
}

/// A node, with the addresses at which clients reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// Its name among Redis's clients: [`redis_id`].
    pub id: String,
    /// Its address: an IP address, or a name where it has announced one in its place.
    pub ip: String,
    /// Its name, where it has announced one beside the address.
    pub hostname: Option<String>,
    /// Where it speaks RESP; 0 when it does so by TLS alone.
    pub port: u16,
    /// Where it speaks RESP by TLS.
    pub tls_port: Option<u16>,
    /// Where nodes reach it.
    pub link_port: u16,
    /// How it is.
    pub health: Health,
    /// When it was last heard of: milliseconds since 1970.
    pub heard_unix_ms: u64,
    /// The head of its log, which Redis would call its replication offset.
    pub position: u64,
}

/// How a node is, as the one that answers sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It is well.
    Online,
    /// It has joined, and is yet to be given its slots.
    Loading,
    /// It was not heard of for a while.
    Suspect,
    /// It is taken for dead.
    Failed,
}

/// Slots in a row that one node owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotRange {
    /// The first.
    pub first: Slot,
    /// The last.
    pub last: Slot,
    /// The place of their owner among the nodes.
    pub owner: usize,
}

impl SlotRange {
    /// The ranges that rising slots make, each with its owner.
    pub fn all(slots: impl IntoIterator<Item = (Slot, usize)>) -> Vec<SlotRange> {
        let mut ranges: Vec<SlotRange> = Vec::new();
        for (slot, owner) in slots {
            match ranges.last_mut() {
                Some(last) if last.last.0.checked_add(1) == Some(slot.0) && last.owner == owner => {
                    last.last = slot;
                }
                _ => ranges.push(SlotRange { first: slot, last: slot, owner }),
            }
        }
        ranges
    }

    fn count(&self) -> u64 {
        u64::from(self.last.0 - self.first.0) + 1
    }
}

/// The name of a node of a cluster among Redis's clients: 40 hexadecimal digits, of which the last 16 are the node's number. It outlasts restarts.
pub fn redis_id(cluster: u64, node: NodeId) -> String {
    format!("{cluster:024x}{:016x}", node.0)
}
