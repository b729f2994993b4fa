//! `GET /api/cache/why?key=`: what became of a key, step by step.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::Site;
use super::entry::json;
use super::names::{base64_unless_text, text};
use super::problem::{Problem, Reply};
use super::query::Asked;
use super::told::ToldCause;
use super::words::rfc3339;
use crate::node::{KeyStory, WhyStep};

/// What is known of a key.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Why)]
pub struct WhyView {
    /// The key.
    key: String,
    /// The key in base64, when it is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_base64: Option<String>,
    /// active, stale, absent (its source has no such row), expired, invalidated, evicted, removed, refused, gone, never, or
    /// unknown (older than the history).
    state: &'static str,
    /// The same in a sentence.
    why: String,
    /// Why changes of its source may be missed just now; null while they are not.
    unverified: Option<String>,
    /// What happened to it, oldest first.
    steps: Vec<StepView>,
    /// What happened before this may be forgotten (RFC 3339).
    known_since: String,
    /// Whether that is the start of the node, so that nothing is forgotten.
    complete: bool,
}

/// One step of a key's history.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WhyStep)]
pub struct StepView {
    /// When (RFC 3339); null: not known, older than the history. Reads are known to about a second.
    at: Option<String>,
    /// created, overwritten, accessed, stale, expired, invalidated, evicted, removed, refused, or gone (it expired or was
    /// invalidated: which came first is forgotten).
    state: &'static str,
    /// How often; the time is then the last one's, of refused the first one's.
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<u64>,
    /// How and why.
    detail: String,
    /// The invalidation behind it; null when there is none, or it is forgotten.
    by: Option<ToldCause>,
}

/// What became of a key, and why
///
/// Nothing is loaded and no read is counted. What is not known is said to be not known.
#[utoipa::path(
    get, path = "/api/cache/why", tag = "freshness", operation_id = "why",
    params(("key" = String, Query, description = "The key")),
    responses(
        (status = 200, description = "What is remembered of it", body = WhyView),
        (status = 400, description = "No key", body = super::problem::ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn why(State(site): State<Arc<Site>>, Extension(query): Asked) -> Reply {
    let Some(key) = query.one("key")? else {
        return Err(Problem::bad(
            "missing-parameter",
            "parameter \"key\" is needed: /api/cache/why?key=post:1",
        ));
    };
    Ok(json(StatusCode::OK, &site.why(key)))
}

impl Site {
    /// What is known of a key.
    pub fn why(&self, key: &[u8]) -> WhyView {
        let KeyStory { state, sentence, steps, known_since_ms, complete, .. } = self.node.why(key);
        let clock = self.node.clock();
        let step = |step: WhyStep| StepView {
            at: step.at_ms.map(rfc3339),
            state: step.state,
            times: step.times,
            detail: step.detail,
            by: step.by.map(|noted| ToldCause::of(&noted, clock)),
        };
        WhyView {
            key: text(key).into_owned(),
            key_base64: base64_unless_text(key),
            state,
            why: sentence,
            unverified: self.node.doubt(key).map(|doubt| doubt.why.to_string()),
            steps: steps.into_iter().map(step).collect(),
            known_since: rfc3339(known_since_ms),
            complete,
        }
    }
}
