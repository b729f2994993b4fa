//! What an operator declares of a source, whichever file or program says it.

pub mod address;

use std::path::PathBuf;

/// Where truth is read and written.
#[derive(Debug, Clone, Default)]
pub struct SourceConfig {
    /// A PostgreSQL database; `None` for an SQLite database at `path`.
    pub postgres: Option<PostgresConfig>,
    /// Path of an SQLite database; relative ones are under the data folder.
    pub path: PathBuf,
    /// How it is opened.
    pub mode: SqliteMode,
    /// SQL that is run once when the database file is new.
    pub seed: Option<String>,
    /// A load or write slower than this is too slow.
    pub timeout_ms: u64,
    /// When nothing was heard of its commits for so long, its keyspaces count as unverified; `None` is
    /// [`BEHIND_MOST_MS`].
    pub behind_most_ms: Option<u64>,
}

/// How an SQLite database is opened: the parameter `mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SqliteMode {
    /// `rwc`, the default: read and written, and made by its seed when it is new.
    #[default]
    Create,
    /// `rw`: read and written; it must be there.
    Write,
    /// `ro`: read and followed, never written to by this node.
    Read,
    /// `memory`, and the name `:memory:`: in this process's memory, made by its seed, and gone with the node.
    Memory,
}

/// How long a feed may be silent, where the configuration does not say.
pub const BEHIND_MOST_MS: u64 = 5_000;

/// A PostgreSQL database and how its commits are followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresConfig {
    /// Where it is, as `psql` takes it: `postgres://user:password@host:port/database`.
    pub url: String,
    /// The publication that names the followed tables.
    pub publication: String,
    /// The replication slot that remembers how far this node has followed; each node needs its own.
    pub slot: String,
    /// Connections for loads, and as many for writes.
    pub connections: u8,
    /// Standbys that may be asked for rows, as urls. One that is behind what the feed has told is passed over.
    pub replicas: Vec<String>,
    /// Bytes of log that the slot may hold back on the server before it is given up, with everything invalidated.
    pub lag_budget: u64,
}

impl PostgresConfig {
    /// The database at `url` with everything else as it is when the configuration does not say.
    pub fn new(url: impl Into<String>) -> PostgresConfig {
        PostgresConfig {
            url: url.into(),
            publication: "clearwell".into(),
            slot: "clearwell".into(),
            connections: 4,
            replicas: Vec::new(),
            lag_budget: 1 << 30,
        }
    }
}
