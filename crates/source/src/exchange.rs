//! A feed that one node of a cluster reads for all of them.

use std::sync::Arc;

/// How far the reader of a feed has told everybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedMark {
    /// The server that it reads, and the timeline of its log.
    pub server: Arc<str>,
    /// What was committed before this place of the log is invalidated wherever somebody may read.
    pub position: u64,
    /// Why commits may be missing; `None` while the feed is complete.
    pub problem: Option<Arc<str>>,
}

/// How the nodes of a cluster speak of a feed. Any word may be lost: who waits asks again.
pub trait FeedExchange: Send + Sync {
    /// This node reads the feed: all others are to know of this mark.
    fn tell(&self, source: &str, mark: &FeedMark);
    /// Somebody here waits for the feed: its reader is to say how far it is.
    fn ask(&self, source: &str);
}
