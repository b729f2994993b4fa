//! The kinds of messages.

use clearwell_cluster::Message;

use crate::tags::{ByteTag, tags};

/// A kind of message, by which a frame begins after its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // What each says stands at `Message`.
pub enum Kind {
    Gossip,
    Decree,
    View,
    ViewAsk,
    LeaseAsk,
    LeaseGrant,
    Request,
    Reply,
    Heartbeat,
    Beat,
    Records,
    Applied,
    Enlist,
    Enlisted,
    State,
    StateTaken,
    Operate,
    Digests,
    Differ,
    Feed,
}

// None is 0: a page of zeros is no message.
tags!(Kind is "message" {
    Gossip = 1 "gossip",
    Decree = 2 "decree",
    View = 3 "view",
    ViewAsk = 4 "view ask",
    LeaseAsk = 5 "lease ask",
    LeaseGrant = 6 "lease grant",
    Request = 7 "request",
    Reply = 8 "reply",
    Heartbeat = 9 "heartbeat",
    Beat = 10 "beat",
    Records = 11 "records",
    Applied = 12 "applied",
    Enlist = 13 "enlist",
    Enlisted = 14 "enlisted",
    State = 15 "state",
    StateTaken = 16 "state taken",
    // 17 and 18 were digests of whole slots.
    Operate = 19 "operate",
    Digests = 20 "digests",
    Differ = 21 "differ",
    Feed = 22 "feed",
});

impl Kind {
    /// How many there are.
    pub const COUNT: usize = <Kind as ByteTag>::ALL.len();

    /// Which kind a message is.
    pub fn of(message: &Message) -> Kind {
        match message {
            Message::Gossip(_) => Kind::Gossip,
            Message::Decree(_) => Kind::Decree,
            Message::View(..) => Kind::View,
            Message::ViewAsk(_) => Kind::ViewAsk,
            Message::LeaseAsk(_) => Kind::LeaseAsk,
            Message::LeaseGrant(_) => Kind::LeaseGrant,
            Message::Request(..) => Kind::Request,
            Message::Reply(..) => Kind::Reply,
            Message::Heartbeat(_) => Kind::Heartbeat,
            Message::Beat(_) => Kind::Beat,
            Message::Records(_) => Kind::Records,
            Message::Applied(_) => Kind::Applied,
            Message::Enlist(_) => Kind::Enlist,
            Message::Enlisted(_) => Kind::Enlisted,
            Message::State(_) => Kind::State,
            Message::StateTaken(_) => Kind::StateTaken,
            Message::Digests(_) => Kind::Digests,
            Message::Differ(_) => Kind::Differ,
            Message::Operate(_) => Kind::Operate,
            Message::Feed(_) => Kind::Feed,
        }
    }

    /// All of them, in the order of their bytes.
    pub fn all() -> impl Iterator<Item = Kind> {
        <Kind as ByteTag>::ALL.iter().filter_map(|&(byte, _)| Kind::from_byte(byte))
    }

    /// The kind that a byte stands for.
    pub fn from_byte(byte: u8) -> Option<Kind> {
        ByteTag::from_byte(byte)
    }

    /// The byte that stands for it.
    pub fn byte(self) -> u8 {
        ByteTag::byte(&self)
    }

    /// Its place among all.
    pub fn index(self) -> usize {
        self as usize
    }

    /// Its name for people.
    pub fn name(self) -> &'static str {
        <Kind as ByteTag>::ALL[self.index()].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_names_and_places_belong_together() {
        let all: Vec<Kind> = Kind::all().collect();
        assert_eq!(all.len(), Kind::COUNT);
        for (index, kind) in all.into_iter().enumerate() {
            assert_eq!((kind.index(), Kind::from_byte(kind.byte())), (index, Some(kind)));
            assert_eq!(kind.name().replace(' ', ""), format!("{kind:?}").to_lowercase());
        }
    }
}
