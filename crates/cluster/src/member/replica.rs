//! This member as a replica: what the owners of slots that it follows send.

use std::sync::Arc;

use super::Member;
use crate::admission::Wish;
use crate::entry::AsOf;
use crate::outbox::{Outbox, Persist};
use crate::record::{Change, Record};
use crate::shown::SourceWord;
use crate::{Entry, Peer, Slot};

impl Member {
    /// A record that follows on all before it.
    pub(super) fn follow_record(&mut self, from: Peer, record: Arc<Record>, out: &mut Outbox) {
        let Some(slot) = record.slot else {
            if record.is_wide() {
                self.holder.marks.entry(from).or_default().note(&record, &[], &self.config);
            }
            return;
        };
        if self.holder.follows.get(slot).is_some_and(|followed| followed.owner == from) {
            self.follow(from, slot, &record, out);
        }
        self.keep_late(from, record);
    }

    pub(super) fn follow(&mut self, from: Peer, slot: Slot, record: &Record, out: &mut Outbox) {
        let old = record.old_names();
        self.holder.marks.entry(from).or_default().note(record, &old, &self.config);
        if self.owned.has_begun(slot) {
            return;
        }
        if let Some(name) = record.makes_old().filter(|_| !record.keeps_value()) {
            self.forget_shown(&name, record);
            if record.cascades() {
                self.edges.forget(&name);
            }
        }
        match &record.change {
            Change::Put { entry, as_of } => self.keep_put(self.received(from, entry), as_of),
            Change::Fill { entry, as_of } => {
                self.drop_ranked(&entry.key, out);
                self.shown.filled(entry.key.clone(), SourceWord::of(Some(entry)));
                self.keep_replica(self.received(from, entry), as_of);
            }
            Change::Journal { entry, as_of } => {
                let entry = self.received(from, entry);
                out.persist.push(Persist::Journal(entry.clone()));
                let at = (from, record.position);
                self.journal.take_over(entry.clone(), at);
                self.keep_put(entry, as_of);
            }
            Change::Flushed { key, up_to, version } => {
                self.shown.flushed(key, *up_to, *version);
                self.journal.flushed(key, *up_to);
                self.recovered.flushed(key, *up_to);
                out.persist.push(Persist::Flushed(key.clone(), *up_to));
            }
            Change::Intent { key } => {
                self.intents.open(key.clone(), (from, record.position));
            }
            Change::Settle { key, intent } => self.intents.close(key, *intent),
            Change::Touch { .. } => self.follow_touch(from, record, out),
            Change::Hold(hold) => self.follow_hold(slot, hold, out),
            Change::Release { id } => self.forget_hold(slot, *id, out),
            Change::Invalidate { .. } | Change::Leave { .. } => {}
        }
    }

    /// An entry as an owner sent it: its expiry is one of this member's clock from now on.
    pub(super) fn received(&self, from: Peer, entry: &Entry) -> Entry {
        self.holder.received(self.now, &self.config, from, entry)
    }

    fn keep_put(&mut self, entry: Entry, as_of: &AsOf) {
        self.shown.put(&entry);
        self.keep_replica(entry, as_of);
    }

    fn keep_replica(&mut self, entry: Entry, as_of: &AsOf) {
        self.edges.note(&entry);
        self.holder.admit(self.now, entry, as_of.clone(), Wish::Replica);
    }

    /// Contents that were read before this record may arrive after it.
    fn keep_late(&mut self, from: Peer, record: Arc<Record>) {
        if let Some(dropped) = self.holder.early.entry(from).or_default().keep(record) {
            self.holder.misses(from, dropped);
        }
    }
}
