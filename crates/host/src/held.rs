//! Changes that are decided while the engine holds a key: see decision 0063.
//!
//! The engine asks under the key's lock and carries the change out in one step with the record, so that nobody sees the one without the
//! other. No turn is waited for meanwhile: the batch that is left has its turn, and whoever reads the store for others waits for that.

use std::num::NonZeroU64;
use std::sync::Arc;

use clearwell_cluster::request::{Ack, Strategy, Touch, Write};
use clearwell_cluster::{Apply, Ask, Bytes, Input, Meta, Outbox, Outcome, Request, slot};
use clearwell_engine::{Draft, Invalidation, Millis, Order, Provenance, Scope, Version, View};

use crate::actor::Actor;
use crate::deciding::{Deciding, ValuePlaces};
use crate::entry;
use crate::turns::Changes;

impl Order for Deciding {
    fn order(&self, invalidation: Invalidation, now: Millis) {
        match self.values {
            ValuePlaces::Alone => self.order_alone(invalidation, now),
            ValuePlaces::Logged | ValuePlaces::Held { .. } => self.order_held(invalidation, now),
        }
    }

    fn has_values(&self) -> bool {
        matches!(self.values, ValuePlaces::Held { .. })
    }

    fn put(&self, key: &[u8], draft: &Draft<'_>, given: Provenance, now: Millis) -> Option<Version> {
        // Of the names of a value that was read elsewhere nobody knows here what came to them meanwhile.
        let has_names = !draft.tags.is_empty() || !draft.dependencies.is_empty();
        if given == Provenance::Filled && has_names {
            return None;
        }
        let mut out = Outbox::default();
        let mut actor = self.actor();
        self.is_own(&actor, key, now).then_some(())?;
        let (ticket, write) = (self.ticket(), write_of(key, draft, now));
        let key = write.key.clone();
        actor.step(now, Input::Request(ticket, Request::Write(write)), &mut out);
        out.answer.retain(|(answered, _)| *answered != ticket);
        let version = take_put(&mut out, &key);
        self.leave(&actor, out, version.map(|_| key));
        version
    }

    fn touch(&self, view: &View<'_>, expires: Option<Millis>, now: Millis) -> bool {
        let mut out = Outbox::default();
        let mut actor = self.actor();
        if !self.is_own(&actor, view.key(), now) {
            return false;
        }
        let (ticket, entry) = (self.ticket(), entry::of_view(view));
        let touch = Touch { key: entry.key.clone(), ttl_ms: expires.map(|at| left(at, now)) };
        actor.step(now, Input::Request(ticket, Request::Touch(touch)), &mut out);
        let asked = out.ask.iter().position(|(_, ask)| matches!(ask, Ask::Find { key } if *key == entry.key));
        let Some(asked) = asked else {
            self.leave(&actor, out, None);
            return false;
        };
        let (job, _) = out.ask.remove(asked);
        let key = entry.key.clone();
        let found = Outcome::Loaded { entry: Some(entry), stored: true };
        actor.step(now, Input::Done(job, found), &mut out);
        out.answer.retain(|(answered, _)| *answered != ticket);
        let own = |apply: &Apply| matches!(apply, Apply::Touch { key: touched, .. } if *touched == key);
        let is_ordered = remove_first(&mut out.apply, own).is_some();
        self.leave(&actor, out, None);
        is_ordered
    }
}

impl Deciding {
    /// The record of a cluster of one: nobody else has to be told.
    fn order_alone(&self, invalidation: Invalidation, now: Millis) {
        let (_, asked) = self.request(invalidation);
        let mut out = Outbox::default();
        let (mut turn, _) = self.decide(now, None, asked, &mut out);
        self.turns.end(&mut turn);
        debug_assert!(out.apply.len() == 1 && turn.changes() == Changes::TakesAway, "{out:?}");
        debug_assert!(out.ask.is_empty() && out.send.is_empty(), "{out:?}");
        debug_assert!(!self.has_more(), "alone nothing is left: nobody goes on under a key's lock");
    }

    /// Where this node is not the key's owner (any more), the owner is asked: what lies here goes all the same.
    fn order_held(&self, invalidation: Invalidation, now: Millis) {
        let mut out = Outbox::default();
        let mut actor = self.actor();
        let scope = invalidation.scope.clone();
        let (ticket, asked) = self.request(invalidation);
        actor.step(now, asked, &mut out);
        out.answer.retain(|(answered, _)| *answered != ticket);
        let own = |apply: &Apply| matches!(apply, Apply::Invalidate(one) if Arc::ptr_eq(&one.scope, &scope));
        let _carried_out_by_the_engine = remove_first(&mut out.apply, own);
        self.leave(&actor, out, None);
    }

    fn is_own(&self, actor: &Actor, key: &[u8], now: Millis) -> bool {
        let ValuePlaces::Held { slots } = self.values else { return false };
        actor.member().is_some_and(|member| member.owns(now, slot::slot_of(key, slots)))
    }
}

/// What is decided of the key's own value and of what depends on it is done by the engine. The version that it was given.
fn take_put(out: &mut Outbox, key: &Bytes) -> Option<Version> {
    let put = |apply: &Apply| matches!(apply, Apply::Put(entry) if entry.key == *key);
    let dependents = |apply: &Apply| match apply {
        Apply::Invalidate(one) => matches!(&*one.scope, Scope::Dependents(name) if **name == **key),
        _ => false,
    };
    let Some(Apply::Put(entry)) = remove_first(&mut out.apply, put) else { return None };
    let _carried_out_by_the_engine = remove_first(&mut out.apply, dependents);
    Some(entry.version)
}

fn remove_first(among: &mut Vec<Apply>, which: impl Fn(&Apply) -> bool) -> Option<Apply> {
    among.iter().position(which).map(|at| among.remove(at))
}

fn write_of(key: &[u8], draft: &Draft<'_>, now: Millis) -> Write {
    Write {
        key: key.into(),
        value: draft.value.map(Bytes::from),
        tags: draft.tags.iter().map(|&tag| Bytes::from(tag)).collect(),
        dependencies: draft.dependencies.iter().map(|&name| Bytes::from(name)).collect(),
        events: draft.events.into(),
        ttl_ms: draft.expires.map(|at| left(at, now)),
        meta: Meta {
            grace_ms: draft.grace_ms,
            priority: draft.priority,
            content_type: draft.content_type.map(Into::into),
            load_ms: draft.load_ms,
        },
        strategy: Strategy::CacheOnly,
        // Whoever waits for more asks for it ([`crate::Host::settle`]).
        ack: Ack::Owner,
        id: 0,
    }
}

/// What ends now has a moment left: a time to live is never nothing.
fn left(at: Millis, now: Millis) -> NonZeroU64 {
    NonZeroU64::new(at.since(now)).unwrap_or(NonZeroU64::MIN)
}
