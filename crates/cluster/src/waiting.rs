//! What waits, found again by what it lacks: a step looks at those requests alone that it may let go on.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use clearwell_words::Millis;

use crate::map::hash64;
use crate::{Bytes, Peer, Position, Slot};

/// What a waiting request lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lack {
    /// A majority's grant in the present view, that lasts.
    Lease,
    /// The slot has not begun, or somebody who is to follow it has not got all of it.
    Slot(Slot),
    /// Something about a key or another name of these bytes, by their hash: two of them share their wakes, no more.
    Name(u64),
    /// An owner's news of its log.
    News(Peer),
    /// A holder's word that it has applied all up to a place.
    Word(Peer, Position),
    /// Nothing but that this time comes.
    Time(Millis),
}

impl Lack {
    /// Something about this name.
    pub fn name(bytes: &Bytes) -> Lack {
        Lack::Name(hash64(bytes))
    }
}

/// Requests of one kind that wait. Each may lack several things; it is woken by the first that comes, and looked at again.
#[derive(Debug)]
pub struct Waiting<T> {
    /// In the order in which they came.
    all: BTreeMap<u64, Box<(T, Vec<Lack>)>>,
    /// Those that were not looked at yet, behind all others in that order.
    new: VecDeque<(u64, T)>,
    by_lack: BTreeSet<(Lack, u64)>,
    woken: BTreeSet<u64>,
    made: u64,
}

impl<T> Default for Waiting<T> {
    fn default() -> Waiting<T> {
        let (by_lack, woken) = (BTreeSet::new(), BTreeSet::new());
        Waiting { all: BTreeMap::new(), new: VecDeque::new(), by_lack, woken, made: 0 }
    }
}

impl<T> Waiting<T> {
    /// How many wait.
    pub fn len(&self) -> usize {
        self.all.len() + self.new.len()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty() && self.new.is_empty()
    }

    /// A new one, to be looked at in this step.
    pub fn push(&mut self, what: T) {
        self.made += 1;
        self.new.push_back((self.made, what));
    }

    /// A new one, to be looked at in this step, that is found under this until then.
    pub fn push_about(&mut self, what: T, lack: Lack) {
        self.push_lacking(what, vec![lack]);
        self.woken.insert(self.made);
    }

    /// A new one that waits until any of these comes.
    pub fn push_lacking(&mut self, what: T, lacks: Vec<Lack>) {
        self.made += 1;
        self.put_back(self.made, what, lacks);
    }

    /// Takes the first that is to be looked at out of those that wait. Its number keeps its place when it is put back.
    pub fn next(&mut self) -> Option<(u64, T)> {
        let is_new = |woken: &u64| self.new.front().is_some_and(|(new, _)| new < woken);
        let Some(id) = self.woken.first().copied().filter(|woken| !is_new(woken)) else {
            return self.new.pop_front();
        };
        self.woken.remove(&id);
        let (what, lacks) = *self.all.remove(&id)?;
        for lack in lacks {
            self.by_lack.remove(&(lack, id));
        }
        Some((id, what))
    }

    /// Lets one wait again until any of these comes.
    pub fn put_back(&mut self, id: u64, what: T, lacks: Vec<Lack>) {
        self.by_lack.extend(lacks.iter().map(|lack| (*lack, id)));
        self.all.insert(id, Box::new((what, lacks)));
    }

    /// Lets one wait again until the next step, which goes on with it.
    pub fn put_off(&mut self, id: u64, what: T) {
        self.put_back(id, what, Vec::new());
        self.woken.insert(id);
    }

    /// How many are to be looked at.
    pub fn woken(&self) -> usize {
        self.new.len() + self.woken.len()
    }

    /// Takes all that are to be looked at, in their order.
    pub fn take_woken(&mut self) -> Vec<(u64, T)> {
        if self.woken() == 0 {
            return Vec::new();
        }
        std::iter::from_fn(|| self.next()).collect()
    }

    /// Changes all that lack this.
    pub fn change(&mut self, lack: Lack, mut change: impl FnMut(&mut T)) {
        for (_, id) in self.by_lack.range((lack, 0)..=(lack, u64::MAX)) {
            if let Some(waiting) = self.all.get_mut(id) {
                change(&mut waiting.0);
            }
        }
    }

    /// Whether any lacks this.
    pub fn is_lacked(&self, lack: Lack) -> bool {
        self.by_lack.range((lack, 0)..=(lack, u64::MAX)).next().is_some()
    }

    /// The owners whose news any of them lacks.
    pub fn lacked_news(&self) -> Vec<Peer> {
        let mut owners = Vec::new();
        let mut from = (Lack::News(Peer::default()), 0);
        while let Some(&(Lack::News(owner), _)) = self.by_lack.range(from..).next() {
            owners.push(owner);
            from = (Lack::News(owner), u64::MAX);
        }
        owners
    }

    /// Wakes all that lack this.
    pub fn wake(&mut self, lack: Lack) {
        self.wake_between(lack, lack);
    }

    /// Wakes all that wait for a holder's word on a place up to this one.
    pub fn wake_told(&mut self, holder: Peer, applied: Position) {
        self.wake_between(Lack::Word(holder, Position(0)), Lack::Word(holder, applied));
    }

    /// Wakes the oldest, so many at most, as long as they are late.
    pub fn wake_late(&mut self, most: usize, is_late: impl Fn(&T) -> bool) {
        if self.all.is_empty() {
            return;
        }
        let late = self.all.iter().take(most).take_while(|(_, waiting)| is_late(&waiting.0));
        self.woken.extend(late.map(|(id, _)| *id));
    }

    /// Wakes all whose time has come.
    pub fn wake_due(&mut self, now: Millis) {
        if self.by_lack.is_empty() {
            return;
        }
        self.wake_between(Lack::Time(Millis(0)), Lack::Time(now));
    }

    /// Wakes all.
    pub fn wake_all(&mut self) {
        self.woken.extend(self.all.keys());
    }

    fn wake_between(&mut self, first: Lack, last: Lack) {
        self.woken.extend(self.by_lack.range((first, 0)..=(last, u64::MAX)).map(|(_, id)| *id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NodeId;

    fn looked_at(waiting: &mut Waiting<char>, lacks: &[Lack]) -> String {
        let mut seen = Vec::new();
        while let Some(one) = waiting.next() {
            seen.push(one);
        }
        let text = seen.iter().map(|(_, what)| *what).collect();
        seen.into_iter().for_each(|(id, what)| waiting.put_back(id, what, lacks.to_vec()));
        text
    }

    #[test]
    fn each_is_woken_by_what_it_lacks_and_keeps_its_place() {
        let holder = |node| Peer { node: NodeId(node), incarnation: 1 };
        let mut waiting = Waiting::default();
        "ab".chars().for_each(|what| waiting.push(what));
        assert_eq!(
            looked_at(&mut waiting, &[Lack::Word(holder(1), Position(5)), Lack::Time(Millis(9))]),
            "ab"
        );
        waiting.push('c');
        assert_eq!(looked_at(&mut waiting, &[Lack::Slot(Slot(3))]), "c");
        waiting.wake_told(holder(1), Position(4));
        waiting.wake_told(holder(2), Position(9));
        waiting.wake_due(Millis(8));
        waiting.wake(Lack::Lease);
        waiting.wake(Lack::Slot(Slot(2)));
        assert_eq!(looked_at(&mut waiting, &[]), "");
        waiting.wake_due(Millis(9));
        assert_eq!(looked_at(&mut waiting, &[Lack::Lease]), "ab", "the first that comes wakes");
        waiting.wake_told(holder(1), Position(5));
        assert_eq!(looked_at(&mut waiting, &[]), "", "the others are forgotten then");
        waiting.wake(Lack::Slot(Slot(3)));
        waiting.wake(Lack::Lease);
        assert_eq!(looked_at(&mut waiting, &[]), "abc");
        waiting.wake_all();
        assert_eq!((looked_at(&mut waiting, &[]).as_str(), waiting.len()), ("abc", 3));
    }
}
