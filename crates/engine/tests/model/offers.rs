//! Plain SETs, which may be late fills.

use std::collections::VecDeque;

use clearwell_engine::{Offered, Origin, Seq};

use crate::history::{Covered, Names};
use crate::model::{Entry, Tale};
use crate::words;
use crate::world::{Load, World};

/// The window of the engines under test, and how much longer a miss may be remembered: two of its four parts.
const WINDOW_MS: u64 = 1_000;
const LONGER_MS: u64 = 500;
/// How long a miss may raise doubt: an invalidation is noticed with the next miss or SET, and its doubt lasts a window from
/// then.
const DOUBT_MS: u64 = 2 * WINDOW_MS + LONGER_MS;

/// The misses of a key that no SET has resolved: the step and the time of each.
#[derive(Default)]
pub struct Outstanding {
    /// All misses, resolved or not, that may be remembered: which of them a SET answered is not known.
    all: VecDeque<(u64, u64)>,
    /// Those that may be remembered.
    most: VecDeque<(u64, u64)>,
    /// Those that surely are.
    least: VecDeque<(u64, u64)>,
    /// What SETs of the key named: the key is taken to live by that until no miss is unresolved.
    named: Vec<Names>,
    /// Until when a load may be under way whose miss was resolved by a SET from before a client emptied the cache.
    stolen_until: u64,
}

impl Outstanding {
    pub fn miss(&mut self, tick: u64, time: u64) {
        self.all.push_back((tick, time));
        self.most.push_back((tick, time));
        self.least.push_back((tick, time));
    }

    fn forget(&mut self, now: u64) {
        self.all.retain(|(_, time)| now - time <= DOUBT_MS);
        self.most.retain(|(_, time)| now - time <= WINDOW_MS + LONGER_MS);
        self.least.retain(|(_, time)| now - time <= WINDOW_MS);
    }

    /// A SET with these names resolves the oldest.
    fn resolve(&mut self, names: &Names) {
        self.most.pop_front();
        self.least.pop_front();
        self.named.push(names.clone());
        if self.most.is_empty() {
            self.named.clear();
        }
    }
}

/// What is known of the answer to a plain SET before it is given.
#[derive(Debug)]
struct Prospect {
    /// Its connection emptied the cache, and nothing was covered since.
    ordered: bool,
    /// Nothing was covered since the oldest miss that may be unresolved, nor since its own if that is remembered.
    calm: bool,
    /// A miss is unresolved that is older than the key's last invalidation.
    in_doubt: bool,
}

impl World {
    fn prospect(&mut self, load: &Load, entry: &Entry, own: bool, flush: Option<u64>) -> Prospect {
        let (key, now) = (load.key, self.model.now);
        let outstanding = &mut self.outstanding[key as usize];
        outstanding.forget(now);
        let missed = outstanding.all.front().filter(|_| !outstanding.most.is_empty());
        let oldest = missed.map(|(tick, _)| *tick).into_iter().chain(own.then_some(load.tick)).min();
        let first = outstanding.least.front().map(|(tick, _)| *tick);
        let untouched = |names, since| self.model.covered(key, names, since) == Covered::No;
        let named = outstanding.named.iter().filter(|_| !outstanding.most.is_empty());
        Prospect {
            ordered: flush.is_some_and(|flush| untouched(&entry.names, flush)),
            calm: named
                .chain([&entry.names])
                .all(|names| oldest.is_none_or(|oldest| untouched(names, oldest))),
            in_doubt: first.is_some_and(|first| self.model.invalidated(key).is_some_and(|at| first < at)),
        }
    }

    /// Whether a SET may answer no miss that is counted, so that it takes another's place.
    fn is_uncounted(&mut self, load: &Load) -> bool {
        let under_way = self.loads.iter().any(|other| other.plain && other.key == load.key);
        let stolen_until = &mut self.outstanding[load.key as usize].stolen_until;
        let uncounted = load.tick < self.emptied || self.model.now <= *stolen_until;
        *stolen_until = if uncounted && under_way { self.model.now + WINDOW_MS } else { 0 };
        uncounted
    }

    /// A plain SET of a value that was read when its client missed; the client may have emptied the cache before.
    pub fn offer(&mut self, load: &Load, mut entry: Entry) {
        let key = load.key;
        let window_over = self.model.now.saturating_sub(load.time) >= WINDOW_MS;
        let own = self.random.bool().then_some(load.began);
        let (flushed, count) = self.flushed;
        let flush = (self.random.u8(..4) == 0 && count > Seq(0)).then_some(flushed);
        if window_over {
            return;
        }
        let prospect = self.prospect(load, &entry, own.is_some(), flush);
        let newer = self.newer_stands(key, &entry);
        let origin = Origin { miss: own, flush: flush.map_or(Seq(0), |_| count), ..Origin::default() };
        let name = words::key(key);
        let before = self.engine.stamp(&name, self.now());
        let offered = self.with_draft(&entry, |engine, draft, now| engine.offer(&name, origin, draft, now));
        let after = self.engine.stamp(&name, self.now());
        let uncounted = self.is_uncounted(load);
        self.outstanding[key as usize].resolve(&entry.names);
        self.expect(load, &prospect, origin, newer, &offered);
        let read = entry.value.unwrap_or_default();
        if offered == Offered::Written || offered == Offered::Filled {
            let put_since = own.is_none() && self.written[key as usize] > load.tick;
            let current = read == self.truth[key as usize];
            let emptied = own.is_none() && uncounted;
            let may_order = flush.is_some_and(|flushed| self.model.invalidated(key) <= Some(flushed));
            self.agree(
                current || put_since || may_order || emptied,
                format_args!("{key}: an old SET was accepted as {offered:?}, {origin:?}"),
            );
        }
        match offered {
            Offered::Written => {
                self.agree(own.is_none() || flush.is_some(), "a SET after its own miss is no write");
                self.wrote(key, read, true);
                entry.put = true;
                self.store(key, entry);
            }
            Offered::Filled if before != after || before == 0 => {
                let covered = self.model.covered(key, &entry.names, load.tick);
                let tagged = covered == Covered::Surely && !self.model.key_covered(key, load.tick);
                self.agree(
                    !(tagged && own.is_some()),
                    format_args!("{key}: a SET older than its tags was stored; {}", Tale(&self.model, key)),
                );
                self.store(key, entry);
            }
            Offered::Filled => {
                let same = self.model.entries.get(&key).is_some_and(|stored| stored.value == entry.value);
                self.agree(same, "taken for what stands there, and is not");
            }
            Offered::Refused if after == 0 && before != 0 => {
                self.model.entries.remove(&key);
            }
            Offered::Refused => {}
            Offered::TooLarge(unfit) => self.agree(false, format_args!("{unfit:?}")),
        }
    }

    /// Compares the answer to a plain SET with what is known of it.
    fn expect(&self, load: &Load, prospect: &Prospect, origin: Origin, newer: bool, offered: &Offered) {
        let fine = match offered {
            Offered::Written => prospect.ordered || !prospect.in_doubt || origin.flush > Seq(0),
            _ if !self.strict => true,
            _ if prospect.ordered => false,
            Offered::Filled => origin.miss.is_some() || !prospect.calm,
            _ => !prospect.calm || newer && origin.miss.is_some(),
        };
        self.agree(
            fine,
            format_args!(
                "{}: {offered:?}, {origin:?}, {prospect:?}; {}",
                load.key,
                Tale(&self.model, load.key)
            ),
        );
    }
}
