//! The keys and tags of a world: numbers inside, bytes outside.
//!
//! A key is a class letter and a number (`s17`); so its number can be read back from its bytes without a table.

use std::sync::Arc;

use clearwell_cluster::Bytes;

use crate::events::Events;

/// A key's number in this world.
pub type KeyId = u32;

/// How many shops there are whose moves make values old.
const SHOPS: u32 = 4;

/// What kind of key it is. It never changes, so each checker knows what a key's versions mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Its truth is in the source: write-through, write-invalidate, and writers behind the cluster's back.
    Source,
    /// Its truth is in the source: write-back, and writers behind the cluster's back.
    Back,
    /// It has no source.
    Cache,
}

/// The names of a world.
#[derive(Debug)]
pub struct Names {
    keys: Vec<Bytes>,
    classes: Vec<Class>,
    tags: Vec<Bytes>,
    /// The key that each key's value is made from, besides its own row.
    depends: Vec<Option<KeyId>>,
    /// The tag and the events of each key's values, where they do not change from write to write. The last tag stands for none.
    fixed: Option<Vec<(u32, u32)>>,
    /// What values depend on beside keys and tags.
    pub events: Events,
}

/// A key whose properties somebody chose.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// Its bytes: a class letter and its number.
    pub key: Bytes,
    /// Its class.
    pub class: Class,
    /// What its value is made from besides its own row.
    pub depends: Option<KeyId>,
    /// The tag that its values carry.
    pub tag: Option<u32>,
    /// The patterns of events that its values depend on.
    pub events: u32,
}

impl Names {
    /// These keys and tags. One more tag stands for none.
    pub fn chosen(keys: &[Chosen], tags: Vec<Bytes>, events: Events) -> Names {
        let none = tags.len() as u32;
        Names {
            keys: keys.iter().map(|one| one.key.clone()).collect(),
            classes: keys.iter().map(|one| one.class).collect(),
            depends: keys.iter().map(|one| one.depends).collect(),
            fixed: Some(keys.iter().map(|one| (one.tag.unwrap_or(none), one.events)).collect()),
            events,
            tags: tags.into_iter().chain([Bytes::from(&[][..])]).collect(),
        }
    }

    /// The tag and the events of a key's values, where they do not change from write to write.
    pub fn fixed(&self, id: KeyId) -> Option<(u32, u32)> {
        self.fixed.as_ref().map(|fixed| fixed[id as usize])
    }

    /// A tag as a list of names.
    pub fn tag_list(&self, id: u32) -> Arc<[Bytes]> {
        let is_none = self.fixed.is_some() && id + 1 == self.tag_count();
        if is_none { Arc::from([]) } else { Arc::from([self.tag(id).clone()]) }
    }

    /// So many keys and tags. Of ten keys, six have a source, two are written back, two have no source; every third source
    /// key depends on an earlier one.
    pub fn new(keys: u32, tags: u32) -> Names {
        Names::with(keys, tags, false)
    }

    /// The same, or all with a source.
    pub fn with(keys: u32, tags: u32, only_source: bool) -> Names {
        let class = |id: u32| match id % 10 {
            _ if only_source => Class::Source,
            0..6 => Class::Source,
            6 | 7 => Class::Back,
            _ => Class::Cache,
        };
        let letter = |id: u32| match class(id) {
            Class::Source => 's',
            Class::Back => 'b',
            Class::Cache => 'c',
        };
        let bytes = |text: String| -> Bytes { Arc::from(text.as_bytes()) };
        let depends = |id: u32| {
            (!only_source && id > 2 && id.is_multiple_of(3) && class(id) == Class::Source)
                .then_some(id / 2 / 10 * 10 + id % 2)
        };
        Names {
            keys: (0..keys).map(|id| bytes(format!("{}{id}", letter(id)))).collect(),
            classes: (0..keys).map(class).collect(),
            tags: (0..tags).map(|id| bytes(format!("t{id}"))).collect(),
            depends: (0..keys).map(depends).collect(),
            fixed: None,
            events: Events::of_shops(SHOPS),
        }
    }

    /// How many keys.
    pub fn key_count(&self) -> u32 {
        self.keys.len() as u32
    }

    /// How many tags.
    pub fn tag_count(&self) -> u32 {
        self.tags.len() as u32
    }

    /// A key's bytes.
    pub fn key(&self, id: KeyId) -> &Bytes {
        &self.keys[id as usize]
    }

    /// A tag's bytes.
    pub fn tag(&self, id: u32) -> &Bytes {
        &self.tags[id as usize]
    }

    /// A key's class.
    pub fn class(&self, id: KeyId) -> Class {
        self.classes[id as usize]
    }

    /// What a key's value is made from besides its own row.
    pub fn depends(&self, id: KeyId) -> Option<KeyId> {
        self.depends[id as usize]
    }

    /// A key as text.
    pub fn text(&self, id: KeyId) -> &str {
        std::str::from_utf8(self.key(id)).expect("keys are made from ASCII")
    }
}

impl Names {
    /// The class and the number in a key's bytes.
    pub fn read(key: &[u8]) -> (Class, KeyId) {
        let class = match key.first() {
            Some(b's') => Class::Source,
            Some(b'b') => Class::Back,
            _ => Class::Cache,
        };
        (class, number(key))
    }
}

/// The number in a key's or tag's bytes.
pub fn number(bytes: &[u8]) -> u32 {
    bytes[1..].iter().fold(0, |n, digit| n * 10 + u32::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_knows_its_number_and_no_key_depends_on_itself_or_on_a_key_without_source() {
        let names = Names::new(60, 4);
        for id in 0..60 {
            assert_eq!(number(names.key(id)), id);
            if let Some(on) = names.depends(id) {
                assert!(on < id && names.class(on) == Class::Source, "{id} on {on}");
            }
        }
        assert!((0..60).any(|id| names.depends(id).is_some_and(|on| names.depends(on).is_some())), "a chain");
    }
}
