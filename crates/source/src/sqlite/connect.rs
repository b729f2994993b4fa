//! Opening the database file.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags};

use super::catalog::Catalog;
use super::convert::SqliteFault;
use crate::config::{BEHIND_MOST_MS, SourceConfig, SqliteMode};
use crate::{SourceError, Watched};

/// How often a file is looked at that the system watches over, in milliseconds: twice within the time for which the feed may be
/// silent, and no less often than this.
const QUIET_POLL_MS: u64 = 250;

/// What all threads of one source know.
pub struct SqliteShared {
    pub name: Arc<str>,
    pub path: PathBuf,
    pub mode: SqliteMode,
    pub timeout_ms: u64,
    pub poll: Duration,
    /// How often the file is looked at while the system tells of nobody who writes to it.
    pub quiet_poll: Duration,
    pub watched: Vec<Watched>,
    /// What described loads rest on.
    pub catalog: Catalog,
    /// Grows each time that the file turned out to be another one; connections of an older one are closed.
    pub generation: AtomicU64,
    /// Why the database is not open; `None` while it is.
    pub problem: Mutex<Option<String>>,
    /// The last moment up to which every commit was told, in milliseconds of [`SqliteShared::now_ms`].
    pub complete_ms: AtomicU64,
    began: Instant,
}

fn quiet_poll(behind_most_ms: Option<u64>) -> Duration {
    Duration::from_millis((behind_most_ms.unwrap_or(BEHIND_MOST_MS) / 2).min(QUIET_POLL_MS))
}

impl SqliteShared {
    pub fn new(
        name: &str,
        config: &SourceConfig,
        data: &Path,
        poll: Duration,
        watched: Vec<Watched>,
    ) -> SqliteShared {
        let path = match config.mode {
            // Shared by this process's connections to this very name.
            SqliteMode::Memory => format!("file:/clearwell-{:016x}?vfs=memdb", fastrand::u64(..)).into(),
            _ => data.join(&config.path),
        };
        SqliteShared {
            name: name.into(),
            path,
            mode: config.mode,
            timeout_ms: config.timeout_ms,
            poll,
            quiet_poll: poll.max(quiet_poll(config.behind_most_ms)),
            watched,
            catalog: Catalog::default(),
            generation: AtomicU64::new(0),
            problem: Mutex::new(None),
            complete_ms: AtomicU64::new(0),
            began: Instant::now(),
        }
    }

    /// Whether nothing may be written to it.
    pub fn is_read_only(&self) -> bool {
        self.mode == SqliteMode::Read
    }

    /// Whether there is a change log to read.
    pub fn has_log(&self) -> bool {
        !self.is_read_only() || !self.watched.is_empty()
    }

    /// Milliseconds since the source was opened.
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// When something that is asked for now must be done.
    pub fn deadline_ms(&self) -> u64 {
        self.now_ms().saturating_add(self.timeout_ms)
    }
}

/// A moment after which a connection's running statement is ended; of [`SqliteShared::now_ms`].
#[derive(Clone)]
pub struct Deadline(Arc<AtomicU64>);

impl Deadline {
    /// Statements may run until `at_ms`.
    pub fn set(&self, at_ms: u64) {
        self.0.store(at_ms, Ordering::Relaxed);
    }

    /// Statements may run for ever.
    pub fn clear(&self) {
        self.set(u64::MAX);
    }
}

/// How many steps of SQLite's machine pass between two looks at the clock: some tens of microseconds.
pub const STEPS_PER_LOOK: i32 = 1000;

/// Opens the file, which must exist.
pub fn open(shared: &Arc<SqliteShared>) -> Result<(Connection, Deadline), SqliteFault> {
    connect(shared, OpenFlags::empty())
}

fn connect(shared: &Arc<SqliteShared>, flags: OpenFlags) -> Result<(Connection, Deadline), SqliteFault> {
    let named = |error| match SqliteFault::from(error) {
        SqliteFault::Broken(message) => SqliteFault::Broken(format!("{}: {message}", shared.path.display())),
        SqliteFault::Busy(message) => SqliteFault::Busy(format!("{}: {message}", shared.path.display())),
        other => other,
    };
    let access = match shared.mode {
        SqliteMode::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
        SqliteMode::Create | SqliteMode::Write => OpenFlags::SQLITE_OPEN_READ_WRITE,
        SqliteMode::Memory => {
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_URI
        }
    };
    let flags = flags | access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(&shared.path, flags).map_err(named)?;
    connection.busy_timeout(Duration::ZERO)?;
    match shared.mode {
        SqliteMode::Create | SqliteMode::Write => {
            connection.pragma_update(None, "journal_mode", "wal").map_err(named)?;
            connection.pragma_update(None, "synchronous", "full")?;
        }
        SqliteMode::Memory => connection.pragma_update(None, "journal_mode", "memory").map_err(named)?,
        SqliteMode::Read => connection.pragma_update(None, "query_only", true)?,
    }
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.set_prepared_statement_cache_capacity(64);
    let deadline = Deadline(Arc::new(AtomicU64::new(u64::MAX)));
    let (clock, limit) = (shared.clone(), deadline.0.clone());
    let late = move || {
        let limit = limit.load(Ordering::Relaxed);
        limit != u64::MAX && clock.now_ms() >= limit
    };
    connection.progress_handler(STEPS_PER_LOOK, Some(late))?;
    Ok((connection, deadline))
}

/// Whether the file is there, or can be made: in words why not. The data folder itself is made when it is missing.
fn find(shared: &SqliteShared, data: &Path, seed: Option<&str>) -> Result<(), String> {
    let path = shared.path.display();
    has_folder(&shared.path, data)?;
    if shared.mode == SqliteMode::Create {
        std::fs::create_dir_all(data).map_err(|e| format!("{}: {e}", data.display()))?;
    }
    match (shared.path.exists(), shared.mode, seed) {
        (true, ..) | (_, SqliteMode::Create, Some(_)) => Ok(()),
        (false, SqliteMode::Create, None) => {
            Err(format!("{path} does not exist, and there is no seed to make it with"))
        }
        (false, ..) => Err(format!("{path} does not exist, and the url's mode does not make it")),
    }
}

/// Whether a file's folder is there; the data folder counts as if it were.
pub fn has_folder(path: &Path, data: &Path) -> Result<(), String> {
    let shown = path.display();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder.filter(|folder| !folder.is_dir() && *folder != data) {
        _ if path.is_dir() => Err(format!("{shown} is a folder, not a database")),
        Some(folder) => Err(format!("{shown}: the folder {} does not exist", folder.display())),
        None => Ok(()),
    }
}

/// Makes the database when it is new and runs its seed, all of it or nothing. New is a database without any table. One in
/// memory lives as long as a connection to it, such as the one that this answers.
pub fn create(
    shared: &Arc<SqliteShared>,
    data: &Path,
    seed: Option<&str>,
) -> Result<Connection, SourceError> {
    let told = |fault: SqliteFault| fault.told(shared.timeout_ms);
    if shared.mode != SqliteMode::Memory {
        find(shared, data, seed).map_err(SourceError::Unreachable)?;
    }
    let flags = match shared.mode {
        SqliteMode::Create => OpenFlags::SQLITE_OPEN_CREATE,
        _ => OpenFlags::empty(),
    };
    let (connection, _) = retried(shared, || connect(shared, flags))?;
    let Some(seed) = seed else { return Ok(connection) };
    retried(shared, || Ok(connection.execute_batch("BEGIN IMMEDIATE")?))?;
    let is_new = "SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table')";
    let is_new: bool = connection.query_row(is_new, [], |row| row.get(0)).map_err(|e| told(e.into()))?;
    if is_new {
        let in_seed = |e: rusqlite::Error| match told(e.into()) {
            SourceError::Refused(message) => SourceError::Refused(format!("in the seed: {message}")),
            other => other,
        };
        connection.execute_batch(seed).map_err(in_seed)?;
    }
    // Without it, dropping the connection takes back what the seed began.
    connection.execute_batch("COMMIT").map_err(|e| told(e.into()))?;
    Ok(connection)
}

/// Tries again while somebody holds a lock, as long as the source's timeout allows. For use when a node starts.
pub fn retried<T>(
    shared: &SqliteShared,
    mut attempt: impl FnMut() -> Result<T, SqliteFault>,
) -> Result<T, SourceError> {
    let deadline_ms = shared.deadline_ms();
    loop {
        match attempt() {
            Err(SqliteFault::Busy(_)) if shared.now_ms() < deadline_ms => {
                std::thread::sleep(Duration::from_millis(1))
            }
            done => return done.map_err(|fault| fault.told(shared.timeout_ms)),
        }
    }
}

/// What tells a file from another one of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileIdentity(u64, u64);

/// The identity of the file that has the source's name now.
pub fn identity(shared: &SqliteShared) -> Result<FileIdentity, SqliteFault> {
    let path = &shared.path;
    if shared.mode == SqliteMode::Memory {
        return Ok(FileIdentity(0, 0));
    }
    match std::fs::metadata(path) {
        Ok(file) => Ok(FileIdentity(file.dev(), file.ino())),
        Err(error) => Err(SqliteFault::Broken(format!("{}: {error}", path.display()))),
    }
}
