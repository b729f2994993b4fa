//! A job of warming at work.

use std::sync::Arc;
use std::time::{Duration, Instant};

use clearwell_engine::Millis;
use tokio::task::{JoinError, JoinSet};

use super::Node;
use super::warm::{Due, DueFound, Unwarmed};
use crate::warm::{Fate, Listed, Pace, Plan, PlanPart, State, WarmingJob, Width};

/// Keys that are looked at before others of this thread have their turn.
const ROUND: u32 = 64;
/// How often a job that waits for a source's feed looks again.
const DOUBT: Duration = Duration::from_millis(50);
/// What became of a load: its key, whether it has a value, and how many milliseconds it took.
type Loaded = (Box<[u8]>, Result<bool, Unwarmed>, u64);

/// So many loads in a row that the source did not answer end a job.
const SILENCES_MOST: u32 = 10;

/// Works until it is through, or cancelled: then what is on its way is dropped, and its readers load for themselves.
pub async fn run(node: Arc<Node>, job: Arc<WarmingJob>, plan: Plan) {
    let state = tokio::select! {
        done = Warmer::new(&node, &job).all(plan) => match done {
            Ok(()) => State::Done,
            Err(why) => {
                job.note(why);
                State::Failed
            }
        },
        () = job.is_cancelled() => State::Cancelled,
    };
    job.end(state, node.clock.unix_ms());
}

struct Warmer<'j> {
    node: &'j Arc<Node>,
    job: &'j WarmingJob,
    refresh: bool,
    pace: Pace,
    width: Width,
    loads: JoinSet<Loaded>,
    /// Looked at since others had their turn.
    looked: u32,
    /// Loads in a row that the source did not answer.
    silences: u32,
}

impl<'j> Warmer<'j> {
    fn new(node: &'j Arc<Node>, job: &'j WarmingJob) -> Warmer<'j> {
        let asked = job.report().asked;
        let (loads, pace, refresh) = (JoinSet::new(), Pace::new(asked.rate), asked.refresh);
        Warmer { node, job, refresh, pace, width: Width::new(), loads, looked: 0, silences: 0 }
    }

    async fn all(mut self, plan: Plan) -> Result<(), String> {
        for part in plan.parts {
            match part {
                PlanPart::Keys(keys) => {
                    for key in keys {
                        self.key(key).await?;
                    }
                }
                PlanPart::Numbers(numbers) => {
                    for key in numbers.keys() {
                        self.key(key).await?;
                    }
                }
                PlanPart::Listed(listed) => self.listed(&listed).await?,
            }
        }
        while !self.loads.is_empty() {
            self.settle().await?;
        }
        Ok(())
    }

    /// All of a keyspace's keys that are meant, a page at a time.
    async fn listed(&mut self, listed: &Listed) -> Result<(), String> {
        let name = &listed.keyspace.name;
        let (Some(backing), Some(statement)) = (&listed.keyspace.backing, listed.statement()) else {
            return Err(format!("keyspace {name} lists no keys"));
        };
        let mut pages = backing.source.list(statement);
        let mut counted = false;
        while let Some(page) = pages.next().await.map_err(|error| format!("keys of {name}: {error}"))? {
            if !std::mem::replace(&mut counted, true) {
                self.job.more(page.total);
            }
            for row in &page.rows {
                match listed.key(&self.node.keyspaces, row) {
                    Ok(Some(key)) => self.key(key).await?,
                    Ok(None) => {
                        self.job.listed();
                        self.yield_now().await;
                    }
                    Err(why) => {
                        self.job.listed();
                        self.job.failed(format!("a row of keys of {name}: {why}"));
                    }
                }
            }
        }
        Ok(())
    }

    async fn key(&mut self, key: Box<[u8]>) -> Result<(), String> {
        self.job.listed();
        match self.node.find_due(&key, self.refresh) {
            DueFound::WithoutSource => self.job.fate(Fate::WithoutSource),
            DueFound::Fresh { has_value: true } => self.job.fate(Fate::Present),
            DueFound::Fresh { has_value: false } => self.job.fate(Fate::Absent),
            DueFound::Due(due) => return self.load(key, due).await,
        }
        self.yield_now().await;
        Ok(())
    }

    /// Begins a load when there is room for it, and it is time.
    async fn load(&mut self, key: Box<[u8]>, due: Due) -> Result<(), String> {
        while self.loads.len() >= self.width.now() {
            self.settle().await?;
        }
        while let Err(at) = self.pace.take(self.node.clock.tick()) {
            self.until(at).await?;
        }
        while let Some(why) = due.doubt() {
            self.job.waits(Some(&why));
            tokio::time::sleep(DOUBT).await;
        }
        self.job.waits(None);
        let node = self.node.clone();
        self.loads.spawn(async move {
            let began = Instant::now();
            let loaded = node.load_due(&due).await;
            (key, loaded, u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX))
        });
        Ok(())
    }

    /// Waits for a moment, and takes what ends meanwhile.
    async fn until(&mut self, at: Millis) -> Result<(), String> {
        let left = Duration::from_millis(at.since(self.node.clock.tick()));
        if self.loads.is_empty() {
            tokio::time::sleep(left).await;
            return Ok(());
        }
        match tokio::time::timeout(left, self.loads.join_next()).await {
            Ok(Some(done)) => self.took(done),
            Ok(None) | Err(_) => Ok(()),
        }
    }

    async fn settle(&mut self) -> Result<(), String> {
        match self.loads.join_next().await {
            Some(done) => self.took(done),
            None => Ok(()),
        }
    }

    fn took(&mut self, done: Result<Loaded, JoinError>) -> Result<(), String> {
        let (key, loaded, ms) = done.map_err(|error| format!("a load ended early: {error}"))?;
        self.width.took(ms);
        let is_silence = matches!(&loaded, Err(Unwarmed::Source(error)) if error.is_silence());
        self.silences = if is_silence { self.silences + 1 } else { 0 };
        match loaded {
            Ok(true) => self.job.fate(Fate::Loaded),
            Ok(false) => self.job.fate(Fate::Absent),
            Err(why) => self.job.failed(format!("{}: {why}", String::from_utf8_lossy(&key))),
        }
        if self.silences >= SILENCES_MOST {
            return Err(format!("given up: the source did not answer {SILENCES_MOST} loads in a row"));
        }
        Ok(())
    }

    /// Lets others of this thread have their turn now and then.
    async fn yield_now(&mut self) {
        self.looked += 1;
        if self.looked >= ROUND {
            self.looked = 0;
            tokio::task::yield_now().await;
        }
    }
}
