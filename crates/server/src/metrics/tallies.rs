//! What a node counts by keyspace and by source. Reads are counted by the engine, by class: a keyspace's is its place in the
//! configuration, from 1 on; 0 is all keys that no keyspace matches.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use clearwell_engine::{Millis, Reads};
use parking_lot::Mutex;

use super::stages::{StageFigures, Stages};
use super::stripes::Stripes;
use super::window::SecondsRing;
use super::{RequestEnded, Timed, Timings};

/// What names the keys of no keyspace among the keyspaces.
pub const NO_KEYSPACE: &str = "(none)";

/// The counters of a node.
pub struct Tallies {
    classes: Box<[KeyspaceTally]>,
    sources: BTreeMap<Arc<str>, Stages>,
    asked: Timings,
    writes: Stripes,
    window: Mutex<SecondsRing<Box<[Totals]>>>,
}

/// One keyspace's.
struct KeyspaceTally {
    name: Arc<str>,
    direct: AtomicU64,
    loads: Timings,
    applied: Timings,
}

/// How often keys of a keyspace were read and written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Reads that memory was asked for.
    pub reads: Reads,
    /// Reads that it was not asked for: the level, or a write that the source does not have yet, did not allow it.
    pub direct: u64,
    /// Values written, changed and removed by clients.
    pub writes: u64,
}

/// The figures of one keyspace.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KeyspaceFigures {
    /// Since the start.
    pub totals: Totals,
    /// In the last minute.
    pub recent: Totals,
    /// The seconds that those are of.
    pub window_seconds: f64,
    /// What loads took, those that failed included.
    pub loads: Timed,
    /// From commits in the source to their effect here.
    pub applied: Timed,
}

impl Totals {
    /// Reads and writes.
    pub fn operations(&self) -> u64 {
        self.asked().saturating_add(self.direct).saturating_add(self.writes)
    }

    /// What part of the reads memory answered; 0 of none.
    pub fn hit_rate(&self) -> f64 {
        let hits = self.reads.hits.saturating_add(self.reads.stale_hits);
        if self.asked() == 0 { 0.0 } else { hits as f64 / self.asked() as f64 }
    }

    fn asked(&self) -> u64 {
        self.reads.hits.saturating_add(self.reads.stale_hits).saturating_add(self.reads.misses)
    }

    fn since(&self, earlier: &Totals) -> Totals {
        let (now, then) = (&self.reads, &earlier.reads);
        let reads = Reads {
            hits: now.hits.wrapping_sub(then.hits),
            stale_hits: now.stale_hits.wrapping_sub(then.stale_hits),
            misses: now.misses.wrapping_sub(then.misses),
        };
        let (direct, writes) =
            (self.direct.wrapping_sub(earlier.direct), self.writes.wrapping_sub(earlier.writes));
        Totals { reads, direct, writes }
    }
}

impl KeyspaceFigures {
    /// Reads and writes a second, of the last minute.
    pub fn operations_per_second(&self) -> f64 {
        if self.window_seconds > 0.0 { self.recent.operations() as f64 / self.window_seconds } else { 0.0 }
    }
}

impl Tallies {
    /// For keyspaces, in their order, and sources.
    pub fn new(
        keyspaces: impl IntoIterator<Item = Arc<str>>,
        sources: impl IntoIterator<Item = Arc<str>>,
    ) -> Tallies {
        let names = std::iter::once(NO_KEYSPACE.into()).chain(keyspaces);
        let tally = |name| KeyspaceTally {
            name,
            direct: AtomicU64::new(0),
            loads: Timings::default(),
            applied: Timings::default(),
        };
        let classes: Box<[KeyspaceTally]> = names.map(tally).collect();
        let none = vec![Totals::default(); classes.len()].into();
        Tallies {
            sources: sources.into_iter().map(|name| (name, Stages::default())).collect(),
            asked: Timings::default(),
            writes: Stripes::new(classes.len()),
            window: Mutex::new(SecondsRing::new(none)),
            classes,
        }
    }

    /// A client wrote, changed or removed a value.
    #[inline]
    pub fn wrote(&self, class: u32) {
        self.writes.count(class as usize);
    }

    /// A read was answered without asking memory.
    pub fn read_directly(&self, class: u32) {
        if let Some(tally) = self.classes.get(class as usize) {
            tally.direct.fetch_add(1, Relaxed);
        }
    }

    /// A load ended.
    pub fn loaded(&self, class: u32, now: Millis, nanos: u64, failed: bool) {
        if let Some(tally) = self.classes.get(class as usize) {
            tally.loads.record(now, nanos, if failed { RequestEnded::Failed } else { RequestEnded::Well });
        }
    }

    /// A source's commit was applied, which can have reached these classes.
    pub fn applied(
        &self,
        source: &str,
        classes: &[u32],
        now: Millis,
        after_us: Option<i64>,
        received_to_applied: u64,
    ) {
        let Some(stages) = self.sources.get(source) else { return };
        stages.applied(now, after_us, received_to_applied, |in_all| {
            for tally in classes.iter().filter_map(|class| self.classes.get(*class as usize)) {
                tally.applied.record(now, in_all, RequestEnded::Well);
            }
        });
    }

    /// An invalidation that a client asked for was applied, so long after it was asked for.
    pub fn asked(&self, now: Millis, nanos: u64) {
        self.asked.record(now, nanos, RequestEnded::Well);
    }

    /// Moves the window's end to now, when the engine had counted these reads. To be called about once a second.
    pub fn tick(&self, now: Millis, reads: &[Reads]) {
        let totals = self.totals(reads);
        self.window.lock().tick(now, totals);
    }

    /// The figures of each keyspace with its name, as of the last tick.
    pub fn keyspaces(&self, now: Millis) -> Vec<(Arc<str>, KeyspaceFigures)> {
        let window = self.window.lock();
        let (window_seconds, earlier, later) = window.span();
        let figures = |(class, tally): (usize, &KeyspaceTally)| {
            let (earlier, later) = (earlier.get(class).copied(), later.get(class).copied());
            let totals = later.unwrap_or_default();
            let recent = totals.since(&earlier.unwrap_or_default());
            let (loads, applied) = (tally.loads.figures(now), tally.applied.figures(now));
            (tally.name.clone(), KeyspaceFigures { totals, recent, window_seconds, loads, applied })
        };
        self.classes.iter().enumerate().map(figures).collect()
    }

    /// The stages of each source's commits.
    pub fn sources(&self, now: Millis) -> Vec<(Arc<str>, StageFigures)> {
        self.sources.iter().map(|(name, stages)| (name.clone(), stages.figures(now))).collect()
    }

    /// The invalidations that clients asked for.
    pub fn asked_figures(&self, now: Millis) -> Timed {
        self.asked.figures(now)
    }

    fn totals(&self, reads: &[Reads]) -> Box<[Totals]> {
        let totals = |(class, tally): (usize, &KeyspaceTally)| Totals {
            reads: reads.get(class).copied().unwrap_or_default(),
            direct: tally.direct.load(Relaxed),
            writes: self.writes.sum(class),
        };
        self.classes.iter().enumerate().map(totals).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyspace_has_its_own_and_the_rest_stands_apart() {
        let tallies = Tallies::new(["post:{id}".into()], ["main".into()]);
        let reads = |hits| Reads { hits, misses: 1, ..Reads::default() };
        tallies.tick(Millis(1_000), &[reads(0), reads(0)]);
        tallies.wrote(0);
        tallies.read_directly(1);
        tallies.loaded(1, Millis(2_000), 4_000_000, true);
        tallies.applied("main", &[1], Millis(2_000), Some(1_000), 1_000_000);
        tallies.applied("other", &[1], Millis(2_000), Some(1_000), 1_000_000);
        tallies.tick(Millis(70_000), &[reads(3), reads(9)]);
        let all = tallies.keyspaces(Millis(3_000));
        let [(none, rest), (name, post)] = &all[..] else { panic!("{all:?}") };
        assert_eq!((&**none, &**name), (NO_KEYSPACE, "post:{id}"));
        assert_eq!((rest.totals.writes, rest.totals.reads.hits, rest.totals.hit_rate()), (1, 3, 0.75));
        assert_eq!((post.totals.direct, post.totals.reads.hits, post.totals.writes), (1, 9, 0));
        assert_eq!((post.loads.recent.count, post.applied.recent.max_ms), (1, 2.0));
        assert_eq!(post.loads.all.as_ref().map(|all| all.failed), Some(1));
        assert_eq!((rest.applied.recent.count, tallies.sources(Millis(3_000))[0].1.applied), (0, 1));
    }

    /// A reader waited for a source's count and found that its keyspace did not have the commit yet.
    #[test]
    fn a_commit_that_counts_at_its_source_counts_at_its_keyspaces() {
        const COMMITS: u64 = 50_000;
        let tallies = Tallies::new(["post:{id}".into()], ["main".into()]);
        std::thread::scope(|threads| {
            threads.spawn(|| {
                for _ in 0..COMMITS {
                    tallies.applied("main", &[1], Millis(1), Some(1_000), 1_000);
                }
            });
            let mut seen = 0;
            while seen < COMMITS {
                let source = &tallies.sources(Millis(1))[0].1;
                let keyspace = &tallies.keyspaces(Millis(1))[1].1;
                seen = source.applied;
                let times = source.commit_to_applied.recent.count.min(keyspace.applied.recent.count);
                assert!(times >= seen, "{times} times of {seen} commits");
            }
        });
    }

    #[test]
    fn rates_are_of_the_last_minute() {
        let tallies = Tallies::new([], []);
        for second in 0..=100u64 {
            (0..5).for_each(|_| tallies.wrote(0));
            tallies.tick(Millis(second * 1000), &[Reads { hits: second * 10, ..Reads::default() }]);
        }
        let (_, figures) = &tallies.keyspaces(Millis(100_000))[0];
        assert_eq!(
            (figures.window_seconds, figures.recent.reads.hits, figures.recent.writes),
            (60.0, 600, 300)
        );
        assert_eq!((figures.operations_per_second(), figures.recent.hit_rate()), (15.0, 1.0));
        assert_eq!(figures.totals.writes, 505);
    }
}
