//! The steps: each is taken by the engine and by the model, and their answers are compared.

use std::collections::{BTreeMap, HashSet};
use std::pin::Pin;

use clearwell_engine::{
    Ask, Config, Engine, Event, EventPattern, FillLease, Lookup, Millis, OnMiss, Seq, Tolerate, View, Waiting,
};
use fastrand::Rng;

use crate::model::{Model, Worth};
use crate::offers::Outstanding;
use crate::words::{self, KEYS};

/// A load under way.
pub struct Load {
    pub key: u8,
    /// The step and the count at which it began, and the time.
    pub tick: u64,
    pub began: Seq,
    pub time: u64,
    pub value: Option<u64>,
    pub lease: Option<FillLease>,
    pub plain: bool,
}

pub struct Waiter {
    pub waiting: Pin<Box<Waiting>>,
    /// The step at which the load that it waits for began.
    pub flight: (u8, u64),
    pub joined: Seq,
}

pub struct World {
    pub engine: Engine,
    pub model: Model,
    pub random: Rng,
    pub seed: u64,
    pub strict: bool,
    pub patterns: Vec<EventPattern>,
    pub events: Vec<Event>,
    /// What the source holds.
    pub truth: [u64; KEYS as usize],
    pub written: [u64; KEYS as usize],
    pub values: u64,
    pub versions: u64,
    pub loads: Vec<Load>,
    /// The load that readers of a key join, by when it began.
    pub flights: BTreeMap<u8, u64>,
    pub waiters: Vec<Waiter>,
    pub stamps: HashSet<u64>,
    pub outstanding: Vec<Outstanding>,
    /// When everything was invalidated last: the step and the count.
    pub flushed: (u64, Seq),
    /// The step at which a client emptied the cache last: what was missed before is not counted any more.
    pub emptied: u64,
}

pub fn bytes(value: u64) -> Vec<u8> {
    let mut bytes = value.to_string().into_bytes();
    bytes.resize(bytes.len() + (value % 5 * 600) as usize, b'.');
    bytes
}

pub fn number(bytes: &[u8]) -> u64 {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
}

pub fn seen(view: &View<'_>) -> Option<u64> {
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
            outstanding: (0..KEYS).map(|_| Outstanding::default()).collect(),
            flushed: (0, Seq(0)),
            emptied: 0,
        }
    }

    pub fn now(&self) -> Millis {
        Millis(self.model.now)
    }

    #[track_caller]
    pub fn agree(&self, yes: bool, what: impl std::fmt::Display) {
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

    pub fn check(&self) {
        let checked = self.engine.check();
        self.agree(checked.is_ok(), format_args!("{checked:?}"));
    }

    /// Where the model is not sure, takes what the engine says, if it is one of the answers allowed.
    pub fn settle(&mut self, key: u8) {
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

    pub fn ask(&self, tolerate: Tolerate, on_miss: OnMiss) -> Ask {
        Ask { now: self.now(), tolerate, on_miss, early_refresh: 0.0, chance: 1.0, class: 0 }
    }

    pub fn fresh_value(&mut self) -> u64 {
        self.values += 1;
        self.values
    }

    pub fn maintain(&mut self) {
        if self.random.bool() {
            self.engine.maintain(self.now(), self.random.usize(..50));
            return;
        }
        if self.sweep() {
            self.model.forget_edges();
        }
    }

    /// Takes all that is dead away; whether nothing dead is left (the engine's timers are up to two ticks late).
    pub fn sweep(&mut self) -> bool {
        while self.engine.maintain(self.now(), 10_000).more {}
        (0..KEYS).for_each(|key| self.settle(key));
        for key in 0..KEYS {
            if self.model.worth(key) == [Worth::Dead] {
                self.model.entries.remove(&key);
            }
        }
        self.strict && self.engine.account().entries == self.model.entries.len() as u64
    }
}
