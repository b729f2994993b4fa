//! What the links have done and how they stand.

use std::net::SocketAddr;

use clearwell_words::NodeId;

use crate::queue::Dropped;
use crate::receiver::{RefusedLink, Unreached};
use clearwell_words::Addresses;

/// Of all links of a node. Counts are since its start.
#[derive(Debug, Clone)]
pub struct Figures {
    /// Where it listens.
    pub listening: SocketAddr,
    /// By node.
    pub peers: Vec<PeerFigures>,
    /// Addresses of which nobody has said yet who is there, with what came of the last attempt.
    pub seeking: Vec<(String, Option<Unreached>)>,
    /// The last connections that were refused, the latest one last; strangers too.
    pub refused: Vec<RefusedLink>,
    /// Connections that were closed at once, because too many handshakes were under way.
    pub turned_away: u64,
    /// Messages to nodes of which nothing is known.
    pub unknown: Dropped,
    /// Messages that are longer than a frame may be.
    pub too_long: Dropped,
}

/// Of the link to one peer.
#[derive(Debug, Clone)]
pub struct PeerFigures {
    /// Who.
    pub node: NodeId,
    /// Its latest process, once it was heard of.
    pub incarnation: Option<u32>,
    /// Where it is dialed, what was learned last first.
    pub addresses: Vec<String>,
    /// What it says of itself.
    pub announced: Addresses,
    /// How many ms ago something of it arrived.
    pub heard_ms_ago: Option<u64>,
    /// The last connection with it that was refused, until one to it is opened.
    pub refused: Option<RefusedLink>,
    /// Why the last attempt to dial it came to nothing, until one succeeds.
    pub unreached: Option<String>,
    /// By [`Lane::index`](crate::Lane::index).
    pub lanes: [LaneFigures; 3],
}

/// Of one lane of a link.
#[derive(Debug, Clone, Default)]
pub struct LaneFigures {
    /// Whether the connection to the peer is open.
    pub is_open: bool,
    /// Whether the connection of the peer is open, on which it sends.
    pub is_accepted: bool,
    /// How many frames wait.
    pub queued_frames: u64,
    /// What they take, in bytes of memory.
    pub queued_bytes: u64,
    /// Frames that were handed to the system, and their bytes.
    pub sent_frames: u64,
    /// The bytes.
    pub sent_bytes: u64,
    /// Frames that arrived.
    pub received_frames: u64,
    /// Their bytes.
    pub received_bytes: u64,
    /// Of these, frames that could not be read: of a newer version, or damaged.
    pub unreadable: u64,
    /// How often the connection to the peer was opened after the first time.
    pub reopened: u64,
    /// Messages that were left out: for want of room, because they waited too long or for a process that is no more, or with a connection that broke.
    pub dropped: Dropped,
}
