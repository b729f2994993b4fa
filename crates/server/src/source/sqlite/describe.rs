//! What SQLite makes of a statement.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use super::connect::{self, Shared};
use super::convert::Fault;
use crate::source::{Shape, Statement};

/// Prepares a statement and notes what SQLite asks leave for.
pub fn describe(shared: &Arc<Shared>, statement: &Statement) -> Result<Shape, Fault> {
    let (mut connection, _) = connect::open(shared)?;
    let touched = Arc::new(Mutex::new((BTreeSet::new(), false)));
    let noted = touched.clone();
    connection.authorizer(Some(move |context: AuthContext<'_>| {
        let mut touched = noted.lock();
        match context.action {
            AuthAction::Read { table_name, .. } => {
                touched.0.insert(table_name.to_string());
            }
            AuthAction::Select | AuthAction::Function { .. } | AuthAction::Recursive => {}
            _ => touched.1 = true,
        }
        Authorization::Allow
    }))?;
    let columns = {
        let prepared = connection.prepare(&statement.0)?;
        prepared.column_names().map(Arc::from).collect()
    };
    connection.authorizer(None::<fn(AuthContext<'_>) -> Authorization>)?;
    let (touched, writes) = std::mem::take(&mut *touched.lock());
    // Views are seen through: SQLite names the tables behind them as well. Table-valued functions are no tables.
    let is_table =
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE)";
    let mut is_table = connection.prepare(is_table)?;
    let mut reads = Vec::new();
    for table in touched {
        if is_table.query_row([&table], |row| row.get(0))? {
            reads.push(table.into());
        }
    }
    Ok(Shape { columns, reads, writes })
}
