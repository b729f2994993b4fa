//! The holders of one owner by small numbers: lists of a thousand of them are short, and looking one up costs nothing.

use std::collections::BTreeMap;

use super::subscriber::Subscriber;
use crate::{Peer, Position};

/// A holder's number. It may be another's once the holder is forgotten, which then has applied all that was addressed to the one before.
pub(super) type Number = u32;

/// All holders, by number and by peer.
#[derive(Debug, Default)]
pub(super) struct Holders {
    numbers: BTreeMap<Peer, Number>,
    all: Vec<Option<(Peer, Subscriber)>>,
    free: Vec<Number>,
}

impl Holders {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// The number of a holder.
    pub fn number(&self, peer: Peer) -> Option<Number> {
        self.numbers.get(&peer).copied()
    }

    /// The number of a holder, which is made where there is none.
    pub fn number_or_else(&mut self, peer: Peer, make: impl FnOnce() -> Subscriber) -> Number {
        if let Some(number) = self.number(peer) {
            return number;
        }
        let made = Some((peer, make()));
        let number = match self.free.pop() {
            Some(number) => {
                self.all[number as usize] = made;
                number
            }
            None => {
                self.all.push(made);
                self.all.len() as Number - 1
            }
        };
        self.numbers.insert(peer, number);
        number
    }

    /// Who has a number.
    pub fn peer(&self, number: Number) -> Option<Peer> {
        self.all.get(number as usize)?.as_ref().map(|(peer, _)| *peer)
    }

    /// The holder of a number.
    pub fn at(&self, number: Number) -> Option<&Subscriber> {
        self.all.get(number as usize)?.as_ref().map(|(_, holder)| holder)
    }

    /// The holder of a number.
    pub fn at_mut(&mut self, number: Number) -> Option<&mut Subscriber> {
        self.all.get_mut(number as usize)?.as_mut().map(|(_, holder)| holder)
    }

    /// Whether a holder has applied all up to a place. One that is not known any more may serve nothing.
    pub fn has_applied(&self, number: Number, position: Position) -> bool {
        self.at(number).is_none_or(|holder| holder.acked >= position)
    }

    /// All of them, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (Peer, Number, &Subscriber)> {
        self.numbers.iter().filter_map(|(&peer, &number)| Some((peer, number, self.at(number)?)))
    }

    /// All their numbers, sorted.
    pub fn numbers(&self) -> impl Iterator<Item = Number> + '_ {
        (0..).zip(&self.all).filter(|(_, holder)| holder.is_some()).map(|(number, _)| number)
    }

    /// The numbers of those who follow any slot.
    pub fn followers(&self) -> impl Iterator<Item = Number> + '_ {
        self.numbers().filter(|number| self.at(*number).is_some_and(|holder| !holder.follows.is_empty()))
    }

    /// Forgets those that do not stay, and returns their numbers and who they were.
    pub fn forget(&mut self, stays: impl Fn(&Subscriber) -> bool) -> Vec<(Number, Peer)> {
        let gone: Vec<(Number, Peer)> = self
            .iter()
            .filter(|(.., holder)| !stays(holder))
            .map(|(peer, number, _)| (number, peer))
            .collect();
        for (number, peer) in &gone {
            self.all[*number as usize] = None;
            self.numbers.remove(peer);
            self.free.push(*number);
        }
        gone
    }
}
