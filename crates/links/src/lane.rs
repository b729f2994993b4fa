//! The connections of a link, and which of them a message takes.

use clearwell_wire::Kind;

/// One of the connections from a node to a peer. Each has a queue, a task and a thread of its own, so that contents of slots
/// delay no record, and records no lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Gossip, views, leases, heartbeats and confirmations: small, and worth nothing when late.
    Control,
    /// Records, requests and replies.
    Stream,
    /// Contents of slots and their digests. It is opened when there is something to send.
    Bulk,
}

impl Lane {
    /// All of them, by their places.
    pub const ALL: [Lane; 3] = [Lane::Control, Lane::Stream, Lane::Bulk];

    /// The lane of a kind of message.
    pub fn of(kind: Kind) -> Lane {
        match kind {
            Kind::Gossip | Kind::Decree | Kind::View | Kind::ViewAsk | Kind::Operate => Lane::Control,
            Kind::LeaseAsk | Kind::LeaseGrant | Kind::Heartbeat | Kind::Beat => Lane::Control,
            // The word that a part is stored is small, and the next part waits for it.
            Kind::Applied | Kind::StateTaken | Kind::Feed => Lane::Control,
            Kind::Request | Kind::Reply | Kind::Records | Kind::Enlist | Kind::Enlisted => Lane::Stream,
            Kind::State | Kind::Digests | Kind::Differ => Lane::Bulk,
        }
    }

    /// Its place among all.
    pub fn index(self) -> usize {
        self as usize
    }

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Lane::Control => "control",
            Lane::Stream => "stream",
            Lane::Bulk => "bulk",
        }
    }

    /// The byte that stands for it in a hello.
    pub(crate) fn byte(self) -> u8 {
        self as u8 + 1
    }

    pub(crate) fn from_byte(byte: u8) -> Option<Lane> {
        Lane::ALL.into_iter().find(|lane| lane.byte() == byte)
    }
}

/// How much a message is worth to a queue that is full: the lower ones are dropped first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Worth {
    /// Another message says the same later: hints repair records, the next beat follows a lost one.
    Repeated,
    /// Somebody asks, and asks again when no answer comes.
    Asked,
    /// An answer or a vote: work that was done already.
    Answer,
}

impl Worth {
    /// How many there are.
    pub(crate) const COUNT: usize = 3;

    /// The worth of a kind of message.
    pub fn of(kind: Kind) -> Worth {
        match kind {
            Kind::Gossip | Kind::Heartbeat | Kind::Beat | Kind::Records | Kind::Applied => Worth::Repeated,
            Kind::Digests | Kind::Differ | Kind::Feed => Worth::Repeated,
            Kind::View | Kind::ViewAsk | Kind::LeaseAsk | Kind::Request | Kind::Enlist => Worth::Asked,
            Kind::State => Worth::Asked,
            Kind::Reply | Kind::Enlisted | Kind::StateTaken => Worth::Answer,
            Kind::Decree | Kind::LeaseGrant | Kind::Operate => Worth::Answer,
        }
    }
}
