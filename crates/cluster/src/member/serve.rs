//! Whether what lies here may be served, and kept.

use clearwell_words::{Cause, Effect, Millis, Scope};

use super::Member;
use crate::admission::{Own, Wish};
use crate::digest::content;
use crate::holder::Cover;
use crate::intents::Intents;
use crate::level::{Level, Service, Token};
use crate::log::OwnLog;
use crate::name::{Bytes, Name};
use crate::outbox::{Event, Outbox};
use crate::owned::OwnedSlots;
use crate::proof::{Proof, names, service};
use crate::record::Change;
use crate::shown::{Last, Shown, SourceWord};
use crate::{Entry, Position};

/// What this member orders at this moment.
struct Orders<'a> {
    owned: &'a OwnedSlots,
    log: &'a OwnLog,
    intents: &'a Intents,
    shown: &'a Shown,
    slots: u16,
    leased: bool,
}

impl Own for Orders<'_> {
    fn last(&self, name: &Name) -> Option<Position> {
        let began_at = self.owned.began_at(name.slot(self.slots))?;
        // Before it began, others ordered, in logs of their own.
        self.leased.then(|| self.log.last(name).max(began_at))
    }

    fn is_open(&self, name: &Name) -> bool {
        self.intents.is_open(name)
    }

    fn is_replaced(&self, entry: &Entry) -> bool {
        // Loads of one row may say of its order what they like, or nothing.
        let is_other = |last: Last| match last.ranked {
            true => last.version != entry.version,
            false => last.content != Some(content(entry)),
        };
        self.shown.get(&entry.key).is_some_and(is_other)
    }
}

impl Member {
    /// Whether the copy of `key` that lies in this node's store, with these tags and dependencies, may be served as it is.
    /// `now` as of the last step or later.
    pub fn may_serve(
        &self,
        now: Millis,
        key: &Bytes,
        tags: &[Bytes],
        dependencies: &[Bytes],
        level: Level,
        token: &Token,
    ) -> Service {
        let Some(view) = self.tenure.view() else {
            return if level == Level::Weak { Service::Serve { age_ms: None } } else { Service::Ask };
        };
        let covers = names(key, tags, dependencies).map(|name| self.cover_at(now, &name));
        let proof = Proof::of(covers, now, token);
        let is_told = || {
            names(key, tags, dependencies).all(|name| {
                let own = self.owned.has_begun(name.slot(view.slots));
                own || self.holder.is_known(view, &name)
            })
        };
        // What could still be lost with its owner is shown by nobody: the owner waits, a replica asks.
        let is_safe = || {
            let slot = self.slot(key);
            match view.owner(slot) == self.me {
                true => self.is_committed(slot, self.log.last(&Name::Key(key.clone()))),
                false => !self.holder.follows.contains(slot),
            }
        };
        service((level, token), (proof, view.epoch), &self.config, is_told, is_safe)
    }

    /// What a session has seen that was served the copy of `key` here.
    pub fn seen(&self, key: &Bytes) -> Token {
        let Some(view) = self.tenure.view() else { return Token::default() };
        match self.cover(&Name::Key(key.clone())) {
            Some(cover) => Token::at(view.epoch, cover.owner, cover.watermark),
            None => Token { epoch: view.epoch, ..Token::default() },
        }
    }

    fn cover_at(&self, now: Millis, name: &Name) -> Option<Cover> {
        let mut cover = self.cover(name)?;
        if cover.owner == self.me {
            cover.proven = now.min(cover.until);
        }
        Some(cover)
    }

    /// Decides what waits to be kept, and tells followers of what was loaded.
    pub(super) fn decide(&mut self, out: &mut Outbox) {
        if self.holder.admissions.is_empty() {
            return;
        }
        let Some(view) = self.tenure.view().cloned() else { return };
        let leased = self.tenure.is_leased(self.now);
        let orders = Orders {
            owned: &self.owned,
            log: &self.log,
            intents: &self.intents,
            shown: &self.shown,
            slots: view.slots,
            leased,
        };
        let decided = self.holder.decide(self.now, &self.config, &view, &orders, out);
        for (entry, as_of, wish, kept) in decided {
            let name = Name::Key(entry.key.clone());
            if let Wish::Own(_) = wish {
                out.tell.push(Event::Judged(entry.key.clone(), kept));
            }
            match (wish, kept) {
                (Wish::Own(_), true) => {
                    self.shown.loaded(entry.key.clone(), SourceWord::of(Some(&entry)));
                    let slot = self.slot(&entry.key);
                    if self.subscribers.followers(slot).next().is_some() {
                        let change = Change::Fill { entry, as_of };
                        self.append(Some(slot), change, None, Cause::Write, 0, out);
                    }
                }
                // Holders may have it all the same, and what depends on it would hear of nothing.
                (Wish::Own(_), false) if !entry.dependencies.is_empty() => {
                    self.edges.forget(&name);
                    let slot = self.slot(&entry.key);
                    if self.owned.has(slot) {
                        let scope = std::sync::Arc::new(Scope::Key((*entry.key).into()));
                        let change = Change::Invalidate { scope, effect: Effect::Gone, cascade: true };
                        self.append(Some(slot), change, None, Cause::Command, 0, out);
                    }
                }
                (Wish::Copy, false) => self.holder.refused(&entry.key, out),
                // Who follows the slot may become its owner, and must know then by which version the copy lies here.
                (Wish::Copy, true) if self.holder.follows.contains(self.slot(&entry.key)) => {
                    self.shown.put(&entry);
                }
                _ => {}
            }
        }
    }
}
