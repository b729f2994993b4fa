//! Random steps on an engine, and who looks at every key after each.

use std::collections::BTreeMap;

use clearwell_engine::{
    Ask, By, Cause, Change, Config, Draft, Effect, Engine, Event, EventPattern, Filled, Glob, Invalidation,
    Lookup, Made, Millis, OnMiss, Scope, Seq, State, Step, Story, Tolerate,
};

pub const KEYS: u8 = 6;
pub const CREATED: State = State::Created(Made::Put);

/// A step as it can be compared: when, what, and the count of the invalidation behind it.
pub type Plain = (Option<u64>, State, Option<u64>);

#[derive(Default)]
pub struct Observer {
    lives: BTreeMap<u8, Vec<Plain>>,
    now: BTreeMap<u8, Life>,
}

#[derive(Clone)]
struct Life {
    created: Plain,
    between: Vec<Plain>,
    overwritten: Option<Plain>,
    accessed: Option<Plain>,
    stale: bool,
    expires: Option<u64>,
}

pub struct World {
    pub engine: Engine,
    pub seen: Observer,
    random: fastrand::Rng,
    now: u64,
    /// Counts at which loads began that may still be filled.
    began: Vec<(u8, Seq)>,
}

/// What an entry is stored with.
struct Names {
    below: Vec<[u8; 1]>,
    tags: Vec<[u8; 2]>,
    expires: Option<Millis>,
    events: Vec<EventPattern>,
}

pub fn plain(steps: &[Step]) -> Vec<Plain> {
    let one = |step: &Step| {
        let by = step.by.invalidation().map(|noted| noted.seq.0);
        (step.at.map(|at| at.0), step.state, by)
    };
    steps.iter().map(one).collect()
}

/// Whether all that a story says did happen, in that order; the truth may be longer.
pub fn is_true(story: &Story, truth: &[Plain]) -> Result<(), String> {
    let mut rest = truth.iter();
    for (step, said) in story.steps.iter().zip(plain(&story.steps)) {
        let fits = |real: &&Plain| {
            let unknown_by = !matches!(step.by, By::Invalidation(..));
            let state = match (real.1, said.1) {
                // Those before are forgotten.
                (State::Refused(real), State::Refused(said)) => said <= real,
                (State::Expired | State::Invalidated, State::Unclear) => true,
                (real, said) => real == said,
            };
            state && (said.0.is_none() || real.0 == said.0) && (unknown_by || real.2 == said.2)
        };
        // Where it stands among the others is not known without its time.
        let found = if said.0.is_some() { rest.find(fits) } else { truth.iter().find(fits) };
        found.ok_or(format!("{said:?} did not happen then"))?;
    }
    // What happened after the memory ends is complete.
    let Some(forgotten) = story.forgotten else {
        return if story.steps.len() == truth.len() { Ok(()) } else { Err("something is left out".into()) };
    };
    let newer = |(at, state, _): &&Plain| {
        at.is_some_and(|at| at > forgotten.0) && !matches!(state, State::Refused(_))
    };
    let told = |real: &Plain| {
        plain(&story.steps).iter().any(|said| {
            (said.1 == real.1 || said.1 == State::Unclear) && (said.0 == real.0 || said.0.is_none())
        })
    };
    match truth.iter().filter(newer).find(|real| !told(real)) {
        Some(real) => Err(format!("{real:?} is left out, and only what was until {forgotten:?} may be")),
        None => Ok(()),
    }
}

pub fn invalidate(engine: &Engine, scope: Scope, now: Millis) -> Seq {
    let (effect, cause) = (Effect::Gone, Cause::Command);
    engine.apply(&Invalidation { scope: scope.into(), effect, cascade: true, version: None, cause }, now).seq
}

pub fn remove(engine: &Engine, key: &[u8], now: Millis) {
    engine.update(key, now, |_| (Change::Remove, ())).expect("a removal fits");
}

impl Observer {
    pub fn forget(&mut self) {
        self.lives.clear();
    }

    pub fn story(&self, key: u8) -> Vec<Plain> {
        let mut story = self.lives.get(&key).cloned().unwrap_or_default();
        story.extend(self.now.get(&key).map(Life::steps).unwrap_or_default());
        story
    }

    fn created(&mut self, key: u8, at: u64, made: Made, expires: Option<u64>) {
        let created = (Some(at), State::Created(made), None);
        let life =
            Life { created, between: vec![], overwritten: None, accessed: None, stale: false, expires };
        self.now.insert(key, life);
    }

    fn ended(&mut self, key: u8, end: Plain) {
        if let Some(life) = self.now.remove(&key) {
            let lives = self.lives.entry(key).or_default();
            lives.extend(life.steps());
            lives.push(end);
        }
    }
}

impl Life {
    fn steps(&self) -> Vec<Plain> {
        let mut between = self.between.clone();
        between.extend(self.overwritten);
        between.extend(self.accessed);
        between.sort_by_key(|step| step.0);
        [vec![self.created], between].concat()
    }
}

impl World {
    pub fn new(config: Config, seed: u64) -> World {
        let random = fastrand::Rng::with_seed(seed);
        World {
            engine: Engine::new(config, seed),
            seen: Observer::default(),
            random,
            now: 1_000,
            began: Vec::new(),
        }
    }

    pub fn why(&self, key: u8) -> Story {
        self.engine.why(&[key], Millis(self.now))
    }

    /// One step, and what is seen of it.
    pub fn step(&mut self) {
        self.now += self.random.u64(1..40);
        self.expire();
        let (key, now) = (self.random.u8(..KEYS), Millis(self.now));
        match self.random.u8(..12) {
            0..3 => self.store(key, true),
            3 => self.began.push((key, self.engine.seq())),
            4 => self.store(key, false),
            5 => self.read(key),
            6 => {
                remove(&self.engine, &[key], now);
                self.ends(Some(key), |this, at_key| (at_key == this, None));
            }
            7 => self.rewrite(key),
            8 => drop(self.engine.maintain(now, 1_000)),
            _ => self.invalidates(key),
        }
    }

    /// What is over by now.
    fn expire(&mut self) {
        for key in 0..KEYS {
            let over = self.seen.now.get(&key).and_then(|life| life.expires).filter(|at| *at <= self.now);
            if let Some(at) = over {
                self.seen.ended(key, (Some(at), State::Expired, None));
            }
        }
    }

    fn names(&mut self, key: u8) -> Names {
        // Only lower keys are depended on: no circles.
        let below: Vec<[u8; 1]> = (0..key).filter(|_| self.random.u8(..4) == 0).map(|key| [key]).collect();
        let tags = (0..2).filter(|_| self.random.bool()).map(|tag| [b't', tag]).collect();
        let expires = self.random.bool().then(|| Millis(self.now + self.random.u64(1..300)));
        let events = (self.random.u8(..4) == 0).then(|| EventPattern::parse("moved").unwrap());
        Names { below, tags, expires, events: events.into_iter().collect() }
    }

    fn store(&mut self, key: u8, put: bool) {
        let Names { below, tags, expires, events } = self.names(key);
        let below: Vec<&[u8]> = below.iter().map(|name| &name[..]).collect();
        let tags: Vec<&[u8]> = tags.iter().map(|name| &name[..]).collect();
        let value = (put || self.random.bool()).then_some(&b"v"[..]);
        let draft =
            Draft { value, expires, tags: &tags, dependencies: &below, events: &events, ..Draft::default() };
        let now = Millis(self.now);
        let before = self.engine.seq();
        if put {
            self.engine.put(&[key], &draft, now).expect("it fits");
            // What depended on it is old.
            self.ends(None, |this, other| (other != this, Some(before.0 + 1)));
            return self.stored(key, Made::Put, expires);
        }
        let Some(at) = (!self.began.is_empty()).then(|| self.random.usize(..self.began.len())) else {
            return;
        };
        let (key, began) = (key, self.began.swap_remove(at).1);
        match self.engine.fill(&[key], began, &draft, now) {
            Filled::Stored => {
                self.stored(key, if value.is_some() { Made::Filled } else { Made::Absent }, expires)
            }
            Filled::Refused => self.refused(key),
            Filled::TooLarge(unfit) => panic!("{unfit:?}"),
        }
    }

    fn stored(&mut self, key: u8, made: Made, expires: Option<Millis>) {
        let expires = expires.map(|at| at.0);
        let Some(life) = self.seen.now.get_mut(&key) else {
            return self.seen.created(key, self.now, made, expires);
        };
        let times =
            life.overwritten.map_or(0, |step| if let State::Overwritten(_, n) = step.1 { n } else { 0 });
        life.overwritten = Some((Some(self.now), State::Overwritten(made, times + 1), None));
        (life.stale, life.expires) = (false, expires);
    }

    fn refused(&mut self, key: u8) {
        // The reason is compared in a test of its own.
        let told = self.why(key).steps.into_iter().filter(|step| matches!(step.state, State::Refused(_)));
        let told: Vec<Plain> = plain(&told.collect::<Vec<_>>());
        let newest = told.last().copied().unwrap_or((Some(self.now), State::Refused(1), None));
        let past = self.seen.lives.entry(key).or_default();
        let mut between = self.seen.now.get_mut(&key).map(|life| &mut life.between);
        let known = past.iter_mut().chain(between.iter_mut().flat_map(|list| list.iter_mut()));
        // Several within a short time are one step.
        match known.rev().find(|step| matches!(step.1, State::Refused(_)) && step.0 == newest.0) {
            Some(same) => *same = newest,
            None => between.unwrap_or(past).push(newest),
        }
    }

    fn read(&mut self, key: u8) {
        let ask = Ask {
            now: Millis(self.now),
            tolerate: Tolerate::Stale,
            on_miss: OnMiss::Tell,
            early_refresh: 0.0,
            chance: 1.0,
            class: 0,
        };
        let hit = matches!(self.engine.lookup(&[key], ask, |_| ()), Lookup::Hit { .. });
        assert_eq!(hit, self.seen.now.contains_key(&key), "the observer sees what readers see");
        let Some(life) = self.seen.now.get_mut(&key) else { return };
        let times = life.accessed.map_or(0, |step| if let State::Accessed(n) = step.1 { n } else { 0 });
        let second = (self.now / 1000 * 1000).max(life.created.0.unwrap_or(0));
        life.accessed = Some((Some(second), State::Accessed(times + 1), None));
    }

    fn rewrite(&mut self, key: u8) {
        let before = self.engine.seq();
        let change = |view: Option<&clearwell_engine::View<'_>>| match view {
            Some(_) => (Change::Value(b"w".to_vec()), true),
            None => (Change::Keep, false),
        };
        let changed = self.engine.update(&[key], Millis(self.now), change).expect("it fits");
        if changed {
            self.ends(None, |this, other| (other != this, Some(before.0 + 1)));
            let expires = self.seen.now.get(&key).and_then(|life| life.expires).map(Millis);
            self.stored(key, Made::Put, expires);
        }
    }

    fn invalidates(&mut self, key: u8) {
        let scope = match self.random.u8(..8) {
            0 => Scope::Key([key].into()),
            1 | 2 => Scope::Tag([b't', self.random.u8(..2)].into()),
            3 => Scope::Dependents([key].into()),
            4 => Scope::Pattern(Glob::new(format!("[\\{}]", char::from(key)).as_bytes()).unwrap()),
            5 => Scope::Prefix([key].into()),
            6 => Scope::Event(Event::new("moved", Vec::new()).unwrap()),
            _ if self.random.u8(..4) == 0 => Scope::Everything,
            _ => Scope::Key([key].into()),
        };
        let effect = if self.random.u8(..3) == 0 { Effect::Stale } else { Effect::Gone };
        let cascade = self.random.bool();
        let cause = Cause::Command;
        let invalidation = Invalidation { scope: scope.into(), effect, cascade, version: None, cause };
        let seq = self.engine.apply(&invalidation, Millis(self.now)).seq.0;
        self.ends(None, |_, _| (true, Some(seq)));
    }

    /// Looks at every key, and writes down what is gone or stale now. `blame` says, of the key that was removed and the one
    /// that is looked at, whether the step can have done that, and as what.
    fn ends(&mut self, removed: Option<u8>, blame: impl Fn(u8, u8) -> (bool, Option<u64>)) {
        for other in 0..KEYS {
            let Some(life) = self.seen.now.get_mut(&other) else { continue };
            let seen = self.engine.peek(&[other], Millis(self.now), |view| view.stale());
            let (_, by) = blame(removed.unwrap_or(other.wrapping_add(1)), other);
            match seen {
                None if removed == Some(other) => {
                    self.seen.ended(other, (Some(self.now), State::Removed, None));
                }
                None => {
                    let by = by.or(Some(self.engine.seq().0));
                    self.seen.ended(other, (Some(self.now), State::Invalidated, by));
                }
                Some(true) if !life.stale => {
                    life.stale = true;
                    life.between.push((Some(self.now), State::Stale, by));
                }
                Some(_) => {}
            }
        }
    }
}
