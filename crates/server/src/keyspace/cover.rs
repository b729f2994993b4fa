//! What an entry depends on beside its declared names, where the feed may call its row otherwise than its key does.

use std::sync::Arc;

use clearwell_source::{Cell, Row};

use super::Names;
use crate::syntax::{Captures, Template};

/// What an entry was made from.
#[derive(Debug, Clone, Copy)]
pub enum Seen<'r> {
    /// The row that `load` returned.
    Row(&'r Row),
    /// There was none.
    Absent,
    /// A client gave it, or it is not known yet: whatever the row is, it was not looked at.
    Unread,
}

impl<'r> Seen<'r> {
    /// The row, if there was one.
    pub fn row(self) -> Option<&'r Row> {
        if let Seen::Row(row) = self { Some(row) } else { None }
    }
}

/// How changes of one table reach the entries of a keyspace, when the names that its configuration declares are not proven to do
/// it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableCover {
    /// The table, as feeds name it.
    pub table: Arc<str>,
    /// What reaches an entry whose row was read.
    pub present: Present,
    /// What reaches one of a row that was not there.
    pub absent: Absent,
    /// The tag that each change of the table invalidates.
    pub changes: Box<[u8]>,
    /// The tag that a row invalidates which comes to be, or gets other names.
    pub rows: Box<[u8]>,
}

/// See [`TableCover::present`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Present {
    /// A declared name, filled from the row.
    Declared(Template),
    /// The row's own name, as the feed writes it, from columns that were added to `load`.
    Own(OwnName),
    /// Any change of the table.
    Changes,
}

/// See [`TableCover::absent`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// Nothing: a row of this table makes no difference then.
    Nothing,
    /// A row that comes to be, or gets other names.
    Rows,
    /// Any change of the table.
    Changes,
}

/// A row's own name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnName {
    /// The feed's template.
    pub name: Template,
    /// Its slots, each with the column of the load that holds it.
    pub columns: Vec<(Arc<str>, Arc<str>)>,
    /// Whether the feed invalidates it as a tag; else as a key.
    pub is_tag: bool,
}

impl TableCover {
    /// The names of a table's tags.
    pub fn tags(source: &str, table: &str) -> (Box<[u8]>, Box<[u8]>) {
        let table = table.to_ascii_lowercase();
        let tag = |what: &str| format!("__clearwell__:{what}:{source}:{table}").into_bytes().into();
        (tag("changes"), tag("rows"))
    }

    /// Adds what an entry depends on.
    pub fn add(&self, key: &[u8], captures: &Captures, seen: Seen<'_>, names: &mut Names) {
        match seen {
            Seen::Row(row) => self.add_present(key, captures, row, names),
            Seen::Absent => match self.absent {
                Absent::Nothing => {}
                Absent::Rows => push(&mut names.tags, &self.rows),
                Absent::Changes => push(&mut names.tags, &self.changes),
            },
            Seen::Unread => push(&mut names.tags, &self.changes),
        }
    }

    fn add_present(&self, key: &[u8], captures: &Captures, row: &Row, names: &mut Names) {
        let name = match &self.present {
            Present::Changes => None,
            Present::Declared(name) => {
                // It stands among the entry's names already.
                name.render(|slot| captures.get(slot).or_else(|| row.get(slot))).map(|_| (None, false))
            }
            Present::Own(own) => own.render(row).map(|name| (Some(name), own.is_tag)),
        };
        match name {
            Some((None, _)) => {}
            Some((Some(name), true)) => push(&mut names.tags, &name),
            // An entry under its row's own name is reached as itself.
            Some((Some(name), false)) if *name == *key => {}
            Some((Some(name), false)) => push(&mut names.dependencies, &name),
            // A name that NULL leaves out is not told by the feed either.
            None => push(&mut names.tags, &self.changes),
        }
    }
}

impl OwnName {
    fn render(&self, row: &Row) -> Option<Box<[u8]>> {
        let column = |slot: &str| -> Option<&Cell> {
            let (_, column) = self.columns.iter().find(|(known, _)| **known == *slot)?;
            row.get(column)
        };
        self.name.render(column)
    }
}

fn push(names: &mut Vec<Box<[u8]>>, name: &[u8]) {
    if !names.iter().any(|known| **known == *name) {
        names.push(name.into());
    }
}
