//! The one road, carried out.

use std::sync::Arc;

use super::Node;
use crate::road::{Position, Request};

/// What an invalidation request did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reached {
    /// Entries reached now; those of a scope that is held count when it takes effect.
    pub entries: u64,
    /// Scopes that are held for a time or an event.
    pub held: usize,
    /// The log's position after it.
    pub position: Position,
}

impl Node {
    /// Invalidates. When it returns, no read that begins later sees what was covered (unless its mode holds it).
    pub fn invalidate(self: &Arc<Self>, request: Request) -> Reached {
        let _ = request;
        todo!()
    }

    /// How many entries the request would reach; nothing is changed.
    pub fn would_reach(&self, request: &Request) -> u64 {
        let _ = request;
        todo!()
    }

    /// An event arrived: it covers what depends on it, and releases what is held for its name.
    pub fn event(self: &Arc<Self>, event: clearwell_engine::Event) -> Reached {
        let _ = event;
        todo!()
    }
}
