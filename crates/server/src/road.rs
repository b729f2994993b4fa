//! The one road of invalidations: the words in which surfaces, writes and feeds (change data capture) ask for one.

use clearwell_words::{Cause, Effect, Event, Invalidation, Scope, Version};
pub use clearwell_words::{Coalesce, Mode};

/// What a client, a write, a feed or an operator asks for.
#[derive(Debug, Clone)]
pub struct InvalidationRequest {
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

impl InvalidationRequest {
    /// Gone at once, dependents too.
    pub fn now(scopes: Vec<Scope>, cause: Cause) -> InvalidationRequest {
        InvalidationRequest {
            scopes,
            cascade: true,
            mode: Mode::Immediate,
            coalesce: None,
            cause,
            version: None,
        }
    }

    /// An event arrived: what depends on it is gone.
    pub fn event(event: Event) -> InvalidationRequest {
        InvalidationRequest::now(vec![Scope::Event(event)], Cause::Event)
    }

    /// What happens to what is covered, when it happens.
    pub fn effect(&self) -> Effect {
        if self.mode == Mode::Lazy { Effect::Stale } else { Effect::Gone }
    }

    /// Each scope as an invalidation of its own, as it is when it takes effect.
    pub fn statements(self) -> impl Iterator<Item = Invalidation> {
        let effect = self.effect();
        let InvalidationRequest { scopes, cascade, cause, version, .. } = self;
        let one = move |scope: Scope| Invalidation { scope: scope.into(), effect, cascade, version, cause };
        scopes.into_iter().map(one)
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
