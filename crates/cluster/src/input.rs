//! What comes into a member.

use clearwell_words::Version;

use crate::entry::Entry;
use crate::message::Message;
use crate::request::Request;
use crate::{Bytes, Job, NodeId, Peer, Slot, Ticket};

/// One input of [`Member::step`](crate::Member::step).
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Time has passed. Wanted every 100 ms or so.
    Tick,
    /// A message arrived. The link has proved who sent it.
    Message(Peer, Message),
    /// Somebody asks; the answer bears the ticket.
    Request(Ticket, Request),
    /// The node did what an output asked for.
    Done(Job, Outcome),
    /// Whoever changed a key of this owner wants to be answered (as of a write) when all that was ordered of it until now survives the loss of a node,
    /// as far as it can.
    Settle(Ticket, Bytes),
    /// A copy was given up for space, or expired. To be told before the store answers the next question about the key.
    Evicted(Bytes),
    /// An operator asks.
    Operate(Operation),
    /// Nothing happened, but the step before left something to this one: holders to tell, requests to answer, contents to store ([`Member::has_more`](crate::Member::has_more)). Any other input
    /// is as good: a step that is not asked for delays, and breaks nothing.
    More,
}

/// What came of an [`Ask`](crate::outbox::Ask).
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Of a `Load` or a `Find`: the entry (or that there is none), and whether the store had it.
    Loaded {
        /// The entry.
        entry: Option<Entry>,
        /// Whether it was read from this node's memory, not from the source.
        stored: bool,
    },
    /// Of a `Flush`: the source refuses this value for good, and it has been parked (a dead letter) where an operator finds it.
    Parked,
    /// Of a `Commit` or a `Flush`: the source has it, in this order.
    Committed(Version),
    /// The source said no; nothing has changed there and nothing will.
    Failed,
    /// The source did not answer: it may have happened, or may still happen, until a fence excludes it.
    Unclear,
    /// Of a `Fence`: no statement with a lower number can change these slots' keys any more.
    Fenced,
    /// Of an `Export`.
    Exported {
        /// The entries.
        entries: Vec<Entry>,
        /// Where they end, when there is more: in this slot, with this key.
        end: Option<(Slot, Bytes)>,
    },
    /// Of a `Digest` or a `DigestOf`.
    Digested {
        /// The digest ([`crate::digest`]) of each entry that is there.
        digests: Vec<(Bytes, u64)>,
        /// Where they end, when there are more: in this slot, with this key.
        end: Option<(Slot, Bytes)>,
    },
}

/// What an operator asks for. The member that is asked sees to it that a majority of the voters learns of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Keep this many replicas of each slot.
    Replicas(u8),
    /// Change this member's share of slots.
    Weight(u32),
    /// Hand everything over and leave.
    Leave,
    /// This node will not come back: do not wait for it.
    Forget(NodeId),
}
