//! Invalidations that are held until a time or an event has come. Only then are they put on the road.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use clearwell_cluster::record::ScopeOf;
use clearwell_cluster::request::Invalidate;
use clearwell_engine::Millis;

use crate::road::{Mode, Request};

/// What is held for a time or an event.
#[derive(Debug, Default)]
pub struct Held {
    delayed: BTreeMap<(Millis, u64), Invalidate>,
    due_of: HashMap<ScopeOf, (Millis, u64)>,
    on_event: HashMap<Box<str>, HashMap<ScopeOf, Invalidate>>,
    held_on_event: usize,
    next_id: u64,
}

impl Held {
    /// The most scopes that are held at once; beyond it a request takes effect immediately, because what cannot be
    /// remembered must not be forgotten.
    pub const MOST: usize = 100_000;

    /// Holds what its mode says. Answers how many scopes that were, and what is to go on at once.
    pub fn hold(&mut self, now: Millis, request: Request) -> (usize, Vec<Invalidate>) {
        let mode = request.mode.clone();
        let (mut held, mut go_on) = (0, Vec::new());
        for statement in request.statements() {
            match &mode {
                Mode::Delayed(ms) if self.len() < Held::MOST => {
                    self.delay(now.plus(*ms), unversioned(statement))
                }
                Mode::OnEvent(name) if self.len() < Held::MOST => {
                    self.wait(name.clone(), unversioned(statement))
                }
                _ => {
                    go_on.push(statement);
                    continue;
                }
            }
            held += 1;
        }
        (held, go_on)
    }

    /// What was held for events of this name.
    pub fn arrived(&mut self, name: &str) -> Vec<Invalidate> {
        let waiting = self.on_event.remove(name).unwrap_or_default();
        self.held_on_event = self.held_on_event.saturating_sub(waiting.len());
        waiting.into_values().collect()
    }

    /// What was held until now.
    pub fn due(&mut self, now: Millis) -> Vec<Invalidate> {
        let mut due = Vec::new();
        while let Some(first) = self.delayed.first_entry()
            && first.key().0 <= now
        {
            let statement = first.remove();
            self.due_of.remove(&statement.scope);
            due.push(statement);
        }
        due
    }

    /// When the next one is due that was held for a time.
    pub fn next_due(&self) -> Option<Millis> {
        self.delayed.first_key_value().map(|(&(due, _), _)| due)
    }

    /// How many scopes are held.
    pub fn len(&self) -> usize {
        self.delayed.len().saturating_add(self.held_on_event)
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A repeat keeps the earlier time: putting it off each time would put it off for ever.
    fn delay(&mut self, due: Millis, statement: Invalidate) {
        if let Some(&(earlier, id)) = self.due_of.get(&statement.scope)
            && let Some(mut first) = self.delayed.remove(&(earlier, id))
        {
            first.cascade |= statement.cascade;
            let at = (earlier.min(due), id);
            self.due_of.insert(statement.scope, at);
            self.delayed.insert(at, first);
            return;
        }
        let at = (due, self.next_id);
        self.next_id = self.next_id.wrapping_add(1);
        self.due_of.insert(statement.scope.clone(), at);
        self.delayed.insert(at, statement);
    }

    fn wait(&mut self, name: Box<str>, statement: Invalidate) {
        match self.on_event.entry(name).or_default().entry(statement.scope.clone()) {
            Entry::Occupied(mut same) => same.get_mut().cascade |= statement.cascade,
            Entry::Vacant(place) => {
                place.insert(statement);
                self.held_on_event = self.held_on_event.saturating_add(1);
            }
        }
    }
}

/// When it takes effect, newer values than the change that was behind it may be old as well.
fn unversioned(statement: Invalidate) -> Invalidate {
    Invalidate { version: None, ..statement }
}

#[cfg(test)]
mod tests {
    use clearwell_engine::{Cause, Scope};

    use super::*;

    fn key(name: &str) -> Scope {
        Scope::Key(name.as_bytes().into())
    }

    fn hold(held: &mut Held, now: u64, scope: Scope, mode: Mode) -> (usize, Vec<Scope>) {
        let request = Request { cascade: false, mode, ..Request::now(vec![scope], Cause::Command) };
        let (count, go_on) = held.hold(Millis(now), request);
        (count, scopes(go_on))
    }

    fn scopes(statements: Vec<Invalidate>) -> Vec<Scope> {
        statements.into_iter().map(|statement| (*statement.scope).clone()).collect()
    }

    #[test]
    fn repeats_of_a_delayed_scope_are_one_at_the_earliest_time() {
        let mut held = Held::default();
        for (now, name, ms) in [(0, "a", 100), (10, "a", 100), (20, "b", 10), (20, "a", 60)] {
            assert_eq!(hold(&mut held, now, key(name), Mode::Delayed(ms)), (1, vec![]));
        }
        assert_eq!(held.len(), 2);
        assert_eq!(scopes(held.due(Millis(29))), vec![]);
        assert_eq!(scopes(held.due(Millis(80))), vec![key("b"), key("a")]);
        assert_eq!(scopes(held.due(Millis(1000))), vec![]);
        assert!(held.is_empty());
    }

    #[test]
    fn an_event_releases_what_waits_for_its_name() {
        let mut held = Held::default();
        for (name, event) in [("a", "deployed"), ("a", "deployed"), ("b", "other")] {
            assert_eq!(hold(&mut held, 0, key(name), Mode::OnEvent(event.into())), (1, vec![]));
        }
        assert_eq!(scopes(held.arrived("deployed")), vec![key("a")]);
        assert_eq!((scopes(held.arrived("deployed")), held.len()), (vec![], 1));
    }

    #[test]
    fn whoever_asks_for_dependents_among_repeats_gets_them() {
        let mut held = Held::default();
        hold(&mut held, 0, key("a"), Mode::Delayed(5));
        let request = Request { mode: Mode::Delayed(5), ..Request::now(vec![key("a")], Cause::Command) };
        held.hold(Millis(0), request);
        assert!(held.due(Millis(5)).iter().all(|statement| statement.cascade));
    }

    #[test]
    fn what_cannot_be_held_takes_effect_at_once() {
        let mut held = Held::default();
        for n in 0..Held::MOST {
            hold(&mut held, 0, key(&n.to_string()), Mode::Delayed(5));
        }
        assert_eq!(hold(&mut held, 0, key("one more"), Mode::Delayed(5)), (0, vec![key("one more")]));
    }
}
