//! Peers by small numbers, where millions of names have one each.

use std::collections::BTreeMap;

use crate::Peer;

/// Peers by number, with how many names each has. Whoever has none is forgotten, and its number given again.
#[derive(Debug, Default)]
pub struct Peers {
    numbers: BTreeMap<Peer, u32>,
    all: Vec<(Peer, usize)>,
    free: Vec<u32>,
}

impl Peers {
    /// One name more of a peer. Returns its number.
    pub fn add(&mut self, peer: Peer) -> u32 {
        let number = *self.numbers.entry(peer).or_insert_with(|| match self.free.pop() {
            Some(number) => number,
            None => {
                self.all.push((peer, 0));
                self.all.len() as u32 - 1
            }
        });
        let place = &mut self.all[number as usize];
        *place = (peer, place.1 + 1);
        number
    }

    /// One name less of the peer of a number.
    pub fn remove(&mut self, number: u32) {
        let (peer, names) = &mut self.all[number as usize];
        *names -= 1;
        if *names == 0 {
            self.numbers.remove(peer);
            self.free.push(number);
        }
    }

    /// The number of a peer that has names.
    pub fn number(&self, peer: Peer) -> Option<u32> {
        self.numbers.get(&peer).copied()
    }

    /// The peer of a number that a name has.
    pub fn peer(&self, number: u32) -> Peer {
        self.all[number as usize].0
    }
}
