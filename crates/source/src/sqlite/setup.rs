//! What a database needs so that its commits can be followed, for `clearwell feed init`. A node that starts does it as well.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::connect::{self, SqliteShared};
use super::convert::SqliteFault;
use super::triggers::{self, Times};
use crate::config::{SourceConfig, SqliteMode};
use crate::{SourceError, Watched};

/// The SQL that the database of a source lacks. With `run` it has it afterwards, and a database that is not there is made
/// by the source's seed; without, nothing is changed.
///
/// # Errors
/// The file cannot be opened, or lacks a table or column that a feed names.
pub fn setup(
    name: &str,
    config: &SourceConfig,
    data: &Path,
    watched: Vec<Watched>,
    run: bool,
) -> Result<Vec<String>, SourceError> {
    let shared = Arc::new(SqliteShared::new(name, config, data, Duration::from_millis(1), watched));
    match config.mode {
        // It begins with the node, which makes them.
        SqliteMode::Memory => return Ok(Vec::new()),
        SqliteMode::Read if run => {
            return Err(SourceError::Refused(
                "mode=ro does not allow --run: run what is printed without it, with sqlite3".into(),
            ));
        }
        _ if run => drop(connect::create(&shared, data, config.seed.as_deref())?),
        _ if !shared.path.exists() => {
            let path = shared.path.display();
            let hint = match config.mode {
                SqliteMode::Create => "; --run makes it by its seed, and so does the first start of a node",
                _ => ", and the url's mode does not make it",
            };
            return Err(SourceError::Unreachable(format!("{path} does not exist{hint}")));
        }
        _ => {}
    }
    missing(&shared, run).map_err(|fault| fault.told(shared.timeout_ms))
}

fn missing(shared: &SqliteShared, run: bool) -> Result<Vec<String>, SqliteFault> {
    let access = if run { OpenFlags::SQLITE_OPEN_READ_WRITE } else { OpenFlags::SQLITE_OPEN_READ_ONLY };
    let connection = Connection::open_with_flags(&shared.path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(Duration::from_millis(shared.timeout_ms))?;
    if !run {
        return lacking(&connection, &shared.watched, Times::Kept);
    }
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let done = triggers::install(&connection, &shared.watched, Times::Kept)?;
    connection.execute_batch("COMMIT")?;
    Ok(done)
}

/// What is wrong with a file that may not be written to and is not prepared.
pub const LACKS: &str = "it lacks triggers that record its changes, and mode=ro does not make them: run what `clearwell feed init` prints";

/// The statements that a database lacks, found in a copy of its schema: nothing of it is locked or changed.
pub fn lacking(
    connection: &Connection,
    watched: &[Watched],
    times: Times,
) -> Result<Vec<String>, SqliteFault> {
    let copy = Connection::open_in_memory()?;
    let tables_first =
        "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite!_%' ESCAPE '!'
         ORDER BY CASE type WHEN 'table' THEN 0 WHEN 'index' THEN 1 ELSE 2 END, rowid";
    let mut schema = connection.prepare(tables_first)?;
    let mut rows = schema.query([])?;
    while let Some(row) = rows.next()? {
        // What needs a module or a function of its program is none that a feed can name.
        let _made = copy.execute_batch(&row.get::<_, String>(0)?);
    }
    let is_recorded = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'clearwell_feeds')";
    if connection.query_row(is_recorded, [], |row| row.get(0))? {
        let mut recorded = connection.prepare("SELECT tbl, columns FROM clearwell_feeds")?;
        let mut rows = recorded.query([])?;
        while let Some(row) = rows.next()? {
            let (table, columns): (String, String) = (row.get(0)?, row.get(1)?);
            copy.execute("INSERT INTO clearwell_feeds VALUES (?1, ?2)", [table, columns])?;
        }
    }
    triggers::install(&copy, watched, times)
}
