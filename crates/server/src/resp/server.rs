//! What all connections share.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use clearwell_protocol::{Command, CommandId, Flags, table};
use parking_lot::Mutex;

use super::aside::Walks;
use super::channels::Channels;
use super::gate::Gates;
use super::meter::{Meter, MeterSample};
use super::monitor::Monitors;
use super::notify::Ear;
use super::pause::Pause;
use super::pools::Pools;
use super::refused;
use super::registry::Registry;
use super::route::PeerLinks;
use super::settings::Settings;
use super::slowlog::Slowlog;
use crate::metrics::{Counts, Metrics, OperationKind, Recorder, RequestEnded};
use crate::node::{Hear, Node};

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
    pub pools: Pools,
    /// Who listens to what.
    pub channels: Arc<Channels>,
    /// How the node tells them of what happens.
    _ear: Arc<dyn Hear>,
    pub slowlog: Slowlog,
    pub meter: Meter,
    pub walks: Walks,
    /// Whether the node is one of a cluster, so that a key may be elsewhere.
    pub clustered: bool,
    pub began: Instant,
    pub stopping: AtomicBool,
    errors: Mutex<BTreeMap<Box<[u8]>, u64>>,
    baseline: Mutex<BTreeMap<&'static str, Counts>>,
}

/// One worker thread's figures; only it writes them.
pub struct Worker {
    /// What commands took, by the number of their id.
    pub recorder: Recorder,
    /// Bytes read.
    pub input_bytes: AtomicU64,
    /// Bytes written.
    pub output_bytes: AtomicU64,
    /// Its connections now.
    pub connections: AtomicUsize,
    /// Its connections to other nodes.
    pub peers: PeerLinks,
}

impl Server {
    /// State for so many workers.
    pub fn new(node: Arc<Node>, address: SocketAddr, workers: usize, metrics: &Metrics) -> Server {
        let channels = Arc::new(Channels::new(node.notices().clone(), metrics.clone()));
        let ear: Arc<dyn Hear> = Arc::new(Ear { channels: channels.clone(), clock: node.clock().clone() });
        node.notices().add(&ear);
        Server {
            channels,
            _ear: ear,
            address,
            metrics: metrics.clone(),
            registry: Registry::default(),
            settings: Settings::new(node.config().password.as_deref()),
            gates: Gates::new(workers),
            workers: (0..workers).map(|_| Worker::new(metrics)).collect(),
            pause: Pause::default(),
            monitors: Monitors::default(),
            pools: Pools::default(),
            slowlog: Slowlog::default(),
            meter: Meter::default(),
            walks: Walks::new(),
            clustered: node.is_in_cluster(),
            began: Instant::now(),
            stopping: AtomicBool::new(false),
            errors: Mutex::default(),
            baseline: Mutex::default(),
            node,
        }
    }

    /// Counts an error reply by its first word, and as bad input if it says so.
    pub fn note_error(&self, text: &[u8]) {
        if let Some(why) = refused::of_reply(text) {
            self.metrics.bad_input(why);
        }
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
    pub fn counts(&self) -> Vec<(&'static Command, Counts)> {
        let baseline = self.baseline.lock();
        let counted = self.totals().map(|(command, total)| match baseline.get(command.name) {
            Some(before) => (command, total.since(before)),
            None => (command, total),
        });
        counted.filter(|(_, counts)| counts.count > 0 || counts.rejected > 0).collect()
    }

    /// Every command that was ever asked for.
    fn totals(&self) -> impl Iterator<Item = (&'static Command, Counts)> {
        let of = |command: &'static Command| {
            let operation = command.id as usize;
            let is_known = self.workers.iter().any(|worker| worker.recorder.knows(operation));
            is_known.then(|| {
                let mut total = Counts::none();
                self.workers.iter().for_each(|worker| worker.recorder.add_to(operation, &mut total));
                (command, total)
            })
        };
        table::all_with_subcommands().filter_map(of)
    }

    /// CONFIG RESETSTAT.
    pub fn reset_stats(&self) {
        let mut baseline = self.baseline.lock();
        *baseline = self.totals().map(|(command, total)| (command.name, total)).collect();
        self.errors.lock().clear();
        self.registry.received.store(0, Relaxed);
        self.registry.rejected.store(0, Relaxed);
    }

    /// The totals now.
    pub fn sample(&self) -> MeterSample {
        let sum = |of: fn(&Worker) -> u64| self.workers.iter().map(of).fold(0u64, u64::wrapping_add);
        MeterSample {
            at_ms: self.node.clock().tick().0,
            commands: sum(|worker| worker.recorder.count()),
            input_bytes: sum(|worker| worker.input_bytes.load(Relaxed)),
            output_bytes: sum(|worker| worker.output_bytes.load(Relaxed)),
        }
    }
}

impl Worker {
    /// Counts one command.
    #[inline]
    pub fn count(&self, command: &Command, nanos: u64, ended: RequestEnded) {
        self.recorder.record(command.id as usize, nanos, ended);
    }

    fn new(metrics: &Metrics) -> Worker {
        let mut kinds = vec![OperationKind::Other; CommandId::COUNT];
        table::all_with_subcommands().for_each(|command| kinds[command.id as usize] = kind(command));
        Worker {
            recorder: metrics.recorder(kinds),
            input_bytes: AtomicU64::new(0),
            output_bytes: AtomicU64::new(0),
            connections: AtomicUsize::new(0),
            peers: PeerLinks::default(),
        }
    }
}

/// What kind of operation a command is.
fn kind(command: &Command) -> OperationKind {
    match command.id {
        CommandId::CwInvalidate | CommandId::CwEvent => OperationKind::Invalidate,
        _ if command.flags.has(Flags::WRITE) => OperationKind::Write,
        _ if command.flags.has(Flags::READONLY) => OperationKind::Read,
        _ => OperationKind::Other,
    }
}
