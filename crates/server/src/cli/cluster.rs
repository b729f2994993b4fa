//! `clearwell cluster`: the cluster as one of its nodes sees it, over the wire.

use std::process::ExitCode;

use serde_json::Value as Json;

use super::remote::{Remote, print, print_json};
use super::table::{TextTable, cell};

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
    /// Show how it stands, as the node sees it (this is also what happens without a word)
    Status,
    /// Let the node hand over what it has and leave
    Leave,
    /// Say that a node that is down will not come back: what it alone had is given up
    Forget {
        /// Its number, as status shows it
        node: u64,
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

/// Runs `clearwell cluster`.
///
/// # Errors
/// In words: the node cannot be reached, is alone, or refuses.
pub fn run(args: &ClusterArgs) -> Result<ExitCode, String> {
    let words: Vec<String> = match &args.action {
        None | Some(ClusterAction::Status) => return status(&args.remote),
        Some(ClusterAction::Leave) => vec!["LEAVE".into()],
        Some(ClusterAction::Forget { node }) => vec!["FORGET".into(), node.to_string()],
        Some(ClusterAction::Replicas { count }) => vec!["REPLICAS".into(), count.to_string()],
        Some(ClusterAction::Weight { weight }) => vec!["WEIGHT".into(), weight.to_string()],
    };
    let words: Vec<&str> = std::iter::once("CW.CLUSTER").chain(words.iter().map(String::as_str)).collect();
    let answer = args.remote.ask_json(&words)?;
    match args.remote.json {
        true => print_json(&answer)?,
        false => print(b"the cluster is told; `clearwell cluster status` shows how far it is\n")?,
    };
    Ok(ExitCode::SUCCESS)
}

fn status(remote: &Remote) -> Result<ExitCode, String> {
    let answer = remote.ask_json(&["CW.CLUSTER", "STATUS"])?;
    match remote.json {
        true => print_json(&answer)?,
        false => print(shown(&answer).as_bytes())?,
    };
    Ok(ExitCode::SUCCESS)
}

/// For people.
fn shown(status: &Json) -> String {
    let number = |name: &str| status.get(name).and_then(Json::as_u64).unwrap_or_default();
    let nodes = status.get("nodes").and_then(Json::as_array).cloned().unwrap_or_default();
    let text = |node: &Json, name: &str| node.get(name).map(cell).unwrap_or_default();
    let mut table =
        TextTable::new(&["NODE", "STATE", "VOTER", "WEIGHT", "OWNS", "FOLLOWS", "LINK", "RESP", "HTTP"]);
    for node in &nodes {
        let voter = if node.get("voter").and_then(Json::as_u64) == Some(1) { "yes" } else { "no" };
        table.row([
            text(node, "node"),
            text(node, "state"),
            voter.to_owned(),
            text(node, "weight"),
            text(node, "owns"),
            text(node, "follows"),
            text(node, "link"),
            text(node, "resp"),
            text(node, "http"),
        ]);
    }
    let settled = if number("settled") == 1 { "settled" } else { "slots are on their way" };
    format!(
        "cluster {}, view {}: {settled}\n{} slots with {} {} each; this node serves {} of them\n{}\n{}",
        status.get("name").map(cell).unwrap_or_default(),
        number("epoch"),
        number("slots"),
        number("replicas"),
        if number("replicas") == 1 { "replica" } else { "replicas" },
        number("serves"),
        promise(&nodes, number("replicas")),
        table.text(),
    )
}

/// What the cluster can promise as it stands.
fn promise(nodes: &[Json], replicas: u64) -> String {
    let up = |node: &&Json| node.get("state").and_then(Json::as_str) != Some("down");
    let is_voter = |node: &&Json| node.get("voter").and_then(Json::as_u64) == Some(1);
    let voters = nodes.iter().filter(is_voter).count();
    let answer = nodes.iter().filter(is_voter).filter(up).count();
    let needed = voters / 2 + 1;
    match (answer >= needed, voters) {
        (false, _) => format!(
            "{answer} of {voters} voters answer and {needed} are needed: nothing is acknowledged here, and strong reads are refused\n"
        ),
        (true, 1 | 2) if replicas > 0 => format!(
            "{voters} {} not survive the loss of one: a third node, or a witness (weight 0), would\n",
            if voters == 1 { "voter does" } else { "voters do" }
        ),
        (true, _) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(number: u64, state: &str, voter: u64) -> Json {
        serde_json::json!({
            "node": number.to_string(), "state": state, "voter": voter, "weight": 100, "owns": 8192, "follows": 8192,
            "link": "127.0.0.1:7381", "resp": "127.0.0.1:7379", "http": "127.0.0.1:7380",
        })
    }

    #[test]
    fn what_the_cluster_can_promise_is_said() {
        let up = |count: u64| (1..=count).map(|number| node(number, "up", 1)).collect::<Vec<_>>();
        assert!(promise(&up(1), 1).starts_with("1 voter does not survive"));
        assert!(promise(&up(2), 1).starts_with("2 voters do not survive"));
        assert_eq!(promise(&up(3), 1), "");
        let mut lost = up(1);
        lost.extend([node(2, "down", 1), node(3, "down", 1)]);
        assert!(promise(&lost, 1).starts_with("1 of 3 voters answer and 2 are needed"));
    }

    #[test]
    fn status_is_a_head_and_a_table() {
        let status = serde_json::json!({
            "name": "posts", "node": "1", "epoch": 3, "voters": ["1"], "slots": 16384, "replicas": 1, "settled": 1,
            "serves": 8192, "nodes": [node(1, "up", 1), node(2, "down", 0)],
        });
        let shown = shown(&status);
        assert!(
            shown.starts_with("cluster posts, view 3: settled\n16384 slots with 1 replica each"),
            "{shown}"
        );
        assert!(shown.contains("   2  down   no"), "{shown}");
    }
}
