//! The choice of the next view: one decree, by a majority of the present view's voters.
//!
//! Each epoch is chosen once, among the voters of the epoch before it (Lamport: «Paxos Made Simple», 2001; a new
//! instance for each configuration as in Lamport, Malkhi, Zhou: «Vertical Paxos», 2009). A voter that has accepted a later
//! view grants no lease for an earlier one, so that when a view is decided, no majority for its predecessor is left.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::message::Stopping;
use crate::view::View;
use crate::{Epoch, NodeId, Peer};

/// The order of attempts: a round, and who makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Ballot {
    /// The attempt.
    pub round: u64,
    /// Who.
    pub node: NodeId,
}

/// What a voter has promised and accepted for one epoch; must outlast a crash.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Word {
    /// The epoch to be chosen.
    pub epoch: Epoch,
    /// Nothing lower will be accepted.
    pub promised: Ballot,
    /// What was accepted last.
    pub accepted: Option<(Ballot, Arc<View>)>,
}

/// The messages of a choice.
#[derive(Debug, Clone, PartialEq)]
pub enum Decree {
    /// «Promise to accept nothing lower.»
    Prepare(Epoch, Ballot),
    /// «I do, and grant no more new leases in the present view; this I have accepted, and to these I have granted one»
    /// (`None`: I do not know any more).
    Promise(Epoch, Ballot, Option<(Ballot, Arc<View>)>, Option<Vec<Peer>>),
    /// «Accept this.»
    Accept(Ballot, Arc<View>),
    /// «I have, and grant no more leases in the present view; so long may those who lose slots still act.»
    Accepted(Epoch, Ballot, Vec<Stopping>),
    /// «I have promised this higher one.»
    Refused(Epoch, Ballot),
}

impl Decree {
    /// The epoch that is being chosen.
    pub fn epoch(&self) -> Epoch {
        match self {
            Decree::Prepare(epoch, _) | Decree::Promise(epoch, ..) => *epoch,
            Decree::Accepted(epoch, ..) | Decree::Refused(epoch, _) => *epoch,
            Decree::Accept(_, view) => view.epoch,
        }
    }
}

/// One voter's part in choosing the next view.
#[derive(Debug, Default)]
pub struct Chooser {
    word: Word,
    attempt: Option<Attempt>,
}

#[derive(Debug)]
struct Attempt {
    ballot: Ballot,
    promises: Vec<NodeId>,
    highest: Option<(Ballot, Arc<View>)>,
    /// To whom any of them granted a lease; `None` when one does not know.
    granted: Option<BTreeSet<Peer>>,
    accepted: Vec<NodeId>,
    /// The longest that any of those said, of whom all of them spoke.
    stopping: Vec<Stopping>,
    bringing: Option<Arc<View>>,
}

/// What a voter says of the leases that it granted.
pub trait Grants {
    /// To whom in the present view (`None`: it does not know any more).
    fn granted(&self) -> Vec<Peer>;
    /// How long those who lose something in the next one may still act, when it grants no more.
    fn left(&self, next: &View) -> Vec<Stopping>;
}

/// What a message led to.
#[derive(Debug, PartialEq)]
pub enum Step {
    /// Nothing.
    Nothing,
    /// Persist the word, then send this back.
    Answer(Decree),
    /// A majority has promised: say with [`Chooser::bring`] what it is to be. Nobody but these has acted or can act any more
    /// in the present view (`None`: anybody may have).
    Promised(Option<BTreeSet<Peer>>),
    /// The view is chosen; so long may those who lose something in it still act.
    Chosen(Arc<View>, Vec<Stopping>),
}

impl Chooser {
    /// With what was persisted.
    pub fn new(word: Word) -> Chooser {
        Chooser { word, attempt: None }
    }

    /// What must outlast a crash.
    pub fn word(&self) -> &Word {
        &self.word
    }

    /// The epoch of the view that this voter has accepted but may not know to be chosen.
    pub fn accepted_epoch(&self) -> Epoch {
        self.word.accepted.as_ref().map_or(Epoch(0), |_| self.word.epoch)
    }

    /// Whether this voter has promised somebody to help to choose what comes after a view.
    pub fn has_promised_after(&self, now: &View) -> bool {
        self.word.epoch > now.epoch && self.word.promised.round > 0
    }

    /// Begins an attempt to have a view chosen after `now`.
    pub fn propose(&mut self, me: NodeId, now: &View) -> Decree {
        self.advance(now.epoch.next());
        let round = self.word.promised.round.max(self.attempt.as_ref().map_or(0, |a| a.ballot.round)) + 1;
        let ballot = Ballot { round, node: me };
        self.attempt = Some(Attempt {
            ballot,
            promises: Vec::new(),
            highest: None,
            granted: Some(BTreeSet::new()),
            accepted: Vec::new(),
            stopping: Vec::new(),
            bringing: None,
        });
        Decree::Prepare(self.word.epoch, ballot)
    }

    /// A majority has promised: what is to be chosen, unless another one may have been already.
    pub fn bring(&mut self, wanted: View) -> Option<Decree> {
        let attempt = self.attempt.as_mut().filter(|attempt| attempt.bringing.is_none())?;
        let view = match &attempt.highest {
            Some((_, view)) => Arc::clone(view),
            None => Arc::new(wanted),
        };
        attempt.bringing = Some(Arc::clone(&view));
        Some(Decree::Accept(attempt.ballot, view))
    }

    /// Takes a message of a voter of the view `now`.
    pub fn step(&mut self, from: NodeId, now: &View, decree: Decree, grants: &impl Grants) -> Step {
        let epoch = decree.epoch();
        if epoch != now.epoch.next() || !now.voters.contains(&from) {
            return Step::Nothing;
        }
        self.advance(epoch);
        match decree {
            Decree::Prepare(_, ballot) => self.prepare(ballot, Some(grants.granted())),
            Decree::Accept(ballot, view) => self.accept(ballot, view, grants),
            Decree::Promise(_, ballot, accepted, granted) => {
                self.promise(from, now, ballot, accepted, granted)
            }
            Decree::Accepted(_, ballot, stopping) => self.accepted(from, now, ballot, &stopping),
            Decree::Refused(_, higher) => {
                self.word.promised.round = self.word.promised.round.max(higher.round);
                if self.attempt.as_ref().is_some_and(|attempt| attempt.ballot < higher) {
                    self.attempt = None;
                }
                Step::Nothing
            }
        }
    }

    fn advance(&mut self, epoch: Epoch) {
        if self.word.epoch < epoch {
            *self = Chooser::new(Word { epoch, ..Word::default() });
        }
    }

    fn prepare(&mut self, ballot: Ballot, granted: Option<Vec<Peer>>) -> Step {
        if ballot < self.word.promised {
            return Step::Answer(Decree::Refused(self.word.epoch, self.word.promised));
        }
        self.word.promised = ballot;
        Step::Answer(Decree::Promise(self.word.epoch, ballot, self.word.accepted.clone(), granted))
    }

    fn accept(&mut self, ballot: Ballot, view: Arc<View>, grants: &impl Grants) -> Step {
        if ballot < self.word.promised {
            return Step::Answer(Decree::Refused(self.word.epoch, self.word.promised));
        }
        self.word.promised = ballot;
        let stopping = grants.left(&view);
        self.word.accepted = Some((ballot, view));
        Step::Answer(Decree::Accepted(self.word.epoch, ballot, stopping))
    }

    fn promise(
        &mut self,
        from: NodeId,
        now: &View,
        ballot: Ballot,
        accepted: Option<(Ballot, Arc<View>)>,
        granted: Option<Vec<Peer>>,
    ) -> Step {
        let Some(attempt) = self.attempt.as_mut().filter(|a| a.ballot == ballot && a.bringing.is_none())
        else {
            return Step::Nothing;
        };
        if attempt.promises.contains(&from) {
            return Step::Nothing;
        }
        attempt.promises.push(from);
        match (&mut attempt.granted, granted) {
            (Some(known), Some(granted)) => known.extend(granted),
            (known, _) => *known = None,
        }
        if accepted.as_ref().map(|(b, _)| *b) > attempt.highest.as_ref().map(|(b, _)| *b) {
            attempt.highest = accepted;
        }
        if attempt.promises.len() < now.majority() {
            return Step::Nothing;
        }
        Step::Promised(attempt.granted.clone())
    }

    fn accepted(&mut self, from: NodeId, now: &View, ballot: Ballot, stopping: &[Stopping]) -> Step {
        let Some(attempt) = self.attempt.as_mut().filter(|a| a.ballot == ballot) else {
            return Step::Nothing;
        };
        let Some(view) = attempt.bringing.clone() else { return Step::Nothing };
        if !attempt.accepted.contains(&from) {
            match attempt.accepted.is_empty() {
                true => attempt.stopping = stopping.to_vec(),
                false => attempt.stopping = longest(&attempt.stopping, stopping),
            }
            attempt.accepted.push(from);
        }
        if attempt.accepted.len() < now.majority() {
            return Step::Nothing;
        }
        let stopping = std::mem::take(&mut attempt.stopping);
        self.attempt = None;
        Step::Chosen(view, stopping)
    }
}

/// Of those of whom both speak, what is longer.
fn longest(some: &[Stopping], others: &[Stopping]) -> Vec<Stopping> {
    let other = |one: &Stopping| others.iter().find(|other| (other.peer, other.lost) == (one.peer, one.lost));
    let longer =
        |one: &Stopping| other(one).map(|other| Stopping { left_ms: one.left_ms.max(other.left_ms), ..*one });
    some.iter().filter_map(longer).collect()
}
