//! What a database needs so that its commits can be followed, for `clearwell feed init`. A node that starts does it as well.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::connect::{self, Shared};
use super::convert::Fault;
use super::triggers;
use crate::config::SourceConfig;
use crate::source::{SourceError, Watched};

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
    let path = data.join(&config.path);
    let shared = Arc::new(Shared::new(name, path, config.timeout_ms, Duration::from_millis(1), watched));
    if run {
        connect::create(&shared, config.seed.as_deref())?;
    } else if !shared.path.exists() {
        let path = shared.path.display();
        return Err(SourceError::Unreachable(format!(
            "{path} does not exist; --run makes it by its seed, and so does the first start of a node"
        )));
    }
    missing(&shared, run).map_err(|fault| fault.told(shared.timeout_ms))
}

fn missing(shared: &Shared, run: bool) -> Result<Vec<String>, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&shared.path, flags)?;
    connection.busy_timeout(Duration::from_millis(shared.timeout_ms))?;
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let before = schema(&connection)?;
    triggers::install(&connection, &shared.watched)?;
    let after = schema(&connection)?;
    connection.execute_batch(if run { "COMMIT" } else { "ROLLBACK" })?;
    let is_new = |(name, (_, sql)): (&String, &(String, String))| {
        before.get(name).is_none_or(|(_, known)| known != sql)
    };
    let mut lacking: Vec<_> = after.iter().filter(|entry| is_new(*entry)).map(|(_, entry)| entry).collect();
    // Tables come before the triggers that write into them.
    lacking.sort();
    Ok(lacking.into_iter().map(|(_, sql)| sql.clone()).collect())
}

/// Kind and text of what is ours, by name.
fn schema(connection: &Connection) -> rusqlite::Result<BTreeMap<String, (String, String)>> {
    let ours = "SELECT name, type, sql FROM sqlite_schema WHERE name LIKE 'clearwell%' AND sql IS NOT NULL";
    let mut statement = connection.prepare(ours)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?;
    rows.collect()
}
