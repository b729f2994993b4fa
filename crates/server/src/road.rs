//! The one road of an invalidation: what decides its order and its moment, without I/O.
//!
//! A request is split into statements of one scope each; each is applied, or is held until its time or its event has
//! come. This module is the seam along which the owner's side of the coherence protocol moves into a crate of its
//! own: it takes the time and the input and returns what to do, in order.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use clearwell_engine::{Cause, Effect, Event, Invalidation, Millis, Scope, Version};

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
}

/// A place in this node's stream of applied invalidations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Position(pub u64);

/// What came in.
#[derive(Debug, Clone)]
pub enum Input {
    /// Somebody asks for an invalidation.
    Invalidate(Request),
    /// An event arrived.
    Event(Event),
    /// Time has passed.
    Tick,
}

/// What the caller must do, in the order given.
#[derive(Debug, Clone)]
pub enum Output {
    /// Apply it to the engine, then tell the listeners.
    Apply(Invalidation),
    /// One scope is held for later.
    Hold,
}

/// What is held for a time or an event.
#[derive(Debug, Default)]
pub struct Road {
    delayed: BTreeMap<(Millis, u64), Held>,
    due_of: HashMap<Scope, (Millis, u64)>,
    on_event: HashMap<Box<str>, HashMap<Scope, Held>>,
    held_on_event: usize,
    next_id: u64,
}

#[derive(Debug, Clone)]
struct Held {
    scope: Scope,
    cascade: bool,
    cause: Cause,
}

impl Held {
    fn release(self) -> Output {
        let Held { scope, cascade, cause } = self;
        Output::Apply(Invalidation { scope, effect: Effect::Gone, cascade, version: None, cause })
    }
}

impl Road {
    /// The most scopes that are held at once; beyond it a request takes effect immediately, because what cannot be
    /// remembered must not be forgotten.
    pub const HELD_MOST: usize = 100_000;

    /// Takes one input and appends what is to be done to `out`.
    pub fn step(&mut self, now: Millis, input: Input, out: &mut Vec<Output>) {
        match input {
            Input::Invalidate(request) => self.request(now, request, out),
            Input::Event(event) => self.event(event, out),
            Input::Tick => self.tick(now, out),
        }
    }

    /// How many scopes are held.
    pub fn held(&self) -> usize {
        self.delayed.len().saturating_add(self.held_on_event)
    }

    fn request(&mut self, now: Millis, request: Request, out: &mut Vec<Output>) {
        let Request { scopes, cascade, mode, cause, version } = request;
        for scope in scopes {
            let effect = if mode == Mode::Lazy { Effect::Stale } else { Effect::Gone };
            let full = self.held() >= Road::HELD_MOST;
            match &mode {
                Mode::Delayed(ms) if !full => self.delay(now.plus(*ms), Held { scope, cascade, cause }, out),
                Mode::OnEvent(name) if !full => self.hold(name.clone(), Held { scope, cascade, cause }, out),
                _ => out.push(Output::Apply(Invalidation { scope, effect, cascade, version, cause })),
            }
        }
    }

    /// A repeat keeps the earlier time: putting it off each time would put it off for ever.
    fn delay(&mut self, due: Millis, held: Held, out: &mut Vec<Output>) {
        out.push(Output::Hold);
        if let Some(&(earlier, id)) = self.due_of.get(&held.scope)
            && let Some(mut first) = self.delayed.remove(&(earlier, id))
        {
            first.cascade |= held.cascade;
            let at = (earlier.min(due), id);
            self.due_of.insert(held.scope, at);
            self.delayed.insert(at, first);
            return;
        }
        let at = (due, self.next_id);
        self.next_id = self.next_id.wrapping_add(1);
        self.due_of.insert(held.scope.clone(), at);
        self.delayed.insert(at, held);
    }

    fn hold(&mut self, name: Box<str>, held: Held, out: &mut Vec<Output>) {
        out.push(Output::Hold);
        match self.on_event.entry(name).or_default().entry(held.scope.clone()) {
            Entry::Occupied(mut same) => same.get_mut().cascade |= held.cascade,
            Entry::Vacant(place) => {
                place.insert(held);
                self.held_on_event = self.held_on_event.saturating_add(1);
            }
        }
    }

    fn event(&mut self, event: Event, out: &mut Vec<Output>) {
        let waiting = self.on_event.remove(&event.name).unwrap_or_default();
        self.held_on_event = self.held_on_event.saturating_sub(waiting.len());
        out.extend(waiting.into_values().map(Held::release));
        let scope = Scope::Event(event);
        out.push(Held { scope, cascade: true, cause: Cause::Event }.release());
    }

    fn tick(&mut self, now: Millis, out: &mut Vec<Output>) {
        while let Some(entry) = self.delayed.first_entry()
            && entry.key().0 <= now
        {
            let held = entry.remove();
            self.due_of.remove(&held.scope);
            out.push(held.release());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Scope {
        Scope::Key(name.as_bytes().into())
    }

    fn ask(road: &mut Road, now: u64, scope: Scope, mode: Mode) -> Vec<Output> {
        let mut out = Vec::new();
        let request =
            Request { scopes: vec![scope], cascade: false, mode, cause: Cause::Command, version: None };
        road.step(Millis(now), Input::Invalidate(request), &mut out);
        out
    }

    fn tick(road: &mut Road, now: u64) -> Vec<Scope> {
        let mut out = Vec::new();
        road.step(Millis(now), Input::Tick, &mut out);
        applied(out)
    }

    fn applied(out: Vec<Output>) -> Vec<Scope> {
        let applied = |output| match output {
            Output::Apply(invalidation) => Some(invalidation.scope),
            Output::Hold => None,
        };
        out.into_iter().filter_map(applied).collect()
    }

    #[test]
    fn immediate_and_lazy_take_effect_at_once() {
        let mut road = Road::default();
        let out = ask(&mut road, 0, key("a"), Mode::Lazy);
        assert!(matches!(&out[..], [Output::Apply(Invalidation { effect: Effect::Stale, .. })]), "{out:?}");
        let out = ask(&mut road, 0, key("a"), Mode::Immediate);
        assert!(matches!(&out[..], [Output::Apply(Invalidation { effect: Effect::Gone, .. })]), "{out:?}");
    }

    #[test]
    fn repeats_of_a_delayed_scope_are_one_at_the_earliest_time() {
        let mut road = Road::default();
        ask(&mut road, 0, key("a"), Mode::Delayed(100));
        ask(&mut road, 10, key("a"), Mode::Delayed(100));
        ask(&mut road, 20, key("b"), Mode::Delayed(10));
        ask(&mut road, 20, key("a"), Mode::Delayed(60));
        assert_eq!(road.held(), 2);
        assert_eq!(tick(&mut road, 29), vec![]);
        assert_eq!(tick(&mut road, 80), vec![key("b"), key("a")]);
        assert_eq!(tick(&mut road, 1000), vec![]);
        assert_eq!(road.held(), 0);
    }

    #[test]
    fn an_event_releases_what_waits_for_its_name_and_covers_what_depends_on_it() {
        let mut road = Road::default();
        ask(&mut road, 0, key("a"), Mode::OnEvent("deployed".into()));
        ask(&mut road, 0, key("a"), Mode::OnEvent("deployed".into()));
        ask(&mut road, 0, key("b"), Mode::OnEvent("other".into()));
        let event = Event { name: "deployed".into(), attributes: Vec::new() };
        let mut out = Vec::new();
        road.step(Millis(1), Input::Event(event.clone()), &mut out);
        assert_eq!(applied(out), vec![key("a"), Scope::Event(event)]);
        assert_eq!(road.held(), 1);
    }

    #[test]
    fn what_cannot_be_held_takes_effect_at_once() {
        let mut road = Road::default();
        for n in 0..Road::HELD_MOST {
            ask(&mut road, 0, key(&n.to_string()), Mode::Delayed(5));
        }
        assert_eq!(applied(ask(&mut road, 0, key("one more"), Mode::Delayed(5))), vec![key("one more")]);
    }
}
