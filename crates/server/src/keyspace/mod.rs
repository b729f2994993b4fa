//! Keyspaces, compiled: what a key means.

mod build;
mod cover;
mod feed;
mod following;
mod joined;
mod links;
mod listing;
mod spelling;
mod standing;
#[cfg(test)]
mod tests;
mod values;
pub mod wide;

use std::collections::BTreeMap;
use std::sync::Arc;

use clearwell_engine::{EventPattern, Scope};
use clearwell_source::{Cell, Param, Source, Statement, Verification};

pub use build::BuildError;
pub use cover::{Present, Seen, TableCover};
pub use feed::FeedRules;
pub(crate) use feed::Shapes;
pub use following::{Change, Reach};
pub use listing::Listing;
pub use standing::FeedStanding;
pub use values::{ValueFigures, Values};

use crate::config::{Del, FlushConfig, Level, NearMiss, Strategy, Unfollowed, Unverified};
use crate::syntax::{Captures, EventTemplate, Pattern, Template};

/// All keyspaces of a node.
#[derive(Default)]
pub struct Keyspaces {
    /// In the order of the configuration.
    pub all: Vec<Arc<Keyspace>>,
    /// Whether the feed of each source is complete, by the source's name.
    pub verifications: BTreeMap<String, Arc<Verification>>,
    /// For each first byte of a key, the places in `all` that it can belong to, in order; empty when there are none.
    by_first: Vec<Box<[u32]>>,
    /// The same for keys that can be near misses, of those that do not allow them.
    near_by_first: Vec<Box<[u32]>>,
}

impl Keyspaces {
    /// The keyspace of a key, with what its pattern captured; `None`: plain cache-aside data. Fast for keys of no keyspace.
    pub fn find(&self, key: &[u8]) -> Option<(&Arc<Keyspace>, Captures)> {
        self.candidates(key).find_map(|keyspace| Some((keyspace, keyspace.pattern.capture(key)?)))
    }

    /// What a key is counted by: its keyspace's class, or 0.
    pub fn class_of(&self, key: &[u8]) -> u32 {
        let mut candidates = self.candidates(key);
        candidates.find(|keyspace| keyspace.pattern.matches(key)).map_or(0, |keyspace| keyspace.class)
    }

    /// Whether a source holds the truth of a key.
    pub fn has_source(&self, key: &[u8]) -> bool {
        self.find(key).is_some_and(|(keyspace, _)| keyspace.backing.is_some())
    }

    /// Whether `key` matches some keyspace, without capturing.
    pub fn is_declared(&self, key: &[u8]) -> bool {
        self.candidates(key).any(|keyspace| keyspace.pattern.matches(key))
    }

    /// Whether a key may be one that nearly matches. Fast for all whose first letter no keyspace begins with.
    #[inline]
    pub fn may_be_near(&self, key: &[u8]) -> bool {
        self.near_candidates(key).is_some_and(|places| !places.is_empty())
    }

    /// The keyspace that a key nearly matches, though no keyspace matches it, and what is wrong; where that is not allowed.
    pub fn near(&self, key: &[u8]) -> Option<(&Arc<Keyspace>, String)> {
        if self.is_declared(key) {
            return None;
        }
        let places = self.near_candidates(key)?.iter();
        places.filter_map(|place| self.all.get(*place as usize)).find_map(|k| Some((k, k.pattern.near(key)?)))
    }

    #[inline]
    fn near_candidates(&self, key: &[u8]) -> Option<&[u32]> {
        key.first().and_then(|first| self.near_by_first.get(usize::from(*first))).map(|places| &**places)
    }

    /// What keyspaces need the feeds of their sources to tell besides names, by source.
    pub fn covers(&self) -> impl Iterator<Item = (&str, &TableCover)> {
        let backings = self.all.iter().filter_map(|keyspace| keyspace.backing.as_ref());
        backings.flat_map(|backing| backing.covers.iter().map(|cover| (&*backing.source_name, cover)))
    }

    #[inline]
    fn candidates(&self, key: &[u8]) -> impl Iterator<Item = &Arc<Keyspace>> {
        let places = key.first().and_then(|first| self.by_first.get(usize::from(*first)));
        places.into_iter().flatten().filter_map(|place| self.all.get(*place as usize))
    }

    fn new(all: Vec<Arc<Keyspace>>, verifications: BTreeMap<String, Arc<Verification>>) -> Keyspaces {
        let begins =
            |keyspace: &Keyspace, byte| keyspace.pattern.prefix().first().is_none_or(|first| *first == byte);
        let of = |byte| (0..).zip(&all).filter(|(_, k)| begins(k, byte)).map(|(place, _)| place).collect();
        let by_first = if all.is_empty() { Vec::new() } else { (0..=u8::MAX).map(of).collect() };
        let may_be_near = |keyspace: &Keyspace, byte: u8| {
            let first = keyspace.pattern.prefix().first();
            keyspace.near_miss != NearMiss::Allow
                && first.is_some_and(|first| first.eq_ignore_ascii_case(&byte))
        };
        let near_of =
            |byte| (0..).zip(&all).filter(|(_, k)| may_be_near(k, byte)).map(|(place, _)| place).collect();
        let none = all.iter().all(|keyspace| keyspace.near_miss == NearMiss::Allow);
        let near_by_first = if none { Vec::new() } else { (0..=u8::MAX).map(near_of).collect() };
        Keyspaces { all, verifications, by_first, near_by_first }
    }
}

/// A compiled keyspace.
pub struct Keyspace {
    /// The pattern as written; names the keyspace in metrics and messages.
    pub name: Arc<str>,
    /// What it is counted by: its place in the configuration, from 1 on.
    pub class: u32,
    /// Where its values are read and written, with what to run there.
    pub backing: Option<Backing>,
    /// What DEL means for its keys.
    pub del: Del,
    /// What becomes of writes to keys that nearly match.
    pub near_miss: NearMiss,
    /// The default strategy of writes.
    pub write: Strategy,
    /// The default level of reads.
    pub read: Level,
    /// How long entries live; `None` is for ever.
    pub ttl_ms: Option<u64>,
    /// The share of the TTL that chance takes away at most, 0 to 1.
    pub ttl_jitter: f64,
    /// How long an absent row is remembered as absent.
    pub negative_ttl_ms: u64,
    /// XFetch beta; 0 is off.
    pub early_refresh: f64,
    /// How long past its TTL a value may be served while the source fails.
    pub grace_ms: u64,
    /// How old what is served may be while the source does not answer: for so long after it was last known to be right.
    pub outage_ms: u64,
    /// Stored with each entry.
    pub priority: u8,
    /// What values are kept as, and what they may be.
    pub values: Values,
    /// How write-back writes reach the source.
    pub flush: FlushConfig,
    /// How it is read while the feed is not complete.
    pub unverified: Unverified,
    /// What is to be said when it is not followed.
    pub unfollowed: Unfollowed,
    /// Lists its keys, where it is declared.
    pub keys: Option<Listing>,
    pattern: Pattern,
    tags: Vec<Template>,
    depends_on: Vec<Template>,
    events: Vec<EventTemplate>,
    value: Arc<str>,
}

/// A keyspace's source and statements.
pub struct Backing {
    /// The source.
    pub source: Arc<dyn Source>,
    /// Its name in the configuration.
    pub source_name: Arc<str>,
    /// Reads one key's row; its first column is the value.
    pub load: Statement,
    /// The same for warming. It says so to whoever looks at what the database does, and has connections of its own.
    pub load_aside: Statement,
    /// Writes one key's value (`:value`).
    pub store: Option<Statement>,
    /// Removes one key's row.
    pub delete: Option<Statement>,
    /// What reaches entries where the declared names are not proven to, by table.
    pub covers: Vec<TableCover>,
    /// Whether two of its keys may be one row.
    pub is_ambiguous: bool,
    /// What `load` reads, and whether feeds tell of it.
    pub standing: FeedStanding,
    /// Whether the source's feed is complete.
    pub verification: Arc<Verification>,
}

impl Backing {
    /// Whether a feed tells of every change to what `load` reads, so that a barrier suffices for `strong`.
    #[inline]
    pub fn followed(&self) -> bool {
        self.standing.followed()
    }

    /// Whether a feed tells of changes to anything that `load` reads: then its entries are relied on only while the feed
    /// is complete.
    #[inline]
    pub fn fed(&self) -> bool {
        self.standing.fed()
    }

    /// Whether what its feed should have told may be missing just now.
    #[inline]
    pub fn is_unverified(&self) -> bool {
        self.fed() && !self.verification.is_verified()
    }
}

/// The names that a loaded entry carries.
#[derive(Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct Names {
    pub tags: Vec<Box<[u8]>>,
    pub dependencies: Vec<Box<[u8]>>,
    pub events: Vec<EventPattern>,
}

impl Keyspace {
    /// The scope of all of its keys.
    pub fn scope(&self) -> Scope {
        wide::keys(&self.pattern.shape())
    }

    /// Why its entries are not followed although that is not said to be meant.
    pub fn neglected(&self) -> Option<Arc<str>> {
        let backing = self.backing.as_ref().filter(|_| self.unfollowed != Unfollowed::Meant)?;
        backing.standing.unfollowed()
    }

    /// What its pattern captures from a key of it.
    pub fn capture(&self, key: &[u8]) -> Option<Captures> {
        self.pattern.capture(key)
    }

    /// A key of it, to show to people.
    pub fn example(&self) -> String {
        self.pattern.example()
    }

    /// Parameters of a statement, by name, from the key's captures (and `:value` on a store). A value is text if it is
    /// UTF-8, else a blob: a column of text stays one.
    pub fn params(&self, captures: &Captures, value: Option<&[u8]>) -> Vec<Param> {
        let captured =
            captures.0.iter().map(|(name, cell)| Param { name: name.clone(), value: cell.clone() });
        let stored = value.map(|bytes| Param {
            name: self.value.clone(),
            value: match std::str::from_utf8(bytes) {
                Ok(text) => Cell::Text(text.into()),
                Err(_) => Cell::Blob(bytes.into()),
            },
        });
        captured.chain(stored).collect()
    }

    /// Whether names are made from columns, so that a value that was not loaded (a client's SET) cannot carry all of them.
    pub fn names_need_row(&self) -> bool {
        let templates = self.tags.iter().chain(&self.depends_on).flat_map(Template::slots);
        let mut slots = templates.chain(self.events.iter().flat_map(EventTemplate::slots));
        slots.any(|slot| !self.pattern.names().any(|name| name == slot))
    }

    /// Whether two of its keys may be one row, to the load or to the statements that write.
    #[inline]
    pub fn is_ambiguous(&self) -> bool {
        self.backing.as_ref().is_some_and(|backing| backing.is_ambiguous)
    }

    /// Tags, dependencies and events of an entry from its key's captures and what was seen of its row. A template that
    /// names a column which is NULL gives no name.
    pub fn names(&self, key: &[u8], captures: &Captures, seen: Seen<'_>) -> Names {
        let row = seen.row();
        let value = |slot: &str| captures.get(slot).or_else(|| row?.get(slot));
        let render = |templates: &[Template]| templates.iter().filter_map(|t| t.render(value)).collect();
        let mut names = Names {
            tags: render(&self.tags),
            dependencies: render(&self.depends_on),
            events: self.events.iter().filter_map(|event| event.pattern(value)).collect(),
        };
        for cover in self.backing.iter().flat_map(|backing| &backing.covers) {
            cover.add(key, captures, seen, &mut names);
        }
        names
    }
}
