//! Write-back: values that the source does not have yet, on their way to it.

use std::sync::Arc;

use clearwell_words::{Cause, Effect, Scope, Version};

use super::Member;
use super::route::Work;
use crate::outbox::{Ask, Event, Outbox, Persist};
use crate::record::{Change, Record};
use crate::{Bytes, Job, Level, Outcome, Peer, Planted, Position};

impl Member {
    /// Sends to the source what may go: newest value of each key, one at a time for each. A tick looks at a part of a long
    /// Sends to the source what may go.
    pub(super) fn flush_journal(&mut self, out: &mut Outbox) {
        // It is walked while the rest of the member is asked.
        let mut journal = std::mem::take(&mut self.journal);
        let ready = journal.due(self.now, |key, at| self.may_flush(key, at));
        self.journal = journal;
        for key in ready {
            let slot = self.slot(&key);
            let epoch = self.owned.fence_number(slot);
            let Some(entry) = self.journal.get(&key).cloned() else { continue };
            let job = self.jobs.begin(Work::Flush { key: key.clone(), version: entry.version });
            self.journal.sent(&key, job);
            out.ask.push((job, Ask::Flush { entry, fence: (slot, epoch) }));
        }
    }

    /// Whether a value, by its record's place in a log, may go to the source: former owners' statements are refused there, and the value
    /// survives this member. What a former owner wrote last may have come to this member alone, so it survives when the replicas have all that
    /// this member began with: else one of them would flush an older value after it.
    fn may_flush(&self, key: &Bytes, (peer, position): (Peer, Position)) -> bool {
        let slot = self.slot(key);
        let fenced = self.owned.is_fenced(slot);
        let position = if peer == self.me { Some(position) } else { self.owned.began_at(slot) };
        let committed = position.is_some_and(|position| self.is_committed(slot, position));
        fenced && committed && self.owns(self.now, slot)
    }

    pub(super) fn flushed(
        &mut self,
        job: Job,
        (key, up_to): (&Bytes, Version),
        outcome: &Outcome,
        out: &mut Outbox,
    ) {
        let slot = self.slot(key);
        if !self.journal.awaits(key, job) {
            return;
        }
        self.has_word_of(key);
        if *outcome == Outcome::Unclear {
            self.journal.unclear(key);
            self.owned.unclear(slot);
            return self.fence(out);
        }
        let hides = self.journal.answered(key);
        if *outcome == Outcome::Parked {
            return self.flush_parked(key, up_to, out);
        }
        let Outcome::Committed(version) = *outcome else {
            return self.journal.put_off(key, self.now);
        };
        if !self.owned.has(slot) {
            return;
        }
        let is_last = self.journal.done_with(key, up_to);
        out.persist.push(Persist::Flushed(key.clone(), up_to));
        self.shown.flushed(key, up_to, version);
        let change = Change::Flushed { key: key.clone(), up_to, version };
        self.append(Some(slot), change, None, Cause::Write, 0, out);
        if hides && is_last {
            // Copies of it that were given since that commit was told of are taken away as if it were told of now.
            let scope = Arc::new(Scope::Key((**key).into()));
            let change = Change::Invalidate { scope, effect: Effect::Gone, cascade: true };
            self.append(Some(slot), change, None, Cause::Commit, 0, out);
        }
    }

    /// The source refuses a value for good. It has been parked, so that it keeps nobody waiting: from now on the source says what there is.
    fn flush_parked(&mut self, key: &Bytes, up_to: Version, out: &mut Outbox) {
        let slot = self.slot(key);
        if !self.owned.has(slot) {
            return;
        }
        let is_last = self.journal.done_with(key, up_to);
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

    /// Whether a reader must wait until it is known when the source got the value of a key.
    pub(super) fn is_doubtful(&self, key: &Bytes, level: Level) -> bool {
        !self.config.has(Planted::FlushHides) && self.journal.is_doubtful(key, level)
    }

    /// What a record of this log tells of may have been committed after values that are on their way to the source.
    pub(super) fn hide_commit(&mut self, record: &Record) {
        let Change::Invalidate { scope, .. } = &record.change else { return };
        match &**scope {
            Scope::Key(key) => self.journal.hide(key),
            _ if record.is_wide() => self.journal.hide_all(),
            _ => {}
        }
    }
}
