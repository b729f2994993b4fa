//! What an operator does while clients are served.

use std::net::SocketAddr;
use std::process::Command;

use crate::load::{Load, Places, places};
use crate::nodes::{Given, Nodes, start, wait_for_views};
use crate::support::wait_for;

fn all(nodes: &Nodes) -> Vec<SocketAddr> {
    nodes.nodes.iter().map(|node| node.resp).collect()
}

/// Clients of all nodes, each with another one first.
fn clients(nodes: &Nodes) -> Vec<Places> {
    let all = all(nodes);
    (0..all.len()).map(|first| places(all.iter().cycle().skip(first).take(all.len()).copied())).collect()
}

#[test]
fn nodes_are_started_again_one_after_another_and_no_client_hears_an_error() {
    let mut nodes = Nodes::start(3);
    let clients = clients(&nodes);
    let load = Load::start(&clients);
    for _ in 0..3 {
        let mut gone = nodes.nodes.remove(0);
        let ended = Command::new("kill").arg(gone.process.id().to_string()).status().expect("kill runs");
        assert!(ended.success());
        let status = wait_for("the node to stop", || gone.process.ended());
        assert!(status.success(), "{}", gone.process.output());
        load.goes_on();
        let seed = nodes.nodes[0].link.to_string();
        let back = start(nodes.folder(), gone.name(), &["--join", &seed], Given::default());
        assert_eq!(back.number, gone.number);
        nodes.nodes.push(back);
        let now = all(&nodes);
        for client in &clients {
            *client.lock().expect("no client panics") = now.clone();
        }
        nodes.settle();
        load.goes_on();
    }
    load.end(nodes.nodes[0].resp);
}

#[test]
fn replicas_and_weights_change_and_no_client_hears_an_error() {
    let nodes = Nodes::start(3);
    let load = Load::start(&clients(&nodes));
    let sum = |name: &str| -> u64 {
        let status = nodes.nodes[1].status();
        let all = status["nodes"].as_array().cloned().unwrap_or_default();
        all.iter().map(|node| node[name].as_u64().unwrap_or_default()).sum()
    };
    for replicas in ["2", "1"] {
        nodes.nodes[0].told(&["replicas", replicas]);
        let wanted = 16_384 * replicas.parse::<u64>().expect("a number");
        wait_for_views("the replicas", || (sum("follows") == wanted).then_some(()));
        nodes.settle();
        load.goes_on();
    }
    let (node, number) = (&nodes.nodes[0], nodes.nodes[0].number);
    let before = node.listed(number)["owns"].as_u64().expect("a number");
    for (weight, fits) in [("10", 0..before / 2), ("100", before / 2..16_384)] {
        node.told(&["weight", weight]);
        wait_for_views("the node's share", || {
            let listed = node.listed(number);
            let owns = listed["owns"].as_u64()?;
            (listed["weight"].as_u64() == weight.parse().ok() && fits.contains(&owns)).then_some(())
        });
        nodes.settle();
        load.goes_on();
    }
    load.end(nodes.nodes[2].resp);
}
