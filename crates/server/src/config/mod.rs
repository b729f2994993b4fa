//! `clearwell.toml`: what an operator declares, checked before anything starts.

mod cluster;
mod del;
mod error;
mod followed;
mod hosts;
mod keys;
mod keyspace;
mod near_miss;
mod read;
mod section;
#[cfg(test)]
mod tests;
mod unverified;
mod variables;
mod words;

use std::collections::BTreeMap;
use std::path::Path;

pub use clearwell_engine::{Codec, Eviction};
pub use clearwell_source::config::{PostgresConfig, SourceConfig, SqliteMode};
pub use clearwell_words::{Coalesce, Level, Strategy};
pub use cluster::ClusterConfig;
pub use del::Del;
pub use error::ConfigError;
pub use hosts::HostName;
pub use near_miss::NearMiss;
pub use unverified::{Unfollowed, Unverified};

/// What messages call the keys before the first table.
const TOP: &str = "the top level";

/// A whole configuration. Times are in milliseconds.
#[derive(Debug, Clone)]
pub struct Config {
    /// Bytes for entries and what is kept beside them.
    pub max_memory: u64,
    /// Entries at most; `None`: as many as fit.
    pub max_entries: Option<u64>,
    /// Who leaves first when there is too much of either.
    pub eviction: Eviction,
    /// Bytes of it for the history of keys; `None`: 4 MB, or a 64th of `max_memory` where that is less.
    pub history_memory: Option<u64>,
    /// Which time holds when a delayed invalidation is asked for again before it took effect.
    pub coalesce: Coalesce,
    /// The tombstone window: how long a plain SET on another connection is still taken for the fill of a miss.
    pub late_fill_window_ms: u64,
    /// How often a source that must be polled is asked for foreign commits.
    pub feed_poll_ms: u64,
    /// TTL of REST writes that give none and whose key has no keyspace.
    pub default_ttl_ms: u64,
    /// The password of the `default` user, when one is asked for.
    pub password: Option<String>,
    /// Hosts under which HTTP may be asked, beside the address that it listens on and loopback.
    pub hosts: Vec<HostName>,
    /// Whether a node without a password refuses to listen beyond loopback.
    pub protected_mode: bool,
    /// The cluster that the node is one of; `None`: it is alone.
    pub cluster: Option<ClusterConfig>,
    /// Sources by name.
    pub sources: BTreeMap<String, SourceConfig>,
    /// Keyspaces in the order of the file: the first that matches a key is its keyspace.
    pub keyspaces: Vec<KeyspaceConfig>,
    /// What is allowed and can hardly be meant, in the order of the file.
    pub warnings: Vec<ConfigError>,
}

impl Config {
    /// Reads a configuration's text; `${NAME}` in `url` and `password` is an environment variable. It cannot name other files (`seed_file`, `schema`): it has no folder that they could be in.
    pub fn parse(text: &str) -> Result<Config, ConfigError> {
        let file = section::File { name: "clearwell.toml", text };
        let beside = |name: &str| Err(format!("{name} cannot be read: this text is not in a folder"));
        read::config(file, read::Outside { file: &beside, variable: &environment })
    }

    /// Reads a configuration file. What it names as `seed_file` or `schema` is beside it.
    pub fn load(path: &Path) -> Result<Config, ConfigError> {
        let name = path.display().to_string();
        let failed =
            |e: std::io::Error| ConfigError { file: name.clone(), line: None, message: e.to_string() };
        let text = std::fs::read_to_string(path).map_err(failed)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let beside = |other: &str| {
            let path = folder.join(other);
            std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))
        };
        let outside = read::Outside { file: &beside, variable: &environment };
        read::config(section::File { name: &name, text: &text }, outside)
    }

    /// What a node of a cluster without a configuration file serves: keys without sources.
    pub fn of_cluster() -> Config {
        Config::parse("[cluster]").expect("a test reads it")
    }

    /// What a node without a configuration file serves: a sample of posts and authors, `config/sample.toml`.
    pub fn default_sample() -> Config {
        let file = section::File { name: "sample.toml", text: include_str!("../../config/sample.toml") };
        let beside = |_: &str| Ok(include_str!("../../config/sample.sql").into());
        read::config(file, read::Outside { file: &beside, variable: &environment })
            .expect("a test reads the sample, which is part of the program")
    }
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// How a keyspace's values are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompressConfig {
    /// By what.
    pub codec: Codec,
    /// Only those with more bytes than that.
    pub above: u64,
}

/// A JSON Schema that a keyspace's values must fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaConfig {
    /// Its file as it was named.
    pub file: String,
    /// Its text.
    pub text: String,
}

/// A keyspace as written. Patterns, templates and SQL are text here; `keyspace` compiles them.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct KeyspaceConfig {
    /// Its line in the file.
    pub line: usize,
    pub pattern: String,
    pub source: Option<String>,
    pub load: Option<String>,
    pub store: Option<String>,
    pub delete: Option<String>,
    /// Lists its keys, for warming.
    pub keys: Option<String>,
    pub del: Del,
    pub near_miss: NearMiss,
    pub write: Strategy,
    pub read: Level,
    pub ttl_ms: Option<u64>,
    pub ttl_jitter: f64,
    pub negative_ttl_ms: u64,
    pub early_refresh: f64,
    pub grace_ms: u64,
    pub outage_ms: u64,
    pub tags: Vec<String>,
    pub depends_on: Vec<String>,
    pub events: Vec<String>,
    pub priority: u8,
    /// How its values are compressed; `None`: they are kept as they are.
    pub compress: Option<CompressConfig>,
    /// What its values must fit; `None`: anything.
    pub schema: Option<SchemaConfig>,
    pub flush: FlushConfig,
    pub unverified: Unverified,
    pub unfollowed: Unfollowed,
    pub feeds: Vec<FeedConfig>,
}

/// How write-back writes of a keyspace reach its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlushConfig {
    /// How long a write waits for others before it is flushed, in milliseconds.
    pub every_ms: u64,
    /// So many keys are flushed at once, and without waiting when there are so many.
    pub batch: usize,
    /// Bytes of writes that may wait; beyond them, further writes wait and are then refused.
    pub most: u64,
}

impl Default for FlushConfig {
    fn default() -> FlushConfig {
        FlushConfig { every_ms: 100, batch: 2000, most: 64_000_000 }
    }
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
