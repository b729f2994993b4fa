//! SQLite as a source.
//!
//! One thread writes and follows, three read, and a few more where a keyspace has none of them. The feed is a change log that triggers write in whoever's transaction changes a
//! row, whichever program that is; `PRAGMA data_version` tells when to look at it, without a look at any table.
//!
//! From a foreign commit until the follower was told it takes up to one `feed_poll` and the reading: at 5 ms, with each commit
//! made right after the last was told (the worst phase), p50 4.8 ms and at most 9.2 ms of 2,000 on a busy machine of two
//! cores. A barrier looks at once. See `docs/decisions/0003-sqlite-feed.md`.

mod batch;
mod catalog;
mod clock;
mod connect;
mod convert;
mod describe;
mod lister;
mod log;
mod reader;
mod session;
mod setup;
mod sketch;
mod table;
#[cfg(test)]
mod tests;
mod triggers;
mod watch;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Sender, channel, sync_channel};
use std::time::Duration;

use clearwell_words::Version;
pub use setup::setup;
pub use sketch::Sketch;
use tokio::sync::oneshot;

use self::connect::SqliteShared;
use self::reader::{Load, ReaderQueue};
use self::session::LogSession;
use self::writer::{Answer, QueuedWrite, WriterJob, WriterThread};
use super::shares::Shares;
use super::{
    Crowd, Follower, Later, Pages, Param, Receipt, Row, RowWrite, Shape, Source, SourceError, Statement,
    Table, Watched,
};
use crate::config::{SourceConfig, SqliteMode};

/// How many threads load, and how many more do where a keyspace has none while the others hold all.
const READERS: Shares = Shares { size: 3, reserve: 6 };

/// An SQLite database as a source. Its threads end some time after it is dropped; a [`Follower`] that owns the source keeps
/// both alive for ever, so it should hold it weakly.
pub struct Sqlite {
    shared: Arc<SqliteShared>,
    /// The file's watch tells of who writes to it as long as this is there.
    jobs: Arc<Sender<WriterJob>>,
    loads: Arc<ReaderQueue>,
}

impl Sqlite {
    /// Opens the database of a source called `name`; a relative path is under `data`. A new database is made by the seed. The
    /// `watched` tables get their triggers here and must exist.
    pub fn open(
        name: &str,
        config: &SourceConfig,
        data: &Path,
        watched: Vec<Watched>,
        feed_poll_ms: u64,
    ) -> Result<Sqlite, SourceError> {
        let poll = Duration::from_millis(feed_poll_ms.max(1));
        let shared = SqliteShared::new(name, config, data, poll, watched);
        Sqlite::begin(Arc::new(shared), data, config.seed.as_deref())
    }

    fn begin(shared: Arc<SqliteShared>, data: &Path, seed: Option<&str>) -> Result<Sqlite, SourceError> {
        let made = connect::create(&shared, data, seed)?;
        let anchor = (shared.mode == SqliteMode::Memory).then_some(made);
        let name = &*shared.name.clone();
        let session = connect::retried(&shared, || {
            let session = LogSession::open(&shared)?;
            shared.catalog.begin(&session.connection, &shared.watched)?;
            Ok(session)
        })?;
        let (jobs, taken) = channel();
        let jobs = Arc::new(jobs);
        let writer = WriterThread::new(shared.clone(), taken, Arc::downgrade(&jobs), session, anchor);
        thread("writer", name, move || writer.run())?;
        let loads = Arc::new(ReaderQueue::new(READERS));
        let source = Sqlite { shared, jobs, loads };
        for number in 0..READERS.size + READERS.reserve {
            let (shared, loads, reserve) =
                (source.shared.clone(), source.loads.clone(), number >= READERS.size);
            thread("reader", name, move || reader::run(&shared, &loads, reserve))?;
        }
        Ok(source)
    }

    fn ask<T: Send + 'static>(
        &self,
        job: impl FnOnce(Answer<T>) -> WriterJob,
    ) -> Later<Result<T, SourceError>> {
        let (answer, answered) = oneshot::channel();
        // A thread that is gone drops the answer, which is an answer.
        let _ = self.jobs.send(job(answer));
        Box::pin(async move { answered.await.unwrap_or_else(|_| Err(stopped())) })
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.loads.close();
    }
}

fn thread(what: &str, source: &str, run: impl FnOnce() + Send + 'static) -> Result<(), SourceError> {
    let named = std::thread::Builder::new().name(format!("{source} {what}"));
    named.spawn(run).map(|_| ()).map_err(|e| SourceError::Unreachable(format!("no thread for it: {e}")))
}

fn stopped() -> SourceError {
    SourceError::Unreachable("the source has stopped".into())
}

impl Source for Sqlite {
    fn follow(&self, follower: Arc<dyn Follower>) -> Result<(), SourceError> {
        let (told, answer) = sync_channel(1);
        self.jobs.send(WriterJob::Follow(follower, told)).map_err(|_| stopped())?;
        answer.recv().map_err(|_| stopped())?
    }

    fn load(&self, statement: &Statement, params: Vec<Param>) -> Later<Result<Option<Row>, SourceError>> {
        let (answer, answered) = oneshot::channel();
        let deadline_ms = self.shared.deadline_ms();
        self.loads.push(Load { statement: statement.clone(), params, answer, deadline_ms });
        Box::pin(async move { answered.await.unwrap_or_else(|_| Err(stopped())) })
    }

    fn label(&self, keyspace: &str, load: &Statement, _: &[&Statement]) {
        self.loads.label(load, keyspace);
    }

    fn label_aside(&self, keyspace: &str, load: &Statement) {
        self.loads.label_aside(load, keyspace);
    }

    fn list(&self, statement: &Statement) -> Pages {
        let (listed, pages) = Pages::new();
        let (shared, statement) = (self.shared.clone(), statement.clone());
        match thread("lister", &self.shared.name, move || lister::run(&shared, &statement, &listed)) {
            Ok(()) => pages,
            Err(error) => Pages::failed(error),
        }
    }

    fn crowd(&self) -> Option<Crowd> {
        Some(self.loads.crowd())
    }

    fn write(&self, write: RowWrite) -> Later<Result<Receipt, SourceError>> {
        let deadline_ms = self.shared.deadline_ms();
        self.ask(|answer| WriterJob::Write(QueuedWrite { write, answer, deadline_ms, alone: false }))
    }

    fn barrier(&self) -> Later<Result<Version, SourceError>> {
        let deadline_ms = self.shared.deadline_ms();
        self.ask(|answer| WriterJob::Barrier(answer, deadline_ms))
    }

    fn describe(&self, statement: &Statement) -> Result<Option<Shape>, SourceError> {
        let described = connect::retried(&self.shared, || describe::describe(&self.shared, statement))?;
        if !described.shape.writes {
            self.shared.catalog.watch_over(statement, described.print);
        }
        Ok(Some(described.shape))
    }

    fn table(&self, name: &str) -> Result<Option<Table>, SourceError> {
        connect::retried(&self.shared, || table::table(&self.shared, name)).map(Some)
    }

    fn unverified(&self) -> Option<String> {
        self.shared.problem.lock().clone()
    }

    fn behind_ms(&self) -> u64 {
        self.shared.now_ms().saturating_sub(self.shared.complete_ms.load(Ordering::Relaxed))
    }
}
