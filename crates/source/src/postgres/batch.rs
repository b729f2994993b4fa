//! Many writes in one transaction: all but its COMMIT on the way together, and rows that are refused told apart.
//!
//! COMMIT is sent only when every statement was answered: then the transaction holds its locks, and whatever becomes of
//! the connection, a later write of the same rows waits for its end. A DELETE of a row that is not there yet holds no lock;
//! hence the lane's advisory lock, which makes batches of one lane wait for each other, those of an earlier run included.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use postgres_protocol::escape::escape_literal;

use super::cell::Bound;
use super::fate::{self, Xid};
use super::link::{Link, LinkFault};
use super::pending::Committed;
use super::pool::PoolPermit;
use super::rows::Rows;
use super::sent::SentStatements;
use super::{PostgresShared, error, write};
use crate::{Param, Receipt, RowWrite, SourceError, Statement};

/// Into how many parts a refused batch is cut to find the rows that are at fault.
const PARTS: usize = 8;
/// Which part of the timeout a statement has when one of its batch was too slow: the others are not to wait for it.
const SHARE: u64 = 8;

const SAVE: &str = "SAVEPOINT clearwell";
const GO_ON: &str = "RELEASE SAVEPOINT clearwell; SAVEPOINT clearwell";
const BACK: &str = "ROLLBACK TO SAVEPOINT clearwell";
const NOT_TRIED: &str = "it waits behind others of its batch";

/// A write, and its place in the answer.
struct BatchItem {
    place: usize,
    statement: Statement,
    params: Vec<Param>,
    /// A lock that nobody waits for: it makes what can be sent to another thread one that can be shared.
    committed: Mutex<Committed>,
}
type Told = Result<Receipt, SourceError>;

/// Runs writes in as few transactions as can be: one, unless rows are refused only at the COMMIT or are too slow.
pub async fn write_all(shared: &PostgresShared, lane: &str, writes: Vec<RowWrite>) -> Vec<Told> {
    let mut answers: Vec<Told> = vec![Err(SourceError::Unreachable(NOT_TRIED.into())); writes.len()];
    let item = |(place, write): (usize, RowWrite)| {
        let RowWrite { statement, params, committed, .. } = write;
        BatchItem { place, statement, params, committed: Mutex::new(committed) }
    };
    let mut left = vec![writes.into_iter().enumerate().map(item).collect::<Vec<BatchItem>>()];
    let mut tried_slow = false;
    while let Some(items) = left.pop() {
        if items.is_empty() {
            continue;
        }
        let ended = transaction(shared, lane, items, &mut answers).await;
        left.extend(parts(ended.again));
        // Another too slow one has its turn in the next batch.
        if let Some(slow) = ended.slow.filter(|_| !std::mem::replace(&mut tried_slow, true)) {
            left.push(vec![slow]);
        }
        if ended.stop {
            break;
        }
    }
    answers
}

/// What a transaction leaves to be done.
#[derive(Default)]
struct BatchEnd {
    /// Its COMMIT was refused: these are tried in smaller ones.
    again: Vec<BatchItem>,
    /// The first that was too slow beside others, and has not had its whole time.
    slow: Option<BatchItem>,
    /// The source is away.
    stop: bool,
}

fn parts(items: Vec<BatchItem>) -> Vec<Vec<BatchItem>> {
    let size = items.len().div_ceil(PARTS).max(1);
    let mut parts = Vec::new();
    let mut items = items.into_iter().peekable();
    while items.peek().is_some() {
        parts.push(items.by_ref().take(size).collect());
    }
    parts
}

async fn transaction(
    shared: &PostgresShared,
    lane: &str,
    items: Vec<BatchItem>,
    answers: &mut [Told],
) -> BatchEnd {
    let turn = match write::ready(shared, &lane.into()).await {
        Ok(turn) => turn,
        Err(wrong) => return away(&items, &wrong, answers),
    };
    let (number, message) = shared.feed.pending.number();
    let mut batch = WriteBatch::new(&turn, shared.timeout_ms, items);
    let begin = format!(
        "BEGIN; SELECT pg_advisory_xact_lock(hashtextextended({}, 0)); {SAVE}",
        escape_literal(&format!("clearwell {} {lane}", shared.feed.config.slot))
    );
    let filled = batch.fill(&begin, &message).await;
    let items = std::mem::take(&mut batch.items);
    if let Err(wrong) = filled {
        batch.roll_back().await;
        return away(&items, &wrong, answers);
    }
    let (mut done, mut ended) = (Vec::with_capacity(items.len()), BatchEnd::default());
    let alone = items.len() == 1;
    for (place, item) in items.into_iter().enumerate() {
        match batch.bad.remove(&place) {
            None => done.push(item),
            Some(SourceError::TooSlow(_)) if !alone && ended.slow.is_none() => ended.slow = Some(item),
            Some(SourceError::TooSlow(_)) if !alone => {}
            Some(wrong) => answers[item.place] = Err(wrong),
        }
    }
    if done.is_empty() {
        batch.roll_back().await;
        return ended;
    }
    let xid = batch.xid.take().expect("the transaction was marked");
    commit(shared, turn, (number, xid), done, answers, &mut ended).await;
    ended
}

/// The source is away, or did not begin it: nothing of it was done.
fn away(items: &[BatchItem], wrong: &SourceError, answers: &mut [Told]) -> BatchEnd {
    items.iter().for_each(|item| answers[item.place] = Err(wrong.clone()));
    BatchEnd { stop: true, ..BatchEnd::default() }
}

async fn commit(
    shared: &PostgresShared,
    turn: PoolPermit<'_>,
    (number, xid): (u64, Xid),
    done: Vec<BatchItem>,
    answers: &mut [Told],
    ended: &mut BatchEnd,
) {
    let places: Vec<usize> = done.iter().map(|item| item.place).collect();
    let kept = Arc::new(Mutex::new(done));
    let mut told = shared.feed.pending.expect(number, Receipt::default(), committed(&kept));
    let outcome = run_sql(turn.link(), "COMMIT", shared.timeout_ms).await;
    match &outcome {
        Ok(()) => shared.feed.pending.answered(number),
        Err(SourceError::Refused(_)) => {
            shared.feed.pending.forget(number);
            let done = std::mem::take(&mut *kept.lock());
            match (done.len(), outcome) {
                (1, Err(wrong)) => answers[places[0]] = Err(wrong),
                _ => ended.again = done,
            }
            return;
        }
        Err(_) => {}
    }
    drop(turn);
    let receipt = match outcome {
        Ok(()) => write::wait(shared, number, &mut told).await,
        Err(_) => fate::wait(shared, number, &xid, &mut told).await,
    };
    ended.stop |= receipt.is_err();
    places.into_iter().for_each(|place| answers[place] = receipt.clone());
}

/// Tells each write of the commit that they share.
fn committed(kept: &Arc<Mutex<Vec<BatchItem>>>) -> Committed {
    let kept = kept.clone();
    Box::new(move |receipt| {
        for item in std::mem::take(&mut *kept.lock()) {
            (item.committed.into_inner())(receipt);
        }
    })
}

/// The writes of one transaction.
struct WriteBatch<'t> {
    link: &'t Link,
    timeout_ms: u64,
    items: Vec<BatchItem>,
    /// What was refused or too slow, by its place in `items`.
    bad: BTreeMap<usize, SourceError>,
    /// A statement was too slow: the others have less time.
    slow: bool,
    /// The transaction's number, once it is marked.
    xid: OnceLock<Xid>,
}

impl<'t> WriteBatch<'t> {
    fn new(turn: &'t PoolPermit<'_>, timeout_ms: u64, mut items: Vec<BatchItem>) -> WriteBatch<'t> {
        // Those of one statement side by side, so that they become one.
        items.sort_by(|one, other| one.statement.0.cmp(&other.statement.0));
        WriteBatch {
            link: turn.link(),
            timeout_ms,
            items,
            bad: BTreeMap::new(),
            slow: false,
            xid: OnceLock::new(),
        }
    }

    /// All but the COMMIT. An error: nothing of it is to be committed, and another time may be better.
    async fn fill(&mut self, begin: &str, message: &str) -> Result<(), SourceError> {
        let whole = 0..self.items.len();
        let Err(wrong) = self.run(Some(begin), whole.clone(), Some(message)).await else { return Ok(()) };
        self.set_back(&wrong, &whole).await?;
        let until = Instant::now() + Duration::from_millis(self.timeout_ms.saturating_mul(2));
        let mut left = cut(whole);
        while let Some(range) = left.pop() {
            if Instant::now() > until {
                let late = || SourceError::Unreachable(NOT_TRIED.into());
                let rest = left.drain(..).chain([range]).flatten();
                self.bad.extend(rest.map(|place| (place, late())));
                break;
            }
            match self.run(None, range.clone(), None).await {
                Ok(()) => self.run_sql(GO_ON).await?,
                Err(wrong) => {
                    self.set_back(&wrong, &range).await?;
                    left.extend(cut(range));
                }
            }
        }
        self.run_sql(&format!("SET LOCAL statement_timeout = {}", self.timeout_ms)).await?;
        self.run(None, 0..0, Some(message)).await
    }

    /// Takes a failed statement back, and notes what was said of its row when it has one.
    async fn set_back(&mut self, wrong: &SourceError, range: &Range<usize>) -> Result<(), SourceError> {
        if matches!(wrong, SourceError::Unreachable(_) | SourceError::Busy { .. }) {
            return Err(wrong.clone());
        }
        if range.len() == 1 {
            self.bad.insert(range.start, wrong.clone());
        }
        self.slow |= matches!(wrong, SourceError::TooSlow(_));
        if self.slow {
            let limit = (self.timeout_ms / SHARE).max(1);
            self.run_sql(&format!("{BACK}; SET LOCAL statement_timeout = {limit}")).await
        } else {
            self.run_sql(BACK).await
        }
    }

    /// Leaves the connection as it was found; when that fails the connection is broken and will be made anew.
    async fn roll_back(&self) {
        let _ = self.run_sql("ROLLBACK").await;
    }

    async fn run_sql(&self, sql: &str) -> Result<(), SourceError> {
        run_sql(self.link, sql, self.timeout_ms).await
    }

    /// Sends the statements of these writes, and what goes before and after them, without waiting in between; the first
    /// failure is the cause of those behind it.
    async fn run(
        &self,
        begin: Option<&str>,
        range: Range<usize>,
        mark: Option<&str>,
    ) -> Result<(), SourceError> {
        let limit = Duration::from_millis(self.timeout_ms.saturating_mul(2));
        let work = async {
            let mut sent = SentStatements::default();
            if let Some(begin) = begin {
                sent.send(async { run_sql(self.link, begin, self.timeout_ms).await.map_err(not_its_rows) })
                    .await;
            }
            let mut rest = &self.items[range];
            while let Some(first) = rest.first() {
                let same = rest.iter().take_while(|item| item.statement == first.statement).count();
                let rows = Rows::parse(&first.statement.0).filter(|_| same > 1);
                let size = rows.as_ref().map_or(1, |rows| rows.size(same));
                let (piece, behind) = rest.split_at(size);
                rest = behind;
                sent.send(self.piece(rows, piece)).await;
            }
            if let Some(mark) = mark {
                sent.send(async { self.mark(mark).await.map_err(not_its_rows) }).await;
            }
            sent.answered().await
        };
        tokio::time::timeout(limit, work).await.unwrap_or_else(|_| Err(silent(self.link, self.timeout_ms)))
    }

    /// One statement, for one write or for many rows of an INSERT.
    async fn piece(&self, rows: Option<Rows>, items: &[BatchItem]) -> Result<(), SourceError> {
        let Some(first) = items.first() else { return Ok(()) };
        let (sql, names) = match &rows {
            Some(rows) if items.len() > 1 => (rows.sql(items.len()).into(), Some(rows.names())),
            _ => (first.statement.0.clone(), None),
        };
        let told = |fault: LinkFault, proven| self.told(&sql, &fault, proven);
        let prepared = self.link.prepared(&sql, false).await.map_err(|wrong| told(wrong.into(), false))?;
        let prepared = prepared.get().expect("it was prepared just now");
        let bound = match names {
            Some(names) => bind(names, items),
            None => prepared.bind(&first.params),
        };
        let bound = bound.map_err(|wrong| told(wrong, false))?;
        match self.link.client.execute_raw(&prepared.statement, bound).await {
            Ok(_) => {
                prepared.proven.store(true, Ordering::Relaxed);
                Ok(())
            }
            Err(wrong) => Err(told(wrong.into(), prepared.proven.load(Ordering::Relaxed))),
        }
    }

    async fn mark(&self, message: &str) -> Result<(), SourceError> {
        let xid = fate::mark(self.link, message).await.map_err(|fault| fault.told(self.timeout_ms))?;
        // The second time, after statements that were taken back, it is the same.
        self.xid.get_or_init(|| xid);
        Ok(())
    }

    /// `proven`: the statement has run before.
    fn told(&self, sql: &Arc<str>, fault: &LinkFault, proven: bool) -> SourceError {
        match fault {
            LinkFault::Postgres(wrong) if error::is_outdated(wrong) || proven && error::is_unfit(wrong) => {
                self.link.forget(sql);
                not_its_rows(fault.told(self.timeout_ms))
            }
            LinkFault::Postgres(wrong) if error::is_passing(wrong) => {
                not_its_rows(fault.told(self.timeout_ms))
            }
            _ => fault.told(self.timeout_ms),
        }
    }
}

/// The parameters of all rows, one row after the other.
fn bind(names: &[Arc<str>], items: &[BatchItem]) -> Result<Vec<Bound>, LinkFault> {
    let each = items.iter().flat_map(|item| names.iter().map(move |name| (item, name)));
    let value = |(item, name): (&BatchItem, &Arc<str>)| {
        let param = item.params.iter().find(|param| param.name == *name);
        param.map(|param| Bound(param.value.clone())).ok_or_else(|| LinkFault::Unbound(name.clone()))
    };
    each.map(value).collect()
}

/// The failure says nothing of the rows: they are written another time.
fn not_its_rows(wrong: SourceError) -> SourceError {
    match wrong {
        SourceError::Unreachable(_) | SourceError::Busy { .. } => wrong,
        SourceError::Refused(message) => SourceError::Unreachable(message),
        SourceError::TooSlow(ms) => {
            SourceError::Unreachable(format!("an earlier batch has not ended within {ms} ms"))
        }
    }
}

/// The connection is given up: the next statement on it would wait behind the one that was not answered.
fn silent(link: &Link, timeout_ms: u64) -> SourceError {
    link.discard();
    SourceError::Unreachable(format!("the server did not end a statement after {timeout_ms} ms"))
}

async fn run_sql(link: &Link, sql: &str, timeout_ms: u64) -> Result<(), SourceError> {
    let limit = Duration::from_millis(timeout_ms.saturating_mul(2));
    let done = tokio::time::timeout(limit, link.client.batch_execute(sql)).await;
    done.map_err(|_| silent(link, timeout_ms))?.map_err(|wrong| error::told(&wrong, timeout_ms))
}

/// Smaller ranges, to find those at fault; none for a range of one. The first comes last, where it is taken from.
fn cut(range: Range<usize>) -> Vec<Range<usize>> {
    if range.len() < 2 {
        return Vec::new();
    }
    let size = range.len().div_ceil(PARTS);
    range.clone().step_by(size).rev().map(|from| from..range.end.min(from + size)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_range_is_cut_until_it_is_one_row() {
        assert!(cut(0..1).is_empty());
        assert_eq!(cut(3..5), [4..5, 3..4]);
        let parts = cut(10..510);
        assert_eq!(
            (parts.len(), parts.first().cloned(), parts.last().cloned()),
            (8, Some(451..510), Some(10..73))
        );
        assert_eq!(parts.into_iter().rev().flatten().collect::<Vec<_>>(), (10..510).collect::<Vec<_>>());
    }
}
