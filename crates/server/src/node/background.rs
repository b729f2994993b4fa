//! Work that outlives whoever asked for it: loads, and jobs that load keys ahead.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::Node;
use crate::warm::{AskedWarming, Plan, Report, WarmTotals, Warming, WarmingJob};

/// All of it.
pub(super) struct BackgroundWork {
    /// Where it runs.
    tasks: Handle,
    warming: Warming,
}

impl BackgroundWork {
    pub fn new(tasks: Handle) -> BackgroundWork {
        BackgroundWork { tasks, warming: Warming::default() }
    }

    /// Lets some work begin, which runs to its end whether anybody waits for it or not.
    pub fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.tasks.spawn(work)
    }

    /// Notes one more job that warms.
    ///
    /// # Errors
    /// Too many are running, or the node stops.
    pub fn begin_warming(
        &self,
        asked: &AskedWarming,
        plan: &Plan,
        unix_ms: i64,
    ) -> Result<Arc<WarmingJob>, String> {
        self.warming.begin(asked, plan, unix_ms)
    }
}

/// What surfaces ask of jobs that warm.
impl Node {
    /// Those that run and the last that have ended, the newest first.
    pub fn warming_jobs(&self) -> Vec<Report> {
        self.background.warming.list()
    }

    /// One of them.
    pub fn warming_job(&self, id: u64) -> Option<Report> {
        self.background.warming.get(id)
    }

    /// Ends one of them, if it has not ended, and says whether it was running; `None`: there is none of this number.
    /// [`WarmingJob::ended`] tells when it has.
    pub fn cancel_warming(&self, id: u64) -> Option<(Arc<WarmingJob>, bool)> {
        self.background.warming.cancel(id)
    }

    /// What all did.
    pub fn warming_totals(&self) -> WarmTotals {
        self.background.warming.totals()
    }

    /// Ends all, and lets none begin: the node stops.
    pub fn stop_warming(&self) {
        self.background.warming.close();
    }
}
