//! Clients: each asks one thing after the other, and writes down what it was answered.

mod plain;
mod python;
mod rest;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use fastrand::Rng;

use crate::clock;
use crate::history::{AskedLevel, ClientKey, ClientOp, Did, KeyClass, Outcome, TAGS};

pub use plain::{read_all_through, why};
pub use python::Python;

/// How long an answer is waited for: longer than a node tries by itself.
pub const PATIENCE: Duration = Duration::from_secs(7);

/// How many keys there are of each class.
pub fn keys(class: KeyClass) -> u32 {
    match class {
        KeyClass::Register => 48,
        KeyClass::Counter => 16,
        KeyClass::Tagged | KeyClass::Expiring => 24,
    }
}

/// All keys.
pub fn all_keys() -> impl Iterator<Item = ClientKey> {
    KeyClass::ALL
        .into_iter()
        .flat_map(|class| (0..keys(class)).map(move |number| ClientKey { class, number }))
}

/// How a client speaks to the cluster.
pub trait ClientSurface: Send {
    /// What it calls itself, and the node that it asks.
    fn name(&self) -> (String, u32);
    /// What it asks instead of what it has no word for.
    fn fits(&self, did: Did) -> Did {
        did
    }
    /// Carries an operation out.
    fn ask(&mut self, did: Did) -> Outcome;
}

/// What is common to all clients of a run.
#[derive(Default)]
pub struct Shared {
    history: Mutex<Vec<ClientOp>>,
    /// How many are in the middle of something.
    busy: Mutex<u32>,
    idle: Condvar,
    is_paused: AtomicBool,
    is_over: AtomicBool,
    values: AtomicU64,
}

/// Clients that run.
pub struct Clients {
    pub shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Clients {
    /// Begins with two plain ones, one that knows clusters and one of REST for each of the hosts.
    pub fn begin(hosts: &[u32], rng: &mut Rng) -> Clients {
        let shared = Arc::new(Shared::default());
        shared.values.store(1, Ordering::Relaxed);
        let mut surfaces: Vec<Box<dyn ClientSurface>> = Vec::new();
        for &host in hosts {
            surfaces.push(Box::new(plain::Plain::new(host, "plain-a")));
            surfaces.push(Box::new(plain::Plain::new(host, "plain-b")));
            surfaces.push(Box::new(rest::Rest::new(host)));
        }
        let run = |surface: Box<dyn ClientSurface>| {
            let (shared, rng) = (shared.clone(), rng.fork());
            std::thread::spawn(move || work(surface, &shared, rng))
        };
        let threads = surfaces.into_iter().map(run).collect();
        Clients { shared, threads }
    }

    /// Lets them go on.
    pub fn go_on(&self) {
        self.shared.is_paused.store(false, Ordering::Release);
    }

    /// Waits until all have the answers that they wait for, and ask nothing more.
    pub fn pause(&self) {
        self.shared.is_paused.store(true, Ordering::SeqCst);
        let mut busy = self.shared.busy();
        while *busy > 0 {
            busy = self.shared.idle.wait(busy).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _it_panicked = thread.join();
        }
    }
}

impl Shared {
    /// Writes an operation down.
    pub fn note(&self, op: ClientOp) {
        self.history.lock().unwrap_or_else(PoisonError::into_inner).push(op);
    }

    /// What was written down since it was taken last.
    pub fn take(&self) -> Vec<ClientOp> {
        std::mem::take(&mut *self.history.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn busy(&self) -> MutexGuard<'_, u32> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A value that nobody else writes.
    fn value(&self) -> u64 {
        self.values.fetch_add(1, Ordering::Relaxed)
    }
}

fn work(mut surface: Box<dyn ClientSurface>, shared: &Shared, mut rng: Rng) {
    let (client, node) = surface.name();
    let client: Arc<str> = client.into();
    while !shared.is_over.load(Ordering::Relaxed) {
        *shared.busy() += 1;
        if !shared.is_paused.load(Ordering::SeqCst) {
            let did = surface.fits(draw(&mut rng, || shared.value()));
            let began = clock::now();
            let outcome = surface.ask(did);
            let ended = clock::now();
            let failed = matches!(outcome, Outcome::Refused(_));
            shared.note(ClientOp { client: client.clone(), node, began, ended, did, outcome });
            if failed {
                std::thread::sleep(Duration::from_millis(30));
            }
        }
        *shared.busy() -= 1;
        shared.idle.notify_all();
        std::thread::sleep(Duration::from_millis(rng.u64(4..16)));
    }
}

/// What a client does next.
pub fn draw(rng: &mut Rng, value: impl FnOnce() -> u64) -> Did {
    let class = match rng.u32(..10) {
        0..5 => KeyClass::Register,
        5..7 => KeyClass::Counter,
        7..9 => KeyClass::Tagged,
        _ => KeyClass::Expiring,
    };
    let key = ClientKey { class, number: rng.u32(..keys(class)) };
    let level = [
        AskedLevel::Plain,
        AskedLevel::Plain,
        AskedLevel::Strong,
        AskedLevel::Session,
        AskedLevel::Eventual,
        AskedLevel::Weak,
    ];
    let read = Did::Read(key, level[rng.usize(..level.len())]);
    match (class, rng.u32(..10)) {
        (_, 0..5) => read,
        (KeyClass::Counter, _) => Did::Increment(key),
        (KeyClass::Register, 5) => Did::Remove(key),
        (KeyClass::Tagged, 5) => Did::Remove(key),
        (KeyClass::Tagged, 6 | 7) => Did::Invalidate(rng.u32(..TAGS)),
        (KeyClass::Expiring, _) => Did::Write { key, value: value(), ttl_ms: Some(rng.u64(300..4_000)) },
        _ => Did::Write { key, value: value(), ttl_ms: None },
    }
}
