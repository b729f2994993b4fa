//! What happened, for people.

use clearwell_cluster::Level;

use crate::history::{Covered, Deed, Found, Got, History, Later};

/// An operation in one line.
pub fn line(history: &History, at: u32) -> String {
    let op = &history.ops[at as usize];
    let key = history.names.text(op.key);
    let asked = match op.deed {
        Deed::Read(level) => format!("reads {key} {}", level_text(level)),
        Deed::Write(_, write) if history.fills.contains_key(&write) => format!("fills {key}, write {write}"),
        Deed::Write(strategy, write) => format!("writes {key} {strategy:?}, write {write}"),
        Deed::Invalidate(covered, wait) => {
            format!("invalidates {}{}", covered_text(history, covered), if wait { " and waits" } else { "" })
        }
        Deed::Touch(Some(ttl_ms)) => format!("lets {key} expire after {ttl_ms} ms"),
        Deed::Touch(None) => format!("lets {key} live for ever"),
        Deed::Hold(covered, later) => {
            let later = match later {
                Later::Ms(ms) => format!("after {ms} ms"),
                Later::Event(patterns) => format!("at an event of set {patterns}"),
            };
            format!("holds the invalidation of {} to take effect {later}", covered_text(history, covered))
        }
        Deed::Cancel(hold) => format!("takes back the hold of operation {hold}"),
        Deed::TakeToken { from } => return format!("client {} takes the token of client {from}", op.client),
    };
    let took = if op.end > op.begin && op.end != u64::MAX {
        format!(" (asked at {:.6} s)", op.begin as f64 / 1e6)
    } else {
        String::new()
    };
    format!("client {} at host {} {asked}: {}{took}", op.client, op.host, got_text(&op.got))
}

fn got_text(got: &Got) -> String {
    match got {
        Got::Nothing => "no answer".into(),
        Got::Value(found) => found_text(found),
        Got::Done { version, survives } => {
            let version = version.map_or(String::new(), |version| format!(" version {version:x}"));
            format!("done{version}{}", if *survives { "" } else { ", would not survive" })
        }
        Got::Refused { surely: true } => "refused".into(),
        Got::Refused { surely: false } => "unknown".into(),
    }
}

fn found_text(found: &Found) -> String {
    let from = match (found.local, found.age_ms) {
        (false, _) => "from its owner".to_string(),
        (true, Some(age)) => format!("from memory, {age} ms old"),
        (true, None) => "from memory, marked".to_string(),
    };
    match found.value {
        None => format!("nothing (version {:x}) {from}", found.version),
        Some(value) if value.read > 0 => {
            format!("version {:x}, loaded at {:.6} s, {from}", found.version, value.read as f64 / 1e6)
        }
        Some(value) => format!("write {} version {:x} {from}", value.write, found.version),
    }
}

fn level_text(level: Level) -> String {
    match level {
        Level::Strong => "strong".into(),
        Level::Session => "session".into(),
        Level::Causal => "causal".into(),
        Level::Bounded(ms) => format!("bounded({ms} ms)"),
        Level::Eventual => "eventual".into(),
        Level::Weak => "weak".into(),
    }
}

fn covered_text(history: &History, covered: Covered) -> String {
    match covered {
        Covered::Key(key) => format!("key {}", history.names.text(key)),
        Covered::Tag(tag) => format!("tag t{tag}"),
        Covered::Event(event) => format!("event {event}"),
        Covered::Class(letter) => format!("pattern {letter}*"),
        Covered::Everything => "everything".into(),
    }
}
