//! Many seeds, on several threads, with progress.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::check::Oldest;
use crate::counts::CountsOfWorlds;
use crate::options::Options;
use crate::run::{Mask, Report, run};

/// What many seeds gave together.
#[derive(Debug, Default)]
pub struct Sum {
    /// Seeds that ran.
    pub seeds: u64,
    /// Reports of those that failed, by seed.
    pub failed: Vec<Report>,
    /// Operations of clients, and of them those that were done.
    pub ops: u64,
    /// Of them, those that were done.
    pub done: u64,
    /// Steps of members and near caches.
    pub steps: u64,
    /// Messages.
    pub messages: u64,
    /// The oldest that bounded reads saw.
    pub oldest_bounded: Oldest,
    /// What happened how often, and in how many of them.
    pub counts: CountsOfWorlds,
    /// All runs in one number, whatever their order.
    pub hash: u64,
}

impl Sum {
    fn add(&mut self, report: Report) {
        self.seeds += 1;
        self.ops += report.ops as u64;
        self.done += report.done as u64;
        self.steps += report.steps;
        self.messages += report.messages;
        self.counts.add(&report.counts);
        for (oldest, seen) in self.oldest_bounded.iter_mut().zip(report.oldest_bounded) {
            *oldest = seen.max(*oldest);
        }
        self.hash = self.hash.wrapping_add(report.hash);
        if !report.violations.is_empty() {
            self.failed.push(report);
        }
    }
}

/// Runs the worlds that `make` makes of the seeds from `first` on; `shown` hears of each that ended and says whether to go
/// on. Ends early after `failures_most` failures.
pub fn run_many(
    first: u64,
    count: u64,
    threads: usize,
    failures_most: usize,
    make: impl Fn(u64) -> Options + Sync,
    shown: impl Fn(&Report) -> bool + Sync,
) -> Sum {
    let sum = Mutex::new(Sum::default());
    let (next, enough) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while !enough.load(Ordering::Relaxed) {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= count {
                        return;
                    }
                    let report = run(make(first + at), Mask::default());
                    let goes_on = shown(&report);
                    let mut sum = sum.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                    sum.add(report);
                    if !goes_on || sum.failed.len() >= failures_most {
                        enough.store(true, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let mut sum = sum.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    sum.failed.sort_by_key(|report| report.seed);
    sum
}

/// CPU time that this process has used, in seconds; 0 where the system does not tell.
pub fn cpu_seconds() -> f64 {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    // After the name: state is field 0, user and system time 11 and 12.
    fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / TICKS_PER_SECOND
}
