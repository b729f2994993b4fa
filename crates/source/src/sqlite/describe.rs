//! What SQLite makes of a statement.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use super::catalog::{Described, SchemaText};
use super::clock::is_unsteady;
use super::connect::{self, SqliteShared};
use super::convert::SqliteFault;
use super::table;
use crate::{Shape, Statement};

/// Prepares a statement and notes what SQLite asks leave for, and what it rests on.
pub fn describe(shared: &Arc<SqliteShared>, statement: &Statement) -> Result<Described, SqliteFault> {
    let (mut connection, _) = connect::open(shared)?;
    // Before it: what changes between the two is noticed as changed since.
    let print = SchemaText::read(&connection)?.print(&statement.0);
    let touched = Arc::new(Mutex::new((BTreeSet::new(), false)));
    let written = Arc::new(Mutex::new(BTreeSet::new()));
    let writing = written.clone();
    let called = Arc::new(Mutex::new(BTreeSet::new()));
    let calls = called.clone();
    let noted = touched.clone();
    connection.authorizer(Some(move |context: AuthContext<'_>| {
        let mut touched = noted.lock();
        match context.action {
            AuthAction::Read { table_name, .. } => {
                touched.0.insert(table_name.to_string());
            }
            AuthAction::Function { function_name } => {
                calls.lock().insert(function_name.to_string());
            }
            AuthAction::Select | AuthAction::Recursive => {}
            AuthAction::Insert { table_name }
            | AuthAction::Update { table_name, .. }
            | AuthAction::Delete { table_name } => {
                touched.1 = true;
                if !is_internal(table_name) {
                    writing.lock().insert(table_name.into());
                }
            }
            _ => touched.1 = true,
        }
        Authorization::Allow
    }))?;
    let (columns, kinds) = {
        let prepared = connection.prepare(&statement.0)?;
        let kind = |column: rusqlite::Column<'_>| table::kind(column.decl_type());
        (prepared.column_names().map(Arc::from).collect(), prepared.columns().map(kind).collect())
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
    let called = std::mem::take(&mut *called.lock());
    let texts = || SchemaText::views(&print).chain([&*statement.0]);
    let unsteady = called.into_iter().filter(|function| is_unsteady(function, texts()));
    reads.extend(unsteady.map(|function| format!("the function {function}()").into()));
    let written = std::mem::take(&mut *written.lock()).into_iter().collect();
    Ok(Described { shape: Shape { columns, kinds, reads, writes, written, ..Shape::default() }, print })
}

/// Whether a table is SQLite's own or one of the feed's.
fn is_internal(table: &str) -> bool {
    table.starts_with("sqlite_") || table.starts_with("clearwell_")
}

/// The same, without what it rests on.
pub fn shape(shared: &Arc<SqliteShared>, statement: &Statement) -> Result<Shape, SqliteFault> {
    describe(shared, statement).map(|described| described.shape)
}
