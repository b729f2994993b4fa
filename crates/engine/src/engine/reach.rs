//! What an invalidation would do.

use std::collections::HashSet;

use crate::EventPattern;
use crate::names::NameKind;
use crate::shared::Standing;
use crate::slot::EntryPlace;
use crate::{Engine, Invalidation, Millis, Scope};

/// Entries and names that would be reached so far.
#[derive(Default)]
struct ReachCount {
    keys: HashSet<Box<[u8]>>,
    names: HashSet<Box<[u8]>>,
}

impl Engine {
    /// How many entries `invalidation` would reach now; reads every entry, in slices, and with `cascade` as often as the
    /// chains of dependencies are long.
    pub fn would_reach(&self, invalidation: &Invalidation, now: Millis) -> u64 {
        let mut reach = ReachCount::default();
        if invalidation.cascade
            && let Scope::Key(name) | Scope::Tag(name) = &*invalidation.scope
        {
            reach.names.insert((**name).into());
        }
        loop {
            let before = reach.keys.len();
            self.each(|slot| {
                let covered = || {
                    covers(&invalidation.scope, slot)
                        || slot.names(NameKind::Dependency).any(|name| reach.names.contains(name))
                };
                if !reach.keys.contains(slot.key())
                    && self.shared.standing(slot, now) != Standing::Dead
                    && covered()
                    && !self.contains_already(invalidation, slot)
                {
                    reach.keys.insert(slot.key().into());
                }
            });
            if !invalidation.cascade || reach.keys.len() == before {
                return reach.keys.len() as u64;
            }
            reach.names.extend(reach.keys.iter().cloned());
        }
    }

    fn contains_already(&self, invalidation: &Invalidation, slot: &EntryPlace) -> bool {
        matches!(&*invalidation.scope, Scope::Key(key) if **key == *slot.key())
            && invalidation.version.is_some()
            && slot.version() >= invalidation.version
    }
}

fn covers(scope: &Scope, slot: &EntryPlace) -> bool {
    match scope {
        Scope::Key(key) => slot.key() == &**key,
        Scope::Tag(tag) => slot.names(NameKind::Tag).any(|name| name == &**tag),
        Scope::Dependents(name) => slot.names(NameKind::Dependency).any(|other| other == &**name),
        Scope::Pattern(glob) => glob.matches(slot.key()),
        Scope::Prefix(prefix) => slot.key().starts_with(prefix),
        Scope::Event(event) => slot.names(NameKind::Event).any(|written| {
            let pattern = std::str::from_utf8(written).ok().and_then(|text| EventPattern::parse(text).ok());
            pattern.is_some_and(|pattern| pattern.matches(event))
        }),
        Scope::Everything => true,
    }
}
