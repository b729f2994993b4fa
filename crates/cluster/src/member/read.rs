//! Reads at the owner.

use clearwell_words::{Cause, Effect, Millis, Scope};

use super::Member;
use super::park::Parked;
use super::route::{Origin, Work};
use super::wait::{Pending, Slots, Then};
use crate::admission::Wish;
use crate::entry::{AsOf, rank_epoch, rank_position};
use crate::holder::Cover;
use crate::level::Level;
use crate::name::Name;
use crate::outbox::{Apply, Ask, Event, Outbox};
use crate::record::Change;
use crate::request::{Read, Refusal};
use crate::shown::SourceWord;
use crate::stream::Held;
use crate::{Bytes, Entry, Job, Planted, Position, Ticket};

/// A load, and what was noted when it began.
#[derive(Debug)]
pub(super) struct Begun {
    pub origin: Origin,
    pub read: Read,
    /// When the read came.
    pub born: Millis,
    /// When this load began, and the head of the log then.
    pub began: Millis,
    pub head: Position,
    /// What was known of names then ([`crate::holder::Holder::is_enlisted_anew`]).
    pub known: Ticket,
    pub validated: bool,
    /// No write of the key was under way then, and whoever asked was noted as a holder.
    pub keepable: bool,
}

/// What it brought.
#[derive(Debug)]
pub(super) struct Loaded {
    pub begun: Begun,
    pub entry: Option<Entry>,
    pub stored: bool,
}

impl Member {
    /// A read of a key of this member.
    pub(super) fn read(&mut self, origin: Origin, read: Read, out: &mut Outbox) {
        let validate = read.level == Level::Strong;
        self.load(origin, read, self.now, validate, out);
    }

    /// Who will hold a copy is noted before anything is read: with each attempt, because a record in between ends it.
    pub(super) fn load(
        &mut self,
        origin: Origin,
        read: Read,
        born: Millis,
        validated: bool,
        out: &mut Outbox,
    ) {
        let key = read.key.clone();
        let slot = self.slot(&key);
        let behind = self.tenure.view().is_none_or(|view| view.epoch < read.token.epoch);
        let begins = self.owned.is_to_begin(slot);
        if behind || (!begins && !self.owns(self.now, slot)) {
            return self.refuse(&origin, Refusal::NoOwner, out);
        }
        if begins {
            return self.park(Parked { origin, read, born, names: Vec::new() }, out);
        }
        if read.hold && !self.config.has(Planted::InterestAfterRead) {
            self.note_holder(&origin, &key);
        }
        let (began, head, known) = (self.now, self.log.head(), self.holder.last_ticket());
        let keepable = self.is_cacheable(&key);
        let mut begun = Begun { origin, read, born, began, head, known, validated, keepable };
        if let Some(unflushed) = self.journal.get(&key) {
            if self.is_doubtful(&key, begun.read.level) {
                let Begun { origin, read, .. } = begun;
                return self.park(Parked { origin, read, born, names: Vec::new() }, out);
            }
            // The source has it later; asked now it would show what was before.
            let entry = Some(unflushed.clone());
            begun.validated = true;
            return self.loaded(Job(0), Loaded { begun, entry, stored: true }, out);
        }
        let job = self.jobs.begin(Work::Load(begun));
        out.ask.push((job, Ask::Load { key, validate: validated }));
    }

    pub(super) fn note_holder(&mut self, origin: &Origin, key: &Bytes) {
        if let Some((peer, ticket)) = Member::holder_ticket(origin) {
            self.subscribers.subscribe(self.now, peer, self.log.head());
            self.subscribers.note(&Name::Key(key.clone()), peer, ticket);
        }
    }

    /// Whether values of a key may be kept at all: no write of it is under way, here or with a former owner.
    pub(super) fn is_cacheable(&self, key: &Bytes) -> bool {
        let fenced = !self.config.needs_fence(key) || self.owned.is_fenced(self.slot(key));
        fenced && !self.intents.has(key)
    }

    pub(super) fn loaded(&mut self, job: Job, mut loaded: Loaded, out: &mut Outbox) {
        let key = loaded.begun.read.key.clone();
        let slot = self.slot(&key);
        if !self.owns(self.now, slot) {
            return self.refuse(&loaded.begun.origin, Refusal::NoOwner, out);
        }
        let level = loaded.begun.read.level;
        if self.is_doubtful(&key, level) {
            let Begun { origin, read, born, .. } = loaded.begun;
            return self.park(Parked { origin, read, born, names: Vec::new() }, out);
        }
        let unflushed = self.journal.get(&key).cloned();
        let pending = unflushed.is_some();
        if pending {
            loaded.entry = unflushed;
            loaded.stored = true;
        }
        let names: Vec<Name> = loaded.entry.iter().flat_map(Entry::names).collect();
        // What is told of a name now says nothing of what was read before: that may be what it took away.
        let is_anew = |name: &Name| self.holder.is_enlisted_anew(name, loaded.begun.known);
        let is_proven = !names.iter().any(is_anew) && self.is_proven(&loaded.begun.read, &names);
        if loaded.stored && !pending && !is_proven {
            let Begun { origin, read, born, validated, .. } = loaded.begun;
            return match (validated, names.iter().any(|name| self.is_untold(name))) {
                (false, _) => self.load(origin, read, born, true, out),
                (true, false) => self.park(Parked { origin, read, born, names }, out),
                (true, true) => {
                    // Nobody will ever tell that it is old.
                    out.apply.push(Apply::Drop(vec![key.clone()]));
                    self.evicted(&key, out);
                    self.load(origin, read, born, true, out);
                }
            };
        }
        if self.config.has(Planted::LoadStampedAtEnd) {
            (loaded.begun.began, loaded.begun.head) = (self.now, self.log.head());
        }
        let name = Name::Key(key.clone());
        match (loaded.stored, &loaded.entry) {
            (false, _) => self.notice_change(&key, &loaded, out),
            (true, None) => self.found_gone(&key, loaded.begun.head, out),
            (true, Some(_)) => {}
        }
        let (head, known) = (loaded.begun.head, loaded.begun.known);
        let current = loaded.begun.keepable && self.is_cacheable(&key) && self.log.last(&name) <= head;
        let as_of = if current { self.as_of(&loaded) } else { Vec::new() };
        let covered = loaded.entry.as_ref().is_none_or(|entry| self.is_covered(entry, head, known));
        let as_of = if loaded.stored && !covered { Vec::new() } else { as_of };
        if let Some(entry) = loaded.entry.as_ref().filter(|_| current && !loaded.stored) {
            self.edges.note(entry);
            self.drop_ranked(&key, out);
            self.holder.admit(self.now, entry.clone(), as_of.clone(), Wish::Own(job));
        } else if !loaded.stored {
            out.tell.push(Event::Judged(key.clone(), false));
        }
        let Begun { origin, read, .. } = loaded.begun;
        let position = self.log.last(&name);
        let then = Then::Show { origin, entry: loaded.entry, as_of, hold: read.hold };
        self.waiting.push(Pending { position, slots: Slots::One(slot), copies: None, born: self.now, then });
    }

    /// The source shows another value than what holders were given, and nobody told of the change yet: who sees it may not
    /// see the old one again elsewhere, so it is told before it is shown. Two loads may say nothing of which is the newer: whatever differs goes.
    fn notice_change(&mut self, key: &Bytes, loaded: &Loaded, out: &mut Outbox) {
        let said = SourceWord::of(loaded.entry.as_ref());
        let Some(last) = self.shown.get(key) else { return self.shown.loaded(key.clone(), said) };
        if last.content == Some(said.content) {
            return self.shown.loaded_again(key, said);
        }
        // What was put while the source was asked is newer than what it said.
        if !self.was_put_since(key, loaded.begun.head) {
            let scope = std::sync::Arc::new(Scope::Key((**key).into()));
            let change = Change::Invalidate { scope, effect: Effect::Gone, cascade: true };
            self.append(Some(self.slot(key)), change, None, Cause::Commit, 0, out);
        }
    }

    /// Whether a key was given a value here after the log stood there. The key's mark would not do: it is raised by wide invalidations too.
    pub(super) fn was_put_since(&self, key: &Bytes, head: Position) -> bool {
        let gained = self.owned.gained(self.slot(key));
        self.shown.get(key).is_some_and(|last| {
            let is_own = gained.is_some_and(|gained| rank_epoch(last.version) >= gained);
            !last.flushed && is_own && rank_position(last.version) > head
        })
    }

    /// The source's version is to take the place of the one that the same value had before the source had it.
    pub(super) fn drop_ranked(&mut self, key: &Bytes, out: &mut Outbox) {
        if self.shown.get(key).is_some_and(|last| last.ranked) {
            out.apply.push(Apply::Drop(vec![key.clone()]));
        }
    }

    /// Whether what the store had can be given at the level: what orders its tags and dependencies must have been heard of.
    pub(super) fn is_proven(&self, read: &Read, names: &[Name]) -> bool {
        let seen = |name: &Name| {
            let seen = |cover: Cover| read.token.seen.get(&cover.owner).copied() <= Some(cover.watermark);
            self.cover(name).is_some_and(seen)
        };
        names.iter().all(|name| match read.level {
            Level::Bounded(most) => self.proof_age(name).is_some_and(|age| age <= most),
            Level::Strong | Level::Session | Level::Causal => self.proof_age(name).is_some() && seen(name),
            Level::Eventual | Level::Weak => true,
        })
    }

    /// As of when a loaded value was current, for each owner that orders one of its names.
    fn as_of(&self, loaded: &Loaded) -> AsOf {
        let mut as_of = vec![(self.me, loaded.begun.head)];
        let reached = |held: &Held| match loaded.stored {
            true => Some(held.watermark),
            false => held.reached(loaded.begun.began, &self.config),
        };
        as_of.extend(loaded.entry.iter().flat_map(|entry| self.names_as_of(entry, reached)));
        as_of
    }

    /// Whether an entry of the store has been told of everything that makes it old until now: what was asked for under its
    /// names still stands, so nothing came since. `head` and `known` are of when the store was asked.
    pub(super) fn is_covered(&self, entry: &Entry, head: Position, known: Ticket) -> bool {
        entry.names().all(|name| {
            let own = self.tenure.view().is_some_and(|v| v.owner(name.slot(v.slots)) == self.me);
            self.proof_age(&name).is_some()
                && self.holder.is_enlisted(&name)
                && !self.holder.is_enlisted_anew(&name, known)
                && (!own || self.log.last(&name) <= head)
        })
    }

    /// The same for a value that is given now; the owner's own place is that of the record it is given in.
    pub(super) fn as_of_now(&self, entry: &Entry) -> AsOf {
        let mut as_of = vec![(self.me, self.log.head().next())];
        as_of.extend(self.names_as_of(entry, Held::heard));
        as_of
    }

    /// What was read from the source is as new as the places that logs had reached when the read began; what the store had is
    /// as new as what was applied to it.
    pub(super) fn names_as_of(&self, entry: &Entry, reached: impl Fn(&Held) -> Option<Position>) -> AsOf {
        let mut as_of = AsOf::new();
        let Some(view) = self.tenure.view() else { return as_of };
        for name in entry.names() {
            let owner = view.owner(name.slot(view.slots));
            if owner == self.me || as_of.iter().any(|(peer, _)| *peer == owner) {
                continue;
            }
            let reached = self.holder.streams.get(&owner).and_then(&reached);
            as_of.extend(reached.map(|reached| (owner, reached)));
        }
        as_of
    }

    /// A value that a client gave lies in the store at once: invalidations of its names from now on must come here.
    pub(super) fn cover_put(&mut self, entry: &Entry, as_of: &AsOf) {
        let Some(view) = self.tenure.view().cloned() else { return };
        for name in entry.names() {
            let owner = view.owner(name.slot(view.slots));
            let place = as_of.iter().find(|(peer, _)| *peer == owner).map_or(Position(0), |(_, at)| *at);
            self.holder.cover(self.now, &self.config, &view, name, (owner, place));
        }
    }
}
