//! Steps that invalidate.

use clearwell_engine::{Cause, Effect, Glob, Invalidation, Scope, Version};

use crate::history::{Cover, Covered, Past};
use crate::model::{Entry, Worth};
use crate::offers::Outstanding;
use crate::words::{self, KEYS, Name, TAGS};
use crate::world::World;

impl World {
    pub fn invalidate(&mut self) {
        let key = self.random.u8(..KEYS);
        self.settle(key);
        let (cover, scope) = self.scope(key);
        let stale = self.random.u8(..3) == 0;
        let cascade = self.random.bool();
        let version = (self.random.u8(..3) == 0).then(|| self.random.u64(..self.versions + 2));
        let invalidation = Invalidation {
            scope: scope.into(),
            effect: if stale { Effect::Stale } else { Effect::Gone },
            cascade,
            version: version.map(Version),
            cause: if self.random.bool() { Cause::Removal } else { Cause::Commit },
        };
        let single = matches!(cover, Cover::Key(_)) && !cascade;
        let swept = self.random.u8(..4) == 0 && self.sweep();
        let worth = self.model.worth(key);
        let members = self.members(cover);
        let applied = self.engine.apply(&invalidation, self.now());
        if cover == Cover::Everything {
            self.flushed = (self.model.tick, applied.seq);
            if invalidation.cause == Cause::Removal {
                self.emptied = self.model.tick;
                self.outstanding.fill_with(Outstanding::default);
            }
        }
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
        if swept && !matches!(cover, Cover::Key(_)) {
            let exact = !cascade || cover == Cover::Everything;
            let least = self.model.history.last().map_or(0, |past| past.reached.len()).max(members);
            self.agree(
                if exact { applied.reached == members } else { applied.reached >= least },
                format_args!("{cover:?} reached {}, of {members}, at least {least}", applied.reached),
            );
        }
        for key in 0..KEYS {
            let value = self.fresh_value();
            if self.model.history.last().is_some_and(|past| past.covers_key(key)) && !spared {
                self.truth[key as usize] = value;
            }
        }
    }

    /// How many entries are covered as such; nothing dead stands.
    fn members(&self, cover: Cover) -> u64 {
        let past = Past::of(cover);
        let covered = |(key, entry): &(&u8, &Entry)| past.covers(**key, &entry.names) == Covered::Surely;
        self.model.entries.iter().filter(covered).count() as u64
    }

    pub fn contains_already(&self, key: u8, version: Option<u64>) -> bool {
        let stands = self.model.worth(key).iter().any(|worth| *worth != Worth::Dead);
        stands && version.is_some() && self.model.entries[&key].version >= version
    }

    /// Notes the invalidation; an entry that contains its change already does not mind, and if a client put it,
    /// loads in flight do not either.
    pub fn spare(&mut self, key: u8, cover: Cover, cascade: bool, spared: bool, stale: bool) {
        self.model.invalidate(cover, stale, cascade);
        let Some(entry) = self.model.entries.get_mut(&key).filter(|_| spared) else { return };
        entry.excused.push(self.model.tick);
        if entry.put
            && let Some(past) = self.model.history.last_mut()
        {
            past.cover = Cover::Nothing;
        }
    }

    pub fn scope(&mut self, key: u8) -> (Cover, Scope) {
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
}
