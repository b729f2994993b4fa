//! Loads: those that wait while a connection is busy go together.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;

use super::feed::Feed;
use super::link::{Fault, Limits, Link};
use super::pool::Pool;
use super::queue::{Next, Queue};
use super::{error, gone};
use crate::source::{Param, Row, SourceError};

/// A bounded set of connections for loads, and what waits for them.
pub struct Loads {
    pool: Pool,
    limits: Limits,
    queue: Mutex<Queue<Waiting>>,
    pushed: Notify,
    /// Of a standby: the feed of its primary. Then each answer says how far the standby had come.
    primary: Option<Arc<Feed>>,
}

/// What a load found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Loaded {
    /// The row.
    pub row: Option<Row>,
    /// Of a standby: all commits before this place in the log were visible to the load.
    pub replayed: Option<u64>,
}

type Answer = Result<Loaded, SourceError>;

struct Waiting {
    params: Vec<Param>,
    answer: oneshot::Sender<Answer>,
}

/// How a group went.
enum Outcome {
    /// An answer for each.
    Answered(Vec<Result<Option<Row>, SourceError>>, Option<u64>),
    /// The same for all.
    Failed(SourceError),
    /// Together they take too long.
    TooMany,
}

impl Loads {
    /// Loads over a pool; nothing is loaded before [`Loads::serve`].
    pub fn new(pool: Pool, limits: Limits, primary: Option<Arc<Feed>>) -> Loads {
        Loads { pool, limits, queue: Mutex::default(), pushed: Notify::new(), primary }
    }

    /// Makes one connection, to see whether the server is there.
    pub async fn try_connect(&self) -> Result<(), SourceError> {
        self.pool.turn().await.map(drop)
    }

    /// Starts a task for each connection, on the runtime that this is called on.
    pub fn serve(self: &Arc<Self>) {
        for _ in 0..self.pool.size() {
            let loads = self.clone();
            tokio::spawn(async move { loads.work().await });
        }
    }

    /// Reads one row.
    pub async fn load(&self, statement: &Arc<str>, params: Vec<Param>) -> Answer {
        let (answer, answered) = oneshot::channel();
        self.queue.lock().push(statement, Waiting { params, answer }, Instant::now());
        self.pushed.notify_one();
        match tokio::time::timeout(self.limits.hard, answered).await {
            Ok(answer) => answer.unwrap_or_else(|_| Err(gone())),
            Err(_) => Err(self.limits.too_slow()),
        }
    }

    async fn work(&self) {
        loop {
            let (next, more) = {
                let mut queue = self.queue.lock();
                (queue.next(Instant::now()), queue.has_waiting())
            };
            match next {
                Next::Run(statement, group) => {
                    if more {
                        self.pushed.notify_one();
                    }
                    self.group(&statement, group).await;
                }
                Next::Hold(until) => {
                    // Both lead to another look.
                    let _ = tokio::time::timeout_at(until.into(), self.pushed.notified()).await;
                }
                Next::Idle => self.pushed.notified().await,
            }
        }
    }

    async fn group(&self, statement: &Arc<str>, mut group: Vec<Waiting>) {
        group.retain(|waiting| !waiting.answer.is_closed());
        let count = group.len();
        let began = Instant::now();
        let outcome = match count {
            0 => Outcome::Answered(Vec::new(), None),
            _ => self.retried(statement, &group).await,
        };
        match outcome {
            Outcome::TooMany => return self.queue.lock().apart(statement, group, Instant::now()),
            Outcome::Failed(error) => {
                for waiting in group {
                    // Some have stopped to wait, here and below.
                    let _ = waiting.answer.send(Err(error.clone()));
                }
            }
            Outcome::Answered(rows, replayed) => {
                for (waiting, row) in group.into_iter().zip(rows) {
                    let _ = waiting.answer.send(row.map(|row| Loaded { row, replayed }));
                }
            }
        }
        self.queue.lock().ended(statement, count, began.elapsed());
    }

    /// A load changes nothing: when its statement went out of date it is tried again, and when its connection broke as
    /// often as there are connections that may have broken with it.
    async fn retried(&self, statement: &Arc<str>, group: &[Waiting]) -> Outcome {
        let mut outdated = false;
        let mut broken = 0;
        loop {
            let turn = match self.pool.turn().await {
                Ok(turn) => turn,
                Err(error) => return Outcome::Failed(error),
            };
            let fault = match self.once(turn.shared_link(), statement, group).await {
                Ok(outcome) => return outcome,
                Err(fault) => fault,
            };
            match &fault {
                Fault::Postgres(wrong) if !outdated && error::is_outdated(wrong) => {
                    outdated = true;
                    turn.link().forget(statement);
                }
                Fault::Postgres(wrong) if broken < self.pool.size() && error::is_broken(wrong) => broken += 1,
                fault => return Outcome::Failed(fault.told(self.limits.hard_ms())),
            }
        }
    }

    /// Errors are for all: the connection broke, the statement is out of date or wrong in itself.
    async fn once(
        &self,
        link: &Arc<Link>,
        statement: &Arc<str>,
        group: &[Waiting],
    ) -> Result<Outcome, Fault> {
        // Before the load: what it sees is then as new, or newer.
        let replayed = match &self.primary {
            Some(feed) => Some(link.limited(self.limits, link.replayed(&feed.system())).await?),
            None => None,
        };
        if group.len() > 1 {
            let params: Vec<&[Param]> = group.iter().map(|waiting| &*waiting.params).collect();
            match link.limited(self.limits.quarter(), link.many(statement, &params)).await {
                Ok(rows) => {
                    let rows =
                        rows.into_iter().map(|row| row.map_err(|fault| fault.told(self.limits.hard_ms())));
                    return Ok(Outcome::Answered(rows.collect(), replayed));
                }
                Err(fault) if fault.is_late() => return Ok(Outcome::TooMany),
                Err(Fault::Postgres(wrong)) if error::is_broken(&wrong) || error::is_outdated(&wrong) => {
                    return Err(Fault::Postgres(wrong));
                }
                // Something is wrong with one of them, or with the statement: each is told what.
                Err(_) => {}
            }
        }
        let rows = link.limited(self.limits, self.each(link, statement, group)).await?;
        Ok(Outcome::Answered(rows, replayed))
    }

    /// Each by a statement of its own, on the way together.
    async fn each(
        &self,
        link: &Arc<Link>,
        statement: &Arc<str>,
        group: &[Waiting],
    ) -> Result<Vec<Result<Option<Row>, SourceError>>, Fault> {
        if let [alone] = group {
            return match link.first_row(statement, &alone.params).await {
                Err(fault) if fault.is_for_one() => Ok(vec![Err(fault.told(self.limits.hard_ms()))]),
                row => Ok(vec![Ok(row?)]),
            };
        }
        link.prepared(statement, true).await?;
        let mut running = JoinSet::new();
        for (place, waiting) in group.iter().enumerate() {
            let (link, statement, params) = (link.clone(), statement.clone(), waiting.params.clone());
            running.spawn(async move { (place, link.first_row(&statement, &params).await) });
        }
        let mut rows: Vec<_> = group.iter().map(|_| Err(gone())).collect();
        while let Some(done) = running.join_next().await {
            let Ok((place, row)) = done else { continue };
            match row {
                Err(fault) if !fault.is_for_one() => return Err(fault),
                row => rows[place] = row.map_err(|fault| fault.told(self.limits.hard_ms())),
            }
        }
        Ok(rows)
    }
}

impl Limits {
    /// Together they get a part of the time, so that enough is left for each alone.
    fn quarter(self) -> Limits {
        Limits { soft: self.soft / 4, hard: self.hard }
    }

    fn too_slow(self) -> SourceError {
        SourceError::TooSlow(self.hard_ms())
    }

    /// The hard limit as errors tell it.
    pub fn hard_ms(self) -> u64 {
        u64::try_from(self.hard.as_millis()).unwrap_or(u64::MAX)
    }
}
