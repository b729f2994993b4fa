//! Writes at the owner.

use clearwell_engine::{Cause, Version};

use super::Member;
use super::route::{Origin, Work};
use super::wait::{Slots, Then, Waiting};
use crate::entry::{AsOf, rank};
use crate::name::Name;
use crate::outbox::{Ask, Outbox, Persist};
use crate::record::Change;
use crate::request::{Refusal, Strategy, Write};
use crate::{Bytes, Entry, Outcome, Peer, Position};

/// A value that the source does not have yet.
#[derive(Debug, Clone)]
pub(super) struct Unflushed {
    /// The value.
    pub entry: Entry,
    /// Whose log, where.
    pub at: (Peer, Position),
    /// It is on its way to the source.
    pub flushing: bool,
    /// The source did not say what became of that.
    pub unclear: bool,
}

/// A write that the source is asked for.
#[derive(Debug)]
pub(super) struct Committing {
    pub origin: Origin,
    pub key: Bytes,
    pub intent: Position,
    pub through: bool,
}

impl Member {
    /// A write of a key of this member.
    pub(super) fn write(&mut self, origin: Origin, write: Write, out: &mut Outbox) {
        const WAITING_MOST: usize = 10_000;
        let slot = self.slot(&write.key);
        if !self.owns(self.now, slot) {
            return self.refuse(&origin, Refusal::NoOwner, out);
        }
        if self.waiting.len() >= WAITING_MOST {
            return self.refuse(&origin, Refusal::Busy, out);
        }
        match write.strategy {
            Strategy::Through | Strategy::Invalidate => self.write_to_source(origin, write, out),
            Strategy::Back | Strategy::CacheOnly => self.write_here(origin, write, out),
        }
    }

    /// The intent goes first: copies are gone, and nobody keeps the key, before the source is asked.
    fn write_to_source(&mut self, origin: Origin, write: Write, out: &mut Outbox) {
        let slot = self.slot(&write.key);
        let key = write.key.clone();
        let record = self.append(Some(slot), Change::Intent { key: key.clone() }, None, Cause::Write, 0, out);
        let intent = record.position;
        self.intents.entry(key.clone()).or_default().insert((self.me, intent));
        let name = Name::Key(key.clone());
        let through = write.strategy == Strategy::Through;
        if through {
            self.ask_lagging(&name, intent);
        }
        let then = Then::Commit { origin, key, value: write.value, id: write.id, intent, through };
        let copies = through.then_some(Some(name));
        self.waiting.push(Waiting {
            position: intent,
            slots: Slots::One(slot),
            copies,
            born: self.now,
            then,
        });
    }

    fn write_here(&mut self, origin: Origin, write: Write, out: &mut Outbox) {
        let epoch = self.view.as_ref().expect("an owner has a view").epoch;
        let version = rank(epoch, self.head.next());
        let entry = Entry {
            key: write.key,
            value: write.value,
            version,
            tags: write.tags,
            dependencies: write.dependencies,
            events: write.events,
        };
        let as_of = self.as_of_now(&entry);
        self.put_here(origin, entry, as_of, write.strategy == Strategy::Back, out);
    }

    /// A value that has no other home than the cluster, or not yet: it goes into the log with its next place as its version.
    pub(super) fn put_here(
        &mut self,
        origin: Origin,
        entry: Entry,
        as_of: AsOf,
        back: bool,
        out: &mut Outbox,
    ) {
        let slot = self.slot(&entry.key);
        let version = entry.version;
        let own = as_of.clone();
        let change = match back {
            true => Change::Journal { entry: entry.clone(), as_of },
            false => Change::Put { entry: entry.clone(), as_of },
        };
        let record = self.append(Some(slot), change, Some(version), Cause::Write, 0, out);
        self.edges.note(&entry);
        self.shown.put(entry.key.clone(), version);
        self.cover_put(&entry, &own);
        if back {
            out.persist.push(Persist::Journal(entry.clone()));
            let at = (self.me, record.position);
            let before = self.journal.get(&entry.key);
            let (flushing, unclear) =
                before.map_or((false, false), |before| (before.flushing, before.unclear));
            self.journal.insert(entry.key.clone(), Unflushed { entry, at, flushing, unclear });
        }
        self.acknowledge(origin, true, record.position, Slots::One(slot), None, Some(version));
    }

    /// The source answered.
    pub(super) fn committed(&mut self, work: Committing, outcome: Outcome, out: &mut Outbox) {
        let Committing { origin, key, intent, through } = work;
        let slot = self.slot(&key);
        match outcome {
            Outcome::Unclear => {
                // The intent stays open until a fence has made sure that nothing more can happen.
                self.unclear_intents.insert(intent);
                self.unclear(slot);
                self.fence(out);
                self.refuse(&origin, Refusal::Unknown, out);
            }
            Outcome::Committed(version) => {
                let position = self.settle(&key, intent, out);
                let name = Name::Dependents(key);
                if through {
                    self.ask_lagging(&name, position);
                }
                let copies = through.then_some(Some(name));
                self.acknowledge(origin, true, position, Slots::One(slot), copies, Some(version));
            }
            _ => {
                let position = self.settle(&key, intent, out);
                let then = Then::Refuse { origin, refusal: Refusal::Source };
                let (slots, born) = (Slots::One(slot), self.now);
                self.waiting.push(Waiting { position, slots, copies: None, born, then });
            }
        }
    }

    /// Closes an intent of this member.
    pub(super) fn settle(&mut self, key: &Bytes, intent: Position, out: &mut Outbox) -> Position {
        if let Some(open) = self.intents.get_mut(key) {
            open.remove(&(self.me, intent));
            if open.is_empty() {
                self.intents.remove(key);
            }
        }
        let slot = self.slot(key);
        let change = Change::Settle { key: key.clone(), intent: (self.me, intent) };
        self.append(Some(slot), change, None, Cause::Write, 0, out).position
    }

    /// Sends to the source what may go: newest value of each key, one at a time for each.
    pub(super) fn flush_journal(&mut self, out: &mut Outbox) {
        const AT_ONCE: usize = 64;
        let mut ready = Vec::new();
        for (key, unflushed) in &self.journal {
            let slot = self.slot(key);
            let fenced = self.owned.get(&slot).is_some_and(|owned| owned.fenced);
            let own = unflushed.at.0 == self.me;
            let committed = !own || self.is_committed(slot, unflushed.at.1);
            if !unflushed.flushing && fenced && committed && self.owns(self.now, slot) {
                ready.push(key.clone());
            }
            if ready.len() >= AT_ONCE {
                break;
            }
        }
        for key in ready {
            let slot = self.slot(&key);
            let epoch = self.fence_number(slot);
            let unflushed = self.journal.get_mut(&key).expect("listed from it above");
            unflushed.flushing = true;
            let entry = unflushed.entry.clone();
            let job = self.job(Work::Flush { key, version: entry.version });
            out.ask.push((job, Ask::Flush { entry, fence: (slot, epoch) }));
        }
    }

    pub(super) fn flushed(&mut self, key: &Bytes, up_to: Version, outcome: &Outcome, out: &mut Outbox) {
        let slot = self.slot(key);
        let Some(unflushed) = self.journal.get_mut(key) else { return };
        if *outcome == Outcome::Unclear {
            // It may still happen: nothing else of this key goes to the source before that is excluded.
            unflushed.unclear = true;
            self.unclear(slot);
            return self.fence(out);
        }
        unflushed.flushing = false;
        let Outcome::Committed(version) = *outcome else { return };
        if !self.owned.contains_key(&slot) {
            return;
        }
        if unflushed.entry.version == up_to {
            self.journal.remove(key);
        }
        out.persist.push(Persist::Flushed(key.clone(), up_to));
        self.shown.flushed(key, up_to, version);
        let change = Change::Flushed { key: key.clone(), up_to, version };
        self.append(Some(slot), change, None, Cause::Write, 0, out);
    }
}
