//! Invalidations as REST tells of them.

use clearwell_engine::Noted;
use serde::Serialize;
use utoipa::ToSchema;

use super::names::{base64_unless_text, text};
use super::words::rfc3339;
use crate::clock::NodeClock;
use crate::held::{HeldInvalidation, Until};
use crate::node::{Happened, NewsItem, cause_of, effect_of, scope_of};

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
    pub fn of(item: &NewsItem, clock: &NodeClock) -> Option<RefusedNews> {
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
pub struct ToldInvalidation {
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

impl ToldInvalidation {
    /// What is told of an item that is an invalidation.
    pub fn of(item: &NewsItem, clock: &NodeClock) -> Option<ToldInvalidation> {
        let (what, reached) = item.invalidation()?;
        let (scope, name) = scope_of(&what.scope);
        Some(ToldInvalidation {
            position: item.position.0,
            at: rfc3339(clock.unix_ms_of(item.at)),
            scope,
            name: text(&name).into_owned(),
            name_base64: base64_unless_text(&name),
            effect: effect_of(what.effect),
            cause: cause_of(what.cause),
            cascade: what.cascade,
            version: what.version.map(|version| version.0),
            reached,
        })
    }

    /// As JSON.
    pub fn json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// The invalidation behind a step of a key's history.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WhyInvalidation)]
pub struct ToldCause {
    /// key, tag, dependents, pattern, prefix, event or everything.
    scope: &'static str,
    /// The key, tag, pattern, prefix or event; empty for everything.
    name: String,
    /// The name in base64, when it is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    name_base64: Option<String>,
    /// gone or stale.
    effect: &'static str,
    /// removal, command, write, commit or event.
    cause: &'static str,
    /// Whether dependents were covered too.
    cascade: bool,
    /// When it was applied (RFC 3339).
    at: String,
    /// Its place in the node's stream of events; null for one that does not stand there.
    position: Option<u64>,
}

impl ToldCause {
    pub fn of(noted: &Noted, clock: &NodeClock) -> ToldCause {
        let (scope, name) = scope_of(&noted.scope);
        ToldCause {
            scope,
            name: text(&name).into_owned(),
            name_base64: base64_unless_text(&name),
            effect: effect_of(noted.effect),
            cause: cause_of(noted.cause),
            cascade: noted.cascade,
            at: rfc3339(clock.unix_ms_of(noted.at)),
            position: noted.position,
        }
    }
}

/// An invalidation that is held.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = HeldInvalidation)]
pub struct HeldView {
    /// Its number: what it is cancelled by.
    id: u64,
    /// What it will cover: key, tag, dependents, pattern, prefix, event or everything.
    scope: &'static str,
    /// The key, tag, pattern, prefix or event; empty for everything.
    name: String,
    /// The name in base64, when it is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    name_base64: Option<String>,
    /// What it waits for: delayed:2s or on-event:NAME.
    mode: String,
    /// When it takes effect (RFC 3339); null for one that waits for an event.
    due: Option<String>,
    /// When it was asked for first (RFC 3339).
    since: String,
    /// How often it was asked for: repeats of the same scope are one.
    asked: u64,
    /// Whether dependents will be covered too.
    cascade: bool,
    /// Why: removal, command, write, commit or event.
    cause: &'static str,
}

impl HeldView {
    pub fn of(item: &HeldInvalidation, clock: &NodeClock) -> HeldView {
        let (scope, name) = scope_of(&item.statement.scope);
        let due = match item.until {
            Until::Time { due, .. } => Some(rfc3339(clock.unix_ms_of(due))),
            Until::Event(_) => None,
        };
        HeldView {
            id: item.id,
            scope,
            name: text(&name).into_owned(),
            name_base64: base64_unless_text(&name),
            mode: item.until.to_string(),
            due,
            since: rfc3339(clock.unix_ms_of(item.since)),
            asked: item.asked,
            cascade: item.statement.cascade,
            cause: cause_of(item.statement.cause),
        }
    }
}

/// News of one that is or was held.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldNews {
    position: u64,
    at: String,
    #[serde(flatten)]
    item: HeldView,
}

impl HeldNews {
    /// The event's name and what it tells; `None` for what is no news of one.
    pub fn of(item: &NewsItem, clock: &NodeClock) -> Option<(&'static str, HeldNews)> {
        let (name, waiting) = item.waiting()?;
        let (position, at) = (item.position.0, rfc3339(clock.unix_ms_of(item.at)));
        Some((name, HeldNews { position, at, item: HeldView::of(waiting, clock) }))
    }
}
