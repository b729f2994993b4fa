//! What is done to hosts, and how it is undone.

mod draw;
mod make;
pub mod weather;

use std::fmt;

pub use draw::draw;
pub use make::{make, undo};

/// A fault with the hosts that it concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostFault {
    /// `kill -9`; started again with its disk.
    Kill(u32),
    /// `SIGSTOP`, for longer than every lease.
    Pause(u32),
    /// What one host sends does not reach another.
    OneWay { from: u32, to: u32 },
    /// A host hears no other, and is heard by none.
    Apart(u32),
    /// Two sides.
    Split(Vec<u32>),
    /// Delay, jitter, loss and reordering of what reaches a host.
    Weather(u32),
    /// A host loses one packet in five.
    Loss(u32),
    /// A disk that is full.
    FullDisk(u32),
    /// All nodes are ended and started again, one after the other.
    Rolling,
    /// A node more, which leaves again.
    Added(u32),
    /// A node leaves, and a new one takes its host.
    Left(u32),
    /// A node is killed and its disk is gone; it is forgotten, and a new one takes its host.
    DiskLost(u32),
}

impl HostFault {
    /// Its name without hosts.
    pub fn name(&self) -> &'static str {
        match self {
            HostFault::Kill(_) => "kill -9",
            HostFault::Pause(_) => "pause",
            HostFault::OneWay { .. } => "one-way cut",
            HostFault::Apart(_) => "cut off",
            HostFault::Split(_) => "split",
            HostFault::Weather(_) => "weather",
            HostFault::Loss(_) => "loss",
            HostFault::FullDisk(_) => "full disk",
            HostFault::Rolling => "rolling restart",
            HostFault::Added(_) => "node added",
            HostFault::Left(_) => "node leaves",
            HostFault::DiskLost(_) => "disk lost",
        }
    }

    /// The hosts that it impairs.
    pub fn hosts(&self) -> Vec<u32> {
        match self {
            HostFault::Kill(host)
            | HostFault::Pause(host)
            | HostFault::Apart(host)
            | HostFault::Weather(host) => vec![*host],
            HostFault::Loss(host)
            | HostFault::FullDisk(host)
            | HostFault::Left(host)
            | HostFault::DiskLost(host) => {
                vec![*host]
            }
            HostFault::OneWay { from, to } => vec![*from, *to],
            HostFault::Split(side) => side.clone(),
            HostFault::Rolling | HostFault::Added(_) => Vec::new(),
        }
    }

    /// Whether a node's memory is lost.
    pub fn forgets(&self) -> bool {
        matches!(self, HostFault::Kill(_) | HostFault::DiskLost(_) | HostFault::Rolling | HostFault::Left(_))
    }
}

impl fmt::Display for HostFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostFault::OneWay { from, to } => write!(f, "{} {from}>{to}", self.name()),
            HostFault::Rolling => write!(f, "{}", self.name()),
            HostFault::Added(host) => write!(f, "{} {host}", self.name()),
            other => {
                let hosts: Vec<String> = other.hosts().iter().map(u32::to_string).collect();
                write!(f, "{} {}", other.name(), hosts.join(","))
            }
        }
    }
}
