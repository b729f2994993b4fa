//! The deciding part of a host.

use clearwell_cluster::{Bytes, Input, Level, Member, NearCache, Outbox, Service, Slot, Token, View};
use clearwell_engine::Millis;
use std::sync::Arc;

/// The deciding part of a host.
#[derive(Debug)]
pub enum Actor {
    /// A node's.
    Member(Box<Member>),
    /// A client's.
    Near(Box<NearCache>),
}

impl Actor {
    pub(crate) fn step(&mut self, now: Millis, input: Input, out: &mut Outbox) {
        match self {
            Actor::Member(member) => member.step(now, input, out),
            Actor::Near(near) => near.step(now, input, out),
        }
    }

    pub(crate) fn has_more(&self) -> bool {
        match self {
            Actor::Member(member) => member.has_more(),
            Actor::Near(_) => false,
        }
    }

    pub(crate) fn may_serve(
        &self,
        now: Millis,
        key: &Bytes,
        names: (&[Bytes], &[Bytes]),
        level: Level,
        token: &Token,
    ) -> Service {
        let (tags, dependencies) = names;
        match self {
            Actor::Member(member) => member.may_serve(now, key, tags, dependencies, level, token),
            Actor::Near(near) => near.may_serve(now, key, tags, dependencies, level, token),
        }
    }

    /// A node's, if it is one.
    pub fn member(&self) -> Option<&Member> {
        match self {
            Actor::Member(member) => Some(member),
            Actor::Near(_) => None,
        }
    }

    /// The view that a node follows; a near cache has no part in it.
    pub fn view(&self) -> Option<&Arc<View>> {
        match self {
            Actor::Member(member) => member.view(),
            Actor::Near(_) => None,
        }
    }

    /// The slots for which it could acknowledge.
    pub fn claims(&self, now: Millis) -> impl Iterator<Item = Slot> + '_ {
        let member = match self {
            Actor::Member(member) => Some(member),
            Actor::Near(_) => None,
        };
        member.into_iter().flat_map(move |member| member.claims(now))
    }

    /// Whether it could acknowledge for a slot.
    pub fn owns(&self, now: Millis, slot: Slot) -> bool {
        match self {
            Actor::Member(member) => member.owns(now, slot),
            Actor::Near(_) => false,
        }
    }
}
