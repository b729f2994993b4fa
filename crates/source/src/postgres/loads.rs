//! Loads: those that wait while a connection is busy go together.

use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;

use super::feed::LogFeed;
use super::link::{Link, LinkFault, LinkLimits};
use super::pool::Pool;
use super::queue::{LoadQueue, NextWork};
use super::{error, gone};
use crate::shares::Shares;
use crate::{Crowd, Param, Row, SourceError};

/// A bounded set of connections for loads, and what waits for them.
pub struct Loads {
    pool: Pool,
    limits: LinkLimits,
    queue: Mutex<LoadQueue<WaitingLoad>>,
    pushed: Notify,
    /// Of a standby: the feed of its primary. Then each answer says how far the standby had come.
    primary: Option<Arc<LogFeed>>,
}

/// What a load found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LoadedRow {
    /// The row.
    pub row: Option<Row>,
    /// Of a standby: all commits before this place in the log were visible to the load.
    pub replayed: Option<u64>,
}

type Answer = Result<LoadedRow, SourceError>;

struct WaitingLoad {
    params: Vec<Param>,
    answer: oneshot::Sender<Answer>,
    /// When a connection was first had for it.
    begun: Arc<OnceLock<Instant>>,
}

/// How a group went.
enum GroupOutcome {
    /// An answer for each.
    Answered(Vec<Result<Option<Row>, SourceError>>, Option<u64>),
    /// The same for all.
    Failed(SourceError),
    /// Together they take too long.
    TooMany,
}

impl Loads {
    /// Loads over a pool; nothing is loaded before [`Loads::serve`].
    pub fn new(pool: Pool, shares: Shares, limits: LinkLimits, primary: Option<Arc<LogFeed>>) -> Loads {
        Loads { pool, limits, queue: Mutex::new(LoadQueue::new(shares)), pushed: Notify::new(), primary }
    }

    /// Says which keyspace a statement belongs to.
    pub fn label(&self, statement: &Arc<str>, keyspace: &str) {
        self.queue.lock().label(statement, keyspace);
    }

    /// The same of loads that nobody waits for.
    pub fn label_aside(&self, statement: &Arc<str>, keyspace: &str) {
        self.queue.lock().label_aside(statement, keyspace);
    }

    /// Who uses the connections.
    pub fn crowd(&self) -> Crowd {
        self.queue.lock().crowd()
    }

    /// Closes connections beyond the ordinary ones that nobody has used for a while.
    pub fn trim(&self) {
        self.pool.trim();
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

    /// When a load that is asked for now must be answered.
    pub fn deadline(&self) -> Instant {
        Instant::now() + self.limits.hard
    }

    /// Reads one row, until then or until [`Loads::deadline`].
    pub async fn load(&self, statement: &Arc<str>, params: Vec<Param>, until: Instant) -> Answer {
        let (answer, answered) = oneshot::channel();
        let (since, begun) = (Instant::now(), Arc::<OnceLock<Instant>>::default());
        self.queue.lock().push(statement, WaitingLoad { params, answer, begun: begun.clone() }, since);
        self.pushed.notify_one();
        match tokio::time::timeout_at(until.min(since + self.limits.hard).into(), answered).await {
            Ok(answer) => answer.unwrap_or_else(|_| Err(gone())),
            Err(_) => Err(self.late(statement, since, &begun)),
        }
    }

    /// Why a load was not answered in time: most of it passed with the source, or without a connection to it.
    fn late(&self, statement: &Arc<str>, since: Instant, begun: &Arc<OnceLock<Instant>>) -> SourceError {
        let (mut queue, within_ms) = (self.queue.lock(), self.limits.hard_ms());
        if let Some(crowd) = queue.take_back(statement, |waiting| Arc::ptr_eq(&waiting.begun, begun)) {
            return SourceError::Busy { within_ms, why: crowd.said() };
        }
        match begun.get().map(|begun| begun.saturating_duration_since(since)) {
            Some(waited) if waited > self.limits.hard / 2 => SourceError::Busy {
                within_ms: u64::try_from(waited.as_millis()).unwrap_or(within_ms),
                why: format!("then too little was left of {within_ms} ms; {}", queue.crowd().said()),
            },
            _ => self.limits.too_slow(),
        }
    }

    async fn work(&self) {
        loop {
            let (next, more) = {
                let mut queue = self.queue.lock();
                (queue.next(Instant::now()), queue.has_waiting())
            };
            match next {
                NextWork::Run(statement, group, began) => {
                    if more {
                        self.pushed.notify_one();
                    }
                    self.group(&statement, group, began).await;
                }
                NextWork::Hold(until) => {
                    // Both lead to another look.
                    let _ = tokio::time::timeout_at(until.into(), self.pushed.notified()).await;
                }
                NextWork::Idle => self.pushed.notified().await,
            }
        }
    }

    async fn group(&self, statement: &Arc<str>, mut group: Vec<WaitingLoad>, began: Instant) {
        group.retain(|waiting| !waiting.answer.is_closed());
        group.iter().for_each(|waiting| {
            waiting.begun.get_or_init(|| began);
        });
        let count = group.len();
        let outcome = match count {
            0 => GroupOutcome::Answered(Vec::new(), None),
            _ => self.retried(statement, &group).await,
        };
        match outcome {
            GroupOutcome::TooMany => return self.queue.lock().apart(statement, began, group, Instant::now()),
            GroupOutcome::Failed(error) => {
                for waiting in group {
                    // Some have stopped to wait, here and below.
                    let _ = waiting.answer.send(Err(error.clone()));
                }
            }
            GroupOutcome::Answered(rows, replayed) => {
                for (waiting, row) in group.into_iter().zip(rows) {
                    let _ = waiting.answer.send(row.map(|row| LoadedRow { row, replayed }));
                }
            }
        }
        self.queue.lock().ended(statement, began, count, began.elapsed());
    }

    /// A load changes nothing: when its statement went out of date it is tried again, and when its connection broke as
    /// often as there are connections that may have broken with it.
    async fn retried(&self, statement: &Arc<str>, group: &[WaitingLoad]) -> GroupOutcome {
        let mut outdated = false;
        let mut broken = 0;
        loop {
            let turn = match self.pool.turn().await {
                Ok(turn) => turn,
                Err(error) => return GroupOutcome::Failed(error),
            };
            let fault = match self.once(turn.shared_link(), statement, group).await {
                Ok(outcome) => return outcome,
                Err(fault) => fault,
            };
            match &fault {
                LinkFault::Postgres(wrong) if !outdated && error::is_outdated(wrong) => {
                    outdated = true;
                    turn.link().forget(statement);
                }
                LinkFault::Postgres(wrong) if broken < self.pool.size() && error::is_broken(wrong) => {
                    broken += 1
                }
                fault => return GroupOutcome::Failed(fault.told(self.limits.hard_ms())),
            }
        }
    }

    /// Errors are for all: the connection broke, the statement is out of date or wrong in itself.
    async fn once(
        &self,
        link: &Arc<Link>,
        statement: &Arc<str>,
        group: &[WaitingLoad],
    ) -> Result<GroupOutcome, LinkFault> {
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
                    return Ok(GroupOutcome::Answered(rows.collect(), replayed));
                }
                Err(fault) if fault.is_late() => return Ok(GroupOutcome::TooMany),
                Err(LinkFault::Postgres(wrong)) if error::is_broken(&wrong) || error::is_outdated(&wrong) => {
                    return Err(LinkFault::Postgres(wrong));
                }
                // Something is wrong with one of them, or with the statement: each is told what.
                Err(_) => {}
            }
        }
        let rows = link.limited(self.limits, self.each(link, statement, group)).await?;
        Ok(GroupOutcome::Answered(rows, replayed))
    }

    /// Each by a statement of its own, on the way together.
    async fn each(
        &self,
        link: &Arc<Link>,
        statement: &Arc<str>,
        group: &[WaitingLoad],
    ) -> Result<Vec<Result<Option<Row>, SourceError>>, LinkFault> {
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

impl LinkLimits {
    /// Together they get a part of the time, so that enough is left for each alone.
    fn quarter(self) -> LinkLimits {
        LinkLimits { soft: self.soft / 4, hard: self.hard }
    }

    fn too_slow(self) -> SourceError {
        SourceError::TooSlow(self.hard_ms())
    }

    /// The hard limit as errors tell it.
    pub fn hard_ms(self) -> u64 {
        u64::try_from(self.hard.as_millis()).unwrap_or(u64::MAX)
    }
}
