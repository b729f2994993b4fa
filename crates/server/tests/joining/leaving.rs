//! A node that leaves.

use crate::load::{Load, places};
use crate::nodes::{Given, Nodes, launch, start, wait_for_views};
use crate::support::wait_for;

#[test]
fn a_node_hands_over_what_it_has_and_ends_and_no_client_hears_an_error() {
    let mut nodes = Nodes::start(3);
    let at = |node: usize| places([nodes.nodes[node].resp]);
    let load = Load::start(&[at(0), at(1), at(2)]);
    let mut gone = nodes.nodes.remove(1);
    let told = gone.told(&["leave"]);
    assert!(told.contains("ends when it has"), "{told}");
    let status = wait_for_views("the node that leaves to end", || gone.process.ended());
    assert!(status.success(), "{}", gone.process.output());
    let said = format!("node {} has left the cluster clearwell: others have what it had", gone.number);
    assert!(gone.process.output().contains(&said), "{}", gone.process.output());
    nodes.settle();
    load.goes_on();
    load.end(nodes.nodes[0].resp);
    assert_eq!(nodes.nodes[0].listed(gone.number)["state"], "left");

    // It cannot be again who it was.
    let (name, number, seed) = (gone.name().to_owned(), gone.number, nodes.nodes[0].link.to_string());
    for entrance in [&[][..], &["--bootstrap"]] {
        let config = Given { config: Some("[cluster]\n"), ..Given::default() };
        let mut again = launch(nodes.folder(), &name, entrance, config);
        let status = wait_for("the refusal", || again.ended());
        let said = format!(
            "node {number} has left the cluster clearwell and cannot be it again: start it with --join"
        );
        assert!(!status.success() && again.output().contains(&said), "{}", again.output());
    }
    let back = start(nodes.folder(), &name, &["--join", &seed], Given::default());
    assert_ne!(back.number, number);
    nodes.nodes.push(back);
    nodes.settle();
}

#[test]
fn the_last_node_that_has_slots_does_not_leave() {
    let nodes = Nodes::start(1);
    let refused = nodes.nodes[0].cluster(&["leave"]);
    let wrong = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && wrong.contains("nobody can take over"), "{wrong}");
    assert!(nodes.nodes[0].says("").starts_with("One node"));
}

#[test]
fn one_of_two_leaves_whoever_has_the_voice() {
    let mut nodes = Nodes::start(2);
    let at = usize::from(!nodes.nodes[0].is_only_voter());
    (0..40).for_each(|key| assert_eq!(nodes.call(&["SET", &format!("key:{key}"), "1"]), "+OK\r\n"));
    let mut gone = nodes.nodes.remove(at);
    gone.told(&["leave"]);
    let status = wait_for_views("the node that leaves to end", || gone.process.ended());
    assert!(status.success(), "{}", gone.process.output());
    nodes.settle();
    (0..40).for_each(|key| assert_eq!(nodes.call(&["GET", &format!("key:{key}")]), "$1\r\n1\r\n"));
    nodes.nodes[0].says("One node");
}
