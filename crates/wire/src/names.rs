//! Numbers, names and what invalidations cover.

use std::fmt::Write as _;
use std::sync::Arc;

use clearwell_cluster::{Bytes, Epoch, Level, Name, NodeId, Peer, Position, Slot, Ticket, Token};
use clearwell_words::{Event, EventPattern, Glob, Millis, Scope, Version};

use crate::error::Result;
use crate::reader::Reader;
use crate::tags::{ByteTag, LevelTag, NameTag, ScopeTag};
use crate::wire::{Wire, layout, newtype, shared};
use crate::writer::Writer;

newtype!(NodeId, Epoch, Position, Slot, Ticket, Version, Millis);
shared!(Bytes, EventPattern, Slot);

impl Wire for Arc<Scope> {
    fn put(&self, w: &mut Writer<'_>) {
        Scope::put(self, w);
    }

    fn get(r: &mut Reader<'_>) -> Result<Self> {
        Scope::get(r).map(Arc::new)
    }
}

layout! {
    Peer { node, incarnation }
    Token { epoch, seen }
}

impl Wire for Bytes {
    fn put(&self, w: &mut Writer<'_>) {
        w.bytes(self);
    }

    fn get(r: &mut Reader<'_>) -> Result<Self> {
        r.bytes().map(Arc::from)
    }
}

impl Wire for Box<[u8]> {
    fn put(&self, w: &mut Writer<'_>) {
        w.bytes(self);
    }

    fn get(r: &mut Reader<'_>) -> Result<Self> {
        r.bytes().map(Box::from)
    }
}

impl Wire for Box<str> {
    fn put(&self, w: &mut Writer<'_>) {
        w.bytes(self.as_bytes());
    }

    fn get(r: &mut Reader<'_>) -> Result<Self> {
        r.text().map(Box::from)
    }
}

impl Wire for Name {
    fn put(&self, w: &mut Writer<'_>) {
        let (tag, bytes) = match self {
            Name::Key(bytes) => (NameTag::Key, bytes),
            Name::Tag(bytes) => (NameTag::Tag, bytes),
            Name::Dependents(bytes) => (NameTag::Dependents, bytes),
        };
        w.byte(tag.byte());
        bytes.put(w);
    }

    fn get(r: &mut Reader<'_>) -> Result<Self> {
        Ok(match r.tag()? {
            NameTag::Key => Name::Key(Wire::get(r)?),
            NameTag::Tag => Name::Tag(Wire::get(r)?),
            NameTag::Dependents => Name::Dependents(Wire::get(r)?),
        })
    }
}

impl Wire for Scope {
    fn put(&self, w: &mut Writer<'_>) {
        let mut named = |tag: ScopeTag, bytes: &[u8]| {
            w.byte(tag.byte());
            w.bytes(bytes);
        };
        match self {
            Scope::Key(key) => named(ScopeTag::Key, key),
            Scope::Tag(tag) => named(ScopeTag::Tag, tag),
            Scope::Dependents(name) => named(ScopeTag::Dependents, name),
            Scope::Pattern(glob) => named(ScopeTag::Pattern, glob.as_bytes()),
            Scope::Prefix(prefix) => named(ScopeTag::Prefix, prefix),
            Scope::Event(event) => {
                w.byte(ScopeTag::Event.byte());
                event.put(w);
            }
            Scope::Everything => w.byte(ScopeTag::Everything.byte()),
        }
    }

    fn get(r: &mut Reader<'_>) -> Result<Self> {
        Ok(match r.tag()? {
            ScopeTag::Key => Scope::Key(Wire::get(r)?),
            ScopeTag::Tag => Scope::Tag(Wire::get(r)?),
            ScopeTag::Dependents => Scope::Dependents(Wire::get(r)?),
            ScopeTag::Pattern => Scope::Pattern(glob(r)?),
            ScopeTag::Prefix => Scope::Prefix(Wire::get(r)?),
            ScopeTag::Event => Scope::Event(Wire::get(r)?),
            ScopeTag::Everything => Scope::Everything,
        })
    }
}

fn glob(r: &mut Reader<'_>) -> Result<Glob> {
    let at = r.at();
    Glob::new(r.bytes()?).or_else(|_| Reader::malformed(at, "a pattern that is none"))
}

impl Wire for Event {
    fn put(&self, w: &mut Writer<'_>) {
        self.is_pattern().put(w);
        self.name.put(w);
        self.attributes.put(w);
    }

    fn get(r: &mut Reader<'_>) -> Result<Self> {
        let at = r.at();
        let is_pattern = bool::get(r)?;
        let (name, attributes) = (r.text()?, Wire::get(r)?);
        let event = match is_pattern {
            true => Event::asked(name, attributes),
            false => Event::new(name, attributes),
        };
        let event = event.ok().filter(|event| event.is_pattern() == is_pattern);
        event.map_or_else(|| Reader::malformed(at, "an event that is none"), Ok)
    }
}

/// As it is written: its form is canonical, and whoever reads it parses it as what people write.
impl Wire for EventPattern {
    fn put(&self, w: &mut Writer<'_>) {
        w.block(|w| write!(w, "{self}").expect("a buffer takes every text"));
    }

    fn get(r: &mut Reader<'_>) -> Result<Self> {
        let at = r.at();
        EventPattern::parse(r.text()?).or_else(|_| Reader::malformed(at, "an event pattern that is none"))
    }
}

impl Wire for Level {
    fn put(&self, w: &mut Writer<'_>) {
        match self {
            Level::Strong => w.byte(LevelTag::Strong.byte()),
            Level::Session => w.byte(LevelTag::Session.byte()),
            Level::Bounded(ms) => {
                w.byte(LevelTag::Bounded.byte());
                ms.put(w);
            }
            Level::Eventual => w.byte(LevelTag::Eventual.byte()),
            Level::Weak => w.byte(LevelTag::Weak.byte()),
            Level::Causal => w.byte(LevelTag::Causal.byte()),
        }
    }

    fn get(r: &mut Reader<'_>) -> Result<Self> {
        Ok(match r.tag()? {
            LevelTag::Strong => Level::Strong,
            LevelTag::Session => Level::Session,
            LevelTag::Bounded => Level::Bounded(Wire::get(r)?),
            LevelTag::Eventual => Level::Eventual,
            LevelTag::Weak => Level::Weak,
            LevelTag::Causal => Level::Causal,
        })
    }
}
