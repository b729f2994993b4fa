//! Who is interested in which name: most names have one holder, which stands beside the name itself.

use crate::name::Name;
use crate::packed::{Packed, joined, split};
use crate::peers::Peers;
use crate::{Peer, Ticket};

/// A holder by its number, and the ticket of its interest.
type Holder = (u32, Ticket);

/// A name with several holders has this bit, and in place of one holder where they are among [`Interested::many`].
const MANY: u32 = 1 << 31;

/// The holders of all names.
#[derive(Debug, Default)]
pub(super) struct Interested {
    /// Each with the number and the ticket of its holder.
    names: Packed<3>,
    many: Vec<Vec<Holder>>,
    /// Places there that are free.
    free: Vec<u32>,
    peers: Peers,
}

/// What the numbers of a name say.
enum Noted {
    One(Holder),
    Many(usize),
}

fn noted([holder, low, high]: [u32; 3]) -> Noted {
    match holder & MANY {
        0 => Noted::One((holder, Ticket(joined(low, high)))),
        _ => Noted::Many((holder & !MANY) as usize),
    }
}

fn one((holder, ticket): Holder) -> [u32; 3] {
    let [low, high] = split(ticket.0);
    [holder, low, high]
}

impl Interested {
    /// Notes a holder of a name; of two tickets the later one counts.
    pub fn note(&mut self, name: &Name, peer: Peer, ticket: Ticket) {
        let known = self.peers.number(peer);
        let Some(numbers) = self.names.get(name) else {
            let number = self.peers.add(peer);
            return self.names.set(name, one((number, ticket)));
        };
        match noted(numbers) {
            Noted::One((other, before)) if Some(other) == known => {
                self.names.set(name, one((other, ticket.max(before))));
            }
            Noted::One(first) => {
                let holders = vec![first, (self.peers.add(peer), ticket)];
                let place = self.add_many(holders);
                self.names.set(name, [MANY | place, 0, 0]);
            }
            Noted::Many(place) => {
                let holders = &mut self.many[place];
                match holders.iter_mut().find(|(other, _)| Some(*other) == known) {
                    Some((_, before)) => *before = ticket.max(*before),
                    None => holders.push((self.peers.add(peer), ticket)),
                }
            }
        }
    }

    fn add_many(&mut self, holders: Vec<Holder>) -> u32 {
        let place = self.free.pop().unwrap_or_else(|| {
            self.many.push(Vec::new());
            self.many.len() as u32 - 1
        });
        self.many[place as usize] = holders;
        place
    }

    /// Whether a name has holders.
    pub fn has(&self, name: &Name) -> bool {
        self.names.contains(name)
    }

    /// How many names have holders.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Forgets those holders of a name that do not stay.
    pub fn release(&mut self, name: &Name, stays: impl Fn(Peer, Ticket) -> bool) {
        if let Some(numbers) = self.names.get(name)
            && !self.stay(numbers, stays)
        {
            self.names.remove(name);
        }
    }

    /// Forgets all holders of a name and returns them.
    pub fn take(&mut self, name: &Name) -> Vec<Peer> {
        let Some(numbers) = self.names.remove(name) else { return Vec::new() };
        let holders = match noted(numbers) {
            Noted::One((number, _)) => vec![self.peers.peer(number)],
            Noted::Many(place) => {
                self.many[place].iter().map(|(number, _)| self.peers.peer(*number)).collect()
            }
        };
        self.stay(numbers, |_, _| false);
        holders
    }

    /// Forgets names, and holders of those that stay. For what happens seldom: it takes a while.
    pub fn retain(&mut self, names: impl Fn(&[u8]) -> bool, holders: impl Fn(Peer) -> bool) {
        let mut all = std::mem::take(&mut self.names);
        all.retain(|name, numbers| {
            let stays = names(name);
            self.stay(*numbers, |peer, _| stays && holders(peer))
        });
        self.names = all;
    }

    /// Forgets those holders that do not stay. False when none stays.
    fn stay(&mut self, numbers: [u32; 3], stays: impl Fn(Peer, Ticket) -> bool) -> bool {
        let peers = &mut self.peers;
        let mut stay = |(number, ticket): &Holder| {
            let stays = stays(peers.peer(*number), *ticket);
            if !stays {
                peers.remove(*number);
            }
            stays
        };
        match noted(numbers) {
            Noted::One(holder) => stay(&holder),
            Noted::Many(place) => {
                self.many[place].retain(&mut stay);
                let any = !self.many[place].is_empty();
                if !any {
                    self.many[place] = Vec::new();
                    self.free.push(place as u32);
                }
                any
            }
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
        all.note(&name("a"), peer(1), Ticket(5));
        all.note(&name("a"), peer(1), Ticket(3));
        all.release(&name("a"), |_, ticket| ticket > Ticket(4));
        all.note(&name("a"), peer(2), Ticket(1));
        all.note(&name("a"), peer(2), Ticket(7));
        all.note(&name("b"), peer(1), Ticket(9));
        all.release(&name("a"), |other, ticket| other != peer(1) || ticket > Ticket(5));
        assert_eq!(all.take(&name("a")), [peer(2)], "a later interest of 2, none of 1");
        assert_eq!(all.take(&name("a")), []);
        all.note(&name("c"), peer(2), Ticket(1));
        all.note(&name("c"), peer(1), Ticket(1));
        all.retain(|_| true, |other| other != peer(1));
        assert_eq!((all.take(&name("b")), all.take(&name("c"))), (vec![], vec![peer(2)]));
        assert_eq!((all.len(), all.many.len() - all.free.len(), all.peers.number(peer(2))), (0, 0, None));
    }
}
