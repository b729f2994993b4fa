//! The names that a holder's copies stand under: few bytes for a name that its owner tells of, more while the owner is asked.

use std::collections::BTreeSet;

use clearwell_words::Millis;

use crate::map::Map;
use crate::name::Name;
use crate::packed::{Packed, joined, split};
use crate::peers::Peers;
use crate::{Peer, Position, Ticket};

/// What is known of one name that copies stand under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interest {
    /// Who tells of it.
    pub owner: Peer,
    /// The number under which the owner noted it, or a later one: that of when what lay here under it was found to be old.
    pub ticket: Ticket,
    /// From here on everything is told; `None` while the owner's answer is awaited.
    pub since: Option<Position>,
    /// The last record that came for it while waiting.
    pub last: Position,
    /// Whose order, which place: copies under the name were current then. What is asked of the owner while waiting.
    pub as_of: (Peer, Position),
    /// When it was asked.
    pub asked: Millis,
    /// Copies lie here under it already, which are in doubt until the answer.
    pub doubted: bool,
}

/// All names of one holder.
#[derive(Debug, Default)]
pub struct Interests {
    /// Names that their owners tell of, each with the owner's number, the ticket and the place.
    told: Packed<5>,
    asked: Map<Name, Interest>,
    /// Those that are asked about, by when they were.
    by_time: BTreeSet<(Millis, Name)>,
    owners: Peers,
}

impl Interests {
    /// What is known of a name.
    pub fn get(&self, name: &Name) -> Option<Interest> {
        let Some(told) = self.told.get(name) else { return self.asked.get(name).copied() };
        let [owner, ticket_low, ticket_high, since_low, since_high] = told;
        let owner = self.owners.peer(owner);
        let (ticket, since) =
            (Ticket(joined(ticket_low, ticket_high)), Position(joined(since_low, since_high)));
        let (last, as_of, asked) = (Position(0), (owner, since), Millis(0));
        Some(Interest { owner, ticket, since: Some(since), last, as_of, asked, doubted: false })
    }

    /// Whether copies may stand under a name.
    pub fn contains(&self, name: &Name) -> bool {
        self.told.contains(name) || self.asked.contains_key(name)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.told.is_empty() && self.asked.is_empty()
    }

    /// Notes what is known of a name from now on. What came for it while its owner was asked counts as not told of.
    pub fn put(&mut self, name: Name, interest: Interest) {
        self.remove(&name);
        let Interest { owner, ticket, last, .. } = interest;
        let number = self.owners.add(owner);
        match interest.since {
            Some(since) => {
                let ([ticket_low, ticket_high], [since_low, since_high]) =
                    (split(ticket.0), split(since.max(last).0));
                self.told.set(&name, [number, ticket_low, ticket_high, since_low, since_high]);
            }
            None => {
                self.by_time.insert((interest.asked, name.clone()));
                self.asked.insert(name, interest);
            }
        }
    }

    /// Forgets a name.
    pub fn remove(&mut self, name: &Name) -> Option<Interest> {
        let interest = self.get(name)?;
        if let Some(number) = self.owners.number(interest.owner) {
            self.owners.remove(number);
        }
        if interest.since.is_some() {
            self.told.remove(name);
        } else if let Some((name, _)) = self.asked.remove_entry(name) {
            self.by_time.remove(&(interest.asked, name));
        }
        Some(interest)
    }

    /// Whether an owner tells of any name, or is asked about one.
    pub fn is_needed(&self, owner: Peer) -> bool {
        self.owners.number(owner).is_some()
    }

    /// Names whose owners were asked at this time or before and have not answered.
    pub fn asked_until(&self, time: Millis) -> impl Iterator<Item = (&Name, &Interest)> {
        let due = self.by_time.iter().take_while(move |(asked, _)| *asked <= time);
        due.filter_map(|(_, name)| self.asked.get_key_value(name))
    }

    /// Names whose owners were asked and have not answered.
    pub fn all_asked(&self) -> impl Iterator<Item = (&Name, &Interest)> {
        self.asked.iter()
    }

    /// All names. For what happens seldom: it takes a while.
    pub fn all(&self) -> impl Iterator<Item = Name> {
        self.told.iter().map(|(name, _)| name).chain(self.asked.keys().cloned())
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.told.len() + self.asked.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NodeId;

    #[test]
    fn a_name_is_found_by_its_owner_and_its_time_while_it_is_there() {
        let peer = |node| Peer { node: NodeId(node), incarnation: 1 };
        let name = Name::Tag(b"t".as_slice().into());
        let asked = Interest {
            owner: peer(1),
            ticket: Ticket(5),
            since: None,
            last: Position(3),
            as_of: (peer(9), Position(2)),
            asked: Millis(7),
            doubted: true,
        };
        let mut all = Interests::default();
        all.put(name.clone(), asked);
        assert_eq!((all.get(&name), all.asked_until(Millis(6)).count()), (Some(asked), 0));
        assert_eq!((all.asked_until(Millis(7)).count(), all.is_needed(peer(1))), (1, true));
        all.put(name.clone(), Interest { since: Some(Position(2)), owner: peer(2), ..asked });
        let told = all.get(&name).unwrap();
        assert_eq!((told.owner, told.since, told.ticket), (peer(2), Some(Position(3)), Ticket(5)));
        assert_eq!((all.asked_until(Millis(7)).count(), all.is_needed(peer(1))), (0, false));
        assert_eq!(all.remove(&name), Some(told));
        assert!(all.is_empty() && !all.is_needed(peer(2)) && all.by_time.is_empty());
    }
}
