//! The steps: each is taken by the engine and by the model, and their answers are compared.

use std::collections::{BTreeMap, HashSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use clearwell_engine::{
    Ask, Cause, Change, Config, Draft, Effect, Engine, Event, EventPattern, FillLease, Filled, Glob,
    Invalidation, Landing, Lookup, Millis, Offered, OnMiss, Outcome, Scope, Seq, Tolerate, Version, View,
    Waiting,
};
use fastrand::Rng;

use crate::history::{Cover, Covered, Names};
use crate::model::{Entry, Model, Tale, Worth};
use crate::words::{self, KEYS, Name, TAGS, key_number};

/// A load under way.
struct Load {
    key: u8,
    /// The step and the count at which it began, and the time.
    tick: u64,
    began: Seq,
    time: u64,
    value: Option<u64>,
    lease: Option<FillLease>,
    plain: bool,
}

struct Waiter {
    waiting: Pin<Box<Waiting>>,
    /// The step at which the load that it waits for began.
    flight: (u8, u64),
    joined: Seq,
}

pub struct World {
    engine: Engine,
    model: Model,
    random: Rng,
    seed: u64,
    strict: bool,
    patterns: Vec<EventPattern>,
    events: Vec<Event>,
    /// What the source holds.
    truth: [u64; KEYS as usize],
    written: [u64; KEYS as usize],
    values: u64,
    versions: u64,
    loads: Vec<Load>,
    /// The load that readers of a key join, by when it began.
    flights: BTreeMap<u8, u64>,
    waiters: Vec<Waiter>,
    stamps: HashSet<u64>,
}

fn bytes(value: u64) -> Vec<u8> {
    let mut bytes = value.to_string().into_bytes();
    bytes.resize(bytes.len() + (value % 5 * 600) as usize, b'.');
    bytes
}

fn number(bytes: &[u8]) -> u64 {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
}

fn seen(view: &View<'_>) -> Option<u64> {
    view.value().map(number)
}

impl World {
    pub fn new(config: Config, seed: u64, strict: bool) -> World {
        World {
            engine: Engine::new(config, seed),
            model: Model { now: 1_000, ..Model::default() },
            random: Rng::with_seed(seed),
            seed,
            strict,
            patterns: words::patterns(),
            events: words::events(),
            truth: std::array::from_fn(|key| key as u64),
            written: [0; KEYS as usize],
            values: 1_000,
            versions: 0,
            loads: Vec::new(),
            flights: BTreeMap::new(),
            waiters: Vec::new(),
            stamps: HashSet::new(),
        }
    }

    fn now(&self) -> Millis {
        Millis(self.model.now)
    }

    #[track_caller]
    fn agree(&self, yes: bool, what: impl std::fmt::Display) {
        assert!(yes, "seed {}, step {}: {what}", self.seed, self.model.tick);
    }

    pub fn step(&mut self) {
        self.model.tick += 1;
        let key = self.random.u8(..KEYS);
        self.settle(key);
        match self.random.u8(..100) {
            _ if self.loads.len() > 40 => self.end_load(),
            0..35 => self.lookup(key),
            35..48 => self.begin(key),
            48..64 => self.end_load(),
            64..70 => self.put(key),
            70..75 => self.update(key),
            75..85 => self.invalidate(),
            85..95 => self.model.now += self.random.u64(..40),
            95..97 => self.maintain(),
            97 => self.scan(),
            98 => self.peek(key),
            _ => self.drop_load(),
        }
        if self.model.tick.is_multiple_of(256) {
            self.check();
        }
    }

    pub fn end(&mut self) {
        self.loads.clear();
        self.waiters.clear();
        self.check();
        self.agree(self.engine.account().flights == 0, "flights are left");
    }

    fn check(&self) {
        let checked = self.engine.check();
        self.agree(checked.is_ok(), format_args!("{checked:?}"));
    }

    /// Where the model is not sure, takes what the engine says, if it is one of the answers allowed.
    fn settle(&mut self, key: u8) {
        let worth = self.model.worth(key);
        if worth.len() == 1 || !self.strict {
            return;
        }
        let ask = self.ask(Tolerate::Grace, OnMiss::Tell);
        let found = self.engine.lookup(&words::key(key), ask, |view| view.stale());
        let is = match found {
            Lookup::Hit { read: false, .. } => Worth::Fresh,
            Lookup::Hit { .. } if worth.contains(&Worth::Grace) => Worth::Grace,
            Lookup::Hit { .. } => Worth::Stale,
            _ => Worth::Dead,
        };
        self.agree(worth.contains(&is), format_args!("{key} is {is:?}, may be {worth:?}"));
        if is == Worth::Dead {
            self.model.entries.remove(&key);
        } else if let Some(entry) = self.model.entries.get_mut(&key) {
            // What this step does next counts.
            (entry.stored, entry.stale) = (self.model.tick - 1, is == Worth::Stale);
        }
    }

    fn ask(&self, tolerate: Tolerate, on_miss: OnMiss) -> Ask {
        Ask { now: self.now(), tolerate, on_miss, early_refresh: 0.0, chance: 1.0 }
    }

    fn lookup(&mut self, key: u8) {
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
    fn joinable(&self, key: u8) -> (bool, bool) {
        let Some(&began) = self.flights.get(&key) else { return (false, false) };
        let may = !self.model.key_covered(key, began);
        (may, may && !self.model.died(key, began))
    }

    fn lead(&mut self, key: u8, lease: FillLease) {
        self.flights.insert(key, self.model.tick);
        self.start(key, lease.began(), Some(lease), false);
    }

    fn start(&mut self, key: u8, began: Seq, lease: Option<FillLease>, plain: bool) {
        self.agree(began == self.engine.seq(), "a load begins at the count");
        let value = (self.random.u8(..8) > 0 || plain).then_some(self.truth[key as usize]);
        let (tick, time) = (self.model.tick, self.model.now);
        self.loads.push(Load { key, tick, began, time, value, lease, plain });
    }

    fn expect_refresh(&mut self, key: u8, ask: &Ask, stale: bool, refresh: Option<FillLease>) {
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
    fn begin(&mut self, key: u8) {
        let began = self.engine.seq();
        self.start(key, began, None, false);
    }

    fn drop_load(&mut self) {
        if !self.loads.is_empty() {
            let load = self.loads.swap_remove(self.random.usize(..self.loads.len()));
            let flight = (load.key, load.tick);
            let leads = load.lease.is_some();
            drop(load);
            if leads {
                self.landed(flight, |_| false);
            }
        }
    }

    fn end_load(&mut self) {
        if !self.loads.is_empty() {
            let index = self.random.usize(..self.loads.len());
            self.settle(self.loads[index].key);
            self.finish(index);
        }
    }

    fn finish(&mut self, index: usize) {
        let mut load = self.loads.swap_remove(index);
        let names = self.names(load.key);
        let entry = self.entry(load.value, names, false);
        match load.lease.take() {
            Some(lease) => self.land(&load, lease, entry),
            None if load.plain => self.offer(&load, entry),
            None => {
                let filled = self.with_draft(&entry, |engine, draft, now| {
                    engine.fill(&words::key(load.key), load.began, draft, now)
                });
                self.filled(&load, entry, filled);
            }
        }
    }

    fn land(&mut self, load: &Load, lease: FillLease, entry: Entry) {
        let flight = (load.key, load.tick);
        if self.random.u8(..10) == 0 {
            let failed = Outcome::Failed(Arc::new(std::fmt::Error));
            let filled = self.engine.land(lease, failed, &Draft::default(), self.now());
            self.agree(filled == Filled::Refused, "a failed load stored");
            self.landed(flight, |_| true);
            return;
        }
        let outcome = match entry.value {
            Some(value) => Outcome::Value(bytes(value).into()),
            None => Outcome::Absent,
        };
        let filled = self.with_draft(&entry, |engine, draft, now| engine.land(lease, outcome, draft, now));
        let stored = filled == Filled::Stored;
        self.filled(load, entry, filled);
        let began = load.began;
        self.landed(flight, |joined| stored || joined <= began);
    }

    /// The waiters of a flight are told; `good` says whether one that joined at a count gets the outcome.
    fn landed(&mut self, flight: (u8, u64), good: impl Fn(Seq) -> bool) {
        if self.flights.get(&flight.0) == Some(&flight.1) {
            self.flights.remove(&flight.0);
        }
        let mut context = Context::from_waker(Waker::noop());
        let (told, rest): (Vec<Waiter>, Vec<Waiter>) =
            std::mem::take(&mut self.waiters).into_iter().partition(|waiter| waiter.flight == flight);
        self.waiters = rest;
        for mut waiter in told {
            match waiter.waiting.as_mut().poll(&mut context) {
                Poll::Ready(landing) => {
                    let landed = matches!(landing, Landing::Landed(_));
                    self.agree(landed == good(waiter.joined), format_args!("a waiter was told {landing:?}"));
                }
                Poll::Pending => self.agree(false, "a waiter was forgotten"),
            }
        }
    }

    fn names(&mut self, key: u8) -> Names {
        let mut names = Names::default();
        if self.random.bool() {
            names.tags = (0..TAGS).filter(|_| self.random.u8(..5) == 0).collect();
        }
        if self.random.u8(..3) == 0 {
            let wanted = self.random.usize(1..3);
            let mut one = || match self.random.u8(..4) {
                0 => Name::Tag(self.random.u8(..TAGS)),
                _ if key == 0 => Name::Tag(0),
                _ => Name::Key(self.random.u8(..key)),
            };
            names.dependencies = (0..wanted).map(|_| one()).collect();
            names.dependencies.sort_unstable();
            names.dependencies.dedup();
        }
        if self.random.u8(..4) == 0 {
            names.events = vec![self.random.u8(..4)];
        }
        names
    }

    fn entry(&mut self, value: Option<u64>, names: Names, put: bool) -> Entry {
        self.versions += 1;
        let now = self.model.now;
        Entry {
            value,
            names,
            under: Names::default(),
            stored: 0,
            stale: false,
            put,
            expires: self.random.bool().then(|| now + self.random.u64(..2_000)),
            grace_ms: if self.random.u8(..4) == 0 { self.random.u64(..800) } else { 0 },
            version: (self.random.u8(..4) == 0)
                .then(|| self.versions - self.random.u64(..self.versions.min(50))),
            load_ms: if self.random.u8(..3) == 0 { self.random.u32(..200) } else { 0 },
            excused: Vec::new(),
        }
    }

    fn with_draft<R>(&self, entry: &Entry, act: impl FnOnce(&Engine, &Draft<'_>, Millis) -> R) -> R {
        let value = entry.value.map(bytes);
        let tags: Vec<[u8; 2]> = entry.names.tags.iter().map(|&tag| words::tag(tag)).collect();
        let tags: Vec<&[u8]> = tags.iter().map(|tag| &tag[..]).collect();
        let dependencies: Vec<Vec<u8>> =
            entry.names.dependencies.iter().map(|&name| words::name(name)).collect();
        let dependencies: Vec<&[u8]> = dependencies.iter().map(|name| &name[..]).collect();
        let events: Vec<EventPattern> =
            entry.names.events.iter().map(|&pattern| self.patterns[pattern as usize].clone()).collect();
        let draft = Draft {
            value: value.as_deref(),
            expires: entry.expires.map(Millis),
            grace_ms: entry.grace_ms,
            tags: &tags,
            dependencies: &dependencies,
            events: &events,
            version: entry.version.map(Version),
            load_ms: entry.load_ms,
            ..Draft::default()
        };
        act(&self.engine, &draft, self.now())
    }

    /// Compares what became of a fill.
    fn filled(&mut self, load: &Load, entry: Entry, filled: Filled) {
        let key = load.key;
        let covered = self.model.covered(key, &entry.names, load.tick);
        let newer = self.newer_stands(key, &entry);
        match filled {
            Filled::Stored => {
                self.agree(
                    covered != Covered::Surely,
                    format_args!(
                        "{key}: an old fill was stored; began {}, {:?}; {}",
                        load.tick,
                        entry.names,
                        Tale(&self.model, key)
                    ),
                );
                self.agree(!newer || !self.strict, format_args!("{key}: a newer version was overwritten"));
                self.store(key, entry);
            }
            Filled::Refused => {
                let may = covered != Covered::No || newer || !self.strict;
                self.agree(
                    may,
                    format_args!(
                        "{key}: a fill was refused for nothing; began {}; {}",
                        load.tick,
                        Tale(&self.model, key)
                    ),
                );
            }
            Filled::TooLarge(unfit) => self.agree(false, format_args!("{unfit:?}")),
        }
    }

    fn newer_stands(&self, key: u8, entry: &Entry) -> bool {
        let fresh = self.model.worth(key) == [Worth::Fresh];
        fresh && entry.version.is_some() && self.model.entries[&key].version > entry.version
    }

    fn store(&mut self, key: u8, entry: Entry) {
        let over = entry.expires.is_some_and(|expires| expires <= self.model.now);
        self.model.store(key, entry);
        let stamp = self.engine.stamp(&words::key(key), self.now());
        let fine = if stamp == 0 { over || !self.strict } else { self.stamps.insert(stamp) };
        self.agree(fine, format_args!("{key}: stamp {stamp}"));
    }

    /// A plain SET of a value that was read when its client missed. Some orders cannot be told apart, so the model takes
    /// the engine's answer, if what is accepted is what the source holds.
    fn offer(&mut self, load: &Load, mut entry: Entry) {
        let key = load.key;
        let window_over = self.model.now.saturating_sub(load.time) >= 1_000;
        let own = self.random.bool().then_some(load.began);
        if window_over {
            return;
        }
        let name = words::key(key);
        let before = self.engine.stamp(&name, self.now());
        let offered = self.with_draft(&entry, |engine, draft, now| engine.offer(&name, own, draft, now));
        let after = self.engine.stamp(&name, self.now());
        let read = entry.value.unwrap_or_default();
        if offered == Offered::Written || offered == Offered::Filled {
            let put_since = own.is_none() && self.written[key as usize] > load.tick;
            let current = read == self.truth[key as usize];
            self.agree(
                current || put_since,
                format_args!("{key}: an old SET was accepted as {offered:?}, own {own:?}"),
            );
        }
        match offered {
            Offered::Written => {
                self.agree(own.is_none(), "a SET after its own miss is no write");
                self.truth[key as usize] = read;
                self.written[key as usize] = self.model.tick;
                entry.put = true;
                self.model.write(key);
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

    fn fresh_value(&mut self) -> u64 {
        self.values += 1;
        self.values
    }

    fn put(&mut self, key: u8) {
        let value = self.fresh_value();
        let names = self.names(key);
        let entry = self.entry(Some(value), names, true);
        let put = self.with_draft(&entry, |engine, draft, now| engine.put(&words::key(key), draft, now));
        self.agree(put.is_ok(), format_args!("{put:?}"));
        self.wrote(key, value);
        self.store(key, entry);
    }

    fn wrote(&mut self, key: u8, value: u64) {
        self.truth[key as usize] = value;
        self.written[key as usize] = self.model.tick;
        self.model.write(key);
    }

    fn update(&mut self, key: u8) {
        let kind = self.random.u8(..5);
        let value = self.fresh_value();
        let names = self.names(key);
        let entry = self.entry(Some(value), names, true);
        let expires = self.random.bool().then(|| self.model.now + self.random.u64(..1_000));
        let seen = self.with_draft(&entry, |engine, draft, now| {
            engine.update(&words::key(key), now, |view| {
                let change = match kind {
                    0 => Change::Keep,
                    1 => Change::Put(draft.clone()),
                    2 => Change::Value(bytes(value)),
                    3 => Change::Expires(expires.map(Millis)),
                    _ => Change::Remove,
                };
                (change, view.map(|view| seen(view).unwrap_or_default()))
            })
        });
        let seen = match seen {
            Ok(seen) => seen,
            Err(unfit) => return self.agree(false, format_args!("{unfit:?}")),
        };
        let worth = self.model.worth(key);
        let kept = self.model.entries.get(&key).and_then(|entry| entry.value);
        let shown = worth.iter().any(|worth| *worth >= Worth::Stale) && kept.is_some();
        self.agree(seen.is_none() || shown && seen == kept, format_args!("{key}: saw {seen:?} for {kept:?}"));
        self.agree(
            !self.strict || seen.is_some() == shown,
            format_args!("{key}: saw {seen:?}, is {worth:?}"),
        );
        match (kind, seen) {
            (1, _) => {
                self.wrote(key, value);
                self.store(key, entry);
            }
            (2, None) => {
                self.wrote(key, value);
                let (names, expires) = (Names::default(), None);
                let plain = Entry { names, expires, grace_ms: 0, version: None, load_ms: 0, ..entry };
                self.store(key, plain);
            }
            (2, Some(_)) => {
                let old = self.model.entries[&key].clone();
                self.wrote(key, value);
                self.store(
                    key,
                    Entry { value: Some(value), put: true, stale: false, excused: Vec::new(), ..old },
                );
            }
            (3, Some(_)) => {
                if let Some(entry) = self.model.entries.get_mut(&key) {
                    entry.expires = expires;
                }
            }
            (4, _) => {
                let value = self.fresh_value();
                self.wrote(key, value);
                self.model.entries.remove(&key);
            }
            _ => {}
        }
    }

    fn invalidate(&mut self) {
        let key = self.random.u8(..KEYS);
        self.settle(key);
        let (cover, scope) = self.scope(key);
        let stale = self.random.u8(..3) == 0;
        let cascade = self.random.bool();
        let version = (self.random.u8(..3) == 0).then(|| self.random.u64(..self.versions + 2));
        let invalidation = Invalidation {
            scope,
            effect: if stale { Effect::Stale } else { Effect::Gone },
            cascade,
            version: version.map(Version),
            cause: if self.random.bool() { Cause::Removal } else { Cause::Commit },
        };
        let single = matches!(cover, Cover::Key(_)) && !cascade;
        let worth = self.model.worth(key);
        let applied = self.engine.apply(&invalidation, self.now());
        self.agree(applied.seq == self.engine.seq(), "the count");
        let spared = matches!(cover, Cover::Key(_)) && self.contains_already(key, version);
        if single && self.strict {
            let reached = worth[0] != Worth::Dead && !spared;
            self.agree(
                applied.reached == u64::from(reached),
                format_args!("{key}: reached {}", applied.reached),
            );
        }
        self.spare(key, cover, cascade, spared, stale);
        for key in 0..KEYS {
            let value = self.fresh_value();
            if self.model.history.last().is_some_and(|past| past.covers_key(key)) && !spared {
                self.truth[key as usize] = value;
            }
        }
    }

    fn contains_already(&self, key: u8, version: Option<u64>) -> bool {
        let stands = self.model.worth(key).iter().any(|worth| *worth != Worth::Dead);
        stands && version.is_some() && self.model.entries[&key].version >= version
    }

    /// Notes the invalidation; an entry that contains its change already does not mind, and if a client put it,
    /// loads in flight do not either.
    fn spare(&mut self, key: u8, cover: Cover, cascade: bool, spared: bool, stale: bool) {
        self.model.invalidate(cover, stale, cascade);
        let Some(entry) = self.model.entries.get_mut(&key).filter(|_| spared) else { return };
        entry.excused.push(self.model.tick);
        if entry.put
            && let Some(past) = self.model.history.last_mut()
        {
            past.cover = Cover::Nothing;
        }
    }

    fn scope(&mut self, key: u8) -> (Cover, Scope) {
        let tag = self.random.u8(..TAGS);
        let class = key / 10;
        let glob = |text: String| Scope::Pattern(Glob::new(text.as_bytes()).expect("well formed"));
        match self.random.u8(..80) {
            0..40 => (Cover::Key(key), Scope::Key(words::key(key).into())),
            40..55 => (Cover::Tag(tag), Scope::Tag(words::tag(tag).into())),
            55..60 => (Cover::Name(Name::Tag(tag)), Scope::Dependents(words::tag(tag).into())),
            60..68 => (Cover::Name(Name::Key(key)), Scope::Dependents(words::key(key).into())),
            68..74 => {
                let event = self.random.u8(..4);
                (Cover::Event(event), Scope::Event(self.events[event as usize].clone()))
            }
            74 => (Cover::Class(class), glob(format!("{}:*", char::from(b'a' + class)))),
            75 => (Cover::Class(class), Scope::Prefix([b'a' + class, b':'].into())),
            76..79 => (Cover::Digit(key % 10), glob(format!("*:{}", key % 10))),
            _ => (Cover::Everything, Scope::Everything),
        }
    }

    fn maintain(&mut self) {
        if self.random.bool() {
            self.engine.maintain(self.now(), self.random.usize(..50));
            return;
        }
        while self.engine.maintain(self.now(), 10_000).more {}
        (0..KEYS).for_each(|key| self.settle(key));
        for key in 0..KEYS {
            if self.model.worth(key) == [Worth::Dead] {
                self.model.entries.remove(&key);
            }
        }
        if self.strict && self.engine.account().entries == self.model.entries.len() as u64 {
            self.model.forget_edges();
        }
    }

    fn scan(&mut self) {
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

    fn peek(&mut self, key: u8) {
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
}
