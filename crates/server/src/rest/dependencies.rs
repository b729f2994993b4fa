//! `GET /api/cache/dependencies?key=`: an entry's neighbours, and why it is here, stale or gone.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use clearwell_engine::{Dependencies, EventPattern, Scope};
use serde::Serialize;
use utoipa::ToSchema;

use super::Site;
use super::entry::json;
use super::fields::whole;
use super::names::{base64_unless_text, text, texts};
use super::problem::{Problem, Reply};
use super::query::Query;
use super::told::Told;
use crate::keyspace::Seen;
use crate::node::{Item, Node};

/// An entry's place among others.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Neighbours {
    /// The key.
    key: String,
    /// The key in base64, when it is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_base64: Option<String>,
    /// fresh, stale, absent (its source has no such row) or missing.
    state: &'static str,
    /// Why changes of its source may be missed just now, so that it is read by its keyspace's policy; null while they are not.
    unverified: Option<String>,
    /// Keys and tags that it depends on.
    dependencies: Vec<String>,
    /// Keys of entries that depend on it.
    dependents: Vec<String>,
    /// Its tags.
    tags: Vec<String>,
    /// Events after which it is old.
    events: Vec<String>,
    /// The latest invalidation that covers it, of those that the node remembers.
    last_invalidation: Option<Told>,
    /// The state in a sentence.
    why: String,
}

const MOST: usize = 1000;

/// Dependencies of an entry, and why it is here, stale or gone
#[utoipa::path(
    get, path = "/api/cache/dependencies", tag = "freshness", operation_id = "dependencies",
    params(
        ("key" = String, Query, description = "The key"),
        ("most" = Option<u32>, Query, description = "How many dependents to list at most; 1000"),
    ),
    responses(
        (status = 200, description = "Its neighbours; empty for a missing entry without dependents", body = Neighbours),
        (status = 400, description = "No key", body = super::problem::ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn dependencies(State(site): State<Arc<Site>>, RawQuery(query): RawQuery) -> Reply {
    let query = Query::parse(query.as_deref(), &["key", "most"])?;
    let Some(key) = query.one("key")? else {
        return Err(Problem::bad(
            "missing-parameter",
            "parameter \"key\" is needed: /api/cache/dependencies?key=post:1",
        ));
    };
    let most = query.text("most")?.map(|written| whole("most", written, 0, 100_000)).transpose()?;
    let most = most.and_then(|most| usize::try_from(most).ok()).unwrap_or(MOST);
    let node = &site.node;
    let known = known(node, key, most);
    let last = node.news.latest(usize::MAX).into_iter().rev().find(|item| covers(item, key, &known));
    let last = last.and_then(|item| Told::of(&item, &node.clock));
    let state = state(node, key);
    let neighbours = Neighbours {
        key: text(key).into_owned(),
        key_base64: base64_unless_text(key),
        state,
        unverified: node.doubt(key).map(|doubt| doubt.why.to_string()),
        why: why(state, last.as_ref()),
        dependencies: texts(known.depends_on.iter().map(|name| &**name)),
        dependents: texts(known.dependents.iter().map(|name| &**name)),
        tags: texts(known.tags.iter().map(|name| &**name)),
        events: known.events.iter().map(|event| event.to_string()).collect(),
        last_invalidation: last,
    };
    Ok(json(StatusCode::OK, &neighbours))
}

/// What the engine knows of a key; of one that is gone, what its keyspace would give it.
fn known(node: &Node, key: &[u8], most: usize) -> Dependencies {
    let mut known = node.engine.dependencies(key, most, node.clock.tick());
    if known.tags.is_empty()
        && known.depends_on.is_empty()
        && let Some((keyspace, captures)) = node.keyspaces.find(key)
    {
        let names = keyspace.names(key, &captures, Seen::Unread);
        (known.tags, known.depends_on) = (names.tags, names.dependencies);
        known.events = names.events.iter().map(|event| event.to_string().into()).collect();
    }
    known
}

/// Whether an invalidation reaches the key itself, its tags, events or direct dependencies.
fn covers(item: &Item, key: &[u8], known: &Dependencies) -> bool {
    let Some((invalidation, _)) = item.invalidation() else { return false };
    let cascade = invalidation.cascade;
    let depends_on = |name: &[u8]| known.depends_on.iter().any(|it| **it == *name);
    match &invalidation.scope {
        Scope::Key(it) => **it == *key || (cascade && depends_on(it)),
        Scope::Tag(tag) => known.tags.contains(tag) || (cascade && depends_on(tag)),
        Scope::Dependents(name) => depends_on(name),
        Scope::Pattern(glob) => {
            glob.matches(key) || (cascade && known.depends_on.iter().any(|it| glob.matches(it)))
        }
        Scope::Prefix(prefix) => {
            key.starts_with(prefix) || (cascade && known.depends_on.iter().any(|it| it.starts_with(prefix)))
        }
        Scope::Event(event) => {
            known.events.iter().any(|it| EventPattern::parse(it).is_ok_and(|pattern| pattern.matches(event)))
        }
        Scope::Everything => true,
    }
}

fn state(node: &Node, key: &[u8]) -> &'static str {
    let state = |view: &clearwell_engine::View<'_>| match (view.value(), view.stale()) {
        (None, _) => "absent",
        (Some(_), true) => "stale",
        (Some(_), false) => "fresh",
    };
    node.engine.peek(key, node.clock.tick(), state).unwrap_or("missing")
}

fn why(state: &str, last: Option<&Told>) -> String {
    let last = last.map(Told::line);
    match (state, last) {
        ("fresh", None) => "nothing that covers it was invalidated lately".to_owned(),
        ("fresh", Some(last)) => format!("stored after the last invalidation that covers it ({last})"),
        ("stale", Some(last)) => format!("the next read refreshes it; last covered by {last}"),
        ("stale", None) => "past its time, kept in case its source fails".to_owned(),
        ("absent", _) => "its source has no such row".to_owned(),
        (_, Some(last)) => format!("last covered by an invalidation of {last}"),
        (_, None) => {
            "never set, expired, evicted, or invalidated longer ago than the node remembers".to_owned()
        }
    }
}
