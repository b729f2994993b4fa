//! Entries to be.

use clearwell_engine::{Draft, Engine, EventPattern, Millis, Version};

use crate::history::Names;
use crate::model::Entry;
use crate::words::{self, Name, TAGS};
use crate::world::{World, bytes};

impl World {
    pub fn names(&mut self, key: u8) -> Names {
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

    pub fn entry(&mut self, value: Option<u64>, names: Names, put: bool) -> Entry {
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

    pub fn with_draft<R>(&self, entry: &Entry, act: impl FnOnce(&Engine, &Draft<'_>, Millis) -> R) -> R {
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
}
