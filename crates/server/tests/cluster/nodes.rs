//! A cluster for a test.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::TempDir;

use super::support::{Process, Raw, wait_for};

/// One of its nodes, killed when dropped.
pub struct OneNode {
    /// The running program.
    pub process: Process,
    /// Where it answers for every key.
    pub plain: SocketAddr,
    /// Where it tells where keys are.
    pub redirect: SocketAddr,
    link: SocketAddr,
    _folder: TempDir,
}

/// Nodes that know one another, each of which owns a share of the slots.
pub struct Cluster {
    /// In the order in which they came.
    pub nodes: Vec<OneNode>,
    _alone: MutexGuard<'static, ()>,
}

/// One cluster at a time has the machine: nodes that wait for a core for long take one another for dead.
static ALONE: Mutex<()> = Mutex::new(());

/// A cluster's keys: of many slots, so that each node owns some of them.
pub fn keys() -> Vec<String> {
    (0..60).map(|number| format!("key:{number}")).collect()
}

impl Cluster {
    /// Three nodes with these lines in `[cluster]`.
    pub fn start(lines: &str) -> Cluster {
        Cluster::start_with(lines, "")
    }

    /// The same with this before it in the file.
    pub fn start_with(lines: &str, before: &str) -> Cluster {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let file = format!("{before}\n[cluster]\n{lines}\n");
        let first = OneNode::start(&file, None);
        let seed = first.link;
        let cluster = Cluster {
            nodes: vec![first, OneNode::start(&file, Some(seed)), OneNode::start(&file, Some(seed))],
            _alone,
        };
        cluster.wait(3);
        cluster
    }

    /// Waits until so many nodes own slots and agree on who owns which.
    pub fn wait(&self, count: usize) {
        wait_for("the nodes to share the slots", || {
            let seen: Vec<Vec<Option<SocketAddr>>> = self.nodes.iter().map(OneNode::owners).collect();
            let agreed = seen.iter().all(|owners| *owners == seen[0] && owners.iter().all(Option::is_some));
            let mut owners = seen.first()?.clone();
            owners.sort_unstable();
            owners.dedup();
            (agreed && owners.len() == count && self.is_settled()).then_some(())
        });
    }

    /// Whether the replicas of all keys' slots confirm what is ordered: a removal waits for them.
    fn is_settled(&self) -> bool {
        let mut connection = self.plain(0);
        keys().iter().all(|key| connection.call(&["DEL", key])[0] == b':')
    }

    /// A connection that need not know clusters.
    pub fn plain(&self, node: usize) -> Raw {
        Raw::connect(self.nodes[node].plain)
    }

    /// A connection that is told where keys are.
    pub fn redirect(&self, node: usize) -> Raw {
        Raw::connect(self.nodes[node].redirect)
    }

    /// Which node owns a key.
    pub fn owner(&self, key: &str) -> usize {
        let owner = owner(&mut self.redirect(0), key).unwrap_or(self.nodes[0].redirect);
        self.nodes.iter().position(|node| node.redirect == owner).expect("one of the nodes")
    }

    /// A key that this node owns, and whose name begins so.
    pub fn key_of(&self, node: usize, prefix: &str) -> String {
        let mut names = (0..).map(|number| format!("{prefix}:{number}"));
        names.find(|key| self.owner(key) == node).expect("there are names without end")
    }
}

impl OneNode {
    fn start(text: &str, seed: Option<SocketAddr>) -> OneNode {
        let folder = TempDir::new().expect("a temporary folder can be made");
        let file = folder.path().join("clearwell.toml");
        std::fs::write(&file, text).expect("the temporary folder can be written");
        let [plain, redirect, link] = free();
        let mut command = Command::new(env!("CARGO_BIN_EXE_clearwell"));
        command.current_dir(folder.path()).args(["serve", "--config", "clearwell.toml", "--data", "data"]);
        command.args(["--resp", &plain.to_string(), "--http", "127.0.0.1:0", "--workers", "2"]);
        command.args(["--redirect", &redirect.to_string(), "--link", &link.to_string()]);
        match seed {
            None => command.arg("--bootstrap"),
            Some(seed) => command.args(["--join", &seed.to_string()]),
        };
        let mut process = Process::start(&mut command);
        wait_for("a node to accept", || {
            assert!(process.ended().is_none(), "it has ended: {}", process.output());
            std::net::TcpStream::connect(redirect).ok()
        });
        OneNode { process, plain, redirect, link, _folder: folder }
    }

    /// Who owns the keys, as this node sees it; `None`: nobody.
    fn owners(&self) -> Vec<Option<SocketAddr>> {
        let mut connection = Raw::connect(self.redirect);
        let owner = |key: String| match owner(&mut connection, &key) {
            Some(owner) => Some(owner),
            None => (connection.call(&["EXISTS", &key])[0] == b':').then_some(self.redirect),
        };
        keys().into_iter().map(owner).collect()
    }
}

/// Calls as a client does that knows clusters: what nobody serves just now is asked for again.
pub fn served(connection: &mut Raw, words: &[&str]) -> Vec<u8> {
    wait_for("the slot to be served", || {
        let reply = connection.call(words);
        (!reply.starts_with(b"-CLUSTERDOWN ")).then_some(reply)
    })
}

/// Where a node says that a key is, unless it is there or nowhere.
fn owner(connection: &mut Raw, key: &str) -> Option<SocketAddr> {
    let reply = String::from_utf8(connection.call(&["EXISTS", key])).expect("text");
    reply.strip_prefix("-MOVED ")?.trim_end().split(' ').next_back()?.parse().ok()
}

/// Free ports, held together so that no two are the same.
fn free<const COUNT: usize>() -> [SocketAddr; COUNT] {
    let held = [(); COUNT].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"));
    held.map(|listener| listener.local_addr().expect("an address"))
}
