//! Keyspaces, compiled: what a key means.

use std::sync::Arc;

use clearwell_engine::EventPattern;

use crate::config::{Level, Strategy};
use crate::source::{Cell, Param, Row, Source, Statement};

/// All keyspaces of a node.
#[derive(Default)]
pub struct Keyspaces {
    /// In the order of the configuration.
    pub all: Vec<Arc<Keyspace>>,
}

impl Keyspaces {
    /// The keyspace of a key, with what its pattern captured; `None`: plain cache-aside data. Fast for keys of no keyspace.
    pub fn find(&self, key: &[u8]) -> Option<(&Arc<Keyspace>, Captures)> {
        let _ = key;
        todo!()
    }

    /// Compiles what the configuration declares.
    pub fn build(
        config: &crate::config::Config,
        sources: &std::collections::BTreeMap<String, Arc<dyn Source>>,
    ) -> Result<Keyspaces, String> {
        let _ = (config, sources);
        todo!()
    }

    /// What a commit of a source covers, by the feeds' rules.
    pub fn scopes(&self, source: &str, commit: &crate::source::Commit) -> Vec<clearwell_engine::Scope> {
        let _ = (source, commit);
        todo!()
    }

    /// Whether `key` matches some keyspace, without capturing.
    pub fn is_declared(&self, key: &[u8]) -> bool {
        let _ = key;
        todo!()
    }
}

/// What a pattern captured from a key, by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Captures(pub Vec<(Arc<str>, Cell)>);

/// A compiled keyspace.
pub struct Keyspace {
    /// The pattern as written; names the keyspace in metrics and messages.
    pub name: Arc<str>,
    /// Where its values are read and written, with what to run there.
    pub backing: Option<Backing>,
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
    /// Stored with each entry.
    pub priority: u8,
}

/// A keyspace's source and statements.
pub struct Backing {
    /// The source.
    pub source: Arc<dyn Source>,
    /// Its name in the configuration.
    pub source_name: Arc<str>,
    /// Reads one key's row; its first column is the value.
    pub load: Statement,
    /// Writes one key's value (`:value`).
    pub store: Option<Statement>,
    /// Removes one key's row.
    pub delete: Option<Statement>,
    /// Whether a feed tells of every change to what `load` reads (so that a barrier suffices for `strong`).
    pub followed: bool,
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
    /// Parameters of a statement, by name, from the key's captures (and `:value` on a store).
    pub fn params(&self, captures: &Captures, value: Option<&[u8]>) -> Vec<Param> {
        let _ = (captures, value);
        todo!()
    }

    /// Tags, dependencies and events of an entry from its key's captures and the columns that `load` returned. A
    /// template that names a column which is NULL gives no name.
    pub fn names(&self, captures: &Captures, row: Option<&Row>) -> Names {
        let _ = (captures, row);
        todo!()
    }
}
