//! What a cache may answer, written as plainly as possible.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::history::{Cover, Covered, Names, Past};
use crate::words::{KEYS, Name, event_matches};

/// An entry as the model keeps it.
#[derive(Debug, Clone)]
pub struct Entry {
    pub value: Option<u64>,
    pub names: Names,
    /// What the entries that it was made from lived by when it was stored.
    pub under: Names,
    /// The step at which it was stored; what covered it before then does not count.
    pub stored: u64,
    pub stale: bool,
    pub put: bool,
    pub expires: Option<u64>,
    pub grace_ms: u64,
    pub version: Option<u64>,
    pub load_ms: u32,
    /// Invalidations that do not count, because the entry contained their change.
    pub excused: Vec<u64>,
}

/// What an entry may be worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Worth {
    Dead,
    Grace,
    Stale,
    Fresh,
}

#[derive(Debug, Default)]
pub struct Model {
    pub entries: BTreeMap<u8, Entry>,
    pub history: Vec<Past>,
    /// All that each key's entries ever lived by, as far back as a cascade may remember.
    pub edges: BTreeMap<u8, Vec<Names>>,
    /// What the last entries of each key lived by.
    pub lived: BTreeMap<u8, VecDeque<Names>>,
    /// The step.
    pub tick: u64,
    pub now: u64,
}

impl Model {
    fn since(&self, tick: u64) -> impl Iterator<Item = &Past> {
        self.history.iter().rev().take_while(move |past| past.at > tick)
    }

    /// Everything that the entry of a key may be worth now; one answer unless a cascade may or may not have
    /// remembered an edge.
    pub fn worth(&self, key: u8) -> Vec<Worth> {
        let Some(entry) = self.entries.get(&key) else { return vec![Worth::Dead] };
        let over = entry.expires.is_some_and(|expires| self.now >= expires + entry.grace_ms);
        let (mut gone, mut stale) = (Covered::No, if entry.stale { Covered::Surely } else { Covered::No });
        for past in self.since(entry.stored).filter(|past| !entry.excused.contains(&past.at)) {
            let effect = if past.stale { &mut stale } else { &mut gone };
            *effect = (*effect).max(past.covers(key, &entry.names));
        }
        let mut worth = Vec::new();
        if over || gone != Covered::No {
            worth.push(Worth::Dead);
        }
        if over || gone == Covered::Surely {
            return worth;
        }
        if entry.expires.is_some_and(|expires| self.now >= expires) {
            worth.push(Worth::Grace);
            return worth;
        }
        if stale != Covered::No {
            worth.push(Worth::Stale);
        }
        if stale != Covered::Surely {
            worth.push(Worth::Fresh);
        }
        worth
    }

    /// Whether a load of `key` that began at `began` is older than something that covers the key as such.
    pub fn key_covered(&self, key: u8, began: u64) -> bool {
        self.since(began).any(|past| past.covers_key(key))
    }

    /// Whether something covers an entry to be.
    pub fn covered(&self, key: u8, names: &Names, began: u64) -> Covered {
        let covers = |past: &Past| {
            let covered = past.covers(key, names);
            let below = || names.dependencies.iter().any(|name| self.may_touch(past, *name));
            if covered == Covered::No && (below() || self.died_by(key, past)) {
                Covered::Maybe
            } else {
                covered
            }
        };
        self.since(began).map(covers).max().unwrap_or(Covered::No)
    }

    /// Whether an entry of the key may have been taken away since. It leaves word of that for plain SETs, which fills
    /// and readers heed too.
    pub fn died(&self, key: u8, began: u64) -> bool {
        self.since(began).any(|past| self.died_by(key, past))
    }

    fn died_by(&self, key: u8, past: &Past) -> bool {
        let covers = |names| past.covers(key, names) != Covered::No;
        self.lived.get(&key).is_some_and(|all| all.iter().any(covers))
    }

    /// Whether an invalidation covered a key that somebody depends on, or what that key's entries lived by. A load
    /// in flight may then be refused, whether or not it was a cascade.
    fn may_touch(&self, past: &Past, name: Name) -> bool {
        let Name::Key(key) = name else { return past.covers_name(name) };
        let edges = self.edges.get(&key);
        past.covers_key(key)
            || past.covers_name(name)
            || self.died_by(key, past)
            || edges.is_some_and(|edges| edges.iter().any(|edge| past.covers(key, edge) != Covered::No))
    }

    /// Notes an invalidation of `cover`, with all that follows if it cascades.
    pub fn invalidate(&mut self, cover: Cover, stale: bool, cascade: bool) {
        let (mut surely, mut maybe) = (BTreeSet::new(), BTreeSet::new());
        if cascade {
            let start: Vec<Name> = match cover {
                Cover::Key(key) => vec![Name::Key(key)],
                Cover::Tag(tag) => vec![Name::Tag(tag)],
                Cover::Name(name) => vec![name],
                Cover::Class(class) => (0..10).map(|digit| Name::Key(class * 10 + digit)).collect(),
                Cover::Digit(digit) => (0..KEYS / 10).map(|class| Name::Key(class * 10 + digit)).collect(),
                Cover::Everything | Cover::Event(_) | Cover::Nothing => Vec::new(),
            };
            surely.extend(start.iter().copied());
            maybe.extend(start);
            self.follow_surely(cover, &mut surely);
            self.follow_maybe(cover, &mut maybe);
        }
        self.history.push(Past { at: self.tick, cover, stale, surely, maybe });
    }

    /// A write of a key: what depends on it is covered, and loads in flight.
    pub fn write(&mut self, key: u8) {
        self.invalidate(Cover::Key(key), false, true);
        // The mark of the key alone: an entry that is put next is newer.
    }

    /// Adds the keys that live by what is covered: those of entries that stand, and what those were made from.
    fn follow_surely(&self, cover: Cover, names: &mut BTreeSet<Name>) {
        // A gap that is known: when what lies between is gone, a cascade goes one step through it, not two.
        let start = names.clone();
        loop {
            let before = names.len();
            for (&key, entry) in &self.entries {
                let lives = lives_by(&entry.names, cover, names) || lives_by(&entry.under, cover, &start);
                if lives && !self.worth(key).contains(&Worth::Dead) {
                    names.insert(Name::Key(key));
                }
            }
            if names.len() == before {
                return;
            }
        }
    }

    fn follow_maybe(&self, cover: Cover, names: &mut BTreeSet<Name>) {
        loop {
            let before = names.len();
            for (&key, edges) in &self.edges {
                if edges.iter().any(|edge| lives_by(edge, cover, names)) {
                    names.insert(Name::Key(key));
                }
            }
            if names.len() == before {
                return;
            }
        }
    }

    /// Stores an entry.
    pub fn store(&mut self, key: u8, mut entry: Entry) {
        entry.stored = self.tick;
        for dependency in &entry.names.dependencies {
            let Name::Key(below) = dependency else { continue };
            let stands = !self.worth(*below).contains(&Worth::Dead);
            if let Some(other) = self.entries.get(below).filter(|_| stands) {
                for names in std::iter::once(&other.names) {
                    entry.under.tags.extend(&names.tags);
                    entry.under.dependencies.extend(&names.dependencies);
                    entry.under.events.extend(&names.events);
                }
            }
        }
        entry.under.tags.sort_unstable();
        entry.under.tags.dedup();
        entry.under.dependencies.sort_unstable();
        entry.under.dependencies.dedup();
        entry.under.events.sort_unstable();
        entry.under.events.dedup();
        let edges = self.edges.entry(key).or_default();
        if !edges.contains(&entry.names) {
            edges.push(entry.names.clone());
        }
        let lived = self.lived.entry(key).or_default();
        lived.push_front(entry.names.clone());
        lived.truncate(40);
        self.entries.insert(key, entry);
    }

    /// Forgets the edges of keys that nobody depends on, once no dead entry holds any.
    pub fn forget_edges(&mut self) {
        let held: BTreeSet<Name> =
            self.entries.values().flat_map(|entry| entry.names.dependencies.iter().copied()).collect();
        self.edges.retain(|&key, _| held.contains(&Name::Key(key)) || self.entries.contains_key(&key));
        for (key, edges) in &mut self.edges {
            if !held.contains(&Name::Key(*key)) {
                edges.clear();
                edges.push(self.entries[key].names.clone());
            }
        }
    }
}

/// Whether what has these names lives by what is covered, or depends on one of `reached`.
fn lives_by(names: &Names, cover: Cover, reached: &BTreeSet<Name>) -> bool {
    let direct = match cover {
        Cover::Tag(tag) => names.tags.contains(&tag),
        Cover::Event(event) => names.events.iter().any(|&pattern| event_matches(pattern, event)),
        _ => false,
    };
    direct || names.dependencies.iter().any(|name| reached.contains(name))
}

/// What there is to know of a key, for the message of a failure.
pub struct Tale<'m>(pub &'m Model, pub u8);

impl std::fmt::Display for Tale<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Tale(model, key) = self;
        writeln!(f, "at {} ms: {:?}", model.now, model.entries.get(key))?;
        let from = model.tick.saturating_sub(300);
        let edges = model.edges.get(key).cloned().unwrap_or_default();
        for past in model.since(from) {
            let covers = edges.iter().map(|names| past.covers(*key, names)).max();
            if past.covers_key(*key) || covers > Some(Covered::No) {
                writeln!(
                    f,
                    "  step {}: {:?} stale {} covers {covers:?} surely {:?}",
                    past.at, past.cover, past.stale, past.surely
                )?;
            }
        }
        Ok(())
    }
}
