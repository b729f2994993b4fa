//! One job: what it is to do, how far it is, and how it ended.

use std::collections::VecDeque;
use std::fmt;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::AskedWarming;

/// Errors that are kept of a job: the last.
const ERRORS_MOST: usize = 5;

/// A job that loads keys.
pub struct WarmingJob {
    /// Names it on this node.
    pub id: u64,
    asked: JobSummary,
    began: Instant,
    progress: Mutex<JobProgress>,
    /// Turns true when it is to end.
    cancelled: watch::Sender<bool>,
    ended: watch::Sender<bool>,
}

/// What was asked for, without the keys themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobSummary {
    /// How many keys were named.
    pub keys: u64,
    /// The pattern.
    pub pattern: Option<String>,
    /// The tags.
    pub tags: Vec<String>,
    /// Keys a second that are loaded at most.
    pub rate: u32,
    /// Whether what is fresh is loaded again.
    pub refresh: bool,
}

/// How a job goes, or how it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is under way.
    Running,
    /// It has gone through all keys.
    Done,
    /// It was ended before.
    Cancelled,
    /// It could not go on.
    Failed,
}

impl State {
    /// Its name on every surface.
    pub fn name(self) -> &'static str {
        match self {
            State::Running => "running",
            State::Done => "done",
            State::Cancelled => "cancelled",
            State::Failed => "failed",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What became of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is loaded.
    Loaded,
    /// It was in memory and fresh.
    Present,
    /// Its source has no such row.
    Absent,
    /// No keyspace with a source has it.
    WithoutSource,
}

/// How far a job is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct JobProgress {
    ended: Option<(State, Instant, i64)>,
    started_unix_ms: i64,
    total: Option<u64>,
    listed: u64,
    loaded: u64,
    present: u64,
    absent: u64,
    without_source: u64,
    failed: u64,
    errors: VecDeque<String>,
    waiting: Option<String>,
}

/// A job at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Report {
    pub id: u64,
    pub state: State,
    pub asked: JobSummary,
    /// Keys and rows to go through, as far as that is known.
    pub total: Option<u64>,
    /// Those gone through.
    pub listed: u64,
    pub loaded: u64,
    pub present: u64,
    pub absent: u64,
    pub without_source: u64,
    pub failed: u64,
    pub errors: Vec<String>,
    /// What it waits for, when it cannot go on just now.
    pub waiting: Option<String>,
    pub started_unix_ms: i64,
    pub ended_unix_ms: Option<i64>,
    pub elapsed_ms: u64,
}

impl WarmingJob {
    /// One that begins now.
    pub(super) fn new(id: u64, asked: &AskedWarming, total: Option<u64>, unix_ms: i64) -> WarmingJob {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let pattern = asked.pattern.as_ref().map(|glob| text(glob.as_bytes()));
        let summary = JobSummary {
            keys: asked.keys.len() as u64,
            pattern: pattern.or_else(|| asked.numbers.as_ref().map(super::Numbers::shown)),
            tags: asked.tags.iter().map(|tag| text(tag)).collect(),
            rate: asked.rate,
            refresh: asked.refresh,
        };
        let progress = JobProgress { total, started_unix_ms: unix_ms, ..JobProgress::default() };
        let (cancelled, ended) = (watch::Sender::new(false), watch::Sender::new(false));
        WarmingJob {
            id,
            asked: summary,
            began: Instant::now(),
            progress: Mutex::new(progress),
            cancelled,
            ended,
        }
    }

    /// Asks it to end; what is on its way is dropped. Whether it was running until now: it may have ended before this returns.
    pub(super) fn cancel(&self) -> bool {
        let was_running = self.is_running();
        self.cancelled.send_replace(true);
        was_running
    }

    /// Answers when it is to end.
    pub(crate) async fn is_cancelled(&self) {
        let mut cancelled = self.cancelled.subscribe();
        // The sender lives as long as this does.
        let _told = cancelled.wait_for(|cancelled| *cancelled).await;
    }

    /// Answers when it has ended.
    pub async fn ended(&self) {
        let mut ended = self.ended.subscribe();
        let _told = ended.wait_for(|ended| *ended).await;
    }

    /// Whether it is under way.
    pub fn is_running(&self) -> bool {
        self.progress.lock().ended.is_none()
    }

    /// It has ended so.
    pub(crate) fn end(&self, state: State, unix_ms: i64) {
        {
            let mut progress = self.progress.lock();
            progress.ended = Some((state, Instant::now(), unix_ms));
            progress.waiting = None;
        }
        self.ended.send_replace(true);
    }

    /// So many more rows are to be gone through.
    pub(crate) fn more(&self, rows: u64) {
        let mut progress = self.progress.lock();
        progress.total = Some(progress.total.unwrap_or(0).saturating_add(rows));
    }

    /// One key or row was gone through, or begun.
    pub(crate) fn listed(&self) {
        self.progress.lock().listed += 1;
    }

    /// That became of a key.
    pub(crate) fn fate(&self, fate: Fate) {
        let mut progress = self.progress.lock();
        let count = match fate {
            Fate::Loaded => &mut progress.loaded,
            Fate::Present => &mut progress.present,
            Fate::Absent => &mut progress.absent,
            Fate::WithoutSource => &mut progress.without_source,
        };
        *count += 1;
    }

    /// A key was not warmed, for this reason.
    pub(crate) fn failed(&self, error: String) {
        let mut progress = self.progress.lock();
        progress.failed += 1;
        progress.note(error);
    }

    /// Something went wrong with all of it.
    pub(crate) fn note(&self, error: String) {
        self.progress.lock().note(error);
    }

    /// What it waits for.
    pub(crate) fn waits(&self, why: Option<&str>) {
        self.progress.lock().waiting = why.map(str::to_owned);
    }

    /// How far it is.
    pub fn report(&self) -> Report {
        let progress = self.progress.lock().clone();
        let ended = progress.ended;
        let until = ended.map_or_else(Instant::now, |(_, at, _)| at);
        let elapsed = until.saturating_duration_since(self.began).as_millis();
        Report {
            id: self.id,
            state: ended.map_or(State::Running, |(state, ..)| state),
            asked: self.asked.clone(),
            total: progress.total,
            listed: progress.listed,
            loaded: progress.loaded,
            present: progress.present,
            absent: progress.absent,
            without_source: progress.without_source,
            failed: progress.failed,
            errors: progress.errors.into(),
            waiting: progress.waiting,
            started_unix_ms: progress.started_unix_ms,
            ended_unix_ms: ended.map(|(.., unix_ms)| unix_ms),
            elapsed_ms: u64::try_from(elapsed).unwrap_or(u64::MAX),
        }
    }
}

impl JobProgress {
    fn note(&mut self, error: String) {
        if self.errors.len() == ERRORS_MOST {
            self.errors.pop_front();
        }
        self.errors.push_back(error);
    }
}
