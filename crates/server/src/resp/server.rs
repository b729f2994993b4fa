//! What all connections share.

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use clearwell_protocol::{Command, CommandId, Flags, table};
use parking_lot::Mutex;

use super::gate::Gates;
use super::meter::{Meter, Sample};
use super::monitor::Monitors;
use super::pause::Pause;
use super::registry::Registry;
use super::settings::Settings;
use super::slowlog::Slowlog;
use super::stats::{CommandStats, Ended, Summary};
use crate::metrics::{Kind, Metrics, Recorder};
use crate::node::Node;

/// Kinds of errors counted apart; a client can make up no more than this.
const ERROR_KINDS: usize = 128;

/// The surface's state.
#[allow(missing_docs)]
pub struct Server {
    pub node: Arc<Node>,
    pub metrics: Metrics,
    pub address: SocketAddr,
    pub registry: Registry,
    pub settings: Settings,
    pub gates: Gates,
    pub workers: Box<[Worker]>,
    pub pause: Pause,
    pub monitors: Monitors,
    pub slowlog: Slowlog,
    pub meter: Meter,
    pub began: Instant,
    pub stopping: AtomicBool,
    errors: Mutex<BTreeMap<Box<[u8]>, u64>>,
    baseline: Mutex<BTreeMap<&'static str, Summary>>,
    hasher: rapidhash::fast::RandomState,
}

/// One worker thread's figures; only it writes them.
pub struct Worker {
    /// By command.
    pub commands: CommandStats,
    /// The same for the node's figures of the last minute, of all surfaces.
    pub recorder: Recorder,
    /// Requests that were answered.
    pub processed: AtomicU64,
    /// Bytes read.
    pub input_bytes: AtomicU64,
    /// Bytes written.
    pub output_bytes: AtomicU64,
    /// Its connections now.
    pub connections: AtomicUsize,
}

/// The surface's figures, for metrics.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct Figures {
    pub connected_clients: usize,
    pub connections_received: u64,
    pub connections_rejected: u64,
    pub commands: u64,
    pub commands_per_second: f64,
    pub errors: u64,
    pub input_bytes: u64,
    pub output_bytes: u64,
    /// Over all commands since the start or the last CONFIG RESETSTAT; nanoseconds.
    pub p50_nanos: u64,
    pub p95_nanos: u64,
    pub p99_nanos: u64,
    pub mean_nanos: u64,
}

impl Server {
    /// State for so many workers.
    pub fn new(node: Arc<Node>, address: SocketAddr, workers: usize, metrics: &Metrics) -> Server {
        Server {
            address,
            metrics: metrics.clone(),
            registry: Registry::default(),
            settings: Settings::new(node.config.password.as_deref()),
            gates: Gates::new(workers),
            workers: (0..workers).map(|_| Worker::new(metrics)).collect(),
            pause: Pause::default(),
            monitors: Monitors::default(),
            slowlog: Slowlog::default(),
            meter: Meter::default(),
            began: Instant::now(),
            stopping: AtomicBool::new(false),
            errors: Mutex::default(),
            baseline: Mutex::default(),
            hasher: rapidhash::fast::RandomState::default(),
            node,
        }
    }

    /// A key's hash, for a connection's memory of its misses.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash_one(key)
    }

    /// Counts an error reply by its first word.
    pub fn note_error(&self, text: &[u8]) {
        let word = text.split(|byte| matches!(byte, b' ' | b'\r')).next().unwrap_or(b"ERR");
        let mut errors = self.errors.lock();
        if let Some(count) = errors.get_mut(word) {
            *count = count.saturating_add(1);
        } else if errors.len() < ERROR_KINDS {
            errors.insert(word.into(), 1);
        }
    }

    /// Error replies by their first word.
    pub fn errors(&self) -> Vec<(String, u64)> {
        let errors = self.errors.lock();
        errors.iter().map(|(word, count)| (String::from_utf8_lossy(word).into_owned(), *count)).collect()
    }

    /// Every command that was asked for since the last reset.
    pub fn summaries(&self) -> Vec<(&'static Command, Summary)> {
        let baseline = self.baseline.lock();
        let summed = table::all_with_subcommands().map(|command| {
            let mut summary = self.total_of(command);
            if let Some(before) = baseline.get(command.name) {
                summary.less(before);
            }
            (command, summary)
        });
        summed.filter(|(_, summary)| summary.calls > 0 || summary.rejected > 0).collect()
    }

    fn total_of(&self, command: &'static Command) -> Summary {
        let mut summary = Summary::default();
        self.workers.iter().for_each(|worker| summary.add(&worker.commands.of(command)));
        summary
    }

    /// CONFIG RESETSTAT.
    pub fn reset_stats(&self) {
        let mut baseline = self.baseline.lock();
        *baseline =
            table::all_with_subcommands().map(|command| (command.name, self.total_of(command))).collect();
        self.errors.lock().clear();
        self.registry.received.store(0, Relaxed);
        self.registry.rejected.store(0, Relaxed);
    }

    /// The totals now.
    pub fn sample(&self) -> Sample {
        let sum = |of: fn(&Worker) -> &AtomicU64| {
            self.workers.iter().map(|worker| of(worker).load(Relaxed)).fold(0u64, u64::wrapping_add)
        };
        Sample {
            at_ms: self.node.clock.now().0,
            commands: sum(|worker| &worker.processed),
            input_bytes: sum(|worker| &worker.input_bytes),
            output_bytes: sum(|worker| &worker.output_bytes),
        }
    }

    /// The figures now.
    pub fn figures(&self) -> Figures {
        let mut all = Summary::default();
        self.summaries().iter().for_each(|(_, summary)| all.add(summary));
        let sample = self.sample();
        Figures {
            connected_clients: self.registry.len(),
            connections_received: self.registry.received.load(Relaxed),
            connections_rejected: self.registry.rejected.load(Relaxed),
            commands: sample.commands,
            commands_per_second: self.meter.rates().commands,
            errors: self.errors().iter().map(|(_, count)| count).sum(),
            input_bytes: sample.input_bytes,
            output_bytes: sample.output_bytes,
            p50_nanos: all.percentile_nanos(0.5),
            p95_nanos: all.percentile_nanos(0.95),
            p99_nanos: all.percentile_nanos(0.99),
            mean_nanos: all.nanos.checked_div(all.calls).unwrap_or(0),
        }
    }
}

impl Worker {
    /// Counts one command that was carried out.
    #[inline]
    pub fn count(&self, command: &Command, nanos: u64, ended: Ended) {
        self.commands.count(command, nanos, ended);
        self.recorder.record(kind(command), nanos, ended == Ended::Well);
    }

    fn new(metrics: &Metrics) -> Worker {
        Worker {
            recorder: metrics.recorder(),
            commands: CommandStats::new(),
            processed: AtomicU64::new(0),
            input_bytes: AtomicU64::new(0),
            output_bytes: AtomicU64::new(0),
            connections: AtomicUsize::new(0),
        }
    }
}

/// What kind of operation a command is.
fn kind(command: &Command) -> Kind {
    match command.id {
        CommandId::CwInvalidate | CommandId::CwEvent => Kind::Invalidate,
        _ if command.flags.has(Flags::WRITE) => Kind::Write,
        _ if command.flags.has(Flags::READONLY) => Kind::Read,
        _ => Kind::Other,
    }
}
