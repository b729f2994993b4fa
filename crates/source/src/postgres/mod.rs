//! PostgreSQL: loads and writes over pooled connections, commits from its log by logical replication.
//!
//! Two threads a source, each with a runtime of its own: one drives the connections, one reads the log and tells the
//! follower. A commit's version is its LSN.

mod barrier;
mod batch;
mod catalog;
mod cell;
mod database;
mod describe;
mod error;
mod fate;
mod feed;
mod link;
mod lister;
mod loads;
mod many;
mod pending;
mod pool;
mod prepared;
mod queue;
mod replicas;
mod rows;
mod sent;
mod table;
mod text;
mod tls;
mod write;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use clearwell_words::Version;
use parking_lot::Mutex;
use tokio::runtime::Handle;

pub(crate) use database::check_url;
pub use feed::setup::{Setup, setup};
pub use text::parameters;

use super::shares::{Bulkhead, Shares};
use super::{
    Crowd, FeedExchange, FeedMark, Follower, Later, Pages, Param, Receipt, Row, RowWrite, Shape, Source,
    SourceError, Statement, Table, Watched,
};
use crate::config::PostgresConfig;
use database::Database;
use feed::LogFeed;
use link::LinkLimits;
use loads::Loads;
use pool::Pool;
use replicas::Replicas;

/// Connections beyond the configured ones that may be opened for keyspaces which have none while others hold all.
const RESERVE: usize = 16;

/// A PostgreSQL database.
pub struct Postgres {
    shared: Arc<PostgresShared>,
    runtime: Handle,
    /// Dropped with the source: then its thread ends, and its connections with it.
    _alive: tokio::sync::oneshot::Sender<()>,
}

/// What the tasks of a source share.
struct PostgresShared {
    name: String,
    timeout_ms: u64,
    watched: Vec<Watched>,
    loads: Arc<Loads>,
    replicas: Replicas,
    writes: Pool,
    /// The keyspaces' shares of the connections for writes.
    writers: Arc<Bulkhead>,
    /// The keyspaces that statements which write belong to.
    labels: Mutex<HashMap<Arc<str>, Arc<str>>>,
    /// Where listings connect to.
    database: Database,
    /// For what is not asked by clients: descriptions, barriers, the heartbeat.
    own: Pool,
    feed: Arc<LogFeed>,
    barriers: barrier::Barriers,
    catalog: catalog::Catalog,
}

impl Postgres {
    /// Connects, and starts the thread that drives the connections. The feed begins with [`Source::follow`].
    pub fn open(
        name: &str,
        config: &PostgresConfig,
        timeout_ms: u64,
        watched: Vec<Watched>,
    ) -> Result<Postgres, SourceError> {
        let database = Database::of(&config.url, timeout_ms)?;
        let shares = Shares { size: usize::from(config.connections), reserve: RESERVE };
        let pool = || Pool::shared(database.clone(), timeout_ms, shares);
        let limits = LinkLimits::of(timeout_ms);
        let feed =
            Arc::new(LogFeed::new(name, config.clone(), database.clone(), watched.clone(), timeout_ms));
        let replica = |url: &String| {
            let beside = Database::of(url, timeout_ms)?.sharing(&database);
            let pool = Pool::shared(beside, timeout_ms, shares);
            Ok(Arc::new(Loads::new(pool, shares, limits.half(), Some(feed.clone()))))
        };
        let replicas = config.replicas.iter().map(replica).collect::<Result<_, SourceError>>()?;
        let shared = Arc::new(PostgresShared {
            name: name.into(),
            timeout_ms,
            watched,
            loads: Arc::new(Loads::new(pool(), shares, limits, None)),
            replicas: Replicas::new(replicas),
            writes: pool(),
            writers: Bulkhead::new(shares),
            labels: Mutex::default(),
            database: database.clone(),
            // The second is for barriers while the first looks at what may be locked.
            own: Pool::new(database.clone().planning_once(), timeout_ms, 2, 1),
            feed,
            barriers: barrier::Barriers::default(),
            catalog: catalog::Catalog::default(),
        });
        let (alive, ended) = tokio::sync::oneshot::channel();
        let runtime = thread(&format!("postgres {name}"), async move {
            // Ends when the sender is dropped; nothing is ever sent.
            let _ = ended.await;
        })?;
        let source = Postgres { shared, runtime, _alive: alive };
        source.blocking(|shared| async move {
            shared.loads.serve();
            shared.replicas.serve();
            shared.loads.try_connect().await
        })?;
        Ok(source)
    }

    /// Runs `work` on the source's thread and waits for it, for callers that are not async themselves. It may be of several statements,
    /// each of which has the timeout to itself.
    fn blocking<T: Send + 'static, F>(
        &self,
        work: impl FnOnce(Arc<PostgresShared>) -> F,
    ) -> Result<T, SourceError>
    where
        F: Future<Output = Result<T, SourceError>> + Send + 'static,
    {
        const STATEMENTS: u32 = 5;
        let (sender, answer) = mpsc::channel();
        let work = work(self.shared.clone());
        let limit = Duration::from_millis(self.shared.timeout_ms) * STATEMENTS;
        self.runtime.spawn(async move {
            let done = tokio::time::timeout(limit, work).await;
            // Nobody waits any more when this fails.
            let _ = sender.send(done);
        });
        match answer.recv() {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err(SourceError::TooSlow(self.shared.timeout_ms * u64::from(STATEMENTS))),
            Err(_) => Err(gone()),
        }
    }

    /// Runs `work` on the source's thread to its end, whether its caller still waits or not.
    fn later<T: Send + 'static, F>(
        &self,
        work: impl FnOnce(Arc<PostgresShared>) -> F,
    ) -> Later<Result<T, SourceError>>
    where
        F: Future<Output = Result<T, SourceError>> + Send + 'static,
    {
        let task = self.runtime.spawn(work(self.shared.clone()));
        Box::pin(async move { task.await.unwrap_or_else(|_| Err(gone())) })
    }

    /// From a standby that has come as far as `told`, else from the primary; both within one timeout.
    fn load_behind(
        &self,
        statement: &Statement,
        params: Vec<Param>,
        told: u64,
    ) -> Later<Result<Option<Row>, SourceError>> {
        let statement = statement.0.clone();
        self.later(move |shared| async move {
            let until = shared.loads.deadline();
            match shared.replicas.load(&statement, &params, told, until).await {
                Some(row) => Ok(row),
                None => shared.loads.load(&statement, params, until).await.map(|loaded| loaded.row),
            }
        })
    }
}

fn gone() -> SourceError {
    SourceError::Unreachable("the source was closed".into())
}

/// Starts a thread with a runtime that ends with `main`.
fn thread(name: &str, main: impl Future<Output = ()> + Send + 'static) -> Result<Handle, SourceError> {
    let failed = |error: std::io::Error| SourceError::Unreachable(format!("cannot start a thread: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let handle = runtime.handle().clone();
    std::thread::Builder::new()
        .name(name.chars().take(15).collect())
        .spawn(move || runtime.block_on(main))
        .map_err(failed)?;
    Ok(handle)
}

impl Drop for PostgresShared {
    fn drop(&mut self) {
        self.feed.close();
    }
}

impl Source for Postgres {
    fn follow(&self, follower: Arc<dyn Follower>) -> Result<(), SourceError> {
        feed::start(self.shared.feed.clone(), follower)?;
        // Before anything is loaded: what changes from now on is told.
        self.blocking(|shared| async move { catalog::look(&shared).await.map(drop) })?;
        self.runtime.spawn(barrier::serve(Arc::downgrade(&self.shared)));
        self.runtime.spawn(feed::watch::heartbeat(Arc::downgrade(&self.shared)));
        Ok(())
    }

    fn load(&self, statement: &Statement, params: Vec<Param>) -> Later<Result<Option<Row>, SourceError>> {
        // Before anything is awaited: the caller has noted its count of invalidations just now.
        match self.shared.feed.told().filter(|_| !self.shared.replicas.is_empty()) {
            Some(told) => self.load_behind(statement, params, told),
            None => self.load_newest(statement, params),
        }
    }

    fn load_newest(
        &self,
        statement: &Statement,
        params: Vec<Param>,
    ) -> Later<Result<Option<Row>, SourceError>> {
        let statement = statement.0.clone();
        self.later(|shared| async move {
            let until = shared.loads.deadline();
            shared.loads.load(&statement, params, until).await.map(|loaded| loaded.row)
        })
    }

    fn write(&self, write: RowWrite) -> Later<Result<Receipt, SourceError>> {
        self.later(|shared| async move { write::write(&shared, write).await })
    }

    fn write_all(&self, lane: &str, writes: Vec<RowWrite>) -> Later<Vec<Result<Receipt, SourceError>>> {
        let (lane, count) = (lane.to_owned(), writes.len());
        let work =
            |shared: Arc<PostgresShared>| async move { Ok(batch::write_all(&shared, &lane, writes).await) };
        let written = self.later(work);
        Box::pin(async move { written.await.unwrap_or_else(|wrong| vec![Err(wrong); count]) })
    }

    fn label(&self, keyspace: &str, load: &Statement, writes: &[&Statement]) {
        self.shared.loads.label(&load.0, keyspace);
        self.shared.replicas.label(&load.0, keyspace);
        let mut labels = self.shared.labels.lock();
        labels.extend(writes.iter().map(|statement| (statement.0.clone(), keyspace.into())));
    }

    fn label_aside(&self, keyspace: &str, load: &Statement) {
        self.shared.loads.label_aside(&load.0, keyspace);
        self.shared.replicas.label_aside(&load.0, keyspace);
    }

    fn list(&self, statement: &Statement) -> Pages {
        let (listed, pages) = Pages::new();
        let (database, timeout_ms) = (self.shared.database.clone(), self.shared.timeout_ms);
        self.runtime.spawn(lister::run(database, statement.clone(), listed, timeout_ms));
        pages
    }

    fn crowd(&self) -> Option<Crowd> {
        Some(self.shared.loads.crowd())
    }

    fn barrier(&self) -> Later<Result<Version, SourceError>> {
        self.later(|shared| async move { barrier::wait(&shared).await })
    }

    fn describe(&self, statement: &Statement) -> Result<Option<Shape>, SourceError> {
        let statement = statement.clone();
        self.blocking(|shared| async move {
            let turn = shared.own.turn().await?;
            let described = describe::describe(turn.link(), &statement, &shared.watched).await;
            let described = described.map_err(|wrong| error::told(&wrong, shared.timeout_ms))?;
            if !described.shape.writes {
                shared.catalog.watch_over(&statement, described.footprint, described.print);
            }
            Ok(Some(described.shape))
        })
    }

    fn table(&self, name: &str) -> Result<Option<Table>, SourceError> {
        let name = name.to_owned();
        self.blocking(|shared| async move {
            let turn = shared.own.turn().await?;
            let table = table::table(turn.link(), &name).await;
            table.map(Some).map_err(|wrong| error::told(&wrong, shared.timeout_ms))
        })
    }

    fn share(&self, exchange: Arc<dyn FeedExchange>) -> bool {
        self.shared.feed.share(exchange);
        true
    }

    fn read_for_all(&self, reads: bool) {
        self.shared.feed.read_for_all(reads);
    }

    fn heard(&self, mark: FeedMark) {
        self.shared.feed.heard(mark);
    }

    fn asked(&self) -> Option<FeedMark> {
        self.shared.feed.asked_by_others()
    }

    fn unverified(&self) -> Option<String> {
        self.shared.feed.unverified()
    }

    fn behind_ms(&self) -> u64 {
        self.shared.feed.behind_ms()
    }
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Postgres").field("name", &self.shared.name).finish_non_exhaustive()
    }
}
