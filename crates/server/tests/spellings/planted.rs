//! Faults that can be planted between a node and its database: each makes it take for one name what is two, or for two what is
//! one.

use std::sync::Arc;

use clearwell_engine::Version;
use clearwell_source::{
    Cell, Commit, Exact, Follower, Later, Param, Receipt, Row, RowWrite, Shape, Source, SourceError,
    Statement, Table,
};

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    /// Each column is said to compare bytes: names that are filled from keys are trusted.
    CaptureTrusted,
    /// A row's own name is taken from the key that it was loaded by: the entry depends on itself only.
    AliasForgotten,
    /// Nothing tells that a row came to be: what was remembered as absent stays.
    NegativesKept,
    /// Each column is said to have but one row to a value.
    UniqueClaimed,
    /// The collations of columns and indexes are not looked at.
    CollationIgnored,
    /// The feed writes texts without the blanks at their end.
    PaddingCut,
}

/// A source with a fault.
pub struct Planted {
    pub inner: Arc<dyn Source>,
    pub fault: Fault,
}

impl Planted {
    fn forget(&self, row: Option<Row>, params: &[Param]) -> Option<Row> {
        let key = params.iter().find(|param| &*param.name == "k").map(|param| param.value.clone());
        let (Fault::AliasForgotten, Some(mut row), Some(key)) = (self.fault, row.clone(), key) else {
            return row;
        };
        for (name, cell) in &mut row.0 {
            if name.starts_with("clearwell_") {
                *cell = key.clone();
            }
        }
        Some(row)
    }
}

impl Source for Planted {
    fn follow(&self, follower: Arc<dyn Follower>) -> Result<(), SourceError> {
        self.inner.follow(Arc::new(Tapped { follower, fault: self.fault }))
    }

    fn load(&self, statement: &Statement, params: Vec<Param>) -> Later<Result<Option<Row>, SourceError>> {
        let loading = self.inner.load(statement, params.clone());
        let planted = Planted { inner: self.inner.clone(), fault: self.fault };
        Box::pin(async move { loading.await.map(|row| planted.forget(row, &params)) })
    }

    fn load_newest(
        &self,
        statement: &Statement,
        params: Vec<Param>,
    ) -> Later<Result<Option<Row>, SourceError>> {
        let loading = self.inner.load_newest(statement, params.clone());
        let planted = Planted { inner: self.inner.clone(), fault: self.fault };
        Box::pin(async move { loading.await.map(|row| planted.forget(row, &params)) })
    }

    fn write(&self, write: RowWrite) -> Later<Result<Receipt, SourceError>> {
        self.inner.write(write)
    }

    fn write_all(&self, lane: &str, writes: Vec<RowWrite>) -> Later<Vec<Result<Receipt, SourceError>>> {
        self.inner.write_all(lane, writes)
    }

    fn barrier(&self) -> Later<Result<Version, SourceError>> {
        self.inner.barrier()
    }

    fn describe(&self, statement: &Statement) -> Result<Option<Shape>, SourceError> {
        self.inner.describe(statement)
    }

    fn table(&self, name: &str) -> Result<Option<Table>, SourceError> {
        let Some(mut table) = self.inner.table(name)? else { return Ok(None) };
        let names: Vec<Vec<Arc<str>>> =
            table.columns.iter().map(|column| vec![column.name.clone()]).collect();
        match self.fault {
            Fault::CaptureTrusted => table.columns.iter_mut().for_each(|column| column.exact = Exact::BYTES),
            Fault::UniqueClaimed => table.unique = names,
            Fault::CollationIgnored => {
                for column in table.columns.iter_mut().filter(|column| {
                    ["text", "varchar", "blob"].iter().any(|family| **family == *column.family)
                }) {
                    column.collation = "".into();
                    column.exact = Exact::BYTES;
                }
            }
            _ => {}
        }
        Ok(Some(table))
    }

    fn unverified(&self) -> Option<String> {
        self.inner.unverified()
    }

    fn behind_ms(&self) -> u64 {
        self.inner.behind_ms()
    }
}

/// Between the feed and the node.
struct Tapped {
    follower: Arc<dyn Follower>,
    fault: Fault,
}

impl Follower for Tapped {
    fn committed(&self, source: &str, commit: &Commit) {
        let mut commit = commit.clone();
        for change in &mut commit.changes {
            match self.fault {
                Fault::NegativesKept if change.old.is_none() => change.old = change.new.clone(),
                Fault::PaddingCut => [&mut change.old, &mut change.new].into_iter().flatten().for_each(cut),
                _ => {}
            }
        }
        self.follower.committed(source, &commit);
    }

    fn lost(&self, source: &str, why: &str) {
        self.follower.lost(source, why);
    }

    fn unverified(&self, source: &str, why: &str) {
        self.follower.unverified(source, why);
    }

    fn verified(&self, source: &str) {
        self.follower.verified(source);
    }
}

fn cut(row: &mut Row) {
    for (_, cell) in &mut row.0 {
        if let Cell::Text(text) = cell {
            *cell = Cell::Text(text.trim_end().into());
        }
    }
}
