//! Invalidations that are held until a time or an event has come. Only then are they put on the road.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use clearwell_words::{Event, EventPattern, Invalidation, Millis, Scope};

use crate::road::{Coalesce, InvalidationRequest, Mode};

/// What is held for a time or an event.
#[derive(Debug, Default)]
pub struct HeldInvalidations {
    items: BTreeMap<u64, HeldInvalidation>,
    due: BTreeSet<(Millis, u64)>,
    /// By scope and what is waited for; of a delayed scope there is one.
    of: HashMap<(Arc<Scope>, Option<Box<str>>), u64>,
    /// By the written form of the events that are waited for.
    events: HashMap<Box<str>, (EventPattern, BTreeSet<u64>)>,
    /// Those of the written forms that are more than a name.
    patterns: BTreeSet<Box<str>>,
    last_id: u64,
}

/// An invalidation that is held.
#[derive(Debug, Clone)]
pub struct HeldInvalidation {
    /// Its number: what it is cancelled by.
    pub id: u64,
    /// What it will be when it takes effect.
    pub statement: Invalidation,
    /// What it waits for.
    pub until: Until,
    /// When it was asked for first.
    pub since: Millis,
    /// How often it was asked for.
    pub asked: u64,
}

/// What a held invalidation waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Until {
    /// A time.
    Time {
        /// When it takes effect.
        due: Millis,
        /// The longest delay that was asked for.
        delay_ms: u64,
    },
    /// An event of this name, or that this pattern matches.
    Event(Box<str>),
}

impl fmt::Display for Until {
    /// The mode as it is asked for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Until::Time { delay_ms, .. } => {
                let units = [(3_600_000, "h"), (60_000, "m"), (1_000, "s")];
                let whole = units.into_iter().find(|(ms, _)| *delay_ms > 0 && delay_ms.is_multiple_of(*ms));
                let (ms, unit) = whole.unwrap_or((1, "ms"));
                write!(f, "delayed:{}{unit}", delay_ms / ms)
            }
            Until::Event(name) => write!(f, "on-event:{name}"),
        }
    }
}

/// What became of a request that is to be held.
#[derive(Debug, Default)]
pub struct Holding {
    /// How many scopes are held.
    pub count: usize,
    /// Those that were not held before.
    pub new: Vec<HeldInvalidation>,
    /// What is to go on at once.
    pub go_on: Vec<Invalidation>,
}

impl HeldInvalidations {
    /// The most scopes that are held at once; beyond it a request takes effect immediately, because what cannot be
    /// remembered must not be forgotten.
    pub const MOST: usize = 100_000;
    /// A timer that is started anew comes up at the latest after so many times the longest delay that was asked for, from the
    /// first request on: a stream of repeats must not put it off for ever.
    pub const RESTARTS: u64 = 10;

    /// Holds what its mode says; `preset`: how repeats are taken where the request does not say.
    pub fn hold(&mut self, now: Millis, request: InvalidationRequest, preset: Coalesce) -> Holding {
        let (mode, coalesce) = (request.mode.clone(), request.coalesce.unwrap_or(preset));
        let mut holding = Holding::default();
        for statement in request.statements() {
            let waits_for = match &mode {
                Mode::Delayed(_) => None,
                Mode::OnEvent(pattern) => Some(Box::from(pattern.to_string())),
                Mode::Immediate | Mode::Lazy => {
                    holding.go_on.push(statement);
                    continue;
                }
            };
            let known = self.of.get(&(statement.scope.clone(), waits_for.clone())).copied();
            match (known, &mode) {
                (Some(id), _) => self.again(id, now, &mode, coalesce, statement.cascade),
                (None, _) if self.len() >= HeldInvalidations::MOST => {
                    holding.go_on.push(statement);
                    continue;
                }
                (None, Mode::OnEvent(pattern)) => holding.new.push(self.wait(now, pattern, statement)),
                (None, _) => holding.new.push(self.delay(now, &mode, statement)),
            }
            holding.count += 1;
        }
        holding
    }

    /// What was held for this event.
    pub fn arrived(&mut self, event: &Event) -> Vec<HeldInvalidation> {
        let mut found: Vec<Box<str>> = Vec::new();
        found.extend(self.events.get_key_value(&event.name).map(|(name, _)| name.clone()));
        let matches = |written: &str| {
            *written != *event.name
                && self.events.get(written).is_some_and(|(pattern, _)| pattern.matches(event))
        };
        // A pattern over the names that are waited for finds each of them.
        let asked: Vec<&Box<str>> =
            if event.is_pattern() { self.events.keys().collect() } else { self.patterns.iter().collect() };
        found.extend(asked.into_iter().filter(|written| matches(written)).cloned());
        let ids: BTreeSet<u64> = found
            .iter()
            .filter_map(|written| self.events.get(written))
            .flat_map(|(_, ids)| ids)
            .copied()
            .collect();
        ids.into_iter().filter_map(|id| self.take(id)).collect()
    }

    /// What was held until now.
    pub fn due(&mut self, now: Millis) -> Vec<HeldInvalidation> {
        let mut due = Vec::new();
        while let Some(&(at, id)) = self.due.first()
            && at <= now
        {
            due.extend(self.take(id));
            self.due.remove(&(at, id));
        }
        due
    }

    /// When the first that is held for a time is due.
    pub fn next_due(&self) -> Option<Millis> {
        self.due.first().map(|(at, _)| *at)
    }

    /// What is held, by number, from the first after `after`, at most so many.
    pub fn list(&self, after: u64, most: usize) -> Vec<HeldInvalidation> {
        self.items.range(after.saturating_add(1)..).take(most).map(|(_, item)| item.clone()).collect()
    }

    /// Takes one back before it took effect; `None`: there is none of that number any more.
    pub fn cancel(&mut self, id: u64) -> Option<HeldInvalidation> {
        self.take(id)
    }

    /// Takes all back.
    pub fn cancel_all(&mut self) -> Vec<HeldInvalidation> {
        let all = std::mem::take(&mut self.items);
        *self = HeldInvalidations { last_id: self.last_id, ..HeldInvalidations::default() };
        all.into_values().collect()
    }

    /// How many scopes are held.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// A repeat of what is held.
    fn again(&mut self, id: u64, now: Millis, mode: &Mode, coalesce: Coalesce, cascade: bool) {
        let Some(item) = self.items.get_mut(&id) else { return };
        item.asked = item.asked.saturating_add(1);
        item.statement.cascade |= cascade;
        let (Until::Time { due, delay_ms }, Mode::Delayed(asked_ms)) = (&mut item.until, mode) else {
            return;
        };
        let before = *due;
        *delay_ms = (*delay_ms).max(*asked_ms);
        *due = match coalesce {
            Coalesce::First => before.min(now.plus(*asked_ms)),
            Coalesce::Restart => {
                let last = item.since.plus(delay_ms.saturating_mul(HeldInvalidations::RESTARTS));
                now.plus(*asked_ms).min(last)
            }
        };
        let due = *due;
        self.due.remove(&(before, id));
        self.due.insert((due, id));
    }

    fn delay(&mut self, now: Millis, mode: &Mode, statement: Invalidation) -> HeldInvalidation {
        let delay_ms = if let Mode::Delayed(ms) = mode { *ms } else { 0 };
        let due = now.plus(delay_ms);
        let item = self.add(now, Until::Time { due, delay_ms }, None, statement);
        self.due.insert((due, item.id));
        item
    }

    fn wait(&mut self, now: Millis, pattern: &EventPattern, statement: Invalidation) -> HeldInvalidation {
        let written: Box<str> = pattern.to_string().into();
        let item = self.add(now, Until::Event(written.clone()), Some(written.clone()), statement);
        if !pattern.is_name() {
            self.patterns.insert(written.clone());
        }
        self.events.entry(written).or_insert_with(|| (pattern.clone(), BTreeSet::new())).1.insert(item.id);
        item
    }

    fn add(
        &mut self,
        now: Millis,
        until: Until,
        waits_for: Option<Box<str>>,
        statement: Invalidation,
    ) -> HeldInvalidation {
        self.last_id += 1;
        let statement = unversioned(statement);
        self.of.insert((statement.scope.clone(), waits_for), self.last_id);
        let item = HeldInvalidation { id: self.last_id, statement, until, since: now, asked: 1 };
        self.items.insert(item.id, item.clone());
        item
    }

    fn take(&mut self, id: u64) -> Option<HeldInvalidation> {
        let item = self.items.remove(&id)?;
        let scope = item.statement.scope.clone();
        match &item.until {
            Until::Time { due, .. } => {
                self.due.remove(&(*due, id));
                self.of.remove(&(scope, None));
            }
            Until::Event(written) => {
                self.of.remove(&(scope, Some(written.clone())));
                if let Some((_, ids)) = self.events.get_mut(written) {
                    ids.remove(&id);
                    if ids.is_empty() {
                        self.events.remove(written);
                        self.patterns.remove(written);
                    }
                }
            }
        }
        Some(item)
    }
}

/// When it takes effect, newer values than the change that was behind it may be old as well.
fn unversioned(statement: Invalidation) -> Invalidation {
    Invalidation { version: None, ..statement }
}

#[cfg(test)]
#[path = "held_tests.rs"]
mod tests;
