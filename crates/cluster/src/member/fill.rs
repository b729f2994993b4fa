//! Values that clients bring after a miss (cache-aside).
//!
//! The one rule between the miss and the fill: the value is kept only if nothing that covers it came since the miss, in the
//! order of each owner that orders one of its names. What cannot be known counts as having come.

use super::Member;
use super::route::Origin;
use crate::entry::{AsOf, rank};
use crate::name::Name;
use crate::outbox::Outbox;
use crate::request::{Fill, FillLease, Refusal};
use crate::{Entry, Planted};

impl Member {
    /// The right to fill what a read did not find. `as_of` is when that was so.
    pub(super) fn fill_lease(&self, found: Option<&Entry>, as_of: &AsOf) -> Option<FillLease> {
        if found.is_some_and(|entry| entry.value.is_some()) {
            return None;
        }
        let (_, position) = *as_of.iter().find(|(peer, _)| *peer == self.me)?;
        let epoch = self.view.as_ref()?.epoch;
        Some(FillLease { owner: self.me, epoch, position, began: self.now })
    }

    /// A value for a key of this member. It is a put if it is not late, and nothing otherwise.
    pub(super) fn fill(&mut self, origin: Origin, fill: Fill, out: &mut Outbox) {
        if !self.owns(self.now, self.slot(&fill.key)) {
            return self.refuse(&origin, Refusal::NoOwner, out);
        }
        let Some(view) = self.view.clone() else { return };
        let Fill { key, value, tags, dependencies, events, lease } = fill;
        let version = rank(view.epoch, self.head.next());
        let entry = Entry { key, value: Some(value), version, tags, dependencies, events };
        let as_of = self.filled_as_of(&entry, &lease);
        if !self.is_current(&entry, &lease, &as_of) && !self.config.has(Planted::LateFill) {
            return self.refuse(&origin, Refusal::Late, out);
        }
        self.put_here(origin, entry, as_of, false, out);
    }

    /// As of when it is current: here, of this moment, because this log has been looked at; for others, of the miss.
    fn filled_as_of(&self, entry: &Entry, lease: &FillLease) -> AsOf {
        let mut as_of = vec![(self.me, self.head.next())];
        if lease.owner == self.me {
            as_of.extend(self.names_as_of(entry, Some(lease.began)));
        }
        as_of
    }

    fn is_current(&mut self, entry: &Entry, lease: &FillLease, as_of: &AsOf) -> bool {
        let Some(view) = self.view.clone() else { return false };
        if lease.epoch > view.epoch || !self.is_cacheable(&entry.key) || self.journal.contains_key(&entry.key)
        {
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
