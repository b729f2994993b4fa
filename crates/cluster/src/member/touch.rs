//! Touches: an entry that lives longer or shorter than was said (EXPIRE, PERSIST).
//!
//! A touch is ordered in the owner's log as every change is: what began before it is not kept after it, copies go, replicas follow. Only the
//! value stays, so nothing that was made from it is old.

use clearwell_words::Cause;

use super::Member;
use super::route::{Origin, Work};
use super::wait::Slots;
use crate::digest::digest;
use crate::name::Name;
use crate::outbox::{Apply, Ask, Outbox, Persist};
use crate::record::{Change, Record};
use crate::request::{Refusal, Touch};
use crate::{Bytes, Entry, Expiry, Peer, Position};

/// A touch whose entry is looked for.
#[derive(Debug)]
pub(super) struct Touching {
    pub origin: Origin,
    pub touch: Touch,
    /// The head of the log when it was looked for.
    pub head: Position,
}

impl Member {
    /// A touch of a key of this member: the store says whether there is anything.
    pub(super) fn touch(&mut self, origin: Origin, touch: Touch, out: &mut Outbox) {
        if !self.owns(self.now, self.slot(&touch.key)) {
            return self.refuse(&origin, Refusal::NoOwner, out);
        }
        if self.is_busy() {
            return self.refuse(&origin, Refusal::Busy, out);
        }
        let (key, head) = (touch.key.clone(), self.log.head());
        let job = self.jobs.begin(Work::Touch(Touching { origin, touch, head }));
        out.ask.push((job, Ask::Find { key }));
    }

    /// The store has answered.
    pub(super) fn found(&mut self, touching: Touching, entry: Option<Entry>, out: &mut Outbox) {
        let Touching { origin, touch, head } = touching;
        let slot = self.slot(&touch.key);
        if !self.owns(self.now, slot) {
            return self.refuse(&origin, Refusal::NoOwner, out);
        }
        let last = self.log.last(&Name::Key(touch.key.clone()));
        if last > head {
            // What was found may be gone, or another one may be there.
            return self.touch(origin, touch, out);
        }
        let Some(entry) = self.alive(&touch.key, entry) else {
            return self.acknowledge(origin, true, last, Slots::One(slot), None, None);
        };
        let Touch { key, ttl_ms } = touch;
        let expiry = ttl_ms.map(|ttl_ms| Expiry::after(self.now, ttl_ms));
        let of = digest(&key, entry.version, entry.value.as_deref());
        self.touch_unflushed(&key, expiry, out);
        let record = self.append(Some(slot), Change::Touch { key, of, expiry }, None, Cause::Write, 0, out);
        let version = Some(entry.version);
        self.acknowledge(origin, true, record.position, Slots::One(slot), None, version);
    }

    /// What there is to be touched. A value that its source does not have yet is there, whatever became of the store's copy of it.
    fn alive(&self, key: &Bytes, found: Option<Entry>) -> Option<Entry> {
        let unflushed = self.journal.get(key).cloned();
        let found = found.filter(|entry| !entry.is_expired(self.now));
        unflushed.or(found).filter(|entry| entry.value.is_some())
    }

    /// A touch that an owner ordered, at its replica: what lies here, what waits to be kept, and what the source does not have.
    pub(super) fn follow_touch(&mut self, from: Peer, record: &Record, out: &mut Outbox) {
        let Change::Touch { key, of, expiry } = &record.change else { return };
        let clock = self.holder.clock_of(from);
        let expiry = expiry.map(|expiry| expiry.arrive(self.now, &self.config, clock));
        self.holder.touch_waiting((from, record.position), key, *of, expiry);
        self.touch_unflushed(key, expiry, out);
        out.apply.push(Apply::Touch { key: key.clone(), expiry });
    }

    fn touch_unflushed(&mut self, key: &Bytes, expiry: Option<Expiry>, out: &mut Outbox) {
        if let Some(unflushed) = self.journal.touch(key, expiry) {
            out.persist.push(Persist::Journal(unflushed.clone()));
        }
    }
}
