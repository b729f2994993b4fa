//! The keys that came up so far, numbered by first use.

use std::io::Write;
use std::rc::Rc;

use super::checker::{GROUP, group_of};

/// Keys by number, with the size of their values.
pub struct Keys {
    prefix: Vec<u8>,
    numbers: rapidhash::RapidHashMap<Rc<[u8]>, u32>,
    all: Vec<(Rc<[u8]>, usize)>,
}

impl Keys {
    /// None yet; their names in the cache will begin with `prefix`.
    pub fn new(prefix: &str) -> Keys {
        Keys {
            prefix: prefix.as_bytes().to_vec(),
            numbers: rapidhash::RapidHashMap::default(),
            all: Vec::new(),
        }
    }

    /// The number of a key of the trace, and whether it is new. A key keeps its first size.
    pub fn number(&mut self, name: &[u8], size: usize) -> (u32, bool) {
        if let Some(&number) = self.numbers.get(name) {
            return (number, false);
        }
        let number = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        let name: Rc<[u8]> = name.into();
        self.numbers.insert(name.clone(), number);
        self.all.push((name, size));
        (number, true)
    }

    /// The size of a key's values.
    pub fn size(&self, key: u32) -> usize {
        self.all[key as usize].1
    }

    /// Writes the key's name in the cache: prefix, group, name in the trace.
    pub fn name(&self, key: u32, out: &mut Vec<u8>) {
        self.group_name(group_of(key), out);
        out.extend_from_slice(&self.all[key as usize].0);
    }

    /// Writes what the names of all keys of a group begin with; also the group's tag.
    pub fn group_name(&self, group: u32, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&self.prefix);
        write!(out, "{group}:").expect("a Vec takes all bytes");
    }

    /// The keys of a group that came up so far.
    pub fn of_group(&self, group: u32) -> impl Iterator<Item = u32> + use<> {
        let known = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        let first = group.saturating_mul(GROUP);
        first..first.saturating_add(GROUP).min(known)
    }

    /// How many keys came up.
    pub fn len(&self) -> u32 {
        u32::try_from(self.all.len()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_numbered_by_first_use_and_keep_their_first_size() {
        let mut keys = Keys::new("replay:");
        assert_eq!(keys.number(b"x", 5), (0, true));
        assert_eq!(keys.number(b"y", 6), (1, true));
        assert_eq!(keys.number(b"x", 7), (0, false));
        assert_eq!((keys.size(0), keys.len()), (5, 2));
    }

    #[test]
    fn a_key_is_named_within_its_group() {
        let mut keys = Keys::new("replay:");
        for n in 0..10_u8 {
            keys.number(&[b'a' + n], 1);
        }
        let mut name = Vec::new();
        keys.name(9, &mut name);
        assert_eq!(name, b"replay:1:j");
        assert_eq!(keys.of_group(1).collect::<Vec<_>>(), [8, 9]);
    }
}
