//! What members and near caches say to one another. Any message may be lost, late, doubled or overtaken.

use std::sync::Arc;

use clearwell_words::Millis;

use crate::clock::RemoteClock;
use crate::decree::Decree;
use crate::entry::{AsOf, Entry};
use crate::hold::Hold;
use crate::input::Operation;
use crate::membership;
use crate::name::Name;
use crate::part::Part;
use crate::pieces::{PIECE_BYTES, pieces};
use crate::record::Record;
use crate::request::{Answer, Request};
use crate::view::View;
use crate::{Bytes, Config, Epoch, Peer, Position, Slot, Ticket};

/// A message. Times in it are the sender's own, given back to it unread; those of [`Expiry`](crate::Expiry) are read by the
/// sender's clock. Durations are everybody's.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// Membership's own words.
    Gossip(Arc<[u8]>),
    /// The choice of the next view, among voters.
    Decree(Decree),
    /// A view that was decided, and how long those who lost slots may still act.
    View(Arc<View>, Vec<Stopping>),
    /// «I know nothing later than this epoch.»
    ViewAsk(Epoch),
    /// An owner asks a voter for its lease.
    LeaseAsk(LeaseAsk),
    /// The voter's answer.
    LeaseGrant(LeaseGrant),
    /// A request on its way to an owner.
    Request(Ticket, Request),
    /// The owner's answer.
    Reply(Ticket, Box<Reply>),
    /// A holder renews its read lease.
    Heartbeat(Heartbeat),
    /// The owner's answer.
    Beat(Stream),
    /// Records of the owner's log for one holder.
    Records(Records),
    /// «All up to here is applied.»
    Applied(Applied),
    /// A holder notes interest in names, and asks what it missed.
    Enlist(Enlist),
    /// The owner's answer.
    Enlisted(Enlisted),
    /// What slots contain, for a node that is to follow them.
    State(Box<State>),
    /// The answer: it is stored, or not.
    StateTaken(StateTaken),
    /// Digests of an owner's entries, for a replica to compare.
    Digests(Digests),
    /// What differs.
    Differ(Differ),
    /// What an operator wants, for the voters.
    Operate(Operation),
    /// How far a source's feed was told. The member has no part in it: nodes say it to one another.
    Feed(FeedWord),
}

impl Message {
    /// Whether it is one that this peer may have sent, by what it says of its own sender. Most say nothing, and go by the link that they
    /// arrived on.
    pub fn is_from(&self, peer: Peer) -> bool {
        match self {
            Message::Gossip(bytes) => membership::sender(bytes).is_none_or(|sender| sender == peer),
            Message::Decree(Decree::Prepare(_, ballot) | Decree::Accept(ballot, _)) => {
                ballot.node == peer.node
            }
            // These name the ballot of whom they answer.
            Message::Decree(Decree::Promise(..) | Decree::Accepted(..) | Decree::Refused(..)) => true,
            Message::View(..) | Message::ViewAsk(_) | Message::LeaseAsk(_) | Message::LeaseGrant(_) => true,
            Message::Request(..) | Message::Reply(..) | Message::Heartbeat(_) | Message::Beat(_) => true,
            Message::Records(_) | Message::Applied(_) | Message::Enlist(_) | Message::Enlisted(_) => true,
            Message::State(_) | Message::StateTaken(_) | Message::Digests(_) | Message::Differ(_) => true,
            Message::Operate(_) | Message::Feed(_) => true,
        }
    }
}

/// What nodes say to one another of a source's feed (change data capture), which one of them reads for all.
#[derive(Debug, Clone, PartialEq)]
pub enum FeedWord {
    /// «How far is it?» To the reader.
    Ask {
        /// The source, by its name.
        source: Bytes,
    },
    /// The reader's word.
    Told {
        /// The source, by its name.
        source: Bytes,
        /// The server that it reads, and the timeline of its log.
        server: Bytes,
        /// What was committed before this place of the server's log is invalidated wherever a reader may look.
        position: u64,
        /// Why commits may be missing; `None` while it is complete.
        problem: Option<Bytes>,
    },
}

/// Who lost a slot and may still act as its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopping {
    /// Who.
    pub peer: Peer,
    /// The view in which it lost something.
    pub lost: Epoch,
    /// Whoever counts so long from the message on has surely waited until its lease has ended. The drift margin is
    /// in it: times on several clocks add up to it.
    pub left_ms: u64,
}

impl Stopping {
    /// One whose lease has surely ended at a time. A millisecond more, because clocks show whole ones.
    pub fn until(peer: Peer, lost: Epoch, over: Millis, now: Millis) -> Stopping {
        Stopping { peer, lost, left_ms: over.since(now) + 1 }
    }
}

/// Asks for an ownership lease.
#[derive(Debug, Clone, PartialEq)]
pub struct LeaseAsk {
    /// The asker's view: it owns nothing that this view does not give it.
    pub epoch: Epoch,
    /// When it asked.
    pub sent: Millis,
    /// Whether all who gain slots in the next placement have what this owner has for them.
    pub ready: bool,
}

/// Grants it, or tells that there is a later view (`granted` is false).
#[derive(Debug, Clone, PartialEq)]
pub struct LeaseGrant {
    /// The voter's view.
    pub epoch: Epoch,
    /// The time in the request.
    pub sent: Millis,
    /// Whether the lease is granted.
    pub granted: bool,
    /// Up to this epoch, nobody who lost a slot can still act as its owner.
    pub settled: Epoch,
}

/// Where an owner's log stands for one holder. The heart of the matter: a holder whose watermark is at `last` or
/// beyond has missed nothing up to `head`.
#[derive(Debug, Clone, PartialEq)]
pub struct Stream {
    /// Which subscription; a new number says that the owner knows nothing of earlier interests.
    pub subscription: u64,
    /// The head of the log when the subscription began.
    pub first: Position,
    /// The last record that was addressed to the holder.
    pub last: Position,
    /// The last record of the log.
    pub head: Position,
    /// The time in the holder's own message that this answers.
    pub sent: Millis,
    /// How long the holder may serve from then on; 0 when the owner has no lease itself.
    pub lease_ms: u64,
    /// The owner's view.
    pub epoch: Epoch,
    /// Records up to here were dropped while the holder was absent: what they may have touched is in doubt.
    pub lost: Option<Position>,
    /// The owner's clock when it said this, for whoever is sent entries that expire by it.
    pub at: Option<Millis>,
}

/// A holder renews its read lease with one owner, for all keys at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Heartbeat {
    /// When it was sent.
    pub sent: Millis,
    /// The subscription that the holder knows of, 0 for none.
    pub subscription: u64,
    /// All up to here is applied.
    pub watermark: Position,
    /// Copies given up, with the ticket of their interest.
    pub released: Vec<(Name, Ticket)>,
    /// The holder's view.
    pub epoch: Epoch,
}

/// Records for one holder, in order; `prev` is the one before them that was addressed to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Records {
    /// The subscription.
    pub subscription: u64,
    /// The record addressed to this holder before the first of these.
    pub prev: Position,
    /// The records.
    pub records: Vec<Arc<Record>>,
    /// Whether somebody waits for the holder's word.
    pub reply: bool,
    /// The owner's view.
    pub epoch: Epoch,
}

impl Records {
    /// The same in messages of bounded size, each of which follows on the one before it. The last one asks for the holder's word.
    pub fn in_pieces(self) -> impl Iterator<Item = Records> {
        // Most are one message, and stay as they are.
        let is_one = self.records.len() == 1;
        let (one, many) = if is_one { (Some(self), None) } else { (None, Some(self)) };
        one.into_iter().chain(many.into_iter().flat_map(Records::cut))
    }

    fn cut(self) -> impl Iterator<Item = Records> {
        let Records { subscription, mut prev, records, reply, epoch } = self;
        let mut pieces = pieces(records, PIECE_BYTES, |record| record.bytes()).into_iter().peekable();
        std::iter::from_fn(move || {
            let records = pieces.next()?;
            let next = records.last().map_or(prev, |record| record.position);
            let piece =
                Records { subscription, prev, records, reply: reply && pieces.peek().is_none(), epoch };
            prev = next;
            Some(piece)
        })
    }
}

/// A holder's word that it has applied all up to a place.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// The subscription.
    pub subscription: u64,
    /// The place.
    pub watermark: Position,
}

/// Notes interest in names.
#[derive(Debug, Clone, PartialEq)]
pub struct Enlist {
    /// The holder's number for it.
    pub ticket: Ticket,
    /// When it was sent.
    pub sent: Millis,
    /// Each name, and the moment as of which the holder's copies under it were current: whose log, which place.
    pub names: Vec<(Name, Peer, Position)>,
    /// The holder's view.
    pub epoch: Epoch,
}

/// The answer to [`Enlist`].
#[derive(Debug, Clone, PartialEq)]
pub struct Enlisted {
    /// The holder's number.
    pub ticket: Ticket,
    /// For each name in the order asked: nothing was invalidated since. `None` where the other does not own it now.
    pub clean: Vec<Option<bool>>,
    /// Where the log stands.
    pub stream: Stream,
}

/// An owner's answer to a forwarded request.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The answer.
    pub answer: Answer,
    /// As of when a value was current; empty when it may not be kept.
    pub as_of: AsOf,
    /// Where the log stands, when the asker holds a copy now.
    pub stream: Option<Stream>,
    /// The view in which an owner ordered it.
    pub epoch: Epoch,
    /// The owner's clock when it answered, where the value of the answer expires.
    pub at: Option<Millis>,
}

impl Reply {
    /// It came, and was asked for at `asked`: an expiry in it is one of this process's clock from now on.
    pub(crate) fn arrive(&mut self, now: Millis, config: &Config, asked: Millis) {
        if let Answer::Value { entry: Some(entry), .. } = &mut self.answer {
            entry.arrive(now, config, self.at.map(|at| RemoteClock::new(asked, at)));
        }
    }
}

/// A part of what slots contain.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// The subscription.
    pub subscription: u64,
    /// Of which slots.
    pub part: Part,
    /// The contents are those of this place of the owner's log; later records follow by themselves.
    pub base: Position,
    /// Entries.
    pub entries: Vec<Entry>,
    /// As of when they were current, besides `base`.
    pub as_of: AsOf,
    /// Keys whose writes are under way, with their intents.
    pub intents: Vec<(Bytes, (Peer, Position))>,
    /// Writes that the source does not have yet.
    pub journal: Vec<Entry>,
    /// Invalidations that are held in the slots that begin in the part.
    pub holds: Vec<Hold>,
    /// Which message: later ones have higher numbers.
    pub ticket: Ticket,
    /// The owner's view.
    pub epoch: Epoch,
}

/// What became of a part.
#[derive(Debug, Clone, PartialEq)]
pub struct StateTaken {
    /// The subscription.
    pub subscription: u64,
    /// Which message.
    pub ticket: Ticket,
    /// What became of it.
    pub taking: Taking,
}

/// What a follower made of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taking {
    /// It is stored.
    Stored,
    /// Records that belong behind it are not kept any more: it is wanted again, of a later place.
    Again,
    /// Something before it is missing: the slot is wanted from its beginning.
    Anew,
}

/// Digests of an owner's entries, for a replica to compare.
#[derive(Debug, Clone, PartialEq)]
pub struct Digests {
    /// The subscription.
    pub subscription: u64,
    /// The place of the log at which they were taken.
    pub at: Position,
    /// Of what.
    pub of: Compared,
}

/// What is compared.
#[derive(Debug, Clone, PartialEq)]
pub enum Compared {
    /// A part of what slots contain: for each slot the exclusive or of the digests of its entries.
    Slots(Part, Vec<(Slot, u64)>),
    /// Entries, each by its key.
    Keys(Vec<(Bytes, u64)>),
}

/// What a replica found to differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Differ {
    /// The subscription.
    pub subscription: u64,
    /// What.
    pub what: Difference,
}

/// How a replica differs from its owner.
#[derive(Debug, Clone, PartialEq)]
pub enum Difference {
    /// It does not have these slots whole.
    Lacks(Vec<Slot>),
    /// A part of slots has another digest in each of these: an entry differs, or one of the two alone has it.
    Slots(Part),
    /// Both have these keys, and their entries differed as of this place of the owner's log.
    Keys(Position, Vec<Bytes>),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Change;

    #[test]
    fn a_message_that_names_its_sender_is_from_nobody_else() {
        use crate::decree::Ballot;
        use crate::{Input, Member, NodeId, Outbox, Start};

        let peer = |node, incarnation| Peer { node: NodeId(node), incarnation };
        let config = Config { seeds: vec![NodeId(9)], ..Config::new(peer(5, 2)) };
        let (mut member, mut out) = (Member::new(config, Start::default(), Millis(1)), Outbox::default());
        member.step(Millis(3000), Input::Tick, &mut out);
        let gossip = out.send.into_iter().map(|(_, message)| message);
        let gossip: Vec<Message> = gossip.filter(|message| matches!(message, Message::Gossip(_))).collect();
        assert!(!gossip.is_empty());
        for message in gossip {
            assert!(message.is_from(peer(5, 2)));
            assert!(!message.is_from(peer(5, 1)) && !message.is_from(peer(9, 2)));
        }
        let vote = Message::Decree(Decree::Prepare(Epoch(1), Ballot { round: 1, node: NodeId(5) }));
        assert!(vote.is_from(peer(5, 2)) && !vote.is_from(peer(9, 2)));
        // The answer to it names whom it answers.
        let answer = Message::Decree(Decree::Refused(Epoch(1), Ballot { round: 1, node: NodeId(5) }));
        assert!(answer.is_from(peer(9, 1)));
        // What cannot be read is dropped by whoever gets it, and proves nothing against who sent it.
        assert!(Message::Gossip(vec![].into()).is_from(peer(9, 1)));
    }

    #[test]
    fn records_in_pieces_follow_on_one_another() {
        let record = |position: u64| {
            let change = Change::Intent { key: vec![7u8; 10_000].into() };
            let (slot, version, cause) = (None, None, clearwell_words::Cause::Write);
            Arc::new(Record { position: Position(position), slot, change, version, cause, depth: 0 })
        };
        let records: Vec<Arc<Record>> = (3..=100).map(record).collect();
        let (prev, epoch) = (Position(2), Epoch(1));
        let all = Records { subscription: 1, prev, records: records.clone(), reply: true, epoch };
        let pieces: Vec<Records> = all.in_pieces().collect();
        let mut last = prev;
        for piece in &pieces {
            assert!(piece.records.iter().map(|record| record.bytes()).sum::<usize>() <= PIECE_BYTES);
            assert_eq!(piece.prev, last);
            last = piece.records.last().map_or(last, |record| record.position);
        }
        assert!(pieces.len() > 10 && pieces.iter().rev().skip(1).all(|piece| !piece.reply));
        assert!(pieces.last().is_some_and(|piece| piece.reply));
        assert_eq!(pieces.into_iter().flat_map(|piece| piece.records).collect::<Vec<_>>(), records);
        let none = Records { subscription: 1, prev, records: Vec::new(), reply: true, epoch };
        assert_eq!(none.clone().in_pieces().collect::<Vec<_>>(), [none]);
    }
}
