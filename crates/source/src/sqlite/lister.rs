//! Listings: the rows of a statement, in a temporary table of a connection of their own.

use std::sync::Arc;

use rusqlite::Connection;

use super::connect::{self, STEPS_PER_LOOK, SqliteShared};
use super::convert::{SqliteFault, cell};
use crate::pages::{Listed, ROWS, RowPage};
use crate::{Row, SourceError, Statement};

/// Lists until it has, or nobody takes what it lists.
pub fn run(shared: &Arc<SqliteShared>, statement: &Statement, out: &Listed) {
    if let Err(error) = list(shared, statement, out) {
        // Nobody may listen any more.
        let _gone = out.blocking_send(Err(error));
    }
}

fn list(shared: &Arc<SqliteShared>, statement: &Statement, out: &Listed) -> Result<(), SourceError> {
    let connection = connect::retried(shared, || copied(shared, statement, out))?;
    pages(&connection, out).map_err(|fault| fault.told(shared.timeout_ms))
}

/// A connection with a copy of what the statement returns: the database is read once, and quickly, however slowly the copy is.
fn copied(
    shared: &Arc<SqliteShared>,
    statement: &Statement,
    out: &Listed,
) -> Result<Connection, SqliteFault> {
    let (mut connection, _) = connect::open(shared)?;
    let listener = out.clone();
    // It may take longer than a load: as long as somebody waits for it.
    connection.progress_handler(STEPS_PER_LOOK, Some(move || listener.is_closed()))?;
    connection.pragma_update(None, "temp_store", "file")?;
    // Only the temporary table is written: nothing but a query can stand behind AS.
    connection.pragma_update(None, "query_only", false)?;
    let sql = statement.0.trim_end().trim_end_matches(';');
    connection.execute_batch(&format!("CREATE TEMP TABLE clearwell_keys AS {sql}"))?;
    Ok(connection)
}

fn pages(connection: &Connection, out: &Listed) -> Result<(), SqliteFault> {
    let total: i64 =
        connection.query_row("SELECT count(*) FROM temp.clearwell_keys", [], |row| row.get(0))?;
    let total = u64::try_from(total).unwrap_or(0);
    let mut statement = connection.prepare("SELECT * FROM temp.clearwell_keys")?;
    let names: Vec<Arc<str>> = statement.column_names().map(Arc::from).collect();
    let mut listed = statement.query([])?;
    let mut page = RowPage { rows: Vec::with_capacity(ROWS), total };
    while let Some(row) = listed.next()? {
        let column = |(place, name): (usize, &Arc<str>)| Ok((name.clone(), cell(row.get_ref(place)?)));
        page.rows.push(Row(names.iter().enumerate().map(column).collect::<rusqlite::Result<_>>()?));
        if page.rows.len() == ROWS {
            let full = std::mem::replace(&mut page, RowPage { rows: Vec::with_capacity(ROWS), total });
            if out.blocking_send(Ok(full)).is_err() {
                return Ok(());
            }
        }
    }
    if !page.rows.is_empty() && out.blocking_send(Ok(page)).is_err() {
        return Ok(());
    }
    // The end; whoever does not wait for it knows.
    let _gone = out.blocking_send(Ok(RowPage { rows: Vec::new(), total }));
    Ok(())
}
