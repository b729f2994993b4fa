//! The room of the cluster on the page, in a real Chromium.

use std::path::Path;

use crate::nodes::{Node, Nodes};
use crate::support::node_script;

/// Looks at the page of a node, which is to show this stage of the story.
fn look(node: &Node, stage: &str) {
    let picture = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cluster-{stage}.png"));
    let mut script = node_script("cluster.cjs");
    script.env("HTTP_URL", format!("http://{}", node.http)).env("PICTURE", &picture).env("STAGE", stage);
    let said = script.output().expect("the script runs");
    let (out, wrong) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    println!("{out}");
    assert!(said.status.success(), "{out}\n{wrong}\n{}", node.process.output());
    assert!(std::fs::metadata(&picture).is_ok_and(|file| file.len() > 0), "no picture of the page");
}

#[test]
fn the_page_says_what_two_nodes_promise_and_that_a_majority_is_lost() {
    let mut nodes = Nodes::start(2);
    for number in 0..20 {
        assert_eq!(nodes.call(&["SET", &format!("key:{number}"), "value"]), "+OK\r\n");
    }
    look(&nodes.nodes[0], "two");
    let voter = usize::from(!nodes.nodes[0].is_only_voter());
    drop(nodes.nodes.remove(voter));
    look(&nodes.nodes[0], "lost");
}
