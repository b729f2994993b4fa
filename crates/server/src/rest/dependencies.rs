//! `GET /api/cache/dependencies`: what depends on what, in pages; with `key=` an entry's neighbours, and why it is here,
//! stale or gone.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::http::StatusCode;
use clearwell_engine::{Dependent, PageFrom};
use serde::Serialize;
use utoipa::ToSchema;

use super::Site;
use super::entry::json;
use super::fields::whole;
use super::invalidate::aside;
use super::names::{base64_unless_text, text, texts};
use super::problem::{Problem, Reply};
use super::query::Asked;
use super::told::ToldCause;
use super::words::rfc3339;
use crate::node::{cursor_of, parse_cursor, state_of};

/// A page of the keys that depend on something.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DependencyPage {
    /// The rows. A page may hold fewer than were asked for, or none, before the last one: its work is bounded.
    dependencies: Vec<DependencyRow>,
    /// What the next page is asked for with; null: this was the last.
    cursor: Option<String>,
}

/// A key that depends on something.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DependencyRow {
    /// The key.
    key: String,
    /// The key in base64, when it is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_base64: Option<String>,
    /// Keys and tags that its value was made from.
    depends_on: Vec<String>,
    /// When its entry came to be (RFC 3339); null when that is gone.
    created_at: Option<String>,
    /// When it got its last value (RFC 3339).
    last_update: Option<String>,
    /// valid; propagating (an invalidation has reached it, and it waits to be refreshed or taken away); or invalidated (its
    /// entry is gone, and something that was made from it still stands).
    state: &'static str,
}

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
    /// Keys and tags that it depends on, as `dependencies`.
    depends_on: Vec<String>,
    /// Keys and tags that it depends on.
    dependencies: Vec<String>,
    /// Keys of entries that depend on it; with `transitive`, also over others.
    dependents: Vec<String>,
    /// With `transitive`: each key and a name that it depends on, on the ways that lead to and from this key.
    #[serde(skip_serializing_if = "Option::is_none")]
    edges: Option<Vec<Edge>>,
    /// With `transitive`: whether there is more than was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    truncated: Option<bool>,
    /// Its tags.
    tags: Vec<String>,
    /// Events after which it is old.
    events: Vec<String>,
    /// The invalidation that made it stale or gone, or that took it away before; null when none did, as far as is remembered.
    last_invalidation: Option<ToldCause>,
    /// The state in a sentence; `/api/cache/why` tells of every step.
    why: String,
}

/// One dependency.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DependencyEdge)]
pub struct Edge {
    /// The key.
    key: String,
    /// A key or tag that its value was made from.
    depends_on: String,
}

const MOST: usize = 1000;
const PAGE: usize = 100;

/// What depends on what; with a key its neighbours, and why it is here, stale or gone
#[utoipa::path(
    get, path = "/api/cache/dependencies", tag = "freshness", operation_id = "dependencies",
    params(
        ("key" = Option<String>, Query, description = "The key; left out, all that depends on something is listed in pages"),
        ("most" = Option<u32>, Query, description = "With a key: how many dependents to list at most; 1000"),
        ("transitive" = Option<bool>, Query, description = "With a key: also what depends on it over others"),
        ("limit" = Option<u32>, Query, description = "Without a key: the most rows of a page, 1 to 1000; 100"),
        ("cursor" = Option<String>, Query, description = "Without a key: what the page before said"),
    ),
    responses(
        (status = 200, description = "A page, or with a key its neighbours (Neighbours)", body = DependencyPage),
        (status = 400, description = "A parameter that does not fit", body = super::problem::ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn dependencies(State(site): State<Arc<Site>>, Extension(query): Asked) -> Reply {
    let number = |name, least, most| -> Reply<Option<usize>> {
        let number = query.text(name)?.map(|written| whole(name, written, least, most)).transpose()?;
        Ok(number.and_then(|number| usize::try_from(number).ok()))
    };
    let refuse = |names: &[&'static str], with: &str| -> Reply<()> {
        for &name in names {
            if query.one(name)?.is_some() {
                let detail = format!("parameter {name:?} belongs to a request {with} \"key\"");
                return Err(Problem::bad("bad-value", detail));
            }
        }
        Ok(())
    };
    let Some(key) = query.one("key")? else {
        refuse(&["most", "transitive"], "with")?;
        let limit = number("limit", 1, 1000)?.unwrap_or(PAGE);
        let from = match query.text("cursor")? {
            None => PageFrom::Entries(0),
            Some(cursor) => parse_cursor(cursor)
                .ok_or_else(|| Problem::bad("bad-value", "cursor is not one that a page before answered"))?,
        };
        return Ok(json(StatusCode::OK, &site.page(&from, limit)));
    };
    refuse(&["limit", "cursor"], "without")?;
    let most = number("most", 0, 100_000)?.unwrap_or(MOST);
    let (key, transitive): (Box<[u8]>, bool) = (key.into(), query.flag("transitive")?);
    let looking = site.clone();
    let neighbours = aside(move || looking.neighbours(&key, most, transitive)).await?;
    Ok(json(StatusCode::OK, &neighbours))
}

impl Site {
    fn page(&self, from: &PageFrom, most: usize) -> DependencyPage {
        let page = self.node.dependents(from, most);
        let clock = self.node.clock();
        let time = |at| rfc3339(clock.unix_ms_of(at));
        let row = |row: &Dependent| DependencyRow {
            key: text(&row.key).into_owned(),
            key_base64: base64_unless_text(&row.key),
            depends_on: texts(row.depends_on.iter().map(|name| &**name)),
            created_at: row.created.map(time),
            last_update: row.updated.map(time),
            state: state_of(row),
        };
        DependencyPage {
            dependencies: page.rows.iter().map(row).collect(),
            cursor: page.next.as_ref().map(cursor_of),
        }
    }

    fn neighbours(&self, key: &[u8], most: usize, transitive: bool) -> Neighbours {
        let known = self.node.dependencies(key, most);
        let mut dependents = known.dependents;
        let edges = transitive.then(|| self.node.edges(key, most));
        if let Some(edges) = &edges {
            let all: BTreeSet<Box<[u8]>> = edges.below.iter().map(|(key, _)| key.clone()).collect();
            dependents = all.into_iter().filter(|other| **other != *key).take(most).collect();
        }
        let depends_on = texts(known.depends_on.iter().map(|name| &**name));
        let edge = |(key, name): &(Box<[u8]>, Box<[u8]>)| Edge {
            key: text(key).into_owned(),
            depends_on: text(name).into_owned(),
        };
        let why = self.node.why(key);
        let last = why.steps.iter().rev().find_map(|step| step.by.as_ref());
        Neighbours {
            key: text(key).into_owned(),
            key_base64: base64_unless_text(key),
            state: why.held_as(),
            unverified: self.node.doubt(key).map(|doubt| doubt.why.to_string()),
            last_invalidation: last.map(|noted| ToldCause::of(noted, self.node.clock())),
            dependencies: depends_on.clone(),
            depends_on,
            dependents: texts(dependents.iter().map(|name| &**name)),
            truncated: edges.as_ref().map(|edges| edges.truncated),
            edges: edges.map(|edges| edges.above.iter().chain(&edges.below).map(edge).collect()),
            tags: texts(known.tags.iter().map(|name| &**name)),
            events: known.events.iter().map(|event| event.to_string()).collect(),
            why: why.sentence,
        }
    }
}
