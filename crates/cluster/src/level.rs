//! What a reader asks for, and what it has seen.

use std::collections::BTreeMap;

use crate::{Epoch, Peer, Position};

/// The levels of docs/design.md, 3.1, as far as the cluster decides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// At least as new as every write acknowledged before the read began: the owner answers, and for a key with a source
    /// validates with it.
    Strong,
    /// Not older than what the reader's token has seen; for `causal` the token comes from somebody else.
    Session,
    /// Not overwritten more than this many milliseconds ago.
    Bounded(u64),
    /// Current once, and invalidated when messages flow.
    Eventual,
    /// Whatever is here.
    Weak,
}

/// Proof of what a session has seen or written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Token {
    /// The highest view in which any of it was ordered. Who knows only earlier views cannot judge the rest.
    pub epoch: Epoch,
    /// How far each owner's log had come.
    pub seen: BTreeMap<Peer, Position>,
}

impl Token {
    /// A token that has seen one place.
    pub fn at(epoch: Epoch, owner: Peer, position: Position) -> Token {
        Token { epoch, seen: BTreeMap::from([(owner, position)]) }
    }

    /// Everything that either has seen.
    pub fn merge(&mut self, other: &Token) {
        self.epoch = self.epoch.max(other.epoch);
        for (&owner, &position) in &other.seen {
            let seen = self.seen.entry(owner).or_default();
            *seen = (*seen).max(position);
        }
    }
}

/// Whether a copy that lies here may be served to a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Yes: it satisfies the level, and was certainly current this many milliseconds ago.
    Serve {
        /// Age of the proof in milliseconds; `None` when nothing proves that it is still current (the reply is marked stale).
        age_ms: Option<u64>,
    },
    /// No: send the read to the member, which asks the owner.
    Ask,
}
