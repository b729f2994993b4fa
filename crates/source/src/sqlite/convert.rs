//! Between SQLite's values and errors and those of a source.

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{ErrorCode, Statement, ToSql};

use crate::{Cell, Param, Row, SourceError};

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Cell::Null => ValueRef::Null,
            Cell::Integer(n) => ValueRef::Integer(*n),
            Cell::Real(x) => ValueRef::Real(*x),
            Cell::Text(text) => ValueRef::Text(text.as_bytes()),
            Cell::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// A value of SQLite. Text that is not UTF-8 is handed on as the bytes that it is.
pub fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(n) => Cell::Integer(n),
        ValueRef::Real(x) => Cell::Real(x),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Cell::Text(text.into()),
            Err(_) => Cell::Blob(bytes.into()),
        },
        ValueRef::Blob(bytes) => Cell::Blob(bytes.into()),
    }
}

/// Binds those parameters that the statement has.
pub fn bind(statement: &mut Statement<'_>, params: &[Param]) -> rusqlite::Result<()> {
    for param in params {
        if let Some(place) = statement.parameter_index(&format!(":{}", param.name))? {
            statement.raw_bind_parameter(place, &param.value)?;
        }
    }
    Ok(())
}

/// The first row that a bound statement returns.
pub fn first_row(statement: &mut Statement<'_>) -> rusqlite::Result<Option<Row>> {
    let mut rows = statement.raw_query();
    let Some(row) = rows.next()? else { return Ok(None) };
    // Asked for after the first step, which prepares anew what was cached before a table changed.
    let names = row.as_ref().column_names().enumerate();
    let column = |(place, name): (usize, &str)| Ok((name.into(), cell(row.get_ref(place)?)));
    Ok(Some(Row(names.map(column).collect::<rusqlite::Result<_>>()?)))
}

/// What an error of SQLite means to the source.
#[derive(Debug)]
pub enum SqliteFault {
    /// Somebody else holds a lock: worth another try.
    Busy(String),
    /// The deadline's progress handler ended it.
    Interrupted,

    /// The statement is at fault, the database is well.
    Refused(String),
    /// The file, the disk or the database is at fault.
    Broken(String),
}

impl SqliteFault {
    /// The error that a caller is told, given its time limit.
    pub fn told(self, timeout_ms: u64) -> SourceError {
        match self {
            SqliteFault::Busy(message) => SourceError::Unreachable(format!("{message}, for {timeout_ms} ms")),
            SqliteFault::Broken(message) => SourceError::Unreachable(message),
            SqliteFault::Interrupted => SourceError::TooSlow(timeout_ms),
            SqliteFault::Refused(message) => SourceError::Refused(message),
        }
    }
}

impl From<rusqlite::Error> for SqliteFault {
    fn from(error: rusqlite::Error) -> SqliteFault {
        let message = match &error {
            rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
            rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
            other => other.to_string(),
        };
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy) => {
                SqliteFault::Busy(format!("{message}: another process holds its lock"))
            }
            Some(ErrorCode::DatabaseLocked) => SqliteFault::Busy(message),
            Some(ErrorCode::OperationInterrupted) => SqliteFault::Interrupted,
            Some(
                ErrorCode::CannotOpen
                | ErrorCode::SystemIoFailure
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::DiskFull
                | ErrorCode::ReadOnly
                | ErrorCode::PermissionDenied
                | ErrorCode::OutOfMemory
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::NoLargeFileSupport
                | ErrorCode::InternalMalfunction
                | ErrorCode::NotFound,
            ) => SqliteFault::Broken(message),
            _ => SqliteFault::Refused(message),
        }
    }
}
