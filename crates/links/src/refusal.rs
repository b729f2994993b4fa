//! Why a connection is refused. Both sides are told in words.

use std::fmt;

use clearwell_words::NodeId;

use crate::hello::{ClusterIdent, VERSIONS, Versions};
use crate::packet::PacketReader;
use crate::utc::Utc;

/// What is wrong with a peer's hello. `here` is the side that reads these words, `there` the other one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HelloRefusal {
    /// It belongs to another cluster.
    OtherCluster {
        /// The cluster of this node.
        here: ClusterIdent,
        /// Its.
        there: ClusterIdent,
    },
    /// One of the two does not know the other's secret. Nothing more is told to whoever has not proved anything.
    WrongSecret,
    /// Its keyspaces are declared in another way: they would disagree in silence about what makes an entry stale.
    OtherKeyspaces {
        /// The hash here.
        here: u64,
        /// The hash there.
        there: u64,
    },
    /// Its wall clock shows another time.
    ClockOff {
        /// Milliseconds since 1970, here.
        here_ms: u64,
        /// The same there.
        there_ms: u64,
        /// By how much they may differ.
        most_ms: u64,
    },
    /// Two processes run that take themselves for the same one.
    NodeIdInUse {
        /// Of which node.
        node: NodeId,
        /// The incarnation of the one that was there first.
        incarnation: u32,
    },
    /// A later process of the same node is known: this one is over.
    TooOldIncarnation {
        /// Of which node.
        node: NodeId,
        /// The latest incarnation that is known.
        known: u32,
        /// That of the process that is refused.
        refused: u32,
    },
    /// There is no version that both speak.
    Version {
        /// Those of this node.
        here: Versions,
        /// Its.
        there: Versions,
    },
    /// What it sent is no hello.
    Malformed,
    /// Another node has the address now.
    OtherNode {
        /// Who was expected.
        wanted: NodeId,
        /// Who is there.
        found: NodeId,
    },
    /// The address is this node's own.
    Oneself,
    /// No more peers are taken.
    Full {
        /// So many are known.
        most: u32,
    },
    /// A message named another sender than the connection's hello.
    Forged,
}

impl HelloRefusal {
    /// The same as the other side reads it.
    #[must_use]
    pub fn turned(self) -> HelloRefusal {
        match self {
            HelloRefusal::OtherCluster { here, there } => {
                HelloRefusal::OtherCluster { here: there, there: here }
            }
            HelloRefusal::OtherKeyspaces { here, there } => {
                HelloRefusal::OtherKeyspaces { here: there, there: here }
            }
            HelloRefusal::ClockOff { here_ms, there_ms, most_ms } => {
                HelloRefusal::ClockOff { here_ms: there_ms, there_ms: here_ms, most_ms }
            }
            HelloRefusal::Version { here, there } => HelloRefusal::Version { here: there, there: here },
            same => same,
        }
    }

    /// As bytes, for whoever is refused.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![self.byte()];
        let mut put = |bytes: &[u8]| out.extend_from_slice(bytes);
        match self {
            HelloRefusal::OtherCluster { here, there } => {
                here.encode(&mut out);
                there.encode(&mut out);
            }
            HelloRefusal::OtherKeyspaces { here, there } => {
                put(&here.to_le_bytes());
                put(&there.to_le_bytes());
            }
            HelloRefusal::ClockOff { here_ms, there_ms, most_ms } => {
                [here_ms, there_ms, most_ms].into_iter().for_each(|ms| put(&ms.to_le_bytes()));
            }
            HelloRefusal::NodeIdInUse { node, incarnation } => {
                put(&node.0.to_le_bytes());
                put(&incarnation.to_le_bytes());
            }
            HelloRefusal::TooOldIncarnation { node, known, refused } => {
                put(&node.0.to_le_bytes());
                put(&known.to_le_bytes());
                put(&refused.to_le_bytes());
            }
            HelloRefusal::Version { here, there } => {
                let all = [here.oldest, here.newest, there.oldest, there.newest];
                all.into_iter().for_each(|version| put(&version.to_le_bytes()));
            }
            HelloRefusal::OtherNode { wanted, found } => {
                put(&wanted.0.to_le_bytes());
                put(&found.0.to_le_bytes());
            }
            HelloRefusal::Full { most } => put(&most.to_le_bytes()),
            HelloRefusal::WrongSecret
            | HelloRefusal::Malformed
            | HelloRefusal::Oneself
            | HelloRefusal::Forged => {}
        }
        out
    }

    /// From bytes, as they were meant by the other side; what is behind them is skipped. `None` for what is none, and for
    /// one of a newer version.
    pub fn decode(bytes: &[u8]) -> Option<HelloRefusal> {
        let mut r = PacketReader::new(bytes);
        let versions = |r: &mut PacketReader<'_>| Some(Versions { oldest: r.u16()?, newest: r.u16()? });
        Some(match r.byte()? {
            1 => HelloRefusal::OtherCluster {
                here: ClusterIdent::decode(&mut r)?,
                there: ClusterIdent::decode(&mut r)?,
            },
            2 => HelloRefusal::WrongSecret,
            3 => HelloRefusal::OtherKeyspaces { here: r.u64()?, there: r.u64()? },
            4 => HelloRefusal::ClockOff { here_ms: r.u64()?, there_ms: r.u64()?, most_ms: r.u64()? },
            5 => HelloRefusal::NodeIdInUse { node: NodeId(r.u64()?), incarnation: r.u32()? },
            6 => {
                HelloRefusal::TooOldIncarnation { node: NodeId(r.u64()?), known: r.u32()?, refused: r.u32()? }
            }
            7 => HelloRefusal::Version { here: versions(&mut r)?, there: versions(&mut r)? },
            8 => HelloRefusal::Malformed,
            9 => HelloRefusal::OtherNode { wanted: NodeId(r.u64()?), found: NodeId(r.u64()?) },
            10 => HelloRefusal::Oneself,
            11 => HelloRefusal::Full { most: r.u32()? },
            12 => HelloRefusal::Forged,
            _ => return None,
        })
    }

    fn byte(&self) -> u8 {
        match self {
            HelloRefusal::OtherCluster { .. } => 1,
            HelloRefusal::WrongSecret => 2,
            HelloRefusal::OtherKeyspaces { .. } => 3,
            HelloRefusal::ClockOff { .. } => 4,
            HelloRefusal::NodeIdInUse { .. } => 5,
            HelloRefusal::TooOldIncarnation { .. } => 6,
            HelloRefusal::Version { .. } => 7,
            HelloRefusal::Malformed => 8,
            HelloRefusal::OtherNode { .. } => 9,
            HelloRefusal::Oneself => 10,
            HelloRefusal::Full { .. } => 11,
            HelloRefusal::Forged => 12,
        }
    }
}

impl fmt::Display for HelloRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HelloRefusal::OtherCluster { here, there } => write!(
                f,
                "the other node belongs to cluster {there}, this one to cluster {here}: take its address out of the seeds, or let one of the two \
                 begin with an empty data folder under the other's name"
            ),
            HelloRefusal::WrongSecret => {
                f.write_str("the secrets differ: all nodes of a cluster need the same one")
            }
            HelloRefusal::OtherKeyspaces { here, there } => write!(
                f,
                "keyspaces are declared differently: their hash is {here:016x} here and {there:016x} there; give all nodes the same declarations"
            ),
            HelloRefusal::ClockOff { here_ms, there_ms, most_ms } => write!(
                f,
                "the clock shows {} here and {} there, and they may differ by {} s: set both by NTP",
                Utc(*here_ms),
                Utc(*there_ms),
                most_ms / 1000
            ),
            HelloRefusal::NodeIdInUse { node, incarnation } => write!(
                f,
                "node {} runs already, as its process {incarnation}: a data folder is for one process, and a copy of it needs a node id of its own",
                node.0
            ),
            HelloRefusal::TooOldIncarnation { node, known, refused } => write!(
                f,
                "process {refused} of node {} is over, process {known} came after it: end the old one, or start it anew with the latest data folder",
                node.0
            ),
            HelloRefusal::Version { here, there } => write!(
                f,
                "this node speaks versions {} to {} of the links' protocol, the other one {} to {}: update the older one, one release at a time",
                here.oldest, here.newest, there.oldest, there.newest
            ),
            HelloRefusal::Malformed => write!(
                f,
                "what was sent is no hello of version {}: the port is for Clearwell's nodes, Redis clients and browsers have others",
                VERSIONS.newest
            ),
            HelloRefusal::OtherNode { wanted, found } => {
                write!(f, "node {} is at this address, not node {}", found.0, wanted.0)
            }
            HelloRefusal::Oneself => f.write_str("the address is this node's own"),
            HelloRefusal::Full { most } => write!(f, "{most} peers are known, no more are taken"),
            HelloRefusal::Forged => {
                f.write_str("a message named another sender than the node that opened the connection")
            }
        }
    }
}

impl fmt::Display for ClusterIdent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.id {
            Some(id) => write!(f, "{:?} ({id:016x})", self.name),
            None => write!(f, "{:?} (not joined yet)", self.name),
        }
    }
}
