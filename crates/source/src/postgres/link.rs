//! One connection and the statements that it has prepared.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::OnceCell;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error};

use super::database::Database;
use super::error;
use super::many::Many;
use super::prepared::Prepared;
use crate::{Param, Row, SourceError};

/// A connection. It is driven by a task of the runtime that it was made on, and closed when dropped.
pub struct Link {
    /// The connection itself.
    pub client: Client,
    statements: Known<Prepared>,
    /// `None`: it cannot be asked for many keys.
    many: Known<Option<Many>>,
    /// Who is using it now.
    pub users: AtomicUsize,
    /// Nobody is to use it again: what was asked of it last may still be answered, or ended.
    discarded: AtomicBool,
    driver: tokio::task::AbortHandle,
    database: Database,
    /// The catalog's count when it was made.
    born: u64,
    /// Which server it is, standbys being the same as their primary.
    system: OnceCell<String>,
}

/// Statements by their text, each prepared once.
type Known<P> = Mutex<HashMap<Arc<str>, Arc<OnceCell<P>>>>;

/// How long a statement may take.
#[derive(Debug, Clone, Copy)]
pub struct LinkLimits {
    /// Past it, the server is asked to end it.
    pub soft: Duration,
    /// Past it, nobody waits.
    pub hard: Duration,
}

impl LinkLimits {
    /// For a timeout: the last fifth of it is for the server to end what it was asked for.
    pub fn of(timeout_ms: u64) -> LinkLimits {
        let hard = Duration::from_millis(timeout_ms);
        LinkLimits { soft: hard * 4 / 5, hard }
    }

    /// Half of it, where somebody else is asked afterwards.
    pub fn half(self) -> LinkLimits {
        LinkLimits { soft: self.soft / 2, hard: self.hard / 2 }
    }
}

/// What a statement failed by.
pub enum LinkFault {
    /// PostgreSQL or the connection.
    Postgres(Error),
    /// The statement names a parameter that nobody gave.
    Unbound(Arc<str>),
    /// It cannot be asked for many keys at once.
    Apart,
    /// The server did not answer, not even when it was asked to end the statement.
    Late,
}

impl From<Error> for LinkFault {
    fn from(error: Error) -> LinkFault {
        LinkFault::Postgres(error)
    }
}

impl LinkFault {
    /// The fault as who asked is told.
    pub fn told(&self, timeout_ms: u64) -> SourceError {
        match self {
            LinkFault::Postgres(wrong) => error::told(wrong, timeout_ms),
            LinkFault::Unbound(name) => SourceError::Refused(format!("nothing is bound to :{name}")),
            LinkFault::Apart => SourceError::Refused("it cannot be asked for many keys at once".into()),
            LinkFault::Late => SourceError::TooSlow(timeout_ms),
        }
    }

    /// Whether it took too long.
    pub fn is_late(&self) -> bool {
        match self {
            LinkFault::Postgres(wrong) => wrong.code() == Some(&SqlState::QUERY_CANCELED),
            LinkFault::Late => true,
            LinkFault::Unbound(_) | LinkFault::Apart => false,
        }
    }

    /// Whether it concerns those parameters alone, not the connection or the statement as it was prepared.
    pub fn is_for_one(&self) -> bool {
        match self {
            LinkFault::Postgres(wrong) => !error::is_broken(wrong) && !error::is_outdated(wrong),
            LinkFault::Unbound(_) => true,
            LinkFault::Apart | LinkFault::Late => false,
        }
    }
}

impl Link {
    /// Connects.
    pub async fn connect(database: &Database) -> Result<Link, Error> {
        let born = database.catalog.load(Ordering::Acquire);
        let (client, connection) = database.config.connect(database.tls.clone()).await?;
        // When it fails, everyone who waits for an answer is told; nobody else needs to be.
        let driver = tokio::spawn(async move { drop(connection.await) }).abort_handle();
        Ok(Link {
            client,
            statements: Mutex::default(),
            many: Mutex::default(),
            users: AtomicUsize::new(0),
            discarded: AtomicBool::new(false),
            driver,
            database: database.clone(),
            born,
            system: OnceCell::new(),
        })
    }

    /// Whether it can be used by who asks now: statements, and functions within them, are planned as things stood when it first
    /// ran them, and PostgreSQL does not notice a name that has come to mean another table.
    pub fn is_open(&self) -> bool {
        let is_current = self.born == self.database.catalog.load(Ordering::Acquire);
        is_current && !self.client.is_closed() && !self.discarded.load(Ordering::Relaxed)
    }

    /// Closes it, whatever is on its way.
    pub fn discard(&self) {
        self.discarded.store(true, Ordering::Relaxed);
        self.driver.abort();
    }

    /// Counts one more user until the answer is dropped.
    pub fn enter(self: &Arc<Self>) -> User {
        self.users.fetch_add(1, Ordering::Relaxed);
        User(self.clone())
    }

    /// Runs what this connection is asked for within limits: past the soft one the server is asked to end it, past the hard
    /// one nobody waits. Then the connection is given up, also when what it was asked for was ended: the server may pass
    /// the wish on twice (to the process and to its group), or late, and would end the next statement.
    pub async fn limited<T>(
        &self,
        limits: LinkLimits,
        work: impl Future<Output = Result<T, LinkFault>>,
    ) -> Result<T, LinkFault> {
        let mut work = std::pin::pin!(work);
        if let Ok(done) = tokio::time::timeout(limits.soft, &mut work).await {
            return done;
        }
        // Also when whoever asked stops to wait before the end.
        let _discarded = Discarded(self);
        let token = self.client.cancel_token();
        let ending = token.cancel_query(self.database.tls.clone());
        let left = limits.hard.saturating_sub(limits.soft);
        // Whether the wish arrives shows in the answer.
        let (done, _) =
            tokio::join!(tokio::time::timeout(left, &mut work), tokio::time::timeout(left, ending));
        done.unwrap_or(Err(LinkFault::Late))
    }

    /// The statement, prepared once a connection. One that `reads` has every column in a form that is read here.
    pub async fn prepared(
        &self,
        statement: &Arc<str>,
        reads: bool,
    ) -> Result<Arc<OnceCell<Prepared>>, Error> {
        let cell = self.statements.lock().entry(statement.clone()).or_default().clone();
        cell.get_or_try_init(|| Prepared::prepare(&self.client, statement, reads)).await?;
        Ok(cell)
    }

    /// A statement of this program's own, prepared once a connection.
    pub async fn own(&self, sql: &str) -> Result<tokio_postgres::Statement, Error> {
        let cell = self.statements.lock().entry(sql.into()).or_default().clone();
        let prepared = cell.get_or_try_init(|| Prepared::own(&self.client, sql)).await?;
        Ok(prepared.statement.clone())
    }

    /// Forgets a statement that no longer fits its tables.
    pub fn forget(&self, statement: &Arc<str>) {
        self.statements.lock().remove(statement);
        self.many.lock().remove(statement);
    }

    /// The first row of a statement that reads.
    pub async fn first_row(&self, statement: &Arc<str>, params: &[Param]) -> Result<Option<Row>, LinkFault> {
        let once = async || {
            let cell = self.prepared(statement, true).await?;
            let prepared = cell.get().expect("it was prepared just now");
            prepared.first_row(&self.client, prepared.bind(params)?).await.map_err(LinkFault::Postgres)
        };
        match once().await {
            // It may be the plan that is wrong, since a column has another type: prepared anew it tells the truth.
            Err(LinkFault::Postgres(wrong)) if error::is_unfit(&wrong) => {
                self.forget(statement);
                once().await
            }
            row => row,
        }
    }

    /// The first row of a statement for each of these parameters, by one query.
    pub async fn many(
        &self,
        statement: &Arc<str>,
        params: &[&[Param]],
    ) -> Result<Vec<Result<Option<Row>, LinkFault>>, LinkFault> {
        let cell = self.many.lock().entry(statement.clone()).or_default().clone();
        let prepare = async {
            let single = self.prepared(statement, true).await?;
            let single = single.get().expect("it was prepared just now");
            Many::prepare(&self.client, statement, single).await
        };
        let many = cell.get_or_try_init(|| prepare).await?.as_ref().ok_or(LinkFault::Apart)?;
        many.rows(&self.client, params).await
    }

    /// How far a standby of this server has come; a later statement sees at least all commits before it. 0: it is none, or
    /// none any more.
    pub async fn replayed(&self, system: &str) -> Result<u64, LinkFault> {
        let own = async {
            let sql = "SELECT system_identifier::text FROM pg_control_system()";
            self.client.query_one(sql, &[]).await?.try_get(0)
        };
        if self.system.get_or_try_init(|| own).await? != system {
            return Ok(0);
        }
        let sql =
            "SELECT CASE WHEN pg_is_in_recovery() THEN (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::int8 END";
        let statement = self.own(sql).await?;
        let row = self.client.query_one(&statement, &[]).await?;
        let place: Option<i64> = row.try_get(0)?;
        Ok(place.and_then(|place| u64::try_from(place).ok()).unwrap_or(0))
    }
}

/// Discards a connection when dropped.
struct Discarded<'l>(&'l Link);

impl Drop for Discarded<'_> {
    fn drop(&mut self) {
        self.0.discard();
    }
}

/// One use of a connection.
pub struct User(pub Arc<Link>);

impl Drop for User {
    fn drop(&mut self) {
        self.0.users.fetch_sub(1, Ordering::Relaxed);
    }
}
