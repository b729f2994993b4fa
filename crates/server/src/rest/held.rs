//! `GET` and `DELETE /api/cache/held`: invalidations that wait for a time or an event.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::Site;
use super::entry::json;
use super::fields::whole;
use super::names::text;
use super::problem::{Problem, Reply};
use super::query::Asked;
use super::told::HeldView;

/// A page of what is held.
#[derive(Serialize, ToSchema)]
pub struct HeldPage {
    /// By number, the oldest first.
    held: Vec<HeldView>,
    /// What the next page is asked for with, as `after`; null: this was the last.
    next: Option<u64>,
    /// How many are held in all.
    total: usize,
}

/// What was taken back.
#[derive(Serialize, ToSchema)]
pub struct Cancelled {
    /// The numbers of those that will not take effect.
    cancelled: Vec<u64>,
    /// Of the numbers that were given, those that are not held: never, or not any more.
    missing: Vec<u64>,
}

/// Invalidations that wait for a time or an event
#[utoipa::path(
    get, path = "/api/cache/held", tag = "freshness", operation_id = "held",
    params(
        ("limit" = Option<u32>, Query, description = "The most to list, 1 to 1000; 100"),
        ("after" = Option<u64>, Query, description = "Those with higher numbers only: `next` of the page before"),
    ),
    responses(
        (status = 200, description = "What is held", body = HeldPage),
        (status = 400, description = "A parameter that does not fit", body = super::problem::ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn list(State(site): State<Arc<Site>>, Extension(query): Asked) -> Reply {
    let limit = query.text("limit")?.map(|text| whole("limit", text, 1, 1000)).transpose()?.unwrap_or(100);
    let after = query.text("after")?.map(|text| whole("after", text, 0, i64::MAX)).transpose()?.unwrap_or(0);
    let limit = usize::try_from(limit).unwrap_or(100);
    let items = site.node.list_held(after.unsigned_abs(), limit);
    let next = items.last().filter(|_| items.len() == limit).map(|(item, _)| item.id);
    let held = items.iter().map(|(item, _)| HeldView::of(item, site.node.clock())).collect();
    Ok(json(StatusCode::OK, &HeldPage { held, next, total: site.node.held() }))
}

/// Take held invalidations back before they take effect
#[utoipa::path(
    delete, path = "/api/cache/held", tag = "freshness", operation_id = "cancelHeld",
    params(
        ("id" = Option<Vec<u64>>, Query, description = "The numbers of those that are meant; may be repeated"),
        ("all" = Option<bool>, Query, description = "All that is held"),
    ),
    responses(
        (status = 200, description = "What was taken back", body = Cancelled),
        (status = 400, description = "Neither id nor all", body = super::problem::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "None of them is held", body = super::problem::ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn cancel(State(site): State<Arc<Site>>, Extension(query): Asked) -> Reply {
    let number = |id: &[u8]| whole("id", &text(id), 0, i64::MAX).map(i64::unsigned_abs);
    let ids: Vec<u64> = query.all("id").map(number).collect::<Reply<_>>()?;
    let all = query.flag("all")?;
    if all != ids.is_empty() {
        let detail = "give the numbers of what to cancel (?id=3&id=4), or all=1: one of both";
        return Err(Problem::bad("missing-parameter", detail));
    }
    let cancelled = site.node.cancel_held((!all).then_some(&ids[..]));
    let missing: Vec<u64> = ids.into_iter().filter(|id| !cancelled.contains(id)).collect();
    if cancelled.is_empty() && !missing.is_empty() {
        let detail =
            format!("nothing is held under {missing:?}: it took effect, or was cancelled, or never was");
        return Err(Problem::new(StatusCode::NOT_FOUND, "not-held", detail));
    }
    Ok(json(StatusCode::OK, &Cancelled { cancelled, missing }))
}
