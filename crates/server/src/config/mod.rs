//! `clearwell.toml`: what an operator declares, checked before anything starts.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// A whole configuration. Times are in milliseconds.
#[derive(Debug, Clone)]
pub struct Config {
    /// Bytes for entries and what is kept beside them.
    pub max_memory: u64,
    /// The tombstone window: how long a plain SET on another connection is still taken for the fill of a miss.
    pub late_fill_window_ms: u64,
    /// How often a source that must be polled is asked for foreign commits.
    pub feed_poll_ms: u64,
    /// TTL of REST writes that give none and whose key has no keyspace.
    pub default_ttl_ms: u64,
    /// The password of the `default` user, when one is asked for.
    pub password: Option<String>,
    /// Sources by name.
    pub sources: BTreeMap<String, SourceConfig>,
    /// Keyspaces in the order of the file: the first that matches a key is its keyspace.
    pub keyspaces: Vec<KeyspaceConfig>,
}

/// Where truth is read and written.
#[derive(Debug, Clone)]
pub struct SourceConfig {
    /// Path of an SQLite database; relative ones are under the data folder.
    pub path: PathBuf,
    /// SQL that is run once when the database file is new.
    pub seed: Option<String>,
    /// A load or write slower than this is too slow.
    pub timeout_ms: u64,
}

/// A keyspace as written. Patterns, templates and SQL are text here; [`crate::keyspace`] compiles them.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct KeyspaceConfig {
    pub pattern: String,
    pub source: Option<String>,
    pub load: Option<String>,
    pub store: Option<String>,
    pub delete: Option<String>,
    pub write: Strategy,
    pub read: Level,
    pub ttl_ms: Option<u64>,
    pub ttl_jitter: f64,
    pub negative_ttl_ms: u64,
    pub early_refresh: f64,
    pub grace_ms: u64,
    pub tags: Vec<String>,
    pub depends_on: Vec<String>,
    pub events: Vec<String>,
    pub priority: u8,
    pub feeds: Vec<FeedConfig>,
}

/// Rows of a table that invalidate, whoever changed them.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct FeedConfig {
    pub table: String,
    pub keys: Vec<String>,
    pub tags: Vec<String>,
    pub events: Vec<String>,
}

pub use clearwell_protocol::options::{Level, Strategy};
