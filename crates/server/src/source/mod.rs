//! Sources: where truth is read and written, and the stream of their commits.

pub mod config;
mod nearest;
mod pages;
pub mod postgres;
mod shares;
pub mod sqlite;
mod table;
mod verification;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clearwell_engine::Version;
use config::SourceConfig;

pub use nearest::nearest;
pub use pages::{Page, Pages};
pub use shares::{Crowd, Holder};
pub use table::{Column, Exact, Kind, Table};
pub use verification::{Doubt, Turned, Verification, Verified};

/// A boxed future; sources are called through `dyn`.
pub type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A database that a node stands in front of.
pub trait Source: Send + Sync {
    /// Begins to tell `follower` of commits; called once, before the first load or write. What was committed before it is
    /// not told.
    fn follow(&self, follower: Arc<dyn Follower>) -> Result<(), SourceError>;

    /// Reads one row. `None`: there is none.
    fn load(&self, statement: &Statement, params: Vec<Param>) -> Later<Result<Option<Row>, SourceError>>;

    /// The same for who is told of changes by nobody: the row is as new as the database itself. [`Source::load`] may answer
    /// from a copy that has every commit which the [`Follower`] had been told of when it was called.
    fn load_newest(
        &self,
        statement: &Statement,
        params: Vec<Param>,
    ) -> Later<Result<Option<Row>, SourceError>> {
        self.load(statement, params)
    }

    /// Runs one write in a transaction and commits it. Before it answers, the [`Follower`] was handed every commit up to
    /// and including this one, in commit order, and `write.committed` was called right after this one's.
    fn write(&self, write: Write) -> Later<Result<Receipt, SourceError>>;

    /// Runs writes as [`Source::write`] does, together where that is cheaper, in any order; the results stand in theirs.
    /// A write that is refused leaves the others as they are. Nothing is read back, and rows may not be counted.
    ///
    /// Of one `lane` there is one call at a time. When a call's outcome is not known, or this process was killed in the midst
    /// of it, the next call of the lane has its effect after it. A source that does not begin a write before its answer is
    /// waited for overrides this.
    fn write_all(&self, lane: &str, writes: Vec<Write>) -> Later<Vec<Result<Receipt, SourceError>>> {
        let _ = lane;
        let writing: Vec<_> = writes.into_iter().map(|write| self.write(write)).collect();
        Box::pin(async move {
            let mut written = Vec::with_capacity(writing.len());
            for write in writing {
                written.push(write.await);
            }
            written
        })
    }

    /// Answers when the [`Follower`] was handed every commit that was made before this call, whoever made it.
    fn barrier(&self) -> Later<Result<Version, SourceError>>;

    /// What the database makes of a statement, without running it: for checks when a node starts. `None`: this source
    /// cannot tell.
    fn describe(&self, statement: &Statement) -> Result<Option<Shape>, SourceError> {
        let _ = statement;
        Ok(None)
    }

    /// Names the keyspace that statements belong to: they have a share of the connections of their own, and errors say its name.
    fn label(&self, keyspace: &str, load: &Statement, writes: &[&Statement]) {
        let _ = (keyspace, load, writes);
    }

    /// The same of a load that nobody waits for, such as warming: it uses one connection in four at most.
    fn label_aside(&self, keyspace: &str, load: &Statement) {
        let _ = (keyspace, load);
    }

    /// Lists the rows of a statement without parameters as they are when it is asked. The pages wait in the database, or in a file,
    /// until they are asked for, and keep nobody from anything meanwhile. A dropped listing ends.
    fn list(&self, statement: &Statement) -> Pages {
        let _ = statement;
        Pages::failed(SourceError::Refused("this source cannot list its keys".into()))
    }

    /// How crowded the connections for loads are; `None`: this source has no such thing.
    fn crowd(&self) -> Option<Crowd> {
        None
    }

    /// A table as the database knows it, by its name as SQL spells it; without columns when there is no such table. `None`: this
    /// source cannot tell.
    fn table(&self, name: &str) -> Result<Option<Table>, SourceError> {
        let _ = name;
        Ok(None)
    }

    /// Why commits may be missing in what the [`Follower`] is told just now; `None` while its stream is complete. What is
    /// loaded meanwhile is not watched over.
    fn unverified(&self) -> Option<String> {
        None
    }

    /// How long ago the follower was last known to be complete, in milliseconds; for `bounded(d)` and for metrics.
    fn behind_ms(&self) -> u64;
}

/// Who is told of a source's commits, in their order, from one thread.
pub trait Follower: Send + Sync {
    /// A commit, ours or foreign. When it returns, its invalidations are applied.
    fn committed(&self, source: &str, commit: &Commit);
    /// The stream has a gap: anything may have changed since the last commit told of.
    fn lost(&self, source: &str, why: &str);
    /// Something changed that no row event tells of: what was loaded by these statements, or from these tables, before now is
    /// not served again.
    fn altered(&self, source: &str, altered: &Altered) {
        self.lost(source, &altered.why);
    }
    /// From now on commits may not be told of, or not yet. Told again when the reason is another one.
    fn unverified(&self, source: &str, why: &str) {
        let _ = (source, why);
    }
    /// Every commit up to now was told of, or [`Follower::lost`] stands for it; and so it goes on.
    fn verified(&self, source: &str) {
        let _ = source;
    }
}

/// A change that row events do not tell: of a table's columns, a view, a function, or of all rows at once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Altered {
    /// What changed, in words.
    pub why: String,
    /// Watched tables all of whose rows may be others.
    pub tables: Vec<Arc<str>>,
    /// Described loads that may answer otherwise.
    pub loads: Vec<AlteredLoad>,
    /// When it was committed, where that is told.
    pub heard: Option<Heard>,
}

/// A load that may answer otherwise than it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlteredLoad {
    /// The load.
    pub statement: Statement,
    /// What the database makes of it now; `None`: it refuses it.
    pub shape: Option<Shape>,
}

/// One transaction's row changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Commit {
    /// Its place in the source's order.
    pub version: Version,
    /// Whether this node made it.
    pub own: bool,
    /// The rows it changed, of tables that some feed names.
    pub changes: Vec<RowChange>,
    /// When it was made and came here; `None`: not known.
    pub heard: Option<Heard>,
}

/// When a commit came here, and how long that took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// When its end was read.
    pub received: Instant,
    /// Microseconds from the commit until then, by the database's clock and this machine's: below zero when the database's is
    /// ahead. `None`: the source does not say when it was made.
    pub after_us: Option<i64>,
}

impl Heard {
    /// Of a commit that was made at a time in microseconds since 1970.
    pub fn of(committed_us: Option<i64>, received: Instant) -> Heard {
        let micros = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        let now_us = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, micros);
        let received_us = now_us.saturating_sub(micros(received.elapsed()));
        Heard { received, after_us: committed_us.map(|at| received_us.saturating_sub(at)) }
    }

    /// Of one that was made no longer ago than that.
    #[must_use]
    pub fn within(self, most_us: i64) -> Heard {
        Heard { after_us: self.after_us.map(|us| us.min(most_us)), ..self }
    }
}

/// One changed row; both old and new count, so a row that moves from author 1 to 2 reaches both.
#[derive(Debug, Clone, PartialEq)]
pub struct RowChange {
    /// The table.
    pub table: Arc<str>,
    /// The row before; `None` at an insert.
    pub old: Option<Row>,
    /// The row after; `None` at a delete.
    pub new: Option<Row>,
}

/// A prepared text with named parameters (`:id`), bound, never pasted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Statement(pub Arc<str>);

/// A statement as its database understands it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shape {
    /// The columns that it returns, in order; none for a statement that only writes.
    pub columns: Vec<Arc<str>>,
    /// What is known of their values, as far as the source tells.
    pub kinds: Vec<Kind>,
    /// Its parameters' families ([`Column::family`]), by name; none where a parameter has no type of its own.
    pub parameters: Vec<(Arc<str>, Arc<str>)>,
    /// The tables whose rows it reads, views seen through.
    pub reads: Vec<Arc<str>>,
    /// Whether it writes anything.
    pub writes: bool,
    /// The tables whose rows it writes, those of their family and those that triggers write included; empty where that is not
    /// known.
    pub written: Vec<Arc<str>>,
}

/// A table whose changes a source is to tell of, with the columns that [`RowChange`] needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// The table.
    pub table: Arc<str>,
    /// The columns, sorted, each once. May be empty: then only that some row changed is told.
    pub columns: Vec<Arc<str>>,
}

/// A named parameter's value; the name without its colon.
#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    /// The name.
    pub name: Arc<str>,
    /// The value.
    pub value: Cell,
}

/// One write and what is to happen at its place in the commit order.
pub struct Write {
    /// What to run.
    pub statement: Statement,
    /// Its parameters.
    pub params: Vec<Param>,
    /// A load to run in the same transaction after the write: what the database made of it.
    pub read_back: Option<(Statement, Vec<Param>)>,
    /// Called on the follower's thread right after the follower was told of this commit, before any later one.
    pub committed: Box<dyn FnOnce(&Receipt) + Send>,
}

/// A committed write.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Receipt {
    /// Its place in the source's order.
    pub version: Version,
    /// How many rows the statement changed.
    pub rows: u64,
    /// What `read_back` found.
    pub row: Option<Row>,
}

/// A row: columns in the statement's order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Row(pub Vec<(Arc<str>, Cell)>);

impl Row {
    /// The value of a column, by name.
    pub fn get(&self, column: &str) -> Option<&Cell> {
        self.0.iter().find(|(name, _)| &**name == column).map(|(_, cell)| cell)
    }
}

/// A value in a row.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum Cell {
    Null,
    Integer(i64),
    Real(f64),
    Text(Arc<str>),
    Blob(Arc<[u8]>),
}

impl Cell {
    /// The bytes that a client sees (text as it is, numbers in decimal, blobs raw); `None` for NULL.
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        match self {
            Cell::Null => None,
            Cell::Integer(n) => Some(n.to_string().into_bytes()),
            Cell::Real(x) => Some(x.to_string().into_bytes()),
            Cell::Text(text) => Some(text.as_bytes().to_vec()),
            Cell::Blob(bytes) => Some(bytes.to_vec()),
        }
    }
}

/// Why a source did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceError {
    /// It refused the statement (a constraint, a type, a syntax error): its own message.
    Refused(String),
    /// It cannot be reached or opened.
    Unreachable(String),
    /// It did not answer within this many milliseconds. A write may or may not have been committed.
    TooSlow(u64),
    /// It was not asked: no connection to it was free within this many milliseconds. A write was certainly not done.
    Busy {
        /// How long was waited.
        within_ms: u64,
        /// Who holds the connections.
        why: String,
    },
}

impl SourceError {
    /// Whether the source did not answer, and did not judge what it was asked.
    pub fn is_silence(&self) -> bool {
        match self {
            SourceError::Refused(_) => false,
            SourceError::Unreachable(_) | SourceError::TooSlow(_) | SourceError::Busy { .. } => true,
        }
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceError::Refused(message) => write!(f, "the source refused: {message}"),
            SourceError::Unreachable(message) => write!(f, "the source is unreachable: {message}"),
            SourceError::TooSlow(ms) => write!(f, "the source did not answer within {ms} ms"),
            SourceError::Busy { within_ms, why } => {
                write!(f, "no free connection to the source within {within_ms} ms: {why}")
            }
        }
    }
}

impl std::error::Error for SourceError {}

/// Looks at a source that the configuration declares, without changing it: answers what describes statements as the source
/// would, and what keeps it from being followed.
pub fn inspect(
    name: &str,
    config: &SourceConfig,
    data: &std::path::Path,
    watched: Vec<Watched>,
) -> Result<(Arc<dyn Source>, Vec<String>), SourceError> {
    let Some(postgres) = &config.postgres else {
        let (sketch, problems) = sqlite::Sketch::of(name, config, data, watched)?;
        return Ok((Arc::new(sketch), problems));
    };
    let (setup, _) = postgres::setup(postgres, &watched, false)?;
    let problems = setup.problems.iter().map(ToString::to_string).collect();
    Ok((Arc::new(postgres::Postgres::open(name, postgres, config.timeout_ms, watched)?), problems))
}

/// Opens a source that the configuration declares; it will tell of `watched`.
pub fn open(
    name: &str,
    config: &SourceConfig,
    data: &std::path::Path,
    watched: Vec<Watched>,
    feed_poll_ms: u64,
) -> Result<Arc<dyn Source>, SourceError> {
    match &config.postgres {
        Some(postgres) => Ok(Arc::new(postgres::Postgres::open(name, postgres, config.timeout_ms, watched)?)),
        None => Ok(Arc::new(sqlite::Sqlite::open(name, config, data, watched, feed_poll_ms)?)),
    }
}
