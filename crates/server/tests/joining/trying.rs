//! `clearwell try`: a cluster by one command.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::support::{Process, Raw, wait_for};

/// Starts it, and says where its nodes speak RESP.
fn start(folder: &Path) -> (Process, Vec<SocketAddr>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clearwell"));
    command.current_dir(folder).args(["try", "--nodes", "3", "--port", "0", "--data", "data"]);
    let mut process = Process::start(&mut command);
    let nodes = wait_for("the nodes' addresses", || {
        assert!(process.ended().is_none(), "it has ended: {}", process.output());
        // The last line of what it prints.
        process.find_line(|line| line.trim_start().starts_with("http://").then_some(()))?;
        let resp =
            |line: &str| line.strip_prefix("resp ")?.split_whitespace().next()?.parse::<SocketAddr>().ok();
        Some(process.output().lines().filter_map(resp).collect::<Vec<SocketAddr>>())
    });
    (process, nodes)
}

fn call(node: SocketAddr, words: &[&str]) -> String {
    String::from_utf8_lossy(&Raw::connect(node).call(words)).into_owned()
}

#[test]
fn one_command_is_three_nodes_and_goes_on_with_them_when_it_is_started_again() {
    let folder = TempDir::new().expect("a temporary folder can be made");
    for round in ["first", "second"] {
        let (_process, nodes) = start(folder.path());
        assert_eq!(nodes.len(), 3);
        wait_for("a value", || (call(nodes[0], &["SET", "greeting", round]) == "+OK\r\n").then_some(()));
        let read = format!("${}\r\n{round}\r\n", round.len());
        for node in &nodes {
            assert_eq!(call(*node, &["GET", "greeting"]), read, "{round}");
        }
        share_the_sample(&nodes, round);
    }
}

/// All of them stand in front of one database of posts.
fn share_the_sample(nodes: &[SocketAddr], round: &str) {
    let value = format!("written in the {round} round");
    wait_for("a post to be written", || {
        (call(nodes[1], &["SET", "post:1", &value]) == "+OK\r\n").then_some(())
    });
    let read = format!("${}\r\n{value}\r\n", value.len());
    for node in nodes {
        assert_eq!(call(*node, &["GET", "post:1"]), read, "{round}");
    }
}
