//! What a source is asked: statements, their parameters, and writes.

use std::sync::Arc;

use clearwell_words::Version;

use crate::{Cell, ColumnKind, Row};

/// A prepared text with named parameters (`:id`), bound, never pasted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Statement(pub Arc<str>);

/// A statement as its database understands it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shape {
    /// The columns that it returns, in order; none for a statement that only writes.
    pub columns: Vec<Arc<str>>,
    /// What is known of their values, as far as the source tells.
    pub kinds: Vec<ColumnKind>,
    /// Its parameters' families ([`Column::family`](crate::Column::family)), by name; none where a parameter has no type of its own.
    pub parameters: Vec<(Arc<str>, Arc<str>)>,
    /// The tables whose rows it reads, views seen through.
    pub reads: Vec<Arc<str>>,
    /// Whether it writes anything.
    pub writes: bool,
    /// The tables whose rows it writes, those of their family and those that triggers write included; empty where that is not
    /// known.
    pub written: Vec<Arc<str>>,
}

/// A named parameter's value; the name without its colon.
#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    /// The name.
    pub name: Arc<str>,
    /// The value.
    pub value: Cell,
}

/// One write and what is to happen at its place in the commit order.
pub struct RowWrite {
    /// What to run.
    pub statement: Statement,
    /// Its parameters.
    pub params: Vec<Param>,
    /// A load to run in the same transaction after the write: what the database made of it.
    pub read_back: Option<(Statement, Vec<Param>)>,
    /// Called on the follower's thread right after the follower was told of this commit, before any later one.
    pub committed: Box<dyn FnOnce(&Receipt) + Send>,
}

/// A committed write.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Receipt {
    /// Its place in the source's order.
    pub version: Version,
    /// How many rows the statement changed.
    pub rows: u64,
    /// What `read_back` found.
    pub row: Option<Row>,
}
