//! What readers get while a feed is not complete.

use std::fmt;

/// How a keyspace is read while the feed that invalidates its entries is not complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unverified {
    /// Every read asks the source; nothing is served from memory and nothing is kept.
    #[default]
    Bypass,
    /// What is loaded is kept and served for this many milliseconds from the beginning of its load.
    Bounded(u64),
    /// Reads are refused, with the reason.
    Refuse,
}

/// What is to happen when nothing tells of all changes to what a keyspace loads: its entries are then as old as their TTL
/// allows, below the levels `bounded` and `strong`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unfollowed {
    /// It is told, at the check, at the start and in answers.
    #[default]
    Warn,
    /// It is meant. Answers say it all the same.
    Meant,
    /// The node does not start.
    Refuse,
}

impl fmt::Display for Unverified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unverified::Bypass => f.write_str("bypass"),
            Unverified::Bounded(ms) if ms % 1000 == 0 => write!(f, "bounded({}s)", ms / 1000),
            Unverified::Bounded(ms) => write!(f, "bounded({ms}ms)"),
            Unverified::Refuse => f.write_str("refuse"),
        }
    }
}
