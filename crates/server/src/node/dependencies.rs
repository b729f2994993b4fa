//! What depends on what, as the node tells it.

use std::fmt::Write;

use clearwell_engine::{Dependencies, Dependent, Edges, Page, PageFrom};

use super::Node;
use crate::keyspace::Seen;

/// The state of what a key depends on.
pub fn state_of(dependent: &Dependent) -> &'static str {
    match (dependent.created, dependent.propagating) {
        (None, _) => "invalidated",
        (Some(_), true) => "propagating",
        (Some(_), false) => "valid",
    }
}

/// A place in the list of dependents, as a client carries it.
pub fn cursor_of(from: &PageFrom) -> String {
    match from {
        PageFrom::Entries(place) => format!("e{place:x}"),
        PageFrom::Gone(after) => after.iter().fold("g".to_owned(), |mut text, byte| {
            let _a_string_takes_it = write!(text, "{byte:02x}");
            text
        }),
    }
}

/// Undoes [`cursor_of`]; `None`: it is no cursor.
pub fn parse_cursor(text: &str) -> Option<PageFrom> {
    if let Some(place) = text.strip_prefix('e') {
        return u64::from_str_radix(place, 16).ok().map(PageFrom::Entries);
    }
    let digits = text.strip_prefix('g')?.as_bytes();
    let byte = |pair: &[u8]| {
        let digit = |c: u8| char::from(c).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)
    };
    let name: Option<Box<[u8]>> = digits.chunks(2).map(byte).collect();
    name.map(PageFrom::Gone)
}

impl Node {
    /// The neighbours of a key; of one that is not here, what its keyspace would give it. Reads every entry.
    pub fn dependencies(&self, key: &[u8], most: usize) -> Dependencies {
        let mut known = self.engine().dependencies(key, most, self.clock.tick());
        if known.tags.is_empty()
            && known.depends_on.is_empty()
            && let Some((keyspace, captures)) = self.keyspaces.find(key)
        {
            let names = keyspace.names(key, &captures, Seen::Unread);
            (known.tags, known.depends_on) = (names.tags, names.dependencies);
            known.events = names.events.iter().map(|event| event.to_string().into()).collect();
        }
        known
    }

    /// All that leads to and from a key, itself or over others. Reads every entry.
    pub fn edges(&self, key: &[u8], most: usize) -> Edges {
        self.engine().edges(key, most, self.clock.tick())
    }

    /// A page of all that depends on something.
    pub fn dependents(&self, from: &PageFrom, most: usize) -> Page {
        self.engine().dependents(from, most, self.clock.tick())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_and_anything_else_is_refused() {
        for from in
            [PageFrom::Entries(0), PageFrom::Entries(u64::MAX), PageFrom::Gone((*b"post:\xff").into())]
        {
            assert_eq!(parse_cursor(&cursor_of(&from)), Some(from));
        }
        for wrong in ["", "x", "e", "eg", "g1", "gzz", "gé", "e11111111111111111"] {
            assert_eq!(parse_cursor(wrong), None, "{wrong}");
        }
    }
}
