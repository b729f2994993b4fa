//! A replay under way: what its connections share. Decides what is sent next and what an answer means; the
//! connections carry it.

use std::time::Duration;

use clearwell_protocol::Value;

use super::checker::{Checker, Commit, Finding, WriteCounts, group_of};
use super::dialect::{Dialect, RequestBatch};
use super::fills::{Fills, RowFill};
use super::keys::Keys;
use super::tally::{ReplayTally, TimedCommand};
use super::trace::TraceError;
use super::value;
use super::workload::{RequestKind, Workload};
use crate::cli::wire::pairs;

/// How the requests are carried out.
#[derive(Debug, Clone)]
pub struct ReplayPlan {
    /// Requests that a connection sends before it waits for their answers.
    pub pipeline: usize,
    /// Requests in all; `None`: to the end of the trace.
    pub requests: Option<u64>,
    /// The share of fills that are held back, from 0 to 1.
    pub slow_fills: f64,
    /// For how many requests.
    pub slow_by: u64,
    /// Whether any connection may send a fill, as with a client's pool, or only the one that missed.
    pub pool: bool,
    /// Names this run within values.
    pub run: u64,
    /// Of what chance decides here.
    pub seed: u64,
}

/// A request that waits for its answer.
#[derive(Debug)]
pub enum SentRequest {
    /// A read of a key; the oldest row that it may find; whether it asked for a lease.
    Read { key: u32, oldest: WriteCounts, leased: bool },
    /// A read at the end, which is not filled.
    Sweep { key: u32, oldest: WriteCounts },
    /// A fill; whether it had a lease.
    Fill { leased: bool },
    /// The invalidation of a commit.
    Invalidation(Commit),
}

/// What the connections share.
pub struct ReplaySession {
    /// How.
    pub plan: ReplayPlan,
    /// The counts.
    pub tally: ReplayTally,
    dialect: Dialect,
    workload: Workload,
    random: fastrand::Rng,
    keys: Keys,
    checker: Checker,
    pool: Fills,
    ended: bool,
    swept: Option<u32>,
    scratch: Vec<u8>,
}

/// One group change in so many goes by a pattern: it walks over the whole cache.
const PATTERNS: u32 = 512;

impl ReplaySession {
    /// A replay that begins.
    pub fn new(plan: ReplayPlan, dialect: Dialect, workload: Workload, prefix: &str) -> ReplaySession {
        ReplaySession {
            random: fastrand::Rng::with_seed(plan.seed ^ 0x5eed),
            plan,
            tally: ReplayTally::new(),
            dialect,
            workload,
            keys: Keys::new(prefix),
            checker: Checker::default(),
            pool: Fills::default(),
            ended: false,
            swept: None,
            scratch: Vec::new(),
        }
    }

    /// Stops: no new requests; what is under way is finished.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Begins to read every key once more.
    pub fn begin_sweep(&mut self) {
        self.swept = Some(0);
    }

    /// Bytes of the trace read, and its length.
    pub fn progress(&self) -> Option<(u64, u64)> {
        self.workload.progress()
    }

    /// Writes the next batch of a connection: fills that are due, then requests. An empty one: this connection is done.
    ///
    /// # Errors
    /// The trace cannot be read on.
    pub fn plan_batch(
        &mut self,
        own: &mut Fills,
        batch: &mut RequestBatch,
        sent: &mut Vec<SentRequest>,
    ) -> Result<(), TraceError> {
        while sent.len() < self.plan.pipeline {
            let so_far = if self.ended { u64::MAX } else { self.tally.requests };
            let planned = if let Some(fill) = own.take(so_far).or_else(|| self.pool.take(so_far)) {
                Some(self.plan_fill(batch, fill))
            } else if self.swept.is_some() {
                self.plan_sweep(batch)
            } else {
                self.plan_request(batch)?
            };
            match planned {
                Some(request) => sent.push(request),
                None => break,
            }
        }
        Ok(())
    }

    fn plan_request(&mut self, batch: &mut RequestBatch) -> Result<Option<SentRequest>, TraceError> {
        self.ended |= self.plan.requests.is_some_and(|most| self.tally.requests >= most);
        if self.ended {
            return Ok(None);
        }
        let Some(request) = self.workload.next()? else {
            self.ended = true;
            return Ok(None);
        };
        self.tally.requests += 1;
        let kind = request.kind;
        let (key, new) = self.keys.number(request.key, request.size);
        if new {
            self.checker.add();
        }
        Ok(Some(match kind {
            RequestKind::Read => self.plan_read(batch, key),
            RequestKind::Write => self.plan_write(batch, key),
            RequestKind::Change => self.plan_change(batch, group_of(key)),
        }))
    }

    fn plan_read(&mut self, batch: &mut RequestBatch, key: u32) -> SentRequest {
        let leased = self.dialect.tags(group_of(key));
        self.dialect.read(batch, &self.keys, key, leased);
        SentRequest::Read { key, oldest: self.checker.oldest(key), leased }
    }

    fn plan_write(&mut self, batch: &mut RequestBatch, key: u32) -> SentRequest {
        self.tally.writes += 1;
        let commit = self.checker.write(key);
        let plainly = self.random.bool();
        self.dialect.write(batch, &self.keys, key, plainly);
        SentRequest::Invalidation(commit)
    }

    fn plan_change(&mut self, batch: &mut RequestBatch, group: u32) -> SentRequest {
        let by_pattern = self.random.u32(0..PATTERNS) == 0;
        match () {
            () if self.dialect.tags(group) => self.tally.tag_changes += 1,
            () if by_pattern && self.dialect == Dialect::Clearwell => self.tally.pattern_changes += 1,
            () => self.tally.key_changes += 1,
        }
        let commit = self.checker.change(group);
        self.dialect.change(batch, &self.keys, group, by_pattern);
        SentRequest::Invalidation(commit)
    }

    fn plan_fill(&mut self, batch: &mut RequestBatch, fill: RowFill) -> SentRequest {
        self.tally.fills += 1;
        self.scratch.clear();
        value::write(&mut self.scratch, self.plan.run, fill.key, fill.version, self.keys.size(fill.key));
        self.dialect.fill(batch, &self.keys, fill.key, fill.lease.as_deref(), &self.scratch);
        SentRequest::Fill { leased: fill.lease.is_some() }
    }

    fn plan_sweep(&mut self, batch: &mut RequestBatch) -> Option<SentRequest> {
        let key = self.swept.filter(|&key| key < self.keys.len())?;
        self.swept = Some(key + 1);
        self.dialect.read(batch, &self.keys, key, false);
        Some(SentRequest::Sweep { key, oldest: self.checker.oldest(key) })
    }

    /// Takes the answer to what was sent.
    pub fn answered(&mut self, own: &mut Fills, sent: SentRequest, answer: Value, time: Duration) {
        let timed = match sent {
            SentRequest::Read { .. } => Some(TimedCommand::Read),
            SentRequest::Fill { .. } => Some(TimedCommand::Fill),
            SentRequest::Invalidation(_) => Some(TimedCommand::Invalidation),
            SentRequest::Sweep { .. } => None,
        };
        if let Some(timed) = timed {
            self.tally.took(timed, time);
        }
        if let Some(error) = answer.as_error() {
            return self.tally.error(|| String::from_utf8_lossy(error).into_owned());
        }
        match sent {
            SentRequest::Read { key, oldest, leased } => self.read(own, key, oldest, leased, answer),
            SentRequest::Sweep { key, oldest } => self.sweep(key, oldest, &answer),
            SentRequest::Fill { leased: true } if answer == Value::Integer(0) => {
                self.tally.leased_refused += 1
            }
            SentRequest::Fill { .. } => {}
            SentRequest::Invalidation(commit) => self.checker.acknowledge(commit),
        }
    }

    fn read(&mut self, own: &mut Fills, key: u32, oldest: WriteCounts, leased: bool, answer: Value) {
        let (value, lease) = if leased { known(answer) } else { (answer, None) };
        if let Some(value) = value.as_bytes() {
            self.tally.hits += 1;
            if self.judge(key, oldest, value) == Some(Finding::Stale) {
                self.tally.stale_reads += 1;
            }
            return;
        }
        self.tally.misses += 1;
        let fill = RowFill { key, version: self.checker.row(key), lease };
        let fills = if self.plan.pool { &mut self.pool } else { own };
        if self.plan.slow_fills > 0.0 && self.random.f64() < self.plan.slow_fills {
            self.tally.fills_held += 1;
            fills.hold(fill, self.tally.requests.saturating_add(self.plan.slow_by));
        } else {
            fills.add(fill);
        }
    }

    fn sweep(&mut self, key: u32, oldest: WriteCounts, answer: &Value) {
        self.tally.swept += 1;
        let Some(value) = answer.as_bytes() else { return };
        self.tally.swept_hits += 1;
        if self.judge(key, oldest, value) == Some(Finding::Stale) {
            self.tally.stale_left += 1;
        }
    }

    fn judge(&mut self, key: u32, oldest: WriteCounts, value: &[u8]) -> Option<Finding> {
        let Some((_, _, found)) =
            value::read(value).filter(|(run, of, _)| (*run, *of) == (self.plan.run, key))
        else {
            self.tally.error(|| format!("a value that this run did not write: {}", shown(value)));
            return None;
        };
        let finding = self.checker.judge(key, oldest, found);
        match finding {
            Finding::Fresh => {}
            Finding::Stale => {
                let (keys, scratch) = (&self.keys, &mut self.scratch);
                self.tally.first_stale.get_or_insert_with(|| {
                    keys.name(key, scratch);
                    format!("{} held {found:?} when {oldest:?} was acknowledged", shown(scratch))
                });
            }
            Finding::Impossible => {
                self.tally.error(|| format!("a row that was never committed: {}", shown(value)))
            }
        }
        Some(finding)
    }
}

/// The value and the lease in what CW.GET tells: a map, in RESP2 written as an array.
fn known(answer: Value) -> (Value, Option<Vec<u8>>) {
    let (mut value, mut lease) = (Value::Null, None);
    for (name, known) in pairs(answer) {
        match name.as_bytes() {
            Some(b"value") => value = known,
            Some(b"lease") => lease = known.as_bytes().map(<[u8]>::to_vec),
            _ => {}
        }
    }
    (value, lease)
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.get(..60).unwrap_or(bytes)).into_owned()
}
