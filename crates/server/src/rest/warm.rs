//! `POST /api/cache/warm`: loads keys before anybody asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::Serialize;
use tokio::task::JoinSet;
use utoipa::ToSchema;

use super::Site;
use super::body::{needs_json, take};
use super::entry::json;
use super::fields::Fields;
use super::names::text;
use super::problem::{Problem, Reply};
use super::view::has_source;
use crate::node::{Demand, Node};

/// What to load: keys, or a pattern with numbers.
#[derive(ToSchema)]
#[allow(dead_code)]
pub struct WarmBody {
    /// These keys.
    keys: Option<Vec<String>>,
    /// A key with one `*` that stands for each number from `from` to `to`: `post:*`.
    pattern: Option<String>,
    /// The first number.
    from: Option<u64>,
    /// The last number.
    to: Option<u64>,
}

/// What was loaded.
#[derive(Serialize, ToSchema, Default)]
#[serde(rename_all = "camelCase")]
pub struct WarmAnswer {
    /// Keys asked for.
    requested: usize,
    /// Loaded from their source.
    loaded: usize,
    /// In memory already.
    present: usize,
    /// Their source has no such row.
    absent: usize,
    /// Keys of no keyspace with a source: nothing to load them from.
    without_source: usize,
    /// Loads that failed.
    failed: usize,
    /// What the first failures said.
    errors: Vec<String>,
    /// How long it took.
    milliseconds: u64,
}

const KEYS_MOST: usize = 1_000_000;
const AT_ONCE: usize = 16;
const ERRORS_MOST: usize = 5;

/// Load keys into memory
#[utoipa::path(
    post, path = "/api/cache/warm", tag = "freshness", operation_id = "warm",
    request_body = WarmBody,
    responses(
        (status = 200, description = "Done, each key by itself", body = WarmAnswer),
        (status = 400, description = "Malformed, or nothing to load", body = super::problem::ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "Not application/json", body = super::problem::ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn warm(State(site): State<Arc<Site>>, headers: HeaderMap, body: Body) -> Reply {
    needs_json(&headers)?;
    let taken = take(body, &site.held, site.limits).await?;
    let keys = Arc::new(asked(&taken.bytes)?);
    drop(taken);
    let began = Instant::now();
    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..AT_ONCE.min(keys.count()) {
        tasks.spawn(load(site.node.clone(), keys.clone(), next.clone()));
    }
    let mut answer = WarmAnswer { requested: keys.count(), ..WarmAnswer::default() };
    while let Some(done) = tasks.join_next().await {
        let done = done.map_err(|error| {
            Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                format!("warming ended early: {error}"),
            )
        })?;
        answer.add(done);
    }
    answer.milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(json(StatusCode::OK, &answer))
}

/// One of the loaders: takes the next key that nobody took.
async fn load(node: Arc<Node>, keys: Arc<Keys>, next: Arc<AtomicUsize>) -> WarmAnswer {
    let mut done = WarmAnswer::default();
    while let Some(key) = keys.get(next.fetch_add(1, Relaxed)) {
        if !has_source(&node, &key) {
            done.without_source += 1;
            continue;
        }
        let demand = Demand { remember: false, ..Demand::PLAIN };
        match node.read(&key, demand).wait().await {
            Ok(answer) if answer.value.is_none() => done.absent += 1,
            Ok(answer) if answer.hit => done.present += 1,
            Ok(_) => done.loaded += 1,
            Err(error) => {
                done.failed += 1;
                done.errors.push(format!("{}: {error}", text(&key)));
                done.errors.truncate(ERRORS_MOST);
            }
        }
        tokio::task::yield_now().await;
    }
    done
}

impl WarmAnswer {
    fn add(&mut self, part: WarmAnswer) {
        self.loaded += part.loaded;
        self.present += part.present;
        self.absent += part.absent;
        self.without_source += part.without_source;
        self.failed += part.failed;
        self.errors.extend(part.errors);
        self.errors.truncate(ERRORS_MOST);
    }
}

enum Keys {
    Listed(Vec<Box<[u8]>>),
    Numbered { before: String, after: String, from: i64, count: usize },
}

impl Keys {
    fn count(&self) -> usize {
        match self {
            Keys::Listed(keys) => keys.len(),
            Keys::Numbered { count, .. } => *count,
        }
    }

    fn get(&self, at: usize) -> Option<Box<[u8]>> {
        match self {
            Keys::Listed(keys) => keys.get(at).cloned(),
            Keys::Numbered { before, after, from, count } => {
                let number = from.checked_add(i64::try_from(at).ok()?)?;
                (at < *count).then(|| format!("{before}{number}{after}").into_bytes().into())
            }
        }
    }
}

fn asked(body: &[u8]) -> Reply<Keys> {
    let fields = Fields::parse::<WarmBody>(body)?;
    let keys = fields.names("keys")?;
    let Some(pattern) = fields.text("pattern")? else {
        if fields.raw("from").or(fields.raw("to")).is_some() {
            return Err(Problem::bad(
                "missing-field",
                "from and to belong to a pattern: \"pattern\": \"post:*\"",
            ));
        }
        return match keys.len() {
            0 => {
                Err(Problem::bad("missing-field", "nothing to load: give keys, or pattern with from and to"))
            }
            _ => Ok(Keys::Listed(keys)),
        };
    };
    if !keys.is_empty() {
        return Err(Problem::bad("bad-value", "keys and pattern are two ways to say it: give one"));
    }
    numbered(&fields, &pattern)
}

fn numbered(fields: &Fields<'_>, pattern: &str) -> Reply<Keys> {
    let [before, after] = pattern.split('*').collect::<Vec<_>>()[..] else {
        let detail = format!(
            "pattern {pattern:?} needs exactly one *, which stands for the numbers from \"from\" to \"to\""
        );
        return Err(Problem::bad("bad-value", detail));
    };
    let bound = |name| fields.whole(name, 0, i64::MAX - 1);
    let (Some(from), Some(to)) = (bound("from")?, bound("to")?) else {
        return Err(Problem::bad("missing-field", format!("pattern {pattern:?} needs \"from\" and \"to\"")));
    };
    let count =
        (to >= from).then(|| usize::try_from(to - from).ok()).flatten().and_then(|gap| gap.checked_add(1));
    match count {
        Some(count) if count <= KEYS_MOST => {
            Ok(Keys::Numbered { before: before.to_owned(), after: after.to_owned(), from, count })
        }
        Some(count) => Err(Problem::bad(
            "bad-value",
            format!("from {from} to {to} is {count} keys: at most {KEYS_MOST} at once"),
        )),
        None => Err(Problem::bad("bad-value", format!("from is {from} and to is {to}: to may not be less"))),
    }
}
