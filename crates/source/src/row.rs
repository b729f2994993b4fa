//! Rows and their values, the same for every database.

use std::sync::Arc;

/// A row: columns in the statement's order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Row(pub Vec<(Arc<str>, Cell)>);

impl Row {
    /// The value of a column, by name.
    pub fn get(&self, column: &str) -> Option<&Cell> {
        self.0.iter().find(|(name, _)| &**name == column).map(|(_, cell)| cell)
    }
}

/// A value in a row.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum Cell {
    Null,
    Integer(i64),
    Real(f64),
    Text(Arc<str>),
    Blob(Arc<[u8]>),
}

impl Cell {
    /// The bytes that a client sees (text as it is, numbers in decimal, blobs raw); `None` for NULL.
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        match self {
            Cell::Null => None,
            Cell::Integer(n) => Some(n.to_string().into_bytes()),
            Cell::Real(x) => Some(x.to_string().into_bytes()),
            Cell::Text(text) => Some(text.as_bytes().to_vec()),
            Cell::Blob(bytes) => Some(bytes.to_vec()),
        }
    }
}
