//! One connection and the statements that it has prepared.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::OnceCell;
use tokio_postgres::{Client, Error, NoTls};

use super::cell::{Bound, Read, is_plain};
use super::text::Text;
use crate::source::{Cell, Param, Row, SourceError};

/// A connection. It is driven by a task of the runtime that it was made on, and closed when dropped.
pub struct Link {
    /// The connection itself.
    pub client: Client,
    statements: Mutex<HashMap<Arc<str>, Arc<OnceCell<Prepared>>>>,
    /// Who is using it now; loads share a connection, their statements follow each other without waiting for answers.
    pub users: AtomicUsize,
}

/// A statement as the server knows it.
pub struct Prepared {
    /// What is run.
    pub statement: tokio_postgres::Statement,
    names: Vec<Arc<str>>,
    columns: Vec<Arc<str>>,
}

/// What a statement failed by.
pub enum Fault {
    /// PostgreSQL or the connection.
    Postgres(Error),
    /// The statement names a parameter that nobody gave.
    Unbound(Arc<str>),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        Fault::Postgres(error)
    }
}

impl Fault {
    /// The fault as who asked is told.
    pub fn told(&self, timeout_ms: u64) -> SourceError {
        match self {
            Fault::Postgres(error) => super::error::told(error, timeout_ms),
            Fault::Unbound(name) => SourceError::Refused(format!("nothing is bound to :{name}")),
        }
    }
}

impl Link {
    /// Connects.
    pub async fn connect(config: &tokio_postgres::Config) -> Result<Link, Error> {
        let (client, connection) = config.connect(NoTls).await?;
        // When it fails, everyone who waits for an answer is told; nobody else needs to be.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Link { client, statements: Mutex::default(), users: AtomicUsize::new(0) })
    }

    /// Counts one more user until the answer is dropped.
    pub fn enter(self: &Arc<Self>) -> User {
        self.users.fetch_add(1, Ordering::Relaxed);
        User(self.clone())
    }

    /// The statement, prepared once a connection. One that `reads` has every column in a form that [`Read`] knows.
    pub async fn prepared(
        &self,
        statement: &Arc<str>,
        reads: bool,
    ) -> Result<Arc<OnceCell<Prepared>>, Error> {
        let cell = self.statements.lock().entry(statement.clone()).or_default().clone();
        cell.get_or_try_init(|| self.prepare(statement, reads)).await?;
        Ok(cell)
    }

    /// A statement of this program's own, prepared once a connection.
    pub async fn own(&self, sql: &str) -> Result<tokio_postgres::Statement, Error> {
        let cell = self.statements.lock().entry(sql.into()).or_default().clone();
        let prepare = async {
            let statement = self.client.prepare(sql).await?;
            Ok::<_, Error>(Prepared { statement, names: Vec::new(), columns: Vec::new() })
        };
        Ok(cell.get_or_try_init(|| prepare).await?.statement.clone())
    }

    /// Forgets a statement that no longer fits its tables.
    pub fn forget(&self, statement: &Arc<str>) {
        self.statements.lock().remove(statement);
    }

    async fn prepare(&self, statement: &str, reads: bool) -> Result<Prepared, Error> {
        let text = Text::parse(statement);
        let statement = self.client.prepare(&text.sql).await?;
        let columns: Vec<Arc<str>> = statement.columns().iter().map(|column| column.name().into()).collect();
        if !reads || statement.columns().iter().all(|column| is_plain(column.type_())) {
            return Ok(Prepared { statement, names: text.names, columns });
        }
        let types: Vec<_> = statement.columns().iter().map(|column| column.type_().clone()).collect();
        let sql = as_text(&text.sql, &types);
        let params = statement.params().to_vec();
        let statement = self.client.prepare_typed(&sql, &params).await?;
        Ok(Prepared { statement, names: text.names, columns })
    }

    /// The first row of a statement that reads.
    pub async fn first_row(&self, statement: &Arc<str>, params: &[Param]) -> Result<Option<Row>, Fault> {
        let cell = self.prepared(statement, true).await?;
        let prepared = cell.get().expect("it was prepared just now");
        prepared.first_row(&self.client, prepared.bind(params)?).await.map_err(Fault::Postgres)
    }
}

impl Prepared {
    /// The parameters in the statement's order.
    pub fn bind(&self, params: &[Param]) -> Result<Vec<Bound>, Fault> {
        let value = |name: &Arc<str>| match params.iter().find(|param| param.name == *name) {
            Some(param) => Ok(Bound(param.value.clone())),
            None => Err(Fault::Unbound(name.clone())),
        };
        self.names.iter().map(value).collect()
    }

    /// Runs it; the rows behind the first are thrown away.
    pub async fn first_row(&self, client: &Client, bound: Vec<Bound>) -> Result<Option<Row>, Error> {
        let rows = client.query_raw(&self.statement, bound).await?;
        let mut rows = std::pin::pin!(rows);
        let next = std::future::poll_fn(|context| tokio_stream::Stream::poll_next(rows.as_mut(), context));
        let Some(row) = next.await.transpose()? else { return Ok(None) };
        let cell = |at| row.try_get::<_, Read>(at).map(|read| read.0);
        let cells: Vec<Cell> = (0..self.columns.len()).map(cell).collect::<Result<_, _>>()?;
        Ok(Some(Row(self.columns.iter().cloned().zip(cells).collect())))
    }
}

/// The statement with the columns of unusual types as text.
fn as_text(sql: &str, types: &[tokio_postgres::types::Type]) -> String {
    let names: Vec<String> = (1..=types.len()).map(|number| format!("c{number}")).collect();
    let cast = |(name, ty): (&String, _)| if is_plain(ty) { name.clone() } else { format!("{name}::text") };
    let list: Vec<String> = names.iter().zip(types).map(cast).collect();
    let sql = sql.trim_end().trim_end_matches(';');
    format!("SELECT {} FROM ({sql}\n) AS loaded ({})", list.join(", "), names.join(", "))
}

/// One use of a connection.
pub struct User(pub Arc<Link>);

impl Drop for User {
    fn drop(&mut self) {
        self.0.users.fetch_sub(1, Ordering::Relaxed);
    }
}
