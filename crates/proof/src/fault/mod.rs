//! What is done to hosts, and how it is undone.

mod draw;
mod make;
pub mod weather;

use std::fmt;

pub use draw::draw;
pub use make::{make, undo};

/// A fault with the hosts that it concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
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

impl Fault {
    /// Its name without hosts.
    pub fn name(&self) -> &'static str {
        match self {
            Fault::Kill(_) => "kill -9",
            Fault::Pause(_) => "pause",
            Fault::OneWay { .. } => "one-way cut",
            Fault::Apart(_) => "cut off",
            Fault::Split(_) => "split",
            Fault::Weather(_) => "weather",
            Fault::Loss(_) => "loss",
            Fault::FullDisk(_) => "full disk",
            Fault::Rolling => "rolling restart",
            Fault::Added(_) => "node added",
            Fault::Left(_) => "node leaves",
            Fault::DiskLost(_) => "disk lost",
        }
    }

    /// The hosts that it impairs.
    pub fn hosts(&self) -> Vec<u32> {
        match self {
            Fault::Kill(host) | Fault::Pause(host) | Fault::Apart(host) | Fault::Weather(host) => vec![*host],
            Fault::Loss(host) | Fault::FullDisk(host) | Fault::Left(host) | Fault::DiskLost(host) => {
                vec![*host]
            }
            Fault::OneWay { from, to } => vec![*from, *to],
            Fault::Split(side) => side.clone(),
            Fault::Rolling | Fault::Added(_) => Vec::new(),
        }
    }

    /// Whether a node's memory is lost.
    pub fn forgets(&self) -> bool {
        matches!(self, Fault::Kill(_) | Fault::DiskLost(_) | Fault::Rolling | Fault::Left(_))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::OneWay { from, to } => write!(f, "{} {from}>{to}", self.name()),
            Fault::Rolling => write!(f, "{}", self.name()),
            Fault::Added(host) => write!(f, "{} {host}", self.name()),
            other => {
                let hosts: Vec<String> = other.hosts().iter().map(u32::to_string).collect();
                write!(f, "{} {}", other.name(), hosts.join(","))
            }
        }
    }
}
