//! Barriers: when the feed has passed a place in the log.

use std::sync::{Arc, LazyLock, Weak};
use std::time::Duration;

use clearwell_words::Version;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::catalog::{self, Look, PRINT};
use super::link::LinkLimits;
use super::pending::PREFIX;
use super::{PostgresShared, gone};
use crate::SourceError;

type Answer = oneshot::Sender<Result<Version, SourceError>>;

/// Who waits for the feed. One question to the server serves all who asked before it was asked.
pub struct Barriers {
    queue: mpsc::UnboundedSender<Answer>,
    asked: Mutex<Option<mpsc::UnboundedReceiver<Answer>>>,
}

impl Default for Barriers {
    fn default() -> Barriers {
        let (queue, asked) = mpsc::unbounded_channel();
        Barriers { queue, asked: Mutex::new(Some(asked)) }
    }
}

/// Waits until the follower was told of every commit made before now.
pub async fn wait(shared: &PostgresShared) -> Result<Version, SourceError> {
    let (answer, answered) = oneshot::channel();
    shared.barriers.queue.send(answer).map_err(|_| gone())?;
    match tokio::time::timeout(Duration::from_millis(shared.timeout_ms), answered).await {
        Ok(answer) => answer.unwrap_or_else(|_| Err(gone())),
        Err(_) if shared.feed.unverified().is_some() => Err(SourceError::Unreachable(shared.feed.why_not())),
        Err(_) => Err(SourceError::TooSlow(shared.timeout_ms)),
    }
}

/// Serves barriers until the source is dropped.
pub async fn serve(shared: Weak<PostgresShared>) {
    let Some(mut asked) = shared.upgrade().and_then(|shared| shared.barriers.asked.lock().take()) else {
        return;
    };
    while let Some(first) = asked.recv().await {
        let mut waiting = vec![first];
        while let Ok(next) = asked.try_recv() {
            waiting.push(next);
        }
        let Some(shared) = shared.upgrade() else { return };
        let passed = pass(&shared).await;
        for answer in waiting {
            // Some have stopped to wait.
            let _ = answer.send(passed.clone());
        }
    }
}

/// How long the server may take to say by itself that it has come so far.
const PATIENCE: Duration = Duration::from_millis(20);

/// Asks where the log ends and waits until the feed is there. Statements end by limits of their own, and with them the connection that
/// did not answer: a limit around them would leave it in the pool, for the next barrier to wait for in vain.
async fn pass(shared: &Arc<PostgresShared>) -> Result<Version, SourceError> {
    let feed = &shared.feed;
    let limit = Duration::from_millis(shared.timeout_ms);
    let late = |_| SourceError::TooSlow(shared.timeout_ms);
    let until = tokio::time::Instant::now() + limit;
    let (asked, end) = loop {
        tokio::time::timeout_at(until, feed.verified()).await.map_err(late)?;
        let asked = feed.now_ms();
        let end = end_of_log(shared).await?;
        if end.same_catalog || catalog::look(shared).await? == Look::Told {
            break (asked, end);
        }
        // The feed is about to begin anew.
        tokio::time::sleep(Duration::from_millis(5)).await;
        if tokio::time::Instant::now() >= until {
            return Err(SourceError::TooSlow(shared.timeout_ms));
        }
    };
    let reached = match end.flushed {
        true => tokio::time::timeout(PATIENCE, feed.reach(end.lsn, true)).await.is_ok(),
        false => false,
    };
    let lsn = match reached {
        true => end.lsn,
        // The log is not on the disk so far, or its end is not that of a record: a commit of our own behind it is both.
        false => {
            let lsn = mark(shared).await?;
            tokio::time::timeout(limit, feed.reach(lsn, false)).await.map_err(late)?;
            lsn
        }
    };
    feed.complete(asked);
    Ok(Version(lsn))
}

struct End {
    lsn: u64,
    /// Whether the server may send all before it.
    flushed: bool,
    /// Whether what loads rest on is as it was when it was last looked at.
    same_catalog: bool,
}

/// Where the log ends, and the catalog's print unless nothing has ended since the snapshot that is the tenth parameter.
static END: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::int8, (pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::int8,
            pg_current_snapshot()::text, current_schemas(false)::text,
            CASE WHEN pg_current_snapshot()::text <> $10::text THEN ({PRINT}) END"
    )
});

async fn end_of_log(shared: &PostgresShared) -> Result<End, SourceError> {
    let seen = shared.catalog.seen();
    let mut parameters = seen.footprint.parameters().to_vec();
    parameters.push(&seen.snapshot);
    let row = ask(shared, &END, &parameters).await?;
    let (end, flushed, snapshot, schemas): (i64, i64, String, String) =
        (row.get(0), row.get(1), row.get(2), row.get(3));
    let print: Option<String> = row.get(4);
    // It is not asked for while no transaction has ended.
    let same_print = seen.print.is_some() && (print.is_none() || print == seen.print);
    let same_catalog = same_print && schemas == seen.schemas;
    if same_catalog {
        shared.catalog.same(&seen, snapshot, schemas);
    }
    Ok(End { lsn: u64::try_from(end).unwrap_or(0), flushed: end <= flushed, same_catalog })
}

async fn mark(shared: &PostgresShared) -> Result<u64, SourceError> {
    let sql = "SELECT (pg_logical_emit_message(true, $1, 'barrier') - '0/0'::pg_lsn)::int8";
    let row = ask(shared, sql, &[&PREFIX]).await?;
    Ok(u64::try_from(row.get::<_, i64>(0)).unwrap_or(0))
}

/// Asks the server over a connection of the source's own.
pub async fn ask(
    shared: &PostgresShared,
    sql: &str,
    params: &[&(dyn tokio_postgres::types::ToSql + Sync)],
) -> Result<tokio_postgres::Row, SourceError> {
    let turn = shared.own.turn().await?;
    let link = turn.link();
    let asked = link.limited(LinkLimits::of(shared.timeout_ms), async {
        let statement = link.own(sql).await?;
        Ok(link.client.query_one(&statement, params).await?)
    });
    asked.await.map_err(|fault| fault.told(shared.timeout_ms))
}
