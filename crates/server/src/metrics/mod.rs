//! True figures: what operations took, how many failed, and what was refused at the door.
//!
//! Each worker thread owns a [`Recorder`] and writes plain counters; once a second [`Metrics::tick`] sums them into a
//! ring, from which the figures of the last minute are read.

mod histogram;
mod prometheus;
mod window;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use clearwell_engine::Millis;
use parking_lot::Mutex;

pub use histogram::Counts;
pub use prometheus::exposition;
pub use window::Figures;

use histogram::Written;
use window::Window;

/// What an operation does, as far as latency is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Reads values.
    Read,
    /// Changes values.
    Write,
    /// Invalidates: keys, tags, patterns, events.
    Invalidate,
    /// Anything else: sessions, statistics.
    Other,
}

impl Kind {
    const ALL: [(Kind, &'static str); 4] = [
        (Kind::Read, "read"),
        (Kind::Write, "write"),
        (Kind::Invalidate, "invalidate"),
        (Kind::Other, "other"),
    ];
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
    const ALL: [(BadInput, &'static str); 6] = [
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
pub struct Metrics(Arc<Shared>);

struct Shared {
    shards: Mutex<Vec<Arc<Shard>>>,
    window: Mutex<Window>,
    bad: [AtomicU64; BadInput::ALL.len()],
    open: [AtomicI64; 2],
    accepted: [AtomicU64; 2],
}

struct Shard([Written; Kind::ALL.len()]);

impl Metrics {
    /// All zero.
    pub fn new() -> Metrics {
        Metrics(Arc::new(Shared {
            shards: Mutex::new(Vec::new()),
            window: Mutex::new(Window::new()),
            bad: std::array::from_fn(|_| AtomicU64::new(0)),
            open: [AtomicI64::new(0), AtomicI64::new(0)],
            accepted: [AtomicU64::new(0), AtomicU64::new(0)],
        }))
    }

    /// Counters for one thread. They go on counting in the sums after the recorder is dropped, so take one a thread and
    /// keep it.
    pub fn recorder(&self) -> Recorder {
        let shard = Arc::new(Shard(std::array::from_fn(|_| Written::new())));
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

    /// Moves the window; call it about once a second (more often is harmless).
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
        let mut sum = Counts::none();
        for (kind, _) in Kind::ALL {
            self.add(kind, &mut sum);
        }
        sum
    }

    fn of(&self, kind: Kind) -> Counts {
        let mut sum = Counts::none();
        self.add(kind, &mut sum);
        sum
    }

    fn add(&self, kind: Kind, sum: &mut Counts) {
        for shard in self.0.shards.lock().iter() {
            shard.0[kind as usize].add_to(sum);
        }
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
    shard: Arc<Shard>,
}

impl Recorder {
    /// One operation that took `nanos`.
    pub fn record(&self, kind: Kind, nanos: u64, ok: bool) {
        self.shard.0[kind as usize].record(1, nanos, u64::from(!ok));
    }

    /// `times` operations of a batch that took `nanos` each, of which `failed` ended in an error: for a pipeline, whose
    /// clock is read once a batch.
    pub fn record_batch(&self, kind: Kind, times: u64, nanos: u64, failed: u64) {
        if times > 0 {
            self.shard.0[kind as usize].record(times, nanos, failed);
        }
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
                let recorder = metrics.recorder();
                scope.spawn(move || {
                    for _ in 0..1000 {
                        recorder.record(Kind::Read, 1_000, true);
                    }
                    recorder.record_batch(Kind::Write, 10, 2_000_000, 3);
                });
            }
        });
        let total = metrics.total();
        assert_eq!((total.count, total.failed), (4040, 12));
        assert_eq!(metrics.of(Kind::Read).count, 4000);
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
