//! Group commit: one thread writes what waits and syncs once for all of it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use super::log::Log;
use super::{Entry, Figures, Job, JournalError, Order};

/// Bytes that one sync covers at most: bounds the memory and the wait of the first of them.
const GROUP_BYTES: usize = 8 << 20;
/// Records that one sync covers at most.
const GROUP_RECORDS: usize = 8192;

/// Works until nobody is left who could append.
pub fn run(log: Log, jobs: Receiver<Job>, figures: &Arc<Figures>, order: Order) {
    let mut writer = GroupWriter { log, jobs: JobQueue { jobs, early: VecDeque::new() }, figures, order };
    while let Some(job) = writer.jobs.next() {
        match job {
            Job::Append(entry) => writer.append(entry),
            Job::Rewrite(entries) => writer.copy(entries()),
            Job::Trim(keep) => {
                if let Err(error) = writer.log.trim(keep().unwrap_or(u64::MAX)) {
                    tracing::warn!(%error, "the journal keeps what it no longer needs");
                }
            }
        }
        figures.bytes.store(writer.log.bytes(), Relaxed);
    }
}

/// What is to be done, in its order.
struct JobQueue {
    jobs: Receiver<Job>,
    /// What came while the disk took nothing.
    early: VecDeque<Job>,
}

impl JobQueue {
    /// The next one; `None` when nobody is left who could give one.
    fn next(&mut self) -> Option<Job> {
        self.early.pop_front().or_else(|| self.jobs.recv().ok())
    }

    /// Takes what waits already into a group, up to the first that is no append.
    fn gather(&mut self, group: &mut Vec<Entry>) {
        let mut bytes = group.iter().map(|entry| entry.payload.len()).sum::<usize>();
        while bytes < GROUP_BYTES && group.len() < GROUP_RECORDS {
            match self.early.pop_front().map_or_else(|| self.jobs.try_recv(), Ok) {
                Ok(Job::Append(entry)) => {
                    bytes += entry.payload.len();
                    group.push(entry);
                }
                Ok(other) => return self.early.push_front(other),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return,
            }
        }
    }

    /// Waits so long. Says whether somebody is left who could append.
    fn wait(&mut self, long: Duration) -> bool {
        let until = Instant::now() + long;
        loop {
            match self.jobs.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(job) => self.early.push_back(job),
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
    }
}

struct GroupWriter<'w> {
    log: Log,
    jobs: JobQueue,
    figures: &'w Figures,
    order: Order,
}

impl GroupWriter<'_> {
    fn append(&mut self, first: Entry) {
        let mut group = vec![first];
        self.jobs.gather(&mut group);
        let mut written = self.write(&group);
        if let Order::Strict { again } = self.order {
            while written.is_err() && self.jobs.wait(again) {
                written = self.write(&group);
            }
        }
        answer(group, &written);
        if let (Order::Strict { .. }, Err(error)) = (self.order, &written) {
            self.refuse_rest(error);
        }
    }

    /// Nobody waits for the disk any more. What is behind something that it did not take must not become durable.
    fn refuse_rest(&mut self, error: &JournalError) {
        for job in self.jobs.early.drain(..) {
            if let Job::Append(entry) = job {
                (entry.then)(Err(error.clone()));
            }
        }
    }

    fn copy(&mut self, entries: Vec<Entry>) {
        if !entries.is_empty() {
            let written = self.write(&entries);
            answer(entries, &written);
        }
    }

    fn write(&mut self, group: &[Entry]) -> Result<u64, JournalError> {
        let written = self.log.write(group.iter().map(|entry| &entry.payload[..]));
        match &written {
            Ok(_) => {
                self.figures.syncs.fetch_add(1, Relaxed);
                self.figures.records.fetch_add(group.len() as u64, Relaxed);
                if self.figures.failing.swap(false, Relaxed) {
                    tracing::info!("the disk takes writes again");
                }
            }
            Err(error) => {
                self.figures.failures.fetch_add(1, Relaxed);
                if !self.figures.failing.swap(true, Relaxed) {
                    match self.order {
                        Order::Apart => tracing::error!(%error, "writes are refused"),
                        Order::Strict { .. } => {
                            tracing::warn!(%error, "nothing is acknowledged until the disk takes it")
                        }
                    }
                }
            }
        }
        written
    }
}

fn answer(group: Vec<Entry>, written: &Result<u64, JournalError>) {
    for (entry, place) in group.into_iter().zip(0..) {
        (entry.then)(written.clone().map(|first| first + place));
    }
}
