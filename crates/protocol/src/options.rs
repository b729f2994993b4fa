//! Placeholder until the codec lands: the small enums that both sides share.

use std::fmt;

/// What freshness a reader asks for (DESIGN 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Level {
    Strong,
    Session,
    Causal,
    /// Milliseconds.
    Bounded(u64),
    Eventual,
    Weak,
}

/// How a write is done (DESIGN 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Strategy {
    WriteThrough,
    WriteInvalidate,
    WriteBack,
    CacheOnly,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Level::Strong => f.write_str("strong"),
            Level::Session => f.write_str("session"),
            Level::Causal => f.write_str("causal"),
            Level::Bounded(ms) => write!(f, "bounded({ms}ms)"),
            Level::Eventual => f.write_str("eventual"),
            Level::Weak => f.write_str("weak"),
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Strategy::WriteThrough => "write-through",
            Strategy::WriteInvalidate => "write-invalidate",
            Strategy::WriteBack => "write-back",
            Strategy::CacheOnly => "cache-only",
        })
    }
}
