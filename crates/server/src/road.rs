//! The one road of invalidations: the words in which surfaces, writes and feeds (change data capture) ask for one.

use std::sync::Arc;

use clearwell_cluster::request::Invalidate;
use clearwell_engine::{Cause, Effect, Event, EventPattern, Invalidation, Scope, Version};
pub use clearwell_protocol::options::Coalesce;
use clearwell_protocol::options::Mode as Written;

/// When an invalidation takes effect, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// Gone for the next read.
    Immediate,
    /// Marked stale: the next read refreshes.
    Lazy,
    /// Gone after this many milliseconds; repeats of the same scope meanwhile are one.
    Delayed(u64),
    /// Gone when an event arrives that this pattern matches.
    OnEvent(EventPattern),
}

impl Mode {
    /// Reads the form that every surface takes: `immediate`, `lazy`, `delayed:2s`, `on-event:NAME`.
    ///
    /// # Errors
    /// Says what is wrong and what would be right.
    pub fn parse(text: &str) -> Result<Mode, String> {
        let refused = |error: clearwell_protocol::CommandError| {
            let said = error.to_string();
            said.strip_prefix("ERR ").map_or(said.clone(), str::to_owned)
        };
        Written::parse_word(text.as_bytes()).map_err(refused).and_then(Mode::of)
    }

    /// What was asked for on the wire.
    ///
    /// # Errors
    /// Says what is wrong with an event's name.
    pub fn of(written: Written<'_>) -> Result<Mode, String> {
        Ok(match written {
            Written::Immediate => Mode::Immediate,
            Written::Lazy => Mode::Lazy,
            Written::Delayed(ms) => Mode::Delayed(ms),
            Written::OnEvent(name) => {
                let name = std::str::from_utf8(name).map_err(|_| "MODE on-event takes UTF-8 text")?;
                let wrong = |why| format!("malformed event '{name}' in mode on-event: {why}");
                Mode::OnEvent(EventPattern::parse(name).map_err(wrong)?)
            }
        })
    }
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
    /// Which time holds when it is held already; `None`: what the configuration says.
    pub coalesce: Option<Coalesce>,
    /// Why.
    pub cause: Cause,
    /// The source's order of the change behind it.
    pub version: Option<Version>,
}

impl Request {
    /// Gone at once, dependents too.
    pub fn now(scopes: Vec<Scope>, cause: Cause) -> Request {
        Request { scopes, cascade: true, mode: Mode::Immediate, coalesce: None, cause, version: None }
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

/// An event that a client tells of, or `asked` for all whose attributes match patterns. Every surface refuses with these words.
///
/// # Errors
/// Says what is wrong with it.
pub fn event(name: &str, attributes: Vec<(Box<str>, Box<str>)>, asked: bool) -> Result<Event, String> {
    let event = if asked { Event::asked(name, attributes) } else { Event::new(name, attributes) };
    event.map_err(|why| format!("malformed event '{name}': {why}"))
}

/// An invalidation, as the owner of its scope's name is asked for it.
pub fn statement(invalidation: Invalidation) -> Invalidate {
    let Invalidation { scope, effect, cascade, version, cause } = invalidation;
    Invalidate { scope: Arc::new(scope), effect, cascade, cause, version, wait: false, depth: 0 }
}
