//! Voters: what the next view should be, and having it chosen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clearwell_words::Millis;

use super::Member;
use crate::decree::{Decree, Grants, Step};
use crate::membership::Known;
use crate::message::{Message, Stopping};
use crate::outbox::{Outbox, Persist, To};
use crate::stranded::{self, Outlook};
use crate::view::{Placement, Seat, View};
use crate::voter::Voter;
use crate::{Config, Epoch, NodeId, Operation, Peer, Planted};

/// How much later a voter proposes for each one before it that is alive.
const RANK_MS: u64 = 600;

/// What the next view should be. Its placement is only made when it is proposed: among many members that is much work.
#[derive(Clone)]
struct Wanted {
    base: Arc<Placement>,
    removed: BTreeMap<Peer, Epoch>,
    next: Next,
    voters: Vec<NodeId>,
    /// The base is the placement that was to come.
    adopts: bool,
}

#[derive(Clone)]
enum Next {
    Same(Arc<Placement>),
    Of(Vec<Seat>, u8),
}

impl Wanted {
    /// Whether somebody whom the present view has is taken for dead, or is not to come any more.
    fn takes_away(&self, view: &View) -> bool {
        let is_left_out = |peer: Peer| match &self.next {
            Next::Same(_) => false,
            Next::Of(seats, _) => !seats.iter().any(|seat| seat.peer == peer),
        };
        self.removed.keys().any(|peer| !view.removed.contains_key(peer))
            || view.next.seats.iter().any(|seat| is_left_out(seat.peer))
    }

    fn follow(self, view: &View) -> View {
        let next = match self.next {
            Next::Same(next) => next,
            Next::Of(seats, replicas) => Arc::new(Placement::new(seats, replicas, view.slots)),
        };
        View::new(view.epoch.next(), view.slots, self.base, self.removed, next, self.voters)
    }
}

/// What a voter knows of changes to come.
#[derive(Debug, Default)]
pub(super) struct Proposing {
    replicas: Option<u8>,
    forgotten: BTreeSet<NodeId>,
    restless: Option<Millis>,
    tried: Option<Millis>,
    wait_ms: u64,
    /// The view after which nothing was wanted, by what gossip knew then.
    content: Option<(Epoch, u64)>,
    /// An attempt that nobody finishes keeps this voter from granting a lease.
    pub(super) stuck: bool,
}

impl Proposing {
    /// An operator wants something.
    pub fn want(&mut self, operation: Operation) {
        self.content = None;
        match operation {
            Operation::Replicas(replicas) => self.replicas = Some(replicas),
            Operation::Forget(node) => {
                self.forgotten.insert(node);
            }
            Operation::Weight(_) | Operation::Leave => {}
        }
    }

    /// Whom an operator said not to come back.
    pub fn forgotten(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.forgotten.iter().copied()
    }

    /// A view was adopted.
    pub fn settle(&mut self, view: &View) {
        if self.replicas == Some(view.next.replicas) {
            self.replicas = None;
        }
        self.restless = None;
        self.tried = None;
        self.stuck = false;
    }
}

/// What this member says of the leases that it granted, at this moment.
struct Granted<'a> {
    voter: &'a Voter,
    now: Millis,
    config: &'a Config,
}

impl Grants for Granted<'_> {
    fn granted(&self) -> Vec<Peer> {
        self.voter.granted()
    }

    fn left(&self, next: &View) -> Vec<Stopping> {
        self.voter.left(self.now, self.config, next)
    }
}

impl Member {
    /// Proposes the next view when one is wanted: the first voter that is alive does so at once, others later, and voters that were taken away
    /// last: they wait longest when they take somebody away in turn.
    pub(super) fn propose(&mut self, out: &mut Outbox) {
        const SOON_MS: u64 = 150;
        let Some(view) = self.tenure.view().cloned().filter(|view| view.voters.contains(&self.me.node))
        else {
            return;
        };
        let unfinished = self.chooser.accepted_epoch() > view.epoch || self.proposing.stuck;
        if !unfinished && !self.is_wanting(&view) {
            self.proposing.restless = None;
            return;
        }
        let since = *self.proposing.restless.get_or_insert(self.now);
        // Those who were taken away propose last, in their order.
        let place = |voter: NodeId| (!view.counts_on(voter), voter);
        let before = |voter: &&NodeId| place(**voter) < place(self.me.node) && self.gossip.is_alive(**voter);
        let mut rank = view.voters.iter().filter(before).count();
        if !view.counts_on(self.me.node) && self.wanted(&view).is_some_and(|wanted| wanted.takes_away(&view))
        {
            // It was taken for dead, and may still take those for dead who did not hear it either.
            rank += view.voters.len();
        }
        let waited = self.now.since(since) >= SOON_MS + rank as u64 * RANK_MS;
        let quiet = self.proposing.tried.is_none_or(|at| self.now.since(at) >= self.proposing.wait_ms);
        if !waited || !quiet {
            return;
        }
        self.attempt(&view, out);
    }

    /// A process that goes on from its node's disk, and whose node is the only voter, has the next view at hand: nobody else can have
    /// decided anything, and its folder is locked, so the process before it acts no more. First what that one may have begun to choose,
    /// then what this one wants.
    pub(super) fn go_on_alone(&mut self, out: &mut Outbox) {
        for _ in 0..2 {
            let Some(view) = self.tenure.view().cloned().filter(|view| view.voters == [self.me.node]) else {
                return;
            };
            if self.chooser.accepted_epoch() > view.epoch || self.is_wanting(&view) {
                self.attempt(&view, out);
            }
        }
    }

    fn attempt(&mut self, view: &View, out: &mut Outbox) {
        self.proposing.tried = Some(self.now);
        self.proposing.wait_ms = RANK_MS + self.chance.next() % RANK_MS;
        let prepare = self.chooser.propose(self.me.node, view);
        self.tell_voters(view, &prepare, out);
    }

    /// Whether the present view should be followed by another. Where nothing is on its way, only gossip can change that.
    fn is_wanting(&mut self, view: &View) -> bool {
        let state = (view.epoch, self.gossip.edition());
        if view.is_settled() && self.proposing.content == Some(state) {
            return false;
        }
        let wants = self.wanted(view).is_some();
        self.proposing.content = (!wants).then_some(state);
        wants
    }

    /// What the present view should be followed by; `None` when it is right.
    fn wanted(&mut self, view: &View) -> Option<Wanted> {
        let outlook = Outlook { known: self.gossip.known(), forgotten: &self.proposing.forgotten };
        // A placement of nobody takes nothing over, so nobody may hand anything over to it.
        let has_heirs = view.next.copies() > 0;
        let are_ready = self.voter.all_ready(view, |peer| outlook.is_dead(peer));
        let adopts = !view.is_settled() && has_heirs && are_ready;
        let base = if adopts { Arc::clone(&view.next) } else { Arc::clone(&view.base) };
        let epoch = view.epoch.next();
        let mut removed: BTreeMap<Peer, Epoch> = match adopts {
            true => BTreeMap::new(),
            false => view.removed.clone(),
        };
        for dead in base.seats.iter().map(|seat| seat.peer).filter(|peer| outlook.is_dead(*peer)) {
            removed.entry(dead).or_insert(epoch);
        }
        let mut seats: BTreeMap<Peer, Seat> = BTreeMap::new();
        let stays = |known: &&Known| known.alive && !known.leaving && !outlook.is_forgotten(known.peer.node);
        for known in outlook.known.values().filter(stays) {
            seats.insert(known.peer, Seat { peer: known.peer, weight: known.weight });
        }
        for seat in view.next.seats.iter().filter(|seat| !outlook.known.contains_key(&seat.peer.node)) {
            seats.insert(seat.peer, *seat);
        }
        let seats: Vec<Seat> = seats.into_values().collect();
        let replicas = self.proposing.replicas.unwrap_or(view.next.replicas);
        let next = match seats == view.next.seats && replicas == view.next.replicas {
            true => Next::Same(Arc::clone(&view.next)),
            false => Next::Of(seats, replicas),
        };
        let coming = match &next {
            Next::Same(next) => &next.seats,
            Next::Of(seats, _) => seats,
        };
        let able = base.seats.iter().chain(coming).map(|seat| seat.peer);
        let able = able.filter(|peer| !removed.contains_key(peer) && !outlook.is_dead(*peer));
        let there = able.map(|peer| peer.node).collect();
        let voters = view.voters_after(&there, |node| outlook.is_expected(node));
        let same = Arc::ptr_eq(&base, &view.base)
            && removed == view.removed
            && matches!(next, Next::Same(_))
            && voters == view.voters;
        let wanted = Wanted { base, removed, next, voters, adopts };
        if !same {
            return Some(wanted);
        }
        if view.stranded.is_empty() {
            return None;
        }
        // Whether owners have acted is asked when the next view is made; nothing is wanted because of it.
        let idle = stranded::idle_after(view, Some(&BTreeSet::new()));
        let to_come = wanted.clone().follow(view).with_idle(idle);
        (stranded::after(view, &to_come, adopts, &outlook) != view.stranded).then_some(wanted)
    }

    /// The view after this one. Nobody but `acted` can have acted in this one, when that is known.
    fn successor(&mut self, view: &View, acted: Option<&BTreeSet<Peer>>) -> View {
        let idle = stranded::idle_after(view, acted);
        let next = match self.wanted(view) {
            None => view.again(idle),
            Some(wanted) => {
                let adopts = wanted.adopts;
                let to_come = wanted.follow(view).with_idle(idle);
                let outlook = Outlook { known: self.gossip.known(), forgotten: &self.proposing.forgotten };
                let stranded = stranded::after(view, &to_come, adopts, &outlook);
                to_come.with_stranded(stranded)
            }
        };
        let losers = self.losers(view, &next);
        next.with_losers(losers)
    }

    /// Who may act as owner of slots that `next` gives to others: who loses some now, and who lost some before and is not known to have
    /// stopped. A view bears them for voters that did not follow the ones before it.
    fn losers(&self, view: &View, next: &View) -> BTreeSet<(Epoch, Peer)> {
        let now = next.lost_since(view).map(|peer| (next.epoch, peer));
        let before = self.voter.losers().filter(|_| !self.config.has(Planted::LosersForgotten));
        now.chain(before).collect()
    }

    /// A message of the choice.
    pub(super) fn decree(&mut self, from: NodeId, decree: Decree, out: &mut Outbox) {
        let Some(view) = self.tenure.view().cloned() else { return };
        if !view.voters.contains(&self.me.node) {
            return;
        }
        let grants = Granted { voter: &self.voter, now: self.now, config: &self.config };
        match self.chooser.step(from, &view, decree, &grants) {
            Step::Nothing => {}
            Step::Answer(answer) => {
                out.persist.push(Persist::Ballot(self.chooser.word().clone()));
                match from == self.me.node {
                    true => self.decree(from, answer, out),
                    false => out.send.push((To::Node(from), Message::Decree(answer))),
                }
            }
            Step::Promised(acted) => {
                let successor = self.successor(&view, acted.as_ref());
                if let Some(accept) = self.chooser.bring(successor) {
                    self.tell_voters(&view, &accept, out);
                }
            }
            Step::Chosen(chosen, stopping) => {
                let mut members = view.members();
                members.extend(chosen.members());
                members.sort_unstable();
                members.dedup();
                for peer in members.into_iter().filter(|peer| *peer != self.me) {
                    let view = Message::View(Arc::clone(&chosen), stopping.clone());
                    out.send.push((To::Peer(peer), view));
                }
                self.install(chosen, &stopping, out);
            }
        }
    }

    fn tell_voters(&mut self, view: &View, decree: &Decree, out: &mut Outbox) {
        for voter in view.voters.iter().filter(|voter| **voter != self.me.node) {
            out.send.push((To::Node(*voter), Message::Decree(decree.clone())));
        }
        self.decree(self.me.node, decree.clone(), out);
    }
}
