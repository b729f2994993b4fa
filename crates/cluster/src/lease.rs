//! An owner's ownership lease. The voter's half is `voter.rs`.

use std::collections::BTreeMap;

use clearwell_words::Millis;

use crate::message::LeaseGrant;
use crate::view::View;
use crate::{Config, Epoch, NodeId};

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
