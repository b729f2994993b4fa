//! `GET /api/cache/{key}`.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use super::Site;
use super::accept::{Form, form, takes_zstd};
use super::condition::{RAW, VIEW, ZSTD, etag, is_known};
use super::names::{key_of, text};
use super::problem::{Problem, Reply};
use super::query::Asked;
use super::view::{Beside, EntryView, seconds_left};
use super::words::level;
use crate::node::{Answer, Demand, Node};

/// Read an entry
///
/// Answers the entry's view as JSON, or the value's bytes: by `?raw=1`, by `Accept`, else by how it was stored.
#[utoipa::path(
    get, path = "/api/cache/{key}", tag = "entries", operation_id = "getEntry",
    params(
        ("key" = String, Path, description = "The key, percent-encoded; any bytes, slashes too"),
        ("level" = Option<String>, Query, description = "strong, session, causal, bounded(2s), eventual or weak; the keyspace's otherwise"),
        ("stale" = Option<bool>, Query, description = "Whether a value marked stale will do while it is refreshed"),
        ("raw" = Option<bool>, Query, description = "The value's bytes instead of the entry's view"),
        ("Accept-Encoding" = Option<String>, Header, description = "With zstd, raw bytes that are kept so are sent so"),
        ("If-None-Match" = Option<String>, Header, description = "An ETag: 304 if the entry still has it"),
    ),
    responses(
        (status = 200, description = "The entry", body = EntryView),
        (status = 304, description = "The entry still has the ETag"),
        (status = 400, description = "A malformed key or parameter", body = super::problem::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such entry; X-Clearwell-Lease is the right to fill it", body = super::problem::ProblemBody, content_type = "application/problem+json"),
        (status = 406, description = "Neither representation is accepted", body = super::problem::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "The source refused", body = super::problem::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The source is unreachable, the level cannot be met, or the keyspace refuses reads while its source is unverified", body = super::problem::ProblemBody, content_type = "application/problem+json"),
        (status = 504, description = "The source is too slow", body = super::problem::ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn get(
    State(site): State<Arc<Site>>,
    uri: Uri,
    Extension(query): Asked,
    headers: HeaderMap,
) -> Reply {
    let key = key_of(uri.path())?;
    site.serves(&key, &uri)?;
    let demand = Demand {
        level: query.text("level")?.map(level).transpose()?,
        stale: query.flag("stale")?,
        // Its fill names it, by the lease: HTTP has no connection that would.
        remember: false,
        ..Demand::PLAIN
    };
    let raw = query.flag("raw")?;
    let node = &site.node;
    let answer = node.read(&key, demand).wait().await?;
    let Some(value) = answer.value.clone() else { return Err(miss(node, &key, &answer)) };
    let form = match raw {
        true => Form::Raw,
        false => form(&headers, answer.content_type.as_deref()).ok_or_else(|| unacceptable(&answer))?,
    };
    let beside = Beside::answer(node, &key, &answer);
    let packed = answer.packed.clone().filter(|_| form == Form::Raw && takes_zstd(&headers));
    let about = about(node, &answer, &beside, form, packed.is_some());
    if is_known(&headers, node, beside.stamp) {
        return Ok((StatusCode::NOT_MODIFIED, about).into_response());
    }
    Ok(match form {
        Form::Raw => (about, packed.unwrap_or(value).to_vec()).into_response(),
        Form::View => {
            let view = EntryView::new(node, &key, &value, &answer, beside);
            (about, serde_json::to_vec(&view).unwrap_or_default()).into_response()
        }
    })
}

fn miss(node: &Node, key: &[u8], answer: &Answer) -> Problem {
    let detail = match &answer.lease {
        Some(_) => match node.near_told(key) {
            Some(near) => {
                node.note_missed_near(key);
                format!("no entry {:?}: it is {near}", text(key))
            }
            None => format!("no entry {:?}, and its keyspace has no source to load it from", text(key)),
        },
        None => format!("no entry {:?}: its source has no such row", text(key)),
    };
    let missed = Problem::new(StatusCode::NOT_FOUND, "miss", detail)
        .with(CACHE_STATUS, if answer.hit { "Clearwell; hit; detail=absent" } else { "Clearwell; fwd=miss" })
        .with(LEVEL, answer.level.to_string());
    match &answer.lease {
        Some(lease) => missed.with(LEASE, lease),
        None => missed,
    }
}

fn unacceptable(answer: &Answer) -> Problem {
    let own = match answer.content_type.as_deref() {
        None | Some("application/json") => String::new(),
        Some(own) => format!("{own}, "),
    };
    let detail = format!(
        "Accept names no representation of the entry: there are {own}application/json, application/octet-stream"
    );
    Problem::new(StatusCode::NOT_ACCEPTABLE, "not-acceptable", detail)
}

/// The right to fill a key that was missed.
pub const LEASE: HeaderName = HeaderName::from_static("x-clearwell-lease");
const LEVEL: HeaderName = HeaderName::from_static("x-clearwell-level");
const STALE: HeaderName = HeaderName::from_static("x-clearwell-stale");
const UNVERIFIED: HeaderName = HeaderName::from_static("x-clearwell-unverified");
const FOLLOWED: HeaderName = HeaderName::from_static("x-clearwell-followed");
const VERSION: HeaderName = HeaderName::from_static("x-clearwell-version");
const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// What the headers say of an entry. Caches on the way must ask again each time (`no-cache`): no invalidation would
/// reach them.
fn about(node: &Node, answer: &Answer, beside: &Beside, form: Form, packed: bool) -> HeaderMap {
    let now = node.clock().tick();
    let mut headers = HeaderMap::new();
    let mut say = |name: HeaderName, value: String| {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    };
    let raw_type = answer.content_type.as_deref().unwrap_or("application/octet-stream");
    let content_type = if form == Form::View { "application/json" } else { raw_type };
    say(header::CONTENT_TYPE, content_type.to_owned());
    if beside.stamp != 0 {
        let form = match form {
            Form::View => VIEW,
            Form::Raw if packed => ZSTD,
            Form::Raw => RAW,
        };
        say(header::ETAG, etag(node, beside.stamp, form));
    }
    say(header::AGE, (now.since(answer.created) / 1000).to_string());
    say(header::CACHE_CONTROL, "private, no-cache".to_owned());
    say(header::VARY, "Accept, Accept-Encoding".to_owned());
    if packed {
        say(header::CONTENT_ENCODING, "zstd".to_owned());
    }
    say(LEVEL, answer.level.to_string());
    say(STALE, answer.stale.to_string());
    if let Some(followed) = answer.followed {
        say(FOLLOWED, if followed { "yes" } else { "no" }.to_owned());
    }
    if let Some(why) = &answer.unverified {
        // A database's own message may be in any language.
        say(UNVERIFIED, why.replace(|c: char| !(' '..='~').contains(&c), "?"));
    }
    if let Some(version) = answer.version {
        say(VERSION, version.0.to_string());
    }
    let status = if answer.hit { "Clearwell; hit" } else { "Clearwell; fwd=miss" };
    let ttl = beside.expires.map(|at| format!("; ttl={}", seconds_left(at, now)));
    say(CACHE_STATUS, format!("{status}{}", ttl.unwrap_or_default()));
    if form == Form::Raw {
        // Anybody's bytes under the page's origin: they may be shown, but not run.
        say(header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox".to_owned());
    }
    headers
}

/// A JSON answer.
pub fn json(status: StatusCode, body: &impl serde::Serialize) -> Response {
    let body = serde_json::to_vec(body).unwrap_or_default();
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (status, headers, body).into_response()
}
