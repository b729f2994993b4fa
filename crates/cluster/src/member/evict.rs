//! Copies that this node gave up for space, and what can be forgotten with them.

use std::sync::Arc;

use clearwell_words::{Cause, Effect, Scope};

use super::Member;
use crate::name::{Bytes, Name};
use crate::outbox::Outbox;
use crate::record::Change;
use crate::{Planted, Position, Slot};

impl Member {
    /// The copy of a key was given up. An owner that had the only value of a key says so: its replicas would bring the value
    /// back when one of them becomes the owner, although readers have found nothing since.
    pub(super) fn evicted(&mut self, key: &Bytes, out: &mut Outbox) {
        if self.config.has(Planted::EvictionUntold) {
            return;
        }
        self.holder.evicted(key);
        if self.has_only_value(key) {
            let cascade = self.edges.has(key);
            return self.say_gone(key, cascade, out);
        }
        self.shown.evicted(key);
        while let Some(oldest) = self.shown.overdue(self.config.tail_most) {
            // What a follower remembers its owner ends.
            if self.began(&oldest).is_some() {
                self.say_gone(&oldest, true, out);
            }
        }
    }

    /// A read has found nothing at a key that had a value here and has no source. It went in doubt of one of its tags, and a replica that has no
    /// doubt would bring it back: what a reader finds gone stays gone. The log stood at `head` when the store was asked.
    pub(super) fn found_gone(&mut self, key: &Bytes, head: Position, out: &mut Outbox) {
        if self.has_only_value(key)
            && !self.was_put_since(key, head)
            && !self.config.has(Planted::EvictionUntold)
        {
            let cascade = self.edges.has(key);
            self.say_gone(key, cascade, out);
        }
    }

    /// Whether this owner had a value of a key that no source has.
    fn has_only_value(&self, key: &Bytes) -> bool {
        let is_unflushed = self.shown.get(key).is_some_and(|last| !last.flushed);
        is_unflushed && self.began(key).is_some() && !self.journal.has(key)
    }

    /// Tells all who may have a copy of a key that it is gone; what was remembered of it goes too.
    fn say_gone(&mut self, key: &Bytes, cascade: bool, out: &mut Outbox) {
        let Some(slot) = self.began(key) else { return };
        let name = Name::Key(key.clone());
        let is_followed = self.subscribers.followers(slot).next().is_some();
        if !is_followed && !self.subscribers.is_interested(&name) && !self.edges.has(key) {
            return self.shown.remove(key);
        }
        let scope = Arc::new(Scope::Key((**key).into()));
        let change = Change::Invalidate { scope, effect: Effect::Gone, cascade };
        let record = self.append(Some(slot), change, None, Cause::Command, 0, out);
        self.forget_shown(&name, &record);
    }

    /// The key's slot, if this member owns it and has begun.
    fn began(&self, key: &Bytes) -> Option<Slot> {
        let slot = self.slot(key);
        self.owned.has_begun(slot).then_some(slot)
    }
}
