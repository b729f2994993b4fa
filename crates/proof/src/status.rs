//! How the cluster stands, as each node sees it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use clearwell_protocol::Value;
use std::sync::Mutex;

use crate::clock::{self, Micros};
use crate::node::Places;
use crate::resp::RespConnection;

/// How often each node is asked.
const EVERY: Duration = Duration::from_millis(150);
/// How long one may take to answer.
const PATIENCE: Duration = Duration::from_millis(800);
/// How many slots there are.
const SLOTS: u64 = 16_384;

/// A node as another one sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub number: String,
    pub state: String,
    pub owns: u64,
    /// Where it is, by the address of its RESP.
    pub resp: String,
}

/// What one node says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterStatus {
    pub at: Micros,
    pub number: String,
    pub epoch: u64,
    pub settled: bool,
    pub serves: u64,
    pub nodes: Vec<Seen>,
}

impl ClusterStatus {
    /// Asks a node.
    ///
    /// # Errors
    /// In words.
    pub fn ask(connection: &mut RespConnection) -> Result<ClusterStatus, String> {
        let value = connection.call(&["CW.CLUSTER", "STATUS"]).map_err(|why| format!("{why:?}"))?;
        let map = Pairs::of(&value).ok_or_else(|| format!("{value:?}"))?;
        let nodes = match map.get("nodes") {
            Some(Value::Array(nodes)) => nodes.iter().filter_map(Pairs::of).map(|node| node.seen()).collect(),
            _ => Vec::new(),
        };
        Ok(ClusterStatus {
            at: clock::now(),
            number: map.text("node"),
            epoch: map.number("epoch"),
            settled: map.number("settled") == 1,
            serves: map.number("serves"),
            nodes,
        })
    }
}

/// A map as RESP2 has it.
struct Pairs<'v>(BTreeMap<&'v [u8], &'v Value>);

impl<'v> Pairs<'v> {
    fn of(value: &'v Value) -> Option<Pairs<'v>> {
        let Value::Array(all) = value else { return None };
        let pairs = all.chunks_exact(2).filter_map(|pair| Some((pair[0].as_bytes()?, &pair[1])));
        Some(Pairs(pairs.collect()))
    }

    fn get(&self, name: &str) -> Option<&'v Value> {
        self.0.get(name.as_bytes()).copied()
    }

    fn text(&self, name: &str) -> String {
        let bytes = self.get(name).and_then(Value::as_bytes).unwrap_or_default();
        String::from_utf8_lossy(bytes).into_owned()
    }

    fn number(&self, name: &str) -> u64 {
        match self.get(name) {
            Some(Value::Integer(number)) => number.cast_unsigned(),
            _ => 0,
        }
    }

    fn seen(&self) -> Seen {
        Seen {
            number: self.text("node"),
            state: self.text("state"),
            owns: self.number("owns"),
            resp: self.text("resp"),
        }
    }
}

/// What was seen so far.
#[derive(Debug, Default)]
struct Watched {
    /// The latest word of each host's node.
    latest: BTreeMap<u32, ClusterStatus>,
    /// When anybody followed another view than before.
    changes: Vec<(Micros, u64)>,
}

/// Asks all nodes again and again.
pub struct StatusWatch {
    watched: Arc<Mutex<Watched>>,
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl StatusWatch {
    /// Begins, with a thread for each host.
    pub fn begin(hosts: u32) -> StatusWatch {
        let (watched, over) = (Arc::new(Mutex::new(Watched::default())), Arc::new(AtomicBool::new(false)));
        let threads = (1..=hosts).map(|host| {
            let (watched, over) = (watched.clone(), over.clone());
            std::thread::spawn(move || watch(host, &watched, &over))
        });
        let threads = threads.collect();
        StatusWatch { watched, over, threads }
    }

    /// The latest word of a host's node, unless it is older than `since`.
    pub fn of(&self, host: u32, since: Micros) -> Option<ClusterStatus> {
        self.lock().latest.get(&host).filter(|status| status.at >= since).cloned()
    }

    /// Whether these hosts' nodes, and they alone, share all slots and have what they should; nothing older than `since` counts.
    pub fn is_settled(&self, hosts: &[u32], since: Micros) -> bool {
        let watched = self.lock();
        let all: Vec<&ClusterStatus> = hosts.iter().filter_map(|host| watched.latest.get(host)).collect();
        let newer = all.iter().filter(|status| status.at >= since).count();
        let Some(first) = all.first() else { return false };
        let agree = all.iter().all(|status| {
            let up = status.nodes.iter().filter(|node| node.state == "up" && node.owns > 0).count();
            status.settled && status.epoch == first.epoch && up == hosts.len()
        });
        let serves: u64 = all.iter().map(|status| status.serves).sum();
        newer == hosts.len() && agree && serves == SLOTS
    }

    /// When views changed since.
    pub fn changes(&self, since: Micros) -> Vec<Micros> {
        self.lock().changes.iter().map(|(at, _)| *at).filter(|at| *at >= since).collect()
    }

    /// What all say, for people.
    pub fn told(&self) -> String {
        let watched = self.lock();
        let line = |(host, status): (&u32, &ClusterStatus)| {
            let age = clock::seconds(clock::now().saturating_sub(status.at));
            let ClusterStatus { epoch, settled, serves, nodes, .. } = status;
            let nodes: Vec<String> =
                nodes.iter().map(|node| format!("{} {} {}", node.resp, node.state, node.owns)).collect();
            format!(
                "  node {host}, {age:.1} s ago: view {epoch}, settled {settled}, serves {serves} [{}]\n",
                nodes.join(", ")
            )
        };
        watched.latest.iter().map(line).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Drop for StatusWatch {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _it_panicked = thread.join();
        }
    }
}

fn watch(host: u32, watched: &Mutex<Watched>, over: &AtomicBool) {
    let mut connection: Option<RespConnection> = None;
    while !over.load(Ordering::Relaxed) {
        std::thread::sleep(EVERY);
        let mut open = match connection.take() {
            Some(open) => open,
            None => match RespConnection::open(Places::of(host).resp, PATIENCE) {
                Ok(open) => open,
                Err(_) => continue,
            },
        };
        if let Ok(status) = ClusterStatus::ask(&mut open) {
            connection = Some(open);
            let mut watched = watched.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let newest = watched.changes.last().map_or(0, |(_, epoch)| *epoch);
            if status.epoch > newest {
                watched.changes.push((status.at, status.epoch));
            }
            watched.latest.insert(host, status);
        }
    }
}
