//! Ownership leases: the owner's half and the voter's.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use clearwell_engine::Millis;

use crate::message::{LeaseAsk, LeaseGrant};
use crate::view::View;
use crate::{Config, Epoch, NodeId, Peer, Planted};

/// What an owner has of the voters.
#[derive(Debug, Default)]
pub struct OwnerLease {
    grants: BTreeMap<NodeId, LeaseGrant>,
    until: Millis,
    granted_in: Epoch,
    settled: Epoch,
    asked: Option<Millis>,
}

impl OwnerLease {
    /// Until when this member may act as owner of what it has long had.
    pub fn until(&self) -> Millis {
        self.until
    }

    /// The last view in which a majority granted it.
    pub fn granted_in(&self) -> Epoch {
        self.granted_in
    }

    /// Up to this epoch, former owners of what this member gained have stopped.
    pub fn settled(&self) -> Epoch {
        self.settled
    }

    /// Whether it is time to ask again; sooner for whoever `waits` to begin.
    pub fn is_due(&mut self, now: Millis, config: &Config, waits: bool) -> bool {
        let often = config.owner_lease_ms / if waits { 20 } else { 5 };
        let due = self.asked.is_none_or(|at| now.since(at) >= often);
        if due {
            self.asked = Some(now);
        }
        due
    }

    /// The view has changed: ask at once.
    pub fn hurry(&mut self) {
        self.asked = None;
    }

    /// Takes a voter's answer.
    pub fn granted(&mut self, config: &Config, view: &View, from: NodeId, grant: LeaseGrant) {
        if !grant.granted || grant.epoch != view.epoch || !view.voters.contains(&from) {
            return;
        }
        let newer =
            self.grants.get(&from).is_none_or(|old| (old.epoch, old.sent) <= (grant.epoch, grant.sent));
        if newer {
            self.grants.insert(from, grant);
        }
        let present: Vec<&LeaseGrant> =
            self.grants.values().filter(|grant| grant.epoch == view.epoch).collect();
        if present.len() < view.majority() {
            return;
        }
        self.granted_in = view.epoch;
        let mut sent: Vec<Millis> = present.iter().map(|grant| grant.sent).collect();
        sent.sort_unstable();
        let oldest_of_majority = sent[sent.len() - view.majority()];
        self.until = self.until.max(oldest_of_majority.plus(config.short(config.owner_lease_ms)));
        let mut settled: Vec<Epoch> = present.iter().map(|grant| grant.settled).collect();
        settled.sort_unstable();
        self.settled = self.settled.max(settled[settled.len() - view.majority()]);
    }
}

/// What a voter remembers of the leases that it and others may have granted. Nothing of it needs a disk: who starts anew
/// waits as if it had learned of its view just now.
#[derive(Debug, Default)]
pub struct Voter {
    settled: Epoch,
    /// Later views, in their order.
    settling: VecDeque<Settling>,
    /// The view in which each owner was heard of last, and whether its heirs have what they need.
    heard: BTreeMap<Peer, (Epoch, bool)>,
    /// To whom leases were granted in the present view; `None` when it was an earlier process that did.
    granted: Option<BTreeSet<Peer>>,
}

/// A view whose former owners may still act. Each has a time of its own: views that follow one another quickly do not put
/// off what the first of them began.
#[derive(Debug)]
struct Settling {
    epoch: Epoch,
    /// When every lease of an earlier view has surely ended.
    over: Millis,
    /// Who must be heard of in this view or later before that; `None` when it is not known who lost something.
    losers: Option<Vec<Peer>>,
}

impl Voter {
    /// A view was learned.
    pub fn learn(&mut self, now: Millis, config: &Config, before: Option<&View>, view: &View) {
        self.granted = Some(BTreeSet::new());
        let over = now.plus(config.long(config.owner_lease_ms));
        let follows = before.filter(|before| before.epoch.next() == view.epoch);
        let losers = follows.map(|before| view.losers(before));
        self.settling.push_back(Settling { epoch: view.epoch, over, losers });
        self.settle(now, config);
    }

    /// The first view of a cluster: nobody has been an owner before it.
    pub fn begin(&mut self, view: &View) {
        self.settled = view.epoch;
        self.settling.clear();
        self.granted = Some(BTreeSet::new());
    }

    /// This process begins in a view in which an earlier one of its node may have granted leases.
    pub fn restarts(&mut self) {
        self.granted = None;
    }

    /// To whom it granted leases in the present view, if it knows.
    pub fn granted(&self) -> Option<Vec<Peer>> {
        self.granted.as_ref().map(|granted| granted.iter().copied().collect())
    }

    /// Answers an owner. `accepted` is the latest view that this voter has helped to choose; `promised` says that it has told
    /// to whom it granted leases in the present one.
    pub fn ask(
        &mut self,
        now: Millis,
        config: &Config,
        view: &Arc<View>,
        (accepted, promised): (Epoch, bool),
        from: Peer,
        ask: &LeaseAsk,
    ) -> LeaseGrant {
        self.heard.insert(from, (ask.epoch, ask.ready));
        self.settle(now, config);
        if config.has(Planted::EpochIgnored) {
            return LeaseGrant { epoch: ask.epoch, sent: ask.sent, granted: true, settled: self.settled };
        }
        let known = self.granted.as_ref().is_some_and(|granted| granted.contains(&from));
        let granted = ask.epoch == view.epoch.max(accepted) && view.has(from) && (known || !promised);
        if granted && let Some(all) = &mut self.granted {
            all.insert(from);
        }
        LeaseGrant { epoch: ask.epoch.min(view.epoch), sent: ask.sent, granted, settled: self.settled }
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

    fn settle(&mut self, now: Millis, config: &Config) {
        while let Some(Settling { epoch, over, losers }) = self.settling.front_mut() {
            if let Some(losers) = losers {
                losers.retain(|peer| self.heard.get(peer).is_none_or(|(at, _)| at < epoch));
            }
            let confirmed = losers.as_ref().is_some_and(Vec::is_empty);
            if !confirmed && now < *over && !config.has(Planted::FailoverAtOnce) {
                return;
            }
            self.settled = *epoch;
            self.settling.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Profile;
    use crate::view::{Placement, Seat};

    fn peer(node: u64) -> Peer {
        Peer { node: NodeId(node), incarnation: 1 }
    }

    /// The view after `before`, without these as well.
    fn without(before: &View, gone: &[u64]) -> View {
        let epoch = before.epoch.next();
        let mut removed = before.removed.clone();
        removed.extend(gone.iter().map(|&node| (peer(node), epoch)));
        let seats = before.next.seats.iter().filter(|seat| !removed.contains_key(&seat.peer)).copied();
        let next = Arc::new(Placement::new(seats.collect(), 1, 64));
        View::new(epoch, 64, Arc::clone(&before.base), removed, next, before.voters.clone())
    }

    #[test]
    fn views_that_follow_one_another_do_not_put_off_what_the_first_began() {
        let config = Config::of(peer(1), Profile::Wan);
        let wait = config.long(config.owner_lease_ms);
        let seats = (1..=5).map(|node| Seat { peer: peer(node), weight: 100 }).collect();
        let first = View::first(seats, 2, 64);
        let second = without(&first, &[4]);
        let third = without(&second, &[5]);
        let mut voter = Voter::default();
        voter.begin(&first);
        voter.learn(Millis(0), &config, Some(&first), &second);
        voter.learn(Millis(3000), &config, Some(&second), &third);
        let mut settled = |now: u64, from: u64, epoch: u64| {
            let ask = LeaseAsk { epoch: Epoch(epoch), sent: Millis(now), ready: false };
            let third = Arc::new(third.clone());
            voter.ask(Millis(now), &config, &third, (third.epoch, false), peer(from), &ask).settled
        };
        assert_eq!(settled(wait - 1, 2, 3), Epoch(1), "4 may still act by its lease");
        assert_eq!(settled(wait, 2, 3), Epoch(2));
        assert_eq!(settled(wait + 1, 5, 2), Epoch(2), "5 does not know yet what it lost");
        assert_eq!(settled(wait + 2, 5, 3), Epoch(3));
    }
}
