//! `POST`, `PUT` and `DELETE /api/cache/{key}`.

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::IntoResponse;
use clearwell_engine::{EventPattern, Millis, Origin};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::Site;
use super::body::{media_type, take};
use super::condition::{RAW, etag, failed, of_change};
use super::entry::{LEASE, json};
use super::fields::{Fields, whole};
use super::names::{key_of, text};
use super::problem::{Problem, Reply};
use super::query::{Asked, Query};
use super::view::{has_source, seconds_left};
use super::words::strategy;
use crate::config::Strategy;
use crate::node::{Node, Put, Removal, Why, WriteError, Written};

/// What to set; the fields beside `value` may be left out.
#[derive(ToSchema)]
#[allow(dead_code)]
pub struct SetBody {
    /// Any JSON. A string is stored as its text, anything else as its JSON.
    value: serde_json::Value,
    /// Whole seconds until it expires; null: never. 0 or left out: the keyspace's, or `default_ttl` (3600).
    #[schema(minimum = 0, maximum = 3_153_600_000u64)]
    ttl: Option<u64>,
    /// Keys or tags that the value was made from.
    dependencies: Option<Vec<String>>,
    /// Names shared with other entries.
    tags: Option<Vec<String>>,
    /// Events after which the value is old, such as `user_updated{user_id=123}`.
    events: Option<Vec<String>>,
    /// Higher stays longer under pressure.
    #[schema(minimum = 0, maximum = 255)]
    priority: Option<u8>,
    /// write-through, write-invalidate, write-back or cache-only.
    write: Option<String>,
}

/// What was set.
#[derive(Serialize, ToSchema)]
pub struct SetAnswer {
    /// The key.
    key: String,
    /// Whether there was no such entry in memory before.
    created: bool,
    /// Seconds until it expires; null: it does not, or it is kept in the source only.
    ttl: Option<u64>,
    /// How it was written.
    write: String,
}

/// A hundred years.
const TTL_MOST: i64 = 3_153_600_000;
const TYPE_LONGEST: usize = 255;

/// Set an entry
///
/// With `Content-Type: application/json` the body is an object with `value` and options. Any other type: the body's bytes
/// are the value, and options stand in the query. `PUT` does the same.
#[utoipa::path(
    post, path = "/api/cache/{key}", tag = "entries", operation_id = "setEntry",
    params(
        ("key" = String, Path, description = "The key, percent-encoded"),
        ("ttl" = Option<String>, Query, description = "For raw bytes: seconds, 0 for the default, or null for never"),
        ("tag" = Option<Vec<String>>, Query, description = "For raw bytes: a tag; may be repeated"),
        ("dependency" = Option<Vec<String>>, Query, description = "For raw bytes: a dependency; may be repeated"),
        ("event" = Option<Vec<String>>, Query, description = "For raw bytes: an event pattern; may be repeated"),
        ("priority" = Option<u8>, Query, description = "For raw bytes: 0 to 255"),
        ("write" = Option<String>, Query, description = "For raw bytes: the strategy"),
        ("If-Match" = Option<String>, Header, description = "Only if the entry has this ETag"),
        ("If-None-Match" = Option<String>, Header, description = "*: only if there is no entry"),
        ("X-Clearwell-Lease" = Option<String>, Header, description = "The fill lease of the miss that this value answers"),
    ),
    request_body(content((SetBody = "application/json"), (Vec<u8> = "application/octet-stream"))),
    responses(
        (status = 200, description = "Replaced", body = SetAnswer),
        (status = 201, description = "Created", body = SetAnswer),
        (status = 400, description = "Malformed", body = super::problem::ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The late fill of a lease, a cycle, a key that nearly matches a keyspace, or a strategy that the key's keyspace has not", body = super::problem::ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "The condition does not hold", body = super::problem::ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = super::problem::ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "No usable Content-Type", body = super::problem::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "The source refused, or the value does not fit the keyspace's schema (then with `pointer`)", body = super::problem::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The source is unreachable", body = super::problem::ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn set(
    State(site): State<Arc<Site>>,
    uri: Uri,
    Extension(query): Asked,
    headers: HeaderMap,
    body: Body,
) -> Reply {
    let key = key_of(uri.path())?;
    site.serves(&key, &uri)?;
    let (put, _held) = asked(&site, &key, &query, &headers, body).await?;
    let node = &site.node;
    let before = node.stamp(&key);
    // A PUT without a lease is a write: a client that fills has a lease from its miss.
    let plain = (!has_source(node, &key)).then_some(Strategy::CacheOnly);
    let put = Put { condition: of_change(&headers, node, before), write: put.write.or(plain), ..put };
    let write = put
        .write
        .or_else(|| node.written_by(&key))
        .map_or("cache-only".to_owned(), |write| write.to_string());
    let written = match headers.get(LEASE).map(|lease| lease.to_str().unwrap_or_default()) {
        Some(_) if put.condition.is_some() => {
            let detail = "a fill by lease is conditional already: leave If-Match and If-None-Match out";
            return Err(Problem::bad("bad-value", detail));
        }
        Some(lease) => node.fill(&key, lease, put)?,
        None => {
            let set = node.set(&key, put, Origin::default()).wait().await;
            set.map_err(|error| refused(error, &headers, node))?
        }
    };
    node.settle_change(&key).await?;
    if written == Written::Refused {
        node.note_refused(&key, Why::Lease, "http", "");
        return Err(late_fill(&key));
    }
    let now = node.clock().tick();
    let kept = node.peek(&key, |view| (view.stamp(), view.expires()));
    let created = before == 0;
    let answer = SetAnswer {
        key: text(&key).into_owned(),
        created,
        ttl: kept.and_then(|(_, expires)| expires).map(|at| seconds_left(at, now)),
        write,
    };
    let mut response = json(if created { StatusCode::CREATED } else { StatusCode::OK }, &answer);
    if let Some((stamp, _)) = kept
        && let Ok(tag) = HeaderValue::from_str(&etag(node, stamp, RAW))
    {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

/// Remove an entry
///
/// States that what was read of the key is old. The source keeps its row unless `row=true` is said, or the keyspace declares
/// `del = "row"`.
#[utoipa::path(
    delete, path = "/api/cache/{key}", tag = "entries", operation_id = "removeEntry",
    params(
        ("key" = String, Path, description = "The key, percent-encoded"),
        ("row" = Option<bool>, Query, description = "true: remove the source's row too; false: never, whatever the keyspace declares"),
        ("write" = Option<String>, Query, description = "With row=true, the strategy of the removal"),
        ("If-Match" = Option<String>, Header, description = "Only if the entry has this ETag"),
    ),
    responses(
        (status = 204, description = "Removed"),
        (status = 400, description = "A malformed key or parameter", body = super::problem::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There was none", body = super::problem::ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "The condition does not hold", body = super::problem::ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn remove(
    State(site): State<Arc<Site>>,
    uri: Uri,
    Extension(query): Asked,
    headers: HeaderMap,
) -> Reply {
    let key = key_of(uri.path())?;
    site.serves(&key, &uri)?;
    let removal = removal(&query)?;
    let node = &site.node;
    let removed = match of_change(&headers, node, node.stamp(&key)) {
        Some(condition) => node.remove_if(&key, removal, condition).wait().await,
        None => node.remove([key.as_slice().into()], removal).wait().await,
    };
    let removed = removed.map_err(|error| refused(error, &headers, node))?;
    node.settle_change(&key).await?;
    match removed {
        0 => Err(Problem::new(StatusCode::NOT_FOUND, "miss", format!("no entry {:?} to remove", text(&key)))),
        _ => Ok(StatusCode::NO_CONTENT.into_response()),
    }
}

/// What a DELETE asks for. `write=cache-only` says what `row=false` does.
fn removal(query: &Query) -> Reply<Removal> {
    let write = query.text("write")?.map(strategy).transpose()?;
    let row = query.one("row")?.is_some().then(|| query.flag("row")).transpose()?;
    match (row, write) {
        (None, None) => Ok(Removal::Declared),
        (None | Some(false), Some(Strategy::CacheOnly)) | (Some(false), None) => Ok(Removal::Entry),
        (Some(true), Some(Strategy::CacheOnly)) => {
            Err(Problem::bad("bad-value", "write=cache-only leaves the row alone: leave it out, or row=true"))
        }
        (Some(true), strategy) => Ok(Removal::Row(strategy)),
        (None | Some(false), Some(_)) => {
            Err(Problem::bad("bad-value", "write says how a row is removed: add row=true, or leave it out"))
        }
    }
}

fn refused(error: WriteError, headers: &HeaderMap, node: &Node) -> Problem {
    match error {
        WriteError::Unmet(stamp) => failed(headers, node, stamp),
        error => error.into(),
    }
}

fn late_fill(key: &[u8]) -> Problem {
    let detail = format!(
        "late fill: {:?} was invalidated after the miss that this value answers, so the value may be old; read the source and set again",
        text(key)
    );
    Problem::new(StatusCode::CONFLICT, "late-fill", detail)
}

/// The put that a request asks for, and the share of memory that its body holds.
async fn asked(
    site: &Site,
    key: &[u8],
    query: &Query,
    headers: &HeaderMap,
    body: Body,
) -> Reply<(Put<'static>, impl Sized + use<>)> {
    match media_type(headers).as_deref() {
        Some("application/json") => {
            if !query.is_empty() {
                let detail = "with application/json the options stand in the body: leave the query out";
                return Err(Problem::bad("unknown-parameter", detail));
            }
            let taken = take(body, &site.held, site.limits).await?;
            Ok((enveloped(&site.node, key, &taken.bytes)?, taken))
        }
        None | Some("" | "application/x-www-form-urlencoded" | "multipart/form-data") => {
            let detail = "say what the body is: Content-Type: application/json for {\"value\": ...}, or the value's own type for raw bytes";
            Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail))
        }
        Some(_) => {
            let mut put = by_query(&site.node, key, query)?;
            put.content_type = content_type(headers)?.filter(|_| !has_source(&site.node, key));
            let mut taken = take(body, &site.held, site.limits).await?;
            put.value = std::mem::take(&mut taken.bytes).into();
            Ok((put, taken))
        }
    }
}

fn content_type(headers: &HeaderMap) -> Reply<Option<Box<str>>> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|given| given.to_str().ok());
    if given.is_some_and(|given| given.len() > TYPE_LONGEST) {
        return Err(Problem::bad(
            "bad-value",
            format!("the Content-Type is longer than {TYPE_LONGEST} bytes"),
        ));
    }
    Ok(given.map(Box::from))
}

fn enveloped(node: &Node, key: &[u8], body: &[u8]) -> Reply<Put<'static>> {
    let fields = Fields::parse::<SetBody>(body)?;
    let Some(value) = fields.raw("value") else {
        return Err(Problem::bad("missing-field", "field \"value\" is needed: {\"value\": any JSON}"));
    };
    let ttl = match fields.raw("ttl").map(RawValue::get) {
        Some("null") => Some(None),
        _ => fields.whole("ttl", 0, TTL_MOST)?.and_then(given),
    };
    let is_text = value.get().starts_with('"');
    let keeps_type = !is_text && !has_source(node, key);
    Ok(Put {
        value: if is_text { fields.text("value")?.unwrap_or_default() } else { value.get().to_owned() }
            .into_bytes()
            .into(),
        expires: expires(node, key, ttl),
        tags: fields.names("tags")?,
        dependencies: fields.names("dependencies")?,
        events: events(fields.texts("events")?.iter().map(String::as_str))?,
        priority: fields.whole("priority", 0, 255)?.and_then(|n| u8::try_from(n).ok()),
        content_type: keeps_type.then(|| "application/json".into()),
        write: fields.text("write")?.as_deref().map(strategy).transpose()?,
        condition: None,
    })
}

fn by_query(node: &Node, key: &[u8], query: &Query) -> Reply<Put<'static>> {
    let ttl = match query.text("ttl")? {
        Some("null") => Some(None),
        Some(written) => given(whole("ttl", written, 0, TTL_MOST)?),
        None => None,
    };
    let priority = query.text("priority")?.map(|written| whole("priority", written, 0, 255)).transpose()?;
    let patterns: Vec<_> = query.all("event").map(text).collect();
    Ok(Put {
        value: Cow::default(),
        expires: expires(node, key, ttl),
        tags: query.all("tag").map(Box::from).collect(),
        dependencies: query.all("dependency").map(Box::from).collect(),
        events: events(patterns.iter().map(|pattern| &**pattern))?,
        priority: priority.and_then(|n| u8::try_from(n).ok()),
        content_type: None,
        write: query.text("write")?.map(strategy).transpose()?,
        condition: None,
    })
}

/// A TTL as it was given; 0 is as good as none, and leaves it to the default.
fn given(seconds: i64) -> Option<Option<i64>> {
    (seconds > 0).then_some(Some(seconds))
}

/// When an entry expires: as said, as its keyspace says, or after the default.
fn expires(node: &Node, key: &[u8], ttl: Option<Option<i64>>) -> Option<Option<Millis>> {
    let after = |ms| node.clock().tick().plus(ms);
    match ttl {
        Some(seconds) => {
            Some(seconds.and_then(|it| u64::try_from(it).ok()).map(|it| after(it.saturating_mul(1000))))
        }
        None if node.is_declared(key) => None,
        None => Some(Some(after(node.config().default_ttl_ms))),
    }
}

fn events<'a>(written: impl Iterator<Item = &'a str>) -> Reply<Vec<EventPattern>> {
    let parse = |text: &str| {
        let bad = |why| Problem::bad("bad-value", format!("event {text:?}: {why}"));
        EventPattern::parse(text).map_err(bad)
    };
    written.map(parse).collect()
}
