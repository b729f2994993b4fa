//! How nodes come into a cluster, and what keeps them out.

use crate::nodes::{Given, Nodes, launch, start};
use crate::support::wait_for;

/// What a node says that does not come to serve.
fn refused(nodes: &Nodes, name: &str, entrance: &[&str], config: &str) -> String {
    let mut process =
        launch(nodes.folder(), name, entrance, Given { config: Some(config), ..Given::default() });
    wait_for("the node's refusal", || process.ended());
    process.output()
}

#[test]
fn nodes_share_the_slots_and_each_is_replica_of_others() {
    let nodes = Nodes::start(3);
    let status = nodes.nodes[2].status();
    let all = status["nodes"].as_array().expect("it lists the nodes").clone();
    let sum = |name: &str| all.iter().map(|node| node[name].as_u64().unwrap_or_default()).sum::<u64>();
    assert_eq!((sum("owns"), sum("follows"), sum("voter")), (16_384, 16_384, 3), "{status}");
    for node in &nodes.nodes {
        let number = node.number.to_string();
        let listed = all.iter().find(|listed| listed["node"].as_str() == Some(number.as_str()));
        assert_eq!(listed.expect("each is listed")["link"], node.link.to_string());
        assert!(listed.expect("each is listed")["owns"].as_u64().is_some_and(|owns| owns > 4000), "{status}");
    }
}

#[test]
fn a_node_that_is_back_is_the_same_one() {
    let mut nodes = Nodes::start(3);
    let gone = nodes.nodes.remove(1);
    let (number, seed) = (gone.number, nodes.nodes[0].link.to_string());
    let data = gone.data().to_owned();
    drop(gone);
    let name = data.file_name().and_then(|name| name.to_str()).expect("it has a name").to_owned();
    let back = start(nodes.folder(), &name, &["--join", &seed], Given::default());
    assert_eq!(back.number, number);
    nodes.nodes.push(back);
    nodes.settle();
    let again = launch(nodes.folder(), &name, &["--bootstrap"], Given::default());
    let mut again = again;
    wait_for("the refusal of a second one", || again.ended());
    assert!(again.output().contains("uses the data folder"), "{}", again.output());
}

#[test]
fn a_node_that_cannot_begin_says_what_would_be_right() {
    let nodes = Nodes::start(1);
    let nobody = refused(&nodes, "nobody", &[], "[cluster]\n");
    assert!(nobody.contains("--bootstrap") && nobody.contains("--join"), "{nobody}");
    let source = "[source.main]\nurl = \"sqlite://a.db\"\n[[keyspace]]\npattern = \"a:{id}\"\nsource = \"main\"\nload = \"SELECT :id\"\n[cluster]\n";
    let sourced = refused(&nodes, "sourced", &["--bootstrap"], source);
    assert!(
        sourced.contains("another file on each node") && sourced.contains("name the file absolutely"),
        "{sourced}"
    );
}
