//! Invalidations as REST tells of them.

use clearwell_engine::{Cause, Effect, Scope};
use serde::Serialize;
use utoipa::ToSchema;

use super::names::{base64_unless_text, text};
use super::words::rfc3339;
use crate::clock::Clock;
use crate::node::{Happened, Item};

/// A fill that was dropped, because it may have been old.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RefusedNews {
    position: u64,
    at: String,
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_base64: Option<String>,
    why: &'static str,
    client: String,
}

impl RefusedNews {
    /// What is told of an item that is a refusal.
    pub fn of(item: &Item, clock: &Clock) -> Option<RefusedNews> {
        let Happened::Refused { key, why, client } = &item.happened else { return None };
        Some(RefusedNews {
            position: item.position.0,
            at: rfc3339(clock.unix_ms_of(item.at)),
            key: text(key).into_owned(),
            key_base64: base64_unless_text(key),
            why: why.text(),
            client: client.to_string(),
        })
    }
}

/// An invalidation that was applied.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Invalidation)]
pub struct Told {
    /// Its place in the node's stream of events.
    position: u64,
    /// When it was applied (RFC 3339).
    at: String,
    /// What it covers: key, tag, dependents, pattern, prefix, event or everything.
    scope: &'static str,
    /// The key, tag, pattern, prefix or event; empty for everything.
    name: String,
    /// The name in base64, when it is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    name_base64: Option<String>,
    /// gone or stale.
    effect: &'static str,
    /// Why: removal, command, write, commit or event.
    cause: &'static str,
    /// Whether dependents were covered too.
    cascade: bool,
    /// The source's order of the change behind it.
    version: Option<u64>,
    /// Entries that it reached.
    reached: u64,
}

impl Told {
    /// What is told of an item that is an invalidation.
    pub fn of(item: &Item, clock: &Clock) -> Option<Told> {
        let (what, reached) = item.invalidation()?;
        let (scope, name) = scope(&what.scope);
        Some(Told {
            position: item.position.0,
            at: rfc3339(clock.unix_ms_of(item.at)),
            scope,
            name: text(&name).into_owned(),
            name_base64: base64_unless_text(&name),
            effect: match what.effect {
                Effect::Gone => "gone",
                Effect::Stale => "stale",
            },
            cause: match what.cause {
                Cause::Removal => "removal",
                Cause::Command => "command",
                Cause::Write => "write",
                Cause::Commit => "commit",
                Cause::Event => "event",
            },
            cascade: what.cascade,
            version: what.version.map(|version| version.0),
            reached,
        })
    }

    /// As JSON.
    pub fn json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// One line for people: `tag "author:7", because of a commit, 3 entries`.
    pub fn line(&self) -> String {
        let name = if self.name.is_empty() { String::new() } else { format!(" {:?}", self.name) };
        format!("{}{name}, cause {}, at {}", self.scope, self.cause, self.at)
    }
}

fn scope(scope: &Scope) -> (&'static str, Vec<u8>) {
    match scope {
        Scope::Key(key) => ("key", key.to_vec()),
        Scope::Tag(tag) => ("tag", tag.to_vec()),
        Scope::Dependents(name) => ("dependents", name.to_vec()),
        Scope::Pattern(glob) => ("pattern", glob.as_bytes().to_vec()),
        Scope::Prefix(prefix) => ("prefix", prefix.to_vec()),
        Scope::Event(event) => ("event", written(event).into_bytes()),
        Scope::Everything => ("everything", Vec::new()),
    }
}

fn written(event: &clearwell_engine::Event) -> String {
    if event.attributes.is_empty() {
        return event.name.to_string();
    }
    let attributes: Vec<_> = event.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{}{{{}}}", event.name, attributes.join(","))
}
