//! Writes at the owner.

use clearwell_words::{Ack, Cause};

use super::Member;
use super::route::Origin;
use super::wait::{Pending, Slots, Then};
use crate::entry::{AsOf, rank};
use crate::name::Name;
use crate::outbox::{Outbox, Persist};
use crate::record::Change;
use crate::request::{Refusal, Strategy, Write};
use crate::{Bytes, Entry, Expiry, Outcome, Planted, Position};

/// A write that the source is asked for.
#[derive(Debug)]
pub(super) struct Committing {
    pub origin: Origin,
    pub key: Bytes,
    pub intent: Position,
    pub through: bool,
}

/// Where a value is at home that a client gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Home {
    /// In the cluster, and nowhere else.
    Cluster(Ack),
    /// In its source, as soon as that has it.
    Source,
}

impl Home {
    /// Who must have the value when it is acknowledged.
    fn ack(self) -> Ack {
        match self {
            Home::Cluster(ack) => ack,
            Home::Source => Ack::Replicas,
        }
    }
}

impl Member {
    /// A write of a key of this member.
    pub(super) fn write(&mut self, origin: Origin, write: Write, out: &mut Outbox) {
        let slot = self.slot(&write.key);
        if !self.owns(self.now, slot) {
            return self.refuse(&origin, Refusal::NoOwner, out);
        }
        if self.is_busy() {
            return self.refuse(&origin, Refusal::Busy, out);
        }
        match write.strategy {
            Strategy::Through | Strategy::Invalidate => self.write_to_source(origin, write, out),
            Strategy::Back | Strategy::CacheOnly => self.write_here(origin, write, out),
        }
    }

    /// Whether too much waits for replicas already.
    pub(super) fn is_busy(&self) -> bool {
        const WAITING_MOST: usize = 10_000;
        self.waiting.len() >= WAITING_MOST
    }

    /// The intent goes first: copies are gone, and nobody keeps the key, before the source is asked.
    fn write_to_source(&mut self, origin: Origin, write: Write, out: &mut Outbox) {
        let slot = self.slot(&write.key);
        let key = write.key.clone();
        let record = self.append(Some(slot), Change::Intent { key: key.clone() }, None, Cause::Write, 0, out);
        let intent = record.position;
        self.intents.open(key.clone(), (self.me, intent));
        let name = Name::Key(key.clone());
        let through = write.strategy == Strategy::Through;
        let copies = through.then(|| self.ask_lagging(Some(&name), intent));
        let then = Then::Commit { origin, key, value: write.value, id: write.id, intent, through };
        self.waiting.push(Pending {
            position: intent,
            slots: Slots::One(slot),
            copies,
            born: self.now,
            then,
        });
    }

    fn write_here(&mut self, origin: Origin, write: Write, out: &mut Outbox) {
        let epoch = self.tenure.view().expect("an owner has a view").epoch;
        let version = rank(epoch, self.log.head().next());
        let entry = Entry {
            key: write.key,
            value: write.value,
            version,
            tags: write.tags,
            dependencies: write.dependencies,
            events: write.events,
            expiry: write.ttl_ms.map(|ttl_ms| Expiry::after(self.now, ttl_ms)),
            meta: write.meta,
        };
        let as_of = self.as_of_now(&entry);
        let home = match write.strategy {
            Strategy::Back => Home::Source,
            _ => Home::Cluster(write.ack),
        };
        self.put_here(origin, entry, as_of, home, out);
    }

    /// A value that has no other home than the cluster, or not yet: it goes into the log with its next place as its version.
    pub(super) fn put_here(
        &mut self,
        origin: Origin,
        entry: Entry,
        as_of: AsOf,
        home: Home,
        out: &mut Outbox,
    ) {
        let slot = self.slot(&entry.key);
        let version = entry.version;
        let change = match home {
            Home::Source => Change::Journal { entry, as_of },
            Home::Cluster(_) => Change::Put { entry, as_of },
        };
        let record = self.append(Some(slot), change, Some(version), Cause::Write, 0, out);
        if let Change::Journal { entry, as_of } | Change::Put { entry, as_of } = &record.change {
            self.edges.note(entry);
            self.shown.put(entry);
            self.cover_put(entry, as_of);
            if home == Home::Source {
                self.keep_unflushed(entry, record.position, out);
            }
        }
        let position = record.position;
        let done = self.done_at(position, Some(version));
        let ack = if self.config.has(Planted::AckIgnored) { Ack::Owner } else { home.ack() };
        let then = Then::Say { origin, written: true, ack, done };
        let (slots, born) = (Slots::One(slot), self.now);
        self.waiting.push(Pending { position, slots, copies: None, born, then });
    }

    /// A value of which the source has to hear.
    fn keep_unflushed(&mut self, entry: &Entry, position: Position, out: &mut Outbox) {
        out.persist.push(Persist::Journal(entry.clone()));
        self.has_word_of(&entry.key);
        self.journal.put(entry.clone(), (self.me, position));
    }

    /// The source answered.
    pub(super) fn committed(&mut self, work: Committing, outcome: Outcome, out: &mut Outbox) {
        let Committing { origin, key, intent, through } = work;
        let slot = self.slot(&key);
        if !self.intents.is_open_by(&key, (self.me, intent)) {
            // Another owner had the slot meanwhile, and told nobody to wait for it.
            return self.refuse(&origin, Refusal::Unknown, out);
        }
        match outcome {
            Outcome::Unclear if self.config.needs_fence(&key) => {
                // The intent stays open until a fence has made sure that nothing more can happen.
                self.intents.unclear(intent);
                self.owned.unclear(slot);
                self.fence(out);
                self.refuse(&origin, Refusal::Unknown, out);
            }
            Outcome::Committed(version) => {
                let position = self.settle(&key, intent, out);
                let name = Name::Dependents(key);
                let copies = through.then(|| self.ask_lagging(Some(&name), position));
                self.acknowledge(origin, true, position, Slots::One(slot), copies, Some(version));
            }
            outcome => {
                // What may still happen is told by the feed then.
                let is_unknown = outcome == Outcome::Unclear;
                let refusal = if is_unknown { Refusal::Unknown } else { Refusal::Source };
                let position = self.settle(&key, intent, out);
                let then = Then::Refuse { origin, refusal };
                let (slots, born) = (Slots::One(slot), self.now);
                self.waiting.push(Pending { position, slots, copies: None, born, then });
            }
        }
    }

    /// Closes an intent of this member.
    pub(super) fn settle(&mut self, key: &Bytes, intent: Position, out: &mut Outbox) -> Position {
        self.intents.close(key, (self.me, intent));
        let slot = self.slot(key);
        let change = Change::Settle { key: key.clone(), intent: (self.me, intent) };
        self.append(Some(slot), change, None, Cause::Write, 0, out).position
    }
}
