//! Tables as their database knows them: how their columns compare, and which of them tell rows apart.

use std::sync::Arc;

/// A table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    /// The same for the same table, however it is called.
    pub id: Arc<str>,
    /// Its columns; none when it is no table.
    pub columns: Vec<Column>,
    /// Sets of columns of which no two rows have equal values.
    pub unique: Vec<Vec<Arc<str>>>,
}

/// How a column compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: Arc<str>,
    /// What decides which of its values are equal: its type. A parameter of the same family is compared by the column's own
    /// equality.
    pub family: Arc<str>,
    /// What else decides it: the collation.
    pub collation: Arc<str>,
    /// Whether values of it and of a capture have one written form each.
    pub kind: ColumnKind,
    /// Which captured values equal only what is written in the same bytes.
    pub exact: Exact,
}

/// Values with one written form, in a column as in a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColumnKind {
    /// Whole numbers.
    Integer,
    /// UUIDs.
    Uuid,
    /// None of these.
    #[default]
    Other,
}

/// See [`Column::exact`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exact {
    /// Whole numbers without leading zeros.
    pub integers: bool,
    /// UUIDs in lower case with hyphens.
    pub uuids: bool,
    /// Any text.
    pub texts: bool,
}

impl Exact {
    /// What compares bytes.
    pub const BYTES: Exact = Exact { integers: true, uuids: true, texts: true };
}

impl Table {
    /// A column by its name, as SQL finds it.
    pub fn column(&self, name: &str) -> Option<&Column> {
        let exactly = self.columns.iter().find(|column| *column.name == *name);
        exactly.or_else(|| self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name)))
    }
}
