//! A part of what slots contain, as it travels in one message.

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

#[cfg(test)]
mod tests {
    use super::*;

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
