//! Values that clients bring after a miss (cache-aside).
//!
//! The one rule between the miss and the fill: the value is kept only if nothing that covers it came since the miss, in the
//! order of each owner that orders one of its names. What cannot be known counts as having come.

use std::collections::BTreeSet;

use clearwell_words::Millis;

use super::Member;
use super::route::Origin;
use super::write::Home;
use crate::entry::{AsOf, rank};
use crate::name::Name;
use crate::outbox::Outbox;
use crate::request::{Fill, FillLease, Refusal};
use crate::waiting::Lack;
use crate::{Entry, Expiry, Peer, Planted};

/// A fill that waits until its names are known as of when it came.
#[derive(Debug)]
pub(super) struct Waits {
    origin: Origin,
    fill: Fill,
    since: Millis,
}

impl Member {
    /// The right to fill what a read did not find. `as_of` is when that was so.
    pub(super) fn fill_lease(&self, found: Option<&Entry>, as_of: &AsOf) -> Option<FillLease> {
        if found.is_some_and(|entry| entry.value.is_some()) {
            return None;
        }
        let (_, position) = *as_of.iter().find(|(peer, _)| *peer == self.me)?;
        let epoch = self.tenure.view()?.epoch;
        Some(FillLease { owner: self.me, epoch, position, began: self.now })
    }

    /// A value for a key of this member. What came for its names until now must be known first: their owners are asked.
    pub(super) fn fill(&mut self, origin: Origin, fill: Fill, out: &mut Outbox) {
        let Some(view) = self.tenure.view().cloned() else {
            return self.refuse(&origin, Refusal::NoOwner, out);
        };
        let mut since = self.now;
        for owner in self.others_asked(&fill) {
            match self.holder.is_beat_due(self.now, owner, 1) {
                true => self.holder.beat(self.now, owner, view.epoch, out),
                // That one was sent before the fill came.
                false => since = Millis(self.now.0 + 1),
            }
        }
        self.fills.push(Waits { origin, fill, since });
        self.fill_what_is_known(out);
    }

    /// Decides on fills whose names' owners have answered since they came.
    pub(super) fn fill_what_is_known(&mut self, out: &mut Outbox) {
        self.fills.wake_due(self.now);
        for (id, waits) in self.fills.take_woken() {
            let heard = |owner: &Peer| {
                let proof = self.holder.streams.get(owner).and_then(|held| held.proof());
                proof.is_some_and(|(proven, _)| proven >= waits.since)
            };
            let late = waits.since.plus(self.config.request_ms + 1);
            let unheard = self.others_asked(&waits.fill).into_iter().filter(|owner| !heard(owner));
            let mut lacks: Vec<Lack> = unheard.map(Lack::News).collect();
            if lacks.is_empty() {
                self.fill_now(waits.origin, waits.fill, out);
            } else if self.now >= late {
                self.refuse(&waits.origin, Refusal::Late, out);
            } else {
                lacks.push(Lack::Time(late));
                self.fills.put_back(id, waits, lacks);
            }
        }
    }

    /// Asks again: a question or its answer may have been lost.
    pub(super) fn ask_for_fills(&mut self, out: &mut Outbox) {
        const AGAIN_MS: u64 = 100;
        let Some(epoch) = self.tenure.view().map(|view| view.epoch) else { return };
        for owner in self.fills.lacked_news() {
            if self.holder.is_beat_due(self.now, owner, AGAIN_MS) {
                self.holder.beat(self.now, owner, epoch, out);
            }
        }
    }

    /// Others who order one of the names, and are known here: a name that nobody was asked about is refused anyway.
    fn others_asked(&self, fill: &Fill) -> BTreeSet<Peer> {
        let Some(view) = self.tenure.view() else { return BTreeSet::new() };
        let tags = fill.tags.iter().cloned().map(Name::Tag);
        let dependencies = fill.dependencies.iter().cloned().map(Name::Dependents);
        let owners = tags.chain(dependencies).filter(|name| self.holder.is_known(view, name));
        owners.map(|name| view.owner(name.slot(view.slots))).filter(|owner| *owner != self.me).collect()
    }

    /// It is a put if it is not late, and nothing otherwise.
    fn fill_now(&mut self, origin: Origin, fill: Fill, out: &mut Outbox) {
        if !self.owns(self.now, self.slot(&fill.key)) {
            return self.refuse(&origin, Refusal::NoOwner, out);
        }
        let Some(view) = self.tenure.view().cloned() else { return };
        let Fill { key, value, tags, dependencies, events, ttl_ms, meta, ack, lease } = fill;
        let version = rank(view.epoch, self.log.head().next());
        let expiry = ttl_ms.map(|ttl_ms| Expiry::after(self.now, ttl_ms));
        let entry = Entry { key, value: Some(value), version, tags, dependencies, events, expiry, meta };
        let as_of = self.filled_as_of(&entry, &lease);
        if !self.is_current(&entry, &lease, &as_of) && !self.config.has(Planted::LateFill) {
            return self.refuse(&origin, Refusal::Late, out);
        }
        self.put_here(origin, entry, as_of, Home::Cluster(ack), out);
    }

    /// As of when it is current: here, of this moment, because this log has been looked at; for others, of the miss.
    fn filled_as_of(&self, entry: &Entry, lease: &FillLease) -> AsOf {
        let mut as_of = vec![(self.me, self.log.head().next())];
        if lease.owner == self.me {
            as_of.extend(self.names_as_of(entry, |held| held.reached(lease.began, &self.config)));
        }
        as_of
    }

    fn is_current(&mut self, entry: &Entry, lease: &FillLease, as_of: &AsOf) -> bool {
        let Some(view) = self.tenure.view().cloned() else { return false };
        if lease.epoch > view.epoch || !self.is_cacheable(&entry.key) || self.journal.has(&entry.key) {
            return false;
        }
        let key = Name::Key(entry.key.clone());
        let mut current = true;
        for name in std::iter::once(key).chain(entry.names()) {
            let slot = name.slot(view.slots);
            current &= match view.owner(slot) == self.me {
                true => self.owns(self.now, slot) && self.is_clean(&name, lease.owner, lease.position),
                // All are asked about, so that the next fill finds them known.
                false => self.holder.is_unchanged(self.now, &self.config, &view, &name, as_of),
            };
        }
        current
    }
}
