//! `/api/cache/warm`: jobs that load keys before anybody asks.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use clearwell_engine::Glob;
use serde::Serialize;
use utoipa::ToSchema;

use super::Site;
use super::body::{needs_json, take};
use super::entry::json;
use super::fields::{Fields, whole};
use super::problem::{Problem, Reply};
use super::words::rfc3339;
use crate::warm::{AskedWarming, Numbers, RATE, RATE_MOST, Refused, Report};

/// What to load, and how; what is given together is one job.
#[derive(ToSchema)]
#[allow(dead_code)]
pub struct WarmBody {
    /// These keys.
    keys: Option<Vec<String>>,
    /// The keys that this glob matches (`*`, `?`, `[a-z]`, as everywhere), of those that the `keys` queries of keyspaces list.
    pattern: Option<String>,
    /// The keys that carry one of these tags, of those that the `keys` queries of keyspaces list.
    tags: Option<Vec<String>>,
    /// With `to`: no query is asked, and the one `*` of the pattern is each number from this one on.
    from: Option<u64>,
    /// The last number.
    to: Option<u64>,
    /// Keys a second that are loaded at most, 1 to 1000000; 500.
    rate: Option<u32>,
    /// Whether what is fresh is loaded again; false.
    refresh: Option<bool>,
    /// Whether the answer waits for the job's end; false.
    wait: Option<bool>,
}

/// A job.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WarmJob {
    /// Its number.
    id: u64,
    /// running, done, cancelled or failed.
    state: &'static str,
    /// How many keys were named.
    keys: u64,
    /// The pattern.
    pattern: Option<String>,
    /// The tags.
    tags: Vec<String>,
    /// Keys a second that are loaded at most.
    rate: u32,
    /// Whether what is fresh is loaded again.
    refresh: bool,
    /// Keys named and rows listed, as far as that is known.
    total: Option<u64>,
    /// Those of them gone through.
    listed: u64,
    /// Loaded from their source.
    loaded: u64,
    /// In memory already, and fresh.
    present: u64,
    /// Their source has no such row.
    absent: u64,
    /// Keys of no keyspace with a source: nothing to load them from.
    without_source: u64,
    /// Keys that could not be loaded.
    failed: u64,
    /// What the last failures said.
    errors: Vec<String>,
    /// What it waits for, when it cannot go on just now.
    waiting: Option<String>,
    /// When it began.
    started_at: String,
    /// When it ended.
    ended_at: Option<String>,
    /// How long it has taken.
    milliseconds: u64,
}

/// The jobs that run, and the last that have ended.
#[derive(Serialize, ToSchema)]
pub struct WarmJobs {
    /// The newest first.
    jobs: Vec<WarmJob>,
}

impl From<Report> for WarmJob {
    fn from(job: Report) -> WarmJob {
        WarmJob {
            id: job.id,
            state: job.state.name(),
            keys: job.asked.keys,
            pattern: job.asked.pattern,
            tags: job.asked.tags,
            rate: job.asked.rate,
            refresh: job.asked.refresh,
            total: job.total,
            listed: job.listed,
            loaded: job.loaded,
            present: job.present,
            absent: job.absent,
            without_source: job.without_source,
            failed: job.failed,
            errors: job.errors,
            waiting: job.waiting,
            started_at: rfc3339(job.started_unix_ms),
            ended_at: job.ended_unix_ms.map(rfc3339),
            milliseconds: job.elapsed_ms,
        }
    }
}

/// Begin to load keys into memory
#[utoipa::path(
    post, path = "/api/cache/warm", tag = "freshness", operation_id = "warm",
    request_body = WarmBody,
    responses(
        (status = 202, description = "A job was begun; Location says where it is told of", body = WarmJob),
        (status = 200, description = "With wait: it has ended", body = WarmJob),
        (status = 400, description = "Malformed, nothing to load, or keys that no query lists", body = super::problem::ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "Not application/json", body = super::problem::ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many jobs are running", body = super::problem::ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn begin(State(site): State<Arc<Site>>, headers: HeaderMap, body: Body) -> Reply {
    needs_json(&headers)?;
    let taken = take(body, &site.held, site.limits).await?;
    let (asked, wait) = asked(&taken.bytes)?;
    drop(taken);
    let job = site.node.warm(&asked).map_err(|refused| match refused {
        Refused::Unclear(why) => Problem::bad("keys-unknown", why),
        Refused::TooMany(why) => Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-jobs", why),
    })?;
    if wait {
        job.ended().await;
        return Ok(json(StatusCode::OK, &WarmJob::from(job.report())));
    }
    let mut answer = json(StatusCode::ACCEPTED, &WarmJob::from(job.report()));
    if let Ok(place) = HeaderValue::from_str(&format!("/api/cache/warm/{}", job.id)) {
        answer.headers_mut().insert(header::LOCATION, place);
    }
    Ok(answer)
}

/// Jobs that load keys: those that run, and the last that have ended
#[utoipa::path(
    get, path = "/api/cache/warm", tag = "freshness", operation_id = "warmJobs",
    responses((status = 200, description = "The jobs, the newest first", body = WarmJobs))
)]
pub async fn list(State(site): State<Arc<Site>>) -> Reply {
    let jobs = site.node.warming_jobs().into_iter().map(WarmJob::from).collect();
    Ok(json(StatusCode::OK, &WarmJobs { jobs }))
}

/// How far a job is
#[utoipa::path(
    get, path = "/api/cache/warm/{id}", tag = "freshness", operation_id = "warmJob",
    params(("id" = u64, Path, description = "The job's number")),
    responses(
        (status = 200, description = "The job", body = WarmJob),
        (status = 404, description = "No such job, or not any more", body = super::problem::ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn status(State(site): State<Arc<Site>>, Path(id): Path<String>) -> Reply {
    let job = site.node.warming_job(number(&id)?).ok_or_else(|| no_job(&id))?;
    Ok(json(StatusCode::OK, &WarmJob::from(job)))
}

/// End a job; when this is answered, nothing of it begins any more
#[utoipa::path(
    delete, path = "/api/cache/warm/{id}", tag = "freshness", operation_id = "cancelWarm",
    params(("id" = u64, Path, description = "The job's number")),
    responses(
        (status = 200, description = "The job as it ended, now or before", body = WarmJob),
        (status = 404, description = "No such job, or not any more", body = super::problem::ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn cancel(State(site): State<Arc<Site>>, Path(id): Path<String>) -> Reply {
    let (job, _) = site.node.cancel_warming(number(&id)?).ok_or_else(|| no_job(&id))?;
    job.ended().await;
    Ok(json(StatusCode::OK, &WarmJob::from(job.report())))
}

fn number(id: &str) -> Reply<u64> {
    whole("id", id, 0, i64::MAX).map(i64::unsigned_abs)
}

fn no_job(id: &str) -> Problem {
    let detail = format!(
        "no job {id} is known: GET /api/cache/warm lists those that run, and the last that have ended"
    );
    Problem::new(StatusCode::NOT_FOUND, "unknown-job", detail)
}

const KEYS_MOST: u64 = 1_000_000;

fn asked(body: &[u8]) -> Reply<(AskedWarming, bool)> {
    let fields = Fields::parse::<WarmBody>(body)?;
    let rate = fields.whole("rate", 1, RATE_MOST.into())?.and_then(|rate| u32::try_from(rate).ok());
    let mut asked = AskedWarming {
        keys: fields.names("keys")?,
        tags: fields.names("tags")?,
        rate: rate.unwrap_or(RATE),
        refresh: fields.flag("refresh")?.unwrap_or(false),
        ..AskedWarming::default()
    };
    let pattern = fields.text("pattern")?;
    let counted = fields.raw("from").or(fields.raw("to")).is_some();
    match pattern {
        Some(pattern) if counted => asked.numbers = Some(numbered(&fields, &pattern)?),
        Some(pattern) => {
            let malformed = |why| Problem::bad("bad-value", format!("malformed pattern: {why}"));
            asked.pattern = Some(Glob::new(pattern.as_bytes()).map_err(malformed)?);
        }
        None if counted => {
            let detail = "from and to belong to a pattern: \"pattern\": \"post:*\"";
            return Err(Problem::bad("missing-field", detail));
        }
        None => {}
    }
    if asked.is_empty() {
        return Err(Problem::bad("missing-field", "nothing to load: give keys, pattern or tags"));
    }
    Ok((asked, fields.flag("wait")?.unwrap_or(false)))
}

fn numbered(fields: &Fields<'_>, pattern: &str) -> Reply<Numbers> {
    let one_star = pattern.split_once('*').filter(|(before, after)| {
        let others = |text: &str| text.contains(['*', '?', '[', '\\']);
        !others(before) && !others(after)
    });
    let Some((before, after)) = one_star else {
        let detail = format!(
            "pattern {pattern:?} with \"from\" and \"to\" needs exactly one *, which stands for these numbers, and nothing else \
             that a pattern knows"
        );
        return Err(Problem::bad("bad-value", detail));
    };
    let bound = |name| fields.whole(name, 0, i64::MAX - 1);
    let (Some(from), Some(to)) = (bound("from")?, bound("to")?) else {
        return Err(Problem::bad("missing-field", format!("pattern {pattern:?} needs \"from\" and \"to\"")));
    };
    let Some(gap) = to.checked_sub(from).and_then(|gap| u64::try_from(gap).ok()) else {
        return Err(Problem::bad("bad-value", format!("from is {from} and to is {to}: to may not be less")));
    };
    let count = gap.saturating_add(1);
    if count > KEYS_MOST {
        let detail = format!("from {from} to {to} is {count} keys: at most {KEYS_MOST} at once");
        return Err(Problem::bad("bad-value", detail));
    }
    let bytes = |text: &str| text.as_bytes().into();
    Ok(Numbers { before: bytes(before), after: bytes(after), from, count })
}
