//! The writer's connection: where the feed stands in this very file.

use std::sync::Arc;

use clearwell_words::Version;
use rusqlite::{Connection, OptionalExtension};

use super::connect::{self, Deadline, FileIdentity, SqliteShared};
use super::convert::{SqliteFault, bind, first_row};
use super::log::{self, LogRead, LogReader, MOST_AT_ONCE};
use super::triggers::Times;
use super::{setup, triggers};
use crate::{Receipt, RowChange, RowWrite};

/// An open file with its change log.
pub struct LogSession {
    pub connection: Connection,
    pub deadline: Deadline,
    pub log: LogReader,
    shared: Arc<SqliteShared>,
    identity: FileIdentity,
    data_version: i64,
    schema_version: i64,
}

impl LogSession {
    /// Opens the file and makes its triggers; the feed begins at the log's present end.
    pub fn open(shared: &Arc<SqliteShared>) -> Result<LogSession, SqliteFault> {
        let identity = connect::identity(shared)?;
        let (connection, deadline) = connect::open(shared)?;
        let data_version = data_version(&connection)?;
        let log = installed(&connection, shared)?.1;
        let schema_version = triggers::schema_version(&connection)?;
        if connect::identity(shared)? != identity {
            return Err(SqliteFault::Busy(format!("{} is being replaced", shared.path.display())));
        }
        let shared = shared.clone();
        Ok(LogSession { connection, deadline, log, shared, identity, data_version, schema_version })
    }

    /// Whether the path still leads to the file that is open.
    pub fn check_file(&self) -> Result<(), SqliteFault> {
        if connect::identity(&self.shared)? == self.identity {
            return Ok(());
        }
        Err(SqliteFault::Broken(format!("{} was replaced by another file", self.shared.path.display())))
    }

    /// What others committed since the last call; `None` when nobody did.
    pub fn news(&mut self) -> Result<Option<LogRead>, SqliteFault> {
        if !self.shared.has_log() {
            return Ok(None);
        }
        let version = data_version(&self.connection)?;
        let is_new = version != self.data_version;
        // The schema can also have been changed by a write of our own, which data_version does not tell.
        if !is_new && triggers::schema_version(&self.connection)? == self.schema_version {
            return Ok(None);
        }
        let read = match self.mend()? {
            Some(gap) => gap,
            None => self.log.read(&self.connection, self.log.last, MOST_AT_ONCE)?,
        };
        // Only now: whatever failed before is tried again.
        self.data_version = version;
        Ok(Some(read))
    }

    /// Makes the triggers anew when somebody changed the schema and they were lost or changed.
    fn mend(&mut self) -> Result<Option<LogRead>, SqliteFault> {
        let version = triggers::schema_version(&self.connection)?;
        if version == self.schema_version {
            return Ok(None);
        }
        let (changed, log) = installed(&self.connection, &self.shared)?;
        // What it finds is told whatever becomes of the rest.
        self.shared.catalog.look(&self.connection, &self.shared)?;
        self.schema_version = triggers::schema_version(&self.connection)?;
        let before = std::mem::replace(&mut self.log, log);
        let end = std::mem::replace(&mut self.log.last, before.last);
        Ok(changed.then(|| LogRead::Gap("the tables or triggers were changed".into(), end)))
    }

    /// Begins a transaction that writes. `false`: the schema was changed, look at the news first.
    pub fn begin(&self) -> Result<bool, SqliteFault> {
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        if triggers::schema_version(&self.connection)? == self.schema_version {
            return Ok(true);
        }
        self.rollback();
        Ok(false)
    }

    pub fn commit(&self) -> Result<(), SqliteFault> {
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }

    /// Takes back the transaction, if there still is one.
    pub fn rollback(&self) {
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::warn!(source = &*self.shared.name, %error, "a transaction could not be rolled back");
        }
    }

    /// Runs one write within the transaction; one that fails leaves nothing behind. The log was read up to `after`; the
    /// receipt's version is where it ends now.
    pub fn run(&mut self, write: &RowWrite, after: i64) -> Result<Ran, SqliteFault> {
        self.connection.prepare_cached("SAVEPOINT clearwell_write")?.execute([])?;
        let done = self.run_inside(write, after);
        if self.connection.is_autocommit() {
            // The statement or its failure ended the whole transaction.
            return done;
        }
        if done.is_err() {
            self.deadline.clear();
            self.connection.prepare_cached("ROLLBACK TO clearwell_write")?.execute([])?;
        }
        self.connection.prepare_cached("RELEASE clearwell_write")?.execute([])?;
        done
    }

    fn run_inside(&mut self, write: &RowWrite, after: i64) -> Result<Ran, SqliteFault> {
        let rows = self.execute(write)?;
        let row = write.read_back.as_ref().map(|(statement, params)| {
            let mut statement = self.connection.prepare_cached(&statement.0)?;
            bind(&mut statement, params)?;
            first_row(&mut statement)
        });
        let row = row.transpose()?.flatten();
        self.deadline.clear();
        let (changes, last) = match self.log.read(&self.connection, after, i64::MAX)? {
            LogRead::Changes(news, last) if last > after => (news.changes, last),
            LogRead::Changes(..) => (Vec::new(), log::mark(&self.connection)?),
            LogRead::Gap(why, _) => {
                return Err(SqliteFault::Refused(format!("the write disturbs the change log: {why}")));
            }
        };
        Ok(Ran { last, changes, receipt: Receipt { version: version(last), rows, row } })
    }

    /// Runs the statement to its end; answers how many rows it changed itself, without triggers and cascades.
    fn execute(&self, write: &RowWrite) -> Result<u64, SqliteFault> {
        let mut statement = self.connection.prepare_cached(&write.statement.0)?;
        if statement.readonly() {
            // SQLite counts COMMIT and ROLLBACK among these: they would end the transaction of all others.
            return Err(SqliteFault::Refused("the statement does not write".into()));
        }
        bind(&mut statement, &write.params)?;
        let mut rows = statement.raw_query();
        while rows.next()?.is_some() {}
        Ok(self.connection.changes())
    }
}

/// A write that was run and not yet committed.
pub struct Ran {
    pub changes: Vec<RowChange>,
    pub receipt: Receipt,
    /// Where the log ends with it.
    pub last: i64,
}

/// A place in the log as a version.
pub fn version(id: i64) -> Version {
    Version(u64::try_from(id).unwrap_or(0))
}

fn data_version(connection: &Connection) -> Result<i64, SqliteFault> {
    let version =
        connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0)).optional()?;
    version.ok_or_else(|| SqliteFault::Broken("SQLite tells no data_version".into()))
}

fn installed(connection: &Connection, shared: &SqliteShared) -> Result<(bool, LogReader), SqliteFault> {
    connection.execute_batch(if shared.is_read_only() { "BEGIN" } else { "BEGIN IMMEDIATE" })?;
    let install = || match shared.is_read_only() {
        true => found(connection, shared),
        false => triggers::install(connection, &shared.watched, Times::Kept).map(|done| !done.is_empty()),
    };
    let done = install().and_then(|changed| {
        let log = match shared.has_log() {
            true => LogReader::at_end(connection, triggers::width(connection)?)?,
            false => LogReader::none(),
        };
        connection.execute_batch("COMMIT")?;
        Ok((changed, log))
    });
    if done.is_err() && !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK")?;
    }
    done
}

/// Whether somebody else has made what the feed needs. Nothing tells whether it was there all the time.
fn found(connection: &Connection, shared: &SqliteShared) -> Result<bool, SqliteFault> {
    if shared.has_log() && !setup::lacking(connection, &shared.watched, Times::AsTheyAre)?.is_empty() {
        let path = shared.path.display();
        return Err(SqliteFault::Refused(format!("{path}: {}", setup::LACKS)));
    }
    Ok(true)
}
