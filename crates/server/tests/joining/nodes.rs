//! Nodes of one cluster on this machine.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::TempDir;

use crate::support::{DEADLINE, Process, Raw, wait_for, wait_within};

/// A node, killed when dropped.
pub struct Node {
    pub process: Process,
    pub resp: SocketAddr,
    pub http: SocketAddr,
    pub link: SocketAddr,
    pub number: u64,
    data: PathBuf,
}

/// What a node is started with besides its place in the cluster.
#[derive(Clone, Copy, Default)]
pub struct Given<'a> {
    /// Text of a `clearwell.toml`.
    pub config: Option<&'a str>,
    /// A library that is loaded before all others.
    pub preload: Option<&'a Path>,
}

/// Nodes that have found one another, in a folder of their own.
pub struct Nodes {
    pub nodes: Vec<Node>,
    folder: TempDir,
    _alone: MutexGuard<'static, ()>,
}

/// One cluster at a time has the machine: nodes that wait for a core for long take one another for dead.
static ALONE: Mutex<()> = Mutex::new(());

/// Waits for what takes views and contents of slots.
pub fn wait_for_views<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    wait_within(4 * DEADLINE, what, condition)
}

/// A node that is about to start, or does not come to it.
pub fn launch(folder: &Path, name: &str, entrance: &[&str], given: Given<'_>) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clearwell"));
    command.current_dir(folder).args(["serve", "--workers", "1", "--data", name]);
    command.args(["--resp", "127.0.0.1:0", "--http", "127.0.0.1:0", "--link", "127.0.0.1:0"]);
    command.args(entrance);
    if let Some(text) = given.config {
        let file = folder.join(format!("{name}.toml"));
        std::fs::write(&file, text).expect("the temporary folder can be written");
        command.arg("--config").arg(file);
    }
    if let Some(library) = given.preload {
        command.env("LD_PRELOAD", library);
    }
    Process::start(&mut command)
}

/// A node that serves.
pub fn start(folder: &Path, name: &str, entrance: &[&str], given: Given<'_>) -> Node {
    let mut process = launch(folder, name, entrance, given);
    let (resp, http, link, number) = wait_for("a node's start lines", || {
        let word = |word: &str| {
            process.find_line(|line| Some(line.strip_prefix(word)?.split_whitespace().next()?.to_owned()))
        };
        let address = |name: &str| word(name).and_then(|text| text.parse().ok());
        let all = (address("resp"), address("http"), address("link"), word("node"));
        let (Some(resp), Some(http), Some(link), Some(number)) = all else {
            assert!(process.ended().is_none(), "it ended before it served\n{}", process.output());
            return None;
        };
        Some((resp, http, link, number.parse().expect("a node's number")))
    });
    Node { process, resp, http, link, number, data: folder.join(name) }
}

impl Node {
    /// What it answers.
    pub fn call(&self, words: &[&str]) -> String {
        String::from_utf8_lossy(&Raw::connect(self.resp).call(words)).into_owned()
    }

    /// What `clearwell cluster` says with these words, asked of it.
    pub fn cluster(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_clearwell"));
        command.stdin(Stdio::null()).arg("cluster").args(words).args(["--addr", &self.resp.to_string()]);
        command.output().expect("the command runs")
    }

    /// The same of what it must do; for people.
    pub fn told(&self, words: &[&str]) -> String {
        let output = self.cluster(words);
        let (said, wrong) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{words:?}: {said}{wrong}");
        said.into_owned()
    }

    /// How it says that the cluster stands.
    pub fn status(&self) -> serde_json::Value {
        serde_json::from_slice(&self.cluster(&["status", "--json"]).stdout).unwrap_or_default()
    }

    /// What it says of another one, or of itself.
    pub fn listed(&self, number: u64) -> serde_json::Value {
        let nodes = self.status()["nodes"].as_array().cloned().unwrap_or_default();
        let id = serde_json::Value::from(number.to_string());
        nodes.into_iter().find(|node| node["node"] == id).unwrap_or_default()
    }

    /// Waits until its status has a sentence with this in it; all of them.
    pub fn says(&self, part: &str) -> String {
        let mut last = String::new();
        wait_for(&format!("a sentence with {part:?}"), || {
            let status = self.status();
            let says = status["says"].as_array().into_iter().flatten().filter_map(|say| say.as_str());
            last = says.collect::<Vec<_>>().join("\n");
            last.contains(part).then(|| last.clone())
        })
    }

    /// Whether it is the only one that has a voice, as it sees it.
    pub fn is_only_voter(&self) -> bool {
        self.status()["voters"] == serde_json::json!([self.number.to_string()])
    }

    /// The name of its data folder.
    pub fn name(&self) -> &str {
        self.data.file_name().and_then(|name| name.to_str()).expect("it has a name")
    }

    pub fn data(&self) -> &Path {
        &self.data
    }
}

impl Nodes {
    /// So many nodes that all follow one settled view, in which each has its part.
    pub fn start(count: usize) -> Nodes {
        Nodes::given(count, Given::default())
    }

    /// The same with a configuration.
    pub fn given(count: usize, given: Given<'_>) -> Nodes {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = TempDir::new().expect("a temporary folder can be made");
        let mut nodes = vec![start(folder.path(), "node0", &["--bootstrap"], given)];
        let seed = nodes[0].link.to_string();
        for at in 1..count {
            nodes.push(start(folder.path(), &format!("node{at}"), &["--join", &seed], given));
        }
        let nodes = Nodes { nodes, folder, _alone };
        nodes.settle();
        nodes
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Waits until all that run follow one settled view of just them, and serve every slot together.
    pub fn settle(&self) {
        let count = self.nodes.len() as u64;
        wait_for_views("the nodes to settle", || {
            let all: Vec<_> = self.nodes.iter().map(Node::status).collect();
            let number = |status: &serde_json::Value, name: &str| status[name].as_u64().unwrap_or_default();
            let is_settled = all.iter().all(|status| {
                let up = |node: &&serde_json::Value| {
                    node["state"] == "up" && (node["owns"] != 0 || node["weight"] == 0)
                };
                let there = status["nodes"].as_array().map_or(0, |nodes| nodes.iter().filter(up).count());
                number(status, "settled") == 1 && there as u64 == count && status["epoch"] == all[0]["epoch"]
            });
            let served: u64 = all.iter().map(|status| number(status, "serves")).sum();
            (is_settled && served == 16_384).then_some(())
        });
    }

    /// What the cluster answers, by whichever node takes the command.
    pub fn call(&self, words: &[&str]) -> String {
        wait_for("a node that takes the command", || {
            let answers = self.nodes.iter().map(|node| node.call(words));
            answers
                .into_iter()
                .find(|answer| !answer.starts_with("-TRYAGAIN") && !answer.starts_with("-CLUSTERDOWN"))
        })
    }
}
