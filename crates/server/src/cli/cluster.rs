//! `clearwell cluster`: the cluster as its nodes see it, over the wire.

use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use serde_json::Value as Json;

use super::cluster_text::shown;
use super::remote::{Remote, print, print_json};

/// Shows the cluster that a node is one of, and changes it.
#[derive(Debug, Clone, clap::Args)]
pub struct ClusterArgs {
    #[command(subcommand)]
    action: Option<ClusterAction>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Clone, clap::Subcommand)]
enum ClusterAction {
    /// Show how it stands, and what it promises (this is also what happens without a word)
    Status,
    /// Let the node hand over what it has; its process ends when it has
    Leave,
    /// Say that a node that is down will not come back: what it alone had is given up
    Forget {
        /// Its number, as status shows it
        node: u64,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Let each slot have so many replicas
    Replicas {
        /// How many
        count: u8,
    },
    /// Change the node's share of slots
    Weight {
        /// 100 is usual; 0 owns none
        weight: u32,
    },
}

/// How long each of the other nodes has to say how it stands.
const PATIENCE: Duration = Duration::from_secs(1);

/// Runs `clearwell cluster`.
///
/// # Errors
/// In words: the node cannot be reached, is alone, or refuses.
pub fn run(args: &ClusterArgs) -> Result<ExitCode, String> {
    let remote = &args.remote;
    match &args.action {
        None | Some(ClusterAction::Status) => status(remote),
        Some(ClusterAction::Leave) => {
            tell(remote, &["LEAVE"], "the node hands over what it has, and ends when it has")
        }
        Some(ClusterAction::Forget { node, yes }) => forget(remote, *node, *yes),
        Some(ClusterAction::Replicas { count }) => tell(remote, &["REPLICAS", &count.to_string()], TOLD),
        Some(ClusterAction::Weight { weight }) => tell(remote, &["WEIGHT", &weight.to_string()], TOLD),
    }
}

const TOLD: &str = "the cluster is told; `clearwell cluster status` shows how far it is";

fn tell(remote: &Remote, words: &[&str], done: &str) -> Result<ExitCode, String> {
    let answer = remote.ask_json(&[&["CW.CLUSTER"], words].concat())?;
    match remote.json {
        true => print_json(&answer)?,
        false => print(format!("{done}\n").as_bytes())?,
    };
    Ok(ExitCode::SUCCESS)
}

fn status(remote: &Remote) -> Result<ExitCode, String> {
    let mut answer = remote.ask_json(&["CW.CLUSTER", "STATUS"])?;
    ask_others(remote, &mut answer);
    match remote.json {
        true => print_json(&answer)?,
        false => print(shown(&answer).as_bytes())?,
    };
    Ok(ExitCode::SUCCESS)
}

/// What each node knows of itself, as `own` beside what the asked one knows of it; null of one that does not say.
fn ask_others(remote: &Remote, answer: &mut Json) {
    let (me, own) = (answer["node"].clone(), own(answer));
    for node in answer["nodes"].as_array_mut().into_iter().flatten() {
        let is_there = matches!(node["state"].as_str(), Some("up" | "leaving"));
        let addr = node["resp"].as_str().filter(|addr| is_there && !addr.is_empty());
        node["own"] = match addr.map(str::to_owned) {
            _ if node["node"] == me => own.clone(),
            Some(addr) => {
                let other = Remote { addr, ..remote.clone() };
                let said = other.ask_json_within(&["CW.CLUSTER", "STATUS"], PATIENCE);
                said.map_or(Json::Null, |said| self::own(&said))
            }
            None => Json::Null,
        };
    }
}

/// What an answer says of the node that gave it.
fn own(answer: &Json) -> Json {
    const OWN: [&str; 9] = [
        "health",
        "epoch",
        "serves",
        "to_begin",
        "lease_left_ms",
        "position",
        "to_give",
        "unconfirmed",
        "unconfirmed_ms",
    ];
    OWN.iter().map(|name| ((*name).to_owned(), answer[*name].clone())).collect()
}

/// Says what would be lost and asks, unless it is not to.
fn forget(remote: &Remote, node: u64, yes: bool) -> Result<ExitCode, String> {
    let node = node.to_string();
    if !yes {
        let lost = remote.ask_json(&["CW.CLUSTER", "FORGET", &node])?;
        if remote.json {
            print_json(&lost)?;
        } else {
            let says: String = lost
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Json::as_str)
                .map(|say| format!("{say}\n"))
                .collect();
            print(says.as_bytes())?;
        }
        if !confirmed(&node)? {
            return Err(format!("node {node} is not forgotten"));
        }
    }
    tell(remote, &["FORGET", &node, "YES"], TOLD)
}

/// Whether somebody at a terminal means it.
fn confirmed(node: &str) -> Result<bool, String> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err("nobody is there to be asked: give --yes if it is meant".to_owned());
    }
    // A question that cannot be shown is answered with no.
    let _ = write!(std::io::stderr(), "Forget node {node}? [y/N] ");
    let mut line = String::new();
    stdin.lock().read_line(&mut line).map_err(|error| format!("no answer: {error}"))?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}
