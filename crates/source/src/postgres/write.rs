//! Writes: one transaction each, answered when the feed has told of it.

use std::time::Duration;

use tokio::sync::oneshot;

use super::fate::{self, Xid};
use super::link::{Link, LinkFault};
use super::pool::PoolPermit;
use super::{PostgresShared, barrier, error};
use crate::{Receipt, Row, RowWrite, SourceError};

/// Writes. Whatever the answer, the write's `committed` is called if and only if its commit is told of.
pub async fn write(shared: &PostgresShared, write: RowWrite) -> Result<Receipt, SourceError> {
    let (number, message) = shared.feed.pending.number();
    let RowWrite { statement, params, read_back, committed } = write;
    let (turn, xid, receipt) = begun(shared, &statement.0, &params, read_back.as_ref(), &message).await?;
    let run = RunningWrite { link: turn.link(), timeout_ms: shared.timeout_ms };
    let mut told = shared.feed.pending.expect(number, receipt, committed);
    let outcome = run.apart(run.commit()).await.map_err(|fault| fault.told(shared.timeout_ms));
    match &outcome {
        Ok(()) => shared.feed.pending.answered(number),
        Err(SourceError::Refused(_)) => {
            shared.feed.pending.forget(number);
            return Err(outcome.expect_err("it was matched"));
        }
        Err(_) => {}
    }
    drop(turn);
    match outcome {
        Ok(()) => wait(shared, number, &mut told).await,
        Err(_) => fate::wait(shared, number, &xid, &mut told).await,
    }
}

/// Everything but the COMMIT. When the connection breaks on the way, or what was prepared no longer fits its tables, nothing was
/// written: it is tried once more.
async fn begun<'s>(
    shared: &'s PostgresShared,
    statement: &std::sync::Arc<str>,
    params: &[crate::Param],
    read_back: Option<&(crate::Statement, Vec<crate::Param>)>,
    message: &str,
) -> Result<(PoolPermit<'s>, Xid, Receipt), SourceError> {
    let lane = shared.labels.lock().get(statement).unwrap_or(statement).clone();
    let mut again = true;
    loop {
        let turn = ready(shared, &lane).await?;
        let run = RunningWrite { link: turn.link(), timeout_ms: shared.timeout_ms };
        match run.apart(run.begin(statement, params, read_back, message)).await {
            Ok((xid, receipt)) => return Ok((turn, xid, receipt)),
            Err(wrong) => {
                run.roll_back().await;
                if let LinkFault::Postgres(wrong) = &wrong
                    && error::is_unfit(wrong)
                {
                    turn.link().forget(statement);
                    read_back.into_iter().for_each(|(statement, _)| turn.link().forget(&statement.0));
                }
                if !again || !may_do_better(&wrong, shared.timeout_ms) {
                    return Err(wrong.told(shared.timeout_ms));
                }
                again = false;
            }
        }
    }
}

/// Whether a new connection, or a statement prepared anew, may do what failed.
fn may_do_better(fault: &LinkFault, timeout_ms: u64) -> bool {
    let is_unfit = matches!(fault, LinkFault::Postgres(wrong) if error::is_unfit(wrong));
    is_unfit || matches!(fault.told(timeout_ms), SourceError::Unreachable(_))
}

/// A connection for a write of a lane, when one may begin.
pub async fn ready<'s>(
    shared: &'s PostgresShared,
    lane: &std::sync::Arc<str>,
) -> Result<PoolPermit<'s>, SourceError> {
    let limit = Duration::from_millis(shared.timeout_ms);
    // Without a feed nobody could say when the write is visible: it is not begun.
    match tokio::time::timeout(limit, shared.feed.verified()).await {
        Ok(()) => {}
        Err(_) => return Err(SourceError::Unreachable(shared.feed.why_not())),
    }
    match tokio::time::timeout(limit, shared.writers.enter(lane)).await {
        Ok(share) => shared.writes.turn_of(share).await,
        Err(_) => {
            let (within_ms, why) = (shared.timeout_ms, shared.writers.in_vain().said());
            Err(SourceError::Busy { within_ms, why })
        }
    }
}

/// Waits for the feed; a write that it does not tell of in time may or may not have been committed.
pub async fn wait(
    shared: &PostgresShared,
    number: u64,
    told: &mut oneshot::Receiver<Receipt>,
) -> Result<Receipt, SourceError> {
    let limit = Duration::from_millis(shared.timeout_ms);
    if shared.feed.is_shared() {
        // Committed, so the log does not end before it: when its reader has come to the end, all nodes know of the write.
        match barrier::wait(shared).await {
            Ok(version) => shared.feed.pending.tell(number, version),
            Err(_) => {
                shared.feed.pending.forget(number);
                return Err(SourceError::TooSlow(shared.timeout_ms));
            }
        }
    }
    match tokio::time::timeout(limit, told).await {
        Ok(Ok(receipt)) => Ok(receipt),
        Ok(Err(_)) => Err(SourceError::TooSlow(shared.timeout_ms)),
        Err(_) => {
            // What it kept may still be called when the feed comes by; only very late ones are given up.
            let feed = shared.feed.clone();
            let late = limit.saturating_mul(30);
            tokio::spawn(async move {
                tokio::time::sleep(late).await;
                feed.pending.forget(number);
            });
            Err(SourceError::TooSlow(shared.timeout_ms))
        }
    }
}

struct RunningWrite<'l> {
    link: &'l Link,
    timeout_ms: u64,
}

impl RunningWrite<'_> {
    /// The server ends a statement at the timeout; one that is not even ended is not waited for.
    async fn apart<T>(&self, work: impl Future<Output = Result<T, LinkFault>>) -> Result<T, LinkFault> {
        let limit = Duration::from_millis(self.timeout_ms.saturating_mul(2));
        tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
            // The next statement on it would wait behind this one.
            self.link.discard();
            Err(LinkFault::Late)
        })
    }

    /// All but the COMMIT, on the way together.
    async fn begin(
        &self,
        statement: &std::sync::Arc<str>,
        params: &[crate::Param],
        read_back: Option<&(crate::Statement, Vec<crate::Param>)>,
        message: &str,
    ) -> Result<(Xid, Receipt), LinkFault> {
        let client = &self.link.client;
        let change = self.link.prepared(statement, false).await?;
        let change = change.get().expect("it was prepared just now");
        let bound = change.bind(params)?;
        let read = match read_back {
            Some((statement, params)) => {
                let cell = self.link.prepared(&statement.0, true).await?;
                let bound = cell.get().expect("it was prepared just now").bind(params)?;
                Some((cell, bound))
            }
            None => None,
        };
        fate::prepare(self.link).await?;
        let read_row = async {
            let Some((cell, bound)) = read else { return Ok(None) };
            let prepared = cell.get().expect("it was prepared just now");
            prepared.first_row(client, bound).await as Result<Option<Row>, tokio_postgres::Error>
        };
        let (began, rows, row, marked) = tokio::join!(
            biased;
            client.batch_execute("BEGIN"),
            client.execute_raw(&change.statement, bound),
            read_row,
            fate::mark(self.link, message),
        );
        // The first failure is the cause of those behind it.
        began?;
        let (rows, row) = (rows?, row?);
        Ok((marked?, Receipt { rows, row, ..Receipt::default() }))
    }

    async fn commit(&self) -> Result<(), LinkFault> {
        Ok(self.link.client.batch_execute("COMMIT").await?)
    }

    /// Leaves the connection as it was found; when that fails the connection is broken and will be made anew.
    async fn roll_back(&self) {
        let limit = Duration::from_millis(self.timeout_ms);
        let rolled_back = tokio::time::timeout(limit, self.link.client.batch_execute("ROLLBACK")).await;
        if !matches!(rolled_back, Ok(Ok(()))) {
            self.link.discard();
        }
    }
}
