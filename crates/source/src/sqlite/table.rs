//! What SQLite knows of a table: affinities, collations, and what is unique.

use std::sync::Arc;

use rusqlite::Connection;

use super::connect::{self, SqliteShared};
use super::convert::SqliteFault;
use crate::{Column, ColumnKind, Exact, Table};

/// Looks a table up, by any spelling of its name.
pub fn table(shared: &Arc<SqliteShared>, name: &str) -> Result<Table, SqliteFault> {
    let (connection, _) = connect::open(shared)?;
    let Some(name) = named(&connection, name)? else { return Ok(Table::default()) };
    let mut columns = Vec::new();
    let mut key = Vec::new();
    let list = "SELECT name, pk FROM pragma_table_xinfo(?1) ORDER BY pk";
    let list: Vec<(String, i64)> = connection
        .prepare(list)?
        .query_map([&name], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (column, place) in list {
        let (declared, collation, ..) = connection.column_metadata(Some("main"), &*name, &*column)?;
        let text = |text: Option<&std::ffi::CStr>| text.map(|text| text.to_string_lossy().into_owned());
        let collation = text(collation).unwrap_or_else(|| "BINARY".into()).to_ascii_uppercase();
        let column = of(&column, affinity(&text(declared).unwrap_or_default()), &collation);
        if place > 0 {
            key.push(column.name.clone());
        }
        columns.push(column);
    }
    let mut unique = unique(&connection, &name, &columns)?;
    // A rowid of its own has no index. Of several columns the index is listed.
    if let [alone] = &key[..]
        && columns.iter().any(|column| column.name == *alone && column.kind == ColumnKind::Integer)
        && !unique.contains(&key)
    {
        unique.push(key);
    }
    Ok(Table { id: name.to_ascii_lowercase().into(), columns, unique })
}

/// The name of a table as the database spells it; `None`: there is no such table.
fn named(connection: &Connection, name: &str) -> Result<Option<String>, SqliteFault> {
    let plain = |name: &str| match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => name.to_owned(),
    };
    let name = plain(name.strip_prefix("main.").unwrap_or(name));
    let found = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name = ?1 COLLATE NOCASE";
    let mut found = connection.prepare(found)?;
    let mut rows = found.query([name])?;
    Ok(rows.next()?.map(|row| row.get(0)).transpose()?)
}

/// Sets of columns that an index keeps unique by the columns' own equality.
fn unique(
    connection: &Connection,
    table: &str,
    columns: &[Column],
) -> Result<Vec<Vec<Arc<str>>>, SqliteFault> {
    let indexes = "SELECT name FROM pragma_index_list(?1) WHERE \"unique\" AND NOT partial";
    let indexes: Vec<String> =
        connection.prepare(indexes)?.query_map([table], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut unique = Vec::new();
    for index in indexes {
        let list = "SELECT name, coll FROM pragma_index_xinfo(?1) WHERE key";
        let list: Vec<(Option<String>, String)> = connection
            .prepare(list)?
            .query_map([&index], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let own = |(name, collation): &(Option<String>, String)| {
            let column = columns.iter().find(|column| Some(&*column.name) == name.as_deref())?;
            collation.eq_ignore_ascii_case(&column.collation).then(|| column.name.clone())
        };
        // `None`: an expression, or values that are unequal here and equal in a comparison.
        unique.extend(list.iter().map(own).collect::<Option<Vec<_>>>());
    }
    Ok(unique)
}

/// How values of a column are stored and compared, after section 3 of "Datatypes In SQLite".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Affinity {
    Integer,
    Text,
    Blob,
    Real,
    Numeric,
}

fn affinity(declared: &str) -> Affinity {
    let declared = declared.to_ascii_uppercase();
    let has = |words: &[&str]| words.iter().any(|word| declared.contains(word));
    match () {
        () if has(&["INT"]) => Affinity::Integer,
        () if has(&["CHAR", "CLOB", "TEXT"]) => Affinity::Text,
        () if declared.is_empty() || has(&["BLOB"]) => Affinity::Blob,
        () if has(&["REAL", "FLOA", "DOUB"]) => Affinity::Real,
        () => Affinity::Numeric,
    }
}

/// What is known of a result's column that is a table's column of this declared type.
pub fn kind(declared: Option<&str>) -> ColumnKind {
    match declared.map(affinity) {
        Some(Affinity::Integer | Affinity::Numeric) => ColumnKind::Integer,
        _ => ColumnKind::Other,
    }
}

fn of(name: &str, affinity: Affinity, collation: &str) -> Column {
    let is_binary = collation == "BINARY";
    let exact = match affinity {
        // A text that looks like a number is one to them: '07', '7.0'. No UUID does.
        Affinity::Integer | Affinity::Numeric => Exact { integers: true, uuids: is_binary, texts: false },
        Affinity::Text if is_binary => Exact::BYTES,
        // A number in such a column may be 7 or 7.0.
        Affinity::Blob if is_binary => Exact { integers: false, ..Exact::BYTES },
        Affinity::Text | Affinity::Blob | Affinity::Real => Exact::default(),
    };
    let kind = match affinity {
        Affinity::Integer | Affinity::Numeric => ColumnKind::Integer,
        Affinity::Text | Affinity::Blob | Affinity::Real => ColumnKind::Other,
    };
    Column {
        name: name.into(),
        family: format!("{affinity:?}").to_lowercase().into(),
        collation: collation.into(),
        kind,
        exact,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn affinities_follow_the_declared_type() {
        for (declared, expected) in [
            ("INTEGER", Affinity::Integer),
            ("bigint", Affinity::Integer),
            ("CHARINT", Affinity::Integer),
            ("varchar(20)", Affinity::Text),
            ("", Affinity::Blob),
            ("BLOB", Affinity::Blob),
            ("double precision", Affinity::Real),
            ("decimal(10,2)", Affinity::Numeric),
            ("DATE", Affinity::Numeric),
            ("BOOLEAN", Affinity::Numeric),
            ("UUID", Affinity::Numeric),
        ] {
            assert_eq!(affinity(declared), expected, "{declared}");
        }
    }
}
