//! Steps that read.

use std::collections::HashSet;

use clearwell_engine::{Ask, FillLease, Lookup, Millis, OnMiss, Seq, Tolerate, Version};

use crate::model::{Tale, Worth};
use crate::words::{self, KEYS, key_number};
use crate::world::{Load, Waiter, World, seen};

impl World {
    pub fn lookup(&mut self, key: u8) {
        let tolerate = [Tolerate::Fresh, Tolerate::Stale, Tolerate::Grace][self.random.usize(..3)];
        let on_miss = [OnMiss::Tell, OnMiss::Remember, OnMiss::Load][self.random.usize(..3)];
        let early_refresh = if self.random.bool() { 1.0 } else { 0.0 };
        let ask = Ask { early_refresh, chance: 1.0 - self.random.f64(), ..self.ask(tolerate, on_miss) };
        let worth = self.model.worth(key);
        let least = [Worth::Fresh, Worth::Stale, Worth::Grace][tolerate as usize];
        let may_hit = worth.iter().any(|worth| *worth >= least);
        let found = self.engine.lookup(&words::key(key), ask, |view| (seen(view), view.stale()));
        match found {
            Lookup::Hit { read: (value, view_stale), stale, refresh } => {
                self.agree(may_hit, format_args!("{key} hit, is {worth:?}, asked {tolerate:?}"));
                let entry = &self.model.entries[&key];
                self.agree(entry.value == value, format_args!("{key}: {value:?} for {:?}", entry.value));
                let fresh = worth.contains(&Worth::Fresh);
                self.agree(stale == view_stale && (stale != fresh || worth.len() > 1), "stale or not");
                self.expect_refresh(key, &ask, stale, refresh);
            }
            Lookup::Miss { began } => {
                self.agree(
                    !self.strict || !may_hit,
                    format_args!("{key} missed, is {worth:?}; {}", Tale(&self.model, key)),
                );
                self.agree(on_miss != OnMiss::Load, "a miss for a loader");
                let plain = on_miss == OnMiss::Remember;
                self.start(key, began, None, plain);
            }
            Lookup::Lead(lease) => {
                self.agree(
                    !self.strict || !may_hit,
                    format_args!("{key} led, is {worth:?}; {}", Tale(&self.model, key)),
                );
                self.agree(
                    on_miss == OnMiss::Load && !(self.strict && self.joinable(key).1),
                    "led beside a flight",
                );
                self.lead(key, lease);
            }
            Lookup::Wait(waiting) => {
                self.agree(!self.strict || !may_hit, format_args!("{key} waits, is {worth:?}"));
                self.agree(on_miss == OnMiss::Load && self.joinable(key).0, "joined an old flight");
                let flight = (key, self.flights[&key]);
                self.waiters.push(Waiter { waiting: Box::pin(waiting), flight, joined: self.engine.seq() });
            }
        }
    }

    /// Whether a reader may join the flight of a key, and whether it has to.
    pub fn joinable(&self, key: u8) -> (bool, bool) {
        let Some(&began) = self.flights.get(&key) else { return (false, false) };
        let may = !self.model.key_covered(key, began);
        (may, may && !self.model.died(key, began))
    }

    pub fn lead(&mut self, key: u8, lease: FillLease) {
        self.flights.insert(key, self.model.tick);
        self.start(key, lease.began(), Some(lease), false);
    }

    pub fn start(&mut self, key: u8, began: Seq, lease: Option<FillLease>, plain: bool) {
        self.agree(began == self.engine.seq(), "a load begins at the count");
        let value = (self.random.u8(..8) > 0 || plain).then_some(self.truth[key as usize]);
        let (tick, time) = (self.model.tick, self.model.now);
        if plain {
            self.outstanding[key as usize].miss(tick, time);
        }
        self.loads.push(Load { key, tick, began, time, value, lease, plain });
    }

    pub fn expect_refresh(&mut self, key: u8, ask: &Ask, stale: bool, refresh: Option<FillLease>) {
        let entry = &self.model.entries[&key];
        let ahead = -f64::from(entry.load_ms) * ask.early_refresh * ask.chance.ln();
        let left = entry.expires.map(|expires| expires.saturating_sub(self.model.now) as f64);
        let early = entry.load_ms > 0 && ask.early_refresh > 0.0 && left.is_some_and(|left| ahead >= left);
        let wanted = ask.on_miss == OnMiss::Load && (stale || early);
        let (may_join, has_to_join) = self.joinable(key);
        let fine = if refresh.is_some() { wanted && !has_to_join } else { !wanted || may_join };
        self.agree(!self.strict || fine, format_args!("{key}: refresh wanted {wanted}"));
        self.agree(ask.on_miss == OnMiss::Load || refresh.is_none(), "a refresh for who cannot load");
        if let Some(lease) = refresh {
            self.lead(key, lease);
        }
    }

    /// Begins a load that asks for no lease: a warm-up.
    pub fn begin(&mut self, key: u8) {
        let began = self.engine.seq();
        self.start(key, began, None, false);
    }

    pub fn peek(&mut self, key: u8) {
        let shown = self.engine.peek(&words::key(key), self.now(), |view| {
            let tags: Vec<u8> = view.tags().map(|tag| tag[1] - b'0').collect();
            (seen(view), view.expires(), view.version(), tags, view.dependencies().count())
        });
        let worth = self.model.worth(key);
        let may = worth.iter().any(|worth| *worth >= Worth::Stale);
        self.agree(shown.is_none() || may, format_args!("{key}: shown, is {worth:?}"));
        self.agree(shown.is_some() == may || !self.strict, format_args!("{key}: not shown, is {worth:?}"));
        if let Some(shown) = shown {
            let entry = &self.model.entries[&key];
            let expires = entry.expires.map(Millis);
            let kept = (
                entry.value,
                expires,
                entry.version.map(Version),
                entry.names.tags.clone(),
                entry.names.dependencies.len(),
            );
            self.agree(shown == kept, format_args!("{key}: {shown:?} for {kept:?}"));
        }
    }

    pub fn scan(&mut self) {
        let mut found = HashSet::new();
        let mut cursor = 0;
        loop {
            let mut wrong = None;
            let count = self.random.usize(..20);
            cursor = self.engine.scan(cursor, count, self.now(), |view| {
                let key = key_number(view.key());
                let entry = self.model.entries.get(&key);
                if !found.insert(key) || entry.is_none_or(|entry| entry.value != seen(view)) {
                    wrong = Some(key);
                }
            });
            self.agree(wrong.is_none(), format_args!("scanned {wrong:?}"));
            if cursor == 0 {
                break;
            }
        }
        for key in 0..KEYS {
            let worth = self.model.worth(key);
            let may = worth.iter().any(|worth| *worth >= Worth::Stale);
            let must = self.strict && worth.iter().all(|worth| *worth >= Worth::Stale);
            let scanned = found.contains(&key);
            self.agree(
                scanned == may || worth.len() > 1 || !must && !scanned,
                format_args!("{key}: scanned {scanned}, is {worth:?}  {}", Tale(&self.model, key)),
            );
        }
        let random = self.engine.random_key(self.random.u64(..), self.now());
        self.agree(random.is_some() != found.is_empty(), "a key at random");
    }
}
