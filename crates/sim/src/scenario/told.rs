//! Sentences for what clients ask and get, and for what records say.

use std::num::NonZeroU64;

use clearwell_cluster::Level;
use clearwell_cluster::record::{Change, Record};
use clearwell_cluster::request::Strategy;
use clearwell_engine::{Effect, Event, Scope};

use super::book::Book;
use crate::history::{Covered, Deed, Found, Got, History, Op};
use crate::names::number;
use crate::queue::Micros;
use crate::value::write_of;

/// A moment, in seconds.
pub fn at_text(at: Micros) -> String {
    format!("{:.3}", at as f64 / 1e6)
}

/// What a client asks for.
pub fn asked_text(book: &Book, history: &History, op: &Op, lazy: bool) -> String {
    match op.deed {
        Deed::Write(_, write) if history.fills.contains_key(&write) => {
            format!("fills {} with {}", book.key_text(op.key), book.value_text(write))
        }
        Deed::Read(level) => format!("reads {}, {}", book.key_text(op.key), level_text(level)),
        Deed::Write(strategy, write) => match book.texts.get(&write) {
            Some(text) => {
                let ttl = history
                    .source
                    .ttl_of(write)
                    .map_or(String::new(), |ttl| format!(" for {}", for_text(ttl)));
                format!("writes {} = \"{text}\"{ttl}, {}", book.key_text(op.key), strategy_text(strategy))
            }
            None => format!("deletes {}, {}", book.key_text(op.key), strategy_text(strategy)),
        },
        Deed::Invalidate(covered, waits) => {
            let lazily = if lazy { " lazily" } else { "" };
            let waits = if waits { " and waits for every copy" } else { "" };
            format!("invalidates {}{lazily}{waits}", covered_text(book, covered))
        }
        Deed::Touch(Some(ttl)) => format!("lets {} expire after {}", book.key_text(op.key), for_text(ttl)),
        Deed::Touch(None) => format!("lets {} live for ever", book.key_text(op.key)),
        Deed::Hold(covered, _) => format!("has the invalidation of {} held", covered_text(book, covered)),
        Deed::Cancel(_) => "takes a held invalidation back".into(),
        Deed::TakeToken { .. } => "takes a token".into(),
    }
}

/// How long something lives.
fn for_text(ttl_ms: NonZeroU64) -> String {
    format!("{} s", ttl_ms.get() as f64 / 1000.0)
}

fn level_text(level: Level) -> String {
    match level {
        Level::Strong => "strong".into(),
        Level::Session => "session".into(),
        Level::Causal => "causal".into(),
        Level::Bounded(ms) => format!("not older than {ms} ms"),
        Level::Eventual => "eventual".into(),
        Level::Weak => "weak".into(),
    }
}

fn strategy_text(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::Through => "write-through",
        Strategy::Invalidate => "write-invalidate",
        Strategy::Back => "write-back",
        Strategy::CacheOnly => "cache-only",
    }
}

fn covered_text(book: &Book, covered: Covered) -> String {
    match covered {
        Covered::Key(key) => book.key_text(key).into(),
        Covered::Tag(tag) => format!("tag {}", book.tags[tag as usize].name),
        Covered::Event(told) => format!("event {}", event_text(book.events.event(told))),
        Covered::Class(letter) => format!("keys of class {letter}"),
        Covered::Everything => "everything".into(),
    }
}

fn event_text(event: &Event) -> String {
    let attributes: Vec<String> =
        event.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if attributes.is_empty() {
        event.name.to_string()
    } else {
        format!("{}{{{}}}", event.name, attributes.join(","))
    }
}

/// What a client was told.
pub fn answer_text(book: &Book, op: &Op) -> String {
    match op.got {
        Got::Nothing => "no answer".into(),
        Got::Value(found) => found_text(book, op, &found),
        Got::Done { version: None, .. } if matches!(op.deed, Deed::Touch(_)) => "there is nothing".into(),
        Got::Done { survives: true, .. } => "done".into(),
        Got::Done { survives: false, .. } => "done, but one more loss would undo it".into(),
        Got::Refused { surely: true } => "refused, nothing was done".into(),
        Got::Refused { surely: false } => "nobody knows whether it was done".into(),
    }
}

fn found_text(book: &Book, op: &Op, found: &Found) -> String {
    let value = match found.value {
        Some(value) => book.value_text(value.write),
        None => "nothing".into(),
    };
    let read = match found.value {
        Some(value) if value.read > 0 => format!(", read from the source at {}", at_text(value.read)),
        _ => String::new(),
    };
    let host = book.host_text(usize::from(op.host));
    match (found.local, found.age_ms) {
        (true, Some(age)) => format!("{value} from the memory of {host}, proven {age} ms ago{read}"),
        (true, None) => format!("{value} from the memory of {host}, marked: nothing proves it current{read}"),
        (false, _) => format!("{value} from its owner{read}"),
    }
}

/// Whether a record is a part of the story: what it makes old, or gives.
pub fn record_text(book: &Book, record: &Record) -> Option<String> {
    let key = |key: &[u8]| book.key_text(number(key)).to_string();
    let text = |value: Option<&[u8]>| book.value_text(value.map_or(0, write_of));
    Some(match &record.change {
        Change::Invalidate { scope, effect, .. } => {
            let old = if *effect == Effect::Stale { "stale" } else { "old" };
            format!("{} {old}", scope_text(book, scope))
        }
        Change::Intent { key: name } => format!("{} is about to be written", key(name)),
        Change::Put { entry, .. } => format!("{} is {}", key(&entry.key), text(entry.value.as_deref())),
        Change::Journal { entry, .. } => {
            format!("{} is {}, not in the source yet", key(&entry.key), text(entry.value.as_deref()))
        }
        Change::Touch { key: name, expiry: Some(expiry), .. } => {
            format!("{} expires after {}", key(name), for_text(expiry.ttl_ms))
        }
        Change::Touch { key: name, .. } => format!("{} lives for ever", key(name)),
        Change::Settle { .. }
        | Change::Fill { .. }
        | Change::Flushed { .. }
        | Change::Hold(_)
        | Change::Release { .. }
        | Change::Leave { .. } => return None,
    })
}

fn scope_text(book: &Book, scope: &Scope) -> String {
    match scope {
        Scope::Key(key) => format!("{} is", book.key_text(number(key))),
        Scope::Tag(tag) => format!("what has tag {} is", book.tags[number(tag) as usize].name),
        Scope::Dependents(name) => format!("what is made from {} is", book.key_text(number(name))),
        Scope::Event(event) => format!("what depends on event {} is", event_text(event)),
        Scope::Pattern(_) | Scope::Prefix(_) => "what matches a pattern is".into(),
        Scope::Everything => "everything is".into(),
    }
}
