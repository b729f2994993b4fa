//! What `clearwell cluster status` says, and what forgetting a node does.

use crate::nodes::{Given, Node, Nodes, start, wait_for_views};
use crate::support::Raw;

#[test]
fn two_nodes_have_one_voice_and_say_what_follows() {
    let mut nodes = Nodes::start(2);
    let at = usize::from(!nodes.nodes[0].is_only_voter());
    let (voter, other) = (nodes.nodes[at].number, nodes.nodes[1 - at].number);
    let says = nodes.nodes[1].says("Two nodes have one voice");
    assert!(says.contains(&format!("that of node {voter} (")) && says.contains("a witness"), "{says}");
    let text = nodes.nodes[0].told(&["status"]);
    assert!(text.contains("- Two nodes have one voice") && text.contains("TO GIVE"), "{text}");
    nodes.nodes[0].told(&["replicas", "2"]);
    nodes.nodes[1].says("Each slot is to have 2 replicas, and 2 nodes are there to have slots");
    nodes.nodes[0].told(&["replicas", "1"]);
    wait_for_views("the replicas that there are nodes for", || {
        (!nodes.nodes[1].says("").contains("is to have 2")).then_some(())
    });

    // Without the node that has no voice the other one goes on.
    let gone = nodes.nodes.remove(1 - at);
    let (name, seed) = (gone.name().to_owned(), nodes.nodes[0].link.to_string());
    drop(gone);
    nodes.nodes[0].says("One node: what no source has");
    assert_eq!(nodes.call(&["SET", "key", "1"]), "+OK\r\n");
    let back = start(nodes.folder(), &name, &["--join", &seed], Given::default());
    assert_eq!(back.number, other);
    nodes.nodes.push(back);
    nodes.settle();

    // Without the one that has it nothing is acknowledged.
    drop(nodes.nodes.remove(0));
    let left = &nodes.nodes[0];
    let says = left.says("This side acknowledges nothing");
    assert!(says.contains(&format!("0 of 1 voters answer, and 1 is needed. Start node {voter} (")), "{says}");
    assert_eq!(left.status()["health"], "stopped");
    let refused = left.call(&["SET", "key", "2"]);
    assert!(refused.starts_with('-'), "{refused}");
}

#[test]
fn a_witness_lets_two_nodes_go_on_without_one_of_them() {
    // Else a value may be lost with its owner in the moment before its replica has it.
    let sure = |lines: &'static str| Given { config: Some(lines), ..Given::default() };
    let mut nodes = Nodes::given(2, sure("[cluster]\nack = \"replicas\"\n"));
    let seed = nodes.nodes[0].link.to_string();
    let witness = sure("[cluster]\nack = \"replicas\"\nweight = 0\n");
    nodes.nodes.push(start(nodes.folder(), "witness", &["--join", &seed], witness));
    nodes.settle();
    nodes.nodes[2].says("Two nodes and a witness: any one of the three may be gone");
    assert_eq!(nodes.nodes[2].status()["health"], "ok");
    figures_are_told(&nodes.nodes[2], &nodes.nodes[0]);
    assert_eq!(nodes.call(&["SET", "key", "1"]), "+OK\r\n");
    drop(nodes.nodes.remove(0));
    assert_eq!(nodes.call(&["GET", "key"]), "$1\r\n1\r\n");
    assert_eq!(nodes.call(&["SET", "key", "2"]), "+OK\r\n");
    let says = nodes.nodes[0].says("2 of 3 voters answer, and all of these are needed");
    assert!(says.contains("`clearwell cluster forget`"), "{says}");
}

#[test]
fn a_side_without_a_majority_says_whom_to_start_again() {
    let mut nodes = Nodes::start(3);
    let gone: Vec<u64> = nodes.nodes.drain(1..).map(|node| node.number).collect();
    let says = nodes.nodes[0].says("This side acknowledges nothing and serves no key: 1 of 3 voters answers");
    assert!(gone.iter().all(|node| says.contains(&format!("node {node} ("))), "{says}");
    assert!(says.contains("Start one of node"), "{says}");
    let status = nodes.nodes[0].status();
    assert_eq!(
        (&status["lease_left_ms"], &status["voters_answering"], &status["voters_needed"]),
        (&0.into(), &1.into(), &2.into())
    );
    assert!(nodes.nodes[0].call(&["GET", "key"]).starts_with("-CLUSTERDOWN"));
}

#[test]
fn a_node_is_forgotten_after_it_was_said_what_that_costs() {
    let mut nodes = Nodes::start(3);
    nodes.nodes[0].told(&["replicas", "0"]);
    wait_for_views("slots without replicas", || {
        let follows = nodes.nodes.iter().map(|node| node.listed(node.number)["follows"].as_u64());
        follows.into_iter().all(|follows| follows == Some(0)).then_some(())
    });
    nodes.settle();
    let keys: Vec<String> = (0..60).map(|number| format!("key:{number}")).collect();
    keys.iter().for_each(|key| assert_eq!(nodes.call(&["SET", key, "1"]), "+OK\r\n"));
    let is_alive = nodes.nodes[0].cluster(&["forget", &nodes.nodes[1].number.to_string(), "--yes"]);
    assert!(!is_alive.status.success(), "it answers");

    let gone = nodes.nodes.remove(1);
    let (number, owned) =
        (gone.number.to_string(), gone.listed(gone.number)["owns"].as_u64().expect("a number"));
    drop(gone);
    let says = nodes.nodes[0].says("no copy on a node that answers");
    assert!(says.starts_with(&format!("{owned} slots have no copy")) && says.contains(&number), "{says}");
    let stranded = nodes.nodes[0].status()["stranded"].clone();
    assert_eq!(
        (&stranded[0]["slots"], &stranded[0]["wait_for"][0]),
        (&owned.into(), &number.as_str().into())
    );

    let asked = nodes.nodes[0].cluster(&["forget", &number]);
    let (said, wrong) = (String::from_utf8_lossy(&asked.stdout), String::from_utf8_lossy(&asked.stderr));
    assert!(
        said.starts_with(&format!("{owned} slots lie on node {number} (")) && said.contains("is lost"),
        "{said}"
    );
    assert!(!asked.status.success() && wrong.contains("--yes"), "{wrong}");
    assert_eq!(nodes.nodes[0].listed(gone_number(&number))["state"], "down", "nothing is done yet");

    nodes.nodes[0].told(&["forget", &number, "--yes"]);
    nodes.settle();
    let there = keys.iter().filter(|key| nodes.call(&["GET", key]) == "$1\r\n1\r\n").count();
    assert!((1..keys.len()).contains(&there), "{there} of {} keys were on other nodes", keys.len());
    keys.iter().for_each(|key| assert_eq!(nodes.call(&["SET", key, "2"]), "+OK\r\n"));
    assert_eq!(nodes.nodes[0].listed(gone_number(&number))["state"], "forgotten");
    assert!(!nodes.nodes[0].says("").contains("no copy"));
}

fn gone_number(number: &str) -> u64 {
    number.parse().expect("a number")
}

/// Of three nodes: a witness, and one that has slots.
fn figures_are_told(witness: &Node, owner: &Node) {
    let metrics = |node: &Node| {
        let mut http = Raw::connect(node.http);
        http.send(
            format!("GET /metrics HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", node.http).as_bytes(),
        );
        String::from_utf8(http.read_to_end()).expect("text")
    };
    let told = metrics(owner);
    for line in [
        "clearwell_cluster_members 3",
        "clearwell_cluster_voters_answering 3",
        "clearwell_cluster_slots_stranded 0",
        "clearwell_cluster_messages_sent_total{message=\"lease_ask\"} ",
        "clearwell_cluster_messages_dropped_total{message=\"records\"} ",
        "clearwell_cluster_invalidation_seconds_count{stage=\"ordered_to_replicas\"} ",
    ] {
        assert!(told.lines().any(|told| told.starts_with(line)), "no {line} in {told}");
    }
    let info = witness.call(&["INFO", "cluster"]);
    for line in [
        // A client on this port need not know clusters.
        "cluster_enabled:0",
        "clearwell_cluster_members:3",
        "clearwell_cluster_slots_owned:0",
        "message_view_ask:sent=",
    ] {
        assert!(info.contains(line), "no {line} in {info}");
    }
}
