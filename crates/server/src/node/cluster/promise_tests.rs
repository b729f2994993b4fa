//! The sentences, a test for each case.

use clearwell_cluster::{Epoch, FollowerStanding, NodeId, Peer, Position, Slot};
use clearwell_words::Addresses;

use super::promise::Grade;
use super::report::{ClusterReport, NodeReport, NodeState, SlotRow};

fn peer(node: u64) -> Peer {
    Peer { node: NodeId(node), incarnation: 1 }
}

fn node(number: u64) -> NodeReport {
    NodeReport {
        peer: peer(number),
        addresses: Addresses { link: format!("host{number}:7381"), ..Addresses::default() },
        state: NodeState::Up,
        alive: true,
        member: true,
        weight: 100,
        heard_ms_ago: None,
        owns: 0,
        follows: 0,
        gains: 0,
        told: None,
        tells: None,
    }
}

/// Node 1 sees so many nodes that share six slots, of which some vote.
fn report(nodes: u64, voters: &[u64]) -> ClusterReport {
    let row = |slot: u16| {
        let (owner, other) = (u64::from(slot) % nodes + 1, (u64::from(slot) + 1) % nodes + 1);
        let replicas = (nodes > 1).then(|| peer(other)).into_iter().collect();
        SlotRow { slot: Slot(slot), owner: peer(owner), replicas, stranded: None }
    };
    ClusterReport {
        name: "posts".into(),
        me: peer(1),
        link: String::new(),
        epoch: Epoch(7),
        voters: voters.iter().map(|voter| NodeId(*voter)).collect(),
        slots: 6,
        replicas: 1,
        settled: true,
        serves: 2,
        to_begin: 0,
        lease_left_ms: 900,
        head: Position(0),
        cluster: 1,
        messages: (0, 0),
        nodes: (1..=nodes).map(node).collect(),
        rows: (0..6).map(row).collect(),
    }
}

impl ClusterReport {
    fn down(mut self, nodes: &[u64]) -> ClusterReport {
        for node in self.nodes.iter_mut().filter(|node| nodes.contains(&node.peer.node.0)) {
            (node.alive, node.state) = (false, NodeState::Down);
        }
        self
    }

    fn text(&self) -> String {
        self.says().into_iter().map(|sentence| sentence.text).collect::<Vec<_>>().join("\n")
    }

    fn worst(&self) -> Grade {
        ClusterReport::grade(&self.says())
    }
}

#[test]
fn a_lone_node_is_told_what_a_second_and_a_third_are_for() {
    let alone = report(1, &[1]);
    assert_eq!(alone.worst(), Grade::Risk);
    assert!(
        alone.text().starts_with("One node: what no source has lies in its memory alone."),
        "{}",
        alone.text()
    );
    assert!(alone.text().contains("--join") && alone.says().len() == 1, "{}", alone.text());
}

#[test]
fn two_nodes_have_one_voice() {
    let two = report(2, &[1]);
    assert_eq!((two.worst(), two.says().len()), (Grade::Risk, 1));
    assert!(
        two.text().starts_with(
            "Two nodes have one voice, that of node 1 (host1:7381): without node 2 (host2:7381), node 1 (host1:7381) goes on alone; without node 1 \
             (host1:7381), node 2 (host2:7381) acknowledges nothing."
        ),
        "{}",
        two.text()
    );
    assert!(two.text().contains("A third node, or a witness (weight 0), changes that."), "{}", two.text());
    let lost = ClusterReport { lease_left_ms: 0, ..report(2, &[2]).down(&[2]) };
    assert_eq!(lost.worst(), Grade::Stopped);
    assert!(
        lost.text().starts_with(
            "This side acknowledges nothing and serves no key: 0 of 1 voters answer, and 1 is needed. Start node 2 (host2:7381) again, with the same data folder."
        ),
        "{}",
        lost.text()
    );
}

#[test]
fn two_nodes_and_a_witness_survive_any_one_of_them() {
    let mut three = report(2, &[1, 2, 3]);
    three.nodes.push(NodeReport { weight: 0, ..node(3) });
    assert_eq!(three.worst(), Grade::Fine);
    assert_eq!(
        three.text(),
        "Two nodes and a witness: any one of the three may be gone, and the others go on."
    );
    let less = three.down(&[3]);
    assert_eq!(less.worst(), Grade::Risk);
    assert!(less.text().starts_with("2 of 3 voters answer, and all of these are needed"), "{}", less.text());
}

#[test]
fn three_nodes_survive_one_and_say_so() {
    assert_eq!(
        report(3, &[1, 2, 3]).text(),
        "3 of 3 voters answer: one of them may be gone, and the others go on."
    );
    assert_eq!(
        report(5, &[1, 2, 3, 4, 5]).text(),
        "5 of 5 voters answer: 2 of them may be gone, and the others go on."
    );
    let four = report(5, &[1, 2, 3, 4, 5]).down(&[4]);
    assert!(four.text().contains("Node 4 (host4:7381) is down and has a voice."), "{}", four.text());
    assert!(four.text().contains("`clearwell cluster forget 4`"), "{}", four.text());
}

#[test]
fn a_side_without_a_majority_names_whom_to_bring_back() {
    let lasting = report(3, &[1, 2, 3]).down(&[2, 3]);
    assert!(lasting.text().starts_with("In 900 ms, when its lease ends, this side acknowledges nothing"));
    let lost = ClusterReport { lease_left_ms: 0, ..lasting };
    assert_eq!(lost.worst(), Grade::Stopped);
    let text = lost.text();
    assert!(
        text.starts_with(
            "This side acknowledges nothing and serves no key: 1 of 3 voters answers, and 2 are needed. Start one of node 2 (host2:7381) and node 3 (host3:7381) \
             again, with the same data folder. `forget` does not help"
        ),
        "{text}"
    );
    assert!(lost.forgetting(NodeId(2))[0].starts_with("It changes nothing by itself: 1 of 3 voters answer"));
}

#[test]
fn slots_that_nobody_has_say_who_had_them_and_what_is_lost() {
    let mut lost = report(4, &[1, 2, 4]).down(&[3]);
    lost.rows[2] =
        SlotRow { slot: Slot(2), owner: peer(3), replicas: Vec::new(), stranded: Some(vec![peer(3)]) };
    assert_eq!(lost.worst(), Grade::Stopped);
    let text = lost.text();
    assert!(
        text.starts_with("1 slot has no copy on a node that answers: node 3 (host3:7381) had it."),
        "{text}"
    );
    assert!(text.contains("not served until that one is back, or until it is forgotten"), "{text}");
    let forgetting = lost.forgetting(NodeId(3)).join("\n");
    assert!(forgetting.starts_with("1 slot lies on node 3 (host3:7381) alone: what was acknowledged there and no source has is lost, and it begins empty."), "{forgetting}");
    let mut two = report(5, &[1, 2, 5]).down(&[3, 4]);
    for (slot, row) in two.rows.iter_mut().enumerate().skip(1) {
        *row = SlotRow {
            slot: Slot(slot as u16),
            owner: peer(3),
            replicas: vec![peer(4)],
            stranded: Some(vec![peer(3), peer(4)]),
        };
    }
    let text = two.text();
    assert!(text.starts_with("5 slots have no copy on a node that answers: node 3 (host3:7381) and node 4 (host4:7381) had them."), "{text}");
    assert!(text.contains("until one of them is back, or until all of them are forgotten"), "{text}");
    let forgetting = two.forgetting(NodeId(3)).join("\n");
    assert!(
        forgetting.starts_with("5 slots wait for node 4 (host4:7381) alone from then on"),
        "{forgetting}"
    );
    two.nodes[3].state = NodeState::Forgotten;
    assert!(two.forgetting(NodeId(3))[0].starts_with("5 slots lie on node 3 (host3:7381) alone"));
}

#[test]
fn a_process_that_is_back_has_not_what_the_one_before_it_had() {
    let mut back = report(3, &[1, 2, 3]);
    back.nodes[1].peer.incarnation = 2;
    assert!(back.lost().is_empty(), "each slot has another copy");
    assert!(back.text().contains("slots have fewer than 1 replica for now"), "{}", back.text());
    back.rows.iter_mut().for_each(|row| row.replicas.clear());
    assert_eq!(back.lost().values().sum::<usize>(), 2);
}

#[test]
fn forgetting_a_node_whose_slots_are_elsewhere_costs_nothing() {
    let says = report(3, &[1, 2, 3]).down(&[3]).forgetting(NodeId(3));
    assert!(says[0].starts_with("Nothing is lost"), "{says:?}");
    assert!(says.iter().any(|say| say.contains("without the folder `cluster`")), "{says:?}");
}

#[test]
fn fewer_replicas_than_wanted_are_said() {
    let two = ClusterReport { replicas: 2, ..report(2, &[1]) };
    let text = two.text();
    assert!(
        text.contains("Each slot is to have 2 replicas, and 2 nodes are there to have slots: 6 slots have fewer. Start another node"),
        "{text}"
    );
    let none = ClusterReport { replicas: 0, ..report(3, &[1, 2, 3]) };
    assert!(none.text().contains("Each slot lies on one node (`replicas` is 0)"), "{}", none.text());
}

#[test]
fn what_is_on_its_way_is_said_and_who_hinders() {
    let mut moving = ClusterReport { settled: false, ..report(3, &[1, 2, 3]) };
    moving.nodes[2].gains = 4;
    (moving.nodes[1].state, moving.nodes[1].owns, moving.nodes[1].follows) = (NodeState::Leaving, 2, 1);
    let text = moving.text();
    assert!(text.contains("On their way: 4 slots to node 3 (host3:7381)."), "{text}");
    assert!(
        text.contains("Node 2 (host2:7381) hands over what it has, and ends by itself: 3 slots to go."),
        "{text}"
    );
    let late = FollowerStanding {
        peer: peer(3),
        acked: Position(1),
        missing: 0,
        unconfirmed: 9,
        unconfirmed_ms: 5100,
    };
    moving.nodes[2].told = Some(late);
    assert!(
        moving.text().contains("Node 3 (host3:7381) has confirmed nothing for 5 s of 9 records"),
        "{}",
        moving.text()
    );
    assert_eq!((moving.unconfirmed(), moving.unconfirmed_ms(), moving.to_give()), (9, 5100, 0));
}

#[test]
fn a_node_without_a_lease_or_a_view_acknowledges_nothing() {
    let lapsed = ClusterReport { lease_left_ms: 0, ..report(3, &[1, 2, 3]) };
    assert!(lapsed.text().starts_with("This node's lease has run out"), "{}", lapsed.text());
    let none = ClusterReport { epoch: Epoch(0), ..report(3, &[]) };
    assert_eq!((none.says().len(), none.worst()), (1, Grade::Stopped));
}
