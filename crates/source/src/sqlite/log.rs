//! Reading the change log.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::Connection;

use super::convert::{SqliteFault, cell};
use super::triggers;
use crate::{Row, RowChange};

/// The place in the log up to which everything was read, and how rows are read.
pub struct LogReader {
    /// The id of the last row that was read, or after which reading begins.
    pub last: i64,
    select: String,
    width: usize,
    columns: HashMap<String, Names>,
    tables: HashMap<String, Arc<str>>,
}

type Names = Arc<[Arc<str>]>;

/// What was read.
#[derive(Debug)]
pub enum LogRead {
    /// The log goes on without a gap up to this id.
    Changes(LogNews, i64),
    /// Rows are missing, or there are too many; reading can go on after this id.
    Gap(String, i64),
}

/// What is behind a place in the log.
#[derive(Debug, Default)]
pub struct LogNews {
    /// The changes, in order.
    pub changes: Vec<RowChange>,
    /// When the first of them was written, in microseconds since 1970; `None` where some do not say.
    pub first_us: Option<i64>,
}

/// More changes of others than this at once are not read row by row: it is cheaper to distrust everything.
pub const MOST_AT_ONCE: i64 = 50_000;

/// How many rows stay in the log for other nodes on the same file that are a little behind.
pub const TAIL: i64 = 10_000;
const PRUNED_AT_ONCE: i64 = 1_000;

impl LogReader {
    /// A log that is read from its present end on. The log has room for `width` columns.
    pub fn at_end(connection: &Connection, width: usize) -> Result<LogReader, SqliteFault> {
        let names = |side: char| (0..width).map(move |place| format!(", {side}{place}"));
        let columns: String = names('o').chain(names('n')).collect();
        let at = if triggers::has_times(connection)? { "at" } else { "NULL" };
        let select = format!(
            "SELECT id, op, tbl, columns, {at}{columns} FROM clearwell_changes WHERE id > ?1 ORDER BY id"
        );
        let (columns, tables) = (HashMap::new(), HashMap::new());
        Ok(LogReader { last: end(connection)?, select, width, columns, tables })
    }

    /// No log: of a file that is only read, and followed by no feed.
    pub fn none() -> LogReader {
        LogReader {
            last: 0,
            select: String::new(),
            width: 0,
            columns: HashMap::new(),
            tables: HashMap::new(),
        }
    }

    /// Reads what is behind `after`, unless it is more than `most`. Does not move [`LogReader::last`]: that is for when it was told.
    pub fn read(&mut self, connection: &Connection, after: i64, most: i64) -> Result<LogRead, SqliteFault> {
        let end = end(connection)?;
        if end < after {
            return Ok(LogRead::Gap(
                format!("the change log ends at {end}, before {after}: it is another database"),
                end,
            ));
        }
        if end - after > most {
            return Ok(LogRead::Gap(format!("{} changes at once", end - after), end));
        }
        let mut folded = Folded::default();
        let mut first = f64::INFINITY;
        let mut last = after;
        let mut statement = connection.prepare_cached(&self.select)?;
        let mut rows = statement.query([after])?;
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            if id != last + 1 {
                return Ok(LogRead::Gap(
                    format!("the change log lacks {} to {}", last + 1, id - 1),
                    end.max(id),
                ));
            }
            last = id;
            if let Some((op, change)) = self.change(row)? {
                folded.push(op, change);
                // One without a time says nothing of when all of them were written.
                first = first.min(row.get_ref(4)?.as_f64().unwrap_or(f64::NEG_INFINITY));
            }
        }
        if last < end {
            return Ok(LogRead::Gap(format!("the change log lacks {} to {end}", last + 1), end));
        }
        Ok(LogRead::Changes(LogNews { changes: folded.finish(), first_us: unix_us(first) }, last))
    }

    /// One row of the log; `None` for a marker.
    fn change(&mut self, row: &rusqlite::Row<'_>) -> Result<Option<(char, RowChange)>, SqliteFault> {
        let op = row.get_ref(1)?.as_str().ok().and_then(|op| op.chars().next()).unwrap_or(MARKER);
        if op == MARKER {
            return Ok(None);
        }
        let table = row.get_ref(2)?.as_str().unwrap_or_default();
        let table = self.tables.entry(table.into()).or_insert_with(|| table.into()).clone();
        let json = row.get_ref(3)?.as_str().unwrap_or("[]");
        let names = match self.columns.get(json) {
            Some(names) => names.clone(),
            None => {
                let names: Vec<String> = serde_json::from_str(json).unwrap_or_default();
                let names: Names = names.into_iter().take(self.width).map(Arc::from).collect();
                self.columns.entry(json.into()).or_insert(names).clone()
            }
        };
        let side = |first: usize| {
            let columns = names.iter().enumerate();
            let column =
                |(place, name): (usize, &Arc<str>)| Ok((name.clone(), cell(row.get_ref(first + place)?)));
            Ok::<_, SqliteFault>(Row(columns.map(column).collect::<rusqlite::Result<_>>()?))
        };
        let old = if op == 'I' { None } else { Some(side(5)?) };
        let new = if matches!(op, 'I' | 'U') { Some(side(5 + self.width)?) } else { None };
        Ok(Some((op, RowChange { table, old, new })))
    }
}

/// A Julian day as a time. Its fraction is good for 40 µs, and SQLite tells it to the millisecond.
fn unix_us(julian_day: f64) -> Option<i64> {
    const DAY_OF_1970: f64 = 2_440_587.5;
    const DAY_US: f64 = 86_400e6;
    let us = (julian_day - DAY_OF_1970) * DAY_US;
    us.is_finite().then_some(us as i64)
}

/// The `op` of a row that stands for a commit of ours that changed no watched table.
const MARKER: char = 'M';

/// Gives a commit that changed no watched table a place in the log.
pub fn mark(connection: &Connection) -> Result<i64, SqliteFault> {
    connection.prepare_cached("INSERT INTO clearwell_changes (op) VALUES ('M')")?.execute([])?;
    Ok(connection.last_insert_rowid())
}

/// The highest id that the log ever gave out.
fn end(connection: &Connection) -> Result<i64, SqliteFault> {
    let end = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'clearwell_changes'), 0)";
    Ok(connection.prepare_cached(end)?.query_row([], |row| row.get(0))?)
}

/// Deletes some of the rows that nobody needs any longer. Answers whether there may be more of them.
pub fn prune(connection: &Connection, last: i64) -> Result<bool, SqliteFault> {
    let sql = "DELETE FROM clearwell_changes
               WHERE id <= min(?1, (SELECT min(id) + ?2 - 1 FROM clearwell_changes))";
    let pruned = connection.prepare_cached(sql)?.execute([last - TAIL, PRUNED_AT_ONCE])?;
    Ok(pruned as i64 == PRUNED_AT_ONCE)
}

/// Changes in order, with the rows that `REPLACE` was about to delete set right.
///
/// The trigger that records such rows fires for every conflict, also when `ON CONFLICT DO UPDATE` then keeps the row: the
/// update that follows says so. When nothing follows (`INSERT OR IGNORE`), the row is told of although it stayed: that
/// costs a load, never freshness. A writer that asked for delete triggers (`recursive_triggers`) records the row twice.
#[derive(Default)]
struct Folded {
    changes: Vec<RowChange>,
    /// Rows that may be about to be replaced, by the statement that is being read.
    about: Vec<RowChange>,
}

impl Folded {
    fn push(&mut self, op: char, change: RowChange) {
        match op {
            'R' => {
                if !self.about.contains(&change) {
                    self.about.push(change);
                }
            }
            _ => {
                if matches!(op, 'U' | 'D') {
                    self.about.retain(|about| about.table != change.table || about.old != change.old);
                }
                self.changes.append(&mut self.about);
                self.changes.push(change);
            }
        }
    }

    fn finish(mut self) -> Vec<RowChange> {
        self.changes.append(&mut self.about);
        self.changes
    }
}
