//! A member's tenure: the view that it follows, and its lease to act as an owner in it.

use std::sync::Arc;

use clearwell_words::Millis;

use crate::lease::OwnerLease;
use crate::message::LeaseGrant;
use crate::view::View;
use crate::{Config, Epoch, NodeId};

/// What a member may act on. It begins without a view, and follows none but later ones from then on.
#[derive(Debug, Default)]
pub struct Tenure {
    view: Option<Arc<View>>,
    lease: OwnerLease,
    /// The view in which it last told that its heirs have what they need.
    readied: Epoch,
    /// When it last asked for a later view.
    asked: Option<Millis>,
}

impl Tenure {
    /// The view that it follows.
    pub fn view(&self) -> Option<&Arc<View>> {
        self.view.as_ref()
    }

    /// The epoch of that view; 0 before the first one.
    pub fn epoch(&self) -> Epoch {
        self.view.as_ref().map_or(Epoch(0), |view| view.epoch)
    }

    /// Follows another view. Returns the epoch of the one before.
    pub fn follow(&mut self, view: Arc<View>) -> Epoch {
        let before = self.epoch();
        self.view = Some(view);
        self.lease.hurry();
        before
    }

    /// Whether it may act as owner of what it has long had.
    pub fn is_leased(&self, now: Millis) -> bool {
        now < self.lease.until()
    }

    /// Until when it may.
    pub fn until(&self) -> Millis {
        self.lease.until()
    }

    /// The last view in which a majority granted it a lease.
    pub fn granted_in(&self) -> Epoch {
        self.lease.granted_in()
    }

    /// Whether that is the present one.
    pub fn is_granted(&self) -> bool {
        self.view.as_ref().is_some_and(|view| self.lease.granted_in() >= view.epoch)
    }

    /// Up to this epoch, former owners of what it gained have stopped.
    pub fn settled(&self) -> Epoch {
        self.lease.settled()
    }

    /// Whether it is time to ask the voters for a lease; sooner for whoever `waits` to begin.
    pub fn asks_lease(&mut self, now: Millis, config: &Config, waits: bool) -> bool {
        self.lease.is_due(now, config, waits)
    }

    /// Something is waited for that the voters may say now: they are to be asked at once.
    pub fn hurry(&mut self) {
        self.lease.hurry();
    }

    /// A voter's answer.
    pub fn granted(&mut self, config: &Config, from: NodeId, grant: LeaseGrant) {
        let Some(view) = &self.view else { return };
        if !grant.granted && self.lease.granted_in() < view.epoch {
            // The voter does not follow this view yet, or helps to choose the next.
            self.lease.hurry();
        }
        self.lease.granted(config, view, from, grant);
    }

    /// The voters are told that all heirs of this view have what they need.
    pub fn readies(&mut self) {
        self.readied = self.epoch();
    }

    /// Whether that was told in the present view. It cannot be taken back: the next view may be decided on it at any time.
    pub fn has_readied(&self) -> bool {
        self.readied == self.epoch()
    }

    /// Whether somebody was asked for a later view so lately.
    pub fn has_asked(&self, now: Millis, within_ms: u64) -> bool {
        self.asked.is_some_and(|at| now.since(at) < within_ms)
    }

    /// Somebody is asked for a later view than that of the epoch returned.
    pub fn ask(&mut self, now: Millis) -> Epoch {
        self.asked = Some(now);
        self.epoch()
    }
}
