//! The change log and the triggers that write it.
//!
//! Each watched table has five triggers. Three record inserts, updates and deletes. Two record rows that `REPLACE` is
//! about to delete: SQLite fires no delete trigger for those unless the writer asked for it, and writers are strangers here.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension};

use super::convert::SqliteFault;
use crate::Watched;
use crate::nearest;

/// Makes or mends what the feed needs, within the transaction that the caller has begun. Answers the statements that had
/// to be run: if there are any, changes since the last reading may be missing from the log.
pub fn install(
    connection: &Connection,
    watched: &[Watched],
    times: Times,
) -> Result<Vec<String>, SqliteFault> {
    let mut run = Run { connection, done: Vec::new() };
    for (name, columns) in
        [("clearwell_changes", LOG), ("clearwell_feeds", "tbl TEXT PRIMARY KEY, columns TEXT NOT NULL")]
    {
        let found = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1)";
        if !connection.query_row(found, [name], |row| row.get(0))? {
            run.run(format!("CREATE TABLE {name} ({columns})"))?;
        }
    }
    if times == Times::Kept {
        keep_times(&mut run)?;
    }
    for watched in watched {
        let table = table(connection, &watched.table)?;
        let columns = columns(connection, &table, watched)?;
        widen(&mut run, columns.len())?;
        record(&mut run, &table, &columns)?;
        for (name, sql) in TriggerWriter::new(connection, &table, &columns)?.triggers() {
            put_trigger(&mut run, &name, &sql)?;
        }
    }
    Ok(run.done)
}

/// The columns of the log, without those for values. A row's time is its column's default: so the triggers need not give it,
/// and those of a node that knows of no times do not differ.
const LOG: &str = "id INTEGER PRIMARY KEY AUTOINCREMENT, tbl TEXT, op TEXT NOT NULL, columns TEXT, \
                   at REAL DEFAULT (julianday('now'))";

/// Whether a log from before there were times gets them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    Kept,
    /// It does without.
    AsTheyAre,
}

/// Whether the rows of the log say when they were written.
pub fn has_times(connection: &Connection) -> rusqlite::Result<bool> {
    let found = "SELECT EXISTS (SELECT 1 FROM pragma_table_info('clearwell_changes') WHERE name = 'at')";
    connection.query_row(found, [], |row| row.get(0))
}

/// Gives a log from before there were times room for them. SQLite adds no column with such a default to a table, so that it is
/// made anew, with the rows that it has and the ids that it gave out; nothing else of the schema is touched.
fn keep_times(run: &mut Run<'_>) -> Result<(), SqliteFault> {
    if has_times(run.connection)? {
        return Ok(());
    }
    let names = "SELECT name FROM pragma_table_info(?1)";
    let kept = texts(run.connection, names, "clearwell_changes")?.join(", ");
    let values: String = (0..width(run.connection)?).map(|place| format!(", o{place}, n{place}")).collect();
    for sql in [
        format!("CREATE TABLE clearwell_changes_kept AS SELECT {kept} FROM clearwell_changes"),
        "CREATE TABLE clearwell_changes_end AS SELECT seq FROM sqlite_sequence WHERE name = 'clearwell_changes'"
            .into(),
        "DROP TABLE clearwell_changes".into(),
        format!("CREATE TABLE clearwell_changes ({LOG}{values})"),
        format!("INSERT INTO clearwell_changes ({kept}, at) SELECT {kept}, NULL FROM clearwell_changes_kept"),
        "DELETE FROM sqlite_sequence WHERE name = 'clearwell_changes'".into(),
        "INSERT INTO sqlite_sequence (name, seq) SELECT 'clearwell_changes', seq FROM clearwell_changes_end"
            .into(),
        "DROP TABLE clearwell_changes_kept".into(),
        "DROP TABLE clearwell_changes_end".into(),
    ] {
        run.run(sql)?;
    }
    Ok(())
}

/// Runs statements and remembers them.
struct Run<'c> {
    connection: &'c Connection,
    done: Vec<String>,
}

impl Run<'_> {
    fn run(&mut self, sql: String) -> Result<(), SqliteFault> {
        self.connection.execute_batch(&sql)?;
        self.done.push(sql);
        Ok(())
    }
}

/// Grows with every change of the database's tables and triggers.
pub fn schema_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("PRAGMA schema_version")?.query_row([], |row| row.get(0))
}

fn texts(connection: &Connection, sql: &str, table: &str) -> rusqlite::Result<Vec<String>> {
    connection.prepare(sql)?.query_map([table], |row| row.get(0))?.collect()
}

/// The columns to record: ours and those that other nodes recorded, as far as the table has them.
fn columns(connection: &Connection, table: &str, watched: &Watched) -> Result<Vec<String>, SqliteFault> {
    let existing = texts(connection, "SELECT name FROM pragma_table_xinfo(?1)", table)?;
    for column in &watched.columns {
        if !existing.iter().any(|name| name.eq_ignore_ascii_case(column)) {
            let known: Vec<&str> = existing.iter().map(String::as_str).collect();
            let hint = nearest(column, &known);
            return Err(SqliteFault::Refused(format!(
                "the feed on {table} uses the column {column}, which it does not have{hint}"
            )));
        }
    }
    let recorded: Option<String> = connection
        .query_row("SELECT columns FROM clearwell_feeds WHERE tbl = ?1", [table], |row| row.get(0))
        .optional()?;
    let recorded: Vec<String> =
        recorded.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default();
    let theirs =
        recorded.into_iter().filter(|column| existing.iter().any(|name| name.eq_ignore_ascii_case(column)));
    let all: BTreeSet<String> =
        watched.columns.iter().map(|column| column.to_string()).chain(theirs).collect();
    Ok(all.into_iter().collect())
}

/// A table's name as the database spells it: nodes that spell it differently share one set of triggers.
fn table(connection: &Connection, table: &str) -> Result<String, SqliteFault> {
    let found = "SELECT name, type FROM pragma_table_list WHERE schema = 'main' AND name = ?1 COLLATE NOCASE";
    let found: Option<(String, String)> =
        connection.query_row(found, [table], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    match found {
        Some((name, kind)) if kind == "table" => Ok(name),
        Some((_, kind)) => {
            Err(SqliteFault::Refused(format!("{table} is a {kind}: a feed needs the tables behind it")))
        }
        None => {
            let all = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'
                       AND name NOT LIKE 'clearwell%' AND name <> ?1";
            let known = texts(connection, all, table)?;
            let hint = nearest(table, &known.iter().map(String::as_str).collect::<Vec<_>>());
            Err(SqliteFault::Refused(format!("a feed names the table {table}, which does not exist{hint}")))
        }
    }
}

/// Gives the log room for this many columns: `o0` and so on for the old values, `n0` and so on for the new.
fn widen(run: &mut Run<'_>, columns: usize) -> Result<(), SqliteFault> {
    for place in width(run.connection)?..columns {
        run.run(format!("ALTER TABLE clearwell_changes ADD COLUMN o{place}"))?;
        run.run(format!("ALTER TABLE clearwell_changes ADD COLUMN n{place}"))?;
    }
    Ok(())
}

/// How many columns the log has room for.
pub fn width(connection: &Connection) -> rusqlite::Result<usize> {
    let count = "SELECT count(*) FROM pragma_table_info('clearwell_changes') WHERE name GLOB 'n[0-9]*'";
    let count: u32 = connection.query_row(count, [], |row| row.get(0))?;
    Ok(count as usize)
}

fn record(run: &mut Run<'_>, table: &str, columns: &[String]) -> Result<(), SqliteFault> {
    let json = json(columns);
    let found = "SELECT columns FROM clearwell_feeds WHERE tbl = ?1";
    let found: Option<String> = run.connection.query_row(found, [table], |row| row.get(0)).optional()?;
    if found.as_deref() == Some(&json) {
        return Ok(());
    }
    run.run(format!("INSERT OR REPLACE INTO clearwell_feeds VALUES ({}, {})", literal(table), literal(&json)))
}

fn put_trigger(run: &mut Run<'_>, name: &str, sql: &str) -> Result<(), SqliteFault> {
    let found = "SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND name = ?1";
    let found: Option<String> = run.connection.query_row(found, [name], |row| row.get(0)).optional()?;
    if found.as_deref() == Some(sql) {
        return Ok(());
    }
    if found.is_some() {
        run.run(format!("DROP TRIGGER {}", quote(name)))?;
    }
    run.run(sql.to_owned())
}

fn json(columns: &[String]) -> String {
    serde_json::to_string(columns).expect("a list of texts is JSON")
}

fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Writes a table's triggers.
struct TriggerWriter<'t> {
    table: &'t str,
    columns: &'t [String],
    /// Each set of columns that no two rows may share.
    unique: Vec<Vec<String>>,
}

impl<'t> TriggerWriter<'t> {
    fn new(
        connection: &Connection,
        table: &'t str,
        columns: &'t [String],
    ) -> Result<TriggerWriter<'t>, SqliteFault> {
        let key = "SELECT name FROM pragma_table_info(?1) WHERE pk > 0 ORDER BY pk";
        let mut unique = vec![texts(connection, key, table)?];
        let has_rowid = "SELECT 'rowid' FROM pragma_table_list WHERE schema = 'main' AND name = ?1 COLLATE NOCASE AND NOT wr";
        unique.push(texts(connection, has_rowid, table)?);
        for index in texts(connection, "SELECT name FROM pragma_index_list(?1) WHERE \"unique\"", table)? {
            let columns: Vec<Option<String>> = connection
                .prepare("SELECT name FROM pragma_index_info(?1)")?
                .query_map([&index], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            match columns.into_iter().collect::<Option<Vec<_>>>() {
                Some(columns) => unique.push(columns),
                None => tracing::warn!(
                    table,
                    index,
                    "rows that REPLACE deletes by a unique index on an expression are not told of"
                ),
            }
        }
        unique.retain(|columns| !columns.is_empty());
        unique.sort();
        unique.dedup();
        Ok(TriggerWriter { table, columns, unique })
    }

    fn triggers(&self) -> Vec<(String, String)> {
        let changed = self.each_unique(" OR ", |column| format!("NEW.{column} IS NOT OLD.{column}"), " OR ");
        let same = self.each_unique(" OR ", |column| format!("{column} = NEW.{column}"), " AND ");
        let taken = self.unique.iter().map(|columns| {
            let same = each(columns, |column| format!("{column} = NEW.{column}"), " AND ");
            let moved = each(columns, |column| format!("NEW.{column} IS NOT OLD.{column}"), " OR ");
            format!("({same} AND ({moved}))")
        });
        let taken = taken.collect::<Vec<_>>().join(" OR ");
        let mut triggers = vec![
            self.trigger("insert", "AFTER INSERT", "", &self.values('I', None, Some("NEW."))),
            self.trigger("update", "AFTER UPDATE", "", &self.values('U', Some("OLD."), Some("NEW."))),
            self.trigger("delete", "AFTER DELETE", "", &self.values('D', Some("OLD."), None)),
        ];
        if !self.unique.is_empty() {
            let row = self.row_of('R', Some(""), None);
            let from = format!("SELECT {row} FROM {} WHERE", quote(self.table));
            triggers.push(self.trigger("replace", "BEFORE INSERT", "", &format!("{from} {same}")));
            let when = format!("WHEN {changed}");
            triggers.push(self.trigger("take", "BEFORE UPDATE", &when, &format!("{from} {taken}")));
        }
        triggers
    }

    fn trigger(&self, what: &str, moment: &str, when: &str, rows: &str) -> (String, String) {
        let name = format!("clearwell_{}_{what}", self.table);
        let names = |side| (0..self.columns.len()).map(move |place| format!(", {side}{place}"));
        let into: String = names('o').chain(names('n')).collect();
        let sql = format!(
            "CREATE TRIGGER {} {moment} ON {} {when} BEGIN INSERT INTO clearwell_changes (tbl, op, columns{into}) {rows}; END",
            quote(&name),
            quote(self.table),
        );
        (name, sql)
    }

    fn values(&self, op: char, old: Option<&str>, new: Option<&str>) -> String {
        format!("VALUES ({})", self.row_of(op, old, new))
    }

    fn row_of(&self, op: char, old: Option<&str>, new: Option<&str>) -> String {
        let mut row = format!("{}, '{op}', {}", literal(self.table), literal(&json(self.columns)));
        for side in [old, new] {
            for column in self.columns {
                row.push_str(", ");
                row.push_str(&side.map_or("NULL".into(), |row| format!("{row}{}", quote(column))));
            }
        }
        row
    }

    fn each_unique(&self, between: &str, one: impl Fn(&str) -> String, within: &str) -> String {
        let sets: Vec<String> =
            self.unique.iter().map(|set| format!("({})", each(set, &one, within))).collect();
        sets.join(between)
    }
}

fn each(columns: &[String], one: impl Fn(&str) -> String, between: &str) -> String {
    columns.iter().map(|column| one(&quote(column))).collect::<Vec<_>>().join(between)
}
