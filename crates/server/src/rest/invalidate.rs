//! `POST /api/cache/invalidate` and `POST /api/cache/clear`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use clearwell_engine::{Cause, Event, Glob, Scope};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::Site;
use super::body::{needs_json, take};
use super::entry::json;
use super::fields::{Fields, wrong_type};
use super::names::unknown;
use super::problem::{Problem, Reply};
use super::words::{duration_ms, level};
use crate::node::Reached;
use crate::road::{self, Coalesce, InvalidationRequest, Mode};

/// What to invalidate; all that is given together is one request. At least one scope is needed.
#[derive(ToSchema)]
#[allow(dead_code)]
#[schema(rename_all = "camelCase")]
pub struct InvalidateBody {
    /// Every key that matches this glob: `user:*`.
    pattern: Option<String>,
    /// Every key that begins so.
    prefix: Option<String>,
    /// These keys.
    keys: Option<Vec<String>>,
    /// Every entry with one of these tags.
    tags: Option<Vec<String>>,
    /// Every entry that depends on one of these keys or tags.
    dependencies: Option<Vec<String>>,
    /// An event that happened: every entry that declares it.
    event: Option<EventBody>,
    /// Every entry.
    everything: Option<bool>,
    /// Whether what depends on the covered keys and tags is covered too, transitively; true when left out.
    cascade: Option<bool>,
    /// immediate (left out), lazy, delayed:2s, or on-event:NAME (an event's name, or a pattern such as deployed{zone=eu*}).
    mode: Option<String>,
    /// For a delayed one whose scope is held already: restart (its timer starts anew) or first (the earliest time holds).
    coalesce: Option<String>,
    /// With mode `delayed`, as an earlier version wrote it: how long, such as `2s`.
    delay: Option<String>,
    /// With mode `delayed`, as an earlier version wrote it: how long, in milliseconds.
    delay_ms: Option<u64>,
    /// With mode `on-event`, as an earlier version wrote it: the event's name.
    on: Option<String>,
    /// The level that every later read must have when this answers; one node meets each of them.
    wait: Option<String>,
    /// Only count what would be reached.
    dry_run: Option<bool>,
}

/// An event.
#[derive(ToSchema)]
#[allow(dead_code)]
#[schema(as = Event)]
pub struct EventBody {
    /// Its name: `user_updated`.
    name: String,
    /// Strings, numbers or booleans by name: `{"user_id": 123}`.
    attributes: Option<Map<String, Value>>,
}

/// What an invalidation did.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InvalidateAnswer {
    /// Entries reached now; in a dry run, those that would be.
    entries: u64,
    /// Scopes held for a time or an event.
    held: usize,
    /// The position of the stream of events after it.
    position: u64,
    /// The nodes that acknowledged it.
    nodes: Vec<String>,
    /// Whether nothing was changed.
    dry_run: bool,
}

const MODES: [&str; 4] = ["immediate", "lazy", "delayed", "on-event"];

/// Invalidate
#[utoipa::path(
    post, path = "/api/cache/invalidate", tag = "freshness", operation_id = "invalidate",
    request_body = InvalidateBody,
    responses(
        (status = 200, description = "Done: no read that begins later sees what was covered, unless the mode holds it", body = InvalidateAnswer),
        (status = 400, description = "Malformed, or nothing to invalidate", body = super::problem::ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "Not application/json", body = super::problem::ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn invalidate(State(site): State<Arc<Site>>, headers: HeaderMap, body: Body) -> Reply {
    needs_json(&headers)?;
    let taken = take(body, &site.held, site.limits).await?;
    let asked = AskedInvalidation::parse(&taken.bytes)?;
    let dry_run = asked.dry_run;
    if let Some(why) = site.node.holds_nothing(&asked.request) {
        return Err(Problem::new(StatusCode::CONFLICT, "unsupported", why));
    }
    let doing = site.clone();
    let reached = match dry_run {
        true => aside(move || asked.count(&doing)).await?,
        false => aside(move || asked.carry_out(&doing)).await?.await?,
    };
    Ok(json(StatusCode::OK, &site.answer(reached, dry_run)))
}

/// Remove every entry from the cache
///
/// Sources keep what they have.
#[utoipa::path(
    post, path = "/api/cache/clear", tag = "freshness", operation_id = "clear",
    responses((status = 200, description = "Empty", body = InvalidateAnswer))
)]
pub async fn clear(State(site): State<Arc<Site>>, body: Body) -> Reply {
    let taken = take(body, &site.held, site.limits).await?;
    let is_empty =
        |body| serde_json::from_slice(body).is_ok_and(|fields: Map<String, Value>| fields.is_empty());
    if !taken.bytes.is_empty() && !is_empty(&taken.bytes) {
        let detail =
            "clear takes no body: it empties the whole cache; POST /api/cache/invalidate takes a part";
        return Err(Problem::bad("unknown-field", detail));
    }
    let node = site.node.clone();
    let everything = InvalidationRequest::now(vec![Scope::Everything], Cause::Removal);
    let reached = aside(move || node.invalidate(everything)).await?.acknowledged().await?;
    Ok(json(StatusCode::OK, &site.answer(reached, false)))
}

/// Walks over many entries take their time; meanwhile this thread serves others.
pub async fn aside<T: Send + 'static>(walk: impl FnOnce() -> T + Send + 'static) -> Reply<T> {
    let broken = |error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", format!("{error}"));
    tokio::task::spawn_blocking(walk).await.map_err(broken)
}

struct AskedInvalidation {
    request: InvalidationRequest,
    event: Option<Event>,
    dry_run: bool,
}

impl AskedInvalidation {
    fn parse(body: &[u8]) -> Reply<AskedInvalidation> {
        let fields = Fields::parse::<InvalidateBody>(body)?;
        let mode = mode(&fields)?;
        let mut scopes = scopes(&fields)?;
        let mut event = event(&fields)?;
        if scopes.is_empty() && event.is_none() {
            let detail =
                "nothing to invalidate: give keys, tags, dependencies, pattern, prefix, event or everything";
            return Err(Problem::bad("missing-field", detail));
        }
        if mode != Mode::Immediate {
            scopes.extend(event.take().map(Scope::Event));
        }
        if let Some(wait) = fields.text("wait")? {
            level(&wait)?;
        }
        let cascade = fields.flag("cascade")?.unwrap_or(true);
        let coalesce = coalesce(&fields, &mode)?;
        let request = InvalidationRequest {
            cascade,
            mode,
            coalesce,
            ..InvalidationRequest::now(scopes, Cause::Command)
        };
        Ok(AskedInvalidation { request, event, dry_run: fields.flag("dryRun")?.unwrap_or(false) })
    }

    fn count(&self, site: &Site) -> Reached {
        let mut request = self.request.clone();
        request.scopes.extend(self.event.clone().map(Scope::Event));
        let entries = site.node.would_reach(&request);
        Reached { entries, position: site.node.position(), ..Reached::default() }
    }

    /// Carries it out here; what is returned waits for the others.
    fn carry_out(&self, site: &Site) -> impl Future<Output = Reply<Reached>> + Send + use<> {
        let scopes = (!self.request.scopes.is_empty()).then(|| site.node.invalidate(self.request.clone()));
        let event = self.event.as_ref().map(|event| site.node.event(event.clone()));
        async move {
            let mut reached = Reached::default();
            for invalidated in [scopes, event].into_iter().flatten() {
                reached = reached.and(invalidated.acknowledged().await?);
            }
            Ok(reached)
        }
    }
}

fn scopes(fields: &Fields<'_>) -> Reply<Vec<Scope>> {
    let mut scopes: Vec<Scope> = Vec::new();
    scopes.extend(fields.names("keys")?.into_iter().map(|name| Scope::Key(name.into())));
    scopes.extend(fields.names("tags")?.into_iter().map(|name| Scope::Tag(name.into())));
    scopes.extend(fields.names("dependencies")?.into_iter().map(|name| Scope::Dependents(name.into())));
    if let Some(pattern) = fields.text("pattern")? {
        let bad = |why| Problem::bad("bad-value", format!("pattern {pattern:?}: {why}"));
        if pattern.is_empty() {
            let detail = "pattern is empty, which only the empty key matches: say \"everything\": true if you mean all";
            return Err(Problem::bad("bad-value", detail));
        }
        scopes.push(Scope::Pattern(Glob::new(pattern.as_bytes()).map_err(bad)?));
    }
    if let Some(prefix) = fields.text("prefix")? {
        if prefix.is_empty() {
            let detail = "prefix is empty, and every key begins so: say \"everything\": true if you mean it";
            return Err(Problem::bad("bad-value", detail));
        }
        scopes.push(Scope::Prefix(prefix.into_bytes().into()));
    }
    if fields.flag("everything")?.unwrap_or(false) {
        scopes.push(Scope::Everything);
    }
    Ok(scopes)
}

fn mode(fields: &Fields<'_>) -> Reply<Mode> {
    let word = fields.text("mode")?;
    let word = word.as_deref().unwrap_or("immediate");
    let belongs = |field: &str, to: &str| match fields.raw(field) {
        Some(_) if word != to => Err(Problem::bad(
            "bad-value",
            format!("{field} belongs to mode {to:?}, and the mode is {word:?}"),
        )),
        _ => Ok(()),
    };
    if !MODES.contains(&word) && !word.contains(':') {
        return Err(Problem::bad(
            "bad-value",
            unknown("mode", word, &["immediate", "lazy", "delayed:2s", "on-event:NAME"]),
        ));
    }
    belongs("delay", "delayed")?;
    belongs("delayMs", "delayed")?;
    belongs("on", "on-event")?;
    match word {
        "lazy" => Ok(Mode::Lazy),
        "delayed" => delay(fields).map(Mode::Delayed),
        "on-event" => match fields.text("on")? {
            Some(name) if !name.is_empty() => parsed(&format!("on-event:{name}")),
            _ => Err(Problem::bad("missing-field", "mode \"on-event\" needs its event: \"on-event:NAME\"")),
        },
        written => parsed(written),
    }
}

fn parsed(written: &str) -> Reply<Mode> {
    Mode::parse(written.as_bytes()).map_err(|why| Problem::bad("bad-value", why))
}

fn coalesce(fields: &Fields<'_>, mode: &Mode) -> Reply<Option<Coalesce>> {
    let Some(word) = fields.text("coalesce")? else { return Ok(None) };
    if !matches!(mode, Mode::Delayed(_)) {
        return Err(Problem::bad("bad-value", "coalesce belongs to mode \"delayed:2s\""));
    }
    let bad = |_| Problem::bad("bad-value", unknown("coalesce", &word, &["restart", "first"]));
    Coalesce::parse(word.as_bytes()).map(Some).map_err(bad)
}

fn delay(fields: &Fields<'_>) -> Reply<u64> {
    match (fields.text("delay")?, fields.whole("delayMs", 0, i64::MAX)?) {
        (Some(_), Some(_)) => Err(Problem::bad("bad-value", "delay and delayMs say the same: give one")),
        (Some(written), None) => duration_ms("delay", &written),
        (None, Some(ms)) => Ok(u64::try_from(ms).unwrap_or(0)),
        (None, None) => Err(Problem::bad("missing-field", "mode \"delayed\" needs its time: \"delayed:2s\"")),
    }
}

fn event(fields: &Fields<'_>) -> Reply<Option<Event>> {
    let Some(raw) = fields.raw("event") else { return Ok(None) };
    if !raw.get().starts_with('{') {
        return Err(wrong_type("event", raw.get(), "an object"));
    }
    let within =
        Fields::parse::<EventBody>(raw.get().as_bytes()).map_err(|problem| problem.within("event"))?;
    let name = within.text("name").map_err(|problem| problem.within("event"))?.unwrap_or_default();
    if name.is_empty() {
        return Err(Problem::bad("missing-field", "event needs a \"name\": {\"name\": \"user_updated\"}"));
    }
    let attributes = within.map("attributes").map_err(|problem| problem.within("event"))?;
    let mut read = Vec::with_capacity(attributes.len());
    for (attribute, value) in attributes {
        let value = match value {
            Value::String(text) => text,
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            _ => {
                let detail = format!(
                    "event attribute {attribute:?} is {value}: a string, number or boolean is needed"
                );
                return Err(Problem::bad("wrong-type", detail));
            }
        };
        read.push((attribute.into(), value.into()));
    }
    let event = road::event(&name, read, true);
    event.map(Some).map_err(|why| Problem::bad("bad-value", why))
}

impl Site {
    fn answer(&self, reached: Reached, dry_run: bool) -> InvalidateAnswer {
        InvalidateAnswer {
            entries: reached.entries,
            held: reached.held,
            position: reached.position.0,
            nodes: if dry_run { Vec::new() } else { vec![self.node_id()] },
            dry_run,
        }
    }
}
