//! The order of a key's values.

/// The source's order of a key's values (a change-log position for SQLite, an LSN for PostgreSQL).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Version(pub u64);
