//! An epoch has one view, in whatever order the messages of its choice come: lost, doubled, late, among several who propose at once and
//! voters that restart with their word. What needs a chain of mishaps within a second, worlds see once in thousands; here it is drawn directly.

use std::collections::BTreeMap;
use std::sync::Arc;

use clearwell_cluster::decree::{Ballot, Chooser, Decree, Grants, Step};
use clearwell_cluster::message::Stopping;
use clearwell_cluster::view::Seat;
use clearwell_cluster::{Epoch, NodeId, Peer, View};

/// Nobody was granted anything.
struct NoGrants;

impl Grants for NoGrants {
    fn granted(&self) -> Vec<Peer> {
        Vec::new()
    }

    fn left(&self, _: &View) -> Vec<Stopping> {
        Vec::new()
    }
}

const SEEDS: u64 = 4_000;

/// Chance by a seed (Marsaglia's xorshift).
struct Draw(u64);

impl Draw {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % most as u64) as usize
    }
}

/// Voters that choose what comes after the first view.
struct Choice {
    now: View,
    choosers: Vec<Chooser>,
    /// Those who know what was chosen take no part any more: the others never hear of it.
    knows: Vec<bool>,
    on_the_way: Vec<(usize, usize, Decree)>,
    chosen: Vec<Arc<View>>,
    proposals: u64,
}

fn peer(node: u64) -> Peer {
    Peer { node: NodeId(node), incarnation: 1 }
}

fn node(voter: usize) -> NodeId {
    NodeId(voter as u64 + 1)
}

impl Choice {
    fn of(voters: u64) -> Choice {
        let seats = (1..=voters).map(|node| Seat { peer: peer(node), weight: 100 }).collect();
        let now = View::first(seats, 1, 8);
        assert_eq!(now.voters.len() as u64, voters);
        let choosers = (0..voters).map(|_| Chooser::default()).collect();
        let knows = vec![false; voters as usize];
        Choice { now, choosers, knows, on_the_way: Vec::new(), chosen: Vec::new(), proposals: 0 }
    }

    fn propose(&mut self, voter: usize) {
        let prepare = self.choosers[voter].propose(node(voter), &self.now);
        self.tell(voter, prepare);
    }

    /// Others hear of it later; a voter hears itself at once.
    fn tell(&mut self, from: usize, decree: Decree) {
        let others = (0..self.choosers.len()).filter(|to| *to != from);
        self.on_the_way.extend(others.map(|to| (from, to, decree.clone())));
        self.take(from, from, decree);
    }

    fn take(&mut self, from: usize, at: usize, decree: Decree) {
        if self.knows[at] {
            return;
        }
        match self.choosers[at].step(node(from), &self.now, decree, &NoGrants) {
            Step::Nothing => {}
            Step::Answer(answer) if from == at => self.take(at, at, answer),
            Step::Answer(answer) => self.on_the_way.push((at, from, answer)),
            Step::Promised(_) => {
                // Each proposal is another view.
                self.proposals += 1;
                let idle = BTreeMap::from([(peer(self.proposals), Epoch(1))]);
                if let Some(accept) = self.choosers[at].bring(self.now.again(idle)) {
                    self.tell(at, accept);
                }
            }
            Step::Chosen(view, _) => {
                self.knows[at] = true;
                self.chosen.push(view);
            }
        }
        let chooser = &self.choosers[at];
        let accepted = if chooser.word().accepted.is_some() { Epoch(2) } else { Epoch(0) };
        assert_eq!(chooser.accepted_epoch(), accepted, "who has accepted grants no lease in the view before");
    }

    /// One of the things that may happen; of a hundred messages `lost` are lost, and as many come twice.
    fn go_on(&mut self, draw: &mut Draw, lost: usize) {
        let voter = draw.below(self.choosers.len());
        match draw.below(100) {
            0..6 if !self.knows[voter] => self.propose(voter),
            // Its word is on its disk before it is said.
            6..8 => self.choosers[voter] = Chooser::new(self.choosers[voter].word().clone()),
            _ if self.on_the_way.is_empty() => {}
            _ => {
                let fate = draw.below(100);
                let next = draw.below(self.on_the_way.len());
                let (from, to, decree) = match fate < lost {
                    true => self.on_the_way[next].clone(),
                    false => self.on_the_way.swap_remove(next),
                };
                if fate < 100 - lost {
                    self.take(from, to, decree);
                }
            }
        }
    }
}

#[test]
fn an_epoch_has_one_view_however_its_messages_come() {
    let mut several = 0;
    for seed in 1..=SEEDS {
        let (mut choice, mut draw) =
            (Choice::of(if seed % 2 == 0 { 3 } else { 5 }), Draw(seed * 0x9e37_79b9));
        let lost = 5 + 10 * draw.below(5);
        for _ in 0..300 {
            choice.go_on(&mut draw, lost);
        }
        let one = choice.chosen.first();
        assert!(choice.chosen.iter().all(|other| Some(other) == one), "seed {seed}: {:?}", choice.chosen);
        several += u64::from(choice.chosen.len() > 1);
    }
    assert!(several > SEEDS / 20, "{several}: where only one knows, nothing is compared");
}

/// A proposer begins, and has its own promise.
fn begins(chooser: &mut Chooser, now: &View) -> Ballot {
    let me = NodeId(1);
    let prepare = chooser.propose(me, now);
    let Decree::Prepare(_, ballot) = prepare else { panic!("{prepare:?}") };
    let Step::Answer(promise) = chooser.step(me, now, prepare, &NoGrants) else {
        panic!("it has promised nobody")
    };
    assert_eq!(chooser.step(me, now, promise, &NoGrants), Step::Nothing);
    ballot
}

/// It brings its view, and accepts it itself.
fn brings(chooser: &mut Chooser, now: &View) {
    let me = NodeId(1);
    let accept = chooser.bring(now.again(BTreeMap::new())).expect("it brings a view once");
    let Step::Answer(accepted) = chooser.step(me, now, accept, &NoGrants) else { panic!("it may accept it") };
    assert_eq!(chooser.step(me, now, accepted, &NoGrants), Step::Nothing);
}

#[test]
fn an_answer_counts_for_its_own_attempt() {
    let Choice { now, .. } = Choice::of(5);
    let mut chooser = Chooser::default();
    let promises = |chooser: &mut Chooser, from: u64, ballot: Ballot| {
        let promise = Decree::Promise(Epoch(2), ballot, None, Some(Vec::new()));
        chooser.step(NodeId(from), &now, promise, &NoGrants)
    };
    let accepts = |chooser: &mut Chooser, from: u64, ballot: Ballot| {
        chooser.step(NodeId(from), &now, Decree::Accepted(Epoch(2), ballot, Vec::new()), &NoGrants)
    };
    let first = begins(&mut chooser, &now);
    assert_eq!(promises(&mut chooser, 2, first), Step::Nothing);
    assert!(matches!(promises(&mut chooser, 3, first), Step::Promised(_)));
    brings(&mut chooser, &now);
    let second = begins(&mut chooser, &now);
    assert_eq!(promises(&mut chooser, 4, first), Step::Nothing);
    assert_eq!(promises(&mut chooser, 2, second), Step::Nothing, "two of five have promised");
    assert!(matches!(promises(&mut chooser, 3, second), Step::Promised(_)));
    brings(&mut chooser, &now);
    assert_eq!(accepts(&mut chooser, 4, first), Step::Nothing);
    assert_eq!(accepts(&mut chooser, 2, second), Step::Nothing, "two of five have accepted");
    assert!(matches!(accepts(&mut chooser, 3, second), Step::Chosen(..)));
}

/// A voter that was restarted does not know whom it granted leases, whether it is heard before or after one that does.
#[test]
fn grants_are_known_when_all_who_promised_know_theirs() {
    let Choice { now, .. } = Choice::of(5);
    for (second, third, all) in [
        (Some(vec![peer(4)]), Some(vec![peer(5)]), Some(vec![peer(4), peer(5)])),
        (Some(vec![peer(4)]), None, None),
        (None, Some(vec![peer(5)]), None),
    ] {
        let mut chooser = Chooser::default();
        let ballot = begins(&mut chooser, &now);
        let mut promises = |from, granted| {
            chooser.step(NodeId(from), &now, Decree::Promise(Epoch(2), ballot, None, granted), &NoGrants)
        };
        assert_eq!(promises(2, second), Step::Nothing);
        let Step::Promised(granted) = promises(3, third) else { panic!("three of five have promised") };
        let granted = granted.map(|granted| granted.into_iter().collect::<Vec<Peer>>());
        assert_eq!(granted, all);
    }
}
