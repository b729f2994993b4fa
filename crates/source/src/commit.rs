//! What is told of a commit: which rows of watched tables changed, and what no row event tells.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clearwell_words::Version;

use crate::{Row, Shape, Statement};

/// A table whose changes a source is to tell of, with the columns that [`RowChange`] needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// The table.
    pub table: Arc<str>,
    /// The columns, sorted, each once. May be empty: then only that some row changed is told.
    pub columns: Vec<Arc<str>>,
}

/// A change that row events do not tell: of a table's columns, a view, a function, or of all rows at once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Altered {
    /// What changed, in words.
    pub why: String,
    /// Watched tables all of whose rows may be others.
    pub tables: Vec<Arc<str>>,
    /// Described loads that may answer otherwise.
    pub loads: Vec<AlteredLoad>,
    /// When it was committed, where that is told.
    pub heard: Option<Heard>,
}

/// A load that may answer otherwise than it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlteredLoad {
    /// The load.
    pub statement: Statement,
    /// What the database makes of it now; `None`: it refuses it.
    pub shape: Option<Shape>,
}

/// One transaction's row changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Commit {
    /// Its place in the source's order.
    pub version: Version,
    /// Whether this node made it.
    pub own: bool,
    /// The rows it changed, of tables that some feed names.
    pub changes: Vec<RowChange>,
    /// When it was made and came here; `None`: not known.
    pub heard: Option<Heard>,
}

/// When a commit came here, and how long that took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// When its end was read.
    pub received: Instant,
    /// Microseconds from the commit until then, by the database's clock and this machine's: below zero when the database's is
    /// ahead. `None`: the source does not say when it was made.
    pub after_us: Option<i64>,
}

impl Heard {
    /// Of a commit that was made at a time in microseconds since 1970.
    pub fn of(committed_us: Option<i64>, received: Instant) -> Heard {
        let micros = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        let now_us = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, micros);
        let received_us = now_us.saturating_sub(micros(received.elapsed()));
        Heard { received, after_us: committed_us.map(|at| received_us.saturating_sub(at)) }
    }

    /// Of one that was made no longer ago than that.
    #[must_use]
    pub fn within(self, most_us: i64) -> Heard {
        Heard { after_us: self.after_us.map(|us| us.min(most_us)), ..self }
    }
}

/// One changed row; both old and new count, so a row that moves from author 1 to 2 reaches both.
#[derive(Debug, Clone, PartialEq)]
pub struct RowChange {
    /// The table.
    pub table: Arc<str>,
    /// The row before; `None` at an insert.
    pub old: Option<Row>,
    /// The row after; `None` at a delete.
    pub new: Option<Row>,
}
