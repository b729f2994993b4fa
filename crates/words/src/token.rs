//! What a session has seen.

use std::collections::BTreeMap;

use crate::{Epoch, Peer, Position};

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
