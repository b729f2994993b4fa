//! A voter's half of ownership leases: to whom it grants them, and when those who lost slots have surely stopped.
//!
//! A loser has stopped when it is heard of in the view in which it lost something, or when a later process of its node is: a
//! node's data folder is locked, so the earlier one has ended. Else its lease must have ended. A lease needs grants of a
//! majority, and a view is accepted by another one, so at least one voter did both, and granted nothing in earlier views from
//! its acceptance on. Therefore a lease outlives the last grant that any of those who accepted gave (`Voter::left`) by no more than its length. What was
//! granted in still earlier views was granted before the present one was learned. Where that is not known, the wait counts
//! from when the new view was learned, which is after all of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clearwell_words::Millis;

use crate::message::{LeaseAsk, LeaseGrant, Stopping};
use crate::view::View;
use crate::{Config, Epoch, Peer, Planted};

/// What a voter remembers of leases. To whom it granted any in the present view is on its disk: those to whom nobody did have not acted, and
/// what others had before them counts. When it granted them needs no disk: a process counts what an earlier one may have granted from its own beginning.
#[derive(Debug)]
pub struct Voter {
    /// The view that it follows, and since when.
    epoch: Epoch,
    learned: Millis,
    /// Up to this view, former owners have stopped.
    settled: Epoch,
    /// Those who lost slots in later views, and when their leases of earlier views have surely ended.
    losers: BTreeMap<(Epoch, Peer), Millis>,
    /// When all read leases have surely ended that former owners gave: none outlives the lease of the owner that gave it.
    quiet: Millis,
    /// The view in which each owner was heard of last, and whether its heirs have what they need.
    heard: BTreeMap<Peer, (Epoch, bool)>,
    /// To whom leases were granted in the present view.
    granted: BTreeSet<Peer>,
    /// When each owner was granted a lease last, in any view.
    last_grants: BTreeMap<Peer, Millis>,
    /// When this process began.
    began: Millis,
}

impl Voter {
    /// One that begins now.
    pub fn new(now: Millis) -> Voter {
        Voter {
            epoch: Epoch(0),
            learned: now,
            settled: Epoch(0),
            losers: BTreeMap::new(),
            quiet: Millis(0),
            heard: BTreeMap::new(),
            granted: BTreeSet::new(),
            last_grants: BTreeMap::new(),
            began: now,
        }
    }

    /// A view was learned, with what its sender knows of the time that losers have left.
    pub fn learn(&mut self, now: Millis, config: &Config, view: &View, stopping: &[Stopping]) {
        let whole = config.long(config.owner_lease_ms);
        let mut losers = BTreeMap::new();
        for &(lost, peer) in view.losers.iter().filter(|(lost, _)| *lost > self.settled) {
            let told = stopping.iter().find(|one| (one.lost, one.peer) == (lost, peer));
            let left = told.map_or(whole, |one| one.left_ms.min(whole));
            let over = self.losers.get(&(lost, peer)).copied().unwrap_or(now.plus(left));
            losers.insert((lost, peer), over);
        }
        if self.epoch.next() != view.epoch {
            // Views were left out: whoever stopped in them may have given a read lease until just now.
            self.quiet = self.quiet.max(now.plus(config.long(config.read_lease_ms)));
        }
        self.quiet = losers.values().copied().fold(self.quiet, Millis::max);
        (self.epoch, self.learned, self.losers) = (view.epoch, now, losers);
        self.granted.clear();
        self.last_grants.retain(|peer, _| view.all_owners().contains(peer));
        self.settle(now, config);
    }

    /// This process begins in a view in which an earlier one of its node granted these leases.
    pub fn restarts(&mut self, granted: impl IntoIterator<Item = Peer>) {
        self.granted.extend(granted);
    }

    /// To whom it granted leases in the present view.
    pub fn granted(&self) -> Vec<Peer> {
        self.granted.iter().copied().collect()
    }

    /// The losers that may still act, as far as it knows, each with the view in which it lost something.
    pub fn losers(&self) -> impl Iterator<Item = (Epoch, Peer)> + '_ {
        self.losers.keys().copied()
    }

    /// When read leases of former owners have surely ended, whether these stopped earlier or not.
    pub fn quiet(&self) -> Millis {
        self.quiet
    }

    /// How long each of them may still act.
    pub fn stopping(&self, now: Millis) -> Vec<Stopping> {
        let left = |(&(lost, peer), &over): (_, &Millis)| Stopping::until(peer, lost, over, now);
        self.losers.iter().map(left).collect()
    }

    /// How long those who lose something in `next` may still act by leases that needed a grant of this voter, and by any of
    /// earlier views than the present one. From now on it grants none in the present view.
    pub fn left(&self, now: Millis, config: &Config, next: &View) -> Vec<Stopping> {
        let whole = config.long(config.owner_lease_ms);
        let lost_now = next.losers.iter().filter(|(lost, _)| *lost == next.epoch);
        let left = |&(lost, peer): &(Epoch, Peer)| {
            let last = match config.has(Planted::GrantsForgotten) {
                true => self.began,
                false => self.last_grants.get(&peer).copied().unwrap_or(self.began).max(self.learned),
            };
            Stopping::until(peer, lost, last.plus(whole), now)
        };
        lost_now.map(left).collect()
    }

    /// An owner follows a view.
    pub fn hear(&mut self, from: Peer, ask: &LeaseAsk) {
        self.heard.insert(from, (ask.epoch, ask.ready));
    }

    /// Answers an owner, and says whether this is the first grant to it in this view. `accepted` is the latest view that this voter has helped to choose; `promised` says that it has told
    /// to whom it granted leases in the present one.
    pub fn ask(
        &mut self,
        now: Millis,
        config: &Config,
        view: &Arc<View>,
        (accepted, promised): (Epoch, bool),
        from: Peer,
        ask: &LeaseAsk,
    ) -> (LeaseGrant, bool) {
        self.settle(now, config);
        if config.has(Planted::EpochIgnored) {
            let grant = LeaseGrant { epoch: ask.epoch, sent: ask.sent, granted: true, settled: self.settled };
            return (grant, false);
        }
        let known = self.granted.contains(&from);
        let granted = ask.epoch == view.epoch.max(accepted) && view.has(from) && (known || !promised);
        if granted {
            self.last_grants.insert(from, now);
            self.granted.insert(from);
        }
        let epoch = ask.epoch.min(view.epoch);
        (LeaseGrant { epoch, sent: ask.sent, granted, settled: self.settled }, granted && !known)
    }

    /// Whether every owner has told that its heirs have what they need; stranded slots whose owner is dead wait for it alone.
    pub fn all_ready(&self, view: &View, is_dead: impl Fn(Peer) -> bool) -> bool {
        let is_ready =
            |owner: &&Peer| **owner == Peer::default() || self.heard.get(owner) == Some(&(view.epoch, true));
        let missing: BTreeSet<Peer> =
            view.all_owners().iter().filter(|owner| !is_ready(owner)).copied().collect();
        // Only when all of them are dead it takes a look at each slot.
        missing.iter().all(|owner| is_dead(*owner))
            && (missing.is_empty()
                || view
                    .slots_owned()
                    .all(|(slot, owner)| !missing.contains(&owner) || view.stranded.contains_key(&slot)))
    }

    /// View by view, each at a time of its own: views that follow one another quickly do not put off what the first of them
    /// began.
    fn settle(&mut self, now: Millis, config: &Config) {
        while let Some((&(lost, _), _)) = self.losers.first_key_value() {
            // Views bear all who may still act: those who lost something before it have stopped.
            self.settled = self.settled.max(Epoch(lost.0.saturating_sub(1)));
            let later = (lost.next(), Peer::default());
            let words_of = if config.has(Planted::AnyWordStops) { Epoch(0) } else { lost };
            let has_stopped =
                |(&(_, peer), &over): (&(_, _), &_)| now >= over || self.has_stopped(peer, words_of);
            if !self.losers.range(..later).all(has_stopped) && !config.has(Planted::FailoverAtOnce) {
                return;
            }
            self.settled = lost;
            self.losers = self.losers.split_off(&later);
        }
        self.settled = self.epoch;
    }

    /// Whether a loser does not act any more as owner of what it lost: it follows that view, or has ended.
    fn has_stopped(&self, peer: Peer, lost: Epoch) -> bool {
        let last = Peer { incarnation: u32::MAX, ..peer };
        let mut heard = self.heard.range(peer..=last);
        heard.any(|(&other, &(epoch, _))| other != peer || epoch >= lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NodeId;
    use crate::view::{Placement, Seat};

    const LONG: u64 = 1576;

    fn peer(node: u64) -> Peer {
        Peer { node: NodeId(node), incarnation: 1 }
    }

    fn config() -> Config {
        let config = Config::new(peer(1));
        assert_eq!(config.long(config.owner_lease_ms), LONG);
        config
    }

    fn first() -> View {
        View::first((1..=5).map(|node| Seat { peer: peer(node), weight: 100 }).collect(), 2, 64)
    }

    /// The view after `before`, without these as well.
    fn without(before: &View, gone: &[u64]) -> View {
        let epoch = before.epoch.next();
        let mut removed = before.removed.clone();
        removed.extend(gone.iter().map(|&node| (peer(node), epoch)));
        let seats = before.next.seats.iter().filter(|seat| !removed.contains_key(&seat.peer)).copied();
        let next = Arc::new(Placement::new(seats.collect(), 1, 64));
        let view = View::new(epoch, 64, Arc::clone(&before.base), removed, next, before.voters.clone());
        let lost = view.lost_since(before).map(|peer| (epoch, peer)).chain(before.losers.iter().copied());
        let losers = lost.collect();
        view.with_losers(losers)
    }

    /// What a voter says is settled, when `from` asks in a view at a time.
    fn settled(voter: &mut Voter, view: &View, now: u64, from: Peer, epoch: u64) -> u64 {
        let ask = LeaseAsk { epoch: Epoch(epoch), sent: Millis(now), ready: false };
        voter.hear(from, &ask);
        let view = Arc::new(view.clone());
        let (grant, _) = voter.ask(Millis(now), &config(), &view, (view.epoch, false), from, &ask);
        grant.settled.0
    }

    #[test]
    fn views_that_follow_one_another_do_not_put_off_what_the_first_began() {
        let first = first();
        let second = without(&first, &[4]);
        let third = without(&second, &[5]);
        let mut voter = Voter::new(Millis(0));
        voter.learn(Millis(0), &config(), &first, &[]);
        voter.learn(Millis(0), &config(), &second, &[]);
        voter.learn(Millis(1000), &config(), &third, &[]);
        assert_eq!(settled(&mut voter, &third, LONG - 1, peer(2), 3), 1, "4 may still act by its lease");
        assert_eq!(settled(&mut voter, &third, LONG, peer(2), 3), 2);
        assert_eq!(settled(&mut voter, &third, LONG + 1, peer(5), 2), 2, "5 does not know yet what it lost");
        assert_eq!(settled(&mut voter, &third, LONG + 2, peer(5), 3), 3);
    }

    #[test]
    fn a_voter_that_has_never_seen_an_earlier_view_knows_who_lost_something() {
        let second = without(&first(), &[4]);
        let third = without(&second, &[5]);
        let mut voter = Voter::new(Millis(0));
        voter.learn(Millis(0), &config(), &third, &[]);
        assert_eq!(settled(&mut voter, &third, 1, peer(5), 3), 1, "4 was not heard of");
        let again = Peer { incarnation: 2, ..peer(4) };
        assert_eq!(settled(&mut voter, &third, 2, again, 1), 3, "its next process was: this one has ended");
    }

    #[test]
    fn who_helped_to_choose_a_view_renews_no_lease_of_the_one_before() {
        let (first, config) = (Arc::new(first()), config());
        let mut voter = Voter::new(Millis(0));
        voter.learn(Millis(0), &config, &first, &[]);
        let mut asks = |epoch: u64, accepted: u64| {
            let ask = LeaseAsk { epoch: Epoch(epoch), sent: Millis(9), ready: false };
            let (grant, _) =
                voter.ask(Millis(9), &config, &first, (Epoch(accepted), accepted > 0), peer(4), &ask);
            (grant.granted, grant.epoch)
        };
        assert_eq!(asks(1, 0), (true, Epoch(1)));
        assert_eq!(asks(1, 2), (false, Epoch(1)), "how long 4 may still act has been told");
    }

    /// A holder with a read lease of whoever stopped in a view that was left out is waited for (`begin_slots`).
    #[test]
    fn who_left_views_out_waits_for_the_read_leases_given_in_them() {
        let (first, config) = (first(), config());
        let second = without(&first, &[4]);
        // 4 was heard of in the second view, so the third does not name it any more.
        let third = without(&second, &[]).with_losers(BTreeSet::new());
        let mut voter = Voter::new(Millis(0));
        voter.learn(Millis(0), &config, &first, &[]);
        voter.learn(Millis(5_000), &config, &third, &[]);
        assert_eq!(voter.quiet(), Millis(5_000 + config.long(config.read_lease_ms)));
        let mut other = Voter::new(Millis(0));
        for view in [&first, &second, &third] {
            other.learn(Millis(5_000), &config, view, &[]);
        }
        assert_eq!(other.quiet(), Millis(5_000 + LONG), "it knew of 4 all the same");
    }

    #[test]
    fn an_owners_word_on_its_heirs_counts_for_one_view() {
        let (first, config) = (first(), config());
        let second = without(&first, &[]);
        let mut voter = Voter::new(Millis(0));
        let says = |voter: &mut Voter, epoch: u64| {
            let ask = LeaseAsk { epoch: Epoch(epoch), sent: Millis(9), ready: true };
            first.all_owners().iter().for_each(|owner| voter.hear(*owner, &ask));
        };
        voter.learn(Millis(0), &config, &first, &[]);
        says(&mut voter, 1);
        assert!(voter.all_ready(&first, |_| false));
        voter.learn(Millis(0), &config, &second, &[]);
        assert!(!voter.all_ready(&second, |_| false), "others may gain slots in it");
        says(&mut voter, 2);
        assert!(voter.all_ready(&second, |_| false));
    }

    #[test]
    fn the_wait_counts_from_the_last_grant_and_from_the_last_view() {
        let (first, config) = (first(), config());
        let second = without(&first, &[4]);
        let left = |voter: &Voter, now: u64, next: &View| -> Vec<u64> {
            voter.left(Millis(now), &config, next).iter().map(|one| one.left_ms).collect()
        };
        let mut voter = Voter::new(Millis(100));
        voter.learn(Millis(500), &config, &first, &[]);
        assert_eq!(left(&voter, 1000, &second), [LONG - 500 + 1], "an earlier view may have given a lease");
        assert_eq!(left(&voter, 9000, &second), [1], "no grant of this voter is in any lease");
        settled(&mut voter, &first, 9000, peer(4), 1);
        assert_eq!(left(&voter, 9200, &second), [LONG - 200 + 1]);
        let told = voter.left(Millis(9200), &config, &second);
        let mut other = Voter::new(Millis(7));
        other.learn(Millis(7), &config, &second, &told);
        assert_eq!(settled(&mut other, &second, 7 + LONG - 200, peer(1), 2), 1);
        assert_eq!(settled(&mut other, &second, 8 + LONG - 200, peer(1), 2), 2);
    }

    #[test]
    fn a_process_knows_to_whom_an_earlier_one_granted_leases() {
        let (view, config) = (Arc::new(first()), config());
        let ask = LeaseAsk { epoch: view.epoch, sent: Millis(1), ready: false };
        let mut voter = Voter::new(Millis(0));
        voter.learn(Millis(0), &config, &view, &[]);
        let of = |voter: &mut Voter, node, promised| {
            let (grant, is_first) =
                voter.ask(Millis(1), &config, &view, (view.epoch, promised), peer(node), &ask);
            (grant.granted, is_first)
        };
        assert_eq!(of(&mut voter, 4, false), (true, true), "to be written down");
        assert_eq!(of(&mut voter, 4, false), (true, false));
        let mut next = Voter::new(Millis(1));
        next.learn(Millis(1), &config, &view, &[]);
        next.restarts([peer(4)]);
        assert_eq!(next.granted(), [peer(4)]);
        assert_eq!((of(&mut next, 4, true), of(&mut next, 2, true)), ((true, false), (false, false)));
    }
}
