//! What a cluster promises as it stands, and what it cannot, in sentences for operators. Everything follows from a report.

use std::collections::BTreeMap;

use clearwell_cluster::{NodeId, Peer};

use super::report::{ClusterReport, NodeReport, NodeState, SlotRow};

/// How good what a sentence says is, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// As it should be.
    Fine,
    /// Something more may not happen, or something is not what was asked for.
    Risk,
    /// Something is not served.
    Stopped,
}

impl Grade {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Grade::Fine => "ok",
            Grade::Risk => "at-risk",
            Grade::Stopped => "stopped",
        }
    }
}

/// A sentence for an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// How good that is.
    pub grade: Grade,
    /// The sentence, or two.
    pub text: String,
}

/// How long a follower may confirm nothing before that is said.
const UNCONFIRMED_MS: u64 = 1000;
/// So many groups of slots are told apart.
const GROUPS: usize = 3;

impl ClusterReport {
    /// What is promised and what is not, the worst first.
    pub fn says(&self) -> Vec<Sentence> {
        if self.epoch.0 == 0 {
            let text = "This node follows no view yet: a member tells it of one as soon as it hears of it, and until then it serves nothing.";
            return vec![stopped(text.to_owned())];
        }
        let mut all = vec![self.voices()];
        all.extend(self.lease());
        all.extend(self.without_copy());
        all.extend(self.replicas());
        all.extend(self.moves());
        all.extend(self.nodes.iter().filter_map(|node| self.of_node(node)));
        all.sort_by_key(|sentence| std::cmp::Reverse(sentence.grade));
        all
    }

    /// The worst grade of these.
    pub fn grade(says: &[Sentence]) -> Grade {
        says.iter().map(|sentence| sentence.grade).max().unwrap_or(Grade::Fine)
    }

    /// How many voters answer, and how many of them have to.
    pub fn voices_heard(&self) -> (usize, usize) {
        (self.voters.iter().filter(|voter| self.answers(**voter)).count(), self.voters.len() / 2 + 1)
    }

    /// The slots that no node has that answers, by those who had them.
    pub fn lost(&self) -> BTreeMap<Vec<NodeId>, usize> {
        let mut groups = BTreeMap::new();
        for row in self.rows.iter().filter(|row| !row.keepers().any(|peer| self.runs(peer))) {
            *groups.entry(keepers(row)).or_default() += 1;
        }
        groups
    }

    /// How many slots this node has still to give to others, once for each of these.
    pub fn to_give(&self) -> usize {
        self.nodes.iter().filter_map(|node| node.told.as_ref()).map(|told| told.missing).sum()
    }

    /// How many records it sent to others and no word of theirs confirms, once for each of these.
    pub fn unconfirmed(&self) -> usize {
        self.nodes.iter().filter_map(|node| node.told.as_ref()).map(|told| told.unconfirmed).sum()
    }

    /// For how many milliseconds one of those that answer has confirmed none of them, the longest.
    pub fn unconfirmed_ms(&self) -> u64 {
        let alive = self.nodes.iter().filter(|node| node.alive).filter_map(|node| node.told.as_ref());
        alive.map(|told| told.unconfirmed_ms).max().unwrap_or(0)
    }

    /// What forgetting a node gives up, in sentences.
    pub fn forgetting(&self, node: NodeId) -> Vec<String> {
        let state = |node: NodeId| self.node(node).map(|node| node.state);
        let (mut alone, mut shared) = (0, BTreeMap::<Vec<NodeId>, usize>::new());
        for (keepers, count) in self.lost().into_iter().filter(|(keepers, _)| keepers.contains(&node)) {
            let others: Vec<NodeId> = keepers
                .into_iter()
                .filter(|other| *other != node && state(*other) != Some(NodeState::Forgotten))
                .collect();
            match others.is_empty() {
                true => alone += count,
                false => *shared.entry(others).or_default() += count,
            }
        }
        let mut says = Vec::new();
        let (heard, needed) = self.voices_heard();
        if heard < needed {
            says.push(format!(
                "It changes nothing by itself: {heard} of {} voters answer, and {needed} of them have to agree to go on without {}.",
                self.voters.len(),
                self.named(node),
            ));
        }
        if alone > 0 {
            says.push(format!(
                "{} {} on {} alone: what was acknowledged there and no source has is lost, and {} empty.",
                slots(alone),
                if alone == 1 { "lies" } else { "lie" },
                self.named(node),
                if alone == 1 { "it begins" } else { "they begin" },
            ));
        }
        for (others, count) in shared {
            says.push(format!(
                "{} {} for {} alone from then on: what only {} had there, and no source, is lost.",
                slots(count),
                if count == 1 { "waits" } else { "wait" },
                self.list(&others, "or"),
                self.named(node),
            ));
        }
        if alone == 0 && says.is_empty() {
            says.push(format!(
                "Nothing is lost: all slots of {} lie on nodes that answer.",
                self.named(node)
            ));
        }
        if self.voters.contains(&node) {
            says.push("Its voice goes to another node that answers, if there is one.".to_owned());
        }
        says.push("If it comes back it has to join as a new node: with `--join`, and without the folder `cluster` in its data.".to_owned());
        says
    }

    /// Whether a majority can decide, and what one more loss does.
    fn voices(&self) -> Sentence {
        let ((heard, needed), all) = (self.voices_heard(), self.voters.len());
        let silent: Vec<NodeId> = self.voters.iter().copied().filter(|voter| !self.answers(*voter)).collect();
        if heard < needed {
            let lacking = needed - heard;
            let bring = match lacking {
                _ if lacking == silent.len() => self.list(&silent, "and"),
                1 => format!("one of {}", self.list(&silent, "and")),
                _ => format!("{lacking} of {}", self.list(&silent, "and")),
            };
            let since = match self.lease_left_ms {
                0 => "This side acknowledges nothing".to_owned(),
                left => format!("In {left} ms, when its lease ends, this side acknowledges nothing"),
            };
            return stopped(format!(
                "{since} and serves no key: {heard} of {all} voters {}, and {needed} {} needed. Start {bring} again, with the same data {}. \
                 `forget` does not help: a majority of the same voters would have to agree. If too many of their folders are lost, this cluster is over; begin \
                 another one.",
                if heard == 1 { "answers" } else { "answer" },
                if needed == 1 { "is" } else { "are" },
                if lacking == 1 { "folder" } else { "folders" },
            ));
        }
        let members: Vec<&NodeReport> = self.nodes.iter().filter(|node| node.member).collect();
        let owners = members.iter().filter(|node| node.weight > 0).count();
        if members.len() == 1 {
            return risk("One node: what no source has lies in its memory alone. A second node (`clearwell serve --join`) gives each slot a replica; a third, or a \
                         witness (weight 0), lets the cluster go on when any one of them is gone.".to_owned());
        }
        if all == 1 {
            let voter = self.voters.first().copied().unwrap_or_default();
            let others: Vec<NodeId> =
                members.iter().map(|node| node.peer.node).filter(|node| *node != voter).collect();
            return risk(format!(
                "Two nodes have one voice, that of {0}: without {1}, {0} goes on alone; without {0}, {1} acknowledges nothing. A third node, or a witness \
                 (weight 0), changes that.",
                self.named(voter),
                self.list(&others, "and"),
            ));
        }
        match heard - needed {
            0 => risk(format!(
                "{heard} of {all} voters answer, and all of these are needed: without one more of them nothing is acknowledged. Start {} again, or, if that cannot be, \
                 say so with `clearwell cluster forget`.",
                self.list(&silent, "and")
            )),
            spare if owners == 2 && members.len() == 3 => fine(format!(
                "Two nodes and a witness: any {} of the three may be gone, and the others go on.",
                if spare == 1 { "one".to_owned() } else { spare.to_string() },
            )),
            1 => fine(format!(
                "{heard} of {all} voters answer: one of them may be gone, and the others go on."
            )),
            spare => fine(format!(
                "{heard} of {all} voters answer: {spare} of them may be gone, and the others go on."
            )),
        }
    }

    /// A lease that has run out although the voters answer.
    fn lease(&self) -> Option<Sentence> {
        let (heard, needed) = self.voices_heard();
        let member = self.node(self.me.node).is_some_and(|node| node.member);
        (self.lease_left_ms == 0 && heard >= needed && member).then(|| {
            stopped("This node's lease has run out: it acknowledges nothing until a majority of the voters grants it another one.".to_owned())
        })
    }

    /// Slots of which nobody that answers has anything.
    fn without_copy(&self) -> Vec<Sentence> {
        let groups = self.lost();
        let mut rest = groups.values().skip(GROUPS).sum::<usize>();
        let mut says: Vec<Sentence> = Vec::new();
        for (keepers, count) in groups.into_iter().take(GROUPS) {
            if keepers.is_empty() {
                rest += count;
                continue;
            }
            let (it, they) = if count == 1 { ("has", "It is") } else { ("have", "They are") };
            let forget = if keepers.len() == 1 { "it is forgotten" } else { "all of them are forgotten" };
            says.push(stopped(format!(
                "{} {it} no copy on a node that answers: {} had {}. {they} not served until {} back, or until {forget} (`clearwell cluster forget`) and {} \
                 empty. What no source has is lost with the last process that had it.",
                slots(count),
                self.list(&keepers, "and"),
                if count == 1 { "it" } else { "them" },
                if keepers.len() == 1 { "that one is" } else { "one of them is" },
                if count == 1 { "it begins" } else { "they begin" },
            )));
        }
        if rest > 0 {
            says.push(stopped(format!("{} more have no owner that answers.", slots(rest))));
        }
        says
    }

    /// Fewer replicas than were asked for.
    fn replicas(&self) -> Option<Sentence> {
        let able = |node: &&NodeReport| node.state == NodeState::Up && node.weight > 0;
        let able = self.nodes.iter().filter(able).count();
        let wanted = usize::from(self.replicas);
        let members = self.nodes.iter().filter(|node| node.member).count();
        let (heard, needed) = self.voices_heard();
        if heard < needed {
            return None;
        }
        if wanted == 0 && members > 1 {
            return Some(risk(
                "Each slot lies on one node (`replicas` is 0): what no source has is gone with its node."
                    .to_owned(),
            ));
        }
        let fewer =
            |row: &&SlotRow| (1..=wanted).contains(&row.keepers().filter(|peer| self.runs(*peer)).count());
        let fewer = self.rows.iter().filter(fewer).count();
        if members < 2 || fewer == 0 {
            return None;
        }
        Some(match able.saturating_sub(1) < wanted {
            true => risk(format!(
                "Each slot is to have {}, and {} there to have slots: {} fewer. Start another node, or ask for fewer with `clearwell cluster replicas`.",
                counted(wanted, "replica"),
                if able == 1 { "one node is".to_owned() } else { format!("{able} nodes are") },
                if fewer == 1 { "one slot has".to_owned() } else { format!("{fewer} slots have") },
            )),
            false => risk(format!(
                "{} fewer than {} for now: they are on their way.",
                if fewer == 1 { "One slot has".to_owned() } else { format!("{fewer} slots have") },
                counted(wanted, "replica"),
            )),
        })
    }

    /// What is on its way.
    fn moves(&self) -> Option<Sentence> {
        let gaining: Vec<String> = self
            .nodes
            .iter()
            .filter(|node| node.gains > 0)
            .map(|node| format!("{} to {}", slots(node.gains), self.named(node.peer.node)))
            .collect();
        if self.settled {
            return None;
        }
        Some(fine(match gaining.is_empty() {
            true => "A view is on its way that all have their slots in.".to_owned(),
            false => format!("On their way: {}.", gaining.join(", ")),
        }))
    }

    /// What is to be said of one node.
    fn of_node(&self, node: &NodeReport) -> Option<Sentence> {
        let name = self.named(node.peer.node);
        let late = node.told.as_ref().filter(|told| node.alive && told.unconfirmed_ms >= UNCONFIRMED_MS);
        match node.state {
            NodeState::Leaving => Some(fine(format!(
                "{} hands over what it has, and ends by itself: {} to go.",
                capital(&name),
                slots(node.owns + node.follows)
            ))),
            NodeState::Down if self.voters.contains(&node.peer.node) && self.voters.len() > 2 => {
                let (heard, needed) = self.voices_heard();
                (heard > needed).then(|| {
                    risk(format!(
                        "{} is down and has a voice. Start it again; if it will not come back, say so: `clearwell cluster forget {}`.",
                        capital(&name),
                        node.peer.node.0
                    ))
                })
            }
            NodeState::Up if !node.member => Some(fine(format!(
                "{} is there and has no place yet: the voters give it one.",
                capital(&name)
            ))),
            NodeState::Up => late.map(|told| {
                risk(format!(
                    "{} has confirmed nothing for {} s of {} that this node sent it: what waits for its word waits.",
                    capital(&name),
                    told.unconfirmed_ms / 1000,
                    counted(told.unconfirmed, "record"),
                ))
            }),
            NodeState::Down | NodeState::Left | NodeState::Forgotten => None,
        }
    }

    fn node(&self, node: NodeId) -> Option<&NodeReport> {
        self.nodes.iter().find(|known| known.peer.node == node)
    }

    /// Whether a node answers.
    fn answers(&self, node: NodeId) -> bool {
        node == self.me.node || self.node(node).is_some_and(|node| node.alive)
    }

    /// Whether this very process of a node answers.
    fn runs(&self, peer: Peer) -> bool {
        self.node(peer.node).is_some_and(|node| node.alive && node.peer == peer)
    }

    /// A node by its number and where its links are.
    pub fn named(&self, node: NodeId) -> String {
        match self.node(node).map(|node| &*node.addresses.link).filter(|link| !link.is_empty()) {
            Some(link) => format!("node {} ({link})", node.0),
            None => format!("node {}", node.0),
        }
    }

    fn list(&self, nodes: &[NodeId], word: &str) -> String {
        let names: Vec<String> = nodes.iter().map(|node| self.named(*node)).collect();
        match names.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, others)) => format!("{} {word} {last}", others.join(", ")),
            None => "nobody".to_owned(),
        }
    }
}

fn keepers(row: &SlotRow) -> Vec<NodeId> {
    let mut nodes: Vec<NodeId> = row.keepers().map(|peer| peer.node).collect();
    nodes.sort_unstable();
    nodes.dedup();
    nodes
}

fn fine(text: String) -> Sentence {
    Sentence { grade: Grade::Fine, text }
}

fn risk(text: String) -> Sentence {
    Sentence { grade: Grade::Risk, text }
}

fn stopped(text: String) -> Sentence {
    Sentence { grade: Grade::Stopped, text }
}

fn slots(count: usize) -> String {
    counted(count, "slot")
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn capital(text: &str) -> String {
    text.replacen('n', "N", 1)
}
