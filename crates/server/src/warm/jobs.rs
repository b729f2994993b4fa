//! All jobs of a node: few at once, and the last that have ended.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{AskedWarming, Plan, Report, State, WarmingJob};

/// Jobs that run at once.
const RUNNING_MOST: usize = 4;
/// Ended jobs that are still told of.
const ENDED_MOST: usize = 32;

/// The jobs.
#[derive(Default)]
pub struct Warming(Mutex<Jobs>);

#[derive(Default)]
struct Jobs {
    last: u64,
    closed: bool,
    all: BTreeMap<u64, Arc<WarmingJob>>,
    /// Of the jobs that are not told of any more.
    forgotten: WarmTotals,
}

/// What all jobs did since the node began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WarmTotals {
    /// Jobs under way.
    pub running: u64,
    /// Keys loaded.
    pub loaded: u64,
    /// Keys that were in memory and fresh.
    pub present: u64,
    /// Keys whose source has no such row.
    pub absent: u64,
    /// Keys that could not be loaded.
    pub failed: u64,
}

impl WarmTotals {
    fn add(&mut self, report: &Report) {
        self.running += u64::from(report.state == State::Running);
        self.loaded += report.loaded;
        self.present += report.present;
        self.absent += report.absent;
        self.failed += report.failed;
    }
}

/// Why no job was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// It cannot be told which keys are meant.
    Unclear(String),
    /// Too many are running.
    TooMany(String),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Unclear(why) | Refused::TooMany(why) => f.write_str(why),
        }
    }
}

impl Warming {
    /// One more job.
    pub(crate) fn begin(
        &self,
        asked: &AskedWarming,
        plan: &Plan,
        unix_ms: i64,
    ) -> Result<Arc<WarmingJob>, String> {
        let mut jobs = self.0.lock();
        if jobs.closed {
            return Err("the node stops".into());
        }
        let running: Vec<_> = jobs.all.values().filter(|job| job.is_running()).map(|job| job.id).collect();
        if running.len() >= RUNNING_MOST {
            let ids = running.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
            return Err(format!(
                "{RUNNING_MOST} jobs are warming already, and no more may at once: wait for one of {ids}, or cancel it"
            ));
        }
        jobs.last += 1;
        let job = Arc::new(WarmingJob::new(jobs.last, asked, plan.total, unix_ms));
        jobs.all.insert(job.id, job.clone());
        jobs.forget();
        Ok(job)
    }

    /// All that is told of, the newest first.
    pub fn list(&self) -> Vec<Report> {
        self.0.lock().all.values().rev().map(|job| job.report()).collect()
    }

    /// One of them.
    pub fn get(&self, id: u64) -> Option<Report> {
        self.0.lock().all.get(&id).map(|job| job.report())
    }

    /// Ends one of them, if it has not ended, and says whether it was running; `None`: there is none of this number.
    /// [`WarmingJob::ended`] tells when it has.
    pub fn cancel(&self, id: u64) -> Option<(Arc<WarmingJob>, bool)> {
        let job = self.0.lock().all.get(&id).cloned()?;
        let was_running = job.cancel();
        Some((job, was_running))
    }

    /// Ends all, and lets none begin: the node stops.
    pub(crate) fn close(&self) {
        let mut jobs = self.0.lock();
        jobs.closed = true;
        for job in jobs.all.values() {
            job.cancel();
        }
    }

    /// What all did.
    pub fn totals(&self) -> WarmTotals {
        let jobs = self.0.lock();
        let mut totals = jobs.forgotten;
        jobs.all.values().for_each(|job| totals.add(&job.report()));
        totals
    }
}

impl Jobs {
    fn forget(&mut self) {
        let ended: Vec<u64> = self.all.values().filter(|job| !job.is_running()).map(|job| job.id).collect();
        for id in ended.iter().take(ended.len().saturating_sub(ENDED_MOST)) {
            if let Some(job) = self.all.remove(id) {
                self.forgotten.add(&job.report());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::job::Fate;
    use super::*;

    fn begin(warming: &Warming) -> Result<Arc<WarmingJob>, String> {
        warming.begin(&AskedWarming::default(), &Plan::default(), 0)
    }

    #[test]
    fn few_run_at_once_and_the_last_that_ended_are_told_of() {
        let warming = Warming::default();
        let running: Vec<_> = (0..RUNNING_MOST).map(|_| begin(&warming).expect("a job")).collect();
        let refused = begin(&warming).map(|job| job.id);
        assert_eq!(
            refused,
            Err("4 jobs are warming already, and no more may at once: wait for one of 1, 2, 3, 4, or cancel it".into())
        );
        running[0].end(State::Done, 0);
        for _ in 0..2 * ENDED_MOST {
            let job = begin(&warming).expect("a place is free");
            job.fate(Fate::Loaded);
            job.end(State::Done, 0);
        }
        let listed = warming.list();
        assert!(listed.len() <= RUNNING_MOST + ENDED_MOST, "{}", listed.len());
        assert_eq!(
            listed.iter().filter(|job| job.state == State::Running).count(),
            3,
            "none of them is forgotten"
        );
        let totals = warming.totals();
        assert_eq!((totals.running, totals.loaded), (3, 2 * ENDED_MOST as u64));
        assert!(warming.get(1).is_none() && warming.cancel(99).is_none());
        warming.close();
        assert_eq!(begin(&warming).map(|job| job.id), Err("the node stops".into()));
    }
}
