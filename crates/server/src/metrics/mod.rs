//! True figures: what operations took, how many failed, and what was refused at the door.
//!
//! Each worker thread owns a [`Recorder`] and writes plain counters, a histogram for each of its operations (RESP: each
//! command; REST: each kind). An operation is recorded once; all else is summed from there: once a second
//! [`Metrics::tick`] sums everything into a ring, from which the figures of the last minute are read, and a scrape sums by
//! kind.

mod histogram;
mod stages;
mod stripes;
mod tallies;
mod timings;
mod window;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use clearwell_engine::Millis;
use parking_lot::Mutex;

pub use histogram::{Counts, RequestEnded};
pub use stages::StageFigures;
pub use tallies::{KeyspaceFigures, NO_KEYSPACE, Tallies, Totals};
pub use timings::{LastMinute, Timed, Timings};
pub use window::Figures;

use histogram::WrittenCounters;
use window::SecondsRing;

/// What an operation does, as far as latency is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationKind {
    /// Reads values.
    Read,
    /// Changes values.
    Write,
    /// Invalidates: keys, tags, patterns, events.
    Invalidate,
    /// Anything else: sessions, statistics.
    Other,
}

impl OperationKind {
    /// Each of them, at the place that its number says.
    pub const ALL: [OperationKind; 4] =
        [OperationKind::Read, OperationKind::Write, OperationKind::Invalidate, OperationKind::Other];

    /// What figures call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            OperationKind::Read => "read",
            OperationKind::Write => "write",
            OperationKind::Invalidate => "invalidate",
            OperationKind::Other => "other",
        }
    }
}

/// Why input was refused before it became an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadInput {
    /// Bytes that are no message of the protocol.
    Framing,
    /// A message, or a claimed length, beyond a limit.
    TooLarge,
    /// A message that says nothing the surface knows: unknown command, field, route.
    Unknown,
    /// Arguments of the wrong number, type or range.
    Arguments,
    /// No password, or a wrong one.
    Unauthenticated,
    /// A client too slow to send its request or to take its replies.
    Slow,
}

impl BadInput {
    /// Each of them, with what figures call it.
    pub(crate) const ALL: [(BadInput, &'static str); 6] = [
        (BadInput::Framing, "framing"),
        (BadInput::TooLarge, "too-large"),
        (BadInput::Unknown, "unknown"),
        (BadInput::Arguments, "arguments"),
        (BadInput::Unauthenticated, "unauthenticated"),
        (BadInput::Slow, "slow"),
    ];
}

/// Which door a connection came in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// The Redis protocol.
    Resp,
    /// HTTP.
    Rest,
}

/// All counters of a process; cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<SharedMetrics>);

struct SharedMetrics {
    shards: Mutex<Vec<Arc<ThreadOperations>>>,
    window: Mutex<SecondsRing<Counts>>,
    bad: [AtomicU64; BadInput::ALL.len()],
    open: [AtomicI64; 2],
    accepted: [AtomicU64; 2],
}

/// One thread's operations.
struct ThreadOperations(Box<[OperationCounters]>);

/// The counters of an operation, made when it is first recorded: most commands are never asked for.
struct OperationCounters {
    kind: OperationKind,
    written: OnceLock<Box<WrittenCounters>>,
}

impl Metrics {
    /// All zero.
    pub fn new() -> Metrics {
        Metrics(Arc::new(SharedMetrics {
            shards: Mutex::new(Vec::new()),
            window: Mutex::new(SecondsRing::new(Counts::none())),
            bad: std::array::from_fn(|_| AtomicU64::new(0)),
            open: [AtomicI64::new(0), AtomicI64::new(0)],
            accepted: [AtomicU64::new(0), AtomicU64::new(0)],
        }))
    }

    /// Counters for one thread, for operations of these kinds; its place is an operation's number. They go on counting in
    /// the sums after the recorder is dropped, so take one a thread and keep it.
    pub fn recorder(&self, operations: impl IntoIterator<Item = OperationKind>) -> Recorder {
        let operation = |kind| OperationCounters { kind, written: OnceLock::new() };
        let shard = Arc::new(ThreadOperations(operations.into_iter().map(operation).collect()));
        self.0.shards.lock().push(shard.clone());
        Recorder { shard }
    }

    /// Counts refused input.
    pub fn bad_input(&self, why: BadInput) {
        self.0.bad[why as usize].fetch_add(1, Relaxed);
    }

    /// A connection was accepted; counted as open until the answer is dropped.
    pub fn connected(&self, surface: Surface) -> Connected {
        self.0.accepted[surface as usize].fetch_add(1, Relaxed);
        self.0.open[surface as usize].fetch_add(1, Relaxed);
        Connected { metrics: self.clone(), surface }
    }

    /// Connections open now.
    pub fn open(&self, surface: Surface) -> u64 {
        u64::try_from(self.0.open[surface as usize].load(Relaxed)).unwrap_or(0)
    }

    /// Connections ever accepted.
    pub fn accepted(&self, surface: Surface) -> u64 {
        self.0.accepted[surface as usize].load(Relaxed)
    }

    /// Refused inputs of all kinds.
    pub fn bad_inputs(&self) -> u64 {
        self.0.bad.iter().map(|counter| counter.load(Relaxed)).sum()
    }

    /// Refused inputs of one kind.
    pub fn refused(&self, why: BadInput) -> u64 {
        self.0.bad[why as usize].load(Relaxed)
    }

    /// Moves the window's end to now; call it about once a second (more often is harmless).
    pub fn tick(&self, now: Millis) {
        let total = self.total();
        self.0.window.lock().tick(now, total);
    }

    /// The figures of the last minute, up to the last tick.
    pub fn figures(&self) -> Figures {
        self.0.window.lock().figures()
    }

    /// Everything recorded so far, of all kinds.
    pub fn total(&self) -> Counts {
        self.sum(|_| true)
    }

    /// Everything recorded so far of a kind.
    pub fn of(&self, kind: OperationKind) -> Counts {
        self.sum(|other| other == kind)
    }

    fn sum(&self, is_wanted: impl Fn(OperationKind) -> bool) -> Counts {
        let mut sum = Counts::none();
        for shard in self.0.shards.lock().iter() {
            let wanted = shard.0.iter().filter(|operation| is_wanted(operation.kind));
            wanted
                .filter_map(|operation| operation.written.get())
                .for_each(|written| written.add_to(&mut sum));
        }
        sum
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Metrics::new()
    }
}

/// One thread's counters. Only one thread at a time may record: that is what makes recording cost no more than a few
/// loads and stores. (A second one would lose counts, and nothing else.)
pub struct Recorder {
    shard: Arc<ThreadOperations>,
}

impl Recorder {
    /// One operation, by its number, that took `nanos`.
    ///
    /// # Panics
    /// The recorder was made for fewer operations.
    #[inline]
    pub fn record(&self, operation: usize, nanos: u64, ended: RequestEnded) {
        self.shard.0[operation].written.get_or_init(|| Box::new(WrittenCounters::new())).record(nanos, ended);
    }

    /// Adds what was recorded of an operation to `counts`.
    pub fn add_to(&self, operation: usize, counts: &mut Counts) {
        if let Some(written) = self.written(operation) {
            written.add_to(counts);
        }
    }

    /// Whether an operation was ever recorded.
    pub fn knows(&self, operation: usize) -> bool {
        self.written(operation).is_some()
    }

    /// How many operations ran.
    pub fn count(&self) -> u64 {
        let written = self.shard.0.iter().filter_map(|operation| operation.written.get());
        written.map(|written| written.count()).fold(0, u64::wrapping_add)
    }

    fn written(&self, operation: usize) -> Option<&WrittenCounters> {
        self.shard.0.get(operation)?.written.get().map(|written| &**written)
    }
}

/// A connection, open until this is dropped.
pub struct Connected {
    metrics: Metrics,
    surface: Surface,
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.metrics.0.open[self.surface as usize].fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorders_of_all_threads_are_summed() {
        let metrics = Metrics::new();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let recorder =
                    metrics.recorder([OperationKind::Read, OperationKind::Write, OperationKind::Read]);
                scope.spawn(move || {
                    (0..1000).for_each(|n| recorder.record(n % 2 * 2, 1_000, RequestEnded::Well));
                    (0..10).for_each(|_| recorder.record(1, 2_000_000, RequestEnded::Failed));
                    recorder.record(0, 0, RequestEnded::Rejected);
                    assert_eq!((recorder.count(), recorder.knows(2)), (1010, true));
                });
            }
        });
        let total = metrics.total();
        assert_eq!((total.count, total.failed, total.rejected), (4040, 40, 4));
        assert_eq!(metrics.of(OperationKind::Read).count, 4000);
        assert_eq!(total.nanos, 4 * (1000 * 1_000 + 10 * 2_000_000));
    }

    #[test]
    fn a_connection_is_open_until_dropped() {
        let metrics = Metrics::new();
        let one = metrics.connected(Surface::Resp);
        let two = metrics.connected(Surface::Resp);
        drop(one);
        assert_eq!((metrics.open(Surface::Resp), metrics.accepted(Surface::Resp)), (1, 2));
        assert_eq!(metrics.open(Surface::Rest), 0);
        drop(two);
        assert_eq!(metrics.open(Surface::Resp), 0);
    }
}
