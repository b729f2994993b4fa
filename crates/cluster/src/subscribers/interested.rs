//! Who is interested in which name: most names have one holder, which stands beside the name itself.

use crate::map::Map;
use crate::name::Name;
use crate::{Peer, Ticket};

/// The holders of one name.
#[derive(Debug)]
enum Holders {
    One((Peer, Ticket)),
    More(Vec<(Peer, Ticket)>),
}

impl Holders {
    fn as_slice(&self) -> &[(Peer, Ticket)] {
        match self {
            Holders::One(holder) => std::slice::from_ref(holder),
            Holders::More(holders) => holders,
        }
    }
}

/// The holders of all names.
#[derive(Debug, Default)]
pub(super) struct Interested(Map<Name, Holders>);

impl Interested {
    /// Notes a holder of a name; of two tickets the later one counts.
    pub fn note(&mut self, name: Name, peer: Peer, ticket: Ticket) {
        let Some(holders) = self.0.get_mut(&name) else {
            self.0.insert(name, Holders::One((peer, ticket)));
            return;
        };
        let all: &mut [(Peer, Ticket)] = match holders {
            Holders::One(holder) => std::slice::from_mut(holder),
            Holders::More(holders) => holders,
        };
        if let Some((_, noted)) = all.iter_mut().find(|(other, _)| *other == peer) {
            *noted = (*noted).max(ticket);
            return;
        }
        match holders {
            Holders::One(first) => *holders = Holders::More(vec![*first, (peer, ticket)]),
            Holders::More(holders) => holders.push((peer, ticket)),
        }
    }

    /// Whether a name has holders.
    pub fn has(&self, name: &Name) -> bool {
        self.0.contains_key(name)
    }

    /// How many names have holders.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Forgets those holders of a name that do not stay.
    pub fn release(&mut self, name: &Name, stays: impl Fn(Peer, Ticket) -> bool) {
        if let Some(holders) = self.0.get_mut(name)
            && !stay(holders, &stays)
        {
            self.0.remove(name);
        }
    }

    /// Forgets all holders of a name and returns them.
    pub fn take(&mut self, name: &Name) -> Vec<Peer> {
        let holders = self.0.remove(name);
        holders.iter().flat_map(Holders::as_slice).map(|(peer, _)| *peer).collect()
    }

    /// Forgets names, and holders of those that stay. For what happens seldom: it takes a while.
    pub fn retain(&mut self, names: impl Fn(&Name) -> bool, holders: impl Fn(Peer) -> bool) {
        self.0.retain(|name, all| names(name) && stay(all, &|peer, _| holders(peer)));
    }
}

/// False when no holder stays.
fn stay(holders: &mut Holders, stays: &impl Fn(Peer, Ticket) -> bool) -> bool {
    match holders {
        Holders::One((peer, ticket)) => stays(*peer, *ticket),
        Holders::More(all) => {
            all.retain(|(peer, ticket)| stays(*peer, *ticket));
            !all.is_empty()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NodeId;

    #[test]
    fn one_holder_or_more_are_noted_released_and_taken() {
        let peer = |node| Peer { node: NodeId(node), incarnation: 1 };
        let name = |text: &str| Name::Tag(text.as_bytes().into());
        let mut all = Interested::default();
        all.note(name("a"), peer(1), Ticket(5));
        all.note(name("a"), peer(1), Ticket(3));
        all.release(&name("a"), |_, ticket| ticket > Ticket(4));
        all.note(name("a"), peer(2), Ticket(1));
        all.note(name("a"), peer(2), Ticket(7));
        all.note(name("b"), peer(1), Ticket(9));
        all.release(&name("a"), |other, ticket| other != peer(1) || ticket > Ticket(5));
        assert_eq!(all.take(&name("a")), [peer(2)], "a later interest of 2, none of 1");
        assert_eq!(all.take(&name("a")), []);
        all.note(name("c"), peer(2), Ticket(1));
        all.note(name("c"), peer(1), Ticket(1));
        all.retain(|_| true, |other| other != peer(1));
        assert_eq!((all.take(&name("b")), all.take(&name("c"))), (vec![], vec![peer(2)]));
        assert!(all.0.is_empty());
    }
}
