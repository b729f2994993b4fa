//! What a member wants done.

use std::sync::Arc;

use clearwell_words::{Invalidation, Version};

use crate::entry::Entry;
use crate::hold::Hold;
use crate::message::Message;
use crate::meta::Expiry;
use crate::part::Part;
use crate::request::Answer;
use crate::view::View;
use crate::{Bytes, Epoch, Job, NodeId, Peer, Slot, Ticket};

/// The outputs of a step, by kind. They are to be carried out in the order of the fields, and within a field in its own
/// order; a crash after any of them is a state that the protocol allows. So nothing is said that a restart would
/// forget, and nobody hears of a value before it is in its place.
#[derive(Debug, Default)]
pub struct Outbox {
    /// First: must last beyond a crash before anything is asked, sent or answered, here or in a later step. The store may be changed meanwhile.
    /// A crash keeps a beginning of all that was handed to the disk by then, never a later write without an earlier one.
    pub persist: Vec<Persist>,
    /// Then: changes of this node's store.
    pub apply: Vec<Apply>,
    /// Then: what the node is asked for; each leads to one [`Input::Done`](crate::Input::Done).
    pub ask: Vec<(Job, Ask)>,
    /// Then: messages.
    pub send: Vec<(To, Message)>,
    /// Then: answers to requests.
    pub answer: Vec<(Ticket, Answer)>,
    /// Last: what operators, dashboards and checkers may want to know.
    pub tell: Vec<Event>,
}

impl Outbox {
    /// Adds what another one holds after what is there.
    pub fn append(&mut self, mut other: Outbox) {
        self.persist.append(&mut other.persist);
        self.apply.append(&mut other.apply);
        self.ask.append(&mut other.ask);
        self.send.append(&mut other.send);
        self.answer.append(&mut other.answer);
        self.tell.append(&mut other.tell);
    }

    /// Whether nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.persist.is_empty()
            && self.apply.is_empty()
            && self.ask.is_empty()
            && self.send.is_empty()
            && self.answer.is_empty()
            && self.tell.is_empty()
    }
}

/// Whom a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum To {
    /// One process; dropped when it is no more.
    Peer(Peer),
    /// Whatever process the node is now.
    Node(NodeId),
}

/// What must be found again after a restart with the disk; [`Member::new`](crate::Member::new) takes them back in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Persist {
    /// A voter's word; only the last counts.
    Ballot(crate::decree::Word),
    /// The last view; only the last counts.
    View(Arc<View>),
    /// A voter's first grant of a lease to an owner in a view; those of the last view count.
    Granted(Epoch, Peer),
    /// A write that its source does not have yet.
    Journal(Entry),
    /// Journal entries of a key up to a version are done with.
    Flushed(Bytes, Version),
    /// An invalidation that is held, with what is left of its time.
    Hold(Hold),
    /// The hold of this number in a slot is over.
    Released(Slot, u64),
    /// The journal and the holds of these slots (sorted) are these, whatever they were; in one piece.
    Slots {
        /// The slots.
        slots: Vec<Slot>,
        /// Their writes that the source does not have yet.
        journal: Vec<Entry>,
        /// What is held in them.
        holds: Vec<Hold>,
    },
}

/// A change of the node's store.
#[derive(Debug, Clone)]
pub enum Apply {
    /// Take values away.
    Invalidate(Invalidation),
    /// Store this value, whatever lies there. `None` in it is a removal.
    Put(Entry),
    /// Store what a load or a read from the owner brought. `job` is the load's; `None` when the owner's answer brought it.
    Fill {
        /// The load.
        job: Option<Job>,
        /// The entry.
        entry: Entry,
    },
    /// Change when the entry of a key expires, if there is one. One that has expired here, where less was known of the time, may be gone.
    Touch {
        /// The key.
        key: Bytes,
        /// When it expires from now on; `None` is never.
        expiry: Option<Expiry>,
    },
    /// Give up the copies of these keys: nobody tells of their changes any more.
    Drop(Vec<Bytes>),
    /// Forget all entries of these slots.
    Clear(Vec<Slot>),
    /// Forget all entries of a part of slots: what comes next takes their place.
    Replace(Part),
}

/// What the node is asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    /// Read a key: from the store, else from its source. What is read must not be older than this moment.
    Load {
        /// The key.
        key: Bytes,
        /// The source must be asked whether what the store has is current.
        validate: bool,
    },
    /// Look a key up in the store, and nowhere else; answered like a load.
    Find {
        /// The key.
        key: Bytes,
    },
    /// Write a key to its source.
    Commit {
        /// The key.
        key: Bytes,
        /// The value.
        value: Option<Bytes>,
        /// The write's own number.
        id: u64,
        /// Refuse it when the slot was fenced with a higher number; `None` where the feed tells of it whenever it is committed.
        fence: Option<(Slot, Epoch)>,
    },
    /// The same for a value of the journal.
    Flush {
        /// The entry.
        entry: Entry,
        /// Refuse it when the slot was fenced with a higher number.
        fence: (Slot, Epoch),
    },
    /// Make the source refuse statements with a lower number than this for the slots' keys, as far as they need a fence.
    Fence {
        /// The slots.
        slots: Vec<Slot>,
        /// The number: higher with each ownership, and after each statement whose fate was unclear.
        epoch: Epoch,
    },
    /// Entries of the slots, as they are in the store: slot after slot, by key, until they take so many bytes together
    /// ([`Entry::bytes`]), one at least.
    Export {
        /// The slots.
        slots: Vec<Slot>,
        /// In the first slot, those behind this key.
        after: Option<Bytes>,
        /// How many bytes are wanted.
        bytes: usize,
    },
    /// The digest ([`crate::digest`]) of each entry of a part of slots, slot after slot, by key.
    Digest {
        /// The part.
        part: Part,
        /// Of so many at most.
        most: usize,
    },
    /// The digests of the entries of these keys that are in the store.
    DigestOf {
        /// The keys.
        keys: Vec<Bytes>,
    },
}

/// What became known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// This member follows a new view.
    View(Epoch),
    /// A member is suspected.
    Suspect(Peer),
    /// A member is taken for dead.
    Dead(Peer),
    /// This member began to own slots in this epoch.
    Owns(Epoch, Vec<Slot>),
    /// All who had these slots are gone: they begin empty. What only they had is lost.
    Lost(Vec<Slot>),
    /// Copies of this owner were in doubt, this many of them.
    Doubted(Peer, usize),
    /// A value that was written back was parked, because its source refuses it. Nothing waits for it any more.
    Parked(Bytes),
    /// The hold of this number has taken effect: its invalidation is ordered for good.
    TookEffect(u64),
    /// A replica did not have a slot whole that its owner counted as handed over. It is given once more.
    Lacked(Slot),
    /// A replica had another entry of a key than its owner. The owner's is given once more.
    Differed(Bytes),
    /// What this owner loaded of a key is in its store, as new as all that was ordered until now; or it was not kept, because that cannot be
    /// known.
    Judged(Bytes, bool),
}
