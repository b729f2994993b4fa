//! A part of what slots contain, as it travels in one message.

use crate::message::State;
use crate::slot::slot_of;
use crate::{Bytes, Slot};

/// Slots one after another, the first and the last of them perhaps not whole. Within a slot keys follow one another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The slots, sorted.
    pub slots: Vec<Slot>,
    /// Of the first, only what is behind this key.
    pub after: Option<Bytes>,
    /// Of the last, only what is not behind this key.
    pub end: Option<Bytes>,
}

impl Part {
    /// Whether a key belongs to it, when there are so many slots.
    pub fn has(&self, key: &[u8], slots: u16) -> bool {
        self.has_in(slot_of(key, slots), key)
    }

    /// The same for a key whose slot is known.
    pub fn has_in(&self, slot: Slot, key: &[u8]) -> bool {
        let behind = |limit: &Option<Bytes>| limit.as_ref().is_some_and(|limit| *key > **limit);
        self.slots.binary_search(&slot).is_ok()
            && (self.slots.first() != Some(&slot) || self.after.is_none() || behind(&self.after))
            && (self.slots.last() != Some(&slot) || !behind(&self.end))
    }

    /// The same stretches of these of its slots alone.
    #[must_use]
    pub fn narrowed(&self, stays: impl Fn(Slot) -> bool) -> Part {
        let slots: Vec<Slot> = self.slots.iter().copied().filter(|slot| stays(*slot)).collect();
        let after = self.after.clone().filter(|_| slots.first() == self.slots.first());
        let end = self.end.clone().filter(|_| slots.last() == self.slots.last());
        Part { slots, after, end }
    }

    /// The same up to a place, which is in one of its slots.
    #[must_use]
    pub fn until(mut self, place: Option<(Slot, Bytes)>) -> Part {
        if let Some((slot, key)) = place {
            self.slots.retain(|other| *other <= slot);
            self.end = Some(key);
        }
        self
    }

    /// Whether it is the first part of a slot.
    pub fn begins(&self, slot: Slot) -> bool {
        self.slots.first() != Some(&slot) || self.after.is_none()
    }

    /// Whether it is the last part of a slot.
    pub fn ends(&self, slot: Slot) -> bool {
        self.slots.last() != Some(&slot) || self.end.is_none()
    }
}

impl State {
    /// Takes the first entries out, so many at most, as contents of a part of their own; what is left goes on behind them.
    /// `None`: there are no more.
    pub fn take_first(&mut self, most: usize, slots: u16) -> Option<State> {
        if self.entries.len() <= most {
            return None;
        }
        let rest = self.entries.split_off(most);
        let entries = std::mem::replace(&mut self.entries, rest);
        let end = entries.last().map(|entry| (slot_of(&entry.key, slots), entry.key.clone()))?;
        let part = self.part.clone().until(Some(end.clone()));
        self.part.slots.retain(|slot| *slot >= end.0);
        self.part.after = Some(end.1);
        let is_first = |key: &Bytes| part.has(key, slots);
        let intents = self.intents.extract_if(.., |(key, _)| is_first(key)).collect();
        let journal = self.journal.extract_if(.., |entry| is_first(&entry.key)).collect();
        let holds = self.holds.extract_if(.., |hold| part.slots.contains(&hold.slot(slots))).collect();
        let State { subscription, base, ticket, epoch, .. } = *self;
        let as_of = self.as_of.clone();
        Some(State { subscription, part, base, entries, as_of, intents, journal, holds, ticket, epoch })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Entry, Epoch, Meta, Peer, Position, Ticket};
    use clearwell_words::Version;

    fn entry(key: &str) -> Entry {
        Entry {
            key: key.as_bytes().into(),
            value: None,
            version: Version(1),
            tags: [].into(),
            dependencies: [].into(),
            events: [].into(),
            expiry: None,
            meta: Meta::default(),
        }
    }

    #[test]
    fn contents_are_taken_in_parts_that_follow_one_another_and_lack_nothing() {
        const SLOTS: u16 = 4;
        let mut keys: Vec<String> = (0..40).map(|n| format!("key:{n:02}")).collect();
        keys.sort_by_key(|key| (slot_of(key.as_bytes(), SLOTS), key.clone()));
        let entries: Vec<Entry> = keys.iter().map(|key| entry(key)).collect();
        let intent = |key: &String| (Bytes::from(key.as_bytes()), (Peer::default(), Position(1)));
        let part = Part { slots: (0..SLOTS).map(Slot).collect(), after: None, end: None };
        let whole = State {
            subscription: 1,
            part: part.clone(),
            base: Position(9),
            entries: entries.clone(),
            as_of: Vec::new(),
            intents: keys.iter().map(intent).collect(),
            journal: entries.clone(),
            holds: Vec::new(),
            ticket: Ticket(3),
            epoch: Epoch(1),
        };
        let (mut rest, mut firsts) = (whole.clone(), Vec::new());
        while let Some(first) = rest.take_first(7, SLOTS) {
            firsts.push(first);
        }
        assert_eq!(firsts.iter().map(|first| first.entries.len()).collect::<Vec<_>>(), [7; 5]);
        firsts.push(rest);
        for (first, next) in firsts.iter().zip(&firsts[1..]) {
            assert_eq!(
                (&first.part.end, first.part.slots.last()),
                (&next.part.after, next.part.slots.first())
            );
        }
        for key in &keys {
            let of = firsts.iter().filter(|first| first.part.has(key.as_bytes(), SLOTS));
            assert_eq!(of.count(), 1, "{key} belongs to one of them");
        }
        for one in &firsts {
            assert!(one.entries.iter().all(|entry| one.part.has(&entry.key, SLOTS)));
            assert_eq!((one.intents.len(), &one.journal), (one.entries.len(), &one.entries));
        }
        let all: Vec<Entry> = firsts.iter().flat_map(|one| one.entries.clone()).collect();
        assert_eq!((all, &firsts[0].part.after, &firsts[5].part.end), (entries, &part.after, &part.end));
    }

    #[test]
    fn the_first_and_the_last_slot_may_be_cut() {
        let key = |text: &str| Bytes::from(text.as_bytes());
        let part = Part { slots: vec![Slot(2), Slot(5)], after: Some(key("k")), end: Some(key("p")) };
        let has = |slot, text: &str| part.has_in(Slot(slot), text.as_bytes());
        assert!(!has(2, "a") && !has(2, "k") && has(2, "ka") && has(2, "z"));
        assert!(has(5, "a") && has(5, "p") && !has(5, "pa") && !has(3, "m"));
        assert!(!part.begins(Slot(2)) && part.begins(Slot(5)) && part.ends(Slot(2)) && !part.ends(Slot(5)));
        let rest = part.narrowed(|slot| slot != Slot(2));
        assert!(rest.has_in(Slot(5), b"a") && !rest.has_in(Slot(5), b"q") && !rest.has_in(Slot(2), b"z"));
        let first = part.clone().until(Some((Slot(2), key("m"))));
        assert!(first.has_in(Slot(2), b"l") && !first.has_in(Slot(2), b"n") && !first.has_in(Slot(5), b"a"));
        let one = Part { slots: vec![Slot(2)], after: None, end: Some(key("p")) };
        assert!(one.has_in(Slot(2), b"a") && !one.has_in(Slot(2), b"q") && one.begins(Slot(2)));
    }
}
