//! Who gets what arrives.

use std::fmt;
use std::net::SocketAddr;

use clearwell_cluster::Message;
use clearwell_words::{NodeId, Peer};

use crate::handshake::RefusedBy;
use crate::hello::Hello;
use crate::lane::Lane;
use crate::refusal::HelloRefusal;

/// The node around the links. A message is given on the thread of its lane: as long as that takes, all peers wait on this lane, and on
/// no other. So it is with a notice of a lane; others are given on the thread that takes connections.
pub trait Receiver: Send + Sync + 'static {
    /// A message of a peer, which has proved to be it.
    fn receive(&self, from: Peer, message: Message);

    /// Something happened to the links.
    fn notice(&self, notice: Notice) {
        let _ = notice;
    }
}

/// What happened to the links.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    /// A peer's hello was accepted: on a connection that either side opened.
    Met(Box<Hello>),
    /// A lane to a peer is open.
    Opened(Peer, Lane),
    /// A lane to a peer is closed, and why.
    Closed(Peer, Lane, String),
    /// A connection was refused, and the one before it was not for the same. Figures have all.
    Refused(RefusedLink),
}

/// A connection that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedLink {
    /// Which node was dialed, or proved to be the caller; unknown of a stranger.
    pub node: Option<NodeId>,
    /// With which address.
    pub address: SocketAddr,
    /// Who refused.
    pub by: RefusedBy,
    /// Why.
    pub why: HelloRefusal,
    /// When, by this node's wall clock.
    pub at_ms: u64,
}

impl RefusedLink {
    /// Whether the two say the same of one host, numbers aside.
    pub(crate) fn is_like(&self, other: &RefusedLink) -> bool {
        let kind = |one: &RefusedLink| (std::mem::discriminant(&one.why), one.by, one.address.ip());
        kind(self) == kind(other)
    }
}

impl fmt::Display for RefusedLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.by {
            RefusedBy::Here => write!(f, "this node refuses the one at {}: {}", self.address, self.why),
            RefusedBy::There => write!(f, "the node at {} refuses this one: {}", self.address, self.why),
        }
    }
}

/// Why nobody was reached at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreached {
    /// Nobody is there, or the connection broke: in words.
    Broken(String),
    /// Somebody is there, and one of both sides refuses.
    Refused(RefusedLink),
}

impl fmt::Display for Unreached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreached::Broken(why) => f.write_str(why),
            Unreached::Refused(refused) => refused.fmt(f),
        }
    }
}

impl Unreached {
    /// Whether the address is this node's own.
    pub(crate) fn is_oneself(&self) -> bool {
        matches!(self, Unreached::Refused(refused) if refused.why == HelloRefusal::Oneself)
    }
}
