//! What is put on the one road: the words in which surfaces, writes and feeds ask for an invalidation.

use std::sync::Arc;

use clearwell_cluster::request::Invalidate;
use clearwell_engine::{Cause, Effect, Event, Invalidation, Scope, Version};

/// When an invalidation takes effect, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// Gone for the next read.
    Immediate,
    /// Marked stale: the next read refreshes.
    Lazy,
    /// Gone after this many milliseconds; repeats of the same scope meanwhile are one.
    Delayed(u64),
    /// Gone when an event of this name arrives.
    OnEvent(Box<str>),
}

/// What a client, a write, a feed or an operator asks for.
#[derive(Debug, Clone)]
pub struct Request {
    /// What is to be covered, each scope an invalidation of its own.
    pub scopes: Vec<Scope>,
    /// Whether dependents are covered too.
    pub cascade: bool,
    /// When and how.
    pub mode: Mode,
    /// Why.
    pub cause: Cause,
    /// The source's order of the change behind it.
    pub version: Option<Version>,
}

impl Request {
    /// Gone at once, dependents too.
    pub fn now(scopes: Vec<Scope>, cause: Cause) -> Request {
        Request { scopes, cascade: true, mode: Mode::Immediate, cause, version: None }
    }

    /// An event arrived: what depends on it is gone.
    pub fn event(event: Event) -> Request {
        Request::now(vec![Scope::Event(event)], Cause::Event)
    }

    /// What happens to what is covered, when it happens.
    pub fn effect(&self) -> Effect {
        if self.mode == Mode::Lazy { Effect::Stale } else { Effect::Gone }
    }

    /// Each scope as a [`statement`].
    pub fn statements(self) -> impl Iterator<Item = Invalidate> {
        let effect = self.effect();
        let Request { scopes, cascade, cause, version, .. } = self;
        scopes
            .into_iter()
            .map(move |scope| statement(Invalidation { scope, effect, cascade, version, cause }))
    }
}

/// An invalidation, as the owner of its scope's name is asked for it.
pub fn statement(invalidation: Invalidation) -> Invalidate {
    let Invalidation { scope, effect, cascade, version, cause } = invalidation;
    Invalidate { scope: Arc::new(scope), effect, cascade, cause, version, wait: false, depth: 0 }
}
