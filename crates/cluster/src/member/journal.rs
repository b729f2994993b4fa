//! Write-back: values that the source does not have yet, on their way to it.

use std::ops::Bound;
use std::sync::Arc;

use clearwell_words::{Cause, Effect, Millis, Scope, Version};

use super::Member;
use super::route::Work;
use crate::outbox::{Ask, Event, Outbox, Persist};
use crate::record::{Change, Record};
use crate::waiting::Lack;
use crate::{Bytes, Entry, Job, Level, Outcome, Peer, Planted, Position};

/// A value that the source does not have yet.
#[derive(Debug, Clone)]
pub(super) struct Unflushed {
    /// The value.
    pub entry: Entry,
    /// Whose log, where.
    pub at: (Peer, Position),
    /// What was asked of the source and is not answered, and for which value: this one, or one before it.
    pub flushing: Option<(Job, Version)>,
    /// The source did not say what became of that.
    pub unclear: bool,
    /// A commit was told of since it was sent: it may have come after this value, which then hides it.
    pub hides: bool,
    /// How often the source did not take it, and when it is tried again.
    failed: u32,
    again: Millis,
}

impl Unflushed {
    /// Not on its way to the source.
    pub fn new(entry: Entry, at: (Peer, Position)) -> Unflushed {
        Unflushed { entry, at, flushing: None, unclear: false, hides: false, failed: 0, again: Millis(0) }
    }

    /// The source did not take it: it is tried again after a time that grows.
    fn put_off(&mut self, now: Millis) {
        const FIRST_MS: u64 = 100;
        const MOST_MS: u64 = 6_400;
        self.again = now.plus((FIRST_MS << self.failed.min(16)).min(MOST_MS));
        self.failed += 1;
    }

    /// A newer value takes its place; what is on its way stays so.
    pub fn replace(&mut self, entry: Entry, at: (Peer, Position)) {
        (self.entry, self.at, self.failed, self.again) = (entry, at, 0, Millis(0));
    }
}

impl Member {
    /// Sends to the source what may go: newest value of each key, one at a time for each. A tick looks at a part of a long
    /// journal, and the next goes on behind it.
    pub(super) fn flush_journal(&mut self, out: &mut Outbox) {
        const AT_ONCE: usize = 64;
        const LOOKED_AT_MOST: usize = 1024;
        let mut ready = Vec::new();
        let from = std::mem::take(&mut self.looked_at);
        let first = from.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let rest = from.as_ref().map(|from| self.journal.range::<Bytes, _>(..=from));
        let journal =
            self.journal.range::<Bytes, _>((first, Bound::Unbounded)).chain(rest.into_iter().flatten());
        for (key, unflushed) in journal.take(LOOKED_AT_MOST) {
            self.looked_at = Some(key.clone());
            let slot = self.slot(key);
            let fenced = self.owned.get(&slot).is_some_and(|owned| owned.fenced);
            let own = unflushed.at.0 == self.me;
            let committed = !own || self.is_committed(slot, unflushed.at.1);
            if unflushed.flushing.is_none()
                && self.now >= unflushed.again
                && fenced
                && committed
                && self.owns(self.now, slot)
            {
                ready.push(key.clone());
            }
            if ready.len() >= AT_ONCE {
                break;
            }
        }
        for key in ready {
            let slot = self.slot(&key);
            let epoch = self.fence_number(slot);
            let Some(entry) = self.journal.get(&key).map(|unflushed| unflushed.entry.clone()) else {
                continue;
            };
            let job = self.job(Work::Flush { key: key.clone(), version: entry.version });
            if let Some(unflushed) = self.journal.get_mut(&key) {
                (unflushed.flushing, unflushed.hides) = (Some((job, entry.version)), false);
            }
            out.ask.push((job, Ask::Flush { entry, fence: (slot, epoch) }));
        }
    }

    pub(super) fn flushed(
        &mut self,
        job: Job,
        (key, up_to): (&Bytes, Version),
        outcome: &Outcome,
        out: &mut Outbox,
    ) {
        let slot = self.slot(key);
        let Some(unflushed) = self.journal.get_mut(key) else { return };
        if unflushed.flushing.is_some_and(|(awaited, _)| awaited != job) {
            // It was asked before another owned the slot, and says nothing of what is on its way now.
            return;
        }
        if *outcome == Outcome::Unclear {
            // It may still happen: nothing else of this key goes to the source before that is excluded.
            unflushed.unclear = true;
            self.parked.wake(Lack::name(key));
            self.unclear(slot);
            return self.fence(out);
        }
        unflushed.flushing = None;
        self.parked.wake(Lack::name(key));
        if *outcome == Outcome::Parked {
            return self.flush_parked(key, up_to, out);
        }
        let hides = unflushed.hides;
        let Outcome::Committed(version) = *outcome else {
            return unflushed.put_off(self.now);
        };
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
        if hides && !self.journal.contains_key(key) {
            // Copies of it that were given since that commit was told of are taken away as if it were told of now.
            let scope = Arc::new(Scope::Key((**key).into()));
            let change = Change::Invalidate { scope, effect: Effect::Gone, cascade: true };
            self.append(Some(slot), change, None, Cause::Commit, 0, out);
        }
    }

    /// The source refuses a value for good. It has been parked, so that it keeps nobody waiting: from now on the source says what there is.
    fn flush_parked(&mut self, key: &Bytes, up_to: Version, out: &mut Outbox) {
        let slot = self.slot(key);
        if !self.owned.contains_key(&slot) {
            return;
        }
        let is_last = self.journal.get(key).is_some_and(|unflushed| unflushed.entry.version == up_to);
        if is_last {
            self.journal.remove(key);
        }
        out.persist.push(Persist::Flushed(key.clone(), up_to));
        let change = Change::Flushed { key: key.clone(), up_to, version: up_to };
        self.append(Some(slot), change, None, Cause::Write, 0, out);
        if is_last {
            let scope = Arc::new(Scope::Key((**key).into()));
            let change = Change::Invalidate { scope, effect: Effect::Gone, cascade: true };
            self.append(Some(slot), change, None, Cause::Write, 0, out);
        }
        out.tell.push(Event::Parked(key.clone()));
    }

    /// Whether a reader must wait until it is known when the source got the value: others may have committed after it.
    /// While it is not sent, or will be sent again, it is newer than all that they commit.
    pub(super) fn is_doubtful(&self, unflushed: &Unflushed, level: Level) -> bool {
        let sent = unflushed.flushing.is_some_and(|(_, version)| version == unflushed.entry.version)
            && !unflushed.unclear;
        match level {
            _ if self.config.has(Planted::FlushHides) => false,
            Level::Strong => sent,
            Level::Session | Level::Causal | Level::Bounded(_) => sent && unflushed.hides,
            Level::Eventual | Level::Weak => false,
        }
    }

    /// What a record of this log tells of may have been committed after values that are on their way to the source.
    pub(super) fn hide_commit(&mut self, record: &Record) {
        let Change::Invalidate { scope, .. } = &record.change else { return };
        match &**scope {
            Scope::Key(key) => {
                if let Some(unflushed) = self.journal.get_mut(&**key) {
                    unflushed.hides |= unflushed.flushing.is_some();
                }
            }
            _ if record.is_wide() => {
                self.journal
                    .values_mut()
                    .for_each(|unflushed| unflushed.hides |= unflushed.flushing.is_some());
            }
            _ => {}
        }
    }
}
