//! The agreement on views, looked at where it is made. Other defences hide most of what goes wrong with it, so each rule is
//! checked by itself: an epoch has one view, a voter's word on its disk never goes back, nothing is said that does not lie there, and who is
//! called idle has not acted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clearwell_cluster::decree::{Decree, Word};
use clearwell_cluster::{Epoch, Message, NodeId, Peer, Persist, View};
use clearwell_host::Actor;

use super::World;
use crate::check::Violation;
use crate::counts::Count;
use crate::host::{State, index_of};

/// So many voters remain where so many nodes are.
const VOTERS: usize = 3;

/// What is known of all views of a world.
#[derive(Debug, Default)]
pub struct Views {
    /// The view of each epoch, by whoever followed it first.
    chosen: BTreeMap<Epoch, Arc<View>>,
    /// In which views a process has said something that it decided with a lease.
    acted: BTreeSet<(Peer, Epoch)>,
}

impl Views {
    /// The views from this one on.
    pub fn since(&self, first: Epoch) -> impl Iterator<Item = &View> {
        self.chosen.range(first..).map(|(_, view)| &**view)
    }

    /// What a view says of processes that have acted since.
    fn wrongly_idle(&self, view: &View) -> Option<(Peer, Epoch)> {
        view.idle.iter().find_map(|(&peer, &since)| {
            self.acted.range((peer, since)..(peer, view.epoch)).next().map(|&(_, epoch)| (peer, epoch))
        })
    }
}

impl World {
    /// A voter hands a word to its disk.
    pub(super) fn check_handed(&mut self, host: usize, what: &Persist) {
        let Persist::Ballot(word) = what else { return };
        let before = self.hosts[host].disk.newest_ballot();
        let wrong = before.and_then(|before| wrong_word(host, before, word));
        self.complain_of_views(wrong);
    }

    /// A host has a view on its disk. What was not there yet when it crashed, it followed without telling anybody.
    pub(super) fn check_lasting(&mut self, host: usize, what: &Persist) {
        let Persist::View(view) = what else { return };
        let wrong = self.wrong_view(host, view);
        self.complain_of_views(wrong);
    }

    fn wrong_view(&mut self, host: usize, view: &Arc<View>) -> Option<String> {
        let epoch = view.epoch;
        let is_new = !self.views.chosen.contains_key(&epoch);
        let first = self.views.chosen.entry(epoch).or_insert_with(|| Arc::clone(view));
        if !Arc::ptr_eq(first, view) && first != view {
            return Some(format!("host {host} follows another view {} than others do", epoch.0));
        }
        if is_new {
            self.count_view(view);
            if let Some((before, after)) = self.few_voters(epoch) {
                return Some(format!("view {} has voters {:?}, and after it {after:?}", epoch.0, before));
            }
        }
        let (peer, acted) = self.views.wrongly_idle(view)?;
        Some(format!("view {} calls host {} idle, which acted in view {}", epoch.0, peer.node.0 - 1, acted.0))
    }

    fn count_view(&mut self, view: &View) {
        let runs = |peer: &Peer| {
            let host = &self.hosts[index_of(peer.node)];
            host.state == State::Up && host.peer == *peer
        };
        let taken = view.removed.iter().filter(|&(peer, &at)| at == view.epoch && runs(peer)).count();
        let left = view.base.seats.iter().filter(|seat| !view.is_removed(seat.peer)).count();
        self.counts.add(Count::TakenForDead, taken as u64);
        self.counts.add(Count::VotersKept, u64::from(view.voters.len() >= VOTERS && left < VOTERS));
    }

    /// The voters of two views, the one after the other, where they became too few: that of an epoch and one beside it.
    fn few_voters(&self, epoch: Epoch) -> Option<(Vec<NodeId>, Vec<NodeId>)> {
        let around = self.views.chosen.range(Epoch(epoch.0 - 1)..=epoch.next());
        let around: Vec<&View> = around.map(|(_, view)| &**view).collect();
        let stays = |node: NodeId| {
            let host = &self.hosts[index_of(node)];
            !host.leaves && !host.forgotten
        };
        let few = around.windows(2).find(|pair| loses_voters(pair[0], pair[1], stays));
        few.map(|pair| (pair[0].voters.clone(), pair[1].voters.clone()))
    }

    /// A voter says of its word what lies on its disk.
    pub(super) fn check_decree(&mut self, host: usize, message: &Message) {
        let Message::Decree(decree) = message else { return };
        // A thread that is late says what later words have followed on the disk already.
        let word = self.hosts[host].disk.ballot();
        let is_past = word.is_some_and(|word| word.epoch > decree.epoch());
        let kept = word.filter(|word| word.epoch == decree.epoch());
        let last = |word: &Word| word.accepted.as_ref().map(|(last, _)| *last);
        let is_kept = match decree {
            Decree::Promise(_, ballot, accepted, _) => kept.is_some_and(|word| {
                let is_followed = last(word).is_some_and(|last| last >= *ballot);
                word.promised >= *ballot && (word.accepted == *accepted || is_followed)
            }),
            Decree::Accepted(_, ballot, _) => kept.and_then(last).is_some_and(|last| last >= *ballot),
            Decree::Prepare(..) | Decree::Accept(..) | Decree::Refused(..) => true,
        };
        let text = format!("host {host} says {decree:?} and its disk has not got that");
        self.complain_of_views((!is_kept && !is_past).then_some(text));
    }

    /// In which view a host has its lease for slots that it owns. A member may have one for none, when it was taken away and is to
    /// come back: it does nothing with that.
    pub(super) fn leased(&self, host: usize) -> Option<(Peer, Epoch)> {
        let actor = self.hosts[host].actor()?;
        let Actor::Member(member) = &*actor else { return None };
        let (me, granted) = (member.me(), member.granted_in());
        let owns = |view: &&Arc<View>| view.epoch == granted && view.all_owners().contains(&me);
        member.view().filter(owns).map(|_| (me, granted))
    }

    /// A host says something that it decided with a lease. Before that it has not acted: a voter's grant to itself may count before its
    /// disk has got it, and then a crash takes both away, the grant and what was decided with it.
    pub(super) fn note_acted(&mut self, host: usize) {
        let Some(acted) = self.decided.leased.take().filter(|acted| self.views.acted.insert(*acted)) else {
            return;
        };
        let later = self.views.chosen.range(acted.1.next()..).map(|(_, view)| view);
        let wrong = later.filter_map(|view| self.views.wrongly_idle(view).map(|_| view.epoch)).next();
        let text = wrong.map(|epoch| {
            format!("host {host} acts in view {}, and view {} calls it idle", acted.1.0, epoch.0)
        });
        self.complain_of_views(text);
    }

    fn complain_of_views(&mut self, text: Option<String>) {
        let complaint = |text| Violation { checker: "views", at: self.now, op: None, key: None, text };
        self.violations.extend(text.map(complaint));
    }
}

/// Whether a view has fewer than three voters, although the one before it had three and three of its nodes stay.
fn loses_voters(before: &View, after: &View, stays: impl Fn(NodeId) -> bool) -> bool {
    let base = before.base.seats.iter().map(|seat| seat.peer.node);
    let nodes: BTreeSet<NodeId> = before.voters.iter().copied().chain(base).collect();
    after.epoch == before.epoch.next()
        && before.voters.len() >= VOTERS
        && after.voters.len() < VOTERS
        && nodes.into_iter().filter(|node| stays(*node)).count() >= VOTERS
}

/// What is wrong with a word that takes the place of another.
fn wrong_word(host: usize, before: &Word, now: &Word) -> Option<String> {
    let accepted = |word: &Word| word.accepted.as_ref().map(|(ballot, _)| *ballot);
    let goes_back = now.epoch < before.epoch
        || (now.epoch == before.epoch
            && (now.promised < before.promised || accepted(now) < accepted(before)));
    let unpromised = accepted(now).is_some_and(|ballot| ballot > now.promised);
    let text = match (goes_back, unpromised) {
        (true, _) => "goes back behind",
        (false, true) => "accepts more than it promised, after",
        (false, false) => return None,
    };
    Some(format!("the word of voter {host}, {:?}, {text} {:?}", summary(now), summary(before)))
}

fn summary(word: &Word) -> (Epoch, u64, Option<u64>) {
    (word.epoch, word.promised.round, word.accepted.as_ref().map(|(ballot, _)| ballot.round))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clearwell_cluster::decree::Ballot;
    use clearwell_cluster::{NodeId, view::Seat};

    fn view() -> Arc<View> {
        let seat = |node| Seat { peer: Peer { node: NodeId(node), incarnation: 1 }, weight: 100 };
        Arc::new(View::first(vec![seat(1), seat(2), seat(3)], 1, 8))
    }

    fn word(epoch: u64, promised: u64, accepted: Option<u64>) -> Word {
        let ballot = |round| Ballot { round, node: NodeId(1) };
        let accepted = accepted.map(|round| (ballot(round), view()));
        Word { epoch: Epoch(epoch), promised: ballot(promised), accepted }
    }

    #[test]
    fn a_word_only_goes_on() {
        let wrong = |before: Word, now: Word| wrong_word(0, &before, &now).is_some();
        assert!(!wrong(word(2, 3, Some(3)), word(2, 3, Some(3))));
        assert!(!wrong(word(2, 3, Some(3)), word(2, 5, Some(3))));
        assert!(!wrong(word(2, 3, Some(3)), word(3, 1, None)));
        assert!(wrong(word(2, 3, None), word(2, 2, None)), "a promise is forgotten");
        assert!(wrong(word(2, 3, Some(3)), word(2, 4, None)), "what was accepted is forgotten");
        assert!(wrong(word(2, 3, None), word(1, 3, None)), "an epoch comes again");
        assert!(wrong(word(2, 1, None), word(2, 1, Some(4))), "it accepts what it has not promised");
    }

    #[test]
    fn three_voters_remain_while_three_nodes_stay() {
        let before = view();
        let mut after = before.again(BTreeMap::new());
        assert!(!loses_voters(&before, &after, |_| true));
        after.voters = vec![NodeId(1)];
        assert!(loses_voters(&before, &after, |_| true));
        assert!(!loses_voters(&before, &after, |node| node != NodeId(2)), "it left, or was forgotten");
        assert!(!loses_voters(&after, &after.again(BTreeMap::new()), |_| true), "there were no three");
    }

    #[test]
    fn whoever_acted_is_not_idle() {
        let (mut views, peer) = (Views::default(), Peer { node: NodeId(2), incarnation: 1 });
        let idle = view().again(BTreeMap::from([(peer, Epoch(1))]));
        assert_eq!(views.wrongly_idle(&idle), None);
        views.acted.insert((peer, Epoch(2)));
        assert_eq!(views.wrongly_idle(&idle), None, "it may act in the view that calls it so");
        views.acted.insert((peer, Epoch(1)));
        assert_eq!(views.wrongly_idle(&idle), Some((peer, Epoch(1))));
    }
}
