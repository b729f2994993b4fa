//! A statement as one connection knows it.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error};

use super::cell::{Bound, CellText, is_plain};
use super::link::LinkFault;
use super::text::Text;
use crate::{Cell, Param, Row};

/// A prepared statement.
pub struct Prepared {
    /// What is run.
    pub statement: tokio_postgres::Statement,
    /// Its columns as the operator's statement names them.
    pub columns: Vec<Arc<str>>,
    /// Their types there; what is run may give some of them as text.
    pub types: Vec<Type>,
    names: Vec<Arc<str>>,
    /// It has run: when it no longer does, the tables are others than they were.
    pub proven: AtomicBool,
}

impl Prepared {
    /// Prepares a statement of the configuration. One that `reads` has every column in a form that [`CellText`] knows.
    pub async fn prepare(client: &Client, statement: &str, reads: bool) -> Result<Prepared, Error> {
        let text = Text::parse(statement);
        let statement = client.prepare(&text.sql).await?;
        let columns = statement.columns().iter().map(|column| column.name().into()).collect();
        let types: Vec<Type> = statement.columns().iter().map(|column| column.type_().clone()).collect();
        let names = text.names;
        if !reads || types.iter().all(is_plain) {
            return Ok(Prepared { statement, columns, types, names, proven: AtomicBool::default() });
        }
        let aliases: Vec<String> = aliases(types.len()).collect();
        let sql = format!(
            "SELECT {} FROM ({}\n) AS loaded ({})",
            readable(&aliases, &types),
            bare(&text.sql),
            aliases.join(", ")
        );
        let params = statement.params().to_vec();
        let statement = client.prepare_typed(&sql, &params).await?;
        Ok(Prepared { statement, columns, types, names, proven: AtomicBool::default() })
    }

    /// Prepares a statement of this program's own.
    pub async fn own(client: &Client, sql: &str) -> Result<Prepared, Error> {
        let statement = client.prepare(sql).await?;
        Ok(Prepared {
            statement,
            columns: Vec::new(),
            types: Vec::new(),
            names: Vec::new(),
            proven: AtomicBool::default(),
        })
    }

    /// The parameters in the statement's order.
    pub fn bind(&self, params: &[Param]) -> Result<Vec<Bound>, LinkFault> {
        let value = |name: &Arc<str>| bound(params, name).map(|cell| Bound(cell.clone()));
        self.names.iter().map(value).collect()
    }

    /// Runs it; the rows behind the first are thrown away.
    pub async fn first_row(&self, client: &Client, bound: Vec<Bound>) -> Result<Option<Row>, Error> {
        let rows = client.query_raw(&self.statement, bound).await?;
        let mut rows = std::pin::pin!(rows);
        let next = std::future::poll_fn(|context| tokio_stream::Stream::poll_next(rows.as_mut(), context));
        next.await.transpose()?.map(|row| read(&row, 0, &self.columns)).transpose()
    }
}

/// The value that is bound to a name.
pub fn bound<'p>(params: &'p [Param], name: &Arc<str>) -> Result<&'p Cell, LinkFault> {
    let param = params.iter().find(|param| param.name == *name);
    param.map(|param| &param.value).ok_or_else(|| LinkFault::Unbound(name.clone()))
}

/// Columns of a row from `first` on.
pub fn read(row: &tokio_postgres::Row, first: usize, columns: &[Arc<str>]) -> Result<Row, Error> {
    let cell = |(at, name): (usize, &Arc<str>)| Ok((name.clone(), row.try_get::<_, CellText>(first + at)?.0));
    columns.iter().enumerate().map(cell).collect::<Result<_, _>>().map(Row)
}

/// Names for so many columns, whatever they are called in the statement.
pub fn aliases(count: usize) -> impl Iterator<Item = String> {
    (1..=count).map(|number| format!("c{number}"))
}

/// A list of columns, those of unusual types as the text that the log has of them. That is what their type's output function
/// writes; a cast to text may write it otherwise (`inet`).
pub fn readable(columns: &[String], types: &[Type]) -> String {
    let written = |(name, ty): (&String, &Type)| match is_plain(ty) {
        true => name.clone(),
        false => format!("CASE WHEN num_nulls({name}) = 0 THEN format('%s', {name}) END"),
    };
    columns.iter().zip(types).map(written).collect::<Vec<_>>().join(", ")
}

/// A statement without its semicolon. What is put behind it goes on a line of its own: it may end with a comment.
pub fn bare(sql: &str) -> &str {
    sql.trim_end().trim_end_matches(';')
}
