//! The one road of an invalidation: what decides its order and its moment, without I/O.
//!
//! A request is split into statements of one scope each; each takes a position in the log and is applied, or is held
//! until its time or its event has come. This module is the seam along which the owner's side of the coherence
//! protocol moves into a crate of its own: it takes the time and the input and returns what to do, in order.

use std::collections::VecDeque;

use clearwell_engine::{Cause, Effect, Event, Invalidation, Millis, Scope};

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
    pub version: Option<clearwell_engine::Version>,
}

/// A place in this owner's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Position(pub u64);

/// What the caller must do, in the order given.
#[derive(Debug, Clone)]
pub enum Output {
    /// Apply to the engine and tell the listeners; it has this position in the log.
    Apply(Position, Invalidation),
    /// Held for later: answer that nothing was reached yet.
    Hold,
}

/// The road's state: the log's end and what is held.
#[derive(Debug, Default)]
pub struct Road {
    last: Position,
    delayed: VecDeque<(Millis, Held)>,
    on_event: Vec<(Box<str>, Held)>,
}

#[derive(Debug, Clone, PartialEq)]
struct Held {
    scope: Scope,
    cascade: bool,
    cause: Cause,
}

/// The most scopes that may be held for a time or an event; beyond it a request takes effect at once.
pub const HELD_MOST: usize = 100_000;
