//! Figures: `GET /api/cache/stats`, `/metrics` (JSON and Prometheus) and `/health`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use clearwell_engine::Millis;
use serde::Serialize;
use utoipa::ToSchema;

use super::Site;
use super::entry::json;
use super::sources::SourceHealth;
use crate::figures::{MetricsBody, Snapshot, Stats, exposition};

/// Whether the node works.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// ok, or degraded while changes of a source may be missed: it is unverified and its keyspaces are read by their policy, or
    /// a keyspace of it is not followed.
    status: &'static str,
    /// The node.
    node: String,
    /// Its version.
    version: &'static str,
    /// Seconds since it began.
    uptime_seconds: u64,
    /// Its sources.
    sources: Vec<SourceHealth>,
}

/// Statistics
#[utoipa::path(get, path = "/api/cache/stats", tag = "figures", operation_id = "stats",
    responses((status = 200, description = "Since the node began", body = Stats)))]
pub async fn stats(State(site): State<Arc<Site>>) -> Response {
    json(StatusCode::OK, &Stats(site.snapshot()))
}

/// Latency, throughput and errors
#[utoipa::path(get, path = "/api/cache/metrics", tag = "figures", operation_id = "metrics",
    responses((status = 200, description = "Of the last minute", body = MetricsBody)))]
pub async fn metrics(State(site): State<Arc<Site>>) -> Response {
    json(StatusCode::OK, &MetricsBody(site.snapshot()))
}

/// Figures for Prometheus
#[utoipa::path(get, path = "/metrics", tag = "figures", operation_id = "prometheus",
    responses((status = 200, description = "OpenMetrics text", body = String, content_type = "application/openmetrics-text")))]
pub async fn prometheus(State(site): State<Arc<Site>>) -> Response {
    let text = exposition(site.snapshot());
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, "no-store")], text).into_response()
}

/// Health
///
/// Asks for no password.
#[utoipa::path(get, path = "/api/cache/health", tag = "figures", operation_id = "health",
    responses(
        (status = 200, description = "The node answers; status says whether its sources are followed", body = Health)))]
pub async fn health(State(site): State<Arc<Site>>) -> Response {
    let feeds = site.node.feeds();
    let sources: Vec<_> =
        feeds.into_iter().map(|report| SourceHealth::of(report, site.node.clock())).collect();
    let degraded = sources.iter().any(|source| !source.is_verified());
    let health = Health {
        status: if degraded { "degraded" } else { "ok" },
        node: site.node_id(),
        version: env!("CARGO_PKG_VERSION"),
        uptime_seconds: site.uptime_ms() / 1000,
        sources,
    };
    json(StatusCode::OK, &health)
}

impl Site {
    fn snapshot(&self) -> Snapshot {
        Snapshot::take(&self.node, &self.metrics)
    }

    fn uptime_ms(&self) -> u64 {
        self.node.clock().tick().since(Millis(0))
    }
}
